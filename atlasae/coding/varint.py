"""Non-negative integers, seven bits a byte."""

from __future__ import annotations

from atlasae.errors import DamagedFileError

_LARGEST = 1 << 35  # of the numbers in a head; a longer one is damage


def encode_varint(value: int) -> bytes:
    """A whole number, seven bits a byte, the lowest first; the last byte has no high bit."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def decode_varint(data: bytes, at: int) -> tuple[int, int]:
    """The inverse: a number, and where the next byte is.

    Raises:
        IndexError: the data end before.
        DamagedFileError: the number is longer than any that is written.
    """
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if value > _LARGEST:
            raise DamagedFileError("a number in coded jets is larger than any that is written")
        if byte < 0x80:
            return value, at
        if shift > 35:
            raise DamagedFileError("a number in coded jets is longer than any that is written")
