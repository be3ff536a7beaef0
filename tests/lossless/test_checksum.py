"""The checksum of a column is of its values, however they are cut and laid out."""

from itertools import pairwise

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasae.lossless.checksum import ColumnChecksum

COLUMNS = {
    "numbers": ak.Array(np.arange(12, dtype=np.float32)),
    "flags": ak.Array([True, False, False, True, True] + [False] * 7),
    "lists": ak.unflatten(ak.Array(np.arange(20, dtype=np.int16)), [0, 3, 2, 0, 5, 1, 0, 0, 4, 2, 3, 0]),
    "shape": ak.Array(np.arange(36.0).reshape(12, 3)),
    "text": ak.Array(["a", "", "bc"] * 4),
    "maybe": ak.Array([1.5, None, 2.5] * 4),
    "records": ak.Array([{"x": i, "y": [1.0] * (i % 3)} for i in range(12)]),
}  # fmt: skip


def checksum(*pieces):
    found = ColumnChecksum()
    for piece in pieces:
        found.add(piece)
    return found.value


@settings(deadline=None, max_examples=60)
@given(name=st.sampled_from(sorted(COLUMNS)), data=st.data())
def test_how_a_column_is_cut_does_not_matter(name, data):
    column = COLUMNS[name]
    edges = [0, *sorted(data.draw(st.lists(st.integers(0, 12)))), 12]
    pieces = [column[a:b] for a, b in pairwise(edges)]
    assert checksum(*pieces) == checksum(column)


@pytest.mark.parametrize("name", COLUMNS)
def test_values_and_their_order_matter(name):
    column = COLUMNS[name]
    others = [column[1:], column[::-1], ak.concatenate([column[2:], column[:2]])]
    found = [checksum(other) for other in (column, *others)]
    assert len(set(found)) == len(found)
    assert checksum(column[np.arange(12)]) == found[0]  # the same values in another layout


def test_every_bit_of_a_number_matters():
    zeros = np.zeros(3)
    for other in (-zeros, zeros.astype(np.float32), np.array([0.0, 5e-324, 0.0])):
        assert checksum(ak.Array(other)) != checksum(ak.Array(zeros))
    assert checksum(ak.Array([[1, 2], [3]])) != checksum(ak.Array([[1], [2, 3]]))
