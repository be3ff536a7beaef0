"""Tables of probabilities, and symbols coded with them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from atlasae.coding.rans import (
    LOWEST,
    MOST_LANES,
    MOST_SYMBOLS,
    TOTAL,
    Tables,
    decode_symbols,
    encode_symbols,
)
from atlasae.errors import DamagedFileError

weights = st.tuples(st.integers(1, 5), st.integers(1, MOST_SYMBOLS)).flatmap(
    lambda shape: arrays.arrays(np.int64, shape, elements=st.integers(1, 2**40 - 1))
)


@given(weights)
def test_any_weights_make_tables_near_them(weights):
    tables = Tables.of(weights)
    counts = np.diff(tables.cumulative.astype(np.int64), axis=1)
    assert counts.shape == weights.shape
    assert (counts.sum(axis=1) == TOTAL).all()
    assert counts.min() >= 1
    np.testing.assert_array_equal(tables.shares().sum(axis=1), 1.0)
    # the one slot that a rare symbol has is paid by the others, in proportion
    exact = weights / weights.sum(axis=1, keepdims=True)
    assert (counts / TOTAL > exact * (1 - weights.shape[1] / TOTAL) - 2 / TOTAL).all()


@given(weights)
def test_each_slot_belongs_to_its_symbol(weights):
    tables = Tables.of(weights)
    for owners, edges in zip(tables.slots.reshape(-1, TOTAL), tables.cumulative, strict=True):
        slots = np.arange(TOTAL)
        np.testing.assert_array_equal(owners, np.searchsorted(edges, slots, side="right") - 1)


@pytest.mark.parametrize(
    "cumulative",
    [[0, 10, 10, TOTAL], [0, 20, 10, TOTAL], [1, 10, TOTAL], [0, 10, 4000], range(TOTAL + 1)],
)
def test_other_tables_are_refused(cumulative):
    with pytest.raises(DamagedFileError, match="table of probabilities"):
        Tables(np.array([cumulative], np.uint16))


@given(st.integers(0, 2**32 - 1), st.integers(0, 300), st.integers(0, 7), st.integers(0, 1000))
def test_symbols_come_back_whatever_lane_is_first(seed, length, lane_bits, first):
    rng = np.random.default_rng(seed)
    tables = Tables.of(rng.integers(1, 1 << rng.integers(1, 30), (3, 9)))
    rows = rng.integers(0, 3, length).astype(np.uint8)
    symbols = rng.integers(0, 9, length).astype(np.uint8)
    states, words = (
        np.full(1 << lane_bits, LOWEST, np.uint64),
        np.zeros(length + 1 + MOST_LANES, np.uint32),
    )
    at = encode_symbols(symbols, rows, tables.entries, states, first, words, length + 1)
    assert ((states >= LOWEST) & (states < LOWEST << 32)).all()
    found = np.empty_like(symbols)
    end = decode_symbols(rows, tables.entries, tables.slots, states, first, words, at, found)
    np.testing.assert_array_equal(found, symbols)
    assert end == length + 1
    assert (states == LOWEST).all()
