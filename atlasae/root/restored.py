"""Compressed trees as if they were not: trees to read like any other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from atlasae.errors import DamagedFileError
from atlasae.root.branches import Arrays, Plan
from atlasae.root.container import OWN, Container, Run, is_compressed, read_container
from atlasae.root.opening import Trees
from atlasae.root.parts import part_reader
from atlasae.root.source import Source, bytes_of

_EXPANSION = 4  # entries in memory against those in a file, roughly


class Restored(Source):
    """A compressed tree that gives back the branches it was made of."""

    def __init__(self, tree: Source, container: Container, runs: Sequence[Run]) -> None:
        super().__init__(tree.tree, tree.path)
        self.kept = tree
        self.container = container
        self.runs = runs
        self.kind = runs[0].manifest.kind
        if tree.num_entries != runs[-1].stop:
            raise DamagedFileError(
                f"{self.where} has {tree.num_entries} entries, its manifest speaks of"
                f" {runs[-1].stop}"
            )

    @property
    def title(self) -> str:
        return self.kept.title

    def entries_for(self, step_size: str | int) -> int:
        if isinstance(step_size, int):
            return step_size
        size = sum(run.manifest.source_bytes for run in self.runs) * _EXPANSION
        return max(int(bytes_of(step_size) * self.num_entries / max(size, 1)), 1)

    def _plan(self) -> Plan:
        return Plan(self.runs[0].manifest.branches)

    def _iterate(
        self, names: Sequence[str], step_size: str | int, start: int, stop: int | None
    ) -> Iterator[tuple[int, Arrays]]:
        step = self.entries_for(step_size)
        stop = self.num_entries if stop is None else min(stop, self.num_entries)
        for run in self.runs:
            if max(start, run.start) >= min(stop, run.stop):
                continue
            compressed = run.manifest.compressed
            kept = [name for name in names if name not in compressed]
            parts = {id(part): part for name in names if (part := compressed.get(name))}
            readers = [part_reader(self.container, run, part, self.kept) for part in parts.values()]
            for first in range(max(start, run.start), min(stop, run.stop), step):
                last = min(first + step, stop, run.stop)
                arrays: Arrays = {}
                for _, chunk in self.kept.iterate(kept, last - first, first, last):
                    arrays |= chunk
                for reader in readers:
                    arrays |= reader.read(first, last, names)
                yield first, {name: arrays[name] for name in names}


class CompressedTrees(Trees):
    """The trees of a compressed file, restored."""

    def __init__(self, file: Any) -> None:
        super().__init__(file, OWN)
        self.container = read_container(file)
        for path in self.container.runs.keys() - self.keys():
            raise DamagedFileError(
                f"{file.file_path}: no tree {path!r}, of which it has a manifest"
            )

    def raw(self, path: str) -> Source:
        """A tree as it stands in the file."""
        return super()._open(path)

    def _open(self, path: str) -> Source:
        tree = self.raw(path)
        runs = self.container.runs.get(path)
        return Restored(tree, self.container, runs) if runs else tree


def trees_of(file: Any) -> Trees:
    """The trees of a file, restored where it is compressed."""
    return CompressedTrees(file) if is_compressed(file) else Trees(file)
