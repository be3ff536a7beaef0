"""How branches of a part are decoded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from atlasae.errors import DamagedFileError
from atlasae.lossless.columns import unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.coding.blocks import Block
    from atlasae.root.container.block_tree import BlockTreeReader
    from atlasae.root.container.container import Container, Segment
    from atlasae.root.container.manifest import Part
    from atlasae.root.io.branch import Arrays
    from atlasae.root.io.tree import TreeReader


class PartReader(ABC):
    """Gives back the branches of a part, for one run of a tree's entries."""

    @abstractmethod
    def read(self, start: int, stop: int, names: Sequence[str]) -> Arrays:
        """Some branches of the part by name, for some entries of the run.

        Entries count from the start of the tree.
        """


def part_reader(container: Container, run: Segment, part: Part, tree: TreeReader) -> PartReader:
    """The reader of a part."""
    if part.latents:
        return LatentReader(container, run, part, tree)
    return BlockReader(container, run, part)


class LatentReader(PartReader):
    """Decodes latents that stand in the tree."""

    def __init__(self, container: Container, run: Segment, part: Part, tree: TreeReader) -> None:
        self.codec = container.codecs[part.codec]
        self.dtypes = _dtypes(run)
        self.part = part
        self.tree = tree

    def latents(self, start: int, stop: int) -> ak.Array:
        """The latents as records z0, z1, ..."""
        names = self.part.latents
        pieces = [
            ak.zip({f"z{i}": arrays[name] for i, name in enumerate(names)})
            for _, arrays in self.tree.iterate(names, max(stop - start, 1), start, stop)
        ]
        return ak.concatenate(pieces)

    def read(self, start: int, stop: int, names: Sequence[str]) -> Arrays:
        jets = self.codec.decode(self.latents(start, stop))
        return {
            branch: ak.values_astype(jets[feature], self.dtypes[branch])
            for feature, branch in self.part.features.items()
            if branch in names
        }


class BlockReader(PartReader):
    """Decodes the blocks that the entries asked for lie in; the last one is remembered."""

    def __init__(self, container: Container, run: Segment, part: Part) -> None:
        assert container.rows is not None
        self.rows: BlockTreeReader = container.rows
        self.codec = container.codecs[part.codec] if part.codec else None
        self.part = part
        self.types = {branch.name: branch.type for branch in run.manifest.branches}
        self.dtypes = _dtypes(run)
        self.blocks = run.blocks[part.number]
        sizes = [self.rows.entries(number) for number in self.blocks]
        self.edges = run.start + np.append(0, np.cumsum(sizes)).astype(np.int64)
        self._last: tuple[int, tuple[str, ...], Arrays] = (-1, (), {})

    def read(self, start: int, stop: int, names: Sequence[str]) -> Arrays:
        wanted = tuple(name for name in self.part.features.values() if name in names)
        first = int(np.searchsorted(self.edges, start, side="right")) - 1
        last = int(np.searchsorted(self.edges, stop, side="left"))
        pieces = [self._decoded(i, wanted) for i in range(first, last)]
        offset = int(self.edges[first])
        return {
            name: ak.concatenate([piece[name] for piece in pieces])[start - offset : stop - offset]
            for name in wanted
        }

    def _decoded(self, i: int, names: tuple[str, ...]) -> Arrays:
        if self._last[:2] != (i, names):
            block = self.rows.block(self.blocks[i], flat=self.part.flat)
            self._last = i, names, self._unpacked(block, names)
        return self._last[2]

    def _unpacked(self, block: Block, names: tuple[str, ...]) -> Arrays:
        if self.codec is not None:
            wanted = [f for f, branch in self.part.features.items() if branch in names]
            jets = self.codec.decode_blocks(iter([block]), wanted)
            return {
                branch: ak.values_astype(jets[feature], self.dtypes[branch])
                for feature, branch in self.part.features.items()
                if branch in names
            }
        entries = block.events
        assert entries is not None
        try:
            block.check(0)
            types = {name: self.types[name] for name in self.part.features.values()}
            return unpack(block.payload, types, entries, names)
        except DamagedFileError as error:
            raise DamagedFileError(f"{block.name} does not decode: {error}") from error


def _dtypes(run: Segment) -> dict[str, str]:
    return {b.name: b.dtype for b in run.manifest.branches if b.dtype is not None}
