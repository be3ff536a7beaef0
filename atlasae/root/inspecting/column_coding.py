"""How the columns of packed branches are coded, and what has to be decoded before them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlasae.columns.column_model import Adaptive
from atlasae.columns.terms import Kind
from atlasae.lossless.slots import slots_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlasae.columns.block_model import BlockModel
    from atlasae.columns.column_model import ColumnModel
    from atlasae.columns.terms import Term
    from atlasae.root.container.container import Container
    from atlasae.root.container.manifest import Part

ADAPTIVE, TABLES, ALONE = "adaptive", "tables", "alone"


@dataclass(frozen=True)
class ColumnCoding:
    """How a column is coded: a buffer of a branch.

    Attributes:
        tree: path of the tree.
        branch: name of the branch; with ``[n]`` for the buffer before its numbers that counts the
            elements of its lists, or says which values are missing.
        coded: ``adaptive`` where probabilities are learned on the way, ``tables`` where they are
            stored, ``alone`` where the column is packed without the others.
        compared: the column that it is coded as a difference to; empty if there is none.
        given: what its probabilities depend on: columns, and places in lists.
        depth: how many columns have to be decoded before it, one after another.
    """

    tree: str
    branch: str
    coded: str
    compared: str
    given: tuple[str, ...]
    depth: int


def column_codings(container: Container) -> Iterator[ColumnCoding]:
    """How the columns of all packed branches are coded; of merged trees, those of the first part.

    Raises:
        DamagedFileError: the models of columns are damaged.
    """
    for tree, segments in container.segments.items():
        manifest = segments[0].manifest
        types = {branch.name: branch.type for branch in manifest.branches}
        for part in manifest.parts:
            if not part.codec:
                yield from _of_part(container, tree, part, [types[n] for n in part.features])


def _of_part(
    container: Container, tree: str, part: Part, types: Sequence[str]
) -> Iterator[ColumnCoding]:
    names = list(_names(part, types))
    model = container.block_model(part, types) if part.model else None
    depths = model.depths if model else {}
    for slot, name in enumerate(names):
        column = _learned(model, slot)
        if column is None or column.coder is None:
            if not name.endswith("]"):  # counts are equal in many branches, and stored once
                yield ColumnCoding(tree, name, ALONE, "", (), 0)
            continue
        coded = ADAPTIVE if isinstance(column.coder, Adaptive) else TABLES
        reference = column.coordinate.reference
        compared = "" if reference is None else _term(reference, names)
        given = tuple(dict.fromkeys(_term(term, names) for term in column.coder.terms))
        yield ColumnCoding(tree, name, coded, compared, given, depths[slot])


def _learned(model: BlockModel | None, slot: int) -> ColumnModel | None:
    return model.by_slot.get(slot) if model else None


def _names(part: Part, types: Sequence[str]) -> Iterator[str]:
    """The names of all slots."""
    for name, slots in zip(part.features, slots_of(types), strict=True):
        for number in range(len(slots)):
            yield f"{name}[{number}]" if number < len(slots) - 1 else name


def _term(term: Term, names: Sequence[str]) -> str:
    """A term as text."""
    match term.kind:
        case Kind.RANK:
            return "place in the list"
        case Kind.COUNT:
            return "length of the list"
        case Kind.PREVIOUS:
            return "the row before"
        case Kind.OWN_LINKED:
            return f"the row of {names[term.index]}"
        case Kind.LINKED:
            return f"{names[term.slot]} by {names[term.index]}"
        case _:
            return names[term.slot]
