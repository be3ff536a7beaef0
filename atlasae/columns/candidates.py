"""The columns of a block in the order of coding, and what each may be compared with or given."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from atlasae.columns.terms import Kind, Rows, Term
from atlasae.jets.names import role
from atlasae.lossless.slots import NO_PARENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from atlasae.lossless.slots import BlockBuffers

_INDEX = re.compile(r"(?P<target>\w+?)idx\w*$", re.IGNORECASE)  # genJetIdx, genPartIdxMother
_SPLIT = re.compile(r"[_.]")
_MOST_ABOVE = 40  # columns of entries that a column of entries is given
_MOTHERS = 0.9  # share of the indices of a column that point to rows before their own, or to none


class Candidates:
    """What columns may be given.

    Args:
        names: of the branch of each slot.
        block: the buffers.
        slots: of the columns that are learned, in the order of the branches.
    """

    def __init__(self, names: Sequence[str], block: BlockBuffers, slots: Sequence[int]) -> None:
        self._names, self._block = names, block
        self._parents = {block.source(own.parent) for own in block.slots if own.parent != NO_PARENT}
        self._in_domain: dict[tuple[int, ...], list[int]] = defaultdict(list)
        self._targets = {i: t for i in slots if (t := self._target(i, slots)) is not None}
        self._with_mothers = {t for i, t in self._targets.items() if t == block.domain(i)}
        self._order = sorted(slots, key=self._priority)

    def __iter__(self) -> Iterator[int]:
        """The slots in the order of coding."""
        return iter(self._order)

    def offer(self, slot: int) -> None:
        """Let the columns that come after a slot be given it."""
        self._in_domain[self._block.domain(slot)].append(slot)

    def same(self, slot: int) -> list[int]:
        """The columns of the same rows that were offered."""
        return self._in_domain[self._block.domain(slot)]

    def links(self, slot: int) -> list[tuple[int, list[int]]]:
        """The indices in the rows of a column, each with the columns it points to, as offered.

        Where it points to rows of the same list, the column itself is among these.
        """
        found = []
        for index in self.same(slot):
            if (target := self._targets.get(index)) is not None:
                columns = list(self._in_domain[target])
                if target == self._block.domain(slot):
                    columns.append(slot)
                found.append((index, columns))
        return found

    def feature(self, slot: int) -> str:
        """The name of a column in its collection: ``pt`` for ``Jet_pt``."""
        name = _SPLIT.split(self._names[slot], maxsplit=1)[-1].lower()
        return role(name) or name

    def _collection(self, slot: int) -> str:
        return _SPLIT.split(self._names[slot], maxsplit=1)[0].lower()

    def _priority(self, slot: int) -> tuple[int, int, int]:
        """Counts and indices first, then collections; those that indices point to come before."""
        own = self._block.slots[slot]
        if slot in self._parents:
            return (0, len(self._block.domain(slot)), slot)
        if own.parent == NO_PARENT:
            is_count = self._names[slot].startswith("n") and own.dtype.kind in "iu"
            return (0 if is_count else 3, 0, slot)
        if slot in self._targets:
            return (1, 0, slot)
        domain = self._block.domain(slot)
        is_momentum = role(self.feature(slot)) == self.feature(slot)
        # what kind a particle is tells how its momentum differs from that of its mother
        comes_first = is_momentum != (domain in self._with_mothers)
        return (2, 2 * self._depths.get(domain, 0) + (not comes_first), slot)

    @property
    def _depths(self) -> Mapping[tuple[int, ...], int]:
        """How many collections a collection points to, one after another."""
        points: dict[tuple[int, ...], set[tuple[int, ...]]] = defaultdict(set)
        for index, target in self._targets.items():
            domain = self._block.domain(index)
            if target != domain:
                points[domain].add(target)
        depths: dict[tuple[int, ...], int] = {}

        def depth(domain: tuple[int, ...], path: tuple[tuple[int, ...], ...]) -> int:
            if domain not in depths:
                below = [depth(d, (*path, domain)) + 1 for d in points[domain] if d not in path]
                depths[domain] = max(below, default=0)
            return depths[domain]

        for domain in list(points):
            depth(domain, ())
        return depths

    def _target(self, slot: int, slots: Sequence[int]) -> tuple[int, ...] | None:
        """The domain that a column of indices points to; None if it is no such column."""
        own = self._block.slots[slot]
        if own.dtype.kind not in "iu" or not self._in_entries(slot):
            return None
        feature = _SPLIT.split(self._names[slot], maxsplit=1)[-1]
        if match := _INDEX.match(feature):
            wanted = match["target"].lower()
            for other in slots:
                if self._collection(other) == wanted and self._in_entries(other):
                    return self._block.domain(other)
            return None
        return self._block.domain(slot) if self._is_mother(slot) else None

    def _in_entries(self, slot: int) -> bool:
        """Whether the rows of a column are elements of one list an entry."""
        factors = self._block.domain(slot)[::2]
        return factors == (1, 1)

    def _is_mother(self, slot: int) -> bool:
        """Whether a column may hold the place of an earlier row of the same list."""
        values, ranks = self._block.buffer(slot), Rows(self._block, slot).ranks
        if len(values) < 2 or int(values.max()) < 8:
            return False
        return float(np.mean(values.astype(np.int64) < np.maximum(ranks, 1))) >= _MOTHERS


def linked_collections(names: Iterable[str]) -> set[str]:
    """The collections, in lower case, among which the names of indices show links.

    Example:
        >>> sorted(linked_collections(["Jet_pt", "Jet_genJetIdx", "GenJet_pt", "Muon_pt"]))
        ['genjet', 'jet']
    """
    parts = [_SPLIT.split(name.lower(), maxsplit=1) for name in names if _SPLIT.search(name)]
    collections = {collection for collection, _ in parts}
    linked: set[str] = set()
    for collection, feature in parts:
        match = _INDEX.match(feature)
        if match and match["target"] in collections:
            linked |= {collection, match["target"]}
    return linked


def linked_term(kind_of: int, slot: int, index: int) -> Term:
    """The term of a column in the row that an index points to; ``slot`` may be the column itself."""
    if kind_of == slot:
        return Term(Kind.OWN_LINKED, index=index)
    return Term(Kind.LINKED, kind_of, index)
