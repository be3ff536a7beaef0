"""What is done with one file of many, and what came of it."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from atlasae.errors import AtlasaeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WRITTEN = "written"
SKIPPED = "skipped"
GOOD = "good"
DIFFERS = "differs"
FAILED = "failed"
NOT_DONE = "not done"
STATUSES = (WRITTEN, SKIPPED, GOOD, DIFFERS, FAILED, NOT_DONE)
BAD = (DIFFERS, FAILED, NOT_DONE)


@dataclass(frozen=True)
class Task:
    """A file to work on.

    Attributes:
        source: path or address of the file.
        target: of the file to write, or to compare with.
    """

    source: str
    target: str


@dataclass(frozen=True)
class Outcome:
    """What came of one file.

    Attributes:
        source: path or address of the file.
        target: of the file that was written, or compared with.
        status: ``written``; ``skipped``, as it was there already; ``good`` or ``differs``, of a
            comparison; ``failed``; or ``not done``, after an interruption.
        message: what went wrong; empty if nothing did.
        source_bytes: size of the source; 0 if it is not known.
        target_bytes: size of the target.
        changed: path or ``path:branch`` to what changed other than values.
        left_out: path or ``path:branch`` to why it was left out.
        seconds: that it took.
        memory: the most that the process had in memory until then, in bytes; 0 if it is not known.
    """

    source: str
    target: str
    status: str
    message: str = ""
    source_bytes: int = 0
    target_bytes: int = 0
    changed: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    memory: int = 0

    @property
    def good(self) -> bool:
        return self.status not in BAD

    @property
    def ratio(self) -> float:
        """The larger size over the smaller one; 0 if one of them is not known."""
        return ratio_of(self.source_bytes, self.target_bytes)


def ratio_of(source_bytes: int, target_bytes: int) -> float:
    """The larger size over the smaller one; 0 if one of them is not known.

    Example:
        >>> ratio_of(100, 40), ratio_of(40, 100), ratio_of(0, 40)
        (2.5, 2.5, 0.0)
    """
    smaller, larger = sorted((source_bytes, target_bytes))
    return larger / smaller if smaller else 0.0


class Work(Protocol):
    """What is done with each file; it can be pickled, and is sent to each process once."""

    def __call__(self, task: Task) -> Outcome:
        """Work on a file; any exception is that of this file alone."""


def attempt(work: Work, task: Task) -> Outcome:
    """Work on a file; an exception is its outcome.

    Example:
        >>> def fail(task):
        ...     raise OSError("no more space")
        >>> outcome = attempt(fail, Task("a.root", "small/a.root"))
        >>> outcome.status, outcome.message
        ('failed', 'OSError: no more space')
    """
    start = perf_counter()
    try:
        with _quietly():
            outcome = work(task)
    except AtlasaeError as error:
        outcome = Outcome(task.source, task.target, FAILED, str(error))
    except Exception as error:  # noqa: BLE001  (one file must not stop the others)
        message = " ".join(f"{type(error).__name__}: {error}".split())
        outcome = Outcome(task.source, task.target, FAILED, message)
    return replace(outcome, seconds=perf_counter() - start, memory=_most_memory())


@contextmanager
def _quietly() -> Iterator[None]:
    """Leave out the phases of one file of many; its notes come with its outcome."""
    logger = logging.getLogger("atlasae")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _most_memory() -> int:
    """The most that this process had in memory, in bytes; 0 where the system does not say."""
    with suppress(OSError):  # on Linux, where what follows is never less than that of the parent
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # on Windows
        return 0
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024
