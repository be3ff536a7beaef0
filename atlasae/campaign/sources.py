"""The files of a campaign, and what each is called in the folder that is written."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from atlasae.campaign.work import Task
from atlasae.errors import InputError, MissingFileError
from atlasae.root.reading.paths import absolute_path, expand_paths
from atlasae.source_files import path_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from atlasae.types import PathLike

_FILES = "*.root"


def find_files(
    files: PathLike | Iterable[PathLike],
    *,
    below: PathLike | None = None,
    outside: PathLike | None = None,
) -> dict[str, str]:
    """The name of each file by its path or address, in the order of the files.

    A file keeps its name, one found in a directory its path below that directory, if no other is
    given.

    Args:
        files: names, patterns such as ``data/*.root``, addresses, or directories, whose ROOT
            files are found at any depth.
        below: a directory that all files are in, and below which they keep their paths.
        outside: a directory whose files are not taken from one that it is in.

    Raises:
        MissingFileError: nothing matches a pattern, or a directory has no ROOT file.
        InputError: no file is given, one is not below ``below``, or ``outside`` is given as files.

    Example:
        >>> find_files(["data/a.root", "https://cern.ch/b.root"])
        {'data/a.root': 'a.root', 'https://cern.ch/b.root': 'b.root'}
        >>> find_files(["data/2012/a.root"], below="data")
        {'data/2012/a.root': '2012/a.root'}
    """
    given = [files] if isinstance(files, str | os.PathLike) else list(files)
    out = None if outside is None else Path(absolute_path(path_name(outside)))
    found = {source: name for path in map(path_name, given) for source, name in _named(path, out)}
    if not found:
        raise InputError("no file is given: name files, patterns of files or directories")
    return found if below is None else {file: _path_below(file, below) for file in found}


def _path_below(file: str, folder: PathLike) -> str:
    """The path of a file below a directory."""
    path, above = (Path(absolute_path(path_name(one))) for one in (file, folder))
    if "://" in file or not path.is_relative_to(above):
        raise InputError(
            f"{file!r} is not in {os.fspath(folder)!r}, below which files should keep their paths"
        )
    return path.relative_to(above).as_posix()


def find_tasks(
    files: PathLike | Iterable[PathLike], folder: PathLike, *, below: PathLike | None
) -> list[Task]:
    """The files to work on, each with its target in a folder, sorted by target.

    Args:
        files: see ``find_files``; files in ``folder`` are not taken from a directory.
        folder: of the targets.
        below: a directory that all files are in, and below which they keep their paths.

    Raises:
        MissingFileError: nothing matches a pattern, or a directory has no ROOT file.
        InputError: no file is given, or two have the same target.

    Example:
        >>> find_tasks(["data/a.root", "data/b.root"], "small", below=None)[0].target
        'small/a.root'
    """
    by_name: dict[str, str] = {}
    for source, name in find_files(files, below=below, outside=folder).items():
        if by_name.setdefault(name, source) != source:
            raise InputError(
                f"{by_name[name]!r} and {source!r} would both be {name!r} in"
                f" {os.fspath(folder)!r}: name a directory that both are in with --below"
                " (below=...), below which they keep their paths"
            )
    tasks = [
        Task(by_name[name], os.fspath(Path(folder, *PurePosixPath(name).parts)))
        for name in sorted(by_name)
    ]
    sources = {absolute_path(task.source): task.source for task in tasks}
    for task in tasks:
        other = sources.get(absolute_path(task.target), task.source)
        if other != task.source:  # what is its own source is said with its outcome
            raise InputError(
                f"{task.source!r} would be written to {other!r}, which is one of the files: give"
                " another folder"
            )
    return tasks


def _named(path: str, out: Path | None) -> Iterator[tuple[str, str]]:
    """The files that a path stands for, each with its name."""
    if "://" not in path and Path(path).is_dir():
        folder = Path(absolute_path(path))
        if out == folder:
            raise InputError(
                f"{path!r} is the folder that is written or compared: name another one"
            )
        below = None if out is None or folder not in out.parents else out
        inside = [
            file
            for file in sorted(Path(path).rglob(_FILES))
            if file.is_file() and below not in Path(absolute_path(os.fspath(file))).parents
        ]
        if not inside:
            raise MissingFileError(f"no ROOT file ({_FILES}) in the directory {path!r}")
        for file in inside:
            yield os.fspath(file), file.relative_to(path).as_posix()
        return
    if "://" not in path and Path(path).is_file():  # whatever characters its name has
        yield path, Path(path).name
        return
    for source in expand_paths(path):
        yield source, PurePosixPath(source.partition("?")[0].replace(os.sep, "/")).name


def read_list(path: PathLike) -> list[str]:
    r"""The files named in a text file, one a line; empty lines and those with # are left out.

    Raises:
        MissingFileError: there is no such file.

    Example:
        >>> import os, tempfile
        >>> path = Path(tempfile.mkdtemp()) / "files.txt"
        >>> size = path.write_text("# of 2012\na.root\n\nb.root\n")
        >>> read_list(path)
        ['a.root', 'b.root']
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        name = os.fspath(path)
        raise MissingFileError(f"cannot read the list {name!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        name = os.fspath(path)
        raise InputError(f"{name!r} is not a list of files: it is not text") from error
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
