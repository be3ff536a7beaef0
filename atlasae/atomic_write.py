"""Files that appear whole or not at all."""

from __future__ import annotations

import glob
import os
import platform
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from atlasae.errors import FileError, InputError, TargetExistsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlasae.types import PathLike

_END = ".part"  # of the name of a file that is being written


def check_target(path: PathLike, *, force: bool) -> None:
    """Raise what ``whole_file`` would raise before anything is written."""
    target = Path(path)
    if target.exists() and not target.is_file():
        kind = "a directory" if target.is_dir() else "not an ordinary file"
        raise FileError(f"cannot write {target}: it is {kind}")
    if target.exists() and not force:
        raise TargetExistsError(f"{target} exists; overwrite it with --force (force=True)")
    if not target.parent.is_dir():
        raise FileError(f"no directory {str(target.parent)!r} to write {target.name!r} in")


@contextmanager
def atomic_write(path: PathLike, *, force: bool) -> Iterator[Path]:
    """Give a path beside ``path`` to write to; it takes the final name when the block ends well.

    An exception in the block removes what was written and leaves ``path`` as it was. What a
    process left here that was killed before it could do so is removed first.

    Raises:
        TargetExistsError: the file is there and ``force`` is false.
        FileError: the file cannot be written.
    """
    check_target(path, force=force)
    target = Path(path).resolve()  # through a symbolic link, which stays
    _remove_stale(target)
    beside = target.with_name(f".{target.name}.{platform.node()}.{os.getpid()}{_END}")
    try:
        yield beside
        beside.replace(target)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)


def _remove_stale(target: Path) -> None:
    """Remove what processes of this machine that run no longer left half-written beside a target.

    Those of other machines are let be: nobody here knows whether they still run.
    """
    start = f".{target.name}.{platform.node()}."
    for left in target.parent.glob(f"{glob.escape(start)}*{_END}"):
        number = left.name.removeprefix(start).removesuffix(_END)
        if number.isdecimal() and not _runs(int(number)):
            with suppress(OSError):  # not ours to remove, or gone already
                left.unlink()


def _runs(process: int) -> bool:
    """Whether there is a process of this number, or no way to tell."""
    if os.name != "posix":  # elsewhere signal 0 is none that does nothing
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # of another user
        return True
    return True


def require_different_files(source: PathLike, target: PathLike) -> None:
    """Raise InputError where both are one file: writing the target would destroy the source."""
    both = Path(source), Path(target)
    if all(path.exists() for path in both) and both[0].samefile(both[1]):
        raise InputError(f"source and target are the same file, {os.fspath(source)!r}")


def make_directory(path: PathLike) -> Path:
    """The directory, made with its parents where it is not there.

    Raises:
        FileError: it cannot be made.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make directory {os.fspath(path)}: {error.strerror}") from error
    return Path(path)
