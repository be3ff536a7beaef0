"""Jets as the integers that are coded, and the values that no lattice holds."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import DamagedFileError
from atlasae.quantization.quantizers import FloatQuantizer, IntegerQuantizer, Quantizer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from atlasae.types import Columns, Integers


FINE_BITS = 16  # of 64-bit integers, coded as they are: the density sees the other 48


@dataclass(frozen=True)
class QuantizedJets:
    """Jets as integers.

    Attributes:
        integers: by feature, in the order of coding, without their low bits.
        fine: the low bits of the features whose integers have more than the density sees.
        odd: positions and bit patterns of the values that no lattice holds.
        counts: numbers of jets an event, or None.
    """

    integers: Columns
    fine: Columns
    odd: dict[str, tuple[Integers, NDArray[Any]]]
    counts: Integers | None

    def checksum(self, feature: str | None = None) -> int:
        """CRC-32 of a feature, or of the numbers of jets."""
        if feature is None:
            pieces = [self.counts]
        else:
            pieces = [self.integers[feature], self.fine.get(feature)]
        checksum = 0
        for values in pieces:
            if values is not None:
                checksum = zlib.crc32(values.astype("<i8", copy=False).data, checksum)
        return checksum

    def same_as(self, other: QuantizedJets) -> bool:
        """Whether every number of both is the same."""
        pairs = [(self.integers, other.integers), (self.fine, other.fine)]
        same = all(
            mine.keys() == theirs.keys() and all(np.array_equal(mine[k], theirs[k]) for k in mine)
            for mine, theirs in pairs
        )
        odd = self.odd.keys() == other.odd.keys() and all(
            np.array_equal(mine, theirs)
            for name in self.odd
            for mine, theirs in zip(self.odd[name], other.odd[name], strict=True)
        )
        if self.counts is None or other.counts is None:
            return same and odd and self.counts is other.counts
        return same and odd and np.array_equal(self.counts, other.counts)


def coarse_quantizer(lattice: Quantizer) -> tuple[Quantizer, int]:
    """The lattice of the high bits of the integers, and how many low bits that leaves."""
    if np.dtype(lattice.dtype).itemsize == 8:
        if isinstance(lattice, FloatQuantizer):
            return FloatQuantizer(lattice.dtype, lattice.shift + FINE_BITS), FINE_BITS
        if isinstance(lattice, IntegerQuantizer):
            return lattice, FINE_BITS
    return lattice, 0


def phi_origin(integers: Integers, circle: int) -> int:
    """The middle of the turn in which most integers of phi lie: 0, or half a circle up or down.

    So that phi from 0 to 2 pi is no dearer than phi from -pi to pi.
    """
    half = circle // 2
    return min((0, half, -half), key=lambda origin: np.sum(np.abs(integers - origin) > half))


def encode_exceptions(odd: dict[str, tuple[Integers, NDArray[Any]]]) -> bytes:
    """Positions and bit patterns by feature, compressed; nothing where there are none."""
    if not odd:
        return b""
    pieces = []
    for name, (positions, bits) in odd.items():
        head = name.encode()
        pieces.append(struct.pack("<HI", len(head), len(positions)) + head)
        pieces.append(positions.astype("<u4").tobytes())
        pieces.append(bits.astype(bits.dtype.newbyteorder("<")).tobytes())
    return zlib.compress(b"".join(pieces), 9)


def decode_exceptions(
    data: bytes, lattices: Mapping[str, Quantizer], jets: int
) -> dict[str, tuple[Integers, NDArray[Any]]]:
    """The inverse of ``pack_odd``, from bytes nobody vouches for.

    Raises:
        DamagedFileError, or an error of struct or zlib: they are not such.
    """
    if not data:
        return {}
    largest = sum(len(name.encode()) + 6 + 12 * jets for name in lattices)
    unpacking = zlib.decompressobj()
    raw, at, odd = unpacking.decompress(data, largest + 1), 0, {}
    if not unpacking.eof or unpacking.unused_data:
        raise DamagedFileError("a block has more exceptions than jets, or fewer than it says")
    while at < len(raw):
        length, count = struct.unpack_from("<HI", raw, at)
        name = raw[at + 6 : at + 6 + length].decode()
        at += 6 + length
        if name not in lattices:
            raise DamagedFileError(f"a block has exceptions of an unknown feature {name!r}")
        size = np.dtype(lattices[name].dtype).itemsize
        positions = np.frombuffer(raw, "<u4", count, at).astype(np.int64)
        bits = np.frombuffer(raw, f"<u{size}", count, at + 4 * count).astype(f"u{size}")
        at += (4 + size) * count
        if name in odd or not count or positions[-1] >= jets or (np.diff(positions) <= 0).any():
            raise DamagedFileError(f"a block has exceptions of {name!r} where there are no jets")
        odd[name] = positions, bits
    return odd
