"""Blocks of coded jets, each decodable alone, and streams of them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from atlasae.errors import DamagedFileError

MAGIC = b"atlasae\x01"  # the last byte is the format's version
_COUNT = struct.Struct("<I")
_ROW = struct.Struct("<IIII")  # events, jets, bytes, checksum
BLOCK_JETS = 65_536  # about as many in a block
FLAT = 0xFFFFFFFF  # events of a block of jets that stand in none


@dataclass(frozen=True)
class Block:
    """Some thousand jets as bytes.

    Attributes:
        events: how many there are; None for jets without events.
        jets: how many there are.
        payload: what the codec wrote.
        checksum: CRC-32 of the two numbers and the payload.
    """

    events: int | None
    jets: int
    payload: bytes
    checksum: int

    @classmethod
    def of(cls, events: int | None, jets: int, payload: bytes) -> Block:
        """A block with its checksum."""
        return cls(events, jets, payload, _checksum(events, jets, payload))

    def check(self, where: str) -> None:
        """Raise DamagedFileError unless the checksum is that of the content."""
        if _checksum(self.events, self.jets, self.payload) != self.checksum:
            raise DamagedFileError(f"{where} is damaged: its checksum does not agree")


def _checksum(events: int | None, jets: int, payload: bytes) -> int:
    head = struct.pack("<II", FLAT if events is None else events, jets)
    return zlib.crc32(payload, zlib.crc32(head))


def join(blocks: Iterable[Block]) -> bytes:
    """Blocks as one stream: a table of them with a checksum of its own, then their payloads."""
    blocks = list(blocks)
    table = _COUNT.pack(len(blocks)) + b"".join(
        _ROW.pack(
            FLAT if block.events is None else block.events,
            block.jets,
            len(block.payload),
            block.checksum,
        )
        for block in blocks
    )
    payloads = b"".join(block.payload for block in blocks)
    return MAGIC + table + _COUNT.pack(zlib.crc32(table)) + payloads


def split(stream: bytes) -> Iterator[Block]:
    """The blocks of a stream, each checked.

    Raises:
        DamagedFileError: the stream is of another kind or version, cut short, or damaged.
    """
    if stream[: len(MAGIC) - 1] != MAGIC[:-1] or len(stream) < len(MAGIC):
        raise DamagedFileError("not a stream of coded jets")
    if stream[len(MAGIC) - 1] > MAGIC[-1]:
        raise DamagedFileError(
            f"the stream has format {stream[len(MAGIC) - 1]}, this atlasae reads up to {MAGIC[-1]}:"
            " upgrade with pip install -U atlasae"
        )
    try:
        (count,) = _COUNT.unpack_from(stream, len(MAGIC))
        end = len(MAGIC) + _COUNT.size + count * _ROW.size
        table = stream[len(MAGIC) : end]
        (checksum,) = _COUNT.unpack_from(stream, end)
    except struct.error as error:
        raise DamagedFileError("the stream of coded jets is cut short") from error
    if zlib.crc32(table) != checksum or stream[len(MAGIC) - 1] != MAGIC[-1]:
        raise DamagedFileError("the head of the stream of coded jets is damaged")
    start = end + _COUNT.size
    rows = list(_ROW.iter_unpack(table[_COUNT.size :]))
    if start + sum(length for _, _, length, _ in rows) != len(stream):
        raise DamagedFileError("the stream of coded jets is cut short, or has more than its blocks")
    for number, (events, jets, length, own) in enumerate(rows):
        block = Block(None if events == FLAT else events, jets, stream[start : start + length], own)
        block.check(f"block {number} of {count}")
        start += length
        yield block
