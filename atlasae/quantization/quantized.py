"""Jets as integers, ready to be coded, and the exceptions: values that no quantizer holds."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from atlasae.errors import DamagedFileError
from atlasae.jets.table import rows_of_events
from atlasae.quantization.quantizers import FloatQuantizer, IntegerQuantizer, Quantizer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlasae.types import BitPatterns, Columns, Integers


Exceptions: TypeAlias = "dict[str, tuple[Integers, BitPatterns]]"

FINE_BITS = 16  # low bits of 64-bit integers, coded as plain bits; the density models the rest
_HEAD = struct.Struct("<HI")  # length of the name of a feature, number of its exceptions


@dataclass(frozen=True)
class QuantizedJets:
    """Jets as integers.

    Attributes:
        integers: by feature, in the order of coding, without their low bits.
        fine: the low bits of the features whose integers have more bits than the density models.
        exceptions: by feature, positions and bit patterns of the values that no quantizer holds.
        counts: number of jets per event; None for jets without events.
    """

    integers: Columns
    fine: Columns
    exceptions: Exceptions
    counts: Integers | None

    def reordered(self, order: Integers) -> QuantizedJets:
        """The same jets with their events, or jets without events, in another order.

        Args:
            order: position of each event before, shape (events,).
        """
        rows = order if self.counts is None else rows_of_events(self.counts, order)
        position = np.empty(len(rows), np.int64)
        position[rows] = np.arange(len(rows))
        exceptions = {}
        for name, (before, bits) in self.exceptions.items():
            after = position[before]
            ascending = np.argsort(after)
            exceptions[name] = after[ascending], bits[ascending]
        return QuantizedJets(
            {name: values[rows] for name, values in self.integers.items()},
            {name: values[rows] for name, values in self.fine.items()},
            exceptions,
            None if self.counts is None else self.counts[order],
        )

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
        same &= self.exceptions.keys() == other.exceptions.keys() and all(
            np.array_equal(mine, theirs)
            for name in self.exceptions
            for mine, theirs in zip(self.exceptions[name], other.exceptions[name], strict=True)
        )
        if self.counts is None or other.counts is None:
            return same and self.counts is other.counts
        return same and np.array_equal(self.counts, other.counts)


def coarse_quantizer(quantizer: Quantizer) -> tuple[Quantizer, int]:
    """The quantizer of the high bits of the integers, and the number of low bits left out."""
    if np.dtype(quantizer.dtype).itemsize == 8:
        if isinstance(quantizer, FloatQuantizer):
            return FloatQuantizer(quantizer.dtype, quantizer.shift + FINE_BITS), FINE_BITS
        if isinstance(quantizer, IntegerQuantizer):
            return quantizer, FINE_BITS
    return quantizer, 0


def phi_origin(integers: Integers, circle: int) -> int:
    """The middle of the turn that most integers of phi lie in: 0, or half a circle up or down.

    With it phi from 0 to 2 pi costs no more than phi from -pi to pi.
    """
    half = circle // 2
    return min((0, half, -half), key=lambda origin: np.sum(np.abs(integers - origin) > half))


def encode_exceptions(exceptions: Exceptions) -> bytes:
    """Positions and bit patterns by feature, compressed; no bytes if there are none."""
    if not exceptions:
        return b""
    pieces = []
    for name, (positions, bits) in exceptions.items():
        encoded_name = name.encode()
        pieces.append(_HEAD.pack(len(encoded_name), len(positions)) + encoded_name)
        pieces.append(positions.astype("<u4").tobytes())
        pieces.append(bits.astype(bits.dtype.newbyteorder("<")).tobytes())
    return zlib.compress(b"".join(pieces), 9)


def decode_exceptions(data: bytes, quantizers: Mapping[str, Quantizer], jets: int) -> Exceptions:
    """The inverse of ``encode_exceptions``, from untrusted bytes.

    Raises:
        DamagedFileError, struct.error, zlib.error: the bytes are damaged.
    """
    if not data:
        return {}
    most = sum(len(name.encode()) + _HEAD.size + 12 * jets for name in quantizers)
    inflate = zlib.decompressobj()
    raw, at, exceptions = inflate.decompress(data, most + 1), 0, {}
    if not inflate.eof or inflate.unused_data:
        raise DamagedFileError("the exceptions of a block are damaged")
    while at < len(raw):
        length, count = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        name = raw[at : at + length].decode()
        at += length
        if name not in quantizers:
            raise DamagedFileError(f"a block has exceptions of an unknown feature {name!r}")
        size = np.dtype(quantizers[name].dtype).itemsize
        positions = np.frombuffer(raw, "<u4", count, at).astype(np.int64)
        bits = np.frombuffer(raw, f"<u{size}", count, at + 4 * count).astype(f"u{size}")
        at += (4 + size) * count
        ascending = bool((np.diff(positions) > 0).all())
        if name in exceptions or not count or positions[-1] >= jets or not ascending:
            raise DamagedFileError(f"the positions of exceptions of {name!r} are damaged")
        exceptions[name] = positions, bits
    return exceptions
