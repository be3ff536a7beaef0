"""Write a compressed copy of a ROOT file."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import uproot

from atlasae.atomic_write import atomic_write, require_different_files
from atlasae.codecs.autoencoder.codec import AutoencoderCodec
from atlasae.codecs.base import Codec
from atlasae.codecs.bounded.codec import BoundedCodec
from atlasae.errors import DamagedFileError, InputError, located, require_choice
from atlasae.progress import progress_bar
from atlasae.root.check import check
from atlasae.root.codec_fitting import Coding, fit_codecs, narrow_to_one
from atlasae.root.container.block_tree import BlockTreeWriter
from atlasae.root.container.container import (
    compression_like,
    is_compressed,
    write_container,
)
from atlasae.root.container.manifest import Manifest, notes_of
from atlasae.root.container.part_writers import (
    BlockWriter,
    ColumnWriter,
    LatentWriter,
    PartWriter,
)
from atlasae.root.info import Contents, info
from atlasae.root.io.branch import BranchInfo
from atlasae.root.io.file import Trees, make_tree, older_cycles, open_root
from atlasae.root.io.objects import directories_in, objects_in
from atlasae.root.io.tree import STEP_SIZE, check_step_size
from atlasae.root.plan import PACKS, TARGETS, Selection, TreePlan, check_writable, plan_trees

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlasae.types import PathLike

# a tree needs a branch: stands where every branch of it is compressed
_PLACEHOLDER = BranchInfo("atlasae_placeholder", "uint8")
REORDERED = "its entries are in another order, as asked"


def compress(
    source: PathLike,
    target: PathLike,
    *,
    codec: Codec | PathLike | None = None,
    tree: str | None = None,
    collection: str | Sequence[str] = (),
    branches: str | Sequence[str] = "*",
    keep: str | Sequence[str] = (),
    drop: str | Sequence[str] = (),
    all_floats: bool = False,
    pack: str = "none",
    to: str = "same",
    drop_unwritable: bool = False,
    verify: bool = False,
    step_size: str | int = STEP_SIZE,
    force: bool = False,
    progress: bool = False,
) -> Contents:
    """Write a copy of a ROOT file with its collections compressed.

    A bounded codec's blocks stand in a tree beside; an autoencoder's latents take the place of
    the branches they stand for. Everything else comes along as it is, or packed.

    Args:
        source: the ROOT file to read.
        target: the ROOT file to write; it appears when it is complete.
        codec: a trained codec or the file of one; or an untrained codec, of which one is fitted
            for each collection; by default ``Codec.bounded()``, within 1e-3, or with
            ``pack="all"`` a lossless one. A trained codec, an autoencoder, or one with features of
            its own goes to one collection, ``Jet`` or the first, where none is named.
        tree: path of the one tree to compress; by default all with collections.
        collection: name or names; by default all with a momentum.
        branches: patterns, such as ``Jet_*``, of the branches that may be compressed.
        keep: patterns of branches to keep as they are.
        drop: patterns of branches to leave out.
        all_floats: compress all float branches of a collection, not the momentum alone.
        pack: ``all`` to pack all other branches too, column by column and without loss.
        to: ``ttree``, ``rntuple``, or the ``same`` as each tree of the source.
        drop_unwritable: leave out what cannot be written, rather than stop.
        verify: compare the target with the source, as ``check`` does, before it appears.
        step_size: how much is read at a time, as uproot takes it.
        force: overwrite an existing target.
        progress: show progress bars on the error stream.

    Returns:
        What the target holds, sizes and notes on what changed.

    Raises:
        MissingFileError: the source is missing.
        DamagedFileError: it is not readable, or what was written does not agree with it.
        TargetExistsError: the target is there and ``force`` is false.
        MissingNameError: no such tree, collection, branch or feature.
        InputError: there is nothing to compress, jets the codec cannot take, or something that
            cannot be written.
    """
    check_step_size(step_size)
    require_different_files(source, target)
    require_choice("pack", pack, PACKS)
    require_choice("target", to, TARGETS)
    ready = Codec.load(codec) if isinstance(codec, (str, os.PathLike)) else codec
    if ready is None:
        ready = Codec.bounded(tolerance="lossless") if pack == "all" else Codec.bounded()
    if verify and ready.reorders:
        raise InputError("entries whose order is free cannot be compared with the source's")
    names = _several(collection)
    selection = Selection(
        tree, names, _several(branches), _several(keep), _several(drop), all_floats, pack, to
    )
    with (
        open_root(source) as file,
        atomic_write(target, force=force) as beside,
        located(os.fspath(source)),
    ):
        if is_compressed(file):
            raise InputError("compressed by atlasae already")
        schemes = plan_trees(Trees(file), selection)
        single = not isinstance(ready, BoundedCodec) or ready.is_fitted or ready.features
        if single and not names:
            narrow_to_one(schemes)
        objects, refused = objects_in(file)
        left_out = dict.fromkeys(older_cycles(file), "an older cycle")
        left_out |= check_writable(schemes, refused, drop=drop_unwritable)
        codings = fit_codecs(schemes, ready, progress=progress)
        with uproot.recreate(beside, compression=compression_like(file)) as out:
            for path in directories_in(file):
                out.mkdir(path)
            blocks, numbers = BlockTreeWriter(out), count()
            manifests: list[Manifest] = []
            for scheme, own in zip(schemes, codings, strict=True):
                writers = _writers(scheme, own, blocks, numbers)
                _write_tree(scheme, writers, out, step_size, progress)
                manifest = _manifest(file, scheme, writers)
                if any(coding.codec.reorders for coding in own):
                    manifest.changed[scheme.source.path] = REORDERED
                manifests.append(manifest)
            blocks.flush()
            for path, item in objects.items():
                out[path] = item
            stored = {c.codec.decoder_bytes(): None for own in codings for c in own}
            write_container(out, _needed(manifests, schemes, left_out), stored)
        if verify:
            _verify(source, beside, step_size)
    return info(target)


def _verify(source: PathLike, written: PathLike, step_size: str | int) -> None:
    bad = check(source, written, step_size=step_size).bad
    if bad:
        named = ", ".join(f"{found.path}:{found.name} {found.verdict}" for found in bad)
        raise DamagedFileError(f"{os.fspath(source)}: what was written does not agree: {named}")


def _needed(
    manifests: Sequence[Manifest], schemes: Sequence[TreePlan], left_out: dict[str, str]
) -> list[Manifest]:
    """The manifests of trees that do not stand as they were, or of one; it has all notes."""
    needed = [
        manifest
        for manifest, scheme in zip(manifests, schemes, strict=True)
        if manifest.parts or not manifest.branches or manifest.kind != scheme.kind
    ] or [manifests[0]]
    rest = [manifest for manifest in manifests if manifest not in needed[1:]]
    changed = {name: note for manifest in rest for name, note in manifest.changed.items()}
    for manifest in rest:
        left_out = left_out | manifest.left_out
    return [replace(needed[0], changed=changed, left_out=left_out), *needed[1:]]


def _several(names: str | Sequence[str]) -> tuple[str, ...]:
    """Names from a list, or from a string with commas."""
    return tuple(filter(None, names.split(","))) if isinstance(names, str) else tuple(names)


def _writers(
    scheme: TreePlan, codings: Sequence[Coding], blocks: BlockTreeWriter, numbers: Iterator[int]
) -> list[PartWriter]:
    """The writers of a tree's parts."""
    if sum(coding.codec.reorders for coding in codings) > 1:
        raise InputError("the order can be left free for one collection of a tree, not for several")
    writers: list[PartWriter] = []
    for coding in codings:
        codec, collection = coding.codec, coding.collection
        if codec.gives_blocks:
            writers.append(BlockWriter(codec, collection, blocks, next(numbers)))
        elif isinstance(codec, AutoencoderCodec):
            writers.append(LatentWriter(codec, collection, scheme.source.plan))
        else:
            raise InputError(f"{codec!r} gives neither latents nor blocks, which files can hold")
    coded = [branch for coding in codings for branch in coding.branches]
    for group, names in scheme.packed(coded).items():
        writers.append(ColumnWriter(group, names, blocks, next(numbers)))
    return writers


