"""Measures again what the card of a compressed file says, from the file and its original."""

from __future__ import annotations

import math
from dataclasses import asdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from atlasae.errors import DamagedFileError, InputError
from atlasae.fidelity.measuring import Measurement
from atlasae.jets.table import to_table
from atlasae.root.checking.findings import DIFFERS, EXACT, PRESENT, Finding
from atlasae.root.container.identity import source_digest
from atlasae.root.container.part_readers import JetReader
from atlasae.root.container.restored_tree import CompressedTrees
from atlasae.threads import ordered_map

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlasae.coding.blocks import Block
    from atlasae.fidelity.measured import Measured
    from atlasae.fidelity.measuring import Compare
    from atlasae.root.container.container import Segment
    from atlasae.root.container.manifest import Manifest, Part
    from atlasae.root.container.restored_tree import RestoredTree
    from atlasae.root.io.file import Trees
    from atlasae.root.io.tree import TreeReader

_ROUNDING = 2e-3  # relative, of numbers with four digits
_SHOWN = 5  # of the numbers that differ


def card_findings(file: Any, old: Trees, new: Trees) -> Iterator[Finding]:
    """What became of each card of a compressed file: the same again, or how it differs.

    Args:
        file: the original, open.
        old: its trees.
        new: those of the compressed file.

    Raises:
        InputError: it is not compressed.
    """
    if not isinstance(new, CompressedTrees):
        raise InputError("--card (card=True) is for compressed files: OTHER has no card")
    yield _source_finding(file, new.container.manifests)
    for path, tree in new.restored.items():
        if path not in old or old[path].num_entries != tree.num_entries:
            continue  # which is found without the card
        for number, segment in enumerate(tree.segments, 1):
            which = f", source {number}" if len(tree.segments) > 1 else ""
            for part in segment.manifest.parts:
                if part.measured and {*part.features.values()} <= {*old[path].schema.names}:
                    name = f"card of {part.name or 'jets'}{which}"
                    lines = _disagreements(old[path], tree, segment, part, part.measured)
                    yield Finding(path, name, DIFFERS if lines else EXACT, "; ".join(lines))


def _source_finding(file: Any, manifests: list[Manifest]) -> Finding:
    """Whether the original is the file that the card names."""
    digests = {manifest.source_digest for manifest in manifests}
    name = "card, source"
    if len(digests) > 1:
        return Finding(name, "", PRESENT, f"{len(digests)} files were merged, which are not here")
    if digests == {source_digest(file)}:
        return Finding(name, "", EXACT)
    return Finding(name, "", DIFFERS, "the original is another file than the one compressed")


def _disagreements(
    old: TreeReader, new: RestoredTree, segment: Segment, part: Part, stored: Measured
) -> list[str]:
    """Where the card of a part says something else than is measured again."""
    try:
        found = _numbers(_measured(old, new, segment, part))
    except DamagedFileError as error:
        return [str(error)]
    said = _numbers(stored)
    lines = [
        f"{what}: the card says {said.get(what, 'nothing')}, the files {found.get(what, 'nothing')}"
        for what in said | found
        if not _agree(said.get(what), found.get(what))
    ]
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return lines[:_SHOWN] + more


def _measured(old: TreeReader, new: RestoredTree, segment: Segment, part: Part) -> Measured:
    """What is measured of a part now, in the blocks in which it was written."""
    codec = new.container.codec(part)
    measurement = Measurement(codec.tolerances_, codec.cuts_, codec.quantities_)
    if not segment.manifest.entries:
        return measurement.result()
    reader = JetReader(new.container, segment, part)
    branches = list(part.features.values())

    def tasks() -> Iterator[tuple[Block, Compare]]:
        ranges = [(int(start), int(stop)) for start, stop in pairwise(reader.edges)]
        for i, (_, arrays) in enumerate(old.ranges(branches, ranges)):
            jets = to_table({name: arrays[branch] for name, branch in part.features.items()})
            yield reader.block(i), measurement.next(jets)

    def compare(task: tuple[Block, Compare]) -> None:
        block, compare_with = task
        compare_with(codec.decode_blocks(iter([block]), threads=1))

    for _ in ordered_map(compare, tasks(), new.threads):
        pass
    return measurement.result()


def _numbers(measured: Measured) -> dict[str, float]:
    """All that can be measured again, as it is stored, by what it is."""
    rounded = type(measured).from_json(measured.to_json())
    pairs = {"neighbors": rounded.neighbors, "leading jets": rounded.leading}
    rows: dict[str, Any] = {**rounded.errors, **rounded.observables, **rounded.kept}
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
