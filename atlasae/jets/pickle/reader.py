"""Read jets from pickles of pandas and numpy, which may be untrusted.

``atlasae.jets.pickle.machine`` records what a pickle would build; this module reads numbers and
column names from that record. The formats are those of ``numpy.ndarray.__reduce__`` and of
pandas' ``BlockManager``.
"""

from __future__ import annotations

import os
import struct
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import (
    DamagedFileError,
    FileError,
    InputError,
    MissingFileError,
    UnsafePickleError,
)
from atlasae.jets.pickle.machine import Name, describe, kind_of, require_call, run_opcodes
from atlasae.jets.table import to_records, to_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import awkward as ak

    from atlasae.types import DType, PathLike, Values

_NUMBERS = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}
_UNNAMED_COLUMNS = "the columns are numbered, not named; give them names such as 'pt'"
_MAX_EXPANSION = 16  # bytes of columns per byte of the file; bounds memory if arrays are repeated
_PARSE_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


def read_pickle(path: PathLike) -> ak.Array:
    """Read a table of jets from a pickle, which may be untrusted: nothing in it is executed.

    Accepted are DataFrames with named columns of numbers (pandas 0.14 to 3, except 1.3, whose
    pickles call functools.partial; protocols 2 to 5; not compressed), dicts of one-dimensional
    numpy arrays, and structured numpy arrays. The row index of a DataFrame is left out.

    Args:
        path: of the pickle file.

    Returns:
        Flat awkward records, one per row, with the column names, order, units and dtypes (in
        native byte order) of the pickle. With the features of a 4-vector they behave as
        ``vector`` Momentum4D.

    Raises:
        MissingFileError: there is no such file.
        UnsafePickleError: the pickle names something that a table does not need.
        InputError: a column has no unique name, or does not hold numbers.
        DamagedFileError: it is not a pickle, is cut short, or does not hold a table.

    Example:
        >>> import pickle, tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "jets.pkl"
        ...     size = path.write_bytes(pickle.dumps({"pt": np.array([50.0, 30.0])}))
        ...     jets = read_pickle(path)
        >>> jets.pt.tolist()
        [50.0, 30.0]
    """
    file_name = os.fspath(path)
    if not Path(path).exists():
        raise MissingFileError(f"no pickle {file_name!r}")
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise FileError(f"cannot read {file_name}: {error.strerror or error}") from error
    try:
        names, columns = _columns(run_opcodes(data))
        table = to_table(_ordered(names, columns, max_bytes=_MAX_EXPANSION * len(data)))
        return to_records(table)
    except (UnsafePickleError, DamagedFileError, InputError) as error:
        raise type(error)(f"{file_name}: {error}") from error
    except _PARSE_ERRORS as error:
        raise DamagedFileError(f"{file_name}: not a pickle of jets, or damaged: {error}") from error


def _columns(value: Any) -> tuple[Sequence[str], Iterator[tuple[str, Values]]]:
    """The column names in order, and pairs of name and values in any order."""
    match kind_of(value):
        case "frame":
            return _frame(value.state)
        case "dict":
            names = list(value)
            return names, ((name, _array(value[name], f"column {name!r}")) for name in names)
        case "array" | "buffer" if (array := _array(value, "this array")).dtype.names:
            names = list(array.dtype.names)
            return names, ((name, array[name]) for name in names)
        case "array" | "buffer":
            raise InputError("the pickled array does not say which column is which")
        case _:
            raise DamagedFileError(
                f"the pickle holds {describe(value)}; atlasae reads a DataFrame, a dict of arrays"
                " or a structured array"
            )


def _ordered(
    names: Sequence[Any], columns: Iterator[tuple[str, Values]], max_bytes: int
) -> dict[str, Values]:
    """Copies of the columns in the order of ``names``, of at most ``max_bytes`` in all."""
    for i, name in enumerate(names):
        if not isinstance(name, str):
            raise InputError(_UNNAMED_COLUMNS)
        if names.index(name) < i:
            raise InputError(f"two columns have the name {name!r}")
    copies: dict[str, Values] = {}
    for name, values in columns:
        max_bytes -= values.nbytes
        if max_bytes < 0:
            raise DamagedFileError(
                f"the columns repeat the same data: more than {_MAX_EXPANSION} times the file size"
            )
        copies[name] = np.array(values, values.dtype.newbyteorder("="), order="C")
    if copies.keys() != set(names):
        raise DamagedFileError(f"no values for columns {sorted(set(names) - copies.keys())}")
    return {name: copies[name] for name in names}


def _frame(state: Any) -> tuple[Sequence[str], Iterator[tuple[str, Values]]]:
    """The columns of a DataFrame, which stores them in blocks of one dtype each."""
    manager = require_call(state["_mgr"] if "_mgr" in state else state["_data"], "manager")
    if manager.args:  # since pandas 1.3
        blocks = [require_call(block, "block").args[:2] for block in manager.args[0]]
        labels = _labels(manager.args[1][0])
    else:
        layout = manager.state[3]["0.14.1"]
        blocks = [(block["values"], block["mgr_locs"]) for block in layout["blocks"]]
        labels = _labels(layout["axes"][0])
    return labels, _columns_of_blocks(blocks, labels)


