"""The models of columns under other numbers: those of the slots of other branches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlasae.columns.block_model import BlockModel
from atlasae.columns.column_model import Adaptive, ColumnModel, Feature, Tabulated
from atlasae.columns.coordinates import Coordinate
from atlasae.columns.low_bits import LowBits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from atlasae.columns.terms import Term

    Renumber = Callable[[Term], Term]


def renumbered(model: BlockModel, slots: Mapping[int, int]) -> BlockModel:
    """The models of the slots that are there, under their new numbers and in the same order.

    A model goes without what it is given by a column that is not there. Where it cannot, the column
    is packed, and stays known to others.

    Args:
        model: the models.
        slots: the new number of each slot that is there. Its buffers have the same dtype.
    """
    kept: dict[int, ColumnModel] = {}
    for column in model.by_slot.values():
        if column.slot in slots:
            reduced = _without_missing(column, slots)
            kept[slots[column.slot]] = _numbered(reduced, slots)
    return BlockModel(kept)


def _without_missing(column: ColumnModel, slots: Mapping[int, int]) -> ColumnModel:
    """A model that needs only what is there."""
    if column.slots <= slots.keys():
        return column

    def is_there(term: Term) -> bool:
        return slots.keys() >= set(term.slots)

    reference = column.coordinate.reference
    if isinstance(column.coder, Adaptive) and (reference is None or is_there(reference)):
        contexts = (
            tuple(feature for feature in context if is_there(feature.term))
            for context in column.coder.contexts
        )
        return replace(column, coder=replace(column.coder, contexts=tuple(dict.fromkeys(contexts))))
    return replace(
        column,
        low=LowBits(column.low.fixed),
        coordinate=Coordinate(),
        bins=column.cell_bins or column.bins,
        cell_bins=None,
        coder=None,
    )


def _numbered(column: ColumnModel, slots: Mapping[int, int]) -> ColumnModel:
    """A model that has all it needs, with new numbers."""

    def number(term: Term) -> Term:
        return replace(term, slot=slots.get(term.slot, -1), index=slots.get(term.index, -1))

    reference = column.coordinate.reference
    coordinate = replace(column.coordinate, reference=reference and number(reference))
    return replace(
        column,
        slot=slots[column.slot],
        coordinate=coordinate,
        coder=_numbered_coder(column.coder, number),
    )


def _numbered_coder(
    coder: Adaptive | Tabulated | None, number: Renumber
) -> Adaptive | Tabulated | None:
    if isinstance(coder, Adaptive):
        contexts = tuple(
            tuple(Feature(number(feature.term), feature.shift) for feature in context)
            for context in coder.contexts
        )
        return replace(coder, contexts=contexts)
    if isinstance(coder, Tabulated):
        return replace(coder, terms=[number(term) for term in coder.terms])
    return None
