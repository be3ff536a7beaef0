"""Low bits of coordinates, which are plain.

A difference of two floats counts in the steps of their mantissas, which are finer the smaller the
floats are. Where differences are as large for small floats as for large ones, those of small floats
have more low bits that say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlasae.coding.entropy import BitClasses
from atlasae.columns.terms import NO_ROW

if TYPE_CHECKING:
    from atlasae.columns.integers import IntegerCode
    from atlasae.types import Classes, Integers, Integers32

MOST_LOW = 32  # bits
MOST_FINE = 16  # bits more of the finest differences
#: Low bits by their number; those of 32 bits count from the least int32.
KINDS = BitClasses(
    np.append(np.zeros(MOST_LOW, np.int64), -(1 << 31)), np.arange(MOST_LOW + 1, dtype=np.uint8)
)


@dataclass(frozen=True)
class LowBits:
    """How many low bits coordinates have.

    Attributes:
        fixed: of all coordinates.
        exponent: of references that have no more; those of smaller ones have a bit more for each
            factor of two. 0 if it does not depend on the reference.

    Example:
        >>> high, low = LowBits(2).split(np.array([13, -1]), LowBits(2).widths(2))
        >>> high, low
        (array([ 3, -1]), array([1, 3], dtype=int32))
        >>> LowBits(2).joined(high.astype(np.int32), low, LowBits(2).widths(2))
        array([13, -1])
    """

    fixed: int = 0
    exponent: int = 0

    @property
    def is_any(self) -> bool:
        """Whether there are low bits."""
        return self.fixed > 0 or self.exponent > 0

    def widths(self, count: int) -> Classes:
        """The number of low bits of coordinates that do not depend on a reference."""
        return np.full(count, self.fixed, np.uint8)

    def widths_by(self, known: Integers, rows: Integers, code: IntegerCode) -> Classes:
        """The number of low bits of each coordinate.

        Args:
            known: the integers of the reference, by its rows.
            rows: the row of the reference, ``NO_ROW`` where there is none, shape (n,).
            code: of the column.
        """
        if not self.exponent or not len(known):
            return self.widths(len(rows))
        exponents = code.exponents(known[np.maximum(rows, 0)])
        finer = np.clip(self.exponent - exponents, 0, MOST_FINE)
        return (self.fixed + np.where(rows == NO_ROW, 0, finer)).astype(np.uint8)

    @staticmethod
    def split(coordinates: Integers, widths: Classes) -> tuple[Integers, Integers32]:
        """The high part of coordinates, and their low bits as ``KINDS`` has them."""
        bits = widths.astype(np.int64)
        low = coordinates & ((1 << bits) - 1)
        return coordinates >> bits, (low + KINDS.lows[widths]).astype(np.int32)

    @staticmethod
    def joined(high: Integers32, low: Integers32, widths: Classes) -> Integers:
        """Undo ``split``."""
        bits = widths.astype(np.int64)
        return (high.astype(np.int64) << bits) | (low - KINDS.lows[widths])
