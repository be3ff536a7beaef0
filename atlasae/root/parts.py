"""How a compressed file holds branches: as latents in their tree, or as blocks beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from atlasae.blocks import BLOCK_JETS, Block
from atlasae.columns import pack, unpack
from atlasae.errors import DamagedFileError, InputError
from atlasae.features import Table, joined, to_table
from atlasae.root.branches import Arrays, Branch, free_name
from atlasae.root.container import Part, digest

if TYPE_CHECKING:
    from atlasae.autoencoder import AutoencoderCodec
    from atlasae.codec import Codec
    from atlasae.root.blocktree import BlockRows, BlockTree
    from atlasae.root.branches import Plan
    from atlasae.root.container import Container, Run
    from atlasae.root.layouts import Collection
    from atlasae.root.source import Source

_COLUMN_BYTES = 16_000_000  # about as much of packed columns in a block


class PartWriter(ABC):
    """Takes the branches of a part, chunk by chunk.

    Attributes:
        taken: names of the branches it takes.
        branches: those that stand in the tree in their place.
    """

    taken: frozenset[str]
    branches: tuple[Branch, ...] = ()

    @abstractmethod
    def add(self, arrays: Arrays) -> Arrays:
        """Take the next entries; gives all of them as they are stored, and those of ``branches``."""

    @abstractmethod
    def finish(self) -> Part:
        """Write what is still held back, and say what was written."""


class LatentWriter(PartWriter):
    """An autoencoder's latents, as branches where the jets stood."""

    def __init__(self, codec: AutoencoderCodec, collection: Collection, plan: Plan) -> None:
        prefix = f"{collection.name}_" if collection.name else ""
        counter = collection.first.counter
        if collection.first.has_own_counter:  # vectors have one each; their latents share one
            taken = {*plan.names, *(branch.counter for branch in plan.branches if branch.counter)}
            counter = free_name(f"n{collection.name}", taken)
        kind = "float32" if counter is None else "var * float32"
        self.codec = codec
        self.jets = 0
        self.collection = collection
        self.chosen = collection.choose(codec.features_)
        self.taken = frozenset(branch.name for branch in self.chosen.values())
        self.branches = tuple(
            Branch(f"{prefix}{name}", kind, counter) for name in codec.latent_names
        )
        for branch in self.branches:
            if branch.name in plan.names:
                raise InputError(f"there is a branch {branch.name!r} already")

    def add(self, arrays: Arrays) -> Arrays:
        table = _table(self.chosen, arrays)
        self.jets += len(table)
        encoded: Any = self.codec.encode(table)
        if isinstance(encoded, np.ndarray):
            columns = list(encoded.T)
        else:
            columns = [encoded[field] for field in encoded.fields]
        return arrays | {  # as float32: ROOT's half floats are another format
            branch.name: ak.values_astype(ak.Array(column), np.float32)
            for branch, column in zip(self.branches, columns, strict=True)
        }

    def finish(self) -> Part:
        return Part(
            self.collection.name,
            {feature: branch.name for feature, branch in self.chosen.items()},
            digest(self.codec.decoder_bytes()),
            latents=tuple(branch.name for branch in self.branches),
            flat=not self.collection.first.jagged,
            jets=self.jets,
        )


class BlockWriter(PartWriter):
    """A codec's blocks of jets."""

    def __init__(
        self, codec: Codec, collection: Collection, blocks: BlockTree, number: int
    ) -> None:
        self.codec = codec
        self.collection = collection
        self.chosen = collection.choose(codec.features_)
        self.taken = frozenset(branch.name for branch in self.chosen.values())
        self.blocks = blocks
        self.number = number
        self.jets = 0
        self._waiting: list[Table] = []

    def add(self, arrays: Arrays) -> Arrays:
        self._waiting.append(_table(self.chosen, arrays))
        self.jets += len(self._waiting[-1])
        if self.codec.reorders:  # the other branches follow at once
            order = np.concatenate([block.order for block in self._flush()])
            return {name: array[order] for name, array in arrays.items()}
        if sum(map(len, self._waiting)) >= BLOCK_JETS:
            self._flush()
        return arrays

    def _flush(self) -> list[Block]:
        waiting, self._waiting = self._waiting, []
        written = list(self.codec.encode_blocks(joined(waiting))) if waiting else []
        for block in written:
            entries = block.jets if block.events is None else block.events
            self.blocks.add(self.number, entries, block)
        return written

    def finish(self) -> Part:
        self._flush()
        return Part(
            self.collection.name,
            {feature: branch.name for feature, branch in self.chosen.items()},
            digest(self.codec.decoder_bytes()),
            self.number,
            flat=not self.collection.first.jagged,
            jets=self.jets,
        )


class ColumnWriter(PartWriter):
    """Branches packed column by column, without loss."""

    def __init__(self, name: str, names: Sequence[str], blocks: BlockTree, number: int) -> None:
        self.name = name
        self.names = tuple(names)
        self.taken = frozenset(names)
        self.blocks = blocks
        self.number = number
        self._waiting: list[Arrays] = []

    def add(self, arrays: Arrays) -> Arrays:
        self._waiting.append({name: arrays[name] for name in self.names})
        held = sum(array.nbytes for chunk in self._waiting for array in chunk.values())
        if held >= _COLUMN_BYTES:
            self._flush()
        return arrays

    def _flush(self) -> None:
        if self._waiting:
            columns = {
                name: ak.concatenate([chunk[name] for chunk in self._waiting])
                for name in self.names
            }
            entries = len(columns[self.names[0]])
            self.blocks.add(self.number, entries, Block.of(entries, 0, pack(columns), 0))
        self._waiting = []

    def finish(self) -> Part:
        self._flush()
        return Part(self.name, {name: name for name in self.names}, number=self.number)


def _table(chosen: Mapping[str, Branch], arrays: Arrays) -> Table:
    return to_table({name: arrays[branch.name] for name, branch in chosen.items()})


class PartReader(ABC):
    """Gives back the branches of a part, for one run of a tree's entries."""

    @abstractmethod
    def read(self, start: int, stop: int, names: Sequence[str]) -> Arrays:
        """Some branches of the part by name, for some entries of the run.

        Entries count from the start of the tree.
        """


def part_reader(container: Container, run: Run, part: Part, tree: Source) -> PartReader:
    """The reader of a part."""
    if part.latents:
        return LatentReader(container, run, part, tree)
    return BlockReader(container, run, part)


class LatentReader(PartReader):
    """Decodes latents that stand in the tree."""

    def __init__(self, container: Container, run: Run, part: Part, tree: Source) -> None:
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

    def __init__(self, container: Container, run: Run, part: Part) -> None:
        assert container.rows is not None
        self.rows: BlockRows = container.rows
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


def _dtypes(run: Run) -> dict[str, str]:
    return {b.name: b.dtype for b in run.manifest.branches if b.dtype is not None}
