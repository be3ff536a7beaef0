"""What can be known of a file before it is read."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from atlasae.errors import DamagedFileError, FileError, MissingFileError

if TYPE_CHECKING:
    from atlasae.types import PathLike


def local_status(source: PathLike) -> os.stat_result | None:
    """What the system says of a file; None of an address elsewhere, or of what does not exist.

    Example:
        >>> local_status("https://cern.ch/events.root") is None
        True
    """
    with suppress(OSError):
        return Path(os.fspath(source).removeprefix("file://")).stat()
    return None


def require_ordinary_file(source: PathLike) -> None:
    """Raise an error about what exists and cannot be read as a file.

    Raises:
        FileError: it is a directory, or something such as a named pipe, which has no end.
        DamagedFileError: it is empty.

    Example:
        >>> require_ordinary_file("https://cern.ch/events.root")
    """
    status = local_status(source)
    if status is None:
        return
    name = os.fspath(source)
    if stat.S_ISDIR(status.st_mode):
        raise FileError(f"cannot read {name!r}: it is a directory; give a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise FileError(f"cannot read {name!r}: it is not an ordinary file; copy it to one")
    if not status.st_size:
        raise DamagedFileError(f"cannot read {name!r}: it is empty, a file of 0 bytes")


def is_pickle(source: PathLike) -> bool:
    """Whether a file is a pickle, by its name or by how it begins.

    Example:
        >>> is_pickle("jets.pkl"), is_pickle("events.root")
        (True, False)
    """
    path = Path(os.fspath(source))
    if path.suffix.lower() in (".pkl", ".pickle"):
        return True
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                return file.read(2) in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
    return False


def read_whole_file(path: PathLike, kind: str) -> bytes:
    """The bytes of a file; errors call it a ``kind``, such as ``pickle``.

    Raises:
        MissingFileError: there is no such file.
        FileError: it cannot be read.
        DamagedFileError: it is empty.

    Example:
        >>> import atlasae
        >>> read_whole_file(atlasae.sample(), "file")[:4]
        b'root'
    """
    name = os.fspath(path)
    require_ordinary_file(path)
    try:
        return Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingFileError(f"no {kind} {name!r}") from error
    except OSError as error:
        raise FileError(f"cannot read {name!r}: {error.strerror or error}") from error
