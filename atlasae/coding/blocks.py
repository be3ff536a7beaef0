"""Blocks of coded jets, each decodable alone, and streams of them."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from atlasae.coding.varint import decode_varint, encode_varint
from atlasae.errors import DamagedFileError, VersionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

MAGIC = b"atl\x01"  # the last byte is the format's version
BLOCK_JETS = 131_072  # about as many in a block
_CHECKSUM = struct.Struct("<I")


@dataclass(frozen=True)
class Block:
    """Some thousand jets as bytes.

    Attributes:
        events: how many there are; None for jets without events.
        jets: how many there are.
        payload: what the codec wrote.
        checksum: of all that, and of the integers that the payload decodes to: one number tells
            damage, and a codec that is not the one that wrote it.
        name: what errors call it.
        order: positions of its events, or jets, among those that were given, where it has them
            in another order; not stored.
    """

    events: int | None
    jets: int
    payload: bytes
    checksum: int
    name: str = "a block"
    order: NDArray[np.int64] | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls,
        events: int | None,
        jets: int,
        payload: bytes,
        content: int,
        order: NDArray[np.int64] | None = None,
    ) -> Block:
        """A block whose integers have the checksum ``content``."""
        checksum = _checksum(events, jets, payload, content)
        return cls(events, jets, payload, checksum, order=order)

    def check(self, content: int) -> None:
        """Raise DamagedFileError unless the integers decoded have the checksum of those coded."""
        if _checksum(self.events, self.jets, self.payload, content) != self.checksum:
            raise DamagedFileError("its checksum does not agree: damaged, or of another codec")


def _checksum(events: int | None, jets: int, payload: bytes, content: int) -> int:
    head = b"".join(map(encode_varint, (_or_flat(events), jets, content)))
    return zlib.crc32(payload, zlib.crc32(head))


def _or_flat(events: int | None) -> int:
    """The number of events, one up; 0 for jets without events."""
    return 0 if events is None else events + 1


def join_blocks(blocks: Iterable[Block]) -> bytes:
    """Blocks as one stream: how many, a row for each, then their payloads.

    A row is events, jets, bytes, and the checksum mixed with the place, so that blocks in another
    order are noticed.
    """
    blocks = list(blocks)
    head = [MAGIC, encode_varint(len(blocks))]
    for place, block in enumerate(blocks):
        numbers = (_or_flat(block.events), block.jets, len(block.payload))
        head += [*map(encode_varint, numbers), _CHECKSUM.pack(_placed(block.checksum, place))]
    return b"".join([*head, *(block.payload for block in blocks)])


def split_blocks(stream: bytes) -> Iterator[Block]:
    """The blocks of a stream, to be checked when they are decoded.

    Raises:
        DamagedFileError: this is no such stream, or it is cut short.
        VersionError: it has a newer format.
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
        rows, start = _read_head(stream, len(MAGIC))
    except (IndexError, struct.error) as error:
        raise DamagedFileError("the stream of coded jets is cut short") from error
    if start + sum(length for _, _, length, _ in rows) != len(stream):
        raise DamagedFileError("the stream of coded jets is cut short, or has more than its blocks")
    for place, (events, jets, length, checksum) in enumerate(rows):
        yield Block(
            events - 1 if events else None,
            jets,
            stream[start : start + length],
            _placed(checksum, place),
            f"block {place} of {len(rows)}",
        )
        start += length


def _read_head(stream: bytes, at: int) -> tuple[list[tuple[int, int, int, int]], int]:
    """The rows of a stream, and where the payloads start."""
    count, at = decode_varint(stream, at)
    rows = []
    for _ in range(count):  # ends with the stream, whatever the count says
        events, at = decode_varint(stream, at)
        jets, at = decode_varint(stream, at)
        length, at = decode_varint(stream, at)
        (checksum,) = _CHECKSUM.unpack_from(stream, at)
        at += _CHECKSUM.size
        rows.append((events, jets, length, checksum))
    return rows, at


def _placed(checksum: int, place: int) -> int:
    """The checksum of a block at its place in a stream, and back."""
    return checksum ^ zlib.crc32(encode_varint(place))
