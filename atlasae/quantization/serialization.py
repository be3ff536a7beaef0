"""The stored form of quantizers; they are written and read by a pair of functions."""

from __future__ import annotations

from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import DamagedFileError, require_choice
from atlasae.quantization.lattices import Lattice
from atlasae.quantization.quantizers import QUANTIZERS, FloatQuantizer, StepQuantizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.coding.number_stack import NumberReader, NumberWriter
    from atlasae.quantization.quantizer import Quantizer

_MOST_LOW_BITS = 36  # of 64: the density models the others
_MOST_EXACT = 2  # magnitudes of a lattice with dither


def write_quantizers(writer: NumberWriter, quantizers: Sequence[Quantizer]) -> None:
    """Write quantizers without their dtypes.

    One that equals an earlier one is stored as its index. Each number that equals that of the last
    quantizer of the same kind takes one bit.

    Example:
        >>> from atlasae.coding.number_stack import NumberReader, NumberWriter
        >>> from atlasae.quantization.quantizers import AbsoluteQuantizer
        >>> writer = NumberWriter()
        >>> write_quantizers(writer, [AbsoluteQuantizer("float32", 0.002)])
        >>> read_quantizers(NumberReader(writer.to_bytes()), ["float32"])
        [AbsoluteQuantizer(dtype='float32', step=0.002)]
    """
    earlier: list[Quantizer] = []
    for quantizer in quantizers:
        same = earlier.index(quantizer) if quantizer in earlier else len(earlier)
        writer.integer(same, len(earlier) + 1)
        if same == len(earlier):
            writer.integer(list(QUANTIZERS).index(quantizer.kind), len(QUANTIZERS))
            previous = _last_of_kind(earlier, type(quantizer))
            for field in _stored_fields(type(quantizer)):
                _write_number(writer, field, quantizer, previous)
        earlier.append(quantizer)


def read_quantizers(reader: NumberReader, dtypes: Sequence[str]) -> list[Quantizer]:
    """Read the quantizers of columns with these dtypes.

    Raises:
        InputError: a quantizer does not support its dtype.
        DamagedFileError: a quantizer has a number that none is written with.
    """
    quantizers: list[Quantizer] = []
    for dtype in dtypes:
        same = reader.integer(len(quantizers) + 1)
        if same < len(quantizers):
            quantizers.append(quantizers[same])
            continue
        kind = list(QUANTIZERS.values())[reader.integer(len(QUANTIZERS))]
        require_choice("dtype", dtype, kind.dtypes)
        previous = _last_of_kind(quantizers, kind)
        numbers = [_read_number(reader, field, previous) for field in _stored_fields(kind)]
        if kind is FloatQuantizer and not 0 <= numbers[0] < 8 * np.dtype(dtype).itemsize:
            raise DamagedFileError("the stored codec is damaged: it shifts out all bits")
        quantizers.append(kind(dtype, *numbers))
    return quantizers


def write_lattices(writer: NumberWriter, lattices: Sequence[Lattice]) -> None:
    """Write lattices without the dtypes of their quantizers."""
    write_quantizers(writer, [lattice.quantizer for lattice in lattices])
    for lattice in lattices:
        writer.unsigned(lattice.low_bits)
        writer.signed(lattice.origin)
        if lattice.exact is not None:
            writer.integer(len(lattice.exact), _MOST_EXACT + 1)
            for magnitude in lattice.exact:
                writer.real(magnitude)


def read_lattices(
    reader: NumberReader, dtypes: Sequence[str], *, dither: bool = False
) -> list[Lattice]:
    """Read the lattices of columns with these dtypes.

    Args:
        reader: of what ``write_lattices`` wrote.
        dtypes: of the columns.
        dither: whether lattices that have steps were written with dither.

    Raises:
        InputError: a quantizer does not support its dtype.
        DamagedFileError: a lattice has too many low bits, or leaves impossible magnitudes alone.
    """
    lattices = []
    for quantizer in read_quantizers(reader, dtypes):
        low_bits, origin = reader.unsigned(), reader.signed()
        if low_bits > _MOST_LOW_BITS:
            raise DamagedFileError("the stored codec is damaged: it has too many low bits")
        exact = None
        if dither and isinstance(quantizer, StepQuantizer):
            exact = tuple(reader.real() for _ in range(reader.integer(_MOST_EXACT + 1)))
            if not all(0 < size <= np.finfo(quantizer.dtype).max for size in exact):
                raise DamagedFileError("the stored codec is damaged: its magnitudes are impossible")
        lattices.append(Lattice(quantizer, low_bits, origin, exact))
    return lattices


def _stored_fields(kind: type[Quantizer]) -> tuple[Field[Any], ...]:
    return fields(kind)[1:]  # the first is the dtype


def _last_of_kind(quantizers: Sequence[Quantizer], kind: type[Quantizer]) -> Quantizer | None:
    return next((each for each in reversed(quantizers) if isinstance(each, kind)), None)


def _write_number(
    writer: NumberWriter, field: Field[Any], quantizer: Quantizer, previous: Quantizer | None
) -> None:
    value = getattr(quantizer, field.name)
    if previous is not None:
        is_same = value == getattr(previous, field.name)
        writer.integer(int(is_same), 2)
        if is_same:
            return
    if field.type == "float":
        writer.real(value)
    else:
        writer.signed(value)


def _read_number(reader: NumberReader, field: Field[Any], previous: Quantizer | None) -> Any:
    if previous is not None and reader.integer(2):
        return getattr(previous, field.name)
    return reader.real() if field.type == "float" else reader.signed()
