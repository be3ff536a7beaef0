"""Columns of every sort, and the guarantee that decoded values have to keep."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from atlasae.quantization.exceptions import quantize, restore_exceptions
from atlasae.quantization.fitting import fit_quantizer
from atlasae.quantization.quantizers import (
    bit_patterns,
)
from atlasae.quantization.tolerance import LOSSLESS, abs_, rel

FLOATS = ("float16", "float32", "float64")


INTEGERS = [f"{sign}int{size}" for sign in ("", "u") for size in (8, 16, 32, 64)]


TOLERANCES = [
    rel(1e-3),
    rel(0.49),
    rel(1e-6),
    rel(1e-7),
    rel(1e-13),
    rel(1e-3, floor=1.0),
    rel(0.1, floor=1e-42),
    rel(0.01, floor=1e308),
    abs_(1e-3),
    abs_(1e-30),
    abs_(1e3),
    abs_(1e300),
    abs_(1.7e308),
    abs_(5e-324),
    LOSSLESS,
]


@st.composite
def columns(draw, dtypes=FLOATS):
    """Bit patterns of every sort, sizes near each other, all the same, one value, none."""
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    size = draw(st.integers(0, 40))
    if draw(st.booleans()):
        patterns = arrays.arrays(f"u{dtype.itemsize}", size)
        return draw(patterns).view(dtype)
    info = np.finfo(dtype)
    special = [0.0, -0.0, math.nan, math.inf, -math.inf, -1.0, float(info.max), -float(info.max)]
    special += [float(info.tiny), 2.0 ** (info.minexp - info.nmant), 500 * 2.0**-149, -999.0]
    ordinary = st.floats(-100, 100, width=16)
    elements = draw(st.sampled_from([ordinary, st.sampled_from(special) | ordinary]))
    fill = st.just(draw(elements)) if draw(st.booleans()) else st.nothing()
    return draw(arrays.arrays(dtype, size, elements=elements, fill=fill))


def bits(values):
    return bit_patterns(np.asarray(values))


def there_and_back(values, tolerance, quantizer=None):
    quantizer = quantizer or fit_quantizer(values, tolerance)
    integers, positions, _ = quantize(quantizer, values, tolerance)
    assert integers.dtype == positions.dtype == np.int64
    assert len(integers) == len(values)
    restored = quantizer.to_values(integers)
    assert restored.dtype == values.dtype
    return restore_exceptions(restored, positions, bits(values[positions])), integers, positions


def keeps(values, decoded, tolerance):
    """The guarantee, in exact arithmetic for the difference."""
    finite = np.isfinite(values)
    for whole in (~finite, values == 0):
        np.testing.assert_array_equal(bits(decoded)[whole], bits(values)[whole])
    if tolerance == LOSSLESS:
        np.testing.assert_array_equal(bits(decoded), bits(values))
        return
    originals = values[finite].astype(np.float64)
    for original, found, bound in zip(
        originals, decoded[finite].astype(np.float64), tolerance.bound(originals), strict=True
    ):
        assert abs(Fraction(found) - Fraction(original)) <= Fraction(bound)


def jets(n=50_000, dtype="float32"):
    rng = np.random.default_rng(5)
    return {
        "pt": rng.lognormal(4, 1, n).astype(dtype),
        "m": np.where(rng.random(n) < 0.1, 0, rng.normal(8, 5, n)).astype(dtype),
        "eta": rng.normal(0, 2, n).astype(dtype),
        "phi": rng.uniform(-math.pi, math.pi, n).astype(dtype),
    }
