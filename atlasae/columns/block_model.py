"""How the columns of a block are coded, each given the columns before it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from atlasae.columns.terms import LEAST, MOST, Rows
from atlasae.errors import DamagedFileError
from atlasae.lossless.slots import NO_PARENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from atlasae.columns.column_model import ColumnModel
    from atlasae.lossless.slots import BlockBuffers, Slot
    from atlasae.types import Classes, Integers, Integers32, Values


class BlockModel:
    """The models of the columns of a block.

    Args:
        by_slot: the models; each needs only those before it.
    """

    def __init__(self, by_slot: Mapping[int, ColumnModel]) -> None:
        self.by_slot = by_slot
        self._needed: dict[int, frozenset[int]] = {}

    @property
    def depths(self) -> dict[int, int]:
        """How many columns have to be decoded before each, one after another, by slot."""
        depths: dict[int, int] = {}
        for slot, column in self.by_slot.items():
            depths[slot] = depth_given(column, depths)
        return depths

    def encode(self, block: BlockBuffers) -> Mapping[int, bytes]:
        """The bytes of the buffers that can be coded, by slot."""
        known, order = KnownColumns(self.by_slot, block), _Order(self, block)
        coded = {}
        for slot, column in self.by_slot.items():
            if block.source(slot) == slot and order.allows(slot):
                with suppress(DamagedFileError):  # what it needs has other rows in this block
                    data = column.encode(block.buffer(slot), known)
                    if data is not None:
                        coded[slot] = data
        return coded

    def decoder(self, block: BlockBuffers) -> Callable[[int, bytes, int], Values]:
        """What gives a buffer of a block, from its slot, its bytes and its length."""
        known, order = KnownColumns(self.by_slot, block), _Order(self, block)

        def decode(slot: int, coded: bytes, length: int) -> Values:
            if slot not in self.by_slot:
                raise DamagedFileError("a buffer is coded that its model does not have")
            for needed in order.before(slot):
                block.buffer(needed)
            values, whole = self.by_slot[slot].decode(coded, length, known)
            known.keep(slot, whole)
            return values

        return decode

    def needed(self, slot: int, slots: Sequence[Slot]) -> frozenset[int]:
        """The slots that a column needs, with the counts of their lists and of its own.

        Args:
            slot: of the column.
            slots: of all blocks of this model.
        """
        if slot not in self._needed:
            needed = set(self.by_slot[slot].slots)
            for each in (slot, *needed):
                parent = slots[each].parent
                while parent != NO_PARENT:
                    needed.add(parent)
                    parent = slots[parent].parent
            self._needed[slot] = frozenset(needed)
        return self._needed[slot]


class _Order:
    """The order in which the columns of a block are decoded.

    A buffer is stored once, under the first slot that has it, which can be another one in each
    block. So what a column needs may be stored as a column that comes after it.

    Args:
        model: of the columns.
        block: their buffers.
    """

    def __init__(self, model: BlockModel, block: BlockBuffers) -> None:
        self._model, self._block = model, block
        self._places = {slot: place for place, slot in enumerate(model.by_slot)}
        self._done: set[int] = set()

    def allows(self, slot: int) -> bool:
        """Whether all that a column needs is stored as columns before it."""
        place = self._places[slot]
        return all(self._places.get(needed, -1) < place for needed in self._needed(slot))

    def before(self, slot: int) -> list[int]:
        """What has to be decoded before a column, in order, and was not given before.

        Else each column would decode those that it needs: a chain of them can be longer than the
        stack.
        """
        found: set[int] = set()
        waiting = [slot]
        while waiting:
            more = self._needed(waiting.pop()) - self._done - found
            more = {each for each in more if each in self._places}
            found |= more
            waiting += more
        self._done |= found
        return sorted(found - {slot}, key=self._places.__getitem__)

    def _needed(self, slot: int) -> set[int]:
        """The slots that what a column needs is stored as."""
        return set(map(self._block.source, self._model.needed(slot, self._block.slots)))


def depth_given(column: ColumnModel, depths: Mapping[int, int]) -> int:
    """The depth of a column, given the depths of those that it needs."""
    return max((depths[needed] + 1 for needed in column.slots), default=0)


class KnownColumns:
    """What is known of the columns of a block.

    Args:
        models: of columns, by slot.
        block: their buffers.
    """

    def __init__(self, models: Mapping[int, ColumnModel], block: BlockBuffers) -> None:
        self._models = models
        self.block = block
        self._rows: dict[tuple[int, ...], Rows] = {}
        self._cells: dict[int, Classes] = {}
        self._integers: dict[int, Integers32] = {}

    def keep(self, slot: int, whole: Integers | Integers32) -> None:
        """Keep the integers of a column that has been decoded."""
        self._integers[slot] = self._narrow(slot, whole)

    def rows(self, slot: int) -> Rows:
        """The rows of a slot."""
        domain = self.block.domain(slot)
        if domain not in self._rows:
            self._rows[domain] = Rows(self.block, slot)
        return self._rows[domain]

    def values(self, slot: int) -> Values:
        """The numbers of a column."""
        return self.block.buffer(slot)

    def integers(self, slot: int) -> Integers32:
        """The integers of a column that questions are about."""
        if slot not in self._integers:
            self._integers[slot] = self._narrow(
                slot, self._models[slot].code.whole(self.values(slot))
            )
        return self._integers[slot]

    def _narrow(self, slot: int, whole: Integers | Integers32) -> Integers32:
        fixed = self._models[slot].low.fixed
        high = whole >> fixed if fixed else whole
        if high.dtype != np.int32:
            high = np.clip(high, LEAST, MOST)
        narrow: Integers32 = high.astype(np.int32, copy=False)
        return narrow

    def cells(self, slot: int) -> tuple[Classes, int]:
        """The bins of a column that contexts are about, and how many there are."""
        model = self._models[slot]
        bins = model.cell_bins or model.bins
        if slot not in self._cells:
            self._cells[slot] = bins.find(self.integers(slot))
        return self._cells[slot], len(bins)
