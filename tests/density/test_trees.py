"""Trees lead each column of inputs to a leaf, and the tables there are near what they are to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from atlasae.density.leaf_tables import LEVELS, MOST_DIFFERENCE, LeafTables
from atlasae.density.trees import LEAF, MOST_LEAVES, Cut, Tree
from atlasae.errors import DamagedFileError


@st.composite
def trees(draw, most=MOST_LEAVES):
    """Trees about at most three inputs."""
    inputs, waiting = [], 1
    while waiting:
        room = len(inputs) + waiting + 2 <= 2 * most - 1
        index = draw(st.integers(LEAF, 2)) if room else LEAF
        inputs.append(index)
        waiting += -1 if index == LEAF else 1
    thresholds = draw(arrays.arrays(np.uint8, len(inputs)))
    return Tree(tuple(Cut(i, 0, 0) for i in range(3)), np.array(inputs), thresholds)


def walk(tree, cells):
    """The leaf of one column, by what the docstring of ``Tree`` says."""
    node = leaf = 0
    while tree.inputs[node] != LEAF:
        yes = cells[tree.inputs[node]] > tree.thresholds[node]
        node += 1
        if yes:  # beyond all nodes of the other answer
            waiting = 1
            while waiting:
                waiting += -1 if tree.inputs[node] == LEAF else 1
                leaf += tree.inputs[node] == LEAF
                node += 1
    return leaf


@given(trees(), arrays.arrays(np.uint8, st.tuples(st.just(3), st.integers(0, 20))))
def test_questions_lead_to_the_leaf(tree, cells):
    found = tree.find(cells)
    assert found.tolist() == [walk(tree, column) for column in cells.T]


@given(arrays.arrays(np.int32, 20), st.integers(-(2**31), 2**31 - 1), st.integers(0, 31))
def test_cells_have_a_start_and_a_width(row, start, shift):
    expected = [min(max((value - start) >> shift, 0), 255) for value in row.tolist()]
    assert Cut(0, start, shift).cells(row).tolist() == expected


@pytest.mark.parametrize(
    "inputs",
    [[], [0], [0, LEAF], [LEAF, LEAF], [0, LEAF, LEAF, LEAF], [1, LEAF, LEAF], [0, LEAF] * 300],
)
def test_nodes_that_are_no_tree_are_damage(inputs):
    tree = Tree((Cut(0, 0, 0),), np.array(inputs, np.int64), np.zeros(len(inputs), np.uint8))
    with pytest.raises(DamagedFileError, match="questions are no tree"):
        tree.find(np.zeros((1, 3), np.uint8))


@given(st.integers(1, 8), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_tables_are_near_the_shares_that_were_given(leaves, bins, seed):
    shares = np.random.default_rng(seed).dirichlet(np.full(bins, 5.0), leaves)
    stored = LeafTables.of(shares).tables.shares()
    assert stored.shape == (leaves, bins)
    excess = (shares * np.log2(np.maximum(shares, 1e-30) / stored)).sum(axis=1)
    assert excess.max() < 0.02


def test_a_share_of_nothing_is_possible():
    tables = LeafTables.of(np.array([[0.0, 1.0], [1.0, 0.0]])).tables
    assert tables.shares().min() == 1 / 4096


def test_the_mean_of_tables_is_one_table_for_all_leaves():
    shares = np.array([[0.2, 0.8], [0.3, 0.7], [0.4, 0.6]])
    assert np.abs(LeafTables.of(shares).mean().tables.shares() - shares[1]).max() < 0.03


@pytest.mark.parametrize(
    ("level", "difference"), [(-1, 0), (LEVELS, 0), (0, MOST_DIFFERENCE + 1), (0, -64)]
)
def test_numbers_out_of_range_are_damage(level, difference):
    with pytest.raises(DamagedFileError, match="probability is out of range"):
        LeafTables(np.array([level, 5]), np.array([[0, 0], [difference, 0]]))
