"""Jets from pickles of pandas and numpy, without running anything a pickle asks for.

Neither ``pickle.Unpickler`` nor pandas takes part. The opcodes come from ``pickletools``; a small
stack machine plays them, and writes a call down instead of making it. Numbers and labels are then
read out of what was written down. The formats are those of ``pickletools`` in Python's standard
library, of ``numpy.ndarray.__reduce__`` and of pandas' ``BlockManager``.
"""

from __future__ import annotations

import os
import pickletools
import struct
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from atlasae.errors import (
    DamagedFileError,
    FileError,
    InputError,
    MissingFileError,
    UnsafePickleError,
)
from atlasae.features import to_records, to_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import awkward as ak
    from numpy.typing import NDArray

# What a pickle may name, by what it stands for here. "passive" is written down and never looked at.
_KINDS = {
    "array": "numpy.core.multiarray._reconstruct numpy._core.multiarray._reconstruct",
    "buffer": "numpy.core.numeric._frombuffer numpy._core.numeric._frombuffer",
    "ndarray": "numpy.ndarray",
    "dtype": "numpy.dtype",
    "scalar": "numpy.core.multiarray.scalar numpy._core.multiarray.scalar",
    "slice": "builtins.slice __builtin__.slice",
    "encoded": "_codecs.encode",
    "raw": "builtins.bytes __builtin__.bytes builtins.bytearray __builtin__.bytearray",
    "frame": "pandas.DataFrame pandas.core.frame.DataFrame",
    "manager": "pandas.core.internals.managers.BlockManager pandas.core.internals.BlockManager",
    "block": "pandas._libs.internals._unpickle_block",
    "index": "pandas.core.indexes.base._new_Index pandas.indexes.base._new_Index"
    " pandas.core.index._new_Index",
    "strings": "pandas._libs.arrays.__pyx_unpickle_NDArrayBacked",
    "arrow strings": "pandas.arrays.ArrowStringArray"
    " pandas.core.arrays.string_arrow.ArrowStringArray"
    " pandas.core.arrays.string_arrow.ArrowStringArrayNumpySemantics",
    "arrow chunks": "pyarrow.lib.chunked_array",
    "arrow array": "pyarrow.lib._restore_array",
    "arrow buffer": "pyarrow.lib.py_buffer",
    "arrow type": "pyarrow.lib.type_for_alias",
    "passive": "pandas.Series pandas.core.series.Series"
    " pandas.core.internals.managers.SingleBlockManager"
    " pandas.core.indexes.frozen.FrozenList pandas.core.indexes.frozen.FrozenNDArray pandas.core.indexes.datetimes._new_DatetimeIndex"
    " pandas.NA pandas._libs.missing.NA",
}
_PIECES = {name: kind for kind, names in _KINDS.items() for name in names.split()} | {
    f"{module}.{name}": "passive"
    for modules, names in {
        "pandas pandas.core.indexes.base pandas.core.indexes.numeric pandas.core.indexes.range"
        " pandas.core.indexes.multi pandas.core.indexes.datetimes pandas.indexes.base"
        " pandas.indexes.numeric pandas.indexes.range pandas.core.index": "Index RangeIndex"
        " Int64Index UInt64Index Float64Index MultiIndex DatetimeIndex",
        "pandas pandas.arrays pandas.core.arrays.string_ pandas.core.arrays.integer"
        " pandas.core.arrays.floating pandas.core.arrays.boolean pandas.core.arrays.categorical"
        " pandas.core.arrays.datetimes pandas.core.dtypes.dtypes": "StringArray StringDtype"
        " IntegerArray Int64Dtype FloatingArray Float64Dtype BooleanArray BooleanDtype"
        " Categorical CategoricalDtype DatetimeArray",
    }.items()
    for module in modules.split()
    for name in names.split()
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BYTEARRAY8"),
}
_UNSEEN = {"EXT1": "an extension code", "EXT2": "an extension code", "EXT4": "an extension code"}
_UNSEEN |= {"PERSID": "a persistent id", "BINPERSID": "a persistent id"}
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


