"""Functions that give the same bits everywhere, and how accurate they are."""

from __future__ import annotations

import hashlib

import numpy as np

from atlasae import exact_math
from atlasae.exact_math import exp2


def angles():
    return (np.arange(-25_735, 25_736) / 4096).astype(np.float32)


def points():
    rng = np.random.default_rng(0)
    size = np.exp2(rng.uniform(-40, 40, 20_000))
    turn = np.arange(20_000) * (2 * np.pi / 20_000)
    return (size * np.sin(turn)).astype(np.float32), (size * np.cos(turn)).astype(np.float32)


def test_cosine_and_sine_are_accurate():
    cosine, sine = exact_math.cos_sin(angles())
    within = np.abs(angles()) <= np.pi
    for found, true in [(cosine, np.cos(angles())), (sine, np.sin(angles()))]:
        assert found.dtype == np.float32
        assert np.abs(found - true)[within].max() < 1e-5
        assert np.abs(found - true).max() < 0.02


def test_the_angle_of_a_point_is_accurate():
    y, x = points()
    found = exact_math.arctan2(y, x)
    assert found.dtype == np.float32
    assert np.abs(found - np.arctan2(y, x)).max() < 1.5e-5
    zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
    assert exact_math.arctan2(zero, zero) == 0
    assert exact_math.arctan2(zero, -one) == exact_math.PI
    assert exact_math.arctan2(one, zero) == exact_math.PI / 2
    assert exact_math.arctan2(-one, zero) == -exact_math.PI / 2


def test_the_logarithm_is_accurate():
    numbers = np.exp2(np.random.default_rng(0).uniform(-1022, 1023, 20_000))
    assert np.abs(exact_math.log2(numbers) - np.log2(numbers.astype(np.longdouble))).max() < 3e-13
    numbers = np.linspace(0.5, 2, 20_001)
    assert np.abs(exact_math.log2(numbers) - np.log2(numbers.astype(np.longdouble))).max() < 1e-14
    powers = np.exp2(np.arange(-1022.0, 1024.0))
    np.testing.assert_array_equal(exact_math.log2(powers), np.arange(-1022.0, 1024.0))


def test_the_hyperbolic_tangent_is_accurate():
    x = np.linspace(-20, 20, 100_001).astype(np.float32)
    found = exact_math.tanh(x)
    assert found.dtype == np.float32
    assert np.abs(found - np.tanh(x.astype(np.float64))).max() < 2e-7
    np.testing.assert_array_equal(found[::-1], -found)
    beyond = np.array([np.inf, -np.inf, np.nan, 1e30, 0.0], np.float32)
    np.testing.assert_array_equal(exact_math.tanh(beyond), [1, -1, np.nan, 1, 0])


def test_wrapped_angles_lie_within_pi():
    wide = np.linspace(-3 * np.pi, 3 * np.pi, 10_001).astype(np.float32)
    wrapped = exact_math.wrap(wide)
    assert wrapped.dtype == np.float32
    assert np.abs(wrapped).max() <= exact_math.PI + 1e-6
    assert np.abs(np.exp(1j * wide) - np.exp(1j * wrapped)).max() < 2e-6


def test_exact_functions_are_frozen_to_the_last_bit():
    digest = hashlib.sha256()
    for values in (
        *exact_math.cos_sin(angles()),
        exact_math.wrap(angles()),
        exact_math.arctan2(grid(), grid()[::-1].copy()),
        exact_math.arctan2(-grid(), grid()[::-1].copy()),
    ):
        digest.update(values.astype("<f4").tobytes())
    digest.update(exact_math.log2(grid().astype(np.float64)).astype("<f8").tobytes())
    digest.update(exp2(grid().astype(np.float64)[:3000] % 1000).astype("<f8").tobytes())
    assert digest.hexdigest() == EXACT


def grid():
    """Float32 numbers made without a maths library."""
    patterns = np.arange(0x20000000, 0x5F000000, 65_537, dtype=np.uint32)
    return patterns.view(np.float32)


EXACT = "e98e95263375e3dc669edefbd19bbb62cce1040074b68c5f032ffefb4b52524d"


def test_the_exponential_is_exact_to_a_few_units_in_the_last_place():
    rng = np.random.default_rng(0)
    exponents = np.concatenate([rng.uniform(-1, 1, 10_000), np.arange(-1022.0, 1024.0)])
    expected = np.exp2(exponents.astype(np.longdouble))
    assert np.max(np.abs(exp2(exponents) / expected - 1)) < 1e-15
    np.testing.assert_array_equal(exp2(np.arange(-1022.0, 1024.0)), expected[10_000:])
