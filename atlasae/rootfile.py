"""Compress the jets of a ROOT file, bring them back, and read them either way."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from atlasae.bounded import BoundedCodec
from atlasae.codec import Codec
from atlasae.container import (
    OWN,
    Manifest,
    Run,
    compression_like,
    digest,
    is_compressed,
    notes_of,
    read_container,
    write_container,
)
from atlasae.contents import Contents, info
from atlasae.errors import DamagedFileError, InputError, located
from atlasae.features import four_vector, plain_name, to_records, to_table
from atlasae.files import check_apart, whole_file
from atlasae.layouts import Found, find_collection
from atlasae.progress import progress_bar
from atlasae.stores import jet_reader, jet_writer, read_latents_of
from atlasae.trees import (
    STEP_SIZE,
    Arrays,
    Branch,
    Plan,
    check_step_size,
    copy_rest,
    find_tree,
    iterate,
    open_root,
    write_tree,
)

PathLike = str | os.PathLike[str]
# a tree needs a branch: stands where every branch of it is compressed
_PLACEHOLDER = Branch("atlasae_placeholder", "uint8")
TRAINING_ENTRIES = 200_000  # entries read to train on, where no trained codec is given


@dataclass(frozen=True)
class Notes:
    """What did not come over as it was, by path or ``path:branch``.

    Attributes:
        changed: what became different though no value did, such as the type of a counter.
        left_out: what could not be written, and why.
    """

    changed: dict[str, str]
    left_out: dict[str, str]


def compress(
    source: PathLike,
    target: PathLike,
    *,
    codec: Codec | PathLike | None = None,
    tree: str | None = None,
    collection: str | None = None,
    step_size: str | int = STEP_SIZE,
    force: bool = False,
    progress: bool = False,
) -> Contents:
    """Write a copy of a ROOT file with the features of a collection compressed.

    An autoencoder's latents take their place as branches; a bounded codec's blocks stand in a
    tree beside.

    Args:
        source: the ROOT file to read.
        target: the ROOT file to write; it appears when it is complete.
        codec: a trained codec or the file of one; or an untrained codec, which is fitted to the
            source's jets first; by default ``Codec.bounded()``, within 1e-3.
        tree: path of the tree; by default ``Events``, else the first with jets.
        collection: by default ``Jet``, else the first with a 4-vector.
        step_size: how much is read at a time, as uproot takes it.
        force: overwrite an existing target.
        progress: show progress bars on the error stream.

    Returns:
        What the target holds, sizes and notes on what changed.

    Raises:
        MissingFileError, DamagedFileError: the source is missing or not readable.
        TargetExistsError: the target is there and ``force`` is false.
        MissingNameError: no such tree, collection or feature.
        InputError: there are no jets, or jets the codec cannot take.
    """
    check_step_size(step_size)
    check_apart(source, target)
    chosen = Codec.load(codec) if isinstance(codec, (str, os.PathLike)) else codec
    chosen = Codec.bounded() if chosen is None else chosen
    with open_root(source) as file, whole_file(target, force=force) as beside:
        if is_compressed(file):
            raise InputError(f"{os.fspath(source)} is compressed by atlasae already")
        found = find_collection(file, tree, collection)
        ready = _fitted(chosen, found, progress)
        with uproot.recreate(beside, compression=compression_like(file)) as out:
            _write_compressed(file, out, found, ready, step_size, progress)
    return info(target)


def decompress(
    source: PathLike,
    target: PathLike,
    *,
    step_size: str | int = STEP_SIZE,
    force: bool = False,
    progress: bool = False,
) -> Notes:
    """Restore a file that ``compress`` wrote: the original names, dtypes and counters.

    Arguments and errors are those of ``compress``; the codec is in the file.
    """
    check_step_size(step_size)
    check_apart(source, target)
    with open_root(source) as file, whole_file(target, force=force) as beside:
        runs = read_container(file)
        first = runs[0].manifest
        with uproot.recreate(beside, compression=compression_like(file)) as out:
            title = find_tree(file, first.tree).title
            writer = write_tree(out, first.tree, title, first.branches)
            with progress_bar("entries", shown=progress) as bar:
                task = bar.add_task("decompressing", total=runs[-1].stop)
                kept = [branch.name for branch in first.kept]
                for start, arrays in _decoded(file, runs, kept, step_size):
                    writer.extend(arrays)
                    bar.update(task, completed=start)
            changed, left_out = copy_rest(file, out, [first.tree, *OWN], step_size)
    return Notes(first.changed | changed, first.left_out | left_out)


def read_jets(
    path: PathLike,
    *,
    tree: str | None = None,
    collection: str | None = None,
    entry_start: int = 0,
    entry_stop: int | None = None,
) -> ak.Array:
    """The 4-vectors of a collection, from an ordinary ROOT file or a compressed one.

    Args:
        path: of the ROOT file.
        tree: path of the tree; as for ``compress``. Not used for compressed files.
        collection: as for ``compress``. Not used for compressed files.
        entry_start: the first entry to read. Of blocks only those needed are decoded.
        entry_stop: the entry to stop before; by default all are read.

    Returns:
        Awkward records, jagged by event, that behave as ``vector`` Momentum4D: pt, phi, eta, and
        m or mass as the branch is called.
    """
    with open_root(path) as file:
        if is_compressed(file):
            return _read_compressed(file, entry_start, entry_stop)
        found = find_collection(file, tree, collection)
        chosen = found.collection.choose(_default_features(found))
        names = [branch.name for branch in chosen.values()]
        pieces = [
            _plainly({name: arrays[branch.name] for name, branch in chosen.items()})
            for _, arrays in iterate(found.tree, names, STEP_SIZE, entry_start, entry_stop)
        ]
    if not pieces:
        raise InputError(f"{os.fspath(path)}: no entries from {entry_start} to {entry_stop}")
    return ak.concatenate(pieces)


def _read_compressed(file: Any, start: int, stop: int | None) -> ak.Array:
    runs = read_container(file)
    stop = runs[-1].stop if stop is None else min(stop, runs[-1].stop)
    pieces = []
    for run in runs:
        first, last = max(start, run.start), min(stop, run.stop)
        if first < last:
            jets = jet_reader(file, run).read(first, last)
            pieces.append(_plainly({name: jets[name] for name in jets.fields}))
    if not pieces:
        raise InputError(f"{file.file_path}: no entries from {start} to {stop}")
    return ak.concatenate(pieces)


def _plainly(columns: dict[str, Any]) -> ak.Array:
    """Records under the names that ``vector`` knows."""
    return to_records(to_table({plain_name(name): values for name, values in columns.items()}))


def read_latents(path: PathLike) -> ak.Array:
    """The latents in a compressed file as records z0, z1, ..., jagged by event.

    Raises:
        InputError: the file has none: it was compressed with another codec.
    """
    with open_root(path) as file:
        return ak.concatenate([read_latents_of(file, run) for run in read_container(file)])


def read_codec(path: PathLike) -> Codec:
    """The codec stored in a compressed file; it decodes, and cannot encode."""
    with open_root(path) as file:
        return read_container(file)[0].codec


def _default_features(found: Found) -> tuple[str, ...]:
    features = four_vector(list(found.collection.branches))
    assert features is not None  # what makes it a collection
    return features


def _fitted(codec: Codec, found: Found, progress: bool) -> Codec:
    """The codec, trained on this tree's jets unless it is trained already."""
    if codec.is_fitted:
        return codec
    chosen = found.collection.choose(codec.features or _default_features(found))
    with located(f"{found.tree.file.file_path}: tree {found.path!r}"):
        jets = _training_jets(found, chosen)
        if isinstance(codec, BoundedCodec):  # for this file alone: how much of it was looked at
            share = min(1.0, TRAINING_ENTRIES / found.tree.num_entries)
            return codec.fit(jets, uses=1 / share, progress=progress)
        return codec.fit(jets, progress=progress)


