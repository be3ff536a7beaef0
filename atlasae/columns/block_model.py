"""How the columns of a block are coded, each given the columns before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.columns.column_model import LEAST, MOST
from atlasae.columns.terms import Rows
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from atlasae.columns.column_model import ColumnModel
    from atlasae.lossless.slots import BlockBuffers
    from atlasae.types import Classes, Integers, Integers32, Values


class BlockModel:
    """The models of the columns of a block.

    Args:
        by_slot: the models; each needs only those before it.
    """

    def __init__(self, by_slot: Mapping[int, ColumnModel]) -> None:
        self.by_slot = by_slot

    def encode(self, block: BlockBuffers) -> Mapping[int, bytes]:
        """The bytes of the buffers that can be coded, by slot."""
        known = KnownColumns(self.by_slot, block)
        coded = {}
        for column in self.by_slot.values():
            if block.source(column.slot) == column.slot:
                data = column.encode(block.buffer(column.slot), known)
                if data is not None:
                    coded[column.slot] = data
        return coded

    def decoder(self, block: BlockBuffers) -> Callable[[int, bytes, int], Values]:
        """What gives a buffer of a block, from its slot, its bytes and its length."""
        known = KnownColumns(self.by_slot, block)

        def decode(slot: int, coded: bytes, length: int) -> Values:
            if slot not in self.by_slot:
                raise DamagedFileError("a buffer is coded that its model does not have")
            values, whole = self.by_slot[slot].decode(coded, length, known)
            known.keep(slot, whole)
            return values

        return decode


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

    def whole(self, slot: int) -> Integers:
        """The integers of a column."""
        return self._models[slot].code.whole(self.block.buffer(slot))

    def integers(self, slot: int) -> Integers32:
        """The integers of a column that questions are about."""
        if slot not in self._integers:
            self._integers[slot] = self._narrow(slot, self.whole(slot))
        return self._integers[slot]

    def _narrow(self, slot: int, whole: Integers | Integers32) -> Integers32:
        fixed = self._models[slot].low.fixed
        narrow: Integers32 = np.clip(whole >> fixed, LEAST, MOST).astype(np.int32, copy=False)
        return narrow

    def cells(self, slot: int) -> tuple[Classes, int]:
        """The bins of a column that contexts are about, and how many there are."""
        model = self._models[slot]
        bins = model.cell_bins or model.bins
        if slot not in self._cells:
            self._cells[slot] = bins.find(self.integers(slot))
        return self._cells[slot], len(bins)
