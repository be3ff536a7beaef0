"""Jets as integers, ready to be coded, and the exceptions: values that no quantizer holds."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from atlasae.errors import DamagedFileError
from atlasae.jets.table import rows_of_events
from atlasae.quantization.arithmetic import sum_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlasae.quantization.lattices import Lattice
    from atlasae.types import BitPatterns, Columns, Integers


Exceptions: TypeAlias = "dict[str, tuple[Integers, BitPatterns]]"

_PRIME = 251
_HEAD = struct.Struct("<HI")  # length of the name of a feature, number of its exceptions


@dataclass(frozen=True)
class QuantizedJets:
    """Jets as integers.

    Attributes:
        integers: by feature, in the order of coding, without their low bits.
        low: the low bits of the features that have any.
        exceptions: by feature, positions and bit patterns of the values that no quantizer holds.
        counts: number of jets per event; None for jets without events.
        seed: 32 bits, of the shifts; None without dither.
        corrections: by feature, what each of its corrections needs to know.
        overrides: like exceptions, of the values that no correction mends; with the differences of
            their bit patterns, see ``atlasae.quantization.exceptions.differences``.
    """

    integers: Columns
    low: dict[str, Integers]
    exceptions: Exceptions
    counts: Integers | None
    seed: int | None = None
    corrections: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    overrides: Exceptions = field(default_factory=dict)

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
            {name: values[rows] for name, values in self.low.items()},
            exceptions,
            None if self.counts is None else self.counts[order],
        )

    def check(self, feature: str) -> int:
        """A byte that depends on the integers of a feature: their sum modulo a prime.

        Damage is found by the checksum of a block; this tells whether the arithmetic of two
        machines agrees.
        """
        total = sum_of(self.integers[feature])
        if feature in self.low:
            total += int(self.low[feature].sum())
        return total % _PRIME


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
        pieces.append(_to_planes(np.diff(positions, prepend=0).astype(np.uint32)))
        pieces.append(_to_planes(bits))
    return zlib.compress(b"".join(pieces), 9)


def _to_planes(numbers: BitPatterns) -> bytes:
    """Unsigned integers as bytes: the lowest byte of each, then the next of each, and so on."""
    size = numbers.dtype.itemsize
    return numbers.astype(f"<u{size}").view(np.uint8).reshape(-1, size).T.tobytes()


def _from_planes(data: bytes, size: int, count: int) -> BitPatterns:
    """The inverse of ``_to_planes``.

    Raises:
        ValueError: there are too few bytes.
    """
    planes = np.frombuffer(data, np.uint8, size * count).reshape(size, count)
    return np.ascontiguousarray(planes.T).view(f"<u{size}").ravel().astype(f"u{size}")


def decode_exceptions(data: bytes, lattices: Mapping[str, Lattice], jets: int) -> Exceptions:
    """The inverse of ``encode_exceptions``, from untrusted bytes.

    Raises:
        DamagedFileError, struct.error, zlib.error: the bytes are damaged.
    """
    if not data:
        return {}
    most = sum(len(name.encode()) + _HEAD.size + 12 * jets for name in lattices)
    inflate = zlib.decompressobj()
    raw, at, exceptions = inflate.decompress(data, most + 1), 0, {}
    if not inflate.eof or inflate.unused_data:
        raise DamagedFileError("the exceptions of a block are damaged")
    while at < len(raw):
        length, count = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        name = raw[at : at + length].decode()
        at += length
        if name not in lattices:
            raise DamagedFileError(f"a block has exceptions of an unknown feature {name!r}")
        size = np.dtype(lattices[name].quantizer.dtype).itemsize
        positions = _from_planes(raw[at : at + 4 * count], 4, count).cumsum(dtype=np.int64)
        at += 4 * count
        bits = _from_planes(raw[at : at + size * count], size, count)
        at += size * count
        ascending = bool((np.diff(positions) > 0).all())
        if name in exceptions or not count or positions[-1] >= jets or not ascending:
            raise DamagedFileError(f"the positions of exceptions of {name!r} are damaged")
        exceptions[name] = positions, bits
    return exceptions


def same_exceptions(one: Exceptions, other: Exceptions) -> bool:
    """Whether two blocks have the same exceptions."""
    return one.keys() == other.keys() and all(
        np.array_equal(mine, theirs)
        for name in one
        for mine, theirs in zip(one[name], other[name], strict=True)
    )
