"""Choosing bins: ranges that halve where that saves more bits than a bin costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlasae.density.bins import Bins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.types import Classes, Floats, Integers, Integers32

_BULK = 0.02  # fraction of the values on either side that does not count for the bulk
_SPIKE = 32  # equal values, from here on
_DEARER = 1.3  # factor between prices that are tried


def fit_bins(values: Integers32, most: int, price: float) -> Bins:
    """The bins with which one table codes these values at least cost.

    A range that holds all values is halved again and again. Of all ways to stop, the best is found
    from the narrowest ranges up: the bits of the values and the price of the bins add up. Empty
    ranges wider than the bulk of the values, or beside a value that many have, get no bin.

    Args:
        values: shape (n,), n > 0.
        most: the most bins, apart from that of all other integers; the price rises until it holds.
        price: of a bin, in bits.

    Example:
        >>> bins = fit_bins(np.repeat(np.array([3, 900], np.int32), 1000), 10, price=5.0)
        >>> bins.lows, bins.widths
        (array([  3, 900]), array([0, 0], dtype=uint8))
    """
    low = int(values.min())
    depth = (int(values.max()) - low).bit_length()
    low = min(low, (1 << 31) - (1 << depth))  # so that no range ends beyond all integers
    span = np.subtract(*np.quantile(values, [1 - _BULK, _BULK]))
    bulk = int(max(span, 1)).bit_length()
    levels = _count(np.sort(values.astype(np.int64)) - low, depth)
    while True:
        lows, widths = _best_ranges(levels, len(values), price, bulk)
        if len(lows) <= most:
            return Bins(lows + low, widths)
        price *= _DEARER


@dataclass(frozen=True)
class _Level:
    """The ranges of one width that hold values.

    Attributes:
        cells: their lowest value over the width, ascending.
        counts: number of values.
        firsts: index of the first half of each range in the level below.
        distinct: number of different values.
    """

    cells: Integers
    counts: Integers
    firsts: Integers
    distinct: Integers

    @property
    def is_spike(self) -> NDArray[np.bool_]:
        """Whether all values of a range are the same, and many."""
        is_spike: NDArray[np.bool_] = (self.distinct == 1) & (self.counts >= _SPIKE)
        return is_spike


def _count(ordered: Integers, depth: int) -> list[_Level]:
    """The levels of width 1, 2, 4, ... up to one range for all values."""
    cells, counts = np.unique(ordered, return_counts=True)
    levels = [_Level(cells, counts, np.arange(len(cells)), np.ones_like(cells))]
    for _ in range(depth):
        below, wider = levels[-1], levels[-1].cells >> 1
        is_first = np.ones(len(wider), bool)
        np.not_equal(wider[1:], wider[:-1], out=is_first[1:])
        firsts = np.flatnonzero(is_first)
        if len(firsts) == len(wider):  # as it is for the narrow ones: nothing to add up
            levels.append(_Level(wider, below.counts, firsts, below.distinct))
            continue
        counts = np.add.reduceat(below.counts, firsts)
        distinct = np.add.reduceat(below.distinct, firsts)
        levels.append(_Level(wider[firsts], counts, firsts, distinct))
    return levels


def _best_ranges(
    levels: list[_Level], total: int, price: float, bulk: int
) -> tuple[Integers, Classes]:
    """Lowest value and log2 of the width of the ranges that cost least."""
    best: Floats = np.zeros(0)
    halved: list[NDArray[np.bool_]] = []
    for width, level in enumerate(levels):
        whole = level.counts * (np.log2(total / level.counts) + width) + price
        if width == 32:  # wider than a bin can be
            whole[:] = np.inf
        if not width:
            best = whole
            halved.append(np.zeros(len(whole), bool))
            continue
        halves = np.add.reduceat(best, level.firsts)
        if width <= bulk:  # an empty half has a bin
            empty = np.full(len(whole), 2)
            empty[:-1] -= level.firsts[1:] - level.firsts[:-1]
            empty[-1] -= len(best) - level.firsts[-1]
            halves += empty * price * ~level.is_spike
        halved.append(halves < whole)
        best = np.minimum(whole, halves)
    return _collect(levels, halved, bulk)


def _collect(
    levels: list[_Level], halved: list[NDArray[np.bool_]], bulk: int
) -> tuple[Integers, Classes]:
    lows, widths = [], []
    cells, has_bin = np.zeros(1, np.int64), np.zeros(1, bool)
    for width in range(len(levels) - 1, -1, -1):
        if not len(cells):  # all ranges are chosen
            break
        level = levels[width]
        at = np.minimum(np.searchsorted(level.cells, cells), len(level.cells) - 1)
        is_filled = level.cells[at] == cells
        is_halved = is_filled & halved[width][at]
        kept = cells[~is_halved & (is_filled | has_bin)]
        lows.append(kept << width)
        widths.append(np.full(len(kept), width, np.uint8))
        has_bin = np.repeat(~level.is_spike[at[is_halved]] & (width <= bulk), 2)
        cells = np.repeat(cells[is_halved] * 2, 2) + np.tile([0, 1], int(is_halved.sum()))
    order = np.argsort(np.concatenate(lows))
    return np.concatenate(lows)[order], np.concatenate(widths)[order]
