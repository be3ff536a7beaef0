"""How a compressed file stores branches: as latents in their tree, or as blocks in another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from atlasae.coding.blocks import BLOCK_JETS, Block, Cost, block_edges
from atlasae.columns.serialization import read_block_model
from atlasae.errors import CannotPackError, DamagedFileError, InputError
from atlasae.fidelity.measuring import Measurement
from atlasae.jets.table import Table, joined, to_table
from atlasae.lossless.columns import NOTHING_LEARNED, Learned, pack, same_bits, size_of, unpack
from atlasae.lossless.slots import dtypes_of
from atlasae.root.container.container import digest
from atlasae.root.container.manifest import Part
from atlasae.root.io.branch import Arrays, BranchInfo, concatenated, free_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from atlasae.codecs.base import Codec
    from atlasae.fidelity.measuring import Compare
    from atlasae.root.container.block_tree import BlockTreeWriter
    from atlasae.root.io.branch import TreeSchema
    from atlasae.root.known_layouts import Collection

_COLUMN_BYTES = 32_000_000  # of columns packed into one block, about
_MOST_COLUMN_BYTES = 48_000_000  # where more are read at a time; any block can be unpacked


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
    def finish(self) -> None:
        """Write what is still held back."""

    @abstractmethod
    def part(self) -> Part:
        """What the manifest says of the part, when all its blocks are written."""


class _CodecWriter(PartWriter):
    """What the writers of coded collections share."""

    def __init__(self, codec: Codec, collection: Collection) -> None:
        self.codec = codec
        self.codec_digest = digest(codec.decoder_bytes())
        self.collection = collection
        self.chosen = collection.choose(codec.features_)
        self.taken = frozenset(branch.name for branch in self.chosen.values())
        self.jets = 0

    def table(self, arrays: Arrays) -> Table:
        """The jets of a chunk, under the names that the codec knows."""
        table = to_table({name: arrays[branch.name] for name, branch in self.chosen.items()})
        self.jets += len(table)
        return table

    def part(self) -> Part:
        return Part(
            self.collection.name,
            {feature: branch.name for feature, branch in self.chosen.items()},
            self.codec_digest,
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
        return self.beside(arrays, self.codec.encode_latents(self.table(arrays)))

    def beside(self, arrays: Arrays, latents: Table) -> Arrays:
        """The arrays of all branches, and of the latents."""
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

    def finish(self) -> None:
        """Nothing is held back."""

    def part(self) -> Part:
        return replace(super().part(), latents=tuple(branch.name for branch in self.branches))


class BlockWriter(_CodecWriter):
    """Stores the blocks of a codec."""

    def __init__(
        self, codec: Codec, collection: Collection, blocks: BlockTreeWriter, segment: str
    ) -> None:
        super().__init__(codec, collection)
        self.blocks = blocks.part(segment, self.codec_digest, self.chosen)
        self.counter = collection.first.counter or ""
        self._costs: list[Cost] = []
        self._measurement = Measurement(codec.tolerances_, codec.cuts_, codec.quantities_)
        self._held_back: list[Table] = []

    def add(self, arrays: Arrays) -> Arrays:
        table = self.table(arrays)
        self._look_at_counter(arrays, table)
        if self.codec.reorders:  # all other branches take the same order at once
            order = np.concatenate([block.order for block in self._reorder(table)])
            return {name: array[order] for name, array in arrays.items()}
        self._hold_back_all(table)
        return arrays

    def _look_at_counter(self, arrays: Arrays, table: Table) -> None:
        """Forget a counter that does not hold the numbers of jets."""
        if not _counts(arrays.get(self.counter), table):
            self.counter = ""

    def _hold_back_all(self, table: Table) -> None:
        for start, stop in pairwise(block_edges(table.counts, len(table))):
            self._hold_back(table.span(start, stop))

    def _hold_back(self, table: Table) -> None:
        """Take at most a block of jets."""
        self._held_back.append(table)
        if sum(map(len, self._held_back)) >= BLOCK_JETS:
            *whole, rest = _blocks_of(joined(self._held_back))
            self._start(whole)
            self._held_back = [rest]

    def _reorder(self, table: Table) -> list[Block]:
        """Code jets at once, in all threads."""
        self.blocks.tree.wait()
        coded = list(self.codec.encode_blocks(table, self.blocks.tree.threads))
        for block in coded:
            assert block.order is not None
            compare = self._measurement.next(table.events(block.order))
            self.blocks.add(partial(self._compared, [block], compare))
        return coded

    def _start(self, tables: Iterable[Table]) -> None:
        for table in tables:
            self.blocks.add(partial(self._coded, table, self._measurement.next(table)))

    def _coded(self, table: Table, compare: Compare) -> list[Block]:
        return self._compared(list(self.codec.encode_blocks(table, 1)), compare)

    def _compared(self, blocks: list[Block], compare: Compare) -> list[Block]:
        """The same blocks, whose costs are taken down, and which are compared with the jets."""
        self._costs += [block.cost for block in blocks]
        compare(self.codec.decode_blocks(iter(blocks), threads=1))
        return blocks

    def finish(self) -> None:
        if self._held_back:
            self._start(_blocks_of(joined(self._held_back)))

    def part(self) -> Part:
        return replace(
            super().part(),
            number=self.blocks.number,
            counter=self.counter,
            exact_events=sum(cost.events for cost in self._costs),
            exact_bytes=sum(cost.bytes for cost in self._costs),
            measured=self._measurement.result(),
        )


def _counts(counter: ak.Array | None, table: Table) -> bool:
    """Whether a branch holds the number of jets of each entry."""
    if counter is None or table.counts is None:
        return False
    return np.array_equal(np.asarray(counter), table.counts)


def _blocks_of(table: Table) -> Iterator[Table]:
    """The jets of each block; copies, which do not hold all that was read."""
    for start, stop in pairwise(block_edges(table.counts, len(table))):
        span = table.span(start, stop)
        yield Table({name: values.copy() for name, values in span.columns.items()}, span.counts)


class ColumnWriter(PartWriter):
    """Packs branches without loss.

    Args:
        branches: to pack.
        model: bytes of the models of the columns; empty if each is packed alone.
        blocks: of the file.
        segment: the identity of the manifest of the tree.
    """

    def __init__(
        self,
        branches: Sequence[BranchInfo],
        model: bytes,
        blocks: BlockTreeWriter,
        segment: str,
    ) -> None:
        self.types = {branch.name: branch.type for branch in branches}
        self.names = tuple(self.types)
        self.taken = frozenset(self.names)
        self.model = digest(model) if model else ""
        self.blocks = blocks.part(segment, self.model, {b.name: b for b in branches})
        self.learned: Learned = NOTHING_LEARNED
        if model:
            self.learned = read_block_model(model, dtypes_of(self.types.values()))
        self._held_back: list[Arrays] = []

    def add(self, arrays: Arrays) -> Arrays:
        self._held_back.append({name: arrays[name] for name in self.names})
        held = sum(array.nbytes for chunk in self._held_back for array in chunk.values())
        if held >= _COLUMN_BYTES:
            self._flush()
        return arrays

    def _flush(self) -> None:
        chunks, self._held_back = self._held_back, []
        if not chunks:
            return
        columns = {name: concatenated([chunk.pop(name) for chunk in chunks]) for name in self.names}
        for piece in _pieces(columns, _entries(columns)):
            self.blocks.add(partial(_packed, piece, self.types, self.learned))

    def finish(self) -> None:
        self._flush()

    def part(self) -> Part:
        features = {name: name for name in self.names}
        return Part("", features, number=self.blocks.number, model=self.model)


def _packed(columns: Arrays, types: Mapping[str, str], learned: Learned) -> list[Block]:
    """The block of some columns, which decodes to them with these types.

    What does not come back as it is learned is packed without.
    """
    payload = pack(columns, learned)
    if bad := _not_restored(payload, columns, types, learned):
        if learned is not NOTHING_LEARNED:
            return _packed(columns, types, NOTHING_LEARNED)
        raise CannotPackError(
            f"branch {', '.join(map(repr, bad))} would not come back bit for bit if it was packed"
        )
    return [Block.of(_entries(columns), 0, payload)]


def _not_restored(
    payload: bytes, columns: Arrays, types: Mapping[str, str], learned: Learned
) -> list[str]:
    """Names of the columns that a block does not restore; all of them if none is to blame."""
    try:
        restored = unpack(payload, types, _entries(columns), learned=learned)
    except DamagedFileError:
        if len(columns) == 1:
            return list(columns)
        bad = []
        for name, column in columns.items():
            alone = {name: column}
            bad += _not_restored(pack(alone), alone, {name: types[name]}, NOTHING_LEARNED)
        return bad or list(columns)
    return [name for name in columns if not same_bits(columns[name], restored[name])]


def _entries(columns: Arrays) -> int:
    return len(next(iter(columns.values())))


def _pieces(columns: Arrays, entries: int) -> Iterator[Arrays]:
    """Columns in pieces of a block each, of at least an entry; copies, as those of jets.

    They are small enough to be unpacked from a block of any size.
    """
    size = size_of(columns)
    if entries < 2 or size <= _MOST_COLUMN_BYTES:
        yield {name: ak.to_packed(array) for name, array in columns.items()}
        return
    number = min(size // _MOST_COLUMN_BYTES + 1, entries)
    edges = [entries * i // number for i in range(number + 1)]
    for start, stop in pairwise(edges):  # one with large entries is cut again
        piece = {name: array[start:stop] for name, array in columns.items()}
        yield from _pieces(piece, stop - start)
