"""Write files that appear complete or not at all."""

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

_SUFFIX = ".part"  # of a file that is being written


def check_target(path: PathLike, *, force: bool) -> None:
    """Raise the errors of ``atomic_write`` that are known before anything is written.

    Args:
        path: of the file to write.
        force: overwrite an existing file.

    Raises:
        TargetExistsError: the file exists and ``force`` is false.
        FileError: the path is a directory, or in a directory that does not exist.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     check_target(f"{folder}/small.root", force=False)
    """
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
    """Give a temporary path to write to, which is renamed to ``path`` when the block succeeds.

    The temporary file is in the same directory. An exception in the block removes it and leaves
    ``path`` unchanged. Temporary files of processes that were killed are removed first.

    Args:
        path: of the file to write.
        force: overwrite an existing file.

    Yields:
        The temporary path.

    Raises:
        TargetExistsError: the file exists and ``force`` is false.
        FileError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     target = Path(folder) / "notes.txt"
        ...     with atomic_write(target, force=False) as temporary:
        ...         size = temporary.write_text("complete")
        ...     target.read_text()
        'complete'
    """
    check_target(path, force=force)
    target = Path(path).resolve()  # follow a symbolic link, so that it is kept
    _remove_stale(target)
    temporary = target.with_name(f".{target.name}.{platform.node()}.{os.getpid()}{_SUFFIX}")
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _remove_stale(target: Path) -> None:
    """Remove temporary files of a target whose processes no longer run on this machine.

    Those of other machines stay, because it is unknown whether their processes still run.
    """
    prefix = f".{target.name}.{platform.node()}."
    for stale in target.parent.glob(f"{glob.escape(prefix)}*{_SUFFIX}"):
        process_id = stale.name.removeprefix(prefix).removesuffix(_SUFFIX)
        if process_id.isdecimal() and not _may_run(int(process_id)):
            with suppress(OSError):  # owned by another user, or already removed
                stale.unlink()


def _may_run(process_id: int) -> bool:
    """Whether a process with this id runs, or this system cannot tell."""
    if os.name != "posix":  # only there signal 0 tests without an effect
        return True
    try:
        os.kill(process_id, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it runs, as another user
        return True
    return True


def require_different_files(source: PathLike, target: PathLike) -> None:
    """Raise InputError if source and target are the same file, which writing would destroy.

    Example:
        >>> require_different_files("events.root", "small.root")
    """
    source_path, target_path = Path(source), Path(target)
    if source_path.exists() and target_path.exists() and source_path.samefile(target_path):
        raise InputError(f"source and target are the same file, {os.fspath(source)!r}")


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
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot create directory {os.fspath(path)}: {error.strerror}") from error
    return Path(path)
