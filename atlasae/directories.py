"""Directories to write several files into."""

from __future__ import annotations

import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from atlasae.atomic_write import check_target, local_target
from atlasae.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from atlasae.types import PathLike


def make_directory(path: PathLike) -> Path:
    """Create a directory and its parents unless they exist, and return its path.

    Raises:
        FileError: the directory cannot be created.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     make_directory(f"{folder}/report/figures").is_dir()
        True
    """
    directory = check_directory(path)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot create directory {directory}: {error.strerror}") from error
    return directory


def check_directory(path: PathLike) -> Path:
    """The path of a directory to write into, which exists or not.

    Raises:
        FileError: it is something else, such as a file.

    Example:
        >>> check_directory("report").name
        'report'
    """
    directory = local_target(path)
    if directory.exists() and not directory.is_dir():
        raise FileError(f"cannot write files into {directory}: it is a file; name a directory")
    return directory


@contextmanager
def atomic_directory(path: PathLike, *, sources: Iterable[PathLike]) -> Iterator[Path]:
    """Give a temporary directory, whose files move to ``path`` when the block succeeds.

    Files of the same names are replaced there, with their permissions, and others stay. An exception in the block leaves
    the directory as it was, or not made.

    Args:
        path: of the directory.
        sources: what is read to write it; none of these is replaced.

    Raises:
        InputError: a file to replace is one of the sources.
        FileError: the directory cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_directory(f"{folder}/report", sources=[]) as unfinished:
        ...         size = (unfinished / "notes.txt").write_text("complete")
        ...     Path(folder, "report", "notes.txt").read_text()
        'complete'
    """
    target, sources = check_directory(path), list(sources)
    around = next(p for p in (target.absolute(), *target.absolute().parents) if p.is_dir())
    try:
        temporary = tempfile.TemporaryDirectory(prefix=".", suffix=".part", dir=around)
    except OSError as error:
        raise FileError(f"cannot write into {target}: {error.strerror}") from error
    with temporary as name:
        unfinished = Path(name)
        yield unfinished
        written = [file for file in unfinished.rglob("*") if file.is_file()]
        places = [target / file.relative_to(unfinished) for file in written]
        for file, place in zip(written, places, strict=True):
            if place.exists():
                check_target(place, force=True, sources=sources)
                file.chmod(stat.S_IMODE(place.stat().st_mode))
        for file, place in zip(written, places, strict=True):
            make_directory(place.parent)
            file.replace(place)
