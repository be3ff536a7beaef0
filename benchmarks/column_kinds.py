"""Bytes by kind of column: before, each column alone, and learned from the others."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

import atlasae
from atlasae.lossless.columns import CollectedBuffers
from atlasae.lossless.slots import can_pack, slots_of
from atlasae.root.inspecting.branch_sizes import buffer_sizes
from atlasae.root.inspecting.info import PACKED
from atlasae.root.io.file import Trees, open_root
from atlasae.root.known_layouts import find_collections
from benchmarks.columns_alone import size_alone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from atlasae.lossless.slots import BlockBuffers
    from atlasae.root.io.branch import BranchInfo
    from atlasae.root.io.tree import TreeReader

MOMENTA, FLAGS, LINKS = "momenta", "flags and classes", "indices and counts"
INTEGERS, FLOATS = "other integers", "other floats"
KINDS = (MOMENTA, FLAGS, LINKS, INTEGERS, FLOATS)
TRIGGERS, EVENT = "trigger bits", "event"
_LINK = re.compile(r"(.*_)?n[A-Z]\w*|.*(Idx\w*|Index|Links?(\.\w+)?)")
_TRIGGER = re.compile(r"(HLT|L1|Flag)_.*")
_MOST_CLASSES = 16  # values of integers that are flags or classes


@dataclass
class Bytes:
    """Bytes of some buffers of columns.

    Attributes:
        columns: how many columns they are.
        before: in the source; 0 if it does not say.
        alone: each by the best of pcodec, LZMA and OpenZL.
        learned: in the compressed file.
    """

    columns: int = 0
    before: int = 0
    alone: int = 0
    learned: float = 0

    def add(self, other: Bytes) -> None:
        self.columns += other.columns
        self.before += other.before
        self.alone += other.alone
        self.learned += other.learned


def bytes_by_kind(source: Path, small: Path) -> dict[str, list[dict[str, Any]]]:
    """Bytes by kind of column and by collection, of a file and of what it was compressed to.

    What a codec takes together is among the momenta. Codecs, models and what a block holds beside its
    buffers are in no kind.
    """
    kinds: dict[str, Bytes] = {kind: Bytes() for kind in KINDS}
    collections: dict[str, Bytes] = {}
    for kind, collection, found in (*_coded(small), *_buffers(source, small)):
        kinds[kind].add(found)
        collections.setdefault(collection, Bytes()).add(found)
    largest_first = sorted(collections.items(), key=lambda item: -item[1].alone)
    return {"kinds": _rows(kinds), "collections": _rows(dict(largest_first))}


def _rows(groups: dict[str, Bytes]) -> list[dict[str, Any]]:
    return [{"name": name, **asdict(group)} for name, group in groups.items()]


def _coded(small: Path) -> Iterator[tuple[str, str, Bytes]]:
    """What codecs take."""
    for part in atlasae.info(small).parts:
        if part.codec != PACKED:
            yield MOMENTA, part.name, Bytes(learned=part.after)


def _buffers(source: Path, small: Path) -> Iterator[tuple[str, str, Bytes]]:
    """Kind, collection and bytes of every buffer; equal ones count once."""
    packed = buffer_sizes(small)
    with open_root(source) as file:
        for path, tree in Trees(file).items():
            branches = [branch for branch in tree.schema.branches if can_pack(branch.type)]
            momenta = _momenta(tree)
            arrays = tree.read([branch.name for branch in branches], 0, tree.num_entries)
            block = CollectedBuffers(arrays).buffers
            slots = iter(range(len(block.slots)))
            for branch, own in zip(branches, slots_of(b.type for b in branches), strict=True):
                learned = packed.get((path, branch.name), [0.0] * len(own))
                kind = MOMENTA
                for slot, size in zip(islice(slots, len(own)), learned, strict=True):
                    kind = _kind(branch.name, block, slot, momenta)
                    found = Bytes(alone=_alone(block, slot), learned=size)
                    yield kind, _collection(branch), found
                # the last buffer has the numbers
                yield kind, _collection(branch), Bytes(1, branch.source_bytes)


def _momenta(tree: TreeReader) -> set[str]:
    """Names of the branches with coordinates of momenta."""
    collections = find_collections(tree.schema).values()
    return {branch.name for collection in collections for branch in collection.vector.values()}


def _alone(block: BlockBuffers, slot: int) -> int:
    return size_alone(block.buffer(slot)) if block.source(slot) == slot else 0


def _kind(branch: str, block: BlockBuffers, slot: int, momenta: set[str]) -> str:
    values = block.buffer(slot)
    if any(other.parent == slot for other in block.slots) or _LINK.fullmatch(branch):
        return LINKS
    if branch in momenta:
        return MOMENTA
    if values.dtype.kind == "f":
        return FLOATS
    few = values.dtype == bool or len(np.unique(values)) <= _MOST_CLASSES
    return FLAGS if few else INTEGERS


def _collection(branch: BranchInfo) -> str:
    """The prefix that names the collection; of other branches what they are of."""
    if branch.jagged:
        return re.split(r"[_.]", branch.name)[0].removesuffix("AuxDyn")
    return TRIGGERS if _TRIGGER.fullmatch(branch.name) else EVENT
