"""What a compressed file holds, and what each part of it costs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlasae.errors import DamagedFileError
from atlasae.root.container.container import (
    RESERVED,
    Container,
    codec_bytes,
    read_container,
)
from atlasae.root.io.file import Trees, open_root

if TYPE_CHECKING:
    from atlasae.types import PathLike

PACKED = "packed"  # stands for the codec of columns that went through none


@dataclass(frozen=True)
class PartSize:
    """What was compressed together.

    Attributes:
        tree: path of the tree.
        name: of the collection, or what the branches have in common.
        codec: the call that makes the codec; ``packed`` for columns packed without one.
        jets: how many there are; 0 for columns.
        before: compressed bytes by branch, in the source.
        after: bytes of the latents or blocks that stand for them.
    """

    tree: str
    name: str
    codec: str
    jets: int
    before: dict[str, int]
    after: int


@dataclass(frozen=True)
class BranchSize:
    """A branch that stands in the file as it was: compressed bytes before and after."""

    tree: str
    name: str
    before: int
    after: int


@dataclass(frozen=True)
class Contents:
    """A compressed file.

    Attributes:
        path: of the file.
        source: name of the file it was made of.
        entries: of each tree, by path.
        parts: what was compressed.
        kept: the branches that were not.
        codec_bytes: what the codecs and manifests take.
        source_bytes: size of the source file.
        file_bytes: size of the file.
        changed: path or ``path:branch`` to what became different though no value did.
        left_out: path or ``path:branch`` to why it was not carried over.
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

    @property
    def ratio(self) -> float:
        """Source size over file size: what the user really gets, codecs included."""
        return self.source_bytes / self.file_bytes


def info(path: PathLike) -> Contents:
    """Look into a file that ``compress`` wrote.

    Raises:
        MissingFileError, DamagedFileError: it is missing or not readable.
        InputError: it was not compressed by atlasae.
    """
    with open_root(path) as file:
        container = read_container(file)
        trees = Trees(file, RESERVED)
        manifests = container.manifests
        # each of several files merged has a segment of every tree
        sizes = [
            sum(r.manifest.source_bytes for r in segments)
            for segments in container.segments.values()
        ]
        source_bytes = max(sizes, default=0)
        parts: dict[tuple[str, str, str], PartSize] = {}
        kept: list[BranchSize] = []
        for tree, segments in container.segments.items():
            after = {branch.name: branch.source_bytes for branch in trees[tree].schema.branches}
            before: dict[str, int] = {}
            for segment in segments:
                for branch in segment.manifest.branches:
                    before[branch.name] = before.get(branch.name, 0) + branch.source_bytes
            for part in _parts(container, tree, after):
                key = part.tree, part.name, part.codec
                parts[key] = _added(parts[key], part) if key in parts else part
            kept += [
                BranchSize(tree, branch.name, before[branch.name], after.get(branch.name, 0))
                for branch in segments[0].manifest.kept
            ]
        return Contents(
            path=os.fspath(path),
            source=", ".join(dict.fromkeys(manifest.source for manifest in manifests)),
            entries={tree: segments[-1].stop for tree, segments in container.segments.items()},
            parts=tuple(parts.values()),
            kept=tuple(kept),
            codec_bytes=codec_bytes(file),
            source_bytes=source_bytes,
            file_bytes=int(file.file.source.num_bytes),
            changed={k: v for manifest in manifests for k, v in manifest.changed.items()},
            left_out={k: v for manifest in manifests for k, v in manifest.left_out.items()},
        )


def _parts(container: Container, tree: str, after: dict[str, int]) -> list[PartSize]:
    """The parts of every segment of a tree; latents, which the segments share, count in the first."""
    found = []
    for i, segment in enumerate(container.segments[tree]):
        before = {branch.name: branch.source_bytes for branch in segment.manifest.branches}
        for part in segment.manifest.parts:
            if missing := set(part.latents) - after.keys():
                raise DamagedFileError(f"tree {tree!r} has no branches {', '.join(missing)}")
            size = sum(after[name] for name in part.latents) if i == 0 else 0
            if not part.latents and container.blocks is not None:
                size = sum(container.blocks.size(number) for number in segment.blocks[part.number])
            codec = container.codecs[part.codec].call if part.codec else PACKED
            own = {name: before[name] for name in part.features.values()}
            found.append(PartSize(tree, part.name, codec, part.jets, own, size))
    return found


def _added(one: PartSize, other: PartSize) -> PartSize:
    before = {
        name: one.before.get(name, 0) + other.before.get(name, 0)
        for name in one.before | other.before
    }
    jets, after = one.jets + other.jets, one.after + other.after
    return PartSize(one.tree, one.name, one.codec, jets, before, after)
