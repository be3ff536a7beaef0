"""Compare many files with their originals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlasae.campaign.running import Campaign, runner_for, threads_for
from atlasae.campaign.sources import find_tasks
from atlasae.campaign.work import DIFFERS, GOOD, Outcome
from atlasae.quantization.tolerance import check_spec
from atlasae.root.checking.check import check
from atlasae.root.io.cpp import require_library
from atlasae.root.io.tree import STEP_SIZE, check_step_size
from atlasae.source_files import size_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlasae.campaign.summary import Summary
    from atlasae.campaign.work import Task
    from atlasae.quantization.tolerance import ToleranceSpec
    from atlasae.types import PathLike

_NAMED = 5  # of what differs


def check_files(
    originals: PathLike | Iterable[PathLike],
    folder: PathLike,
    *,
    tolerance: ToleranceSpec | None = None,
    judge: str = "uproot",
    card: bool = False,
    step_size: str | int = STEP_SIZE,
    below: PathLike | None = None,
    jobs: int | None = None,
    dask: str | None = None,
    threads: int | None = None,
    summary: PathLike | None = None,
    progress: bool = False,
) -> Summary:
    """Compare many ROOT files with what was made from them in a folder, as ``check`` does.

    Each original is compared with the file of the name that ``compress_files`` and
    ``decompress_files`` give it in the folder.

    Args:
        originals: names, patterns, addresses or directories, as for ``compress_files``.
        folder: of the compressed, restored or merged files.
        tolerance: allowed error of collection floats, if the files of the folder are not
            compressed.
        judge: ``root`` to have ROOT read both files, too, as for ``check``.
        card: measure again what the cards of the compressed files say, and compare.
        step_size: how much is read at a time.
        below: a directory that all files are in, below which they keep their paths; by default
            files that are named keep their names alone.
        jobs: how many files are compared at a time, as for ``compress_files``.
        dask: work by Dask: ``local``, or the address of a scheduler, such as ``tcp://HOST:8786``,
            whose workers see the same files.
        threads: of each process; by default the processes share the cores.
        summary: file for the summary, as JSON; by default none.
        progress: show a bar on the error stream, where it is a terminal.

    Returns:
        What came of each file: ``good``, ``differs`` or ``failed``.

    Raises:
        MissingFileError: nothing matches a pattern.
        MissingPackageError: Dask is asked for, and not installed.
        InputError: an argument cannot be used, or two originals have the same name.

    Example:
        >>> import atlasae, tempfile
        >>> small, codec = tempfile.mkdtemp(), atlasae.Codec.bounded(tolerance=1e-2)
        >>> codec = codec.fit(atlasae.read_jets(atlasae.sample(), entry_stop=300))
        >>> summary = atlasae.compress_files(atlasae.sample(), small, codec=codec, jobs=1)
        >>> atlasae.check_files(atlasae.sample(), small, jobs=1).counts
        {'good': 1}
    """
    check_step_size(step_size)
    if tolerance is not None:
        check_spec(tolerance)
    require_library("judge", judge)
    tasks = find_tasks(originals, folder, below=below)
    runner = runner_for(jobs, dask, len(tasks))
    work = CheckWork(tolerance, judge, card, step_size, threads_for(threads, runner))
    return Campaign("check", tasks, runner, summary, progress).run(work)


@dataclass(frozen=True)
class CheckWork:
    """Compares a file with what was made from it."""

    tolerance: ToleranceSpec | None
    judge: str
    card: bool
    step_size: str | int
    threads: int

    def __call__(self, task: Task) -> Outcome:
        result = check(
            task.source,
            task.target,
            tolerance=self.tolerance,
            judge=self.judge,
            card=self.card,
            step_size=self.step_size,
            threads=self.threads,
        )
        named = [
            f"{f.path}:{f.name} {f.verdict}" if f.name else f"{f.path} {f.verdict}"
            for f in result.bad
        ]
        more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        if named and not result.compressed[1] and self.tolerance is None:
            more += "; without --tolerance (tolerance=...) they have to be the same bit for bit"
        return Outcome(
            task.source,
            task.target,
            GOOD if result.good else DIFFERS,
            ", ".join(named[:_NAMED]) + more,
            source_bytes=size_of(task.source),
            target_bytes=size_of(task.target),
        )
