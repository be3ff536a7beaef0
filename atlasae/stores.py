"""How a compressed file holds jets: as latent branches of their tree, or as blocks beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from atlasae.autoencoder import AutoencoderCodec
from atlasae.blocks import BLOCK_JETS, Block
from atlasae.container import BLOCKS
from atlasae.errors import DamagedFileError, InputError
from atlasae.features import Table, joined
from atlasae.trees import Arrays, Branch, find_tree, free_name, iterate, reading

if TYPE_CHECKING:
    from atlasae.codec import Codec
    from atlasae.container import Run
    from atlasae.layouts import Found

_BLOCK_TYPES = {
    "payload": "var * uint8",
    "entries": np.dtype(np.int64),
    "jets": np.dtype(np.int64),
    "checksum": np.dtype(np.uint32),
}


class JetWriter(ABC):
    """Takes the jets of a tree, chunk by chunk.

    Attributes:
        branches: those that stand in the tree in place of the compressed ones.
    """

    branches: tuple[Branch, ...] = ()

    @abstractmethod
    def add(self, jets: Table) -> Arrays:
        """Take the jets of the next entries and give the arrays of ``branches`` for them."""

    @abstractmethod
    def finish(self) -> None:
        """Write what is still held back."""


class JetReader(ABC):
    """Gives back the jets of one run of entries."""

    @abstractmethod
    def spans(self, step: int) -> Iterator[tuple[int, int]]:
        """Ranges of entries, of about ``step``, that are read without reading more."""

    @abstractmethod
    def read(self, start: int, stop: int) -> ak.Array:
        """The jets of some entries, as records."""


def jet_writer(codec: Codec, found: Found, out: Any) -> JetWriter:
    """The writer for a codec.

    Raises:
        InputError: the codec gives neither latents nor blocks.
    """
    if getattr(codec, "order", "preserved") == "free":
        raise InputError(
            "a tree keeps the order of its events, for its other branches: use order='preserved'"
        )
    if codec.gives_blocks:
        return _BlockWriter(codec, out)
    if isinstance(codec, AutoencoderCodec):
        return _LatentWriter(codec, found)
    raise InputError(f"{codec!r} gives neither latents nor blocks, which is what a file can hold")


def jet_reader(file: Any, run: Run) -> JetReader:
    """The reader of a run of a compressed file."""
    if run.manifest.latents:
        return _LatentReader(file, run)
    return _BlockReader(file, run)


class _LatentWriter(JetWriter):
    def __init__(self, codec: AutoencoderCodec, found: Found) -> None:
        plan, collection = found.plan, found.collection
        prefix = f"{collection.name}_" if collection.name else ""
        counter = collection.pt.counter
        if collection.pt.has_own_counter:  # vectors have one each; their latents share one
            taken = {*plan.names, *(branch.counter for branch in plan.branches if branch.counter)}
            counter = free_name(f"n{collection.name}", taken)
        self.codec = codec
        self.branches = tuple(
            Branch(f"{prefix}{name}", "float32", (), counter) for name in codec.latent_names
        )

    def add(self, jets: Table) -> Arrays:
        encoded: Any = self.codec.encode(jets)
        if isinstance(encoded, np.ndarray):
            columns = list(encoded.T)
        else:
            columns = [encoded[field] for field in encoded.fields]
        return {  # as float32: ROOT's half floats are another format
            branch.name: ak.values_astype(ak.Array(column), np.float32)
            for branch, column in zip(self.branches, columns, strict=True)
        }

    def finish(self) -> None:
        """Nothing is held back."""


class _LatentReader(JetReader):
    def __init__(self, file: Any, run: Run) -> None:
        self.tree = find_tree(file, run.manifest.tree)
        self.run = run

    def spans(self, step: int) -> Iterator[tuple[int, int]]:
        for start in range(self.run.start, self.run.stop, step):
            yield start, min(start + step, self.run.stop)

    def latents(self, start: int, stop: int) -> ak.Array:
        """The latents as records z0, z1, ..."""
        names = self.run.manifest.latents
        pieces = [
            ak.zip({f"z{i}": arrays[name] for i, name in enumerate(names)})
            for _, arrays in iterate(self.tree, names, max(stop - start, 1), start, stop)
        ]
        return ak.concatenate(pieces)

    def read(self, start: int, stop: int) -> ak.Array:
        return self.run.codec.decode(self.latents(start, stop))


def read_latents_of(file: Any, run: Run) -> ak.Array:
    """All latents of a run.

    Raises:
        InputError: the run was compressed with a codec that has none.
    """
    reader = jet_reader(file, run)
    if not isinstance(reader, _LatentReader):
        raise InputError(f"{file.file_path} holds no latents: its codec is {run.codec!r}")
    return reader.latents(run.start, run.stop)


class _BlockWriter(JetWriter):
    def __init__(self, codec: Codec, out: Any) -> None:
        self.codec = codec
        self.tree = out.mktree(BLOCKS, _BLOCK_TYPES)
        self.waiting: list[Table] = []

    def add(self, jets: Table) -> Arrays:
        self.waiting.append(jets)
        if sum(map(len, self.waiting)) >= BLOCK_JETS:
            self.finish()
        return {}

    def finish(self) -> None:
        if not self.waiting:
            return
        for block in self.codec.encode_blocks(joined(self.waiting)):
            payload = np.frombuffer(block.payload, np.uint8)
            entries = block.jets if block.events is None else block.events
            self.tree.extend(
                {
                    "payload": ak.unflatten(payload, [len(payload)]),
                    "entries": np.array([entries]),
                    "jets": np.array([block.jets]),
                    "checksum": np.array([block.checksum], np.uint32),
                }
            )
        self.waiting = []


class _BlockReader(JetReader):
    def __init__(self, file: Any, run: Run) -> None:
        self.where = f"{file.file_path}: tree {BLOCKS!r}"
        self.tree = find_tree(file, BLOCKS)
        self.run = run
        with reading(file.file_path, f"tree {BLOCKS!r}"):
            self.rows = self.tree.arrays(["entries", "jets", "checksum"], library="np")
        # all blocks of the file lie end to end; those of a run are told by its entries
        self.edges = np.append(0, np.cumsum(self.rows["entries"]))
        if run.start not in self.edges or run.stop not in self.edges:
            raise DamagedFileError(
                f"{self.where} ends at entry {self.edges[-1]}, the manifest at {run.stop}"
            )

    def spans(self, step: int) -> Iterator[tuple[int, int]]:
        start = self.run.start
        inside = self.edges[(self.edges > start) & (self.edges <= self.run.stop)]
        for i, edge in enumerate(inside.tolist()):
            last = i == len(inside) - 1
            if last or inside[i + 1] - start > step:
                yield start, edge
                start = edge

    def read(self, start: int, stop: int) -> ak.Array:
        first = int(np.searchsorted(self.edges, start, side="right")) - 1
        last = int(np.searchsorted(self.edges, stop, side="left"))
        jets = self.run.codec.decode_blocks(self._block(number) for number in range(first, last))
        offset = int(self.edges[first])
        return jets[start - offset : stop - offset]

    def _block(self, number: int) -> Block:
        with reading(self.tree.file.file_path, f"block {number} of tree {BLOCKS!r}"):
            payload = self.tree["payload"].array(entry_start=number, entry_stop=number + 1)
        entries = int(self.rows["entries"][number])
        return Block(
            None if self.run.manifest.flat else entries,
            int(self.rows["jets"][number]),
            np.asarray(payload[0]).tobytes(),
            int(self.rows["checksum"][number]),
            f"{self.where}: block {number}",
        )
