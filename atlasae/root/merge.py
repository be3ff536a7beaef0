"""Merge compressed files, tree by tree, without decoding."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from atlasae.atomic_write import atomic_write
from atlasae.errors import InputError, located
from atlasae.progress import progress_bar
from atlasae.root.container.block_tree import BLOCKS
from atlasae.root.container.container import (
    RESERVED,
    compression_like,
    open_as,
    stored_codecs,
    write_container,
)
from atlasae.root.container.identity import source_digest
from atlasae.root.container.restored_tree import CompressedTrees
from atlasae.root.inspecting.info import Contents, info
from atlasae.root.io.file import Trees, make_tree, open_root
from atlasae.root.io.new_file import new_file
from atlasae.root.io.objects import add_histogram, directories_in, objects_in
from atlasae.root.io.stamp import Stamp
from atlasae.root.io.tree import STEP_SIZE, TreeReader, TreeWriter, check_step_size
from atlasae.root.planning.plan import check_writable, plan_copy
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.root.container.manifest import Manifest
    from atlasae.types import PathLike


_logger = logging.getLogger(__name__)


def merge(
    sources: Sequence[PathLike],
    target: PathLike,
    *,
    step_size: str | int = STEP_SIZE,
    force: bool = False,
    progress: bool = False,
) -> Contents:
    """Merge files that ``compress`` wrote, as hadd does: the entries one after another.

    Histograms are summed; other objects are taken from the first file. Equal codecs are stored
    once.

    Args:
        sources: compressed files with the same trees and branches; their codecs can differ.
        target: the ROOT file to write; it appears only when it is complete.
        step_size: how much is read at a time.
        force: overwrite an existing target.
        progress: show a progress bar on the error stream.

    Returns:
        What the target holds.

    Raises:
        MissingFileError, DamagedFileError: a source is missing or cannot be read.
        TargetExistsError: the target exists and ``force`` is false.
        InputError: there is no source, one is not compressed, or they do not match.

    Example:
        >>> import atlasae, os, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> part, whole = (os.path.join(folder, name) for name in ("part.root", "whole.root"))
        >>> codec = atlasae.Codec.bounded(tolerance=1e-3)
        >>> codec = codec.fit(atlasae.read_jets(atlasae.sample(), entry_stop=300))
        >>> contents = atlasae.compress(atlasae.sample(), part, codec=codec)
        >>> merge([part, part], whole).entries
        {'Events': 40000}
    """
    check_step_size(step_size)
    if isinstance(sources, (str, os.PathLike)):
        raise InputError(f"sources must be a list of files, not the one {os.fspath(sources)!r}")
    if not sources:
        raise InputError("no files to merge")
    digests = list(map(_digest, sources))  # before the target: they may be swapped
    with atomic_write(target, force=force, sources=sources) as unfinished:
        with open_root(sources[0]) as file:
            compression, stamp = compression_like(file), Stamp.of(file, " ".join(digests))
        with new_file(unfinished, compression, stamp) as out:
            merged = _MergedFile(out, step_size)
            with progress_bar("files", shown=progress) as bar:
                task = bar.add_task("merging", total=len(sources))
                for source in sources:
                    _logger.info("adding %s", printable(os.fspath(source)))
                    with open_root(source) as file, located(os.fspath(source)):
                        merged.add(file)
                    bar.update(task, advance=1)
            merged.finish()
    return info(target)


def _digest(source: PathLike) -> str:
    """The digest of a file, which has to be compressed."""
    with open_as(source, compressed=True) as file:
        return source_digest(file)


@dataclass
class _MergedFile:
    """The file being written, to which the sources are added."""

    out: Any
    step_size: str | int
    shapes: dict[str, dict[str, str]] = field(default_factory=dict)
    first: str = ""
    written_trees: dict[str, TreeWriter] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)
    manifests: list[Manifest] = field(default_factory=list)
    codecs: dict[bytes, None] = field(default_factory=dict)

    def add(self, file: Any) -> None:
        """Append what an open source holds."""
        trees = CompressedTrees(file)
        list(trees.container.codecs.values())  # raises if one cannot be restored
        raw = {path: trees.raw(path) for path in trees}
        objects, unwritable = objects_in(file)
        check_writable(plan_copy(raw), unwritable, drop=False)
        shapes = {path: _shape(raw[path], trees[path]) for path in trees}
        if not self.first:
            self.first, self.shapes = file.file_path, shapes
        self._check_match(shapes)
        existing = self.out.keys(cycle=False)
        for path in directories_in(file):
            if path not in existing and path not in RESERVED:
                self.out.mkdir(path)
        if BLOCKS in file:
            raw[BLOCKS] = Trees(file)[BLOCKS]
        for path, tree in raw.items():
            self._append(path, tree)
        for path, item in objects.items():
            if path not in self.objects:
                self.objects[path] = item
            elif not isinstance(item, str):
                with located(f"histogram {path!r}"):
                    add_histogram(self.objects[path], item)
        self.manifests += trees.container.manifests
        self.codecs |= dict.fromkeys(stored_codecs(file))

    def finish(self) -> None:
        """Complete the trees, and write the objects, manifests and codecs."""
        for tree in self.written_trees.values():
            tree.finish()
        for path, item in self.objects.items():
            self.out[path] = item
        write_container(self.out, self.manifests, self.codecs)

    def _check_match(self, shapes: dict[str, dict[str, str]]) -> None:
        if shapes.keys() != self.shapes.keys():
            both = [", ".join(paths) or "none" for paths in (shapes, self.shapes)]
            raise InputError(f"the trees are {both[0]}, those of {self.first} are {both[1]}")
        for path, shape in shapes.items():
            for name in shape | self.shapes[path]:
                here, there = shape.get(name), self.shapes[path].get(name)
                if here != there:
                    raise InputError(
                        f"tree {path!r} does not match that of {self.first}:"
                        f" {name} is {here or 'missing'} here and {there or 'missing'} there"
                    )

    def _append(self, path: str, tree: TreeReader) -> None:
        if path not in self.written_trees:
            branches = tree.schema.branches
            self.written_trees[path] = make_tree(
                self.out, tree.kind, path, tree.title, branches, tree.metadata
            )
        for _, arrays in tree.iterate(tree.schema.names, self.step_size):
            self.written_trees[path].extend(arrays)


def _shape(raw: TreeReader, restored: TreeReader) -> dict[str, str]:
    """What must be equal in trees that are merged: as stored, and as restored."""
    shape = {"it": "compressed" if restored is not raw else "not compressed"}
    for tree, what in ((raw, "stored"), (restored, "restored")):
        shape[f"it, {what},"] = tree.kind
        for branch in tree.schema.branches:
            counter = f", counted by {branch.counter}" if branch.counter else ""
            shape[f"branch {branch.name}, {what},"] = f"{branch.type}{counter}"
    return shape
