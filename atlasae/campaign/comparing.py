"""Draw what compression did to the jets of many files, a page for each."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlasae.campaign.running import Campaign, runner_for
from atlasae.campaign.sources import find_tasks
from atlasae.campaign.work import WRITTEN, Outcome
from atlasae.directories import make_directory
from atlasae.report.compare import compare
from atlasae.source_files import size_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atlasae.campaign.summary import Summary
    from atlasae.campaign.work import Task
    from atlasae.types import PathLike


def compare_files(
    originals: PathLike | Iterable[PathLike],
    folder: PathLike,
    output: PathLike,
    *,
    below: PathLike | None = None,
    jobs: int | None = None,
    dask: str | None = None,
    summary: PathLike | None = None,
    progress: bool = False,
    **options: Any,
) -> Summary:
    """Write a report on each of many files, as ``compare`` does.

    Each original is compared with the file of the name that ``compress_files`` and
    ``decompress_files`` give it in the folder. That of ``2012/a.root`` is in ``2012/a`` in the output.

    Args:
        originals: names, patterns, addresses or directories, as for ``compress_files``.
        folder: of the compressed or restored files.
        output: directory of the reports.
        below: a directory that all files are in, below which they keep their paths.
        jobs: how many files are compared at a time, as for ``compress_files``.
        dask: work by Dask, as for ``compress_files``.
        summary: file for the summary, as JSON; by default none.
        progress: show a bar on the error stream, where it is a terminal.
        options: of ``compare``, such as ``collection`` or ``style``.

    Returns:
        What came of each file.

    Raises:
        MissingFileError: nothing matches a pattern.
        InputError: an argument cannot be used, or two originals have the same name.
        FileError: the output cannot be written.

    Example:
        >>> import atlasae
        >>> summary = atlasae.compare_files("data", "small", "report")  # doctest: +SKIP
        >>> summary.counts  # doctest: +SKIP
        {'written': 12}
    """
    out = make_directory(output)
    tasks = find_tasks(originals, folder, below=below)
    runner = runner_for(jobs, dask, len(tasks))
    work = CompareWork(os.fspath(Path(folder).absolute()), out.absolute(), options)
    return Campaign("compare", tasks, runner, summary, progress).run(work)


@dataclass(frozen=True)
class CompareWork:
    """Writes a report on a file."""

    folder: str
    output: Path
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, task: Task) -> Outcome:
        name = Path(task.target).absolute().relative_to(self.folder).with_suffix("")
        make_directory((self.output / name).parent)
        compare(task.source, [task.target], self.output / name, **self.options)
        source, target = (size_of(path) for path in (task.source, task.target))
        return Outcome(task.source, task.target, WRITTEN, source_bytes=source, target_bytes=target)
