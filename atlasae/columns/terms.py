"""What a column may know of a row: other columns of the row or of a linked one, and its place."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from atlasae.errors import DamagedFileError
from atlasae.lossless.slots import NO_PARENT

if TYPE_CHECKING:
    from atlasae.lossless.slots import BlockBuffers
    from atlasae.types import Integers, Integers32

NO_ROW = -1
LEAST, MOST = -(1 << 31), (1 << 31) - 1
_KEPT = 8  # terms


class Kind(IntEnum):
    """What a term is.

    Attributes:
        RANK: the place of the row in its list.
        COUNT: the number of rows in its list.
        SAME: another column in the row, or in the row that its list belongs to.
        LINKED: a column in the row of another list that an index points to.
        PREVIOUS: the column itself in the row before, of the same list.
        OWN_LINKED: the column itself in the row before this one that an index points to.
    """

    RANK, COUNT, SAME, LINKED, PREVIOUS, OWN_LINKED = range(6)


@dataclass(frozen=True)
class Term:
    """Something that is known of a row.

    Attributes:
        kind: what it is.
        slot: of the other column.
        index: slot of the column that points to a row.
    """

    kind: Kind
    slot: int = -1
    index: int = -1

    @property
    def is_own(self) -> bool:
        """Whether it is of the column itself, in an earlier row."""
        return self.kind in (Kind.PREVIOUS, Kind.OWN_LINKED)

    @property
    def slots(self) -> list[int]:
        """The slots of the columns that it needs."""
        return [slot for slot in (self.slot, self.index) if slot >= 0]


class Rows:
    """The rows of a slot in a block, and what belongs to them.

    Args:
        block: the buffers that are known.
        slot: whose rows they are.
    """

    def __init__(self, block: BlockBuffers, slot: int) -> None:
        self.block = block
        self.slot = slot
        self.count = block.length(slot)
        self._found: dict[tuple[int, tuple[int, ...]], Integers] = {}
        self._taken: OrderedDict[Term, tuple[Integers32, Integers32]] = OrderedDict()

    @cached_property
    def lists(self) -> Integers:
        """The list that each row is in; for rows of entries, the one list of all."""
        if self.block.slots[self.slot].parent == NO_PARENT:
            return np.zeros(self.count, np.int64)
        return self.block.in_parent(self.slot)

    @cached_property
    def ranks(self) -> Integers:
        """The place of each row in its list."""
        lists = self.lists
        starts = np.flatnonzero(np.diff(lists, prepend=-1))
        return np.arange(self.count) - np.repeat(starts, np.diff(np.append(starts, self.count)))

    @cached_property
    def counts(self) -> Integers:
        """Number of rows in the list of each row."""
        lists = self.lists
        return np.bincount(lists)[lists] if self.count else lists

    @cached_property
    def previous(self) -> Integers:
        """The row before, of the same list; ``NO_ROW`` where there is none."""
        rows = np.arange(self.count) - 1
        rows[self.ranks == 0] = NO_ROW
        return rows

    def of(self, term: Term) -> Integers:
        """The row of the other column that a term is about; ``NO_ROW`` where there is none.

        Raises:
            DamagedFileError: the rows of the column do not belong to these.
        """
        match term.kind:
            case Kind.PREVIOUS:
                return self.previous
            case Kind.OWN_LINKED:
                rows = self._linked(term.index, self.slot)
                return np.where(rows < np.arange(self.count), rows, NO_ROW)
            case Kind.LINKED:
                return self._linked(term.index, term.slot)
            case _:
                return self._up(term.slot)

    def taken(self, term: Term, integers: Integers32) -> Integers32:
        """The integers of a term in each row, from those of its column; the least where there is none.

        A few are kept: columns after one another are often given the same.
        """
        source, found = self._taken.pop(term, (None, None))
        if found is None or source is not integers:
            found = np.append(integers, np.int32(LEAST))[self.of(term)]  # NO_ROW is the last
        self._taken[term] = integers, found
        if len(self._taken) > _KEPT:
            self._taken.popitem(last=False)
        return found

    def are_those_of(self, other: int) -> bool:
        """Whether another column has the same rows."""
        return self.block.domain(self.slot) == self.block.domain(other)

    def _up(self, other: int) -> Integers:
        """The row of another column that each row is, or belongs to."""
        slot, rows = self.slot, np.arange(self.count)
        while self.block.domain(slot) != self.block.domain(other):
            parent = self.block.slots[slot].parent
            if parent == NO_PARENT:
                raise DamagedFileError("a column depends on one that has other rows")
            rows = self.block.in_parent(slot)[rows]
            slot = parent
        return rows

    def _linked(self, index: int, target: int) -> Integers:
        """The row of a list of the entry that an index points to."""
        key = index, self.block.domain(target)
        if key not in self._found:
            self._found[key] = self._find_linked(index, target)
        return self._found[key]

    def _find_linked(self, index: int, target: int) -> Integers:
        block = self.block
        own, other = block.slots[index], block.slots[target]
        has_lists = NO_PARENT not in (own.parent, other.parent) and own.dtype.kind in "iu"
        if block.domain(self.slot) != block.domain(index) or not has_lists:
            raise DamagedFileError("an index has other rows than the column that it belongs to")
        entries = block.in_parent(index)
        counts = block.buffer(other.parent).astype(np.int64)
        if len(counts) != len(block.buffer(own.parent)):
            raise DamagedFileError("an index points to rows of other entries")
        places = block.buffer(index).astype(np.int64)
        found = (places >= 0) & (places < counts[entries])
        return np.where(found, (np.cumsum(counts) - counts)[entries] + places, NO_ROW)
