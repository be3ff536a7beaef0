"""Corrections: values stay on their sides of edges, jets in their order, and errors in their bounds."""

from __future__ import annotations

import math
import zlib
from contextlib import suppress
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atlasae.errors import DamagedFileError
from atlasae.quantization.corrections import Corrected, restore
from atlasae.quantization.exceptions import restore_exceptions
from atlasae.quantization.jet_order import JetOrder, descends
from atlasae.quantization.sides import Sides, sides_of
from atlasae.quantization.tolerance import LOSSLESS, abs_, rel
from tests.quantization.guarantee import FLOATS, TOLERANCES, bits, keeps

STEPS = [tolerance for tolerance in TOLERANCES if tolerance != LOSSLESS]
COUNTS = st.lists(st.integers(0, 6), min_size=1, max_size=8).map(lambda n: np.array(n, np.int64))


def is_within(value, other, bound):
    if not (math.isfinite(value) and math.isfinite(other)):
        return False
    return not math.isfinite(bound) or abs(Fraction(other) - Fraction(value)) <= Fraction(bound)


@st.composite
def decoded_columns(draw, size):
    """Originals near a few numbers, what they may be decoded to within a tolerance, and edges."""
    dtype = np.dtype(draw(st.sampled_from(FLOATS)))
    tolerance = draw(st.sampled_from(STEPS))
    info = np.finfo(dtype)
    special = [0.0, -0.0, 30.0, -2.4, 0.2783, 1e-3, float(info.max), float(info.tiny), -999.0]
    special += [float(info.smallest_subnormal), -float(info.smallest_subnormal), 1.0, 1.001]
    numbers = np.array(special, dtype)
    with np.errstate(over="ignore"):
        up = np.nextafter(numbers, dtype.type(math.inf))
        down = np.nextafter(numbers, dtype.type(-math.inf))
    numbers = np.concatenate([numbers, up, down, np.array([math.nan, math.inf], dtype)])
    picks = st.integers(0, len(numbers) - 1)
    values = numbers[draw(st.lists(picks, min_size=size, max_size=size))]
    edges = numbers[draw(st.lists(picks, max_size=6))]
    edges = np.unique(edges[np.isfinite(edges)])
    shares = np.array(draw(st.lists(st.floats(-1, 1), min_size=size, max_size=size)))
    with np.errstate(all="ignore"):
        exact = values.astype(np.float64)
        decoded = (exact + shares * tolerance.bound(exact)).astype(dtype)
        decoded[values == 0] = values[values == 0]  # as quantizers do
        pairs = zip(exact, decoded.astype(np.float64), tolerance.bound(exact), strict=True)
        exceptions = np.flatnonzero([not is_within(*pair) for pair in pairs]).astype(np.int64)
    decoded[exceptions] = dtype.type(1)
    return values, decoded, tolerance, edges, exceptions


def corrected(corrections, values, decoded, counts, tolerance, exceptions):
    patterns = bits(values)[exceptions]
    exact = restore_exceptions(decoded.copy(), exceptions, patterns)
    found = Corrected(corrections, values, exact, counts, tolerance, exceptions)
    overrides = found.overrides if len(found.exact) else None
    restored = restore(
        corrections, found.data, decoded.copy(), counts, (exceptions, patterns), overrides
    )
    np.testing.assert_array_equal(bits(found.values), bits(restored))
    return restored, found.exact


def on_their_sides(values, found, edges):
    """Every comparison with an edge, exact as Python compares floats, gives what it gave."""
    for value, other in zip(values.tolist(), found.tolist(), strict=True):
        for edge in edges.tolist():
            assert (value < edge, value == edge, value > edge) == (
                other < edge,
                other == edge,
                other > edge,
            )


def in_order(values, found, counts):
    """Neighbours that descended do, and those that were equal are."""
    start = 0
    for count in counts.tolist():
        jets = range(start + 1, start + count)
        for i in jets:
            if values[i] < values[i - 1]:
                assert found[i] < found[i - 1]
            if values[i] == values[i - 1]:
                assert found[i] == found[i - 1]
        start += count


@given(st.data())
def test_cuts_order_and_bounds_are_kept(data):
    counts = data.draw(COUNTS)
    drawn = data.draw(decoded_columns(int(counts.sum())))
    values, decoded, tolerance, edges, exceptions = drawn
    sides = [Sides(edges, tolerance)] if len(edges) else []
    for corrections in ([JetOrder(tolerance)], sides, [JetOrder(tolerance), *sides]):
        found, _ = corrected(corrections, values, decoded, counts, tolerance, exceptions)
        keeps(values, found, tolerance)
        if len(corrections) > 1 or corrections == sides:
            on_their_sides(values, found, edges)
        if corrections and isinstance(corrections[0], JetOrder):
            in_order(values, found, counts)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_few_bits_and_nothing_exact_keep_the_sides_of_ordinary_values(dtype):
    rng = np.random.default_rng(3)
    values = rng.exponential(40, 20_000).astype(dtype) + dtype(20)
    decoded = (values * (1 + rng.uniform(-9.9e-4, 9.9e-4, len(values)))).astype(dtype)
    edges = np.arange(20, 500, 10).astype(dtype)
    crossed = sides_of(values, edges) != sides_of(decoded, edges)
    assert crossed.sum() > 30
    sides = Sides(edges, rel(1e-3))
    corrections = Corrected([sides], values, decoded, None, rel(1e-3), np.zeros(0, np.int64))
    (data,), overrides = corrections.data, corrections.exact
    found = decoded.copy()
    sides.move(found, None, data)
    np.testing.assert_array_equal(sides_of(found, edges), sides_of(values, edges))
    assert not len(overrides)
    assert 8 * len(data) < 6 * crossed.sum()
    np.testing.assert_array_equal(found[~crossed], decoded[~crossed])
    keeps(values, found, rel(1e-3))


