"""What can be known of a file before it is read."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlasae.errors import DamagedFileError, FileError, InputError, MissingFileError

if TYPE_CHECKING:
    from atlasae.types import PathLike


def local_status(source: PathLike) -> os.stat_result | None:
    """What the system says of a file; None of an address elsewhere, or of what does not exist.

    Example:
        >>> local_status("https://cern.ch/events.root") is None
        True
    """
    with suppress(OSError):
        return _local_path(source).stat()
    return None


def size_of(source: PathLike) -> int:
    """Size of a local file in bytes; 0 of an address elsewhere, or of what does not exist.

    Example:
        >>> size_of("https://cern.ch/events.root")
        0
    """
    status = local_status(source)
    return status.st_size if status else 0


def _local_path(source: PathLike) -> Path:
    return Path(path_name(source).removeprefix("file://"))


def path_name(path: Any) -> str:
    """A path as text.

    Args:
        path: text or a pathlib.Path, and whatever else a user may give.

    Raises:
        InputError: it is not a path.

    Example:
        >>> path_name(Path("events.root"))
        'events.root'
    """
    name = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(name, str):
        many = (
            "; compress_files, decompress_files and check_files take many"
            if isinstance(path, list | tuple)
            else ""
        )
        raise InputError(f"{path!r} is not the path of a file: give text or a pathlib.Path{many}")
    return name


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


@dataclass(frozen=True)
class FileKind:
    """A kind of files, which all start alike.

    Attributes:
        what: a file of this kind is.
        way: to use one with atlasae.
        starts: bytes that stand at the place ``at``, one of these.
    """

    what: str
    way: str
    starts: tuple[bytes, ...]
    at: int = 0


def _compressed(tool: str, command: str, start: bytes) -> FileKind:
    return FileKind(f"a file compressed by {tool}", f"{command} it first", (start,))


def _of_columns(what: str, start: bytes) -> FileKind:
    way = "read it in Python, and give its columns to Codec.fit and Codec.encode"
    return FileKind(what, way, (start,))


ROOT = FileKind("a ROOT file", "atlasae.read_jets reads the jets in it", (b"root",))
PICKLE = FileKind(
    "a pickle",
    "atlasae fit, train and decode --codec read the jets in it, as atlasae.read_pickle does",
    (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"),
)
CODEC = FileKind(
    "a safetensors file",
    "compress --codec and Codec.load take such a file, if it is a codec",
    (b'{"',),
    at=8,
)
_KINDS = (
    ROOT,
    PICKLE,
    _compressed("gzip", "gunzip", b"\x1f\x8b"),
    _compressed("xz", "unxz", b"\xfd7zXZ\0"),
    _compressed("zstd", "unzstd", b"\x28\xb5\x2f\xfd"),
    _compressed("bzip2", "bunzip2", b"BZh"),
    _compressed("lz4", "unlz4", b"\x04\x22\x4d\x18"),
    FileKind("a zip archive", "unzip it first", (b"PK\x03\x04", b"PK\x05\x06")),
    FileKind("a tar archive", "unpack it first", (b"ustar",), 257),
    _of_columns("an HDF5 file", b"\x89HDF\r\n\x1a\n"),
    _of_columns("a Parquet file", b"PAR1"),
    _of_columns("an Arrow file", b"ARROW1"),
    _of_columns("a numpy array", b"\x93NUMPY"),
    FileKind(
        "a web page",
        "the server may ask for a login; download the file itself",
        (b"<!DOCTYPE", b"<!doctype", b"<html", b"<HTML"),
    ),
    FileKind(
        "a pointer of Git LFS", "git lfs pull fetches the file", (b"version https://git-lfs",)
    ),
    CODEC,
)


def file_kind(source: PathLike) -> FileKind | None:
    """The kind of a local file, by how it begins; None if it is unknown, or no local file.

    Example:
        >>> import atlasae
        >>> file_kind(atlasae.sample()).what
        'a ROOT file'
    """
    head = beginning(source, 512)
    return next((kind for kind in _KINDS if head[kind.at :].startswith(kind.starts)), None)


def beginning(source: PathLike, size: int) -> bytes:
    """The first bytes of a local file; none of an address elsewhere, or of what cannot be read.

    Example:
        >>> beginning("https://cern.ch/events.root", 4)
        b''
    """
    status = local_status(source)
    with suppress(OSError):
        if status and stat.S_ISREG(status.st_mode):
            with _local_path(source).open("rb") as file:
                return file.read(size)
    return b""


def require_kind(source: PathLike, kind: FileKind) -> None:
    """Raise DamagedFileError if a local file is known to be of another kind.

    Example:
        >>> import atlasae
        >>> require_kind(atlasae.sample(), ROOT)
    """
    found = file_kind(source)
    if found is None and kind is not PICKLE and is_pickle(source):
        found = PICKLE  # of an old protocol, which says so by its name alone
    if found not in (None, kind):
        raise DamagedFileError(
            f"{os.fspath(source)!r} is {found.what}, not {kind.what}; {found.way}"
        )


def is_pickle(source: PathLike) -> bool:
    """Whether a file is a pickle, by how it begins, else by its name.

    Example:
        >>> is_pickle("jets.pkl"), is_pickle("events.root")
        (True, False)
    """
    found = file_kind(source)
    suffix = Path(os.fspath(source)).suffix.lower()
    return found is PICKLE or (found is None and suffix in (".pkl", ".pickle"))


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