@dataclass(frozen=True, slots=True, repr=False)
class _Name:
    """A global of the pickle: its dotted name, never the thing itself."""

    dotted: str

    def __post_init__(self) -> None:
        if self.dotted not in _PIECES:
            _refuse(self.dotted)


@dataclass(slots=True, repr=False, eq=False)
class _Call:
    """A call that was written down, with the state that the pickle would have set on the result."""

    name: _Name
    args: tuple[Any, ...]
    state: Any = None


def read_pickle(path: str | os.PathLike[str]) -> ak.Array:
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
        labels, pairs = _columns(_play(data))
        return to_records(to_table(_table(labels, pairs, most=_MOST * len(data))))
    except (UnsafePickleError, DamagedFileError, InputError) as error:
        raise type(error)(f"{where}: {error}") from error
    except _WRONG as error:
        raise DamagedFileError(
            f"{where}: not a pickle of jets, or a damaged one: {error}"
        ) from error


def _refuse(what: str) -> NoReturn:
    raise UnsafePickleError(
        f"the pickle asks for {what}: refused, a table of jets needs only pieces of numpy arrays"
        " and pandas frames"
    )


def _play(data: bytes) -> Any:
    """What the pickle builds, from constants, tuples, lists, dicts, _Name and _Call alone."""
    stack: list[Any] = []
    below: list[list[Any]] = []  # the stacks under each open mark
    memo: dict[int, Any] = {}
    argument: Any
    for opcode, argument, _ in pickletools.genops(data):
        match opcode.name:
            case "PROTO" | "FRAME" | "STOP":
                pass
            case "MARK":
                below.append(stack)
                stack = []
            case "POP":
                stack.pop()
            case "EMPTY_TUPLE":
                stack.append(())
            case "TUPLE1" | "TUPLE2" | "TUPLE3" as name:
                stack[-int(name[-1]) :] = [_last(stack, int(name[-1]))]
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_DICT":
                stack.append({})
            case "TUPLE" | "LIST" | "DICT" | "APPENDS" | "SETITEMS" as name:
                items, stack = stack, below.pop()
                if name == "TUPLE":
                    stack.append(tuple(items))
                    continue
                if name in ("LIST", "DICT"):
                    stack.append([] if name == "LIST" else {})
                _fill(stack[-1], items, pairs=name in ("DICT", "SETITEMS"))
            case "APPEND":
                item = stack.pop()
                _fill(stack[-1], [item], pairs=False)
            case "SETITEM":
                items = list(_last(stack, 2))
                del stack[-2:]
                _fill(stack[-1], items, pairs=True)
            case "GLOBAL":
                stack.append(_Name(argument.replace(" ", ".")))
            case "STACK_GLOBAL":
                stack[-2:] = [_Name(".".join(_last(stack, 2)))]
            case "REDUCE" | "NEWOBJ":
                stack[-2:] = [_call(*_last(stack, 2))]
            case "BUILD":
                state = stack.pop()
                _piece(stack[-1]).state = state
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "INST":  # protocol 0 names and calls in one go
                _refuse(argument.replace(" ", "."))
            case name if name in _UNSEEN:
                _refuse(f"{_UNSEEN[name]} ({str(argument)[:40]})" if argument else _UNSEEN[name])
            case name if name in _CONSTANTS:
                stack.append(_CONSTANTS[name])
            case name if name in _VALUES:
                stack.append(argument)
            case name:
                raise DamagedFileError(f"opcode {name} has no place in a pickled table")
    return stack[-1]


def _last(stack: list[Any], count: int) -> tuple[Any, ...]:
    if len(stack) < count:
        raise DamagedFileError("the pickle takes more from its stack than there is")
    return tuple(stack[-count:])


def _fill(target: Any, items: list[Any], *, pairs: bool) -> None:
    if not pairs and isinstance(target, list):
        target.extend(items)
    elif pairs and isinstance(target, dict):
        for key, value in zip(items[::2], items[1::2], strict=True):
            # hashing a tuple that holds itself a million deep would take the process down
            if not isinstance(key, str | int | float | bytes | None):
                raise DamagedFileError("a dict in the pickle has keys that are not plain")
            target[key] = value
    else:
        raise DamagedFileError("the pickle fills something that is not a list or dict")