def test_edges_nearer_than_the_tolerance_are_kept():
    values = np.linspace(29, 31, 5_000, dtype=np.float32)
    decoded = values + np.float32(0.009) * np.cos(np.arange(5_000, dtype=np.float32))
    edges = np.linspace(29, 31, 4_000, dtype=np.float32)  # 40 of them in a window
    found, overrides = corrected(
        [Sides(edges, abs_(0.01))], values, decoded, None, abs_(0.01), np.zeros(0, np.int64)
    )
    on_their_sides(values[::50], found[::50], edges)
    assert not len(overrides)


def test_more_edges_than_symbols_make_values_exact():
    values = np.linspace(29, 31, 500, dtype=np.float32)
    decoded = values + np.float32(0.1) * np.cos(np.arange(500, dtype=np.float32))
    edges = np.linspace(29, 31, 9_000, dtype=np.float32)
    found, overrides = corrected(
        [Sides(edges, abs_(0.11))], values, decoded, None, abs_(0.11), np.zeros(0, np.int64)
    )
    np.testing.assert_array_equal(sides_of(found, edges), sides_of(values, edges))
    assert 0 < len(overrides) < 500


def test_values_above_zero_stay_normal_numbers():
    values = np.array([1e-5, 1e-40, 0.0, -1e-5], np.float32)
    sides = Sides(np.zeros(1, np.float32), abs_(1e-3))
    found, _ = corrected(
        [sides], values, np.zeros(4, np.float32), None, abs_(1e-3), np.zeros(0, np.int64)
    )
    assert np.sign(found).tolist() == [1, 1, 0, -1]
    assert np.all(abs(found[[0, 1, 3]]) >= np.finfo(np.float32).tiny)


def test_a_side_takes_a_bit_or_less():
    rng = np.random.default_rng(4)
    values = rng.uniform(29.97, 30.03, 5_000)
    decoded = np.full(5_000, 30.0001)
    data = Sides(np.array([30.0]), abs_(0.04)).code(values, decoded, None).data
    assert 4_800 < 8 * len(data) < 5_100


def test_leading_jets_are_told_apart_and_equal_ones_are_not():
    values = np.array([50.001, 50.0, 50.0, 49.999, 20.0, 60.0], np.float32)
    counts, decoded = np.array([5, 1]), np.full(6, 50, np.float32)
    decoded[4:] = 20, 60
    found, overrides = corrected(
        [JetOrder(rel(1e-3))], values, decoded, counts, rel(1e-3), np.zeros(0, np.int64)
    )
    in_order(values, found, counts)
    assert not len(overrides)
    assert np.abs(found - decoded).max() < 2e-5


def test_a_run_of_more_equal_values_than_are_told_apart_is_exact():
    values = np.linspace(50.0002, 50, 100, dtype=np.float64)
    found, overrides = corrected(
        [JetOrder(rel(1e-3))],
        values,
        np.full(100, 50.0),
        np.array([100]),
        rel(1e-3),
        np.zeros(0, np.int64),
    )
    np.testing.assert_array_equal(found, values)
    assert len(overrides) == 100


def test_only_runs_that_descend_are_sorted():
    values = np.array([30.0, 40.0, 39.9, 50.0])
    decoded = np.array([30.1, 39.9, 40.0, 49.9])
    found, _ = corrected(
        [JetOrder(abs_(0.2))], values, decoded, np.array([4]), abs_(0.2), np.zeros(0, np.int64)
    )
    assert found.tolist() == [30.1, 40.0, 39.9, 49.9]
    assert not descends(values, np.array([4]))
    assert descends(values, np.array([1, 3])) is False
    assert descends(values[:3], np.array([1, 2]))
    assert not descends(values, None)


@given(st.binary(max_size=30), st.integers(0, 1))
@example(b"\x02\x00", 0)
@example(b"\x02\x04abcd", 0)  # no zlib
@example(b"\x02\x0b" + zlib.compress(b"abc", 9), 0)  # a part of a row
def test_other_bytes_are_refused_or_decode_to_something(data, which):
    counts = np.array([3, 0, 2])
    decoded = np.array([30.1, 30.0, 29.9, 30.0, 30.0], np.float32)
    correction = [JetOrder(rel(1e-2)), Sides(np.array([30, 31], np.float32), rel(1e-2))][which]
    with suppress(DamagedFileError):
        correction.move(decoded, counts, data)
    assert np.isfinite(decoded).all()
