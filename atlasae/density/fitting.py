"""Fitting of conditional densities: bins, questions and tables, by what they cost and save."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlasae.density.bin_fitting import fit_bins
from atlasae.density.conditional import Conditional
from atlasae.density.leaf_tables import LeafTables
from atlasae.density.tree_fitting import NodeTables, cut_back, grow

if TYPE_CHECKING:
    from atlasae.density.bins import Bins
    from atlasae.types import Integers32

_MOST_BINS = 128
_LEAF_TIME = 0.0003  # bits of each value that a question has to save, as it takes time,
_INPUT_TIME = 0.008  # and an input that is asked about
_MOST_LEAVES = 64
_DEPTH = 7
_BIN_FIT = 4.4  # bits that a bin costs by being fitted, in several tables
_BIN_STORED = 10.0  # bits that a bin takes to store
_LEAF_FIT = 30.0  # bits that a question costs by being the best of many
_LEAF_STORED = 14.0  # bits that a question takes to store
_SHARE_STORED = 2.5  # bits that the share of a bin takes to store
_FEWEST_PER_LEAF = 400  # values, on average


def fit_conditional(values: Integers32, rows: Integers32, uses: float = 1.0) -> Conditional:
    """Learn the distribution of an integer, given inputs.

    Args:
        values: shape (n,), n > 0.
        rows: the inputs, shape (inputs, n), int32.
        uses: how many values will be coded for each value here.

    Example:
        >>> import numpy as np
        >>> values = np.random.default_rng(0).poisson(20, 1000).astype(np.int32)
        >>> density = fit_conditional(values, np.zeros((0, 1000), np.int32))
        >>> density.tree.leaf_count, len(density.bins) < 64
        (1, True)
    """
    return fit_given_bins(values, table_bins(values, uses), rows, uses)


def table_bins(values: Integers32, uses: float) -> Bins:
    """The bins for tables; arguments as for ``fit_conditional``."""
    return fit_bins(values, _MOST_BINS, _BIN_FIT + _BIN_STORED / uses)


def fit_given_bins(values: Integers32, bins: Bins, rows: Integers32, uses: float) -> Conditional:
    """Learn the distribution of an integer that is coded with these bins; see ``fit_conditional``."""
    depth = min(_DEPTH, (len(values) // _FEWEST_PER_LEAF).bit_length())
    price = _LEAF_FIT + _LEAF_TIME * len(values)
    price += (_LEAF_STORED + _SHARE_STORED * len(bins)) / uses
    inputs, found = list(range(len(rows))), bins.find(values)
    while True:
        grown = grow(values, {index: rows[index] for index in inputs}, depth if inputs else 0)
        tables = NodeTables(grown.ends, found, len(grown.levels), len(bins))
        tree, shares, saved = cut_back(grown, tables, price, _MOST_LEAVES)
        worth = [index for index, bits in saved.items() if bits > _INPUT_TIME * len(values)]
        if len(worth) == len(saved):
            return Conditional(bins, tree, LeafTables.of(shares))
        inputs = sorted(worth)
