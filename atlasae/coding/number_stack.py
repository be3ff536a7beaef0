"""Numbers in the stored form of codecs: a stack of them is one large integer.

A number from [0, size) multiplies the integer by its size, so it takes log2(size) bits and no more;
one that owns ``count`` of ``size`` slots takes log2(size / count). A stack gives back first what was
pushed last, so the writer pushes in reverse.

Source: J. Duda, arXiv:1311.2540, with a state that may grow.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from atlasae.coding.varint import decode_varint, encode_varint
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlasae.types import Integers

_BIT_LENGTHS = 64  # possible bit lengths of an integer, 0 among them


class NumberWriter:
    """Writes numbers.

    Example:
        >>> writer = NumberWriter()
        >>> writer.integer(5, size=8)
        >>> writer.signed(-300)
        >>> reader = NumberReader(writer.to_bytes())
        >>> reader.integer(size=8), reader.signed()
        (5, -300)
    """

    def __init__(self) -> None:
        self._slots: list[tuple[int, int, int]] = []  # first slot, slots, slots of all

    def integer(self, value: int, size: int) -> None:
        """Write an integer from [0, size)."""
        if not 0 <= value < size:
            raise AssertionError(f"{value} is not in [0, {size})")
        self._slots.append((value, 1, size))

    def unsigned(self, value: int) -> None:
        """Write an integer from [0, 2^63): its bit length, then the bits below the leading one."""
        length = value.bit_length()
        self.integer(length, _BIT_LENGTHS)
        leading = _leading_bit(length)
        self.integer(value - leading, max(leading, 1))

    def signed(self, value: int) -> None:
        """Write an integer from [-2^62, 2^62); the sign becomes the lowest bit."""
        self.unsigned(value << 1 ^ value >> 63)

    def real(self, value: float) -> None:
        """Write a float64 as words of 16 bits, high ones first, without zeros at the low end."""
        words = np.array([value], ">f8").view(">u2").tolist()
        while words and not words[-1]:
            words.pop()
        self.integer(len(words), 5)
        for word in words:
            self.integer(word, 1 << 16)

    def integers(self, values: Integers, size: int) -> None:
        """Write integers from [0, size), size <= 64, each in the bits that its share is worth."""
        counts = np.bincount(values, minlength=1).tolist()
        self.integer(len(counts) - 1, size)
        left = len(values)
        for count in counts[:-1]:
            self.integer(count, left + 1)
            left -= count
        firsts = np.cumsum([0, *counts]).tolist()
        self._slots += [(firsts[v], counts[v], len(values)) for v in values.tolist()]

    def to_bytes(self) -> bytes:
        """The bytes of all numbers."""
        total = 0
        for first, count, size in reversed(self._slots):
            quotient, rest = divmod(total, count)
            total = quotient * size + first + rest
        return total.to_bytes(-(-total.bit_length() // 8), "little")


class NumberReader:
    """Reads numbers in the order in which they were written; see ``NumberWriter``.

    Args:
        data: the bytes of a writer.
    """

    def __init__(self, data: bytes) -> None:
        self._total = int.from_bytes(data, "little")

    def integer(self, size: int) -> int:
        """Read an integer from [0, size)."""
        self._total, value = divmod(self._total, size)
        return value

    def unsigned(self) -> int:
        """Read an integer from [0, 2^63)."""
        leading = _leading_bit(self.integer(_BIT_LENGTHS))
        return self.integer(max(leading, 1)) + leading

    def signed(self) -> int:
        """Read an integer from [-2^62, 2^62)."""
        value = self.unsigned()
        return value >> 1 ^ -(value & 1)

    def real(self) -> float:
        """Read a float64."""
        words = np.zeros(4, ">u2")
        for i in range(min(self.integer(5), 4)):
            words[i] = self.integer(1 << 16)
        return float(words.view(">f8")[0])

    def integers(self, count: int, size: int) -> Integers:
        """Read ``count`` integers from [0, size)."""
        kinds, left, counts = self.integer(size) + 1, count, []
        for _ in range(kinds - 1):
            counts.append(self.integer(left + 1))
            left -= counts[-1]
        counts.append(left)
        firsts = [0, *accumulate(counts)]
        values = np.zeros(count, np.int64)
        for i in range(count):
            quotient, slot = divmod(self._total, count)
            values[i] = value = bisect_right(firsts, slot) - 1
            self._total = quotient * counts[value] + slot - firsts[value]
        return values


def join_stacks(stacks: Iterable[bytes]) -> bytes:
    """The bytes of several writers, each after its length (varint).

    Example:
        >>> split_stacks(join_stacks([b"one", b""]))
        [b'one', b'']
    """
    return b"".join(encode_varint(len(stack)) + stack for stack in stacks)


def split_stacks(data: bytes) -> list[bytes]:
    """Undo ``join_stacks``.

    Raises:
        DamagedFileError: the bytes are not those of stacks.
    """
    stacks, at = [], 0
    while at < len(data):
        try:
            size, at = decode_varint(data, at)
        except IndexError as error:
            raise DamagedFileError("the stored numbers are cut off") from error
        stacks.append(data[at : at + size])
        at += size
    if at != len(data) or not stacks:
        raise DamagedFileError("the stored numbers are cut off")
    return stacks


def _leading_bit(length: int) -> int:
    """The leading bit of integers of this bit length; 0 for 0.

    Example:
        >>> [_leading_bit(length) for length in (0, 1, 4)]
        [0, 1, 8]
    """
    return 1 << length >> 1
