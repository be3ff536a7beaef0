"""With exceptions, every value of a column is within its tolerance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasae.errors import InputError
from atlasae.quantization.exceptions import quantize, restore_exceptions
from atlasae.quantization.fitting import fit_quantizer
from atlasae.quantization.quantizers import (
    FloatQuantizer,
)
from atlasae.quantization.tolerance import LOSSLESS, abs_, rel
from tests.quantization.guarantee import (
    FLOATS,
    TOLERANCES,
    bits,
    columns,
    jets,
    keeps,
    there_and_back,
)


@given(columns(), st.sampled_from(TOLERANCES))
def test_the_guarantee_holds(values, tolerance):
    decoded, _, positions = there_and_back(values, tolerance)
    keeps(values, decoded, tolerance)
    assert np.isin(np.flatnonzero(~np.isfinite(values)), positions).all()
    assert (np.diff(positions) > 0).all()


@given(columns(), columns(), st.sampled_from(TOLERANCES))
def test_the_guarantee_holds_for_values_not_seen_at_fit(seen, values, tolerance):
    with np.errstate(all="ignore"):
        seen = seen.astype(values.dtype)
    quantizer = fit_quantizer(seen, tolerance)
    keeps(values, there_and_back(values, tolerance, quantizer)[0], tolerance)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_columns_without_values(dtype, tolerance):
    decoded, integers, positions = there_and_back(np.empty(0, dtype), tolerance)
    assert len(decoded) == len(integers) == len(positions) == 0
    nothing = np.full(5, np.nan, dtype)
    decoded, integers, positions = there_and_back(nothing, tolerance)
    np.testing.assert_array_equal(bits(decoded), bits(nothing))
    assert integers.tolist() == [0] * 5
    assert positions.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [1e-2, 1e-3, 1e-4, 1e-5])
def test_ordinary_jets_need_no_exceptions_and_waste_no_tolerance(dtype, value):
    columns = jets(dtype=dtype)
    for name, tolerance in [
        ("pt", rel(value)),
        ("m", rel(value)),
        ("m", rel(value, floor=1.0)),
        ("eta", abs_(value)),
        ("phi", abs_(value)),
    ]:
        values = columns[name]
        decoded, _, positions = there_and_back(values, tolerance)
        assert not len(positions)
        error = np.abs(decoded.astype(np.float64) - values)
        bound = tolerance.bound(values.astype(np.float64))
        assert (error <= bound).all()
        assert np.max(error[bound > 0] / bound[bound > 0]) > 0.97
        np.testing.assert_array_equal(decoded[values == 0], 0)
        # a user checks in the columns' own dtype
        if tolerance.kind == "relative" and not tolerance.floor:
            assert (abs(decoded - values) <= value * abs(values)).all()
        if tolerance.kind == "absolute":
            assert (abs(decoded - values) <= value).all()


def test_exceptions_take_the_integer_in_the_middle():
    values = np.array([1.0, np.nan, 2.0, 3.0, np.inf], np.float32)
    quantizer = fit_quantizer(values, abs_(0.5))
    integers, positions, _ = quantize(quantizer, values, abs_(0.5))
    assert positions.tolist() == [1, 4]
    assert integers.tolist() == [1, 2, 2, 3, 2]


def test_other_byte_orders_and_strides():
    table = np.zeros(100, [("pt", ">f4"), ("n", "<i4")])
    table["pt"] = jets(100)["pt"]
    table["pt"][4] = np.nan
    for tolerance in (rel(1e-3), abs_(1e-3), LOSSLESS):
        values = table["pt"]
        quantizer = fit_quantizer(values, tolerance)
        integers, positions, _ = quantize(quantizer, values, tolerance)
        assert positions.tolist() == [4]
        decoded = restore_exceptions(
            quantizer.to_values(integers), positions, bits(values[positions])
        )
        np.testing.assert_array_equal(decoded.dtype, np.float32)
        np.testing.assert_allclose(decoded, values, rtol=1e-3, atol=1e-3)
        native = values.astype(np.float32)
        np.testing.assert_array_equal(quantizer.to_integers(native), quantizer.to_integers(values))


def test_columns_that_do_not_fit():
    with pytest.raises(InputError, match="float64, the codec was fitted to float32"):
        quantize(FloatQuantizer("float32"), np.ones(3), LOSSLESS)
    with pytest.raises(InputError, match="complex128 cannot be quantized"):
        fit_quantizer(np.ones(3, complex), LOSSLESS)


def test_patches_that_do_not_fit():
    values, pattern = np.ones(3, np.float32), np.array([1], np.uint32)
    assert restore_exceptions(values, np.array([2]), pattern).tolist() == [1.0, 1.0, 2.0**-149]
    assert values.tolist() == [1.0, 1.0, 2.0**-149]
    for position in (-1, 3):
        with pytest.raises(InputError, match="outside the 3 values"):
            restore_exceptions(values, np.array([position]), pattern)
    with pytest.raises(InputError, match="2 exceptions have 1 bit patterns"):
        restore_exceptions(values, np.array([0, 1]), pattern)
