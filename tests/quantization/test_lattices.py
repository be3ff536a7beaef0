"""Lattices: what the density models of an integer, what are low bits, and what is an exception."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from atlasae.quantization.exceptions import restore_exceptions
from atlasae.quantization.fitting import fit_quantizer
from atlasae.quantization.lattices import HIGH_BITS, Lattice
from atlasae.quantization.quantizers import AbsoluteQuantizer, IntegerQuantizer, bit_patterns
from atlasae.quantization.tolerance import LOSSLESS, abs_
from tests.quantization.guarantee import TOLERANCES, bits, columns, keeps

LIMIT = 1 << HIGH_BITS


def there_and_back(lattice, values, tolerance):
    high, low, positions, decoded = lattice.split(values, tolerance)
    assert high.dtype == np.int32
    assert not len(high) or -LIMIT < high.min() <= high.max() < LIMIT
    assert (low is None) == (lattice.low_bits == 0)
    if low is not None:
        assert ((low >= 0) & (low < 1 << lattice.low_bits)).all()
    restored = lattice.join(high, low)
    others = np.delete(np.arange(len(values)), positions)
    np.testing.assert_array_equal(bits(decoded)[others], bits(restored)[others])
    assert restored.dtype == values.dtype
    patterns = bit_patterns(values)[positions]
    return restore_exceptions(restored, positions, patterns), positions


@given(columns(), columns(), st.sampled_from(TOLERANCES))
def test_the_guarantee_holds(seen, values, tolerance):
    with np.errstate(all="ignore"):
        seen = seen.astype(values.dtype)
    lattice = Lattice.fit(fit_quantizer(seen, tolerance), seen)
    keeps(values, there_and_back(lattice, values, tolerance)[0], tolerance)


@given(st.sampled_from(["int64", "uint64", "int32", "bool"]), st.data())
def test_integers_of_any_size_come_back(dtype, data):
    seen, values = (data.draw(arrays.arrays(dtype, st.integers(0, 40))) for _ in range(2))
    lattice = Lattice.fit(IntegerQuantizer(dtype), seen)
    found, positions = there_and_back(lattice, values, LOSSLESS)
    np.testing.assert_array_equal(found, values)
    assert dtype != "bool" or not len(positions)


@pytest.mark.parametrize(("size", "low_bits"), [(27, 0), (28, 0), (29, 1), (40, 12), (63, 35)])
def test_wide_integers_get_low_bits_and_no_exceptions(size, low_bits):
    values = np.random.default_rng(0).integers(-(2**size) + 1, 2**size, 1000)
    lattice = Lattice.fit(IntegerQuantizer("int64"), values)
    assert lattice.low_bits == low_bits
    found, positions = there_and_back(lattice, values, LOSSLESS)
    np.testing.assert_array_equal(found, values)
    assert len(positions) == 0


def test_a_few_wide_integers_are_exceptions_and_cost_the_others_nothing():
    values = np.arange(5000)
    values[7] = 2**60
    lattice = Lattice.fit(IntegerQuantizer("int64"), values)
    assert lattice.low_bits == 0
    found, positions = there_and_back(lattice, values, LOSSLESS)
    np.testing.assert_array_equal(found, values)
    assert positions.tolist() == [7]


LARGEST = float(np.finfo(np.float32).max)


@pytest.mark.parametrize("wild", [[1e30], [LARGEST, -LARGEST], [1e20, -1e30, LARGEST, -1e25]])
@pytest.mark.parametrize("others", [40, 199])
def test_wild_values_are_exceptions(wild, others):
    values = np.append(np.linspace(-3, 3, others), wild).astype(np.float32)
    lattice = Lattice.fit(fit_quantizer(values, abs_(1e-3)), values)
    assert lattice.low_bits == 0
    assert lattice.split(values, abs_(1e-3))[2].tolist() == list(range(others, len(values)))


def test_low_bits_are_as_many_as_pay():
    values = np.append(np.full(400, 1 << 30), np.full(4, 1 << 40))
    assert Lattice.fit(IntegerQuantizer("int64"), values).low_bits == 3
    assert (
        Lattice.fit(IntegerQuantizer("int64"), np.repeat(values, [1] * 400 + [20] * 4)).low_bits
        == 13
    )


def test_lossless_float64_needs_no_exceptions():
    values = np.random.default_rng(0).normal(size=1000)
    lattice = Lattice.fit(fit_quantizer(values, LOSSLESS), values)
    assert lattice.low_bits == 35
    found, positions = there_and_back(lattice, values, LOSSLESS)
    np.testing.assert_array_equal(bits(found), bits(values))
    assert len(positions) == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("origin", [1571, -1571])
def test_integers_count_from_an_origin(dtype, origin):
    lattice = Lattice(AbsoluteQuantizer(dtype, 0.002), origin=origin)
    values = (np.arange(-100, 100) * 0.002 + 0.002 * origin).astype(dtype)
    high, _, _, _ = lattice.split(values, abs_(1e-3))
    assert high.tolist() == list(range(-100, 100))
    keeps(values, there_and_back(lattice, values, abs_(1e-3))[0], abs_(1e-3))


def test_nan_and_infinities_are_exceptions():
    values = np.array([1.0, np.nan, -np.inf, 2.0], np.float32)
    lattice = Lattice(AbsoluteQuantizer("float32", 0.002), origin=400)
    found, positions = there_and_back(lattice, values, abs_(1e-3))
    assert positions.tolist() == [1, 2]
    np.testing.assert_array_equal(bits(found)[1:3], bits(values)[1:3])
