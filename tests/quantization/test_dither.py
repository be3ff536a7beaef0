"""Dither: the bound is kept, errors are uniform, spectra have no comb, shared values stay."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasae.compiled import kernels
from atlasae.quantization.arithmetic import shifts
from atlasae.quantization.dither import key_of, seed_of
from atlasae.quantization.exceptions import restore_exceptions
from atlasae.quantization.fitting import fit_quantizer
from atlasae.quantization.lattices import Lattice
from atlasae.quantization.quantizer import CHUNK, bit_patterns
from atlasae.quantization.tolerance import LOSSLESS, abs_, rel
from tests.quantization.guarantee import FLOATS, TOLERANCES, bits, columns, jets, keeps

KEYS = st.integers(0, 2**32 - 1)
STEPS = [tolerance for tolerance in TOLERANCES if tolerance != LOSSLESS]


def dithered(values, tolerance):
    return Lattice.fit(fit_quantizer(values, tolerance, dither=True), values).dithered(values)


def there_and_back(lattice, values, tolerance, key):
    high, low, positions, decoded = lattice.split(values, tolerance, key)
    restored = lattice.join(high, low, key)
    others = np.delete(np.arange(len(values)), positions)
    np.testing.assert_array_equal(bits(decoded)[others], bits(restored)[others])
    assert restored.dtype == values.dtype
    return restore_exceptions(restored, positions, bit_patterns(values)[positions]), positions


@given(columns(), columns(), st.sampled_from(TOLERANCES), KEYS)
def test_the_guarantee_holds(seen, values, tolerance, key):
    with np.errstate(all="ignore"):
        seen = seen.astype(values.dtype)
    for fitted in (seen, values):
        keeps(
            values,
            there_and_back(dithered(fitted, tolerance), values, tolerance, key)[0],
            tolerance,
        )


def neighbors(values, dtype):
    """Values, and the floats before and after each, of both signs."""
    values = np.asarray(values, dtype)
    near = [values, np.nextafter(values, dtype(0)), np.nextafter(values, dtype(math.inf))]
    return np.concatenate([sign * each for each in near for sign in (1, -1)]).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "tolerance", [rel(1e-3, 1.0), rel(1e-2, 1e-3), rel(0.1, 20.0), rel(0.3, 1.0), rel(0.49, 5.0)]
)
def test_no_value_near_the_floor_is_an_exception(tolerance, dtype):
    """For every share of a step, on both sides of where linear cells end, and at cells' ends."""
    values = tolerance.floor * np.concatenate(
        [np.linspace(1 - 3 * tolerance.value, 1 + 3 * tolerance.value, 60), [0.5, 1, 2]]
    )
    quantizer = fit_quantizer(values.astype(dtype), tolerance)
    edge = (quantizer.linear + 0.5) * quantizer.width
    values = neighbors([*values, edge], dtype)
    lattice = Lattice(quantizer, exact=())
    for key in range(20):
        decoded, positions = there_and_back(lattice, values, tolerance, key)
        keeps(values, decoded, tolerance)
        assert not len(positions)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [1e-2, 1e-3, 1e-4, 1e-5])
def test_ordinary_jets_need_no_exceptions_and_waste_no_tolerance(dtype, value):
    for number, (name, tolerance) in enumerate(
        [("pt", rel(value)), ("m", rel(value)), ("m", rel(value, floor=1.0)), ("eta", abs_(value)),
         ("phi", abs_(value))]
    ):  # fmt: skip
        values = jets(dtype=dtype)[name]
        decoded, positions = there_and_back(dithered(values, tolerance), values, tolerance, number)
        assert not len(positions)
        error = np.abs(decoded.astype(np.float64) - values)
        bound = tolerance.bound(values.astype(np.float64))
        assert (error <= bound).all()
        assert np.max(error[bound > 0] / bound[bound > 0]) > 0.97


NUMBER = 60_000
CASES = {
    "pt": (rel(1e-3), lambda rng: 20 + rng.exponential(60, NUMBER)),
    "m": (rel(1e-2, floor=1.0), lambda rng: rng.exponential(3, NUMBER)),
    "eta": (abs_(1e-3), lambda rng: rng.normal(0, 1e-2, NUMBER)),  # a few steps, about zero
    "score": (abs_(0.05), lambda rng: rng.beta(0.5, 0.5, NUMBER)),
    "narrow": (abs_(0.5), lambda rng: rng.normal(0.3, 0.05, NUMBER)),  # a tenth of a step
}


def errors(name, dtype, *, dither=True):
    """Values, and their errors in units of the tolerance."""
    tolerance, draw = CASES[name]
    values = draw(np.random.default_rng(3)).astype(dtype)
    lattice = Lattice.fit(fit_quantizer(values, tolerance), values)
    decoded, _ = there_and_back(
        lattice.dithered(values) if dither else lattice, values, tolerance, key_of(1, 0)
    )
    originals = values.astype(np.float64)
    return originals, decoded, (decoded - originals) / tolerance.bound(originals)


