"""What the reader makes of a pickle: plain values, names and calls that are written down.

Whatever is read from them goes through the functions here, which look at its type first. A tuple
of a pickle may be nested a million deep, or hold itself twice at each of forty levels: to hash,
compare or print it would end the process, or not end at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from atlasae.errors import DamagedFileError, UnsafePickleError
from atlasae.jets.pickle.allowed import KIND_BY_NAME

_SHOWN = 100  # characters of a name in an error message

T = TypeVar("T")


@dataclass(frozen=True, slots=True, repr=False)
class Name:
    """A global that the pickle names: the dotted name only, nothing is imported."""

    dotted: str

    def __post_init__(self) -> None:
        if self.dotted not in KIND_BY_NAME:
            refuse(self.dotted)


@dataclass(slots=True, repr=False, eq=False)
class Call:
    """A recorded call, with the state that the pickle would set on its result."""

    name: Name
    args: tuple[Any, ...]
    state: Any = None


def kind_of(value: Any) -> str:
    """The kind of a recorded call, as in ``allowed``, or the type name of a plain value."""
    return KIND_BY_NAME[value.name.dotted] if isinstance(value, Call) else type(value).__name__


def describe(value: Any) -> str:
    """What to call a value in an error message: the name it was made with, or its type."""
    return value.name.dotted if isinstance(value, Call) else type(value).__name__


def require_call(value: Any, *kinds: str) -> Call:
    """Return ``value``, which has to be a recorded call of one of ``kinds`` (any by default).

    Raises:
        DamagedFileError: it is something else.
    """
    if not isinstance(value, Call) or (kinds and kind_of(value) not in kinds):
        raise DamagedFileError(
            f"expected {' or '.join(kinds) or 'an object'} in the pickle, got {describe(value)}"
        )
    return value


def require(value: Any, kind: type[T]) -> T:
    """Return ``value``, which has to be of exactly this type.

    Raises:
        DamagedFileError: it is something else.
    """
    if type(value) is not kind:
        raise DamagedFileError(f"expected {kind.__name__} in the pickle, got {describe(value)}")
    return value


def parts(value: Any, least: int) -> tuple[Any, ...]:
    """The items of a tuple, which has to have at least as many as this.

    Raises:
        DamagedFileError: it is something else, or has fewer.
    """
    items: tuple[Any, ...] = require(value, tuple)
    if len(items) < least:
        raise DamagedFileError(f"expected a tuple of {least} or more in the pickle")
    return items


def refuse(what: str) -> NoReturn:
    """Raise UnsafePickleError about a name, of which no more than a line is shown."""
    shown = what if len(what) <= _SHOWN else f"{what[:_SHOWN]}..."
    raise UnsafePickleError(
        f"the pickle asks for {shown}: refused; only parts of numpy arrays and of pandas DataFrames"
        " are allowed"
    )
