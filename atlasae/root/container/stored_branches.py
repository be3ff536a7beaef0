"""The branches of a compressed tree that stand in it as they were, and their checksums."""

from __future__ import annotations

from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from atlasae.datashape import parse_datashape
from atlasae.errors import DamagedFileError
from atlasae.lossless.checksum import ColumnChecksum
from atlasae.root.container.manifest import Cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.root.container.container import Segment
    from atlasae.root.io.branch import Arrays, BranchInfo
    from atlasae.root.io.tree import TreeReader

_INTEGERS = {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
_CLUSTER_BYTES = 16_000_000  # of values in a cluster, about


class ClusterWriter:
    """Computes the checksums of branches that are written as they are.

    Args:
        names: of the branches.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._clusters: list[Cluster] = []
        self._start()

    def add(self, arrays: Arrays) -> None:
        """Take the next entries, as they are written."""
        for name in self.names:
            self._checksums[name].add(arrays[name])
            self._bytes += arrays[name].nbytes
        self._entries += len(arrays[self.names[0]]) if self.names else 0
        if self._bytes >= _CLUSTER_BYTES:
            self._end()

    def finish(self) -> tuple[Cluster, ...]:
        """The clusters of all entries."""
        self._end()
        return tuple(self._clusters)

    def _start(self) -> None:
        self._checksums = {name: ColumnChecksum() for name in self.names}
        self._entries = self._bytes = 0

    def _end(self) -> None:
        if self._entries:
            checksums = tuple(checksum.value for checksum in self._checksums.values())
            self._clusters.append(Cluster(self._entries, checksums))
        self._start()


class StoredBranches:
    """Reads the branches of a segment that are stored in its tree.

    A cluster whose entries are read from the first to the last, at once or one after another, is
    compared with its checksum.

    Args:
        tree: as it is stored in the file.
        segment: of the tree.
        names: the branches to read.
        end: the entry after the last that will be asked for.
    """

    def __init__(self, tree: TreeReader, segment: Segment, names: Sequence[str], end: int) -> None:
        manifest = segment.manifest
        self._tree = tree
        self._names = names
        self._written = tree.written_names(manifest.stored)
        written = [self._written[name] for name in names]
        self._read = tree.range_reader(written, min(end, segment.stop))
        self._kept = {branch.name: branch for branch in manifest.kept}
        self._columns = {name: column for column, name in enumerate(manifest.stored)}
        self._clusters = manifest.clusters
        sizes = [cluster.entries for cluster in self._clusters]
        self._edges = segment.start + np.append(0, np.cumsum(sizes)).astype(np.int64)
        self._next: dict[str, tuple[int, ColumnChecksum]] = {}

    @property
    def where(self) -> str:
        """The file and the tree, for error messages."""
        return self._tree.where

    def read(self, start: int, stop: int) -> Arrays:
        """The branches in the types of the source; ranges are asked for in ascending order."""
        written = self._read(start, stop)
        arrays = {name: written[self._written[name]] for name in self._names}
        for name in self._names:
            if branch := self._kept.get(name):
                arrays[name] = self._in_source_type(arrays[name], branch)
            self._check(name, arrays[name], start, stop)
        return arrays

    def _in_source_type(self, array: ak.Array, branch: BranchInfo) -> ak.Array:
        """Numbers in the type of the source: a counter of a TTree is stored as int32."""
        stored = str(array.type.content)
        if branch.dtype is None or stored == branch.type:
            return array
        if not (stored in _INTEGERS and branch.type in _INTEGERS):
            raise DamagedFileError(
                f"{self.where}: branch {branch.name!r} holds {stored}, its manifest says"
                f" {branch.type}"
            )
        return ak.enforce_type(array, parse_datashape(branch.type))

    def _check(self, name: str, array: ak.Array, start: int, stop: int) -> None:
        """Compare the clusters that end in these entries, if they were read from their start."""
        first = int(np.searchsorted(self._edges, start, side="right")) - 1
        for i in range(first, int(np.searchsorted(self._edges, stop, side="left"))):
            begin, end = map(int, self._edges[i : i + 2])
            position, checksum = self._next.get(name, (-1, ColumnChecksum()))
            if begin >= start:
                position, checksum = begin, ColumnChecksum()
            elif position != start:
                continue
            checksum.add(array[max(begin - start, 0) : end - start])
            self._next[name] = min(end, stop), checksum
            if end <= stop and checksum.value != self._clusters[i].checksums[self._columns[name]]:
                raise DamagedFileError(
                    f"{self.where}: branch {name!r}, entries {begin} to {end}: damaged, its"
                    " checksum does not agree"
                )
