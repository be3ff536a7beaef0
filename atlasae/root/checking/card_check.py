"""Measures again what the card of a compressed file says, from the file and its original."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from atlasae.errors import DamagedFileError, InputError
from atlasae.fidelity.measuring import Measurement
from atlasae.jets.table import joined
from atlasae.root.checking.findings import DIFFERS, EXACT, PRESENT, Finding
from atlasae.root.checking.kept_quantities import jets_of
from atlasae.root.container.identity import source_digest
from atlasae.root.container.restored_tree import CompressedTrees

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from atlasae.fidelity.measured import Measured
    from atlasae.jets.table import Table
    from atlasae.root.container.container import Container, Segment
    from atlasae.root.container.manifest import Part
    from atlasae.root.container.restored_tree import RestoredTree
    from atlasae.root.io.branch import Arrays
    from atlasae.root.io.file import Trees

_ROUNDING = 2e-3  # relative, of numbers with four digits
_SHOWN = 5  # of the numbers that differ


def source_finding(file: Any, trees: Trees) -> Finding:
    """Whether the original is the file that the card of a compressed file names.

    Args:
        file: the original, open.
        trees: of the compressed file.

    Raises:
        InputError: it is not compressed.
    """
    if not isinstance(trees, CompressedTrees):
        raise InputError("--card (card=True) is for compressed files: OTHER has no card")
    digests = {manifest.source_digest for manifest in trees.container.manifests}
    name = "card, source"
    if len(digests) > 1:
        return Finding(name, "", PRESENT, f"{len(digests)} files were merged, which are not here")
    if digests == {source_digest(file)}:
        return Finding(name, "", EXACT)
    return Finding(name, "", DIFFERS, "the original is another file than the one compressed")


class TreeCard:
    """Measures again what the card says of the parts of a tree.

    Args:
        tree: a compressed tree.
        names: of the branches that are compared.
    """

    def __init__(self, tree: RestoredTree, names: Collection[str]) -> None:
        self._path = tree.path
        self._cards: dict[str, _PartCard] = {}
        for number, segment in enumerate(tree.segments, 1):
            which = f", source {number}" if len(tree.segments) > 1 else ""
            for part in segment.manifest.parts:
                if part.measured and {*part.features.values()} <= {*names}:
                    name = f"card of {part.name or 'jets'}{which}"
                    self._cards[name] = _PartCard(tree.container, segment, part, part.measured)

    def add(self, first: int, before: Arrays, after: Arrays) -> None:
        """Measure the next entries of one segment, from ``first`` on."""
        for card in self._cards.values():
            card.add(first, before, after)

    def findings(self) -> Iterator[Finding]:
        """What became of each card: the same again, or how it differs."""
        for name, card in self._cards.items():
            lines = card.disagreements()
            yield Finding(self._path, name, DIFFERS if lines else EXACT, "; ".join(lines))


class _PartCard:
    """Measures a part in the blocks in which it was written."""

    def __init__(
        self, container: Container, segment: Segment, part: Part, stored: Measured
    ) -> None:
        self._segment, self._part, self._stored = segment, part, stored
        codec = container.codec(part)
        self._measurement = Measurement(codec.tolerances_, codec.cuts_, codec.quantities_)
        blocks = container.blocks
        ends = blocks.edges(segment.blocks.get(part.number, []))[1:] if blocks else ()
        self._ends = deque(segment.start + int(end) for end in ends)
        self._block: list[tuple[Table, Table]] = []  # the jets of the next block, as far as read
        self._error = ""

    def add(self, first: int, before: Arrays, after: Arrays) -> None:
        """Measure the blocks that end in these entries."""
        if self._error or not self._segment.start <= first < self._segment.stop:
            return
        old, new = (jets_of(self._part, arrays) for arrays in (before, after))
        start, stop = 0, len(next(iter(before.values())))
        while start < stop and self._ends:
            end = min(self._ends[0] - first, stop)
            self._block.append((old.span(start, end), new.span(start, end)))
            if end == self._ends[0] - first:
                self._ends.popleft()
                self._measure_block()
            start = end

    def _measure_block(self) -> None:
        old, new = map(joined, zip(*self._block, strict=True))
        self._block = []
        try:
            self._measurement.next(old)(new)
        except DamagedFileError as error:
            self._error = str(error)

    def disagreements(self) -> list[str]:
        """Where the card says something else than was measured."""
        if self._error:
            return [self._error]
        found, said = _numbers(self._measurement.result()), _numbers(self._stored)
        lines = [
            f"{what}: the card says {said.get(what, 'nothing')}, the files"
            f" {found.get(what, 'nothing')}"
            for what in said | found
            if not _agree(said.get(what), found.get(what))
        ]
        more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
        return lines[:_SHOWN] + more


def _numbers(measured: Measured) -> dict[str, float]:
    """All that can be measured again, as it is stored, by what it is."""
    rounded = type(measured).from_json(measured.to_json())
    pairs = {"neighbors": rounded.neighbors, "leading jets": rounded.leading}
    rows: dict[str, Any] = {**rounded.errors, **rounded.observables, **rounded.quantities}
    rows |= {name: row for name, row in pairs.items() if row}
    numbers = {
        f"{name}: {what}": number
        for name, row in rows.items()
        for what, number in asdict(row).items()
    }
    for name, counts in rounded.migrations.items():
        numbers |= {f"{name}: migrations at cut {i + 1}": n for i, n in enumerate(counts)}
    return numbers


def _agree(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return False
    if isinstance(one, int) and isinstance(other, int):
        return one == other
    return math.isclose(one, other, rel_tol=_ROUNDING, abs_tol=1e-12)
