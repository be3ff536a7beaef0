"""A pickle played without running anything it asks for.

Neither ``pickle.Unpickler`` nor pandas takes part. The opcodes come from ``pickletools``; a small
stack machine plays them, and writes a call down instead of making it. What a pickle may name at
all is listed here; anything else is refused.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from typing import Any, NoReturn

from atlasae.errors import DamagedFileError, UnsafePickleError

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


@dataclass(frozen=True, slots=True, repr=False)
class Name:
    """A global of the pickle: its dotted name, never the thing itself."""

    dotted: str

    def __post_init__(self) -> None:
        if self.dotted not in _PIECES:
            _refuse(self.dotted)


@dataclass(slots=True, repr=False, eq=False)
class Call:
    """A call that was written down, with the state that the pickle would have set on the result."""

    name: Name
    args: tuple[Any, ...]
    state: Any = None


def _refuse(what: str) -> NoReturn:
    raise UnsafePickleError(
        f"the pickle asks for {what}: refused, a table of jets needs only pieces of numpy arrays"
        " and pandas frames"
    )


def run_opcodes(data: bytes) -> Any:
    """What the pickle builds, from constants, tuples, lists, dicts, Name and Call alone."""
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
                stack.append(Name(argument.replace(" ", ".")))
            case "STACK_GLOBAL":
                stack[-2:] = [Name(".".join(_last(stack, 2)))]
            case "REDUCE" | "NEWOBJ":
                stack[-2:] = [_call(*_last(stack, 2))]
            case "BUILD":
                state = stack.pop()
                piece(stack[-1]).state = state
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


def _call(name: Any, args: Any) -> Call:
    if not isinstance(name, Name) or not isinstance(args, tuple):
        raise DamagedFileError("the pickle calls something that has no name")
    return Call(name, args)


def kind_of(thing: Any) -> str:
    """What a played thing stands for: a key of ``_KINDS``, or the type of a plain value."""
    return _PIECES[thing.name.dotted] if isinstance(thing, Call) else type(thing).__name__


def piece(thing: Any, *kinds: str) -> Call:
    """The thing itself, which has to be a call (of one of these kinds)."""
    if not isinstance(thing, Call) or (kinds and kind_of(thing) not in kinds):
        found = thing.name.dotted if isinstance(thing, Call) else kind_of(thing)
        raise DamagedFileError(f"{' or '.join(kinds) or 'piece'} expected, {found} found")
    return thing