def distance_from_uniform(numbers):
    """The largest difference of the cumulative distributions: that of Kolmogorov and Smirnov."""
    expected = (np.sort(numbers) + 1) / 2
    ranks = np.arange(len(numbers) + 1) / len(numbers)
    return max(np.max(ranks[1:] - expected), np.max(expected - ranks[:-1]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_errors_are_uniform_and_know_nothing_of_the_value(name, dtype):
    values, _, error = errors(name, dtype)
    root = math.sqrt(NUMBER)
    assert abs(error.mean()) < 4 / math.sqrt(3) / root
    assert distance_from_uniform(error) < 1.95 / root  # exceeded once in a thousand
    for order in (1, 2):
        assert abs(np.corrcoef(values, error**order)[0, 1]) < 4 / root
    half = np.argsort(values)
    for part in np.array_split(half, 8):
        assert abs(error[part].mean()) < 4 / math.sqrt(3) / math.sqrt(len(part))


def test_errors_without_dither_are_not():
    """So the test above can fail."""
    values, _, error = errors("narrow", "float32", dither=False)
    assert abs(np.corrcoef(values, error)[0, 1]) > 0.9
    assert abs(error.mean()) > 0.1


@pytest.mark.parametrize("dither", [True, False])
def test_a_spectrum_in_bins_of_a_tenth_of_a_step_has_a_comb_without_dither_only(dither):
    tolerance = abs_(0.5)
    values = np.random.default_rng(5).uniform(20, 60, 200_000).astype(np.float32)
    lattice = Lattice.fit(fit_quantizer(values, tolerance), values)
    lattice = lattice.dithered(values) if dither else lattice
    decoded, _ = there_and_back(lattice, values, tolerance, key=1)
    counts, _ = np.histogram(decoded, np.arange(22, 58, 0.1))
    mean = counts.mean()
    if dither:
        assert ((counts - mean) ** 2 / mean).sum() < len(counts) + 6 * math.sqrt(2 * len(counts))
    else:
        assert np.count_nonzero(counts == 0) > 0.85 * len(counts)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("tolerance", [rel(1e-2), rel(1e-2, floor=2.0), abs_(1e-2), abs_(5.0)])
def test_zeros_and_values_that_many_jets_share_come_back_bit_for_bit(tolerance, dtype):
    values = np.random.default_rng(0).normal(0, 5, 3000).astype(dtype)
    values[::4], values[1::4], values[2::8], values[6::16] = 0, -1.1, -9.9, 1.1
    values[3] = -0.0
    lattice = dithered(values, tolerance)
    assert len(lattice.exact) == 2
    decoded, positions = there_and_back(lattice, values, tolerance, key=5)
    keeps(values, decoded, tolerance)
    shared = np.isin(np.abs(values), np.array([0, 1.1, 9.9], dtype))
    assert shared.sum() > 1500
    np.testing.assert_array_equal(bits(decoded)[shared], bits(values)[shared])
    assert positions.tolist() == [3]
    assert len(np.unique(decoded[~shared])) > 0.5 * len(np.unique(values[~shared]))


@pytest.mark.parametrize("wild", [1e30, -3e38, 1e9])
def test_values_that_many_share_may_lie_far_off(wild):
    values = np.random.default_rng(0).normal(0, 5, 3000).astype(np.float32)
    values[::25] = wild
    lattice = dithered(values, abs_(1e-3))
    assert lattice.exact == (abs(np.float32(wild)),)
    decoded, positions = there_and_back(lattice, values, abs_(1e-3), key=5)
    keeps(values, decoded, abs_(1e-3))
    np.testing.assert_array_equal(decoded[::25], values[::25])
    assert len(positions) == 120


def test_integers_and_lossless_floats_have_no_dither():
    for values, tolerance in [(np.arange(9), abs_(1)), (np.linspace(0, 1, 9), LOSSLESS)]:
        assert dithered(values, tolerance).exact is None


@pytest.mark.parametrize("tolerance", [rel(1e-3), rel(1e-2, floor=1.0), abs_(1e-2)])
def test_kernels_references_and_wider_types_give_the_same(tolerance):
    values = np.random.default_rng(1).normal(0, 30, CHUNK + 999).astype(np.float32)
    lattice, found = Lattice(fit_quantizer(values, tolerance), exact=(30.0,)), []
    for use in (True, False):
        with kernels(use=use):
            quantizer = lattice.quantizer_of(11)
            integers = quantizer.to_narrow_integers(values)
            found.append((integers, quantizer.to_values(integers)))
    found.append((quantizer.to_integers(values), quantizer.to_values(integers.astype(np.int64))))
    for integers, restored in found[1:]:
        np.testing.assert_array_equal(integers, found[0][0])
        np.testing.assert_array_equal(bits(restored), bits(found[0][1]))


def test_shifts_are_uniform_and_those_of_features_are_strangers():
    found = [shifts(key_of(seed, feature), 20_000) for seed in (0, 1) for feature in range(4)]
    for one in found:
        assert one.min() >= -0.5
        assert one.max() < 0.5
        assert distance_from_uniform(2 * one) < 1.95 / math.sqrt(len(one))
        assert abs(np.corrcoef(one[:-1], one[1:])[0, 1]) < 4 / math.sqrt(len(one))
    others = np.corrcoef(found) - np.eye(len(found))
    assert np.abs(others).max() < 4 / math.sqrt(20_000)


def test_a_seed_follows_from_the_values():
    columns = jets(20_000)
    assert seed_of(columns) == seed_of({name: v.copy() for name, v in columns.items()})
    assert seed_of(columns) == seed_of({name: v.astype(">f4") for name, v in columns.items()})
    columns["eta"][0] += 1
    assert seed_of(columns) != seed_of(jets(20_000))


def test_relative_errors_have_no_mean():
    values = np.random.default_rng(8).lognormal(4, 1, 400_000).astype(np.float32)
    tolerance = rel(0.1)
    found, _ = there_and_back(dithered(values, tolerance), values, tolerance, key=3)
    error = found.astype(np.float64) / values - 1
    assert abs(error.mean()) < 4 * error.std() / math.sqrt(len(error))  # 4e-4; else it is -3e-3
    assert np.abs(error).max() > 0.0999
