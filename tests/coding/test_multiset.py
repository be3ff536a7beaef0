"""Coding of events in cells, without their order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
from atlasae.coding.multiset import code_cells, order_of, poisson_weights
from atlasae.coding.rans import MOST_SYMBOLS
from atlasae.errors import DamagedFileError

pairs = st.tuples(st.integers(0, 3), st.integers(-5, 5))
weights = st.lists(st.floats(1e-3, 1), min_size=4, max_size=4)


def there_and_back(bins, values, shares, circle):
    order = order_of(np.zeros(len(bins), np.int64), bins, values)
    bins, values = bins[order].astype(np.uint8), values[order].astype(np.int32)
    encoder = EntropyEncoder()
    code_cells(encoder, bins, values, len(bins), shares, circle)
    data = encoder.to_bytes()
    found = code_cells(EntropyDecoder(data), None, None, len(bins), shares, circle)
    np.testing.assert_array_equal(found[0], bins)
    np.testing.assert_array_equal(found[1], values)
    return len(data)


@given(st.lists(pairs, max_size=60), weights)
def test_cells_come_back(pairs, weights):
    table = np.array(pairs, np.int64).reshape(len(pairs), 2)
    there_and_back(table[:, 0], table[:, 1], np.array(weights) / sum(weights), 11)


def test_cells_take_what_unordered_events_have():
    """Of uniform values log2(n!) bits less than in order, nearly."""
    number, circle = 20_000, 2**21 - 1
    values = np.random.default_rng(0).integers(-(circle // 2), circle // 2 + 1, number)
    size = there_and_back(np.zeros(number, np.int64), values, np.ones(1), circle)
    order = (number * np.log(number) - number) / np.log(2)
    assert 8 * size < number * (np.log2(circle) + 0.2) - order


@pytest.mark.parametrize("circle", [3, 2**28 - 1])
def test_the_time_grows_with_the_events_not_with_the_circle(circle):
    values = np.array([-(circle // 2), 0, circle // 2])
    assert there_and_back(np.arange(3), values, np.full(3, 1 / 3), circle) < 50


@given(st.binary(max_size=80), st.integers(0, 5))
def test_a_reader_of_nonsense_does_not_make_more_events_than_there_are(data, number):
    try:
        decoder = EntropyDecoder(b"\1" + data)
        bins, values = code_cells(decoder, None, None, number, np.full(4, 0.25), 11)
    except DamagedFileError:
        return
    assert len(bins) == len(values) == number


@pytest.mark.parametrize("mean", [0.0, 1e-6, 0.3, 1.78, 20.0, 100.0, 500.0, 40_000.0])
def test_the_weights_are_poisson(mean):
    weights, low = poisson_weights(mean)
    assert len(weights) <= MOST_SYMBOLS
    assert weights.min() >= 1
    ends = (np.arange(1, len(weights) + 1) << low) - 1
    expected = np.diff(poisson.cdf(ends, max(mean, 1e-12)), prepend=0)
    np.testing.assert_allclose(weights / weights.sum(), expected, rtol=1e-3, atol=1e-8)
    assert poisson.sf(ends[-1], max(mean, 1e-12)) < 1e-4
