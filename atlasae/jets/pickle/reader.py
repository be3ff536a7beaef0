"""Jets from pickles of pandas and numpy, which need not be trusted.

``atlasae.jets.pickle.machine`` writes down what a pickle would build; numbers and labels are read out
of that here. The formats are those of ``numpy.ndarray.__reduce__`` and of pandas'
``BlockManager``.
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
from atlasae.jets.pickle.machine import Call, Name, kind_of, piece, run_opcodes
from atlasae.jets.table import to_records, to_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import awkward as ak
    from numpy.typing import NDArray

    from atlasae.types import PathLike

_NUMBERS = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}
_MOST = 16  # times the size of the file that its columns may take, however often it repeats them
_WRONG = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


def read_pickle(path: PathLike) -> ak.Array:
    """Read a table of jets from a pickle, which need not be trusted: nothing in it is run.

    Read are DataFrames with named columns of numbers (pandas 0.14 to 3 but for 1.3, whose pickles
    call functools.partial; protocols 2 to 5; not compressed), dicts of one-dimensional numpy arrays, and structured numpy arrays. The row
    index of a DataFrame is left out.

    Returns:
        Flat awkward records, one a row, with the columns' names, order, dtypes (in this machine's
        byte order) and units. With the features of a 4-vector they behave as ``vector``
        Momentum4D.

    Raises:
        MissingFileError: there is no such file.
        UnsafePickleError: the pickle names something that a table does not need.
        InputError: a column has no name of its own, or does not hold numbers.
        DamagedFileError: it is no pickle, is cut short, or holds something other than a table.
    """
    where = os.fspath(path)
    if not Path(path).exists():
        raise MissingFileError(f"no pickle {where!r}")
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise FileError(f"cannot read {where}: {error.strerror or error}") from error
    try:
        labels, pairs = _columns(run_opcodes(data))
        return to_records(to_table(_table(labels, pairs, most=_MOST * len(data))))
    except (UnsafePickleError, DamagedFileError, InputError) as error:
        raise type(error)(f"{where}: {error}") from error
    except _WRONG as error:
        raise DamagedFileError(
            f"{where}: not a pickle of jets, or a damaged one: {error}"
        ) from error


def _columns(thing: Any) -> tuple[Sequence[str], Iterator[tuple[str, NDArray[Any]]]]:
    """The names of the columns in their order, and each with its values in any order."""
    match kind_of(thing):
        case "frame":
            return _frame(thing.state)
        case "dict":
            names = list(thing)
            return names, ((name, _array(thing[name], f"column {name!r}")) for name in names)
        case "array" | "buffer" if (array := _array(thing, "this array")).dtype.names:
            names = list(array.dtype.names)
            return names, ((name, array[name]) for name in names)
        case "array" | "buffer":
            raise InputError("the pickled array does not say which column is which")
        case kind:
            found = thing.name.dotted if isinstance(thing, Call) else kind
            raise DamagedFileError(
                f"the pickle holds {found}; atlasae reads a DataFrame, a dict of arrays or a"
                " structured array"
            )


def _table(
    names: Sequence[Any], pairs: Iterator[tuple[str, NDArray[Any]]], most: int
) -> dict[str, NDArray[Any]]:
    """The columns in order, each an array of its own, of at most ``most`` bytes in all."""
    for i, name in enumerate(names):
        if not isinstance(name, str):
            raise InputError("the columns are numbered, not named; give them names such as 'pt'")
        if names.index(name) < i:
            raise InputError(f"two columns have the name {name!r}")
    columns: dict[str, NDArray[Any]] = {}
    for name, values in pairs:
        most -= values.nbytes
        if most < 0:
            raise DamagedFileError("the columns repeat the same values more than a table would")
        columns[name] = np.array(values, values.dtype.newbyteorder("="), order="C")
    if columns.keys() != set(names):
        raise DamagedFileError(f"no values for columns {sorted(set(names) - columns.keys())}")
    return {name: columns[name] for name in names}


def _frame(state: Any) -> tuple[Sequence[str], Iterator[tuple[str, NDArray[Any]]]]:
    """A DataFrame: blocks of columns of one dtype each, with the places of these columns."""
    manager = piece(state["_mgr"] if "_mgr" in state else state["_data"], "manager")
    if manager.args:  # since pandas 1.3
        blocks = [piece(block, "block").args[:2] for block in manager.args[0]]
        labels = _labels(manager.args[1][0])
    else:
        layout = manager.state[3]["0.14.1"]
        blocks = [(block["values"], block["mgr_locs"]) for block in layout["blocks"]]
        labels = _labels(layout["axes"][0])

    def pairs() -> Iterator[tuple[str, NDArray[Any]]]:
        for values, places in blocks:
            names = [labels[i] for i in _places(places, len(labels))]
            what = f"column {', '.join(map(repr, names))}"
            rows = np.atleast_2d(_array(values, what))
            yield from zip(names, rows, strict=True)

    return labels, pairs()


def _places(thing: Any, count: int) -> Sequence[int]:
    if kind_of(thing) == "slice":
        return range(*slice(*thing.args).indices(count))
    places: list[int] = _array(thing, "the places of the columns").tolist()
    if any(not 0 <= place < count for place in places):
        raise DamagedFileError("a block of values belongs to no column")
    return places


def _labels(axis: Any) -> list[str]:
    """The names of the columns, from an array of objects or either kind of string array."""
    data = piece(axis, "index").args[1].get("data")
    if kind_of(data) == "arrow strings":
        return _arrow_strings(data.state["_pa_array"])
    if kind_of(data) == "strings":
        data = next(part for part in data.state if kind_of(part) == "array")
    if kind_of(data) != "array" or not isinstance(data.state[-1], list):
        raise InputError("the columns are numbered, not named; give them names such as 'pt'")
    return data.state[-1]


def _arrow_strings(thing: Any) -> list[str]:
    """Strings as pyarrow holds them: one text, and where in it each string ends."""
    if kind_of(thing) == "arrow chunks":
        (thing,) = thing.args[0]
    form, length, _, start, (_, ends, text), *_ = piece(thing, "arrow array").args[0]
    width = {"string": "<i4", "large_string": "<i8"}[piece(form, "arrow type").args[0]]
    ends, text = (_bytes(piece(part, "arrow buffer").args[0]) for part in (ends, text))
    bounds = np.frombuffer(ends, width)[start : start + length + 1].tolist()
    if len(bounds) != length + 1 or bounds != sorted(bounds) or bounds[0] < 0:
        raise DamagedFileError("the names of the columns are damaged")
    return [text[a:b].decode() for a, b in pairwise(bounds)]


def _array(thing: Any, what: str) -> NDArray[Any]:
    """A numpy array of numbers, a view of the pickle's own bytes."""
    axes = None
    if kind_of(thing) in ("passive", "strings", "arrow strings"):
        held = next((arg for arg in thing.args if isinstance(arg, Name)), thing.name)
        raise InputError(f"{what} does not hold plain numbers but a {held.dotted}")
    if kind_of(piece(thing, "array", "buffer")) == "array":
        if thing.args[0] != Name("numpy.ndarray") or thing.args[1] != (0,):
            raise DamagedFileError(f"{what} is not a plain numpy array")
        _, shape, form, fortran, content = thing.state
        order = "F" if fortran else "C"
    else:
        content, form, shape, order, *axes = thing.args
    dtype = _dtype(form, what)
    content = _bytes(content)
    if not 1 <= len(shape) <= 2 or any(type(n) is not int or n < 0 for n in shape):
        raise DamagedFileError(f"{what} has {len(shape)} dimensions or an impossible length")
    if prod(shape) * dtype.itemsize != len(content):
        raise DamagedFileError(f"{what} has {len(content)} bytes, not those of shape {shape}")
    array: NDArray[Any] = np.ndarray(shape, dtype, content, order="F" if order == "F" else "C")
    return array.transpose(*axes) if order == "K" and axes else array


def _dtype(thing: Any, what: str) -> np.dtype[Any]:
    code, (_, order, _, names, fields, size, *_) = piece(thing, "dtype").args[0], thing.state
    if names:
        formats = [_dtype(fields[name][0], f"column {name!r}") for name in names]
        offsets = [fields[name][1] for name in names]
        layout = {"names": names, "formats": formats, "offsets": offsets, "itemsize": size}
        return np.dtype(layout)  # type: ignore[call-overload,no-any-return]
    if code not in _NUMBERS or order not in ("<", ">", "|", "="):
        raise InputError(f"{what} does not hold numbers (numpy dtype {str(code)[:20]!r})")
    dtype: np.dtype[Any] = np.dtype(code)
    return dtype.newbyteorder(order)


def _bytes(thing: Any) -> bytes | bytearray:
    """Bytes as each protocol writes them; before 3 as text, character by byte."""
    match kind_of(thing):
        case "raw" | "encoded":
            return _bytes(thing.args[0]) if thing.args else b""
        case "str":
            return thing.encode("latin1")  # type: ignore[no-any-return]
        case "bytes" | "bytearray":
            return thing  # type: ignore[no-any-return]
        case kind:
            raise DamagedFileError(f"bytes expected, {kind} found")
