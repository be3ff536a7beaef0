"""What is written is read, one number after another, and takes little space."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasae.coding.number_stack import NumberReader, NumberWriter

KINDS = {
    "integer": st.integers(0, 6),
    "unsigned": st.integers(0, 2**63 - 1),
    "signed": st.integers(-(2**62), 2**62 - 1),
    "real": st.floats(),
    "integers": st.lists(st.integers(0, 126), max_size=30),
}
numbers = st.lists(
    st.one_of([st.tuples(st.just(kind), values) for kind, values in KINDS.items()]), max_size=20
)


def write(writer, kind, value):
    if kind == "integer":
        writer.integer(value, 7)
    elif kind == "integers":
        writer.integers(np.array(value, np.int64), 127)
    else:
        getattr(writer, kind)(value)


def read(reader, kind, value):
    if kind == "integer":
        return reader.integer(7)
    if kind == "integers":
        return reader.integers(len(value), 127).tolist()
    return getattr(reader, kind)()


@given(numbers)
def test_numbers_of_each_kind_come_back(numbers):
    writer = NumberWriter()
    for kind, value in numbers:
        write(writer, kind, value)
    reader = NumberReader(writer.to_bytes())
    for kind, value in numbers:
        found = read(reader, kind, value)
        if kind == "real":
            assert struct.pack("<d", found) == struct.pack("<d", value)
        else:
            assert found == value


@given(st.binary(max_size=60), st.lists(st.sampled_from(list(KINDS)), max_size=20))
def test_any_bytes_are_numbers_in_range(data, kinds):
    reader = NumberReader(data)
    for kind in kinds:
        found = read(reader, kind, [0] * 9)
        if kind == "integers":
            assert all(0 <= each < 127 for each in found)
        elif kind != "real":
            assert {"integer": 0, "unsigned": 0, "signed": -(2**62)}[kind] <= found
            assert found < {"integer": 7, "unsigned": 2**63, "signed": 2**62}[kind]


def test_numbers_take_their_logarithm_together():
    writer = NumberWriter()
    for value in range(1000):
        writer.integer(value % 3, 3)
    assert 8 * len(writer.to_bytes()) <= 1000 * np.log2(3) + 8
    writer = NumberWriter()
    writer.integers(np.array([5] * 990 + [80] * 10), 127)
    assert len(writer.to_bytes()) < 60
    writer = NumberWriter()
    writer.real(0.5)
    assert len(writer.to_bytes()) <= 3


def test_bytes_are_frozen():
    writer = NumberWriter()
    writer.signed(-300)
    writer.real(0.1)
    writer.integers(np.array([3, 0, 3, 3, 126]), 127)
    assert writer.to_bytes().hex() == STACK


STACK = "ca95501fffffff7f020095300200000000000000000000000004efbb05"


def test_a_number_beyond_its_range_is_not_written():
    for value in (-1, 7):
        with pytest.raises(AssertionError, match=r"not in \[0, 7\)"):
            NumberWriter().integer(value, 7)
