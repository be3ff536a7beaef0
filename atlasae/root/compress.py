"""Write a compressed copy of a ROOT file."""

from __future__ import annotations

import logging
import os
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import uproot

from atlasae.atomic_write import atomic_write
from atlasae.errors import (
    DamagedFileError,
    InputError,
    LargerTargetError,
    located,
)
from atlasae.progress import progress_bar
from atlasae.root.check import check
from atlasae.root.codec_fitting import TreeCodecs
from atlasae.root.container.block_tree import BlockTreeWriter
from atlasae.root.container.container import compression_like, open_as, write_container
from atlasae.root.container.manifest import REORDERED, Manifest, add_notes, notes_of
from atlasae.root.container.part_writers import ColumnWriter, PartWriter, codec_writer
from atlasae.root.container.stored_branches import ClusterWriter
from atlasae.root.given_codecs import codecs_for
from atlasae.root.identity import source_digest, tree_identity
from atlasae.root.info import Contents, info
from atlasae.root.io.file import Trees, make_tree, older_cycles, title_of
from atlasae.root.io.mark import PLACEHOLDER, marked
from atlasae.root.io.new_file import new_file
from atlasae.root.io.objects import directories_in, objects_in
from atlasae.root.io.stamp import Stamp
from atlasae.root.io.tree import STEP_SIZE
from atlasae.root.job import Job
from atlasae.root.plan import TreePlan, check_writable, plan_trees
from atlasae.root.trial import leave_out_failing, may_be_of_a_branch
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.codecs import Codec
    from atlasae.root.container.manifest import Cluster
    from atlasae.root.file_codecs import FileCodecs
    from atlasae.root.io.branch import BranchInfo
    from atlasae.root.plan import Selection
    from atlasae.types import PathLike

_logger = logging.getLogger(__name__)


def compress(
    source: PathLike,
    target: PathLike,
    *,
    codec: Codec | FileCodecs | PathLike | None = None,
    select: Selection | None = None,
    pack: str = "all",
    to: str = "same",
    drop_unwritable: bool = False,
    verify: bool = False,
    step_size: str | int = STEP_SIZE,
    threads: int | None = None,
    force: bool = False,
    allow_larger: bool = False,
    progress: bool = False,
) -> Contents:
    """Write a compressed copy of a ROOT file.

    The momenta of its collections are coded within a tolerance, all other branches are packed
    without loss. What is coded is stored in a tree of its own; the latents of an autoencoder
    replace the branches of the jets. Histograms and other objects are copied.

    Args:
        source: the ROOT file to read.
        target: the ROOT file to write; it appears only when it is complete.
        codec: an unfitted codec, a copy of which is fitted to each collection; by default
            ``Codec.bounded()``, with tolerance 1e-3; give ``Codec.bounded(tolerance="lossless")``
            to keep every bit. Or what was fitted before, so that nothing is trained: ``FileCodecs``
            or the path of saved ones or of a compressed file, where each collection takes the codec
            that was made for it; or a fitted codec or the path of a saved one. That one, an
            autoencoder, or one with ``features`` is used for one collection: its own if that is
            known, else the selected one, else ``Jet``, else the first.
        select: which trees, collections and branches to compress; by default all collections
            with a momentum.
        pack: ``all`` to pack all other branches, column by column and without loss, or ``none`` to
            copy them, so that plain ROOT reads them: then they do not shrink, and uproot may need
            more bytes for them than the source has.
        to: ``ttree``, ``rntuple``, or the ``same`` as each tree of the source.
        drop_unwritable: leave out what cannot be read or written, instead of an error.
        verify: compare the target with the source, as ``check`` does, before it appears.
        step_size: how much is read at a time: a number of entries, or a size such as ``100 MB``.
        threads: how many code blocks at a time; by default one for each core, fewer where there is
            little memory. What is written does not depend on it.
        force: overwrite an existing target.
        allow_larger: leave a target that is larger than its source, instead of an error.
        progress: show progress bars on the error stream.

    Returns:
        What the target holds, sizes, and notes on every change and omission.

    Raises:
        MissingFileError: there is no such source.
        DamagedFileError: it cannot be read, or what was written does not agree with it.
        TargetExistsError: the target exists and ``force`` is false.
        LargerTargetError: the target would be larger than its source; nothing is left of it.
        MissingNameError: there is no such tree, collection, branch or feature.
        InputError: there is nothing to compress, the codec cannot encode the jets, something
            cannot be written, or there are fewer threads than one.

    Example:
        >>> import atlasae, os, tempfile
        >>> source, target = atlasae.sample(), os.path.join(tempfile.mkdtemp(), "small.root")
        >>> codec = atlasae.Codec.bounded(tolerance=1e-3)
        >>> codec = codec.fit(atlasae.read_jets(source, entry_stop=300))
        >>> contents = atlasae.compress(source, target, codec=codec)
        >>> [part.name or "other branches" for part in contents.parts]
        ['Jet', 'other branches']
    """
    job = Job.checked(codec, select, pack, to, drop_unwritable, step_size, threads, progress)
    return compress_file(
        source,
        target,
        job,
        read=[codec] if isinstance(codec, str | os.PathLike) else [],
        verify=verify,
        force=force,
        allow_larger=allow_larger,
    )


