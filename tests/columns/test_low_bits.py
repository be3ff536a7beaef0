"""Low bits of coordinates: split off and joined, more of them where the reference is small."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from atlasae.columns.integers import IntegerCode
from atlasae.columns.low_bits import KINDS, MOST_FINE, LowBits

CODE = IntegerCode(np.dtype("f4"))


@given(
    hnp.arrays(np.int64, 9, elements=st.integers(-(1 << 31), (1 << 31) - 1)),
    hnp.arrays(np.uint8, 9, elements=st.integers(0, 32)),
)
def test_low_bits_come_back(high, widths):
    low = np.random.default_rng(1).integers(0, 1 << widths.astype(np.int64))
    coordinates = (high << widths) | low
    found, stored = LowBits.split(coordinates, widths)
    np.testing.assert_array_equal(found, high)
    np.testing.assert_array_equal(stored, low + KINDS.lows[widths])
    np.testing.assert_array_equal(
        LowBits.joined(found.astype(np.int32), stored, widths), coordinates
    )


def test_small_references_have_more_low_bits():
    values = np.array([1.0, 64.0, 16.0, 1e-30, -16.0], np.float32)
    low = LowBits(3, 130)  # of 8 and above
    rows = np.array([0, 1, 2, 3, 4, -1])
    widths = low.widths_by(CODE.whole(values), rows, CODE)
    assert widths.tolist() == [6, 3, 3, 3 + MOST_FINE, 3, 3]
    assert low.widths_by(CODE.whole(values[:0]), rows[-1:], CODE).tolist() == [3]
    assert LowBits(3).widths_by(CODE.whole(values), rows, CODE).tolist() == [3] * 6


def test_whether_there_are_low_bits():
    assert [LowBits().is_any, LowBits(1).is_any, LowBits(0, 3).is_any] == [False, True, True]
