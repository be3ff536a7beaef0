"""Blocks of coded jets, and the stream format that joins them.

A block holds about ``BLOCK_JETS`` jets and decodes without the other blocks. A stream starts with
``MAGIC``, the fingerprint of the codec and the number of blocks; then comes one row per block
(events, jets, payload length, checksum); then the payloads.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from atlasae.coding.varint import decode_varint, encode_varint
from atlasae.errors import DamagedFileError, VersionError, require_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from atlasae.types import Integers

MAGIC = b"atl\x01"  # the last byte is the version of the format
FINGERPRINT_BYTES = 4  # of the codec, in a stream
BLOCK_JETS = 131_072  # jets in a block, about
_CHECKSUM = struct.Struct("<I")


class Cost(NamedTuple):
    """What it costs to keep quantities of events.

    Attributes:
        events: number of events, or of jets without events, with values that are exact for it.
        bytes: that these values take.
    """

    events: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Block:
    """Coded jets that decode without other blocks.

    Attributes:
        events: number of events; None for jets without events.
        jets: number of jets.
        payload: bytes that the codec wrote.
        checksum: CRC-32 of the above. What is stored is this number ``bound_to`` its place.
        name: how error messages call the block.
        order: positions of the block's events (or jets) among those given, where the codec
            reordered them; not stored.
        cost: of the quantities that the codec keeps; not stored.
    """

    events: int | None
    jets: int
    payload: bytes
    checksum: int
    name: str = "a block"
    order: Integers | None = field(default=None, compare=False)
    cost: Cost = field(default=Cost(), compare=False)

    @classmethod
    def of(
        cls, events: int | None, jets: int, payload: bytes, order: Integers | None = None
    ) -> Block:
        """A block with its checksum.

        Example:
            >>> Block.of(None, 2, b"coded").check()
            >>> Block(None, 2, b"coded", checksum=8).check()
            Traceback (most recent call last):
                ...
            atlasae.errors.DamagedFileError: wrong checksum: damaged, or of another codec
        """
        return cls(events, jets, payload, _checksum(events, jets, payload), order=order)

    def check(self) -> None:
        """Verify the checksum.

        Raises:
            DamagedFileError: the block is damaged, or another codec wrote it.
        """
        if _checksum(self.events, self.jets, self.payload) != self.checksum:
            raise DamagedFileError("wrong checksum: damaged, or of another codec")


def _checksum(events: int | None, jets: int, payload: bytes) -> int:
    header = b"".join(map(encode_varint, (_stored_events(events), jets)))
    return zlib.crc32(payload, zlib.crc32(header))


def _stored_events(events: int | None) -> int:
    """The number of events plus one; 0 for jets without events."""
    return 0 if events is None else events + 1


def bound_to(checksum: int, place: bytes) -> int:
    """A checksum that depends on the place of its block too; applied twice, the checksum itself.

    Example:
        >>> stored = bound_to(1234, b"the first block")
        >>> bound_to(stored, b"the first block"), bound_to(stored, b"the second") == 1234
        (1234, False)
    """
    return checksum ^ zlib.crc32(place)


def join_blocks(blocks: Iterable[Block], fingerprint: bytes) -> bytes:
    """Join blocks into a stream.

    The stored checksums depend on the codec and on the position of the block, so that blocks of
    another codec and swapped blocks are detected.

    Args:
        blocks: in their order.
        fingerprint: of the codec, ``FINGERPRINT_BYTES`` bytes.

    Example:
        >>> stream = join_blocks([Block.of(None, 2, b"coded")], b"CODE")
        >>> [(block.name, block.jets, block.payload) for block in split_blocks(stream, b"CODE")]
        [('block 0 of 1', 2, b'coded')]
    """
    blocks = list(blocks)
    header = [MAGIC, fingerprint, encode_varint(len(blocks))]
    for position, block in enumerate(blocks):
        numbers = (_stored_events(block.events), block.jets, len(block.payload))
        checksum = bound_to(block.checksum, _place(fingerprint, position, len(blocks)))
        header += [*map(encode_varint, numbers), _CHECKSUM.pack(checksum)]
    return b"".join([*header, *(block.payload for block in blocks)])


def split_blocks(stream: bytes, fingerprint: bytes) -> Iterator[Block]:
    """Split a stream into blocks; their checksums are verified when they are decoded.

    Args:
        stream: that ``join_blocks`` gave.
        fingerprint: of the codec that is to decode it.

    Raises:
        InputError: it does not consist of bytes.
        DamagedFileError: this is not such a stream, it is truncated or too long, or another codec
            wrote it.
        VersionError: the stream has a newer format.
    """
    require_bytes(stream, "coded jets")
    version = len(MAGIC) - 1
    if stream[:version] != MAGIC[:version] or len(stream) <= version or not stream[version]:
        raise DamagedFileError("not a stream of coded jets")
    if stream[version] > MAGIC[version]:
        raise VersionError(
            f"the stream has format {stream[version]}, this atlasae reads up to {MAGIC[version]}:"
            " upgrade with pip install -U atlasae"
        )
    start = len(MAGIC) + FINGERPRINT_BYTES
    written = stream[len(MAGIC) : start]
    if len(written) == FINGERPRINT_BYTES and written != fingerprint:
        raise DamagedFileError(
            f"the stream was written by codec {written.hex()}, not by this one,"
            f" {fingerprint.hex()}: decode it with the codec that encoded it"
        )
    try:
        rows, start = _read_header(stream, start)
    except (IndexError, struct.error) as error:
        raise DamagedFileError("the stream of coded jets is truncated") from error
    expected = start + sum(length for _, _, length, _ in rows)
    if expected != len(stream):
        raise DamagedFileError(
            f"the stream of coded jets has {len(stream)} bytes, its header says {expected}"
        )
    for position, (events, jets, length, checksum) in enumerate(rows):
        yield Block(
            events - 1 if events else None,
            jets,
            stream[start : start + length],
            bound_to(checksum, _place(fingerprint, position, len(rows))),
            f"block {position} of {len(rows)}",
        )
        start += length


def _read_header(stream: bytes, at: int) -> tuple[list[tuple[int, int, int, int]], int]:
    """The rows of a stream, and where the payloads start."""
    count, at = decode_varint(stream, at)
    rows = []
    for _ in range(count):  # a false count ends with the stream
        events, at = decode_varint(stream, at)
        jets, at = decode_varint(stream, at)
        length, at = decode_varint(stream, at)
        (checksum,) = _CHECKSUM.unpack_from(stream, at)
        at += _CHECKSUM.size
        rows.append((events, jets, length, checksum))
    return rows, at


def _place(fingerprint: bytes, position: int, count: int) -> bytes:
    """Where in a stream a block stands."""
    return fingerprint + encode_varint(position) + encode_varint(count)


def block_edges(counts: NDArray[np.integer] | None, jets: int) -> list[int]:
    """Edges of blocks of about ``BLOCK_JETS`` jets, in whole events; at least one block.

    Args:
        counts: number of jets per event; None for jets without events.
        jets: number of jets.

    Example:
        >>> block_edges(None, 200_000)
        [0, 131072, 200000]
    """
    if counts is None:
        return [*range(0, max(jets, 1), BLOCK_JETS), jets]
    edges, ends = [0], np.cumsum(counts)
    while edges[-1] < len(ends) or len(edges) == 1:
        before = ends[edges[-1] - 1] if edges[-1] else 0
        reach = int(np.searchsorted(ends, before + BLOCK_JETS, side="right"))
        edges.append(min(max(reach, edges[-1] + 1), edges[-1] + 4 * BLOCK_JETS, len(ends)))
    return edges
