"""Write files that appear complete or not at all."""

from __future__ import annotations

import glob
import hashlib
import os
import platform
import secrets
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from atlasae.errors import FileError, InputError, TargetExistsError
from atlasae.source_files import local_status, path_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from atlasae.types import PathLike

_SUFFIX = ".part"  # of a file that is being written


def check_target(path: PathLike, *, force: bool, sources: Iterable[PathLike] = ()) -> None:
    """Raise the errors of ``atomic_write`` that are known before anything is written.

    Args:
        path: of the file to write.
        force: overwrite an existing file.
        sources: what is read to write it, files or addresses.

    Raises:
        InputError: the path, or what it links to, is one of the sources.
        TargetExistsError: the file exists and ``force`` is false.
        FileError: the path is a directory, in a directory that does not exist, or an address.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     check_target(f"{folder}/small.root", force=False)
    """
    target = local_target(path)
    with _written(target):
        status = _status(target)
        if status and not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not an ordinary file"
            raise FileError(f"cannot write {target}: it is {kind}")
        for source in sources:
            other = local_status(source)
            if status and other and os.path.samestat(status, other):
                raise InputError(
                    f"source and target are the same file, {os.fspath(source)!r}; writing it would"
                    " destroy what is read"
                )
        if status and not force:
            raise _exists(target)
        if not target.parent.is_dir():
            raise FileError(f"no directory {str(target.parent)!r} to write {target.name!r} in")


def local_target(path: PathLike) -> Path:
    """The path of something to write.

    Raises:
        FileError: it is an address.

    Example:
        >>> local_target("s3://bucket/small.root")
        Traceback (most recent call last):
            ...
        atlasae.errors.FileError: cannot write to the address 's3://bucket/small.root'; give a path on this machine, and copy what is written
    """
    name = path_name(path)
    if "://" in name:
        raise FileError(
            f"cannot write to the address {name!r}; give a path on this machine, and copy what is"
            " written"
        )
    return Path(name)


@contextmanager
def atomic_write(
    path: PathLike, *, force: bool, sources: Iterable[PathLike] = ()
) -> Iterator[Path]:
    """Give a temporary path to write to, which is renamed to ``path`` when the block succeeds.

    The temporary file is in the same directory, and no other thread or process has it. An
    exception in the block removes it and leaves ``path`` unchanged. Temporary files of processes
    that were killed are removed first. A file that is overwritten keeps its permissions; a new one
    can be read by those who can read the sources.

    Args:
        path: of the file to write.
        force: overwrite an existing file.
        sources: what is read to write it, files or addresses.

    Yields:
        The temporary path.

    Raises:
        InputError: the path, or what it links to, is one of the sources.
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
    sources = list(sources)
    check_target(path, force=force, sources=sources)
    target = Path(os.path.realpath(path))  # follow a symbolic link, so that it is kept
    remove_unfinished(target)
    prefix = _temporary_prefix(target)
    with _written(target):
        temporary = _create(target, prefix, sources)
        try:
            yield temporary
            _publish(temporary, target, force=force)
        finally:
            temporary.unlink(missing_ok=True)


def remove_unfinished(path: PathLike) -> None:
    """Remove what processes that no longer run on this machine had written of a file.

    Example:
        >>> remove_unfinished("folder/small.root")
    """
    target = Path(os.path.realpath(path))
    _remove_stale(target.parent, _temporary_prefix(target))


def _exists(target: Path) -> TargetExistsError:
    return TargetExistsError(f"{target} exists; overwrite it with --force (force=True)")


@contextmanager
def _written(target: Path) -> Iterator[None]:
    """Raise errors of the system as FileError of the target."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"cannot write {target}: {error.strerror or error}") from error


def _status(path: Path) -> os.stat_result | None:
    """What the system says of a file; None if there is none."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _temporary_prefix(target: Path) -> str:
    """How the names of the temporary files of a target begin, on this machine.

    A digest stands for the end of its name, which may be as long as the system allows.
    """
    digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:12]
    return f".{target.name[:20]}.{digest}.{platform.node()}."


def _create(target: Path, prefix: str, sources: Iterable[PathLike]) -> Path:
    """Create an empty temporary file, as readable as the target or else as the sources."""
    status = _status(target)
    mode = 0o666
    for limit in [status] if status else map(local_status, sources):
        mode &= limit.st_mode | 0o600 if limit else mode
    temporary = target.with_name(f"{prefix}{os.getpid()}.{secrets.token_hex(8)}{_SUFFIX}")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    return temporary


def _publish(temporary: Path, target: Path, *, force: bool) -> None:
    """Give a complete file its name, and the permissions of the file that it replaces."""
    status = _status(target)
    if status and not force:  # since the check
        raise _exists(target)
    if status:
        temporary.chmod(stat.S_IMODE(status.st_mode))
    temporary.replace(target)


def _remove_stale(folder: Path, prefix: str) -> None:
    """Remove temporary files whose processes no longer run on this machine.

    Those of other machines stay, because it is unknown whether their processes still run.
    """
    for stale in folder.glob(f"{glob.escape(prefix)}*{_SUFFIX}"):
        process_id = stale.name.removeprefix(prefix).partition(".")[0]
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