def _training_jets(found: Found, chosen: Mapping[str, Branch]) -> dict[str, ak.Array]:
    """Jets from the whole tree where it is small, else from windows spread over it."""
    total = found.tree.num_entries
    windows = 1 if total <= TRAINING_ENTRIES else 20
    length = min(total, TRAINING_ENTRIES) // windows
    names = [branch.name for branch in chosen.values()]
    chunks = [
        arrays
        for start in np.linspace(0, total - length, windows).astype(int).tolist()
        for _, arrays in iterate(found.tree, names, STEP_SIZE, start, start + length)
    ]
    return {
        feature: ak.concatenate([arrays[branch.name] for arrays in chunks])
        for feature, branch in chosen.items()
    }


def _write_compressed(
    file: Any, out: Any, found: Found, codec: Codec, step_size: str | int, progress: bool
) -> None:
    plan, collection = found.plan, found.collection
    chosen = collection.choose(codec.features_)
    jet_store = jet_writer(codec, found, out)
    for branch in jet_store.branches:
        if branch.name in plan.names:
            raise InputError(f"tree {found.path!r} has a branch {branch.name!r} already")
    branches = _in_place(plan, {branch.name for branch in chosen.values()}, jet_store.branches)
    writer = write_tree(out, found.path, found.tree.title, branches or [_PLACEHOLDER])
    jets, where = 0, f"{file.file_path}: tree {found.path!r}"
    with progress_bar("entries", shown=progress) as bar, located(where):
        task = bar.add_task("compressing", total=found.tree.num_entries)
        for start, arrays in iterate(found.tree, plan.names, step_size):
            table = to_table({name: arrays[branch.name] for name, branch in chosen.items()})
            jets += len(table)
            entries = np.zeros(len(next(iter(arrays.values()))), np.uint8)
            writer.extend(arrays | jet_store.add(table) | {_PLACEHOLDER.name: entries})
            bar.update(task, completed=start)
        jet_store.finish()
        if jets == 0:
            raise InputError(f"no jets in collection {collection.name!r}")
    changed, left_out = copy_rest(file, out, [found.path], step_size)
    stored = codec.decoder_bytes()
    manifest = Manifest(
        tree=found.path,
        collection=collection.name,
        entries=found.tree.num_entries,
        jets=jets,
        codec=digest(stored),
        features={feature: branch.name for feature, branch in chosen.items()},
        latents=tuple(branch.name for branch in jet_store.branches),
        flat=collection.pt.counter is None,
        branches=plan.branches,
        changed=notes_of(found.path, plan.changed) | changed,
        left_out=notes_of(found.path, plan.left_out) | left_out,
        source=Path(file.file_path).name,
        source_bytes=int(file.file.source.num_bytes),
    )
    write_container(out, manifest, stored)


