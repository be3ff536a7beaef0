"""What compressing a file would do, and the size that it would have, without doing it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from atlasae.errors import located
from atlasae.root.compressing.compress import write_compressed
from atlasae.root.compressing.job import Job
from atlasae.root.compressing.sampled_trees import SampledTrees
from atlasae.root.container.container import open_as
from atlasae.root.inspecting.info import info
from atlasae.root.io.tree import check_step_size
from atlasae.root.known_layouts import find_collections

if TYPE_CHECKING:
    from atlasae.codecs import Codec
    from atlasae.root.fitting.file_codecs import FileCodecs
    from atlasae.root.inspecting.info import Contents
    from atlasae.root.planning.plan import Selection
    from atlasae.types import PathLike

SAMPLE = "2 MB"
KEPT = "kept"
_BASKET_BYTES = 80  # that are not values: each kept branch of a sample has one basket


@dataclass(frozen=True)
class PlannedPart:
    """Branches that would be compressed together, or one that would be kept.

    Attributes:
        tree: path of the tree.
        name: of the collection, the prefix that the branches share, or the branch.
        how: the call that makes the codec, ``packed``, or ``kept``.
        branches: names of the branches.
        before: their compressed bytes in the source; 0 if the source does not say.
        expected: their bytes in the target, about; codecs are not included.
        tolerances: of the branches that a codec bounds, as ``rel``, ``abs_`` write them.
    """

    tree: str
    name: str
    how: str
    branches: tuple[str, ...]
    before: int
    expected: int
    tolerances: dict[str, str]


@dataclass(frozen=True)
class Plan:
    """What compressing a file would do.

    Attributes:
        source: path of the file.
        source_bytes: its size.
        expected_bytes: size of the target, about.
        entries: of each tree, by path.
        sampled: those that the expectation comes from.
        found: names of the collections with a momentum, by path of the tree.
        parts: what would become of the branches.
        changed: path or ``path:branch`` to what would change other than values.
        left_out: path or ``path:branch`` to why it would be left out.
    """

    source: str
    source_bytes: int
    expected_bytes: int
    entries: dict[str, int]
    sampled: dict[str, int]
    found: dict[str, tuple[str, ...]]
    parts: tuple[PlannedPart, ...]
    changed: dict[str, str]
    left_out: dict[str, str]

    @property
    def ratio(self) -> float:
        """Source size over the expected size."""
        return self.source_bytes / self.expected_bytes


def plan(
    source: PathLike,
    *,
    codec: Codec | FileCodecs | PathLike | None = None,
    select: Selection | None = None,
    pack: str = "all",
    to: str = "same",
    drop_unwritable: bool = False,
    sample: str | int = SAMPLE,
    threads: int | None = None,
    progress: bool = False,
) -> Plan:
    """Say what ``compress`` would do with a file.

    A sample of the entries is compressed as ``compress`` would, and its parts are scaled to all
    entries. Nothing is left of it.

    Args:
        source: the ROOT file to read.
        codec: as for ``compress``, like the arguments up to ``drop_unwritable``.
        select: which trees, collections and branches to compress.
        pack: ``all`` to pack all other branches, or ``none``.
        to: ``ttree``, ``rntuple``, or the ``same`` as each tree of the source.
        drop_unwritable: leave out what cannot be read or written, instead of an error.
        sample: how much of each tree to compress: a number of entries, or a size such as ``2 MB``.
        threads: how many code blocks at a time; by default one for each core, fewer where there is
            little memory.
        progress: show progress bars on the error stream.

    Raises:
        MissingFileError, DamagedFileError: there is no such source, or it cannot be read.
        MissingNameError: there is no such tree, collection, branch or feature.
        InputError: ``compress`` would raise it too.

    Example:
        >>> import atlasae
        >>> planned = atlasae.plan(atlasae.sample(), sample=2000)
        >>> [part.name for part in planned.parts]
        ['Jet', '']
        >>> planned.expected_bytes < planned.source_bytes
        True
    """
    check_step_size(sample)
    job = Job.checked(codec, select, pack, to, drop_unwritable, sample, threads, progress)
    with (
        TemporaryDirectory(prefix="atlasae-plan-") as folder,
        open_as(source, compressed=False) as file,
        located(os.fspath(source)),
    ):
        trees = SampledTrees(file, sample)
        written = Path(folder) / "sample.root"
        write_compressed(file, trees, written, job)
        contents = info(written)
        entries = {path: tree.represented_entries for path, tree in trees.items()}
        sampled = {path: tree.num_entries for path, tree in trees.items()}
        found = {path: tuple(find_collections(tree.schema)) for path, tree in trees.items()}
    parts = _parts(contents)
    scaled = tuple(_scaled(part, entries[part.tree], sampled[part.tree]) for part in parts)
    fixed = contents.file_bytes - sum(part.expected for part in parts)  # descriptions, codecs
    return Plan(
        source=os.fspath(source),
        source_bytes=contents.source_bytes,
        expected_bytes=fixed + sum(part.expected for part in scaled),
        entries=entries,
        sampled=sampled,
        found=found,
        parts=scaled,
        changed=contents.changed,
        left_out=contents.left_out,
    )


def _parts(contents: Contents) -> list[PlannedPart]:
    """What became of the branches of a sample."""
    parts = [
        PlannedPart(
            part.tree,
            part.name,
            part.codec,
            tuple(part.before),
            sum(part.before.values()),
            part.after,
            part.tolerances,
        )
        for part in contents.parts
    ]
    return parts + [
        PlannedPart(branch.tree, branch.name, KEPT, (branch.name,), branch.before, branch.after, {})
        for branch in contents.kept
    ]


def _scaled(part: PlannedPart, entries: int, sampled: int) -> PlannedPart:
    """A part of a sample, with the size that it has with all entries."""
    fixed = min(_BASKET_BYTES, part.expected) if part.how == KEPT else 0
    scaled = (part.expected - fixed) * entries / max(sampled, 1)
    return replace(part, expected=fixed + round(scaled))
