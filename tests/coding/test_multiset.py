"""Coding of events in cells, without their order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
from atlasae.coding.multiset import code_cells, order_of, poisson_weights
from atlasae.errors import DamagedFileError


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 5)), max_size=60),
    st.lists(st.floats(1e-3, 1), min_size=4, max_size=4),
)
def test_cells_come_back(pairs, weights):
    bins = np.array([b for b, _ in pairs], np.int64)
    values = np.array([v for _, v in pairs], np.int64)
    order = order_of(np.zeros(len(pairs), np.int64), bins, values)
    shares = np.array(weights) / sum(weights)
    encoder = EntropyEncoder()
    code_cells(encoder, bins[order], values[order], len(pairs), shares, 11)
    found = code_cells(EntropyDecoder(encoder.to_bytes()), None, None, len(pairs), shares, 11)
    np.testing.assert_array_equal(found[0], bins[order])
    np.testing.assert_array_equal(found[1], values[order])


def test_a_reader_of_nonsense_does_not_make_more_events_than_there_are():
    with pytest.raises((DamagedFileError, AssertionError)):  # of the coder, which bounded.py turns
        code_cells(EntropyDecoder(b"\xff" * 40), None, None, 5, np.full(4, 0.25), 11)


@pytest.mark.parametrize("mean", [0.0, 1e-6, 0.3, 1.78, 20.0, 500.0, 40_000.0])
def test_the_weights_are_poisson(mean):
    weights = poisson_weights(mean).astype(np.float64)
    expected = poisson.pmf(np.arange(len(weights)), max(mean, 1e-12))
    np.testing.assert_allclose(weights / weights.sum(), expected, rtol=1e-4, atol=1e-12)
    assert poisson.sf(len(weights) - 1, max(mean, 1e-12)) < 1e-9
