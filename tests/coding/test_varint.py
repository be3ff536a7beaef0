"""Varints of headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasae.coding.varint import decode_varint, encode_varint
from atlasae.errors import DamagedFileError


@given(st.integers(0, 2**35), st.binary(max_size=3))
def test_varints_come_back_and_say_where_they_end(value, rest):
    encoded = encode_varint(value)
    assert len(encoded) == max(-(-value.bit_length() // 7), 1)
    assert decode_varint(encoded + rest, 0) == (value, len(encoded))
    with pytest.raises(IndexError):
        decode_varint(encoded[:-1], 0)


@pytest.mark.parametrize("data", [encode_varint(2**35 + 1), b"\xff" * 20, b"\x80" * 20 + b"\0"])
def test_varints_too_large_are_damage(data):
    with pytest.raises(DamagedFileError):
        decode_varint(data, 0)
