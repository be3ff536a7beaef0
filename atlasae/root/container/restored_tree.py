"""Compressed trees that read like the trees they were compressed from."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from atlasae.errors import DamagedFileError
from atlasae.root.container.container import (
    RESERVED,
    Container,
    Segment,
    is_compressed,
    read_container,
)
from atlasae.root.container.part_readers import part_reader
from atlasae.root.container.stored_branches import StoredBranches
from atlasae.root.io.branch import TTREE, Arrays, TreeSchema, concatenated
from atlasae.root.io.file import Trees
from atlasae.root.io.mark import PLACEHOLDER
from atlasae.root.io.tree import STEP_SIZE, TreeReader
from atlasae.threads import ordered_map

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from atlasae.root.io.tree_metadata import TreeMetadata
    from atlasae.types import Integers

_MERGED = (
    "it was merged with a file that is not compressed alike; compress each, then use atlasae merge"
)
#: Why a branch is not read: it is stored as it was.
READ_BY_ROOT = "only ROOT reads it; decompress --writer root (writer='root') copies it"
_EXPANSION = 4  # size of entries in memory, in units of their size in a file, about


class RestoredTree(TreeReader):
    """A compressed tree that decodes to the branches of its source."""

    def __init__(
        self,
        tree: TreeReader,
        container: Container,
        segments: Sequence[Segment],
        threads: int | None,
    ) -> None:
        super().__init__(tree.tree, tree.path)
        self.threads = threads
        self.stored = tree
        self.container = container
        self.segments = segments
        self.kind = segments[0].manifest.kind
        if tree.num_entries != segments[-1].stop:
            raise DamagedFileError(
                f"{self.where} has {tree.num_entries} entries, its manifest says"
                f" {segments[-1].stop}: entries were added or taken away after it was compressed,"
                f" or {_MERGED}"
            )
        self._require_branches()

    def _require_branches(self) -> None:
        """Raise DamagedFileError unless each branch stands in the tree or is compressed."""
        holders = self.stored.holders
        for manifest in (segment.manifest for segment in self.segments):
            counters = {branch.counter for branch in manifest.branches}  # of branches that are kept
            stored = set(self.stored.written_names(manifest.stored).values())
            found = set(self.stored.names)
            if missing := stored - found:
                raise DamagedFileError(
                    f"{self.where} lacks {', '.join(sorted(missing))}, not compressed in one of its"
                    f" files: {_MERGED}"
                )
            if both := manifest.compressed.keys() & found - stored - counters - holders:
                raise DamagedFileError(
                    f"{self.where} holds {', '.join(sorted(both))} compressed and not compressed:"
                    f" {_MERGED}"
                )

    def check_stored(self) -> None:
        """Compare all that is stored with its checksums; no block is decoded.

        Raises:
            DamagedFileError: something does not agree.
        """
        for segment in self.segments:
            manifest = segment.manifest
            for part in manifest.parts:
                part_reader(self.container, segment, part, self.stored, segment.stop).check()
            if manifest.stored:
                stored = StoredBranches(self.stored, segment, manifest.stored, segment.stop)
                written = self.stored.written_names(manifest.stored).values()
                step = self.stored.entries_for(STEP_SIZE, list(written))
                for start in range(segment.start, segment.stop, step):
                    stored.read(start, min(start + step, segment.stop))

    @property
    def title(self) -> str:
        return self.segments[0].manifest.title

    @cached_property
    def metadata(self) -> TreeMetadata:
        return self.segments[0].manifest.metadata

    @property
    def names(self) -> list[str]:
        return list(self.schema.names)

    def _entries_in(self, memory: str, names: Sequence[str]) -> int:
        in_block = self._entries_in_block
        if stored := self.segments[0].manifest.stored:
            written = self.stored.written_names(stored).values()
            in_block = min(in_block, self.stored.entries_for(memory, list(written)))
        return max(super()._entries_in(memory, names), in_block)

    def _bytes_of(self, names: Sequence[str]) -> float:  # noqa: ARG002
        return sum(segment.manifest.source_bytes for segment in self.segments) * _EXPANSION

    @property
    def block_ends(self) -> Integers:
        blocks = self.container.blocks
        ends = [
            segment.start + blocks.edges(own)[1:]
            for segment in self.segments
            for own in segment.blocks.values()
            if blocks
        ]
        return np.unique(np.concatenate([np.empty(0, np.int64), *ends]))

    @property
    def _entries_in_block(self) -> int:
        """Number of entries in a block, about: each is decoded as a whole, however few are read."""
        blocks = [
            (segment.stop - segment.start, len(own))
            for segment in self.segments
            for own in segment.blocks.values()
        ]
        entries, number = map(sum, zip(*blocks, strict=True)) if blocks else (self.num_entries, 1)
        return entries // max(number, 1)

    def _read_schema(self) -> TreeSchema:
        left_out = dict.fromkeys(self._of_root, READ_BY_ROOT)
        return TreeSchema(self.segments[0].manifest.branches, left_out=left_out)

    @property
    def _of_root(self) -> Iterable[str]:
        """The branches in the tree that no manifest knows: ROOT copied what uproot cannot read."""
        if self.stored.kind != TTREE:
            return ()
        known: set[str | None] = {PLACEHOLDER.name}
        manifests = [segment.manifest for segment in self.segments]
        if any(part.latents for manifest in manifests for part in manifest.parts):
            return ()
        for manifest in manifests:
            known |= {branch.counter for branch in manifest.branches}
            known |= {branch.name for branch in manifest.branches}
            known |= self.stored.holders
            known |= {*self.stored.written_names(manifest.stored).values()}
        return (name for name in self.stored.names if name not in known)

    def _range_reader(self, names: Sequence[str], end: int) -> Callable[[int, int], Arrays]:
        readers: dict[int, _SegmentReader] = {}

        def read(first: int, last: int) -> Arrays:
            nonlocal readers
            segments = [
                segment
                for segment in self.segments
                if max(first, segment.start) < min(last, segment.stop)
            ]
            # readers of earlier segments are dropped, with the blocks they remember
            readers = {
                segment.start: readers.get(segment.start)
                or _SegmentReader(self, segment, names, end)
                for segment in segments
            }
            pieces = [
                readers[segment.start].read(max(first, segment.start), min(last, segment.stop))
                for segment in segments
            ]
            return {name: concatenated([piece[name] for piece in pieces]) for name in names}

        return read


class _SegmentReader:
    """Reads branches in the entries of one segment."""

    def __init__(
        self, tree: RestoredTree, segment: Segment, names: Sequence[str], end: int
    ) -> None:
        compressed = segment.manifest.compressed
        self.names = names
        self.where = tree.where
        self.threads = tree.threads
        parts = {id(part): part for name in names if (part := compressed.get(name))}
        kept = dict.fromkeys(name for name in names if name not in compressed)
        self.counters = {
            name: part.counter
            for part in parts.values()
            for name in part.features.values()
            if part.counter in segment.manifest.stored and name in names
        }
        kept |= dict.fromkeys(self.counters.values())
        self.stored = StoredBranches(tree.stored, segment, list(kept), end)
        self.readers = [
            part_reader(tree.container, segment, part, tree.stored, end) for part in parts.values()
        ]

    def read(self, start: int, stop: int) -> Arrays:
        arrays = self.stored.read(start, stop)
        pieces: list[list[Any]] = [[] for _ in self.readers]
        tasks = (
            (of_part, task)
            for of_part, reader in zip(pieces, self.readers, strict=True)
            for task in reader.tasks(start, stop, self.names)
        )
        for of_part, piece in ordered_map(lambda each: (each[0], each[1]()), tasks, self.threads):
            of_part.append(piece)
        for reader, of_part in zip(self.readers, pieces, strict=True):
            arrays |= reader.joined(of_part) if of_part else {}
        for name, counter in self.counters.items():
            counts = np.asarray(ak.num(arrays[name]))
            if not np.array_equal(counts, np.asarray(arrays[counter])):
                raise DamagedFileError(
                    f"{self.where}: branch {name!r} has other numbers of elements than"
                    f" {counter!r} says in entries {start} to {stop}: the tree was sorted, or merged"
                    " with another file, after it was compressed"
                )
        return {name: arrays[name] for name in self.names}


class CompressedTrees(Trees):
    """The trees of a compressed file, restored.

    Args:
        file: as uproot opened it.
        threads: that decode blocks; see ``thread_count``.
    """

    def __init__(self, file: Any, threads: int | None = None) -> None:
        super().__init__(file, RESERVED)
        self.threads = threads
        self.container = read_container(file)
        for path in self.container.segments.keys() - self.keys():
            raise DamagedFileError(
                f"{file.file_path}: no tree {path!r}, though there is a manifest for it"
            )

    @property
    def restored(self) -> dict[str, RestoredTree]:
        """The trees that were compressed, by path."""
        trees = {path: self[path] for path in self.container.segments}
        return {path: tree for path, tree in trees.items() if isinstance(tree, RestoredTree)}

    def _open(self, path: str) -> TreeReader:
        if segments := self.container.segments.get(path):
            return RestoredTree(self.raw(path), self.container, segments, self.threads)
        return super()._open(path)


def open_trees(file: Any, threads: int | None = None) -> Trees:
    """The trees of a file, restored where it is compressed.

    Args:
        file: as uproot opened it.
        threads: that decode blocks; see ``thread_count``.
    """
    return CompressedTrees(file, threads) if is_compressed(file) else Trees(file)
