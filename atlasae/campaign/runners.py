"""Where the work on many files is done: in this process, in several, or by Dask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from atlasae.campaign.work import attempt

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from atlasae.campaign.work import Outcome, Task, Work


class Runner(Protocol):
    """Does the same work on many files.

    What is written does not depend on the runner, or on the order in which it works.
    """

    @property
    def workers(self) -> int:
        """How many files are worked on at a time; 0 if it is not known."""

    def run(self, work: Work, tasks: Sequence[Task]) -> Generator[Outcome]:
        """The outcomes as they come. Closing the iterator stops the work, and leaves no unfinished file."""


@dataclass(frozen=True)
class InThisProcess:
    """Works on one file after another.

    Example:
        >>> from atlasae.campaign.work import Outcome, Task
        >>> work = lambda task: Outcome(task.source, task.target, "good")
        >>> [outcome.status for outcome in InThisProcess().run(work, [Task("a.root", "b.root")])]
        ['good']
    """

    workers: int = 1

    def run(self, work: Work, tasks: Sequence[Task]) -> Generator[Outcome]:
        for task in tasks:
            yield attempt(work, task)
