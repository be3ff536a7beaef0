"""The files of a campaign, and what each is called in the folder that is written."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from atlasae.campaign.work import Task
from atlasae.errors import InputError, MissingFileError
from atlasae.root.reading.paths import absolute_path, expand_files
from atlasae.source_files import path_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from atlasae.types import PathLike

_FILES = "*.root"


def find_tasks(files: PathLike | Iterable[PathLike], folder: PathLike) -> list[Task]:
    """The files to work on, each with its target in a folder, sorted by target.

    A file keeps its name, one found in a directory its path below that directory.

    Args:
        files: names, patterns such as ``data/*.root``, addresses, or directories, whose ROOT
            files are found at any depth; files in ``folder`` are not.
        folder: of the targets.

    Raises:
        MissingFileError: nothing matches a pattern, or a directory has no ROOT file.
        InputError: no file is given, or two have the same target.

    Example:
        >>> find_tasks(["data/a.root", "data/b.root"], "small")[0].target
        'small/a.root'
    """
    names = [files] if isinstance(files, str | os.PathLike) else list(files)
    out = Path(absolute_path(path_name(folder)))
    found: dict[str, str] = {}
    for name in map(path_name, names):
        for source, target in _named(name, out):
            if found.setdefault(target, source) != source:
                raise InputError(
                    f"{source!r} and {found[target]!r} would both be {target!r} in"
                    f" {os.fspath(folder)!r}: give a directory that both are in, whose files keep"
                    " their paths below it"
                )
    if not found:
        raise InputError("no file is given: name files, patterns of files or directories")
    targets = sorted(found)
    return [Task(found[name], os.path.join(folder, *PurePosixPath(name).parts)) for name in targets]  # noqa: PTH118


def _named(name: str, out: Path) -> Iterator[tuple[str, str]]:
    """The files that a name stands for, each with its name in the folder of targets."""
    if "://" not in name and Path(name).is_dir():
        inside = [
            path
            for path in sorted(Path(name).rglob(_FILES))
            if path.is_file() and out not in Path(absolute_path(os.fspath(path))).parents
        ]
        if not inside:
            raise MissingFileError(f"no ROOT file ({_FILES}) in the directory {name!r}")
        for path in inside:
            yield os.fspath(path), path.relative_to(name).as_posix()
        return
    for source, object_path in expand_files(name):
        if object_path is not None:
            raise InputError(f"{name!r} names an object in a file: give the file alone")
        yield source, PurePosixPath(source.partition("?")[0].replace(os.sep, "/")).name


def read_list(path: PathLike) -> list[str]:
    """The files named in a text file, one a line; empty lines and those with # are left out.

    Raises:
        MissingFileError: there is no such file.

    Example:
        >>> import os, tempfile
        >>> path = Path(tempfile.mkdtemp()) / "files.txt"
        >>> size = path.write_text("# of 2012\\na.root\\n\\nb.root\\n")
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