def _columns_of_blocks(
    blocks: Sequence[tuple[Any, Any]], labels: Sequence[str]
) -> Iterator[tuple[str, Values]]:
    for values, positions in blocks:
        names = [labels[i] for i in _column_positions(positions, len(labels))]
        rows = np.atleast_2d(_array(values, f"column {', '.join(map(repr, names))}"))
        yield from zip(names, rows, strict=True)


def _column_positions(value: Any, count: int) -> Sequence[int]:
    """The positions of a block's columns among the ``count`` of the frame."""
    if kind_of(value) == "slice":
        return range(*slice(*value.args).indices(count))
    positions: list[int] = _array(value, "the array of column positions").tolist()
    if any(not 0 <= position < count for position in positions):
        raise DamagedFileError(f"a column position is not between 0 and {count - 1}")
    return positions


def _labels(axis: Any) -> list[str]:
    """The column names, from an array of objects or either kind of string array."""
    data = require_call(axis, "index").args[1].get("data")
    if kind_of(data) == "arrow strings":
        return _arrow_strings(data.state["_pa_array"])
    if kind_of(data) == "strings":
        data = next(item for item in data.state if kind_of(item) == "array")
    if kind_of(data) != "array" or not isinstance(data.state[-1], list):
        raise InputError(_UNNAMED_COLUMNS)
    return data.state[-1]


def _arrow_strings(value: Any) -> list[str]:
    """Strings as pyarrow stores them: one text, and the offset at which each string ends."""
    if kind_of(value) == "arrow chunks":
        (value,) = value.args[0]
    array = require_call(value, "arrow array")
    type_, length, _, start, (_, offsets, text), *_ = array.args[0]
    offset_dtype = {"string": "<i4", "large_string": "<i8"}[
        require_call(type_, "arrow type").args[0]
    ]
    offsets, text = (
        _bytes(require_call(buffer, "arrow buffer").args[0]) for buffer in (offsets, text)
    )
    bounds = np.frombuffer(offsets, offset_dtype)[start : start + length + 1].tolist()
    if len(bounds) != length + 1 or bounds != sorted(bounds) or bounds[0] < 0:
        raise DamagedFileError("the column names are damaged")
    return [text[a:b].decode() for a, b in pairwise(bounds)]


def _array(value: Any, what: str) -> Values:
    """A numpy array of numbers, a view of the pickle's own bytes; errors call it ``what``."""
    axes = None
    if kind_of(value) in ("ignored", "strings", "arrow strings"):
        holder = next((arg for arg in value.args if isinstance(arg, Name)), value.name)
        raise InputError(f"{what} does not hold plain numbers but a {holder.dotted}")
    if kind_of(require_call(value, "array", "buffer")) == "array":
        if value.args[0] != Name("numpy.ndarray") or value.args[1] != (0,):
            raise DamagedFileError(f"{what} is not a plain numpy array")
        _, shape, dtype_call, fortran, content = value.state
        order = "F" if fortran else "C"
    else:
        content, dtype_call, shape, order, *axes = value.args
    dtype = _dtype(dtype_call, what)
    content = _bytes(content)
    if not 1 <= len(shape) <= 2 or any(type(n) is not int or n < 0 for n in shape):
        raise DamagedFileError(f"{what} has {len(shape)} dimensions or an impossible length")
    if prod(shape) * dtype.itemsize != len(content):
        raise DamagedFileError(f"{what} has {len(content)} bytes, which do not fit shape {shape}")
    array: Values = np.ndarray(shape, dtype, content, order="F" if order == "F" else "C")
    return array.transpose(*axes) if order == "K" and axes else array


def _dtype(value: Any, what: str) -> DType:
    """The dtype of the numbers in ``what``, or of a structured array of numbers."""
    code = require_call(value, "dtype").args[0]
    _, order, _, names, fields, size, *_ = value.state
    if names:
        formats = [_dtype(fields[name][0], f"column {name!r}") for name in names]
        offsets = [fields[name][1] for name in names]
        layout = {"names": names, "formats": formats, "offsets": offsets, "itemsize": size}
        return np.dtype(layout)  # type: ignore[call-overload,no-any-return]
    if code not in _NUMBERS or order not in ("<", ">", "|", "="):
        raise InputError(f"{what} does not hold numbers (numpy dtype {str(code)[:20]!r})")
    dtype: DType = np.dtype(code)
    return dtype.newbyteorder(order)


def _bytes(value: Any) -> bytes | bytearray:
    """Bytes in the form of any protocol; before 3 they are text with one character per byte."""
    match kind_of(value):
        case "bytes object" | "encoded bytes":
            return _bytes(value.args[0]) if value.args else b""
        case "str":
            return value.encode("latin1")  # type: ignore[no-any-return]
        case "bytes" | "bytearray":
            return value  # type: ignore[no-any-return]
        case _:
            raise DamagedFileError(f"expected bytes in the pickle, got {describe(value)}")
