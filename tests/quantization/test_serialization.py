"""The stored form of quantizers and lattices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasae.coding.number_stack import NumberReader, NumberWriter
from atlasae.errors import DamagedFileError, InputError
from atlasae.quantization.fitting import fit_quantizer
from atlasae.quantization.lattices import Lattice
from atlasae.quantization.quantizers import AbsoluteQuantizer
from atlasae.quantization.serialization import (
    read_lattices,
    read_quantizers,
    write_lattices,
    write_quantizers,
)
from tests.quantization.guarantee import TOLERANCES, bits, columns


@given(
    columns(), st.sampled_from(TOLERANCES), st.integers(0, 36), st.integers(-(2**31), 2**31),
    st.booleans(),
)  # fmt: skip
def test_stored_lattices_are_the_same(values, tolerance, low_bits, origin, dither):
    quantizer, other = fit_quantizer(values, tolerance), AbsoluteQuantizer("float16", 0.1)
    lattices = [Lattice(quantizer, low_bits, origin), Lattice(other), Lattice(quantizer)]
    dtypes, writer = [each.quantizer.dtype for each in lattices], NumberWriter()
    if dither:
        shared = np.append(values, np.repeat(np.array([1, -2], values.dtype), 60))
        lattices = [lattice.dithered(shared) for lattice in lattices]
    write_lattices(writer, lattices)
    again = read_lattices(NumberReader(writer.to_bytes()), dtypes, dither=dither)
    assert again == lattices
    integers = quantizer.to_integers(values)
    np.testing.assert_array_equal(
        bits(again[0].quantizer.to_values(integers)), bits(quantizer.to_values(integers))
    )


def test_a_quantizer_of_another_dtype_is_refused():
    writer = NumberWriter()
    write_quantizers(writer, [AbsoluteQuantizer("float32", 1e-3)])
    for dtype in ("int32", "object", "float128"):
        with pytest.raises(InputError, match=f"dtype='{dtype}' must be one of"):
            read_quantizers(NumberReader(writer.to_bytes()), [dtype])


def test_too_many_low_bits_are_damage():
    writer = NumberWriter()
    write_lattices(writer, [Lattice(AbsoluteQuantizer("float32", 1e-3), low_bits=37)])
    with pytest.raises(DamagedFileError, match="too many low bits"):
        read_lattices(NumberReader(writer.to_bytes()), ["float32"])


@given(
    st.binary(max_size=60), st.lists(st.sampled_from(["float32", "float64", "int8"])), st.booleans()
)
def test_any_bytes_are_lattices_or_an_error(data, dtypes, dither):
    """And whatever lattices they are, their values can be asked for."""
    try:
        lattices = read_lattices(NumberReader(data), dtypes, dither=dither)
    except (InputError, DamagedFileError):
        return
    integers = np.array([0, -1, 1, 2**27, -(2**27)])
    for each in lattices:
        for some in (integers, integers.astype(np.int32)):
            assert len(each.quantizer_of(3).to_values(some)) == 5
