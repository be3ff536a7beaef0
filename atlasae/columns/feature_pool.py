"""What all columns of the same rows may be given, and what a column would take with each of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.columns.column_model import Feature, feature_cells
from atlasae.columns.scores import bits_of_cells
from atlasae.columns.terms import Kind, Term
from atlasae.lossless.slots import NO_PARENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlasae.columns.column_model import Known
    from atlasae.columns.terms import Rows
    from atlasae.types import Floats, Integers, Integers32

_MOST_SCORED = 1 << 14  # rows that features are judged by
_COARSER = (2, 4)  # shifts of cells that are tried
_MOST_COUNTS = 1 << 21  # of features that are judged at once


class FeaturePool:
    """Features of rows, with their cells in a part of the rows.

    Args:
        rows: all of them.
        known: the columns that are known.
    """

    def __init__(self, rows: Rows, known: Known) -> None:
        self._rows, self._known = rows, known
        self.judged = np.arange(0, rows.count, -(-rows.count // _MOST_SCORED) or 1)
        self.features: list[Feature] = []
        self.sizes: list[int] = []
        self._cells: list[Integers32] = []
        self._terms: set[Term] = set()
        if rows.block.slots[rows.slot].parent != NO_PARENT:
            self.add(Term(Kind.RANK))
            self.add(Term(Kind.COUNT))

    def add(self, term: Term) -> None:
        """Take a term, with its cells as they are and coarser ones; a term counts once."""
        if term in self._terms:
            return
        self._terms.add(term)
        cells, size = feature_cells(Feature(term), self._rows, self._known)
        judged = cells[self.judged].astype(np.int32)
        for shift in shifts_of(size):
            self.features.append(Feature(term, shift))
            self.sizes.append((size - 1 >> shift) + 1)
            self._cells.append(judged >> shift)

    def cells(self, index: int) -> Integers32:
        """The cells of a feature, of the rows that are judged."""
        return self._cells[index]

    def bits(self, classes: Integers, kinds: int) -> Floats:
        """Bits that classes of the judged rows would take with each feature."""
        found: Floats = np.zeros(len(self.features))
        for start, stop in self._spans(kinds):
            sizes = np.array(self.sizes[start:stop])
            firsts = np.cumsum(sizes) - sizes
            cells = np.stack(self._cells[start:stop]) + firsts[:, None]
            counts = np.bincount((cells * kinds + classes).ravel(), minlength=kinds * sizes.sum())
            per_cell = bits_of_cells(counts.reshape(-1, kinds))
            found[start:stop] = np.add.reduceat(per_cell, firsts)
        return found

    def _spans(self, kinds: int) -> Iterator[tuple[int, int]]:
        """Features that are judged at once."""
        start = room = 0
        for index, size in enumerate(self.sizes):
            cost = size * kinds + len(self.judged)
            if room + cost > _MOST_COUNTS and index > start:
                yield start, index
                start, room = index, 0
            room += cost
        if self.sizes:
            yield start, len(self.sizes)


def shifts_of(size: int) -> list[int]:
    """The shifts with which so many cells are tried."""
    return [0, *(shift for shift in _COARSER if size > 3 << shift)]
