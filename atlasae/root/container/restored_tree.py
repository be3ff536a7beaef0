"""Compressed trees that read like the trees they were compressed from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import awkward as ak

from atlasae.errors import DamagedFileError
from atlasae.root.container.container import (
    RESERVED,
    Container,
    Segment,
    is_compressed,
    read_container,
)
from atlasae.root.container.part_readers import part_reader
from atlasae.root.io.branch import Arrays, BranchInfo, TreeSchema, awkward_type
from atlasae.root.io.file import Trees
from atlasae.root.io.tree import TreeReader, memory_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_EXPANSION = 4  # size of entries in memory, in units of their size in a file, about


class RestoredTree(TreeReader):
    """A compressed tree that decodes to the branches of its source."""

    def __init__(self, tree: TreeReader, container: Container, segments: Sequence[Segment]) -> None:
        super().__init__(tree.tree, tree.path)
        self.kept = tree
        self.container = container
        self.segments = segments
        self.kind = segments[0].manifest.kind
        if tree.num_entries != segments[-1].stop:
            raise DamagedFileError(
                f"{self.where} has {tree.num_entries} entries, its manifest says"
                f" {segments[-1].stop}"
            )

    @property
    def title(self) -> str:
        return self.kept.title

    def entries_for(self, step_size: str | int) -> int:
        if isinstance(step_size, int):
            return step_size
        size = sum(segment.manifest.source_bytes for segment in self.segments) * _EXPANSION
        return max(int(memory_size(step_size) * self.num_entries / max(size, 1)), 1)

    def _read_schema(self) -> TreeSchema:
        return TreeSchema(self.segments[0].manifest.branches)

    def _iterate(
        self, names: Sequence[str], step_size: str | int, start: int, stop: int | None
    ) -> Iterator[tuple[int, Arrays]]:
        step = self.entries_for(step_size)
        stop = self.num_entries if stop is None else min(stop, self.num_entries)
        readers: dict[int, _SegmentReader] = {}
        for first in range(start, stop, step):
            last = min(first + step, stop)
            segments = [
                segment
                for segment in self.segments
                if max(first, segment.start) < min(last, segment.stop)
            ]
            # readers of earlier segments are dropped, with the blocks they remember
            readers = {
                segment.start: readers.get(segment.start) or _SegmentReader(self, segment, names)
                for segment in segments
            }
            pieces = [
                readers[segment.start].read(max(first, segment.start), min(last, segment.stop))
                for segment in segments
            ]
            yield first, {name: _joined([piece[name] for piece in pieces]) for name in names}


class _SegmentReader:
    """Reads branches in the entries of one segment."""

    def __init__(self, tree: RestoredTree, segment: Segment, names: Sequence[str]) -> None:
        compressed = segment.manifest.compressed
        self.tree = tree.kept
        self.names = names
        branches = {branch.name: branch for branch in tree.schema.branches}
        self.kept = {name: branches[name] for name in names if name not in compressed}
        parts = {id(part): part for name in names if (part := compressed.get(name))}
        self.readers = [
            part_reader(tree.container, segment, part, self.tree) for part in parts.values()
        ]

    def read(self, start: int, stop: int) -> Arrays:
        arrays: Arrays = {}
        for _, chunk in self.tree.iterate(list(self.kept), stop - start, start, stop):
            arrays |= {
                name: _in_source_type(chunk[name], branch) for name, branch in self.kept.items()
            }
        for reader in self.readers:
            arrays |= reader.read(start, stop, self.names)
        return arrays


def _in_source_type(array: ak.Array, branch: BranchInfo) -> ak.Array:
    """An array of numbers in the type of the source: a counter of a TTree is stored as int32."""
    if branch.dtype is None or str(array.type.content) == branch.type:
        return array
    return ak.enforce_type(array, awkward_type(branch.type))


def _joined(pieces: Sequence[ak.Array]) -> ak.Array:
    return pieces[0] if len(pieces) == 1 else ak.concatenate(pieces)


class CompressedTrees(Trees):
    """The trees of a compressed file, restored."""

    def __init__(self, file: Any) -> None:
        super().__init__(file, RESERVED)
        self.container = read_container(file)
        for path in self.container.segments.keys() - self.keys():
            raise DamagedFileError(
                f"{file.file_path}: no tree {path!r}, though there is a manifest for it"
            )

    def raw(self, path: str) -> TreeReader:
        """A tree as it is stored in the file."""
        return super()._open(path)

    def _open(self, path: str) -> TreeReader:
        tree = self.raw(path)
        segments = self.container.segments.get(path)
        return RestoredTree(tree, self.container, segments) if segments else tree


def open_trees(file: Any) -> Trees:
    """The trees of a file, restored where it is compressed."""
    return CompressedTrees(file) if is_compressed(file) else Trees(file)
