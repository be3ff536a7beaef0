"""Reads files at addresses such as ``https://...``: a lost connection is no damage."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import fsspec
from fsspec.implementations.cached import CachingFileSystem
from uproot.source.fsspec import FSSpecSource

from atlasae.errors import AtlasaeError, FileError
from atlasae.root.io.errors import first_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SEVERAL = 16  # bytes that are asked for, from another place than the first


def require_ranges(address: str) -> None:
    """Raise FileError if a web server answers, and sends whole files only.

    It would send the whole file again for each part that is read.

    Example:
        >>> require_ranges("root://eos.cern.ch//events.root")  # always sends parts
    """
    if not address.startswith(("http://", "https://")):
        return
    filesystem, path = fsspec.core.url_to_fs(address)
    try:
        with filesystem.open(path, block_size=_SEVERAL, cache_type="none") as file:
            file.seek(_SEVERAL)
            file.read(_SEVERAL)
    except OSError:
        return  # what is wrong is said where the file is opened
    except ValueError as error:
        raise FileError(
            f"cannot read {address!r}: its server sends whole files only, no byte ranges; download it"
        ) from error


class AddressSource(FSSpecSource):  # type: ignore[misc]  # uproot has no types
    """The bytes of a file at an address; what goes wrong on the way is a FileError."""

    _fs: Any

    def _open(self) -> None:
        super()._open()
        if self._async_impl and not isinstance(self._fs, CachingFileSystem):
            self._fs = _Ranges(self._fs, self._file_path_orig)

    def chunk(self, start: int, stop: int) -> Any:
        with _way_errors(self._file_path_orig):
            return super().chunk(start, stop)


class _Ranges:
    """A file system of fsspec that raises what it would give in place of bytes."""

    def __init__(self, filesystem: Any, address: str) -> None:
        self._filesystem = filesystem
        self._address = address

    def __getattr__(self, name: str) -> Any:
        return getattr(self._filesystem, name)

    async def _cat_ranges(
        self, paths: Sequence[str], starts: Sequence[int], ends: Sequence[int]
    ) -> list[Any]:
        results: list[Any] = await self._filesystem._cat_ranges(paths, starts, ends)  # noqa: SLF001  (as uproot does)
        with _way_errors(self._address):
            for result in results:
                if isinstance(result, BaseException):
                    raise result
        return results


@contextmanager
def _way_errors(address: str) -> Iterator[None]:
    """Turn what goes wrong on the way from an address into a FileError."""
    try:
        yield
    except (AtlasaeError, FileNotFoundError, PermissionError, ImportError, MemoryError):
        raise
    except Exception as error:  # each package for a protocol has its own
        status = getattr(error, "status", None)  # an answer of a web server
        reason = f"{status} {first_line(error)}" if status else f"{first_line(error)}; try again"
        raise FileError(f"cannot read {address!r}: {reason}") from error
