"""Floats rounded to the fewest bits that keep a tolerance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from atlasae.quantization.rounding import rounded
from atlasae.quantization.tolerance import LOSSLESS, abs_, rel

TOLERANCES = [rel(1e-3), rel(0.3), rel(1e-3, floor=10), abs_(1e-3), abs_(1e30), LOSSLESS]
WIDTHS = {"float32": 23, "float64": 52}


def bits_kept(value):
    """The number of bits of the mantissa, up to the last that is not zero."""
    width = WIDTHS[value.dtype.name]
    mantissa = int(value.view(f"u{value.itemsize}")) & ((1 << width) - 1)
    return next((kept for kept in range(width + 1) if not mantissa % (1 << (width - kept))), 0)


def nearest(value, kept):
    """A value rounded to some bits of the mantissa, to even, by arithmetic."""
    fraction, exponent = np.frexp(np.float64(value))
    return np.ldexp(np.rint(np.ldexp(fraction, kept + 1)), int(exponent) - kept - 1)


@pytest.mark.parametrize("tolerance", TOLERANCES, ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(data=st.data())
def test_the_tolerance_is_kept(dtype, tolerance, data):
    before = data.draw(hnp.arrays(dtype, st.integers(0, 20)))
    after = rounded(before, tolerance)
    assert after.dtype == before.dtype
    special = ~np.isfinite(before) | (before == 0)
    kind = f"u{before.itemsize}"
    np.testing.assert_array_equal(after[special].view(kind), before[special].view(kind))
    exact = before[~special].astype(np.float64)
    with np.errstate(over="ignore"):
        assert np.all(np.abs(after[~special] - exact) <= tolerance.bound(exact))


@pytest.mark.parametrize("tolerance", [rel(1e-3), abs_(0.02)], ids=repr)
def test_fewer_bits_would_not_do(tolerance):
    before = np.random.default_rng(0).normal(size=300).astype(np.float32)
    for old, new in zip(before, rounded(before, tolerance), strict=True):
        kept = bits_kept(new)
        assert new == nearest(old, kept)
        bound = tolerance.bound(np.array([old], float))[0]
        assert all(abs(nearest(old, fewer) - float(old)) > bound for fewer in range(kept))


def test_shapes_and_bits_of_lossless_stay():
    values = np.random.default_rng(1).normal(size=(4, 3))
    assert rounded(values, rel(1e-2)).shape == (4, 3)
    np.testing.assert_array_equal(rounded(values, LOSSLESS), values)