def _write_tree(
    scheme: TreePlan,
    writers: Sequence[PartWriter],
    out: Any,
    step_size: str | int,
    progress: bool,
) -> None:
    source = scheme.source
    branches = _in_place(scheme, writers) or [_PLACEHOLDER]
    sink = make_tree(out, scheme.kind, source.path, source.title, branches)
    names = [branch.name for branch in scheme.branches]
    with progress_bar("entries", shown=progress) as bar, located(f"tree {source.path!r}"):
        task = bar.add_task(f"compressing {source.path}", total=source.num_entries)
        chunks = source.iterate(names, step_size) if names else [(0, {})]  # all are left out
        for start, chunk in chunks:
            entries = len(next(iter(chunk.values()))) if chunk else source.num_entries
            arrays = chunk
            for writer in writers:
                arrays = writer.add(arrays)
            sink.extend({_PLACEHOLDER.name: np.zeros(entries, np.uint8), **arrays})
            bar.update(task, completed=start + entries)


def _in_place(scheme: TreePlan, writers: Sequence[PartWriter]) -> list[BranchInfo]:
    """The branches of a tree, with latents where the first of the branches they stand for was."""
    branches: list[BranchInfo] = []
    waiting = list(writers)
    for branch in scheme.branches:
        owner = next((writer for writer in writers if branch.name in writer.taken), None)
        if owner is None:
            branches.append(branch)
        elif owner in waiting:
            branches += owner.branches
            waiting.remove(owner)
    return branches


def _manifest(file: Any, scheme: TreePlan, writers: Sequence[PartWriter]) -> Manifest:
    source = scheme.source
    names = [branch.name for branch in scheme.branches]
    dropped = dict.fromkeys(scheme.dropped, "left out as asked")
    return Manifest(
        tree=source.path,
        kind=source.kind,
        entries=source.num_entries,
        branches=scheme.branches,
        parts=tuple(writer.finish() for writer in writers),
        changed=notes_of(source.path, source.plan.changes(scheme.kind, names)),
        left_out=notes_of(source.path, dropped),
        source=Path(file.file_path).name,
        source_bytes=int(file.file.source.num_bytes),
    )
