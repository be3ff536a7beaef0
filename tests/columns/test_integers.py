"""Numbers as integers: bit for bit, in order, differences and sums of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from atlasae.columns.integers import IntegerCode
from tests.columns.blocks import SPECIAL

DTYPES = [f"{sign}{width}" for sign in "iu" for width in (1, 2, 4, 8)] + ["f4", "f8", "?"]
dtypes = st.sampled_from([np.dtype(name) for name in DTYPES])


def numbers(dtype, size):
    """Numbers of any bits."""
    if dtype == bool:
        return hnp.arrays(bool, size)
    return hnp.arrays(f"u{dtype.itemsize}", size).map(lambda bits: bits.view(dtype))


@given(st.data(), dtypes)
def test_numbers_come_back_bit_for_bit(data, dtype):
    values = data.draw(numbers(dtype, st.integers(0, 20)))
    code = IntegerCode.of(values)
    assert code.holds(values)
    assert code.values(code.whole(values)).tobytes() == values.tobytes()


@given(st.data(), dtypes)
def test_differences_and_sums_are_inverse(data, dtype):
    """Integers that others are coded given are the same as those of the numbers."""
    values = data.draw(numbers(dtype, 9))
    reference = data.draw(numbers(dtype, 9))
    code = IntegerCode.of(np.concatenate([values, reference]))
    whole, other = code.whole(values), code.whole(reference)
    differences = code.differences(whole, other)
    np.testing.assert_array_equal(code.sums(differences + other), whole)
    if dtype.itemsize < 8:
        assert np.array_equal(differences, differences.astype(np.int32))


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "u2", "i8"])
def test_integers_are_in_the_order_of_their_numbers(dtype):
    values = np.array([-1e30, -2.5, -2.0, -1e-40, 0.0, 1e-40, 2.0, 2.5, 1e30, np.inf])
    if np.dtype(dtype).kind != "f":
        values = np.arange(0, 100, 7)
    values = values.astype(dtype)
    whole = IntegerCode.of(values).whole(values)
    assert (np.diff(whole) > 0).all()


def test_signs_of_zeros_and_nan_come_back():
    values = np.array(SPECIAL, np.float32)
    code = IntegerCode(np.dtype("f4"))
    assert code.values(code.whole(values).astype(np.int32)).tobytes() == values.tobytes()


def test_rounded_mantissas_are_shifted():
    values = np.array([1.5, -3.0, 0.0], np.float32)
    code = IntegerCode.of(values)
    assert code.shift == 22
    assert code.holds(np.array([-0.0, 5e30], np.float32) * 0)
    assert not code.holds(np.array([1.25], np.float32))
    np.testing.assert_array_equal(code.exponents(code.whole(values)), [127, 128, 0])
