"""Do the same work on many files, say how far it is, and sum up what came of it."""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from atlasae.atomic_write import check_target
from atlasae.campaign.dask_runner import LOCAL, DaskWorkers
from atlasae.campaign.processes import Processes, end_if_worker_starts
from atlasae.campaign.progress import FilesProgress
from atlasae.campaign.runners import InThisProcess, Runner
from atlasae.campaign.summary import Summary
from atlasae.campaign.work import NOT_DONE, Outcome
from atlasae.errors import InputError
from atlasae.threads import cores, positive, thread_count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlasae.campaign.work import Task, Work
    from atlasae.types import PathLike

_logger = logging.getLogger(__name__)

MEMORY = 600 << 20  # bytes that each worker should find
_VERBS = {
    "compress": "compressing",
    "decompress": "restoring",
    "check": "comparing",
    "compare": "drawing",
}
_INTERRUPTED = "the work was interrupted before it was done"


def runner_for(jobs: int | None, dask: str | None, tasks: int) -> Runner:
    """What works on files.

    Args:
        jobs: how many at a time; by default one for each core, fewer where there is little memory.
        dask: ``local``, or the address of a scheduler; None for no Dask.
        tasks: number of files.

    Raises:
        InputError: there are fewer jobs than one, or a scheduler has its own.

    Example:
        >>> runner_for(1, None, tasks=10)
        InThisProcess(workers=1)
        >>> runner_for(8, None, tasks=3)
        Processes(workers=3)
        >>> runner_for(2, "local", tasks=3)
        DaskWorkers(address='local', workers=2)
    """
    end_if_worker_starts()
    if dask not in (None, LOCAL):
        if jobs is not None:
            raise InputError(
                f"--jobs (jobs=...) starts workers on this machine, and the scheduler at {dask!r} has"
                " its own: leave one of the two out"
            )
        return DaskWorkers(dask, 0)
    number = min(cores(MEMORY) if jobs is None else positive("jobs", jobs), max(tasks, 1))
    if dask == LOCAL:
        return DaskWorkers(LOCAL, number)
    return InThisProcess() if number == 1 else Processes(number)


def threads_for(threads: int | None, runner: Runner) -> int:
    """How many threads work on one file; by default the cores are shared by the workers.

    Raises:
        InputError: there are fewer threads than one.
    """
    if threads is not None:
        return thread_count(threads)
    return max(thread_count(None) // runner.workers, 1) if runner.workers else 1


@dataclass(frozen=True)
class Campaign:
    """The same work on many files.

    Attributes:
        operation: ``compress``, ``decompress``, ``check`` or ``compare``.
        tasks: the files.
        runner: what works on them.
        summary: file for the summary, as JSON; None for none.
        progress: show a bar on the error stream, where it is a terminal.
    """

    operation: str
    tasks: Sequence[Task]
    runner: Runner
    summary: PathLike | None
    progress: bool

    def run(
        self, work: Work, *, codecs: str = "", learned: Mapping[str, Any] | None = None
    ) -> Summary:
        """Work on all files; the summary is written even if the work is interrupted.

        Args:
            work: what is done with each file.
            codecs: the file of the codecs, for the summary.
            learned: what they were learned from.

        Raises:
            FileError: the summary cannot be written.
        """
        if self.summary is not None:
            check_target(self.summary, force=True)
        found: dict[str, Outcome] = {}
        start = perf_counter()
        summed = partial(Summary, workers=self.runner.workers, codecs=codecs, learned=learned or {})
        try:
            with (
                FilesProgress(self.tasks, _VERBS[self.operation], shown=self.progress) as progress,
                closing(self.runner.run(work, self.tasks)) as outcomes,
            ):
                for outcome in outcomes:
                    found[outcome.target] = outcome
                    progress.add(outcome)
        except (KeyboardInterrupt, SystemExit):
            _logger.warning(
                "stopped: %d of %d files are done, and nothing is half-written; the same command"
                " goes on with the others",
                sum(outcome.good for outcome in found.values()),
                len(self.tasks),
            )
            raise
        finally:
            outcomes_of_all = tuple(
                found.get(t.target) or Outcome(t.source, t.target, NOT_DONE, _INTERRUPTED)
                for t in self.tasks
            )
            seconds = perf_counter() - start
            summary = summed(self.operation, outcomes_of_all, seconds=seconds)
            if self.summary is not None:
                summary.save(self.summary)
        return summary
