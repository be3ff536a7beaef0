"""How a compressed file holds branches: as latents in their tree, or as blocks beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

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
    from collections.abc import Mapping, Sequence

    from atlasae.codecs.autoencoder.codec import AutoencoderCodec
    from atlasae.codecs.base import Codec
    from atlasae.root.collections import Collection
    from atlasae.root.container.block_tree import BlockTreeWriter
    from atlasae.root.io.branch import TreeSchema

_COLUMN_BYTES = 16_000_000  # about as much of packed columns in a block


class PartWriter(ABC):
    """Takes the branches of a part, chunk by chunk.

    Attributes:
        taken: names of the branches it takes.
        branches: those that stand in the tree in their place.
    """

    taken: frozenset[str]
    branches: tuple[BranchInfo, ...] = ()

    @abstractmethod
    def add(self, arrays: Arrays) -> Arrays:
        """Take the next entries; gives all of them as they are stored, and those of ``branches``."""

    @abstractmethod
    def finish(self) -> Part:
        """Write what is still held back, and say what was written."""


class LatentWriter(PartWriter):
    """An autoencoder's latents, as branches where the jets stood."""

    def __init__(self, codec: AutoencoderCodec, collection: Collection, plan: TreeSchema) -> None:
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
            BranchInfo(f"{prefix}{name}", kind, counter) for name in codec.latent_names
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
        self, codec: Codec, collection: Collection, blocks: BlockTreeWriter, number: int
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

    def __init__(
        self, name: str, names: Sequence[str], blocks: BlockTreeWriter, number: int
    ) -> None:
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


def _table(chosen: Mapping[str, BranchInfo], arrays: Arrays) -> Table:
    return to_table({name: arrays[branch.name] for name, branch in chosen.items()})
