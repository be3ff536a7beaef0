"""Growing trees of questions, and cutting them back to what they are worth.

A tree grows level by level: each node asks the question that tells most about the value, in a few
classes. Then it is cut back from the ends: a question stays where the bits that it saves exceed
what its leaves cost to store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlasae.density.trees import CELLS, LEAF, Cut, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from atlasae.types import Classes, Floats, Integers, Integers32

_THRESHOLDS = 63  # that are tried of each input
_CLASSES = 40  # of the values, while the tree grows
_FEWEST = 100  # values at a node; the same fraction of many values as _FEWEST_SHARE
_FEWEST_SHARE = 1 / 2000
_WEIGHT = 200.0  # counts that draw the table of a node towards its parent's
_PRIOR = 0.5  # count of each bin before any value is seen
_BEYOND = 0.005  # fraction of an input on either side that its cells need not tell apart


@dataclass(frozen=True)
class Questions:
    """The questions of one level of a growing tree.

    Attributes:
        inputs: the input that each node asks about; ``LEAF`` where none tells anything.
        thresholds: yes is above.
    """

    inputs: Integers
    thresholds: Classes


@dataclass(frozen=True)
class GrownTree:
    """A complete tree.

    Attributes:
        cuts: of all inputs.
        levels: the questions of each level.
        ends: the end that each value comes to, shape (n,).
    """

    cuts: list[Cut]
    levels: list[Questions]
    ends: Integers


def grow(values: Integers32, rows: dict[int, Integers32], depth: int) -> GrownTree:
    """Grow a complete tree.

    Args:
        values: shape (n,).
        rows: the inputs by their number, each of shape (n,).
        depth: number of levels.
    """
    classes = _classes(values)
    cuts = [_cut(index, row) for index, row in rows.items()]
    cells = np.zeros((len(rows), len(values)), np.uint8)
    for cut, cell in zip(cuts, cells, strict=True):
        cell[:] = cut.cells(rows[cut.input])
    tried = [np.unique(np.quantile(c, _shares(_THRESHOLDS), method="nearest")) for c in cells]
    codes = [np.searchsorted(limits, cell) for limits, cell in zip(tried, cells, strict=True)]
    fewest = max(_FEWEST, int(len(values) * _FEWEST_SHARE))
    ends, levels = np.zeros(len(values), np.intp), []
    for level in range(depth):
        best, asked = np.zeros(1 << level), np.full(1 << level, LEAF)
        thresholds = np.zeros(1 << level, np.uint8)
        for index, (code, limits) in enumerate(zip(codes, tried, strict=True)):
            gain, at = _gains(ends, code, classes, (1 << level, len(limits) + 1), fewest)
            better = gain > best
            best[better], asked[better] = gain[better], index
            thresholds[better] = limits[at[better]]
        levels.append(Questions(asked, thresholds))
        own = cells[np.maximum(asked, 0)[ends], np.arange(len(values))]
        ends = 2 * ends + ((own > thresholds[ends]) & (asked[ends] != LEAF))
    return GrownTree(cuts, levels, ends)


def _cut(index: int, row: Integers32) -> Cut:
    """A cut of the bulk of an input."""
    low, high = np.quantile(row, [_BEYOND, 1 - _BEYOND], method="nearest").astype(np.int64)
    return Cut(index, int(low), max(int(high - low).bit_length() - CELLS.bit_length() + 1, 0))


def _shares(parts: int) -> Floats:
    shares: Floats = np.linspace(0, 1, parts + 2)[1:-1]
    return shares


def _classes(values: Integers32) -> Integers:
    """Classes of values with about as many in each."""
    edges = np.unique(np.quantile(values, _shares(_CLASSES - 1)))
    return np.searchsorted(edges, values)


def _gains(
    nodes: Integers, codes: Integers, classes: Integers, shape: tuple[int, int], fewest: int
) -> tuple[Floats, Integers]:
    """The bits that the best question about one input saves at each node, and its threshold."""
    if shape[1] == 1:
        return np.zeros(shape[0]), np.zeros(shape[0], np.intp)
    cells = (nodes * shape[1] + codes) * _CLASSES + classes
    counts = np.bincount(cells, minlength=shape[0] * shape[1] * _CLASSES)
    below = counts.reshape(*shape, _CLASSES).cumsum(axis=1).astype(np.float64)
    whole, below = below[:, -1:], below[:, :-1]
    above = whole - below
    gain = _entropy(whole) - _entropy(below) - _entropy(above)
    gain[(below.sum(axis=2) < fewest) | (above.sum(axis=2) < fewest)] = -1.0
    at = gain.argmax(axis=1)
    return gain[np.arange(shape[0]), at], at


def _entropy(counts: Floats) -> Floats:
    """Bits of all values with these counts of their classes, on the last axis."""
    bits: Floats = _xlogx(counts.sum(axis=-1)) - _xlogx(counts).sum(axis=-1)
    return bits


def _xlogx(x: Floats) -> Floats:
    return x * np.log2(np.maximum(x, 1.0))


class NodeTables:
    """Probabilities of the bins at every node of a grown tree, and what they cost.

    The table of a node is drawn towards that of its parent.

    Args:
        ends: the end that each value comes to, shape (n,).
        bins: the bin of each value, shape (n,).
        depth: of the tree.
        kinds: number of bins.
    """

    def __init__(self, ends: Integers, bins: Classes, depth: int, kinds: int) -> None:
        cells = np.bincount(ends * kinds + bins, minlength=kinds << depth)
        counts = [cells.reshape(-1, kinds).astype(np.float64)]
        for _ in range(depth):
            counts.insert(0, counts[0].reshape(-1, 2, kinds).sum(axis=1))
        self.shares = [_drawn(counts[0], np.full((1, kinds), 1 / kinds), _PRIOR * kinds)]
        self.costs = [_left_out(counts[0], np.full((1, kinds), 1 / kinds), _PRIOR * kinds)]
        for count in counts[1:]:
            parents = np.repeat(self.shares[-1], 2, axis=0)
            self.shares.append(_drawn(count, parents, _WEIGHT))
            self.costs.append(_left_out(count, parents, _WEIGHT))


def _drawn(counts: Floats, towards: Floats, weight: float) -> Floats:
    """Shares of counts, drawn towards others."""
    shares: Floats = (counts + weight * towards) / (counts.sum(axis=1, keepdims=True) + weight)
    return shares


def _left_out(counts: Floats, towards: Floats, weight: float) -> Floats:
    """Bits of all values, each with the shares that the others give, by row."""
    total = np.maximum(counts.sum(axis=1, keepdims=True) - 1, 0) + weight
    shares = (np.maximum(counts - 1, 0) + weight * towards) / total
    bits: Floats = -(counts * np.log2(shares)).sum(axis=1)
    return bits


def cut_back(
    grown: GrownTree, tables: NodeTables, price: float, most: int
) -> tuple[Tree, Floats, dict[int, float]]:
    """Keep the questions that are worth the price of a leaf.

    Args:
        grown: the tree.
        tables: of all nodes.
        price: of a leaf, in bits; it rises until there are at most ``most`` leaves.
        most: leaves.

    Returns:
        The tree; the shares of the bins at each leaf, shape (leaves, bins); and the bits that the
        questions about each input save.
    """
    while True:
        kept = _kept(grown.levels, tables, price)
        leaves = [(level, index) for level, index, asks in _nodes(kept) if not asks]
        if len(leaves) <= most:
            break
        price *= 1.5
    shares = np.stack([tables.shares[level][node] for level, node in leaves])
    return _tree(grown, kept), shares, _saved(grown, tables, kept)


def _saved(grown: GrownTree, tables: NodeTables, kept: list[NDArray[np.bool_]]) -> dict[int, float]:
    """The bits that the questions about each input save, by its number."""
    saved: dict[int, float] = {}
    for level, node, asks in _nodes(kept):
        if asks:
            cut = grown.cuts[grown.levels[level].inputs[node]]
            below = tables.costs[level + 1][2 * node : 2 * node + 2].sum()
            gain = float(tables.costs[level][node] - below)
            saved[cut.input] = saved.get(cut.input, 0.0) + gain
    return saved


def _kept(levels: list[Questions], tables: NodeTables, price: float) -> list[NDArray[np.bool_]]:
    """Which questions are kept, by level."""
    cost = tables.costs[-1] + price
    kept: list[NDArray[np.bool_]] = []
    for questions, own in zip(levels[::-1], tables.costs[-2::-1], strict=True):
        children = cost.reshape(-1, 2).sum(axis=1)
        keep = (children < own + price) & (questions.inputs != LEAF)
        kept.insert(0, keep)
        cost = np.where(keep, children, own + price)
    return kept


def _nodes(kept: list[NDArray[np.bool_]]) -> Iterator[tuple[int, int, bool]]:
    """Level and index of each node that is reached, and whether it asks, in the order of a tree."""
    waiting = [(0, 0)]
    while waiting:
        level, index = waiting.pop()
        asks = level < len(kept) and bool(kept[level][index])
        yield level, index, asks
        if asks:
            waiting += [(level + 1, 2 * index + 1), (level + 1, 2 * index)]


def _tree(grown: GrownTree, kept: list[NDArray[np.bool_]]) -> Tree:
    """The tree of the questions that are kept."""
    inputs, thresholds = [], []
    for level, node, asks in _nodes(kept):
        inputs.append(int(grown.levels[level].inputs[node]) if asks else LEAF)
        thresholds.append(grown.levels[level].thresholds[node] if asks else 0)
    used = sorted(set(inputs) - {LEAF})
    among = {LEAF: LEAF} | {index: i for i, index in enumerate(used)}
    return Tree(
        tuple(grown.cuts[index] for index in used),
        np.array([among[index] for index in inputs]),
        np.array(thresholds, np.uint8),
    )