def _in_place(plan: Plan, replaced: set[str], new: Sequence[Branch]) -> list[Branch]:
    """The branches of a tree with new ones where the first of the replaced ones stood."""
    branches: list[Branch] = []
    at: int | None = None
    for branch in plan.branches:
        if branch.name not in replaced:
            branches.append(branch)
        elif at is None:
            at = len(branches)
    return [*branches[:at], *new, *branches[at:]]


def _decoded(
    file: Any, runs: list[Run], kept: list[str], step_size: str | int
) -> Iterator[tuple[int, Arrays]]:
    """The branches of the source in chunks: those in ``kept``, and those decoded.

    Gives the number of entries so far with each chunk.
    """
    path = runs[0].manifest.tree
    tree = find_tree(file, path)
    if tree.num_entries != runs[-1].stop:
        raise DamagedFileError(
            f"{file.file_path}: tree {path!r} has {tree.num_entries} entries,"
            f" its manifest speaks of {runs[-1].stop}"
        )
    step = step_size if isinstance(step_size, int) else tree.num_entries_for(step_size)
    for run in runs:
        dtypes = {branch.name: branch.dtype for branch in run.manifest.branches}
        jet_store = jet_reader(file, run)
        for start, stop in jet_store.spans(step):
            arrays: Arrays = {}
            if kept:
                ((_, arrays),) = iterate(tree, kept, stop - start, start, stop)
            jets = jet_store.read(start, stop)
            decoded = {
                branch: ak.values_astype(jets[feature], dtypes[branch])
                for feature, branch in run.manifest.features.items()
            }
            yield stop, arrays | decoded
