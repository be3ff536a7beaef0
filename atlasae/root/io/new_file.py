"""ROOT files being written by uproot, with their type descriptions written once and compressed.

uproot writes the descriptions of the classes in a file, about 20 kB, uncompressed, and again where
their list grows. ROOT writes them once, compressed, when the file is closed.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uproot
from uproot.sink.file import FileSink
from uproot.writing._cascade import Key, TListOfStreamers, create_empty

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlasae.root.io.stamp import Stamp
    from atlasae.types import PathLike

_DIRECTORY_BYTES = 256  # room for the keys of a directory, as uproot makes it
_EMPTY_LIST_BYTES = 21  # all that is written of the descriptions before the file is complete


@contextmanager
def new_file(
    path: PathLike, compression: uproot.compression.Compression | None, stamp: Stamp
) -> Iterator[Any]:
    """Write a ROOT file with uproot; it is complete after the ``with`` block.

    Args:
        path: of the file, which is overwritten.
        compression: of what is written into it; None for none.
        stamp: its name, date and UUIDs.

    Example:
        >>> import numpy as np, os, tempfile
        >>> from atlasae.root.io.stamp import EARLIEST, Stamp
        >>> path = os.path.join(tempfile.mkdtemp(), "events.root")
        >>> with new_file(path, uproot.ZSTD(5), Stamp("events.root", EARLIEST, "")) as out:
        ...     tree = out.mktree("Events", {"x": np.dtype("f4")})
        >>> with uproot.open(path) as file:
        ...     file.file.streamer_named("TBranch").class_version
        13
    """
    sink, uuids = _Sink(os.fspath(path), mode="recreate"), stamp.uuids()
    sink.file_path = stamp.name  # not that of an unfinished file
    with stamp.dated():
        empty = create_empty(sink, compression, _DIRECTORY_BYTES, _EMPTY_LIST_BYTES, uuids)
        file = uproot.WritableFile(sink, empty, _DIRECTORY_BYTES, uuids)
    with stamp.dated(), file.root_directory as out:
        streamers = out.file._cascading.streamers  # noqa: SLF001  (uproot offers no other way)
        streamers.__class__ = _LateStreamers
        yield out
        streamers.finish(out.file.sink)


class _Sink(FileSink):  # type: ignore[misc]  # uproot has no types
    """What uproot writes bytes to; the name that is stored in the file is not that of its path."""

    file_path = ""


class _LateStreamers(TListOfStreamers):  # type: ignore[misc]  # uproot has no types
    """What uproot writes type descriptions with, but nothing before the file is complete."""

    def write(self, sink: Any) -> None:
        """Nothing yet."""

    def finish(self, sink: Any) -> None:
        """Write the descriptions."""
        self._header.data_bytes = self.num_bytes
        self._header.num_entries = len(self._rawstreamers)
        described = b"".join(one.serialize() for one in (self._header, *self._rawstreamers))
        data = uproot.compression.compress(described, uproot.LZMA(9))
        empty, space = self.key, self._freesegments
        key = Key(
            None,
            len(described),
            len(data),
            *(empty.classname, empty.name, empty.title),
            empty.cycle,
            empty.parent_location,
            None,
            big=True,  # at the end of a file of any size
        )
        key.location = space.allocate(key.num_bytes + len(data))
        space.release(empty.location, empty.location + empty.num_bytes + _EMPTY_LIST_BYTES)
        space.fileheader.info_location = key.location
        space.fileheader.info_num_bytes = key.num_bytes + len(data)
        key.write(sink)
        sink.write(key.location + key.num_bytes, data)
        space.write(sink)
        sink.flush()
