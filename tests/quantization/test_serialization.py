"""The stored form of quantizers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
from atlasae.errors import InputError
from atlasae.quantization.fitting import fit_quantizer
from atlasae.quantization.quantizers import (
    AbsoluteQuantizer,
)
from atlasae.quantization.serialization import read_quantizers, write_quantizers
from tests.quantization.guarantee import (
    TOLERANCES,
    bits,
    columns,
)


@given(columns(), st.sampled_from(TOLERANCES))
def test_stored_quantizers_are_the_same(values, tolerance):
    quantizer, other = fit_quantizer(values, tolerance), AbsoluteQuantizer("float16", 0.1)
    quantizers = [quantizer, other, quantizer]
    dtypes, writer = [each.dtype for each in quantizers], EntropyEncoder()
    write_quantizers(writer, quantizers)
    again, *rest = read_quantizers(EntropyDecoder(writer.to_bytes()), dtypes)
    assert rest == [other, quantizer]
    assert again == quantizer
    integers = quantizer.to_integers(values)
    np.testing.assert_array_equal(again.to_integers(values), integers)
    np.testing.assert_array_equal(
        bits(again.to_values(integers)), bits(quantizer.to_values(integers))
    )


def test_a_quantizer_of_another_dtype_is_refused():
    writer = EntropyEncoder()
    write_quantizers(writer, [AbsoluteQuantizer("float32", 1e-3)])
    for dtype in ("int32", "object", "float128"):
        with pytest.raises(InputError, match=f"dtype='{dtype}' must be one of"):
            read_quantizers(EntropyDecoder(writer.to_bytes()), [dtype])
