"""Restore many compressed files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from atlasae.campaign.running import Campaign, runner_for, threads_for
from atlasae.campaign.sources import find_tasks
from atlasae.campaign.work import SKIPPED, WRITTEN, Outcome
from atlasae.campaign.writing import WritingWork
from atlasae.directories import make_directory
from atlasae.errors import require_choice
from atlasae.root.checking.check import check
from atlasae.root.io.cpp import require_library
from atlasae.root.io.tree import STEP_SIZE, check_step_size
from atlasae.root.planning.plan import TARGETS
from atlasae.root.restoring.decompress import decompress
from atlasae.source_files import size_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlasae.campaign.summary import Summary
    from atlasae.campaign.work import Task
    from atlasae.types import PathLike


def decompress_files(
    files: PathLike | Iterable[PathLike],
    folder: PathLike,
    *,
    to: str = "same",
    drop_unwritable: bool = False,
    writer: str = "uproot",
    step_size: str | int = STEP_SIZE,
    below: PathLike | None = None,
    jobs: int | None = None,
    dask: str | None = None,
    threads: int | None = None,
    force: bool = False,
    summary: PathLike | None = None,
    progress: bool = False,
) -> Summary:
    """Restore many files that ``compress`` wrote into a folder.

    A target that is there is compared with its source, as ``check`` does, and skipped if every
    value is the same. A file that fails does not stop the others.

    Args:
        files: compressed files: names, patterns, addresses or directories, as for
            ``compress_files``.
        folder: to write into, with the names that ``compress_files`` would give.
        to: ``ttree``, ``rntuple``, or the ``same`` as each tree had before compression.
        drop_unwritable: leave out what cannot be written, instead of an error.
        writer: ``root`` to have ROOT write whole TTrees, as for ``decompress``.
        step_size: how much is written at a time.
        below: a directory that all files are in, below which they keep their paths; by default
            files that are named keep their names alone.
        jobs: how many files are worked on at a time, as for ``compress_files``.
        dask: work by Dask: ``local``, or the address of a scheduler, such as ``tcp://HOST:8786``,
            whose workers see the same files.
        threads: of each process; by default the processes share the cores.
        force: restore all files again, and overwrite targets.
        summary: file for the summary, as JSON; by default none.
        progress: show a bar on the error stream, where it is a terminal.

    Returns:
        What came of each file.

    Raises:
        MissingFileError: nothing matches a pattern.
        MissingPackageError: Dask is asked for, and not installed.
        InputError: an argument cannot be used, or two files have the same target.
        FileError: the folder cannot be written.

    Example:
        >>> import atlasae, tempfile
        >>> small, back = tempfile.mkdtemp(), tempfile.mkdtemp()
        >>> codec = atlasae.Codec.bounded(tolerance=1e-2)
        >>> codec = codec.fit(atlasae.read_jets(atlasae.sample(), entry_stop=300))
        >>> summary = atlasae.compress_files(atlasae.sample(), small, codec=codec, jobs=1)
        >>> atlasae.decompress_files(small, back, jobs=1).counts
        {'written': 1}
    """
    check_step_size(step_size)
    require_choice("to", to, TARGETS)
    require_library("writer", writer)
    make_directory(folder)
    tasks = find_tasks(files, folder, below=below)
    runner = runner_for(jobs, dask, len(tasks))
    many = threads_for(threads, runner)
    work = DecompressWork(to, drop_unwritable, writer, step_size, many, force=force)
    return Campaign("decompress", tasks, runner, summary, progress).run(work)


@dataclass(frozen=True)
class DecompressWork(WritingWork):
    """Restores a file, unless its target is there."""

    to: str
    drop_unwritable: bool
    writer: str
    step_size: str | int
    threads: int

    def _write(self, task: Task) -> Outcome:
        notes = decompress(
            task.source,
            task.target,
            to=self.to,
            drop_unwritable=self.drop_unwritable,
            writer=self.writer,
            step_size=self.step_size,
            threads=self.threads,
            force=self.force,
        )
        return replace(_outcome(task, WRITTEN), changed=notes.changed, left_out=notes.left_out)

    def _why_other(self, task: Task) -> str:
        compared = check(task.source, task.target, step_size=self.step_size, threads=self.threads)
        return "" if compared.good else f"differs from {task.source}"

    def _skipped(self, task: Task) -> Outcome:
        return _outcome(task, SKIPPED)


def _outcome(task: Task, status: str) -> Outcome:
    source, target = (size_of(path) for path in (task.source, task.target))
    return Outcome(task.source, task.target, status, source_bytes=source, target_bytes=target)
