"""What a compressed file holds, and the size of each part."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from atlasae.errors import DamagedFileError
from atlasae.root.container.container import (
    Container,
    codec_bytes,
)
from atlasae.root.container.restored_tree import CompressedTrees
from atlasae.root.inspecting.column_coding import ColumnCoding, column_codings
from atlasae.root.io.file import open_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlasae.types import PathLike

PACKED = "packed"  # in place of a codec, for columns packed without one


@dataclass(frozen=True)
class PartSize:
    """The size of branches that were compressed together.

    Attributes:
        tree: path of the tree.
        name: of the collection, or the prefix that the branches share.
        codec: the call that makes the codec; ``packed`` for columns packed without one.
        jets: number of jets; 0 for columns.
        before: compressed bytes by branch, in the source.
        after: bytes of their latents or blocks.
        tolerances: of the branches that a codec bounds, as ``rel``, ``abs_`` write them.
        quantities: that the codec keeps, as ``atlasae.quantization.quantities`` takes them.
        exact_events: number of entries with values that are exact so that these are kept.
        exact_bytes: that these values take.
    """

    tree: str
    name: str
    codec: str
    jets: int
    before: dict[str, int]
    after: int
    tolerances: dict[str, str] = field(default_factory=dict)
    quantities: tuple[str, ...] = ()
    exact_events: int = 0
    exact_bytes: int = 0


@dataclass(frozen=True)
class BranchSize:
    """The size of a branch that is stored as it was: compressed bytes before and after."""

    tree: str
    name: str
    before: int
    after: int


@dataclass(frozen=True)
class Contents:
    """A compressed file.

    Attributes:
        path: of the file.
        source: name of the file it was compressed from.
        entries: of each tree, by path.
        parts: what was compressed.
        kept: the branches that were not.
        codec_bytes: size of the codecs and manifests.
        source_bytes: size of the source file.
        file_bytes: size of the file.
        changed: path or ``path:branch`` to what changed other than values.
        left_out: path or ``path:branch`` to why it was left out.
        columns: how each column of the packed branches is coded, and given what.
        needs: files of codecs that it shares with others, and cannot be read without.
    """

    path: str
    source: str
    entries: dict[str, int]
    parts: tuple[PartSize, ...]
    kept: tuple[BranchSize, ...]
    codec_bytes: int
    source_bytes: int
    file_bytes: int
    changed: dict[str, str]
    left_out: dict[str, str]
    columns: tuple[ColumnCoding, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def ratio(self) -> float:
        """Source size over file size, codecs included."""
        return self.source_bytes / self.file_bytes


def info(path: PathLike) -> Contents:
    """Describe a file that ``compress`` wrote.

    Raises:
        MissingFileError, DamagedFileError: it is missing or cannot be read.
        InputError: it was not compressed by atlasae.

    Example:
        >>> import atlasae, os, tempfile
        >>> source, path = atlasae.sample(), os.path.join(tempfile.mkdtemp(), "small.root")
        >>> codec = atlasae.Codec.bounded(tolerance=1e-3)
        >>> codec = codec.fit(atlasae.read_jets(source, entry_stop=300))
        >>> contents = atlasae.compress(source, path, codec=codec)
        >>> info(path).entries
        {'Events': 20000}
    """
    with open_root(path) as file:
        trees = CompressedTrees(file)
        container = trees.container
        parts: dict[tuple[str, str, str], PartSize] = {}
        kept: list[BranchSize] = []
        for tree, restored in trees.restored.items():
            schema = restored.stored.schema
            sizes = {branch.name: branch.source_bytes for branch in schema.branches}
            names = restored.stored.written_names(restored.segments[0].manifest.stored)
            stored = {name: sizes[other] for name, other in names.items() if other in sizes}
            kept += _kept_branches(container, tree, stored)
            for part in _parts_of_segments(container, tree, stored):
                key = part.tree, part.name, part.codec
                parts[key] = _add(parts[key], part) if key in parts else part
        manifests = container.manifests
        return Contents(
            path=os.fspath(path),
            source=", ".join(dict.fromkeys(manifest.source for manifest in manifests)),
            entries={tree: of_tree[-1].stop for tree, of_tree in container.segments.items()},
            parts=tuple(parts.values()),
            kept=tuple(kept),
            codec_bytes=codec_bytes(file),
            source_bytes=_source_bytes(container),
            file_bytes=int(file.file.source.num_bytes),
            changed={k: v for manifest in manifests for k, v in manifest.changed.items()},
            left_out={k: v for manifest in manifests for k, v in manifest.left_out.items()},
            columns=tuple(column_codings(container)),
            needs=tuple(shared.name for shared in container.shared),
        )


def _source_bytes(container: Container) -> int:
    """Size of the source; of a merged file that of all its sources, each in a segment per tree."""
    sizes = [
        sum(segment.manifest.source_bytes for segment in of_tree)
        for of_tree in container.segments.values()
    ]
    return max(sizes, default=0)


def _kept_branches(container: Container, tree: str, stored: dict[str, int]) -> list[BranchSize]:
    """The branches of a tree that are stored as they were."""
    segments = container.segments[tree]
    before: dict[str, int] = {}
    for segment in segments:
        for branch in segment.manifest.branches:
            before[branch.name] = before.get(branch.name, 0) + branch.source_bytes
    return [
        BranchSize(tree, branch.name, before[branch.name], stored.get(branch.name, 0))
        for branch in segments[0].manifest.kept
    ]


def _parts_of_segments(
    container: Container, tree: str, stored: dict[str, int]
) -> Iterator[PartSize]:
    """The parts of every segment of a tree; latents, which segments share, count in the first."""
    for i, segment in enumerate(container.segments[tree]):
        before = {branch.name: branch.source_bytes for branch in segment.manifest.branches}
        for part in segment.manifest.parts:
            if missing := set(part.latents) - stored.keys():
                raise DamagedFileError(f"tree {tree!r} has no branches {', '.join(missing)}")
            size = sum(stored[name] for name in part.latents) if i == 0 else 0
            if part.has_blocks and container.blocks is not None:
                size += sum(container.blocks.size(number) for number in segment.blocks[part.number])
            sizes = {name: before[name] for name in part.features.values()}
            if not part.codec:
                yield PartSize(tree, part.name, PACKED, part.jets, sizes, size)
                continue
            codec = container.codec(part)
            bounds = {
                part.features[feature]: repr(bound) for feature, bound in codec.tolerances_.items()
            }
            yield PartSize(
                tree,
                part.name,
                codec.call,
                part.jets,
                sizes,
                size,
                bounds,
                tuple(map(str, codec.quantities_)),
                part.exact_events,
                part.exact_bytes,
            )


def _add(one: PartSize, other: PartSize) -> PartSize:
    before = {
        name: one.before.get(name, 0) + other.before.get(name, 0)
        for name in one.before | other.before
    }
    summed = ("jets", "after", "exact_events", "exact_bytes")
    sums = {name: getattr(one, name) + getattr(other, name) for name in summed}
    return replace(one, before=before, **sums)
