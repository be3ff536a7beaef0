"""Decodes the parts of a compressed file: latents in their tree, or blocks in another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import awkward as ak
import numpy as np

from atlasae.errors import DamagedFileError, located
from atlasae.jets.table import Table, to_table
from atlasae.lossless.columns import NOTHING_LEARNED, Learned, packed_sizes, unpack_buffers
from atlasae.lossless.unpacked import UnpackedColumns, joined
from atlasae.root.container.stored_branches import StoredBranches
from atlasae.root.io.branch import Arrays, concatenated

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from atlasae.coding.blocks import Block
    from atlasae.root.container.block_tree import BlockTreeReader
    from atlasae.root.container.container import Container, Segment
    from atlasae.root.container.manifest import Part
    from atlasae.root.io.tree import TreeReader


Piece = TypeVar("Piece")


class PartReader(ABC, Generic[Piece]):
    """Decodes the branches of a part, in the entries of one segment of a tree."""

    @abstractmethod
    def tasks(self, start: int, stop: int, names: Sequence[str]) -> Iterator[Callable[[], Piece]]:
        """Work that gives the named branches of the part, each for the next entries.

        The file is read when a task is taken; what a task does can be done by another thread.

        Args:
            start: the first entry of the tree.
            stop: the entry after the last.
            names: of branches, of this part or not.
        """

    @abstractmethod
    def joined(self, pieces: Sequence[Piece]) -> Arrays:
        """The branches of what tasks gave, one after another."""

    def check(self) -> None:
        """Compare the blocks of the part, if it has any, with their checksums; none is decoded.

        Raises:
            DamagedFileError: one does not agree.
        """


def part_reader(
    container: Container, segment: Segment, part: Part, tree: TreeReader, end: int
) -> PartReader[Any]:
    """The reader of a part.

    Args:
        container: of the file.
        segment: of the tree.
        part: of the segment.
        tree: as it is stored in the file.
        end: the entry after the last that will be asked for.
    """
    if part.residuals:
        return ResidualReader(container, segment, part, tree)
    if part.latents:
        return LatentReader(container, segment, part, tree, end)
    return (
        JetReader(container, segment, part)
        if part.codec
        else ColumnReader(container, segment, part)
    )


class _DecodedJets(PartReader[Arrays]):
    """Gives the jets that a codec decodes as branches."""

    def __init__(self, segment: Segment, part: Part) -> None:
        self._features = part.features
        self._dtypes = {b.name: b.dtype for b in segment.manifest.branches if b.dtype is not None}

    def branches(self, table: Table, names: Sequence[str]) -> Arrays:
        """Decoded jets as the named branches, in the dtypes of the source."""
        return {
            branch: ak.values_astype(table.array(feature), self._dtypes[branch])
            for feature, branch in self._features.items()
            if branch in names
        }

    def joined(self, pieces: Sequence[Arrays]) -> Arrays:
        return {name: concatenated([piece[name] for piece in pieces]) for name in pieces[0]}


class LatentReader(_DecodedJets):
    """Decodes latents that are stored as branches of the tree."""

    def __init__(
        self, container: Container, segment: Segment, part: Part, tree: TreeReader, end: int
    ) -> None:
        super().__init__(segment, part)
        self.part = part
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
        latents = self.latents(start, stop)
        yield lambda: self.branches(self.codec.decode_latents(latents), names)


class _BlockReader(PartReader[Piece]):
    """Decodes the blocks that hold the requested entries; the last one is remembered."""

    def __init__(self, container: Container, segment: Segment, part: Part) -> None:
        assert container.blocks is not None
        self.part = part
        self.tree: BlockTreeReader = container.blocks
        self.blocks = segment.blocks[part.number]
        self.edges = segment.start + self.tree.edges(self.blocks)
        self.identity = segment.manifest.part_identity(part)
        self.start = segment.start
        self._last: tuple[int, tuple[str, ...], Piece] | None = None

    @abstractmethod
    def _opened(self, i: int) -> Callable[[tuple[str, ...]], Piece]:
        """Read a block; what is given decodes the named branches of all its entries."""

    @abstractmethod
    def _cut(self, piece: Piece, start: int, stop: int) -> Piece:
        """Some of the entries of a block."""

    def tasks(self, start: int, stop: int, names: Sequence[str]) -> Iterator[Callable[[], Piece]]:
        wanted = tuple(name for name in self.part.features.values() if name in names)
        first = int(np.searchsorted(self.edges, start, side="right")) - 1
        last = int(np.searchsorted(self.edges, stop, side="left"))
        for i in range(first, last):
            begin = int(self.edges[i])
            entries = max(start - begin, 0), stop - begin
            if self._last is not None and self._last[:2] == (i, wanted):
                yield partial(self._cut, self._last[2], *entries)
            else:
                decode = self._opened(i)
                yield partial(self._entries, i, decode, wanted, *entries, remember=i == last - 1)

    def block(self, i: int) -> Block:
        """A block of the part, by its place among them."""
        first = int(self.edges[i]) - self.start
        return self.tree.block(self.blocks[i], self.identity, first, flat=self.part.flat)

    def check(self) -> None:
        for _ in self._checked_blocks():
            pass

    def _checked_blocks(self) -> Iterator[Block]:
        """All blocks, each compared with its checksum."""
        for i in range(len(self.blocks)):
            block = self.block(i)
            with located(block.name):
                block.check()
            yield block

    def _entries(
        self,
        i: int,
        decode: Callable[[tuple[str, ...]], Piece],
        names: tuple[str, ...],
        start: int,
        stop: int,
        *,
        remember: bool,
    ) -> Piece:
        """Some entries of a block."""
        piece = decode(names)
        if remember:
            self._last = i, names, piece
        return self._cut(piece, start, stop)


class JetReader(_DecodedJets, _BlockReader[Arrays]):
    """Decodes the blocks of a codec."""

    def __init__(self, container: Container, segment: Segment, part: Part) -> None:
        _DecodedJets.__init__(self, segment, part)
        _BlockReader.__init__(self, container, segment, part)
        self.codec = container.codec(part)

    def jets(self, i: int) -> Callable[[Collection[str] | None], Table]:
        """Read a block, by its place; what is given decodes it to jets with at least some features.

        It can be called by another thread.
        """
        block = self.block(i)
        return lambda features: self.codec.decode_blocks(iter([block]), features, threads=1)

    def _opened(self, i: int) -> Callable[[tuple[str, ...]], Arrays]:
        return partial(self._decode, self.jets(i), i)

    def _decode(
        self,
        jets: Callable[[Collection[str] | None], Table],
        i: int,
        names: tuple[str, ...],
    ) -> Arrays:
        number = self.blocks[i]
        wanted = [feature for feature, name in self.part.features.items() if name in names]
        arrays = self.branches(jets(wanted), names)
        for name, array in arrays.items():
            if len(array) != self.tree.entries(number):
                raise DamagedFileError(
                    f"{self.tree.where}: block {number} holds {len(array)} entries of branch"
                    f" {name!r}, not {self.tree.entries(number)}"
                )
        return arrays

    def _cut(self, piece: Arrays, start: int, stop: int) -> Arrays:
        return {name: ak.to_packed(array[start:stop]) for name, array in piece.items()}


class ResidualReader(JetReader):
    """Decodes the blocks of residuals beside latents that are stored as branches of the tree."""

    def __init__(
        self, container: Container, segment: Segment, part: Part, tree: TreeReader
    ) -> None:
        super().__init__(container, segment, part)
        # whole blocks are decoded, also those in which the entries asked for end
        self.latents = LatentReader(container, segment, part, tree, segment.stop)

    def jets(self, i: int) -> Callable[[Collection[str] | None], Table]:
        block, latents = self.block(i), self.latents.latents(*map(int, self.edges[i : i + 2]))
        return lambda features: self.codec.decode_residuals(block, latents, features)


class ColumnReader(_BlockReader[UnpackedColumns]):
    """Decodes blocks of columns that are packed without loss."""

    def __init__(self, container: Container, segment: Segment, part: Part) -> None:
        super().__init__(container, segment, part)
        types = {branch.name: branch.type for branch in segment.manifest.branches}
        self.types = {name: types[name] for name in part.features.values()}
        self.learned: Learned = NOTHING_LEARNED
        if part.model:
            self.learned = container.block_model(part, self.types.values())

    def column_sizes(self) -> Iterator[dict[str, list[float]]]:
        """Bytes of the buffers of each branch, block by block."""
        for block in self._checked_blocks():
            with located(block.name):
                yield packed_sizes(block.payload, self.types)

    def _opened(self, i: int) -> Callable[[tuple[str, ...]], UnpackedColumns]:
        return partial(self._decode, self.block(i), self.tree.entries(self.blocks[i]))

    def _decode(self, block: Block, entries: int, names: tuple[str, ...]) -> UnpackedColumns:
        if block.events != entries:
            raise DamagedFileError(f"{block.name} holds {block.events} entries, not {entries}")
        try:
            block.check()
            return unpack_buffers(block.payload, self.types, entries, names, self.learned)
        except DamagedFileError as error:
            raise DamagedFileError(f"{block.name} does not decode: {error}") from error

    def _cut(self, piece: UnpackedColumns, start: int, stop: int) -> UnpackedColumns:
        return piece.cut(start, stop)

    def joined(self, pieces: Sequence[UnpackedColumns]) -> Arrays:
        return joined(pieces)
