"""Non-negative integers of any size, seven bits per byte (LEB128)."""

from __future__ import annotations

from atlasae.errors import DamagedFileError

_LARGEST = 1 << 35  # no header holds a larger number


def encode_varint(value: int) -> bytes:
    r"""Encode a non-negative integer, low bits first; the last byte has its high bit clear.

    Example:
        >>> encode_varint(5), encode_varint(300)
        (b'\x05', b'\xac\x02')
    """
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def decode_varint(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """Decode the integer that starts at byte ``at``.

    Returns:
        The integer, and the position of the byte after it.

    Raises:
        IndexError: the data end inside the integer.
        DamagedFileError: the integer is larger than any that atlasae writes.

    Example:
        >>> decode_varint(encode_varint(300) + b"rest", 0)
        (300, 2)
    """
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if value > _LARGEST:
            raise DamagedFileError(f"the number {value} is larger than the limit {_LARGEST}")
        if byte < 0x80:
            return value, at
        if shift > 35:
            raise DamagedFileError("a number takes more than five bytes")
