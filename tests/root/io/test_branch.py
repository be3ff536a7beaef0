"""Branches one after another are as awkward would have them, whatever they hold."""

import awkward as ak
import numpy as np
import pytest

from atlasae.root.io.branch import concatenated

PIECES = {
    "numbers": [ak.Array(np.arange(3, dtype=np.float32)), ak.Array(np.arange(2, dtype=np.float32))],
    "flags": [ak.Array([True, False]), ak.Array(np.zeros(0, bool))],
    "lists": [ak.Array([[1], [], [2, 3]]), ak.Array([[4, 5]]), ak.Array([[6], [7, 8]])[1:]],
    "lists of a view": [ak.Array([[1], [2, 3], [4]])[1:], ak.Array([[5], [6]])[::-1]],
    "shapes": [ak.Array(np.zeros((2, 3))), ak.Array(np.ones((1, 3)))],
    "nested": [ak.Array([[[1], []], []]), ak.Array([[[2, 3]]])],
    "text": [ak.Array(["a", ""]), ak.Array(["bc"])],
    "texts": [ak.Array([["a"], []]), ak.Array([["b", "c"]])],
    "missing": [ak.Array([1, None]), ak.Array([2, None])],
    "records": [ak.Array([{"x": 1}]), ak.Array([{"x": 2}])],
    "other numbers": [ak.Array(np.zeros(2, np.int16)), ak.Array(np.ones(1, np.int32))],
}


@pytest.mark.parametrize("name", PIECES)
def test_concatenated(name):
    expected = ak.concatenate(PIECES[name])
    found = concatenated(PIECES[name])
    assert found.type == expected.type
    assert found.to_list() == expected.to_list()
