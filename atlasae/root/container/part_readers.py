"""Decodes the parts of a compressed file: latents in their tree, or blocks in another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from atlasae.errors import DamagedFileError
from atlasae.jets.table import Table, to_table
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
    """Decodes the branches of a part, in the entries of one segment of a tree."""

    def __init__(self, segment: Segment, part: Part) -> None:
        self.part = part
        self.dtypes = {b.name: b.dtype for b in segment.manifest.branches if b.dtype is not None}

    @abstractmethod
    def read(self, start: int, stop: int, names: Sequence[str]) -> Arrays:
        """The named branches of the part, from one entry of the tree to below another."""

    def branches(self, table: Table, names: Sequence[str]) -> Arrays:
        """Decoded jets as the named branches, in the dtypes of the source."""
        return {
            branch: ak.values_astype(table.array(feature), self.dtypes[branch])
            for feature, branch in self.part.features.items()
            if branch in names
        }


def part_reader(container: Container, segment: Segment, part: Part, tree: TreeReader) -> PartReader:
    """The reader of a part.

    Args:
        container: of the file.
        segment: of the tree.
        part: of the segment.
        tree: as it is stored in the file.
    """
    if part.latents:
        return LatentReader(container, segment, part, tree)
    return BlockReader(container, segment, part)


class LatentReader(PartReader):
    """Decodes latents that are stored as branches of the tree."""

    def __init__(
        self, container: Container, segment: Segment, part: Part, tree: TreeReader
    ) -> None:
        super().__init__(segment, part)
        self.codec = container.codecs[part.codec]
        self.tree = tree

    def latents(self, start: int, stop: int) -> Table:
        """The latents of some entries, under the names that the codec knows."""
        if len(self.codec.latent_names) != len(self.part.latents):
            raise DamagedFileError(
                f"{self.tree.where}: {len(self.part.latents)} latents are stored, the codec has"
                f" {len(self.codec.latent_names)}"
            )
        arrays = self.tree.read(self.part.latents, start, stop)
        names = zip(self.codec.latent_names, self.part.latents, strict=True)
        return to_table({name: arrays[branch] for name, branch in names})

    def read(self, start: int, stop: int, names: Sequence[str]) -> Arrays:
        return self.branches(self.codec.decode_latents(self.latents(start, stop)), names)


class BlockReader(PartReader):
    """Decodes the blocks that hold the requested entries; the last one is remembered."""

    def __init__(self, container: Container, segment: Segment, part: Part) -> None:
        super().__init__(segment, part)
        assert container.blocks is not None
        self.tree: BlockTreeReader = container.blocks
        self.codec = container.codecs[part.codec] if part.codec else None
        self.types = {branch.name: branch.type for branch in segment.manifest.branches}
        self.blocks = segment.blocks[part.number]
        sizes = [self.tree.entries(number) for number in self.blocks]
        self.edges = segment.start + np.append(0, np.cumsum(sizes)).astype(np.int64)
        self._last: tuple[int, tuple[str, ...], Arrays] = (-1, (), {})

    def read(self, start: int, stop: int, names: Sequence[str]) -> Arrays:
        wanted = tuple(name for name in self.part.features.values() if name in names)
        first = int(np.searchsorted(self.edges, start, side="right")) - 1
        last = int(np.searchsorted(self.edges, stop, side="left"))
        pieces = [self._decode(i, wanted) for i in range(first, last)]
        offset = int(self.edges[first])
        return {
            name: ak.concatenate([piece[name] for piece in pieces])[start - offset : stop - offset]
            for name in wanted
        }

    def _decode(self, i: int, names: tuple[str, ...]) -> Arrays:
        if self._last[:2] != (i, names):
            block = self.tree.block(self.blocks[i], flat=self.part.flat)
            decode = self._unpack if self.codec is None else self._decode_jets
            self._last = i, names, decode(block, names)
        return self._last[2]

    def _decode_jets(self, block: Block, names: tuple[str, ...]) -> Arrays:
        assert self.codec is not None
        wanted = [feature for feature, name in self.part.features.items() if name in names]
        return self.branches(self.codec.decode_blocks(iter([block]), wanted), names)

    def _unpack(self, block: Block, names: tuple[str, ...]) -> Arrays:
        entries = block.events
        assert entries is not None
        try:
            block.check(0)
            types = {name: self.types[name] for name in self.part.features.values()}
            return unpack(block.payload, types, entries, names)
        except DamagedFileError as error:
            raise DamagedFileError(f"{block.name} does not decode: {error}") from error
