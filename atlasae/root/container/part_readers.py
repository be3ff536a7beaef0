"""Decodes the parts of a compressed file: latents in their tree, or blocks in another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from atlasae.errors import DamagedFileError, located
from atlasae.jets.table import Table, to_table
from atlasae.lossless.columns import NOTHING_LEARNED, Learned, packed_sizes, unpack
from atlasae.root.container.stored_branches import StoredBranches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
    def tasks(self, start: int, stop: int, names: Sequence[str]) -> Iterator[Callable[[], Arrays]]:
        """Work that gives the named branches of the part, each for the next entries.

        The file is read when a task is taken; what a task does can be done by another thread.

        Args:
            start: the first entry of the tree.
            stop: the entry after the last.
            names: of branches, of this part or not.
        """

    def branches(self, table: Table, names: Sequence[str]) -> Arrays:
        """Decoded jets as the named branches, in the dtypes of the source."""
        return {
            branch: ak.values_astype(table.array(feature), self.dtypes[branch])
            for feature, branch in self.part.features.items()
            if branch in names
        }


def part_reader(
    container: Container, segment: Segment, part: Part, tree: TreeReader, end: int
) -> PartReader:
    """The reader of a part.

    Args:
        container: of the file.
        segment: of the tree.
        part: of the segment.
        tree: as it is stored in the file.
        end: the entry after the last that will be asked for.
    """
    if part.latents:
        return LatentReader(container, segment, part, tree, end)
    return BlockReader(container, segment, part)


class LatentReader(PartReader):
    """Decodes latents that are stored as branches of the tree."""

    def __init__(
        self, container: Container, segment: Segment, part: Part, tree: TreeReader, end: int
    ) -> None:
        super().__init__(segment, part)
        self.codec = container.codec(part)
        self.stored = StoredBranches(tree, segment, part.latents, end)

    def latents(self, start: int, stop: int) -> Table:
        """The latents of some entries, under the names that the codec knows."""
        if len(self.codec.latent_names) != len(self.part.latents):
            raise DamagedFileError(
                f"{self.stored.where}: {len(self.part.latents)} latents are stored, the codec has"
                f" {len(self.codec.latent_names)}"
            )
        arrays = self.stored.read(start, stop)
        names = zip(self.codec.latent_names, self.part.latents, strict=True)
        return to_table({name: arrays[branch] for name, branch in names})

    def tasks(self, start: int, stop: int, names: Sequence[str]) -> Iterator[Callable[[], Arrays]]:
        table = self.codec.decode_latents(self.latents(start, stop))  # torch has its own threads
        yield partial(self.branches, table, names)


class BlockReader(PartReader):
    """Decodes the blocks that hold the requested entries; the last one is remembered."""

    def __init__(self, container: Container, segment: Segment, part: Part) -> None:
        super().__init__(segment, part)
        assert container.blocks is not None
        self.tree: BlockTreeReader = container.blocks
        self.codec = container.codec(part) if part.codec else None
        types = {branch.name: branch.type for branch in segment.manifest.branches}
        self.types = {name: types[name] for name in part.features.values()}
        self.learned: Learned = NOTHING_LEARNED
        if part.model:
            self.learned = container.block_model(part, self.types.values())
        self.blocks = segment.blocks[part.number]
        sizes = [self.tree.entries(number) for number in self.blocks]
        self.edges = segment.start + np.append(0, np.cumsum(sizes)).astype(np.int64)
        self.identity = segment.manifest.part_identity(part)
        self.start = segment.start
        self._last: tuple[int, tuple[str, ...], Arrays] = (-1, (), {})

    def tasks(self, start: int, stop: int, names: Sequence[str]) -> Iterator[Callable[[], Arrays]]:
        wanted = tuple(name for name in self.part.features.values() if name in names)
        first = int(np.searchsorted(self.edges, start, side="right")) - 1
        last = int(np.searchsorted(self.edges, stop, side="left"))
        for i in range(first, last):
            begin = int(self.edges[i])
            entries = slice(max(start - begin, 0), stop - begin)
            if self._last[:2] == (i, wanted):
                yield partial(_cut, self._last[2], entries)
            else:
                block = self.tree.block(
                    self.blocks[i], self.identity, begin - self.start, flat=self.part.flat
                )
                yield partial(self._entries, i, block, wanted, entries, remember=i == last - 1)

    def column_sizes(self) -> Iterator[dict[str, list[float]]]:
        """Bytes of the buffers of each branch, block by block; of columns that no codec takes."""
        for i, number in enumerate(self.blocks):
            first = int(self.edges[i]) - self.start
            block = self.tree.block(number, self.identity, first, flat=self.part.flat)
            with located(block.name):
                block.check()
                yield packed_sizes(block.payload, self.types)

    def _entries(
        self, i: int, block: Block, names: tuple[str, ...], entries: slice, *, remember: bool
    ) -> Arrays:
        """Some entries of a block."""
        arrays = self._decode(i, block, names)
        if remember:
            self._last = i, names, arrays
        return _cut(arrays, entries)

    def _decode(self, i: int, block: Block, names: tuple[str, ...]) -> Arrays:
        decode = self._unpack if self.codec is None else self._decode_jets
        arrays = decode(block, names)
        expected = self.tree.entries(self.blocks[i])
        for name, array in arrays.items():
            if len(array) != expected:
                raise DamagedFileError(
                    f"{block.name} holds {len(array)} entries of branch {name!r}, not {expected}"
                )
        return arrays

    def _decode_jets(self, block: Block, names: tuple[str, ...]) -> Arrays:
        assert self.codec is not None
        wanted = [feature for feature, name in self.part.features.items() if name in names]
        return self.branches(self.codec.decode_blocks(iter([block]), wanted, threads=1), names)

    def _unpack(self, block: Block, names: tuple[str, ...]) -> Arrays:
        entries = block.events
        assert entries is not None
        try:
            block.check()
            return unpack(block.payload, self.types, entries, names, self.learned)
        except DamagedFileError as error:
            raise DamagedFileError(f"{block.name} does not decode: {error}") from error


def _cut(arrays: Arrays, entries: slice) -> Arrays:
    return {name: array[entries] for name, array in arrays.items()}