def compress_file(
    source: PathLike,
    target: PathLike,
    job: Job,
    *,
    read: Sequence[PathLike],
    verify: bool,
    force: bool,
    allow_larger: bool,
) -> Contents:
    """Compress a file, as ``compress`` does.

    Args:
        source: the ROOT file to read.
        target: the ROOT file to write.
        job: how to compress it.
        read: other files that were read for it, and must not be overwritten.
        verify: compare the target with the source before it appears.
        force: overwrite an existing target.
        allow_larger: leave a target that is larger than its source.
    """
    if verify:
        require_comparable(job)
    with (
        open_as(source, compressed=False) as file,  # before the target: they may be swapped
        atomic_write(target, force=force, sources=[source, *read]) as unfinished,
        located(os.fspath(source)),
    ):
        write_compressed(file, Trees(file), unfinished, job)
        if verify:
            _verify(source, unfinished, job.step_size, job.threads)
        if not allow_larger:
            _check_size(unfinished, target, int(file.file.source.num_bytes), job.pack)
    return info(target)


def require_comparable(job: Job) -> None:
    """Raise InputError if what is written cannot be compared with its source."""
    if job.template.reorders:
        raise InputError(
            "--verify (verify=True) cannot compare files with --order free (order='free'), which"
            " moves entries"
        )


def write_compressed(file: Any, trees: Trees, path: PathLike, job: Job) -> None:
    """Write a compressed copy of an open file.

    Args:
        file: as ``open_as`` gives it.
        trees: all of it, or a sample of the entries of each.
        path: of the file to write.
        job: how to compress it.
    """
    objects, unwritable = objects_in(file)
    unwritable |= _unreadable_trees(trees, drop=job.drop_unwritable)
    older = dict.fromkeys(older_cycles(file), "an older cycle")
    digest = source_digest(file)
    stamp = Stamp.of(file, digest + job.digest)
    while True:  # until no branch makes it fail
        plans = plan_trees(trees, job.select, pack=job.pack, to=job.to)
        left_out = older | check_writable(plans, unwritable, drop=job.drop_unwritable)
        try:
            coded = codecs_for(plans, job.template, job.shared_rows, progress=job.progress)
            with new_file(path, compression_like(file), stamp) as out:
                manifests = _write_trees(file, out, plans, coded, digest, job)
                for name, item in objects.items():
                    out[name] = item
                if title := title_of(file):
                    left_out["the title of the file"] = f"{title!r}, which uproot cannot write"
                manifests[0].left_out.update(left_out)
                stored = job.stored(chain(*(tree.stored for tree in coded)))
                write_container(out, manifests, stored)
            break
        except Exception as error:  # uproot raises anything
            write = partial(_write_alone, path, job.step_size)
            may_go_on = may_be_of_a_branch(error)
            if not (may_go_on and leave_out_failing(plans, write, progress=job.progress)):
                raise
            check_writable(plans, {}, drop=job.drop_unwritable)


def _unreadable_trees(trees: Trees, *, drop: bool) -> dict[str, str]:
    """Leave out the trees that cannot be read; gives the reasons by path.

    Raises:
        InputError: there are any and they are not to be dropped, or there is no other.
    """
    reasons = check_writable([], trees.leave_out_unreadable(trees), drop=drop)
    if reasons and not trees:
        listed = "; ".join(f"{path}: {why}" for path, why in reasons.items())
        raise InputError(f"there is no tree that can be read: {listed}")
    return reasons


def _verify(source: PathLike, written: PathLike, step_size: str | int, threads: int) -> None:
    _logger.info("comparing what was written with %s", printable(os.fspath(source)))
    bad = check(source, written, step_size=step_size, threads=threads).bad
    if bad:
        named = ", ".join(f"{f.path}:{f.name} {f.verdict}" for f in bad)
        raise DamagedFileError(f"{os.fspath(source)}: what was written does not agree: {named}")


def _check_size(written: PathLike, target: PathLike, source_bytes: int, pack: str) -> None:
    """Raise LargerTargetError if what was written is larger than its source."""
    size = Path(written).stat().st_size
    if size > source_bytes:
        packing = "--pack all (pack='all') packs the kept branches, " if pack == "none" else ""
        raise LargerTargetError(
            f"{os.fspath(target)} would take {size:,} bytes, its source takes {source_bytes:,}:"
            f" {packing}--allow-larger (allow_larger=True) writes it all the same"
        )


def _write_trees(
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
    manifests = []
    with BlockTreeWriter(out, job.threads) as blocks:
        for plan, codecs in zip(plans, coded, strict=True):
            source = plan.source
            _logger.info(
                "writing %s: %s entries", printable(source.path), f"{source.num_entries:,}"
            )
            identity = tree_identity(digest, job.digest, source.path)
            writers = _part_writers(plan, codecs, blocks, identity)
            clusters = _write_tree(plan, writers, out, job.step_size, job.progress)
            manifest = _manifest(file, plan, identity, writers, clusters)
            for note in codecs.notes:
                add_notes(manifest.changed, {source.path: note})
            if any(one.codec.reorders for one in codecs.collections):
                add_notes(manifest.changed, {source.path: REORDERED})
            manifests.append(manifest)
    return manifests


def _write_alone(path: PathLike, step_size: str | int, plan: TreePlan) -> None:
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
    title = marked(source.title) if writers or not branches else source.title
    tree = make_tree(out, plan.kind, source.path, title, branches or [PLACEHOLDER], source.metadata)
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
        parts=tuple(writer.finish() for writer in writers),
        clusters=clusters,
        changed=_changes(plan),
        left_out=notes_of(source.path, dropped),
        source=Path(file.file_path).name,
        source_bytes=int(file.file.source.num_bytes),
        metadata=source.metadata,
    )


def _changes(plan: TreePlan) -> dict[str, str]:
    """What changes other than values, of a tree and its branches."""
    changed = notes_of(plan.source.path, plan.changes())
    add_notes(changed, notes_of(plan.source.path, plan.packed_only))
    if lost := plan.source.not_carried():
        add_notes(changed, {plan.source.path: f"without its {', '.join(lost)}"})
    return changed
