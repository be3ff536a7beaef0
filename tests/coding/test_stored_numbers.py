"""What is written is read, one number after another, and takes little space."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from atlasae.coding import stored_numbers as stored
from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder


def integers(lowest, highest, least=0):
    elements = st.integers(lowest, highest)
    return st.lists(elements, min_size=least, max_size=20).map(lambda v: np.array(v, np.int64))


@given(integers(-(2**62), 2**62 - 1), integers(0, 2**63 - 1), integers(0, 99), st.integers(0, 6))
def test_numbers_of_each_kind_come_back(signed, unsigned, limited, single):
    encoder = EntropyEncoder()
    stored.write_signed(encoder, signed)
    stored.write_integer(encoder, single, 7)
    stored.write_limited(encoder, limited, 100)
    stored.write_unsigned(encoder, unsigned)
    decoder = EntropyDecoder(encoder.to_bytes())
    np.testing.assert_array_equal(stored.read_signed(decoder, len(signed)), signed)
    assert stored.read_integer(decoder, 7) == single
    np.testing.assert_array_equal(stored.read_limited(decoder, len(limited), 100), limited)
    np.testing.assert_array_equal(stored.read_unsigned(decoder, len(unsigned)), unsigned)
    assert decoder.is_done


@given(st.floats())
def test_floats_come_back_bit_for_bit(value):
    encoder = EntropyEncoder()
    stored.write_float(encoder, value)
    again = stored.read_float(EntropyDecoder(encoder.to_bytes()))
    assert struct.pack("<d", again) == struct.pack("<d", value)


@pytest.mark.parametrize("dtype", ["i1", "i2", "u2", "i4"])
@given(data=st.data())
def test_arrays_come_back(dtype, data):
    shape = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    values = data.draw(arrays.arrays(dtype, shape))
    encoder = EntropyEncoder()
    stored.write_array(encoder, values)
    again = stored.read_array(EntropyDecoder(encoder.to_bytes()), shape, dtype)
    assert again.dtype == values.dtype
    np.testing.assert_array_equal(again, values)


@given(integers(-(10**6), 10**6 - 1, least=1))
def test_ranges_come_back(values):
    encoder = EntropyEncoder()
    stored.write_range(encoder, values, 2 * 10**6, -(10**6))
    decoder = EntropyDecoder(encoder.to_bytes())
    again = stored.read_range(decoder, len(values), 2 * 10**6, -(10**6))
    np.testing.assert_array_equal(again, values)


def test_small_numbers_take_few_bytes():
    encoder = EntropyEncoder()
    stored.write_limited(encoder, np.full(1000, 3), 1 << 16)  # two bits each
    assert len(encoder.to_bytes()) <= 256
    encoder = EntropyEncoder()
    stored.write_float(encoder, 0.5)
    assert len(encoder.to_bytes()) <= 5  # one word and the header
