"""Numpy arrays of numbers, as ``numpy.ndarray.__reduce__`` and ``__reduce_ex__`` store them."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import DamagedFileError, InputError
from atlasae.jets.pickle.recorded import (
    Call,
    Name,
    describe,
    kind_of,
    parts,
    require,
    require_call,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.types import DType, Values

_MOST_COLUMNS = 5_000
_LONGEST_NAME = 1000  # characters of a column name
_NUMBERS = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}
UNNAMED_COLUMNS = "the columns are numbered, not named; give them names such as 'pt'"


def column_names(names: Sequence[Any]) -> list[str]:
    """The names of columns, which have to be different texts, no more than a table may have.

    Raises:
        InputError: they are not.
    """
    if len(names) > _MOST_COLUMNS:
        raise InputError(f"{len(names)} columns, more than the {_MOST_COLUMNS} of a table of jets")
    seen: set[str] = set()
    for name in names:
        if type(name) is not str:
            raise InputError(UNNAMED_COLUMNS)
        if len(name) > _LONGEST_NAME:
            raise InputError(f"the name of a column has {len(name)} characters")
        if name in seen:
            raise InputError(f"two columns have the name {name!r}")
        seen.add(name)
    return list(names)


def read_array(value: Any, what: str) -> Values:
    """A numpy array of numbers, a view of the pickle's own bytes; errors call it ``what``.

    Raises:
        InputError: it holds something other than numbers.
        DamagedFileError: it is not an array, or its bytes do not fit its shape.
    """
    array = _require_array(value, what)
    if kind_of(array) == "array":
        made_of, reserved = parts(array.args, 2)[:2]
        if made_of != Name("numpy.ndarray") or _shape(reserved, what) != (0,):
            raise DamagedFileError(f"{what} is not a plain numpy array")
        _, dimensions, dtype_call, fortran, content = parts(array.state, 5)[:5]
        order, axes = "F" if fortran is True else "C", None
    else:
        content, dtype_call, dimensions, order, *more = parts(array.args, 4)
        axes = more[0] if require(order, str) == "K" and more else None
    dtype, shape, data = _dtype(dtype_call, what), _shape(dimensions, what), read_bytes(content)
    if prod(shape) * dtype.itemsize != len(data):
        raise DamagedFileError(f"{what} has {len(data)} bytes, which do not fit shape {shape}")
    found: Values = np.ndarray(shape, dtype, data, order="F" if order == "F" else "C")
    return found if axes is None else found.transpose(_shape(axes, what))


def _require_array(value: Any, what: str) -> Call:
    if isinstance(value, Call) and kind_of(value) in ("ignored", "strings", "arrow strings"):
        holder = next((arg for arg in value.args if isinstance(arg, Name)), value.name)
        raise InputError(
            f"{what} does not hold plain numbers but a {holder.dotted}; in pandas, convert it with"
            " .astype('float64') or to another dtype of numpy, or leave it out"
        )
    return require_call(value, "array", "buffer")


def _shape(value: Any, what: str) -> tuple[int, ...]:
    """One or two numbers that are not negative."""
    shape = parts(value, 1)
    if len(shape) > 2 or any(type(number) is not int or number < 0 for number in shape):
        raise DamagedFileError(f"{what} has {len(shape)} dimensions or an impossible length")
    return shape


def _dtype(value: Any, what: str) -> DType:
    """The dtype of the numbers in ``what``, or of a structured array of numbers."""
    _, order, _, names, fields, size = parts(require_call(value, "dtype").state, 6)[:6]
    if not names:
        return _number_dtype(value, order, what)
    labels = column_names(parts(names, 1))
    places = [parts(require(fields, dict)[label], 2)[:2] for label in labels]
    formats = [
        _number_dtype(of, parts(require_call(of, "dtype").state, 2)[1], f"column {label!r}")
        for label, (of, _) in zip(labels, places, strict=True)
    ]
    offsets = [require(offset, int) for _, offset in places]
    layout = {
        "names": labels,
        "formats": formats,
        "offsets": offsets,
        "itemsize": require(size, int),
    }
    return np.dtype(layout)  # type: ignore[call-overload,no-any-return]


def _number_dtype(value: Call, order: Any, what: str) -> DType:
    code = require(parts(value.args, 1)[0], str)
    if code not in _NUMBERS or require(order, str) not in ("<", ">", "|", "="):
        raise InputError(f"{what} does not hold numbers (numpy dtype {code[:20]!r})")
    dtype: DType = np.dtype(code)
    return dtype.newbyteorder(order)


def read_bytes(value: Any) -> bytes | bytearray:
    """Bytes in the form of any protocol; before 3 they are text with one character per byte."""
    if kind_of(value) in ("bytes object", "encoded bytes") and isinstance(value, Call):
        value = value.args[0] if value.args else b""
    if isinstance(value, Call) and kind_of(value) == "encoded bytes":  # within a bytearray
        value = parts(value.args, 1)[0]
    match value:
        case str():
            return value.encode("latin1")
        case bytes() | bytearray():
            return value
        case _:
            raise DamagedFileError(f"expected bytes in the pickle, got {describe(value)}")
