"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atlasae.errors import FileError, TargetExistsError


def check_target(path: str | os.PathLike[str], *, force: bool) -> None:
    """Raise what ``whole_file`` would raise before anything is written."""
    target = Path(path)
    if target.is_dir():
        raise FileError(f"{target} is a directory")
    if target.exists() and not force:
        raise TargetExistsError(f"{target} exists; overwrite it with --force (force=True)")
    if not target.parent.is_dir():
        raise FileError(f"no directory {str(target.parent)!r} to write {target.name!r} in")


@contextmanager
def whole_file(path: str | os.PathLike[str], *, force: bool) -> Iterator[Path]:
    """Give a path beside ``path`` to write to; it takes the final name when the block ends well.

    An exception in the block removes what was written and leaves ``path`` as it was.

    Raises:
        TargetExistsError: the file is there and ``force`` is false.
        FileError: the file cannot be written.
    """
    check_target(path, force=force)
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield beside
        beside.replace(target)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)
