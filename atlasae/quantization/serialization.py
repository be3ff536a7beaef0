"""The stored form of quantizers; they are written and read by a pair of functions."""

from __future__ import annotations

from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.coding.stored_numbers import (
    read_float,
    read_integer,
    read_signed,
    write_float,
    write_integer,
    write_signed,
)
from atlasae.errors import require_choice
from atlasae.quantization.quantizers import QUANTIZERS, Quantizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder


def write_quantizers(encoder: EntropyEncoder, quantizers: Sequence[Quantizer]) -> None:
    """Write quantizers without their dtypes.

    One that equals an earlier one is stored as its index. Each number that equals that of the last
    quantizer of the same kind takes one bit.

    Example:
        >>> from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
        >>> from atlasae.quantization.quantizers import AbsoluteQuantizer
        >>> encoder = EntropyEncoder()
        >>> write_quantizers(encoder, [AbsoluteQuantizer("float32", 0.002)])
        >>> read_quantizers(EntropyDecoder(encoder.to_bytes()), ["float32"])
        [AbsoluteQuantizer(dtype='float32', step=0.002)]
    """
    earlier: list[Quantizer] = []
    for quantizer in quantizers:
        same = earlier.index(quantizer) if quantizer in earlier else len(earlier)
        write_integer(encoder, same, len(earlier) + 1)
        if same == len(earlier):
            write_integer(encoder, list(QUANTIZERS).index(quantizer.kind), len(QUANTIZERS))
            previous = _last_of_kind(earlier, type(quantizer))
            for field in _stored_fields(type(quantizer)):
                _write_number(encoder, field, quantizer, previous)
        earlier.append(quantizer)


def read_quantizers(decoder: EntropyDecoder, dtypes: Sequence[str]) -> list[Quantizer]:
    """Read the quantizers of columns with these dtypes.

    Raises:
        InputError: a quantizer does not support its dtype.
    """
    quantizers: list[Quantizer] = []
    for dtype in dtypes:
        same = read_integer(decoder, len(quantizers) + 1)
        if same < len(quantizers):
            quantizers.append(quantizers[same])
            continue
        kind = list(QUANTIZERS.values())[read_integer(decoder, len(QUANTIZERS))]
        require_choice("dtype", dtype, kind.dtypes)
        previous = _last_of_kind(quantizers, kind)
        numbers = [_read_number(decoder, field, previous) for field in _stored_fields(kind)]
        quantizers.append(kind(dtype, *numbers))
    return quantizers


def _stored_fields(kind: type[Quantizer]) -> tuple[Field[Any], ...]:
    return fields(kind)[1:]  # the first is the dtype


def _last_of_kind(quantizers: Sequence[Quantizer], kind: type[Quantizer]) -> Quantizer | None:
    return next((each for each in reversed(quantizers) if isinstance(each, kind)), None)


def _write_number(
    encoder: EntropyEncoder, field: Field[Any], quantizer: Quantizer, previous: Quantizer | None
) -> None:
    value = getattr(quantizer, field.name)
    if previous is not None:
        is_same = value == getattr(previous, field.name)
        write_integer(encoder, int(is_same), 2)
        if is_same:
            return
    if field.type == "float":
        write_float(encoder, value)
    else:
        write_signed(encoder, np.array([value]))


def _read_number(decoder: EntropyDecoder, field: Field[Any], previous: Quantizer | None) -> Any:
    if previous is not None and read_integer(decoder, 2):
        return getattr(previous, field.name)
    return read_float(decoder) if field.type == "float" else int(read_signed(decoder, 1)[0])
