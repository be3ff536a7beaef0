"""Bins bring every integer back, and are put where they save most."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
from atlasae.density.bin_fitting import fit_bins
from atlasae.density.bins import MOST_BINS, Bins
from atlasae.errors import DamagedFileError

whole_numbers = st.one_of(st.integers(-50, 50), st.integers(-(2**28), 2**28 - 1))
columns = arrays.arrays(np.int32, st.integers(1, 200), elements=whole_numbers)
any_columns = arrays.arrays(np.int32, st.integers(1, 50))


def cost(bins, values):
    """Bits of values with one table of these bins."""
    counts = bins.histogram(values)
    kinds = bins.kinds.widths.astype(int)
    return -(counts * np.log2(np.maximum(counts, 1) / len(values))).sum() + (counts * kinds).sum()


@given(columns, any_columns, st.integers(1, MOST_BINS), st.floats(0.1, 100))
def test_bins_bring_every_integer_back(seen, values, most, price):
    bins = fit_bins(seen, most, price)
    assert len(bins) <= most + 1
    assert bins.find(seen).max() < len(bins) - 1
    found = bins.find(values)
    encoder = EntropyEncoder()
    encoder.bits(found, bins.kinds, values)
    decoder = EntropyDecoder(encoder.to_bytes())
    np.testing.assert_array_equal(decoder.bits(found, bins.kinds, None), values)


@given(columns, st.floats(0.1, 100))
def test_each_bin_holds_its_own_range_alone(seen, price):
    bins = fit_bins(seen, MOST_BINS, price)
    ends = bins.lows + (1 << bins.widths.astype(np.int64))
    edges = np.concatenate([bins.lows, ends - 1, bins.lows - 1, ends])
    edges = edges[np.abs(edges) < 1 << 31].astype(np.int32)
    for value, found in zip(edges.tolist(), bins.find(edges).tolist(), strict=True):
        holding = np.flatnonzero((bins.lows <= value) & (value < ends)).tolist()
        assert [found] == (holding or [len(bins) - 1])


def test_few_values_get_few_bins():
    rng = np.random.default_rng(0)
    numbers = [
        len(fit_bins(np.rint(rng.normal(0, 500, n)).astype(np.int32), 64, 10.0))
        for n in (30, 300, 3000, 30_000)
    ]
    assert numbers == sorted(numbers)
    assert numbers[0] <= 4
    assert numbers[-1] > 20
    assert len(fit_bins(np.array([7], np.int32), 64, 10.0)) == 2


def test_a_value_that_many_have_gets_a_bin_of_its_own():
    rng = np.random.default_rng(0)
    values = np.rint(rng.normal(0, 500, 10_000)).astype(np.int32)
    values[::10] = 123
    bins = fit_bins(values, 64, 10.0)
    at = bins.find(np.array([123], np.int32))[0]
    assert (bins.lows[at], bins.widths[at]) == (123, 0)


def test_outliers_and_gaps_take_few_bins():
    rng = np.random.default_rng(0)
    plain = np.rint(rng.normal(0, 500, 10_000)).astype(np.int32)
    outliers = np.append(plain, [2**27, -(2**27)]).astype(np.int32)
    apart = np.append(plain, plain + (1 << 24)).astype(np.int32)
    bins, few = fit_bins(plain, 255, 10.0), fit_bins(outliers, 255, 10.0)
    assert len(few) <= len(bins) + 4
    assert cost(few, outliers) < cost(bins, plain) + 300
    few = fit_bins(apart, 64, 10.0)
    assert cost(few, apart) < 2 * cost(bins, plain) + len(apart) * 1.02


def test_bins_cost_little_more_than_one_for_each_value():
    values = np.rint(np.random.default_rng(0).exponential(300, 30_000)).astype(np.int32)
    ideal = np.log2(300 * np.e)
    assert cost(fit_bins(values, 64, 10.0), values) / len(values) < ideal + 0.02


@pytest.mark.parametrize(
    ("lows", "widths"),
    [
        ([], []),
        ([0, 7], [3, 0]),
        ([8, 0], [0, 0]),
        ([-(2**31) - 1], [0]),
        ([2**31 - 1], [1]),
        ([-(2**31)], [32]),
        (range(MOST_BINS + 1), [0] * (MOST_BINS + 1)),
    ],
)
def test_bins_out_of_order_are_damage(lows, widths):
    with pytest.raises(DamagedFileError, match="bins are out of order"):
        Bins(np.array(lows, np.int64), np.array(widths, np.uint8))
