"""Checksums of the values of columns, however they are stored."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from atlasae.lossless.columns import buffers

if TYPE_CHECKING:
    import awkward as ak


class ColumnChecksum:
    """The checksum of a column that is given piece by piece; how it is cut does not matter.

    It is the CRC-32 of the CRC-32 of each flat buffer of the column, uint32 each. The buffers are
    those of packed columns: the counts of lists, the masks of missing values, the numbers.

    Example:
        >>> import awkward as ak
        >>> column = ak.Array([[1.5], [], [2.5, 3.5]])
        >>> whole, pieces = ColumnChecksum(), ColumnChecksum()
        >>> whole.add(column)
        >>> pieces.add(column[:1])
        >>> pieces.add(column[1:])
        >>> whole.value == pieces.value
        True
    """

    def __init__(self) -> None:
        self._buffers: list[int] = []

    def add(self, column: ak.Array) -> None:
        """Add the next entries."""
        for i, values in enumerate(buffers(column.layout)):
            if i == len(self._buffers):
                self._buffers.append(0)
            words = values.astype(values.dtype.newbyteorder("<"), order="C", copy=False)
            self._buffers[i] = zlib.crc32(words.data, self._buffers[i])

    @property
    def value(self) -> int:
        """The checksum of the entries added so far."""
        return zlib.crc32(struct.pack(f"<{len(self._buffers)}I", *self._buffers))
