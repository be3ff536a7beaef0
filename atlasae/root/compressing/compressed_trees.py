"""Writes the trees of a compressed file: kept branches, latents and blocks, and their manifests."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import uproot

from atlasae import __version__
from atlasae.errors import (
    InputError,
    located,
)
from atlasae.progress import progress_bar
from atlasae.root.compressing.copied_by_root import LeftToRoot, is_copied
from atlasae.root.container.block_tree import BlockTreeWriter
from atlasae.root.container.codec_writers import codec_writer
from atlasae.root.container.identity import tree_identity
from atlasae.root.container.manifest import REORDERED, Manifest, add_notes, notes_of
from atlasae.root.container.part_writers import ColumnWriter, PartWriter
from atlasae.root.container.restored_tree import READ_BY_ROOT
from atlasae.root.container.stored_branches import ClusterWriter
from atlasae.root.fitting.codec_fitting import TreeCodecs
from atlasae.root.io.file import make_tree
from atlasae.root.io.mark import PLACEHOLDER, marked
from atlasae.root.io.objects import directories_in
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from atlasae.root.compressing.job import Job
    from atlasae.root.container.manifest import Cluster
    from atlasae.root.io.branch import BranchInfo
    from atlasae.root.io.tree import TreeWriter
    from atlasae.root.planning.plan import TreePlan
    from atlasae.types import PathLike

_logger = logging.getLogger(__name__)


def write_trees(
    file: Any,
    out: Any,
    plans: Sequence[TreePlan],
    coded: Sequence[TreeCodecs],
    digest: str,
    job: Job,
) -> list[Manifest]:
    """Write all directories, trees and blocks; gives a manifest for each tree."""
    for path in directories_in(file):
        out.mkdir(path)
    written = []
    with BlockTreeWriter(out, job.threads) as blocks:
        for plan, codecs in zip(plans, coded, strict=True):
            source = plan.source
            _logger.info(
                "writing %s: %s entries", printable(source.path), f"{source.num_entries:,}"
            )
            identity = tree_identity(digest, job.digest, source.path)
            writers = _part_writers(plan, codecs, blocks, identity)
            clusters = _write_tree(plan, writers, out, job.step_size, job.progress)
            for writer in writers:
                writer.finish()
            written.append((plan, identity, writers, clusters))
    manifests = [_manifest(file, digest, *of_tree) for of_tree in written]
    for manifest, codecs in zip(manifests, coded, strict=True):
        for note in codecs.notes:
            add_notes(manifest.changed, {manifest.tree: note})
        if any(one.codec.reorders for one in codecs.collections):
            add_notes(manifest.changed, {manifest.tree: REORDERED})
    return manifests


def write_alone(path: PathLike, step_size: str | int, plan: TreePlan) -> None:
    """Write a tree that no codec takes into a file of its own."""
    with uproot.recreate(path) as out, BlockTreeWriter(out, threads=1) as blocks:
        _write_tree(
            plan,
            _part_writers(plan, TreeCodecs.packing(plan), blocks, ""),
            out,
            step_size,
            progress=False,
        )


def _part_writers(
    plan: TreePlan,
    codecs: TreeCodecs,
    blocks: BlockTreeWriter,
    identity: str,
) -> list[PartWriter]:
    coded = codecs.collections
    if sum(c.codec.reorders for c in coded) > 1:
        raise InputError(
            "--order free (order='free') is possible for one collection of a tree, not for several"
        )
    schema = plan.source.schema
    writers = [codec_writer(c.codec, c.collection, schema, blocks, identity) for c in coded]
    if codecs.packed:
        writers.append(ColumnWriter(codecs.packed, codecs.model, blocks, identity))
    return writers


def _write_tree(
    plan: TreePlan,
    writers: Sequence[PartWriter],
    out: Any,
    step_size: str | int,
    progress: bool,
) -> tuple[Cluster, ...]:
    """Write a tree; gives the checksums of its branches."""
    source = plan.source
    branches = _branches_to_write(plan, writers)
    tree: TreeWriter
    if is_copied(plan, [name for writer in writers for name in writer.taken]):
        tree = LeftToRoot(writers)
    else:
        title = marked(source.title) if writers or not branches else source.title
        columns = branches or [PLACEHOLDER]
        tree = make_tree(out, plan.kind, source.path, title, columns, source.metadata)
    latents = [branch.name for writer in writers for branch in writer.branches]
    kept = [branch.name for branch in branches if branch.name not in latents]
    clusters = ClusterWriter([*kept, *latents])
    names = [branch.name for branch in plan.branches]
    with progress_bar("entries", shown=progress) as bar, located(f"tree {source.path!r}"):
        task = bar.add_task(f"compressing {source.path}", total=source.num_entries)
        chunks = source.iterate(names, step_size) if names else [(0, {})]  # all are left out
        for start, chunk in chunks:
            entries = len(next(iter(chunk.values()))) if chunk else source.num_entries
            arrays = chunk
            for writer in writers:
                arrays = writer.add(arrays)
            tree.extend({PLACEHOLDER.name: np.zeros(entries, np.uint8), **arrays})
            clusters.add(arrays)
            bar.update(task, completed=start + entries)
            _logger.debug("%s: wrote %s entries", printable(source.path), f"{start + entries:,}")
            del chunk, arrays  # before the next ones are read
    tree.finish()
    return clusters.finish()


def _branches_to_write(plan: TreePlan, writers: Sequence[PartWriter]) -> list[BranchInfo]:
    """The branches of the written tree; latents come where the first branch they replace was."""
    branches: list[BranchInfo] = []
    waiting = list(writers)
    for branch in plan.branches:
        owner = next((writer for writer in writers if branch.name in writer.taken), None)
        if owner is None:
            branches.append(branch)
        elif owner in waiting:
            branches += owner.branches
            waiting.remove(owner)
    return branches


def _manifest(
    file: Any,
    digest: str,
    plan: TreePlan,
    identity: str,
    writers: Sequence[PartWriter],
    clusters: tuple[Cluster, ...],
) -> Manifest:
    source = plan.source
    dropped = dict.fromkeys(plan.dropped, "left out as requested")
    return Manifest(
        tree=source.path,
        title=source.title,
        kind=source.kind,
        entries=source.num_entries,
        identity=identity,
        branches=plan.branches,
        parts=tuple(writer.part() for writer in writers),
        clusters=clusters,
        changed=_changes(plan, {name for writer in writers for name in writer.taken}),
        left_out=notes_of(source.path, dropped),
        source=Path(file.file_path).name,
        source_bytes=int(file.file.source.num_bytes),
        source_digest=digest,
        version=__version__,
        metadata=source.metadata,
    )


def _changes(plan: TreePlan, taken: Collection[str]) -> dict[str, str]:
    """What changes other than values, of a tree and its branches."""
    copied = is_copied(plan, taken)
    changes = {
        name: note
        for name, note in plan.changes().items()
        if not copied or name in taken  # ROOT changes nothing
    }
    changed = notes_of(plan.source.path, changes)
    add_notes(changed, notes_of(plan.source.path, plan.packed_only))
    if copied:
        unread = dict.fromkeys(plan.source.schema.left_out.keys() - {*plan.dropped}, READ_BY_ROOT)
        add_notes(changed, notes_of(plan.source.path, unread))
    elif lost := plan.source.not_carried():
        add_notes(changed, {plan.source.path: f"without its {', '.join(lost)}"})
    return changed
