"""What is known of a row: its place, the row before, the row that an index points to."""

import awkward as ak
import numpy as np
import pytest

from atlasae.columns.terms import NO_ROW, Kind, Rows, Term
from atlasae.errors import DamagedFileError
from tests.columns.blocks import buffers_of

ARRAYS = {
    "Jet_idx": ak.Array([[1, 0], [], [7], [-1, -(1 << 31), 0]]),  # slots 0, 1
    "Gen_pt": ak.Array([[1.0, 2.0], [3.0], [], [4.0]]),  # 2, 3
    "Jet_cell": ak.Array([[[5], [6, 7]], [], [[]], [[8], [], [9]]]),  # 4, 5, 6
    "met": ak.Array([1.0, 2.0, 3.0, 4.0]),  # 7
    "Jet_wide": ak.unflatten(np.array([1, 0, 1, 1 << 63, 0, 2], np.uint64), [2, 0, 1, 3]),  # 8, 9
    "pairs": ak.to_regular(ak.Array([[[1], [2, 0]]] * 4), axis=1),  # 10, 11: two lists an entry
}
JET, GEN, CELL, MET, WIDE, PAIRS = 1, 3, 6, 7, 9, 11


@pytest.fixture(scope="module")
def block():
    return buffers_of(ARRAYS)


def test_places_in_lists(block):
    rows = Rows(block, JET)
    assert rows.ranks.tolist() == [0, 1, 0, 0, 1, 2]
    assert rows.counts.tolist() == [2, 2, 1, 3, 3, 3]
    assert rows.previous.tolist() == [NO_ROW, 0, NO_ROW, NO_ROW, 3, 4]
    assert rows.of(Term(Kind.PREVIOUS)).tolist() == rows.previous.tolist()
    assert Rows(block, CELL).ranks.tolist() == [0, 0, 1, 0, 0]
    assert Rows(block, CELL).counts.tolist() == [1, 2, 2, 1, 1]


def test_entries_are_one_list(block):
    rows = Rows(block, MET)
    assert rows.previous.tolist() == [NO_ROW, 0, 1, 2]
    assert rows.ranks.tolist() == [0, 1, 2, 3]
    assert rows.counts.tolist() == [4] * 4


def test_no_rows():
    block = buffers_of({"x": ak.Array([[1], [2]])[:0], "y": ak.Array([[1], []])[1:][:0]})
    rows = Rows(block, 1)
    for found in (rows.ranks, rows.counts, rows.previous, rows.of(Term(Kind.OWN_LINKED, index=1))):
        assert found.tolist() == []


def test_columns_above(block):
    assert Rows(block, JET).of(Term(Kind.SAME, MET)).tolist() == [0, 0, 2, 3, 3, 3]
    assert Rows(block, CELL).of(Term(Kind.SAME, JET)).tolist() == [0, 1, 1, 3, 5]
    assert Rows(block, CELL).of(Term(Kind.SAME, MET)).tolist() == [0, 0, 0, 3, 3]
    assert Rows(block, JET).are_those_of(WIDE)
    assert not Rows(block, JET).are_those_of(GEN)


def test_links_to_another_list(block):
    rows = Rows(block, JET)
    assert rows.of(Term(Kind.LINKED, GEN, JET)).tolist() == [1, 0, *[NO_ROW] * 3, 3]
    assert rows.of(Term(Kind.LINKED, GEN, WIDE)).tolist() == [1, 0, NO_ROW, NO_ROW, 3, NO_ROW]


def test_links_to_earlier_rows_alone(block):
    """An index that points to its own row or to a later one has no row."""
    rows = Rows(block, JET)
    assert rows.of(Term(Kind.OWN_LINKED, index=JET)).tolist() == [NO_ROW, 0, *[NO_ROW] * 3, 3]
    assert rows.of(Term(Kind.OWN_LINKED, index=WIDE)).tolist() == [NO_ROW, 0, -1, -1, 3, NO_ROW]


@pytest.mark.parametrize(
    ("slot", "term"),
    [
        (MET, Term(Kind.SAME, JET)),
        (JET, Term(Kind.SAME, GEN)),
        (JET, Term(Kind.LINKED, GEN, GEN)),  # no integers, other rows
        (GEN, Term(Kind.OWN_LINKED, index=GEN)),  # no integers
        (JET, Term(Kind.LINKED, MET, JET)),
        (MET, Term(Kind.OWN_LINKED, index=MET)),
        (JET, Term(Kind.LINKED, PAIRS, JET)),
    ],
)
def test_rows_that_do_not_belong_are_damage(block, slot, term):
    with pytest.raises(DamagedFileError, match="rows"):
        Rows(block, slot).of(term)
