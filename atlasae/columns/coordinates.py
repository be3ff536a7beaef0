"""Coordinates of a column: its integers, or how they differ from those of a reference."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from atlasae.columns.terms import NO_ROW

if TYPE_CHECKING:
    from atlasae.columns.integers import IntegerCode
    from atlasae.columns.terms import Term
    from atlasae.types import Integers


class Against(IntEnum):
    """How a column is coded.

    Attributes:
        NOTHING: as its integers.
        DIFFERENCE: as the difference to a reference; as its integers where there is none.
        EQUALITY: as its integers, or as one that no row has where it is equal to the reference.
    """

    NOTHING, DIFFERENCE, EQUALITY = range(3)


@dataclass(frozen=True)
class Coordinate:
    """How a column is coded.

    Attributes:
        against: what its integers are compared with.
        reference: of another column, or of itself in an earlier row.
        equal: stands for a number that is equal to the reference.

    Example:
        >>> plain = Coordinate()
        >>> plain.reference is None
        True
    """

    against: Against = Against.NOTHING
    reference: Term | None = None
    equal: int = 0

    @property
    def is_own(self) -> bool:
        """Whether the reference is an earlier row of the column itself."""
        return self.reference is not None and self.reference.is_own

    def of(
        self, whole: Integers, rows: Integers, known: Integers, code: IntegerCode
    ) -> Integers | None:
        """The coordinates of integers; None if ``equal`` is one of them.

        Args:
            whole: the integers of the column, shape (n,).
            rows: the row of the reference, ``NO_ROW`` where there is none, shape (n,).
            known: the integers of the reference, by its rows.
            code: of the column.
        """
        reference = _taken(known, rows)
        if self.against == Against.DIFFERENCE:
            return code.differences(whole, reference)
        is_equal = (whole == reference) & (rows != NO_ROW)
        if (whole == self.equal)[~is_equal].any():
            return None
        return np.where(is_equal, self.equal, whole)

    def whole(
        self, coordinates: Integers, rows: Integers, known: Integers | None, code: IntegerCode
    ) -> Integers:
        """The integers of coordinates; ``known`` is None if the reference is the column itself."""
        if self.against == Against.EQUALITY:
            is_equal = (coordinates == self.equal) & (rows != NO_ROW)
            if known is None:
                roots = _roots(np.where(is_equal, rows, NO_ROW))
                return coordinates[roots]
            return np.where(is_equal, _taken(known, rows), coordinates)
        if known is None:
            return code.sums(_sums(coordinates, rows))
        return code.sums(coordinates + _taken(known, rows))


def _taken(known: Integers, rows: Integers) -> Integers:
    """Integers by row, 0 where there is none."""
    return np.append(known, 0)[rows]  # NO_ROW is the last


def _roots(rows: Integers) -> Integers:
    """The row that each row comes from in the end, by going from row to row."""
    roots = np.where(rows == NO_ROW, np.arange(len(rows)), rows)
    while True:
        further = roots[roots]
        if np.array_equal(further, roots):
            return roots
        roots = further


def _sums(numbers: Integers, rows: Integers) -> Integers:
    """The sum of the numbers of each row and of all rows that it comes from."""
    starts = rows == NO_ROW
    if np.array_equal(rows[~starts], np.flatnonzero(~starts) - 1):  # from the row before
        sums = np.cumsum(numbers)
        firsts = np.flatnonzero(starts)
        before = sums[firsts] - numbers[firsts]
        return sums - np.repeat(before, np.diff(np.append(firsts, len(rows))))
    # each pass doubles how far a sum goes back
    sums, rows = numbers.copy(), rows.copy()
    while (rows != NO_ROW).any():
        going = np.flatnonzero(rows != NO_ROW)
        before = rows[going]
        sums[going], rows[going] = sums[going] + sums[before], rows[before]
    return sums
