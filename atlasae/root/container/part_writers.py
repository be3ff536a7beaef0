"""How a compressed file stores branches: as latents in their tree, or as blocks in another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from atlasae.coding.blocks import BLOCK_JETS, Block
from atlasae.errors import InputError
from atlasae.jets.table import Table, joined, to_table
from atlasae.lossless.columns import pack
from atlasae.root.container.container import digest
from atlasae.root.container.manifest import Part
from atlasae.root.io.branch import Arrays, BranchInfo, free_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlasae.codecs.base import Codec
    from atlasae.root.container.block_tree import BlockTreeWriter
    from atlasae.root.io.branch import TreeSchema
    from atlasae.root.known_layouts import Collection

_COLUMN_BYTES = 16_000_000  # of columns packed into one block, about


class PartWriter(ABC):
    """Takes the branches of a part, chunk by chunk.

    Attributes:
        taken: names of the branches it takes.
        branches: those that replace them in the tree.
    """

    taken: frozenset[str]
    branches: tuple[BranchInfo, ...] = ()

    @abstractmethod
    def add(self, arrays: Arrays) -> Arrays:
        """Take the next entries; gives the arrays of all branches as they are to be written."""

    @abstractmethod
    def finish(self) -> Part:
        """Write what is still held back; gives what the manifest says of the part."""


class _CodecWriter(PartWriter):
    """What the writers of coded collections share."""

    def __init__(self, codec: Codec, collection: Collection) -> None:
        self.codec = codec
        self.collection = collection
        self.chosen = collection.choose(codec.features_)
        self.taken = frozenset(branch.name for branch in self.chosen.values())
        self.jets = 0

    def table(self, arrays: Arrays) -> Table:
        """The jets of a chunk, under the names that the codec knows."""
        table = to_table({name: arrays[branch.name] for name, branch in self.chosen.items()})
        self.jets += len(table)
        return table

    def part(self, *, number: int = 0, latents: tuple[str, ...] = ()) -> Part:
        return Part(
            self.collection.name,
            {feature: branch.name for feature, branch in self.chosen.items()},
            digest(self.codec.decoder_bytes()),
            number,
            latents,
            flat=not self.collection.first.jagged,
            jets=self.jets,
        )


class LatentWriter(_CodecWriter):
    """Stores the latents of a codec as branches in place of the jets."""

    def __init__(self, codec: Codec, collection: Collection, schema: TreeSchema) -> None:
        super().__init__(codec, collection)
        if not codec.latent_names or len(set(codec.latent_names)) < len(codec.latent_names):
            raise InputError(f"{codec.call}: latent_names must be different names, at least one")
        prefix = f"{collection.name}_" if collection.name else ""
        counter = collection.first.counter
        if collection.first.has_own_counter:  # vectors have one each, their latents share one
            taken = {*schema.names, *(b.counter for b in schema.branches if b.counter)}
            counter = free_name(f"n{collection.name}", taken)
        # ROOT's half floats are another format than numpy's: latents are written as float32
        kind = "float32" if counter is None else "var * float32"
        self.branches = tuple(
            BranchInfo(f"{prefix}{name}", kind, counter) for name in codec.latent_names
        )
        for branch in self.branches:
            if branch.name in schema.names:
                raise InputError(f"the tree already has a branch {branch.name!r}")

    def add(self, arrays: Arrays) -> Arrays:
        latents = self.codec.encode_latents(self.table(arrays))
        for name, values in latents.columns.items():
            if values.dtype not in (np.float16, np.float32):
                raise InputError(
                    f"{self.codec.call}: latent {name!r} is {values.dtype}; files store float16"
                    " and float32 latents"
                )
        return arrays | {
            branch.name: ak.values_astype(latents.array(name), np.float32)
            for branch, name in zip(self.branches, self.codec.latent_names, strict=True)
        }

    def finish(self) -> Part:
        return self.part(latents=tuple(branch.name for branch in self.branches))


class BlockWriter(_CodecWriter):
    """Stores the blocks of a codec."""

    def __init__(
        self, codec: Codec, collection: Collection, blocks: BlockTreeWriter, number: int
    ) -> None:
        super().__init__(codec, collection)
        self.blocks = blocks
        self.number = number
        self._held_back: list[Table] = []

    def add(self, arrays: Arrays) -> Arrays:
        self._held_back.append(self.table(arrays))
        if self.codec.reorders:  # all other branches take the same order at once
            order = np.concatenate([block.order for block in self._flush()])
            return {name: array[order] for name, array in arrays.items()}
        if sum(map(len, self._held_back)) >= BLOCK_JETS:
            self._flush()
        return arrays

    def _flush(self) -> list[Block]:
        tables, self._held_back = self._held_back, []
        written = list(self.codec.encode_blocks(joined(tables))) if tables else []
        for block in written:
            entries = block.jets if block.events is None else block.events
            self.blocks.add(self.number, entries, block)
        return written

    def finish(self) -> Part:
        self._flush()
        return self.part(number=self.number)


class ColumnWriter(PartWriter):
    """Packs branches column by column, without loss."""

    def __init__(
        self, name: str, names: Sequence[str], blocks: BlockTreeWriter, number: int
    ) -> None:
        self.name = name
        self.names = tuple(names)
        self.taken = frozenset(names)
        self.blocks = blocks
        self.number = number
        self._held_back: list[Arrays] = []

    def add(self, arrays: Arrays) -> Arrays:
        self._held_back.append({name: arrays[name] for name in self.names})
        held = sum(array.nbytes for chunk in self._held_back for array in chunk.values())
        if held >= _COLUMN_BYTES:
            self._flush()
        return arrays

    def _flush(self) -> None:
        if self._held_back:
            columns = {
                name: ak.concatenate([chunk[name] for chunk in self._held_back])
                for name in self.names
            }
            entries = len(columns[self.names[0]])
            self.blocks.add(self.number, entries, Block.of(entries, 0, pack(columns), 0))
        self._held_back = []

    def finish(self) -> Part:
        self._flush()
        return Part(self.name, {name: name for name in self.names}, number=self.number)


def codec_writer(
    codec: Codec,
    collection: Collection,
    schema: TreeSchema,
    blocks: BlockTreeWriter,
    part_numbers: Iterator[int],
) -> PartWriter:
    """The writer for the storage that a codec asks for.

    Raises:
        InputError: the codec has no storage, or the tree has branches named like its latents.
    """
    if codec.storage == "blocks":
        return BlockWriter(codec, collection, blocks, next(part_numbers))
    if codec.storage == "latents":
        return LatentWriter(codec, collection, schema)
    raise InputError(f"{codec.call} has no storage: it gives neither blocks nor latents")
