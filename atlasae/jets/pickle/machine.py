"""Interprets the opcodes of a pickle without importing or calling anything.

Neither ``pickle.Unpickler`` nor pandas takes part. The opcodes come from ``pickletools``; a small
stack machine runs them and records each call instead of making it. Names outside
``atlasae.jets.pickle.allowed`` are refused.
"""

from __future__ import annotations

import pickletools
from typing import TYPE_CHECKING, Any

from atlasae.errors import DamagedFileError, InputError
from atlasae.jets.pickle.recorded import Call, Name, refuse, require, require_call

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Action: TypeAlias = Callable[["_Machine", Any], None]

_MOST_OPCODES = 500_000  # bounds time and memory; each makes 100 bytes or so
_INTEGERS = range(-(2**63), 2**64)


def run_opcodes(data: bytes) -> Any:
    """Build the object of a pickle from constants, tuples, lists, dicts, Name and Call.

    Raises:
        UnsafePickleError: the pickle uses a name that is not allowed.
        DamagedFileError: an opcode or its operands do not belong in a table of jets.
        InputError: there are more opcodes than a table of jets needs.
    """
    return _Machine().run(data)


class _Machine:
    """The state of the interpreter. Each method below ``run`` does what one opcode says."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.outer_stacks: list[list[Any]] = []  # one under each open mark
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if number == _MOST_OPCODES:
                raise InputError(
                    "the pickle holds more than a table of numbers; drop an index of strings:"
                    " df.reset_index(drop=True)"
                )
            if opcode.name not in _ACTIONS:
                raise DamagedFileError(f"not a pickled table: unexpected opcode {opcode.name}")
            _ACTIONS[opcode.name](self, argument)
        return self.stack[-1]

    def skip(self, _: Any) -> None:
        pass

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def push_integer(self, value: int) -> None:
        if value not in _INTEGERS:
            raise DamagedFileError("an integer of the pickle has more than 64 bits")
        self.push(value)

    def pop(self, _: Any) -> None:
        self.stack.pop()

    def mark(self, _: Any) -> None:
        self.outer_stacks.append(self.stack)
        self.stack = []

    def push_tuple(self, _: Any) -> None:
        items = self._since_mark()
        self.push(tuple(items))

    def push_list(self, _: Any) -> None:
        items = self._since_mark()
        self.push([])
        self._extend(items)

    def push_dict(self, _: Any) -> None:
        items = self._since_mark()
        self.push({})
        self._update(items)

    def append(self, _: Any) -> None:
        self._extend([self.stack.pop()])

    def extend(self, _: Any) -> None:
        self._extend(self._since_mark())

    def set_item(self, _: Any) -> None:
        self._update(self._take(2))

    def set_items(self, _: Any) -> None:
        self._update(self._since_mark())

    def push_global(self, argument: str) -> None:
        self.push(Name(argument.replace(" ", ".")))

    def push_stack_global(self, _: Any) -> None:
        module, name = self._take(2)
        self.push(Name(f"{require(module, str)}.{require(name, str)}"))

    def call(self, _: Any) -> None:
        name, args = self._take(2)
        self.push(Call(require(name, Name), require(args, tuple)))

    def set_state(self, _: Any) -> None:
        state = self.stack.pop()
        require_call(self.stack[-1]).state = state

    def recall(self, slot: int) -> None:
        self.push(self.memo[slot])

    def remember(self, slot: int) -> None:
        self.memo[slot] = self.stack[-1]

    def remember_next(self, _: Any) -> None:
        self.remember(len(self.memo))

    def refuse_instance(self, argument: str) -> None:
        refuse(argument.replace(" ", "."))  # protocol 0 names and calls in one opcode

    def _since_mark(self) -> list[Any]:
        """Close the last mark and take the items above it."""
        items, self.stack = self.stack, self.outer_stacks.pop()
        return items

    def _take(self, count: int) -> list[Any]:
        """Take the last items from the stack."""
        if len(self.stack) < count:
            raise DamagedFileError("an opcode of the pickle takes more than the stack holds")
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def _extend(self, items: list[Any]) -> None:
        """Append to the list on top of the stack."""
        if not isinstance(self.stack[-1], list):
            raise DamagedFileError("the pickle appends to something that is not a list")
        self.stack[-1].extend(items)

    def _update(self, items: list[Any]) -> None:
        """Set the keys and values, which alternate, in the dict on top of the stack."""
        if not isinstance(self.stack[-1], dict):
            raise DamagedFileError("the pickle sets items of something that is not a dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | int | float | bytes | None):
                raise DamagedFileError("a dict key in the pickle is not a string or number")
            self.stack[-1][key] = value


def _push_small_tuple(count: int) -> Action:
    return lambda machine, _: machine.push(tuple(machine._take(count)))  # noqa: SLF001


def _push_new(make: Callable[[], Any]) -> Action:
    return lambda machine, _: machine.push(make())


def _refuse_code(what: str) -> Action:
    def refuse_code(_: _Machine, code: Any) -> None:
        refuse(f"{what} ({str(code)[:40]})" if code else what)

    return refuse_code


_ACTIONS: dict[str, Action] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), _Machine.skip),
    **dict.fromkeys(
        (
            *(
                "FLOAT",
                "BINFLOAT",
                "STRING",
                "BINSTRING",
                "SHORT_BINSTRING",
                "BINBYTES",
                "SHORT_BINBYTES",
                "BINBYTES8",
            ),
            *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BYTEARRAY8"),
        ),
        _Machine.push,
    ),
    **dict.fromkeys(
        ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"), _Machine.push_integer
    ),
    "NONE": _push_new(lambda: None),
    "NEWTRUE": _push_new(lambda: True),
    "NEWFALSE": _push_new(lambda: False),
    "EMPTY_TUPLE": _push_new(tuple),
    "EMPTY_LIST": _push_new(list),
    "EMPTY_DICT": _push_new(dict),
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "TUPLE": _Machine.push_tuple,
    "TUPLE1": _push_small_tuple(1),
    "TUPLE2": _push_small_tuple(2),
    "TUPLE3": _push_small_tuple(3),
    "LIST": _Machine.push_list,
    "DICT": _Machine.push_dict,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.extend,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "GLOBAL": _Machine.push_global,
    "STACK_GLOBAL": _Machine.push_stack_global,
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.call,
    "BUILD": _Machine.set_state,
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.recall),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.remember),
    "MEMOIZE": _Machine.remember_next,
    "INST": _Machine.refuse_instance,
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), _refuse_code("an extension code")),
    **dict.fromkeys(("PERSID", "BINPERSID"), _refuse_code("a persistent id")),
}