def _call(name: Any, args: Any) -> _Call:
    if not isinstance(name, _Name) or not isinstance(args, tuple):
        raise DamagedFileError("the pickle calls something that has no name")
    return _Call(name, args)


def _kind(thing: Any) -> str:
    """What a played thing stands for: a key of ``_KINDS``, or the type of a plain value."""
    return _PIECES[thing.name.dotted] if isinstance(thing, _Call) else type(thing).__name__


def _piece(thing: Any, *kinds: str) -> _Call:
    """The thing itself, which has to be a call (of one of these kinds)."""
    if not isinstance(thing, _Call) or (kinds and _kind(thing) not in kinds):
        found = thing.name.dotted if isinstance(thing, _Call) else _kind(thing)
        raise DamagedFileError(f"{' or '.join(kinds) or 'piece'} expected, {found} found")
    return thing


def _columns(thing: Any) -> tuple[Sequence[str], Iterator[tuple[str, NDArray[Any]]]]:
    """The names of the columns in their order, and each with its values in any order."""
    match _kind(thing):
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
            found = thing.name.dotted if isinstance(thing, _Call) else kind
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
    manager = _piece(state["_mgr"] if "_mgr" in state else state["_data"], "manager")
    if manager.args:  # since pandas 1.3
        blocks = [_piece(block, "block").args[:2] for block in manager.args[0]]
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
    if _kind(thing) == "slice":
        return range(*slice(*thing.args).indices(count))
    places: list[int] = _array(thing, "the places of the columns").tolist()
    if any(not 0 <= place < count for place in places):
        raise DamagedFileError("a block of values belongs to no column")
    return places


def _labels(axis: Any) -> list[str]:
    """The names of the columns, from an array of objects or either kind of string array."""
    data = _piece(axis, "index").args[1].get("data")
    if _kind(data) == "arrow strings":
        return _arrow_strings(data.state["_pa_array"])
    if _kind(data) == "strings":
        data = next(part for part in data.state if _kind(part) == "array")
    if _kind(data) != "array" or not isinstance(data.state[-1], list):
        raise InputError("the columns are numbered, not named; give them names such as 'pt'")
    return data.state[-1]


def _arrow_strings(thing: Any) -> list[str]:
    """Strings as pyarrow holds them: one text, and where in it each string ends."""
    if _kind(thing) == "arrow chunks":
        (thing,) = thing.args[0]
    form, length, _, start, (_, ends, text), *_ = _piece(thing, "arrow array").args[0]
    width = {"string": "<i4", "large_string": "<i8"}[_piece(form, "arrow type").args[0]]
    ends, text = (_bytes(_piece(part, "arrow buffer").args[0]) for part in (ends, text))
    bounds = np.frombuffer(ends, width)[start : start + length + 1].tolist()
    if len(bounds) != length + 1 or bounds != sorted(bounds) or bounds[0] < 0:
        raise DamagedFileError("the names of the columns are damaged")
    return [text[a:b].decode() for a, b in pairwise(bounds)]


def _array(thing: Any, what: str) -> NDArray[Any]:
    """A numpy array of numbers, a view of the pickle's own bytes."""
    axes = None
    if _kind(thing) in ("passive", "strings", "arrow strings"):
        held = next((arg for arg in thing.args if isinstance(arg, _Name)), thing.name)
        raise InputError(f"{what} does not hold plain numbers but a {held.dotted}")
    if _kind(_piece(thing, "array", "buffer")) == "array":
        if thing.args[0] != _Name("numpy.ndarray") or thing.args[1] != (0,):
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
    code, (_, order, _, names, fields, size, *_) = _piece(thing, "dtype").args[0], thing.state
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
    match _kind(thing):
        case "raw" | "encoded":
            return _bytes(thing.args[0]) if thing.args else b""
        case "str":
            return thing.encode("latin1")  # type: ignore[no-any-return]
        case "bytes" | "bytearray":
            return thing  # type: ignore[no-any-return]
        case kind:
            raise DamagedFileError(f"bytes expected, {kind} found")
