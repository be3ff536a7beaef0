"""What is stored of a density comes back; damage is an error, soon."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from atlasae.coding.number_stack import NumberReader, NumberWriter
from atlasae.density.bin_fitting import fit_bins
from atlasae.density.conditional import Conditional
from atlasae.density.jet_density import JetDensity
from atlasae.density.leaf_tables import LEVELS, MOST_DIFFERENCE, LeafTables
from atlasae.density.serialization import (
    read_conditional,
    read_jet_density,
    stored_bits,
    write_conditional,
)
from atlasae.density.trees import Cut, Tree
from atlasae.errors import DamagedFileError
from tests.density.quantized_jets import layout
from tests.density.test_bins import columns
from tests.density.test_trees import trees


def same(one, other):
    np.testing.assert_array_equal(one.bins.lows, other.bins.lows)
    np.testing.assert_array_equal(one.bins.widths, other.bins.widths)
    assert one.tree.cuts == other.tree.cuts
    np.testing.assert_array_equal(one.tree.inputs, other.tree.inputs)
    asking = one.tree.inputs >= 0
    np.testing.assert_array_equal(one.tree.thresholds[asking], other.tree.thresholds[asking])
    np.testing.assert_array_equal(one.leaves.levels, other.leaves.levels)
    np.testing.assert_array_equal(one.leaves.differences, other.leaves.differences)


def with_tables(bins, tree, levels, seed):
    shape = (tree.leaf_count, len(bins))
    differences = np.random.default_rng(seed).integers(-MOST_DIFFERENCE, MOST_DIFFERENCE + 1, shape)
    own = differences if tree.leaf_count > 1 else np.zeros(shape, np.int64)
    return Conditional(bins, tree, LeafTables(np.resize(levels, len(bins)), own))


@given(
    columns.map(lambda seen: fit_bins(seen, 60, 5.0)),
    trees(most=9),
    arrays.arrays(np.int64, 7, elements=st.integers(0, LEVELS - 1)),
    st.integers(0, 99),
)
def test_conditionals_come_back_one_after_another(bins, tree, levels, seed):
    conditional, writer = with_tables(bins, tree, levels, seed), NumberWriter()
    write_conditional(writer, conditional)
    write_conditional(writer, conditional)
    reader = NumberReader(writer.to_bytes())
    same(read_conditional(reader), conditional)
    same(read_conditional(reader), conditional)
    assert stored_bits(conditional) < 8 * len(writer.to_bytes())


def test_a_table_without_questions_is_small():
    bins = fit_bins(np.rint(np.random.default_rng(0).normal(0, 500, 9999)).astype("i4"), 64, 10.0)
    conditional = with_tables(bins, Tree.single(), np.arange(LEVELS), 0)
    assert stored_bits(conditional) < 12 * len(bins) + 100


def read_in_time(read, data):
    """Read bytes that may be damaged; what is read has to be usable."""
    start = time.perf_counter()
    try:
        found = read(NumberReader(data))
    except DamagedFileError:
        return None
    finally:
        assert time.perf_counter() - start < 20
    return found


@given(st.binary(max_size=300))
def test_any_bytes_are_a_conditional_or_an_error(data):
    conditional = read_in_time(read_conditional, data)
    if conditional is not None:
        leaves = conditional.tree.find(np.zeros((len(conditional.tree.cuts), 5), np.uint8))
        assert leaves.max() < conditional.tree.leaf_count
        assert (conditional.leaves.tables.shares().sum(axis=1) == 1).all()


@pytest.mark.parametrize("size", [1000, 50_000])
def test_many_random_bytes_take_little_time(size):
    rng = np.random.default_rng(0)
    for kind in ("default", "others"):
        for number in range(6):
            conditionals = [rng.bytes(size) for _ in range(number)]
            read_in_time(
                lambda reader, k=kind, c=conditionals: read_jet_density(
                    reader, c, layout(k), JetDensity
                ),
                rng.bytes(size),
            )


def test_ranges_that_halve_without_end_are_damage():
    """A complete tree of halves without a bin, as far as the bytes go."""
    writer, ranges = NumberWriter(), [32]
    writer.signed(0)
    writer.integer(32, 33)
    for _ in range(30_000):
        width = ranges.pop()
        writer.integer(2 if width > 2 else 0, 3 if width else 2)
        ranges += [width - 1] * 2 if width > 2 else []
    with pytest.raises(DamagedFileError, match="too many bins"):
        read_conditional(NumberReader(writer.to_bytes()))


@pytest.mark.parametrize("cuts", [[Cut(0, 1 << 31, 0)], [Cut(0, 0, 0)] * 128])
def test_cuts_that_no_kernel_knows_are_damage(cuts):
    bins, single = fit_bins(np.arange(9, dtype=np.int32), 9, 5.0), Tree.single()
    tree = Tree(tuple(cuts), single.inputs, single.thresholds)
    writer = NumberWriter()
    write_conditional(writer, with_tables(bins, tree, np.full(9, 50), 0))
    with pytest.raises(DamagedFileError, match="cut in no way known"):
        read_conditional(NumberReader(writer.to_bytes()))
