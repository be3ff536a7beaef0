"""The flat buffers of columns, and how their rows belong together.

A column is one buffer or several: the counts of its lists, the mask of its missing values, its
numbers. Each buffer of all columns of a block has a slot.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.datashape import parse_datashape
from atlasae.errors import DamagedFileError, InputError
from atlasae.lossless.streams import BOOL, WIDTHS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atlasae.types import DType, Integers, Values

NO_PARENT = -1
COUNT = np.dtype("<u4")
_NUMBERS = {f"{kind}{8 * width}" for kind in ("int", "uint") for width in WIDTHS} | {
    "float32",
    "float64",
}


@dataclass(frozen=True)
class Slot:
    """A buffer of a column.

    Attributes:
        dtype: of its numbers.
        parent: slot with the counts of the lists that the numbers are in, or the mask of those that
            are not missing; ``NO_PARENT`` where each entry has a number.
        factor: numbers in each element of such a list, as of arrays of fixed size.
        is_mask: whether it tells which elements are not missing.
    """

    dtype: DType
    parent: int = NO_PARENT
    factor: int = 1
    is_mask: bool = False

    def unpacked_size(self, length: int) -> int:
        """Bytes that a buffer of this length takes; a mask becomes indices of eight bytes."""
        return length * (8 if self.is_mask else self.dtype.itemsize)


def can_pack(datashape: str) -> bool:
    """Whether entries of this type can be packed: all but unions, categories and times.

    Args:
        datashape: ``str(array.type.content)`` of a column.

    Example:
        >>> can_pack("var * float32"), can_pack("union[int32, bool]")
        (True, False)
    """
    try:
        _slots_of_column(datashape)
    except InputError:
        return False
    return True


def slots_of(types: Iterable[str]) -> list[list[Slot]]:
    """The slots of each column, in the order of its buffers; numbered through all columns.

    Raises:
        InputError: a column of such a type cannot be packed.

    Example:
        >>> [[slot.parent for slot in column] for column in slots_of(["int32", "var * float32"])]
        [[-1], [-1, 1]]
    """
    columns: list[list[Slot]] = []
    first = 0
    for datashape in types:
        column = [
            slot if slot.parent == NO_PARENT else replace(slot, parent=slot.parent + first)
            for slot in _slots_of_column(datashape)
        ]
        columns.append(column)
        first += len(column)
    return columns


def dtypes_of(types: Iterable[str]) -> list[DType]:
    """The dtypes of all slots of columns of these types.

    Example:
        >>> [dtype.name for dtype in dtypes_of(["int32", "var * float32"])]
        ['int32', 'uint32', 'float32']
    """
    return [slot.dtype for column in slots_of(types) for slot in column]


@lru_cache(maxsize=1024)
def _slots_of_column(datashape: str) -> tuple[Slot, ...]:
    """The slots of a column, numbered from 0."""
    slots: list[Slot] = []
    try:
        _add_slots(parse_datashape(datashape), NO_PARENT, 1, slots)
    except Exception as error:  # the parser's exceptions have no public name
        raise InputError(f"columns of type {datashape} cannot be packed") from error
    return tuple(slots)


def _add_slots(entry: Any, parent: int, factor: int, slots: list[Slot]) -> None:
    import awkward as ak

    if entry.parameter("__categorical__"):
        raise InputError("categories cannot be packed")
    match entry:
        case ak.types.NumpyType(primitive="bool"):
            slots.append(Slot(BOOL, parent, factor))
        case ak.types.NumpyType() if entry.primitive in _NUMBERS:
            slots.append(Slot(np.dtype(entry.primitive).newbyteorder("<"), parent, factor))
        case ak.types.ListType():
            slots.append(Slot(COUNT, parent, factor))
            _add_slots(entry.content, len(slots) - 1, 1, slots)
        case ak.types.OptionType():
            slots.append(Slot(BOOL, parent, factor, is_mask=True))
            _add_slots(entry.content, len(slots) - 1, 1, slots)
        case ak.types.RegularType():
            _add_slots(entry.content, parent, factor * entry.size, slots)
        case ak.types.RecordType() if entry.contents:  # its type without fields reads as a tuple's
            for content in entry.contents:
                _add_slots(content, parent, factor, slots)
        case ak.types.UnknownType():  # content of lists that are all empty
            pass
        case _:
            raise InputError(f"{entry} cannot be packed")


class BlockBuffers(ABC):
    """The buffers of a block, by slot.

    Args:
        slots: of all columns.
        entries: of the block.
    """

    def __init__(self, slots: Sequence[Slot], entries: int) -> None:
        self.slots = slots
        self.entries = entries

    @abstractmethod
    def buffer(self, slot: int) -> Values:
        """The numbers of a slot."""

    @abstractmethod
    def source(self, slot: int) -> int:
        """The first slot whose buffer is stored as this one's is."""

    def length(self, slot: int) -> int:
        """How many numbers a slot has.

        Raises:
            DamagedFileError: more than 2^40.
        """
        own = self.slots[slot]
        lists = self.entries if own.parent == NO_PARENT else int(self.buffer(own.parent).sum())
        if lists * own.factor > 1 << 40:
            raise DamagedFileError("a column claims more than 2^40 numbers")
        return lists * own.factor

    def domain(self, slot: int) -> tuple[int, ...]:
        """What tells whether the numbers of two slots belong to the same rows, one to one."""
        own = self.slots[slot]
        if own.parent == NO_PARENT:
            return (own.factor,)
        return (*self.domain(own.parent), self.source(own.parent), own.factor)

    def in_parent(self, slot: int) -> Integers:
        """The row of the parent that each number of a slot belongs to."""
        own = self.slots[slot]
        if own.parent == NO_PARENT:
            lists = np.arange(self.entries)
        elif self.slots[own.parent].dtype == BOOL:
            lists = np.flatnonzero(self.buffer(own.parent))
        else:
            counts = self.buffer(own.parent)
            lists = np.repeat(np.arange(len(counts)), counts)
        return lists if own.factor == 1 else np.repeat(lists, own.factor)


class GivenBuffers(BlockBuffers):
    """Buffers that are at hand.

    Args:
        slots: of all columns.
        entries: of the block.
        buffers: by slot.
        sources: of the slots.
    """

    def __init__(
        self, slots: Sequence[Slot], entries: int, buffers: Sequence[Values], sources: Sequence[int]
    ) -> None:
        super().__init__(slots, entries)
        self._buffers, self._sources = buffers, sources

    def buffer(self, slot: int) -> Values:
        return self._buffers[slot]

    def source(self, slot: int) -> int:
        return self._sources[slot]
