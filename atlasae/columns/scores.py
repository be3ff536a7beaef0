"""What a column would take given something else, from counts alone: to choose what it is given.

A column of classes, coded with counts that both sides learn as they go, takes as many bits as
Krichevsky and Trofimov's estimator says; that depends only on how often each class stands in each
cell.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from atlasae.types import Floats, Integers

_WEIGHT = 0.4  # of a class before it is seen,
_MOST_WEIGHT = 3.2  # and of all of them


def adaptive_bits(classes: Integers, kinds: int, cells: Integers, size: int) -> float:
    """Bits of classes that are coded with counts of their own in each cell.

    Args:
        classes: shape (n,), below ``kinds``.
        kinds: number of classes.
        cells: shape (n,), below ``size``.
        size: number of cells.

    Example:
        >>> classes = np.array([0, 1] * 500)
        >>> round(adaptive_bits(classes, 2, np.zeros(1000, int), 1)) > 990
        True
        >>> adaptive_bits(classes, 2, classes, 2) < 20
        True
    """
    counts = np.bincount(cells * kinds + classes, minlength=kinds * size)
    return float(bits_of_cells(counts.reshape(size, kinds)).sum())


def bits_of_cells(counts: Integers) -> Floats:
    """Bits of the classes in each cell, from their counts, shape (cells, kinds)."""
    kinds = counts.shape[1]
    whole = min(_WEIGHT * kinds, _MOST_WEIGHT)
    totals = counts.sum(axis=1)
    size = 1 << (int(totals.max(initial=0)) + 1).bit_length()
    bits: Floats = _rising(whole, size)[totals] - _rising(whole / kinds, size)[counts].sum(axis=1)
    return bits


@lru_cache(maxsize=512)
def _rising(start: float, size: int) -> Floats:
    """Logarithm of ``start * (start + 1) * ...``, by the number of factors below ``size``."""
    rising: Floats = np.concatenate([[0.0], np.cumsum(np.log2(np.arange(size - 1) + start))])
    return rising
