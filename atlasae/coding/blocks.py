"""Blocks of coded jets, and the stream format that joins them.

A block holds about ``BLOCK_JETS`` jets and decodes without the other blocks. A stream starts with
``MAGIC`` and the number of blocks; then comes one row per block (events, jets, payload length,
checksum); then the payloads.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from atlasae.coding.varint import decode_varint, encode_varint
from atlasae.errors import DamagedFileError, VersionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from atlasae.types import Integers

MAGIC = b"atl\x01"  # the last byte is the version of the format
BLOCK_JETS = 131_072  # jets in a block, about
_CHECKSUM = struct.Struct("<I")


@dataclass(frozen=True)
class Block:
    """Coded jets that decode without other blocks.

    Attributes:
        events: number of events; None for jets without events.
        jets: number of jets.
        payload: bytes that the codec wrote.
        checksum: CRC-32 of the above and of the integers that the payload decodes to. It detects
            damage as well as a wrong codec.
        name: how error messages call the block.
        order: positions of the block's events (or jets) among those given, where the codec
            reordered them; not stored.
    """

    events: int | None
    jets: int
    payload: bytes
    checksum: int
    name: str = "a block"
    order: Integers | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls,
        events: int | None,
        jets: int,
        payload: bytes,
        content: int,
        order: Integers | None = None,
    ) -> Block:
        """A block from its payload and ``content``, the checksum of the integers in it.

        Example:
            >>> block = Block.of(None, 2, b"coded", content=7)
            >>> block.check(7)
            >>> block.check(8)
            Traceback (most recent call last):
                ...
            atlasae.errors.DamagedFileError: wrong checksum: damaged, or of another codec
        """
        checksum = _checksum(events, jets, payload, content)
        return cls(events, jets, payload, checksum, order=order)

    def check(self, content: int) -> None:
        """Verify the checksum, given the checksum of the decoded integers.

        Raises:
            DamagedFileError: the block is damaged, or another codec wrote it.
        """
        if _checksum(self.events, self.jets, self.payload, content) != self.checksum:
            raise DamagedFileError("wrong checksum: damaged, or of another codec")


def _checksum(events: int | None, jets: int, payload: bytes, content: int) -> int:
    header = b"".join(map(encode_varint, (_stored_events(events), jets, content)))
    return zlib.crc32(payload, zlib.crc32(header))


def _stored_events(events: int | None) -> int:
    """The number of events plus one; 0 for jets without events."""
    return 0 if events is None else events + 1


def join_blocks(blocks: Iterable[Block]) -> bytes:
    """Join blocks into a stream.

    The stored checksum depends on the block's position, so that swapped blocks are detected.

    Example:
        >>> stream = join_blocks([Block.of(None, 2, b"coded", content=7)])
        >>> [(block.name, block.jets, block.payload) for block in split_blocks(stream)]
        [('block 0 of 1', 2, b'coded')]
    """
    blocks = list(blocks)
    header = [MAGIC, encode_varint(len(blocks))]
    for position, block in enumerate(blocks):
        numbers = (_stored_events(block.events), block.jets, len(block.payload))
        checksum = _at_position(block.checksum, position)
        header += [*map(encode_varint, numbers), _CHECKSUM.pack(checksum)]
    return b"".join([*header, *(block.payload for block in blocks)])


def split_blocks(stream: bytes) -> Iterator[Block]:
    """Split a stream into blocks; their checksums are verified when they are decoded.

    Raises:
        DamagedFileError: this is not such a stream, or it is truncated or too long.
        VersionError: the stream has a newer format.
    """
    version = len(MAGIC) - 1
    if stream[:version] != MAGIC[:version] or len(stream) <= version or not stream[version]:
        raise DamagedFileError("not a stream of coded jets")
    if stream[version] > MAGIC[version]:
        raise VersionError(
            f"the stream has format {stream[version]}, this atlasae reads up to {MAGIC[version]}:"
            " upgrade with pip install -U atlasae"
        )
    try:
        rows, start = _read_header(stream, len(MAGIC))
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
            _at_position(checksum, position),
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


def _at_position(checksum: int, position: int) -> int:
    """Mix a position into a block's checksum; applied twice, the checksum itself."""
    return checksum ^ zlib.crc32(encode_varint(position))
