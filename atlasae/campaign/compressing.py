"""Compress many files with one set of codecs."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from atlasae.atomic_write import check_target
from atlasae.campaign.learning import CODECS, learned_codecs, sharing
from atlasae.campaign.running import Campaign, runner_for, threads_for
from atlasae.campaign.sources import find_tasks
from atlasae.campaign.work import SKIPPED, WRITTEN, Outcome
from atlasae.campaign.writing import WritingWork
from atlasae.codecs.base import Codec
from atlasae.directories import make_directory
from atlasae.root.compressing.compress import compress_file, require_comparable
from atlasae.root.compressing.job import Job
from atlasae.root.compressing.verification import why_other
from atlasae.root.fitting.file_codecs import FileCodecs
from atlasae.root.inspecting.info import info
from atlasae.root.io.tree import STEP_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlasae.campaign.summary import Summary
    from atlasae.campaign.work import Task
    from atlasae.root.inspecting.info import Contents
    from atlasae.root.planning.plan import Selection
    from atlasae.types import PathLike

SUMMARY = "summary.json"  # in the folder of the targets


def compress_files(
    files: PathLike | Iterable[PathLike],
    folder: PathLike,
    *,
    codec: Codec | FileCodecs | PathLike | None = None,
    select: Selection | None = None,
    pack: str = "all",
    to: str = "same",
    drop_unwritable: bool = False,
    verify: bool = False,
    writer: str = "uproot",
    step_size: str | int = STEP_SIZE,
    below: PathLike | None = None,
    jobs: int | None = None,
    dask: str | None = None,
    threads: int | None = None,
    shared_codec: bool = False,
    seed: int = 0,
    force: bool = False,
    allow_larger: bool = False,
    summary: PathLike | None = None,
    progress: bool = False,
) -> Summary:
    """Write compressed copies of many ROOT files into a folder, with one set of codecs.

    A target that is there is skipped if it is what would be written: it was made from this source
    with these codecs and options, and all its checksums agree. So the same call goes on after an
    interruption. Any other file in place of a target is left, and reported as failed. A file that
    fails does not stop the others.

    Args:
        files: ROOT files of one kind: names, patterns such as ``data/*.root``, addresses, or
            directories, whose ROOT files are found at any depth.
        folder: to write into. A file keeps its name, one found in a directory its path below that
            directory.
        codec: what was fitted before, as ``compress`` takes it; or an unfitted bounded codec, from
            which codecs are learned on a sample of at most 20 of the files. These are kept in
            ``codecs.safetensors`` in the folder, where the next call finds them.
        select: as for ``compress``, like the arguments up to ``step_size``.
        pack: ``all`` to pack all other branches, or ``none`` to copy them.
        to: ``ttree``, ``rntuple``, or the ``same`` as each tree of the source.
        drop_unwritable: leave out what cannot be read or written, instead of an error.
        verify: compare each target with its source before it appears.
        writer: ``root`` to have ROOT copy the kept branches, as for ``compress``.
        step_size: how much is read at a time.
        below: a directory that all files are in, below which they keep their paths; by default
            files that are named keep their names alone.
        jobs: how many files are worked on at a time, each by a process of its own if there are
            several; by default one for each core, fewer where there is little memory. A script
            then needs ``if __name__ == "__main__":`` around this call. What is written does not
            depend on it.
        dask: work by Dask: ``local``, or the address of a scheduler, such as ``tcp://HOST:8786``,
            whose workers see the same files.
        threads: of each process; by default the processes share the cores.
        shared_codec: keep the codecs once, in ``codecs-<hash>.safetensors`` in the folder, in place
            of in each file, for many small files. These need it to be read: beside them, in a
            folder above, or in one that the variable ``ATLASAE_CODECS`` names. What ``merge`` and
            ``decompress`` make of them is complete.
        seed: of the choice of the files that codecs are learned from.
        force: compress all files again, and overwrite targets and codecs.
        allow_larger: leave targets that are larger than their sources, instead of an error.
        summary: file for the summary, as JSON; by default ``summary.json`` in the folder.
        progress: show a bar on the error stream, where it is a terminal.

    Returns:
        What came of each file.

    Raises:
        MissingFileError: nothing matches a pattern, or there is no such codec.
        MissingPackageError: Dask is asked for, and not installed.
        InputError: an argument cannot be used, or two files have the same target.
        TargetExistsError: the codecs in the folder were learned with other options.
        FileError: the folder cannot be written.

    Example:
        >>> import atlasae, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> codec = atlasae.Codec.bounded(tolerance=1e-2)  # or unfitted, for all collections
        >>> codec = codec.fit(atlasae.read_jets(atlasae.sample(), entry_stop=300))
        >>> atlasae.compress_files([atlasae.sample()], folder, codec=codec, jobs=1).counts
        {'written': 1}
        >>> atlasae.compress_files([atlasae.sample()], folder, codec=codec, jobs=1).counts
        {'skipped': 1}
    """
    out = make_directory(folder)
    tasks = find_tasks(files, folder, below=below)
    runner = runner_for(jobs, dask, len(tasks))
    many = threads_for(threads, runner)
    job = Job.checked(codec, select, pack, to, drop_unwritable, step_size, many, progress, writer)
    if verify:
        require_comparable(job)
    if isinstance(codec, str | os.PathLike):
        for task in tasks:
            if Path(task.target).is_file():  # what else it is fails that file alone
                check_target(task.target, force=True, sources=[codec])
    if isinstance(job.template, Codec) and not job.template.is_fitted:
        codecs = learned_codecs(tasks, out, job, seed=seed, force=force)
        job = replace(job, template=codecs)
    if shared_codec:
        job = sharing(job, out, force=force)
    work = CompressWork(
        replace(job, progress=False), verify=verify, force=force, allow_larger=allow_larger
    )
    campaign = Campaign(
        "compress", tasks, runner, out / SUMMARY if summary is None else summary, progress
    )
    template = job.template
    learned = template.origin if isinstance(template, FileCodecs) else {}
    used = os.fspath(codec) if isinstance(codec, str | os.PathLike) else ""
    return campaign.run(work, codecs=used or os.fspath(out / CODECS), learned=learned)


@dataclass(frozen=True)
class CompressWork(WritingWork):
    """Compresses a file, unless its target is there."""

    job: Job
    verify: bool
    allow_larger: bool

    def _write(self, task: Task) -> Outcome:
        contents = compress_file(
            task.source,
            task.target,
            self.job,
            read=[],
            verify=self.verify,
            force=self.force,
            allow_larger=self.allow_larger,
        )
        return _outcome(task, WRITTEN, contents)

    def _why_other(self, task: Task) -> str:
        return why_other(task.source, task.target, self.job)

    def _skipped(self, task: Task) -> Outcome:
        return _outcome(task, SKIPPED, info(task.target))


def _outcome(task: Task, status: str, contents: Contents) -> Outcome:
    return Outcome(
        task.source,
        task.target,
        status,
        source_bytes=contents.source_bytes,
        target_bytes=contents.file_bytes,
        changed=contents.changed,
        left_out=contents.left_out,
    )
