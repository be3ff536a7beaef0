"""The stored form of a jet density; each part is written and read by a pair of functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from atlasae.coding.number_stack import NumberReader, NumberWriter
from atlasae.density.bins import MOST_BINS, Bins
from atlasae.density.conditional import Conditional
from atlasae.density.jet_density import MOST_COUNTS, JetDensity, count_bins, fit_counts
from atlasae.density.leaf_tables import LEVELS, MOST_DIFFERENCE, LeafTables
from atlasae.density.trees import CELLS, LEAF, MOST_LEAVES, Cut, Tree
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.density.feature_layout import FeatureLayout

D = TypeVar("D", bound=JetDensity)

_MOST_INPUTS = 1 << 12
_SHIFTS = 32  # possible shifts of a cut
_GAP, _CELL, _HALVED = range(3)  # what a range of integers is
_DIFFERENCES = 2 * MOST_DIFFERENCE + 1


def write_jet_density(writer: NumberWriter, density: JetDensity) -> list[bytes]:
    """Write a density without its layout, and give its conditionals, each a stack of its own."""
    conditionals = []
    writer.integer(int(density.in_events), 2)
    for key in density.keys(density.layout):
        conditional = density.conditionals.get(key)
        writer.integer(int(conditional is not None), 2)
        if conditional is not None:
            conditionals.append(_stored(conditional))
    if density.in_events:
        counts = density.jets_per_event
        writer.integer(len(counts.bins) - len(count_bins(0)), MOST_COUNTS + 1)
        write_tables(writer, counts.leaves)
    return conditionals


def read_jet_density(
    reader: NumberReader,
    conditionals: Sequence[bytes],
    layout: FeatureLayout,
    kind: type[D],
) -> D:
    """Read a density of a kind, with this layout.

    Raises:
        DamagedFileError: the bytes are not such a density.
    """
    in_events = bool(reader.integer(2))
    keys = [key for key in kind.keys(layout) if reader.integer(2)]
    if len(keys) != len(conditionals):
        raise DamagedFileError("the stored density is damaged: it lacks distributions")
    distributions = {
        key: read_conditional(NumberReader(stored))
        for key, stored in zip(keys, conditionals, strict=True)
    }
    if not in_events:
        return kind(layout, distributions, fit_counts(None), in_events)
    bins = count_bins(reader.integer(MOST_COUNTS + 1))
    counts = Conditional(bins, Tree.single(), read_tables(reader, 1, len(bins)))
    return kind(layout, distributions, counts, in_events)


def stored_bits(conditional: Conditional) -> int:
    """Size of a conditional in the stored form, in bits."""
    return 8 * len(_stored(conditional))


def _stored(conditional: Conditional) -> bytes:
    writer = NumberWriter()
    write_conditional(writer, conditional)
    return writer.to_bytes()


def write_conditional(writer: NumberWriter, conditional: Conditional) -> None:
    """Write one conditional distribution.

    Example:
        >>> import numpy as np
        >>> from atlasae.density.fitting import fit_conditional
        >>> values = np.arange(100, dtype=np.int32)
        >>> density = fit_conditional(values, np.zeros((0, 100), np.int32))
        >>> writer = NumberWriter()
        >>> write_conditional(writer, density)
        >>> stored = read_conditional(NumberReader(writer.to_bytes()))
        >>> np.array_equal(stored.bins.lows, density.bins.lows)
        True
    """
    write_bins(writer, conditional.bins)
    write_tree(writer, conditional.tree)
    write_tables(writer, conditional.leaves)


def read_conditional(reader: NumberReader) -> Conditional:
    """Read what ``write_conditional`` wrote.

    Raises:
        DamagedFileError: the bytes are not such a distribution.
    """
    bins, tree = read_bins(reader), read_tree(reader)
    return Conditional(bins, tree, read_tables(reader, tree.leaf_count, len(bins)))


def write_bins(writer: NumberWriter, bins: Bins) -> None:
    """Write bins as halves of a range, halves of these, and so on."""
    low = int(bins.lows[0])
    if ((bins.lows - low) & (1 << bins.widths.astype(np.int64)) - 1).any():
        low = -(1 << 31)  # of a range so wide that it holds all integers
    top = (int(bins.lows[-1] - low) + (1 << int(bins.widths[-1])) - 1).bit_length()
    writer.signed(low)
    writer.integer(top, 33)
    cells = {(int(at - low), int(width)) for at, width in zip(bins.lows, bins.widths, strict=True)}
    starts = sorted(start for start, _ in cells)
    ranges = [(0, top)]
    while ranges:
        start, width = ranges.pop()
        if (start, width) in cells:
            kind = _CELL
        else:
            at = int(np.searchsorted(starts, start))
            is_empty = at == len(starts) or starts[at] >= start + (1 << width)
            kind = _GAP if is_empty else _HALVED
        writer.integer(kind, 3 if width else 2)
        if kind == _HALVED:
            ranges += [(start + (1 << width - 1), width - 1), (start, width - 1)]


def read_bins(reader: NumberReader) -> Bins:
    """Read what ``write_bins`` wrote."""
    low, top = reader.signed(), reader.integer(33)
    lows, widths, ranges, halved = [], [], [(0, top)], 0
    while ranges:
        start, width = ranges.pop()
        kind = reader.integer(3 if width else 2)
        if kind == _CELL:
            lows.append(low + start)
            widths.append(width)
        elif kind == _HALVED:
            ranges += [(start + (1 << width - 1), width - 1), (start, width - 1)]
            halved += 1
        if len(lows) > MOST_BINS or halved > 32 * MOST_BINS:
            raise DamagedFileError("the stored density is damaged: too many bins")
    return Bins(np.array(lows, np.int64), np.array(widths, np.uint8))


def write_tree(writer: NumberWriter, tree: Tree) -> None:
    """Write the cuts, then for each node one plus what it asks about, or 0, and its threshold."""
    writer.integer(len(tree.cuts), _MOST_INPUTS)
    for cut in tree.cuts:
        writer.integer(cut.input, _MOST_INPUTS)
        writer.signed(cut.start)
        writer.integer(cut.shift, _SHIFTS)
    for index, threshold in zip(tree.inputs.tolist(), tree.thresholds.tolist(), strict=True):
        writer.integer(index + 1, len(tree.cuts) + 1)
        if index != LEAF:
            writer.integer(threshold, CELLS)


def read_tree(reader: NumberReader) -> Tree:
    """Read what ``write_tree`` wrote."""
    cuts = tuple(
        Cut(reader.integer(_MOST_INPUTS), reader.signed(), reader.integer(_SHIFTS))
        for _ in range(reader.integer(_MOST_INPUTS))
    )
    if len(cuts) >= MOST_LEAVES or any(not -(1 << 31) <= cut.start < 1 << 31 for cut in cuts):
        raise DamagedFileError("the stored density is damaged: an input is cut in no way known")
    inputs, thresholds, waiting = [], [], 1
    while waiting:
        inputs.append(reader.integer(len(cuts) + 1) - 1)
        is_leaf = inputs[-1] == LEAF
        thresholds.append(0 if is_leaf else reader.integer(CELLS))
        waiting += -1 if is_leaf else 1
        if len(inputs) + waiting > 2 * MOST_LEAVES:
            raise DamagedFileError("the stored density is damaged: too many questions")
    return Tree(cuts, np.array(inputs), np.array(thresholds, np.uint8))


def write_tables(writer: NumberWriter, tables: LeafTables) -> None:
    """Write the levels of the bins, then the differences from them where there are more leaves."""
    levels = tables.levels
    writer.integer(int(levels.max()), LEVELS)
    for level in levels.tolist():
        writer.integer(level, int(levels.max()) + 1)
    if len(tables.differences) > 1:
        writer.integers(tables.differences.ravel() + MOST_DIFFERENCE, _DIFFERENCES)


def read_tables(reader: NumberReader, leaves: int, bins: int) -> LeafTables:
    """Read what ``write_tables`` wrote, for so many leaves and bins."""
    largest = reader.integer(LEVELS)
    levels = np.array([reader.integer(largest + 1) for _ in range(bins)])
    differences = np.zeros((leaves, bins), np.int64)
    if leaves > 1:
        stored = reader.integers(leaves * bins, _DIFFERENCES)
        differences = (stored - MOST_DIFFERENCE).reshape(leaves, bins)
    return LeafTables(levels, differences)
