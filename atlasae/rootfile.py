"""Compress the jets of a ROOT file, bring them back, and read them either way."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from atlasae.autoencoder import AutoencoderCodec
from atlasae.codec import Codec
from atlasae.container import (
    CODECS,
    DIRECTORY,
    MANIFESTS,
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
from atlasae.trees import (
    STEP_SIZE,
    Arrays,
    Branch,
    check_step_size,
    copy_rest,
    find_tree,
    free_name,
    iterate,
    open_root,
    write_tree,
)

PathLike = str | os.PathLike[str]
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
    """Write a copy of a ROOT file in which a collection's features are replaced by latents.

    Args:
        source: the ROOT file to read.
        target: the ROOT file to write; it appears when it is complete.
        codec: a trained codec or the file of one; or an untrained codec, which is fitted to the
            source's jets first; by default ``Codec.autoencoder()``.
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
    chosen = Codec.autoencoder() if chosen is None else chosen
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
            done = [first.tree, DIRECTORY, CODECS, MANIFESTS]
            changed, left_out = copy_rest(file, out, done, step_size)
    return Notes(first.changed | changed, first.left_out | left_out)


def read_jets(
    path: PathLike, *, tree: str | None = None, collection: str | None = None
) -> ak.Array:
    """The 4-vectors of a collection, from an ordinary ROOT file or a compressed one.

    Args:
        path: of the ROOT file.
        tree: path of the tree; as for ``compress``. Not used for compressed files.
        collection: as for ``compress``. Not used for compressed files.

    Returns:
        Awkward records, jagged by event, that behave as ``vector`` Momentum4D: pt, phi, eta, and
        m or mass as the branch is called.
    """
    with open_root(path) as file:
        if is_compressed(file):
            runs = read_container(file)
            branches = runs[0].manifest.features
            steps = _decoded(file, runs, [], STEP_SIZE)
        else:
            found = find_collection(file, tree, collection)
            chosen = found.collection.choose(_default_features(found))
            branches = {feature: branch.name for feature, branch in chosen.items()}
            steps = iterate(found.tree, list(branches.values()))
        pieces = [
            to_records(
                to_table({plain_name(name): arrays[branch] for name, branch in branches.items()})
            )
            for _, arrays in steps
        ]
    return ak.concatenate(pieces)


def read_latents(path: PathLike) -> ak.Array:
    """The latents in a compressed file as records z0, z1, ..., jagged by event."""
    with open_root(path) as file:
        manifest = read_container(file)[0].manifest
        steps = iterate(find_tree(file, manifest.tree), manifest.latents)
        return ak.concatenate([_latent_records(arrays, manifest) for _, arrays in steps])


def read_codec(path: PathLike) -> Codec:
    """The codec stored in a compressed file; it decodes, and cannot encode."""
    with open_root(path) as file:
        return read_container(file)[0].codec


def _default_features(found: Found) -> tuple[str, ...]:
    features = four_vector(list(found.collection.branches))
    assert features is not None  # what makes it a collection
    return features


def _fitted(codec: Codec, found: Found, progress: bool) -> AutoencoderCodec:
    """The codec, trained on this tree's jets unless it is trained already."""
    if not isinstance(codec, AutoencoderCodec):
        raise InputError(f"{codec!r} does not write latents, which is what a tree can hold")
    if codec.is_fitted:
        return codec
    chosen = found.collection.choose(codec.features or _default_features(found))
    with located(f"{found.tree.file.file_path}: tree {found.path!r}"):
        jets = _training_jets(found, chosen)
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
    file: Any, out: Any, found: Found, codec: AutoencoderCodec, step_size: str | int, progress: bool
) -> None:
    plan, collection = found.plan, found.collection
    chosen = collection.choose(codec.features_)
    prefix = f"{collection.name}_" if collection.name else ""
    counter = collection.pt.counter
    if collection.pt.has_own_counter:  # vectors have one each; their latents share one
        taken = {*plan.names, *(branch.counter for branch in plan.branches if branch.counter)}
        counter = free_name(f"n{collection.name}", taken)
    latents = [Branch(f"{prefix}{name}", "float32", (), counter) for name in codec.latent_names]
    for latent in latents:
        if latent.name in plan.names:
            raise InputError(f"tree {found.path!r} has a branch {latent.name!r} already")
    replaced = {branch.name for branch in chosen.values()}
    branches: list[Branch] = []
    for branch in plan.branches:
        if branch.name not in replaced:
            branches.append(branch)
        elif latents[0] not in branches:
            branches.extend(latents)
    writer = write_tree(out, found.path, found.tree.title, branches)
    jets, where = 0, f"{file.file_path}: tree {found.path!r}"
    with progress_bar("entries", shown=progress) as bar, located(where):
        task = bar.add_task("compressing", total=found.tree.num_entries)
        for start, arrays in iterate(found.tree, plan.names, step_size):
            table = to_table({name: arrays[branch.name] for name, branch in chosen.items()})
            jets += len(table)
            encoded = codec.encode(table)
            writer.extend(arrays | _latent_arrays(encoded, latents))
            bar.update(task, completed=start)
        if jets == 0:
            raise InputError(f"no jets in collection {collection.name!r}")
    changed, left_out = copy_rest(file, out, [found.path], step_size)
    decoder = codec.decoder_bytes()
    manifest = Manifest(
        tree=found.path,
        collection=collection.name,
        entries=found.tree.num_entries,
        jets=jets,
        codec=digest(decoder),
        features={feature: branch.name for feature, branch in chosen.items()},
        latents=tuple(latent.name for latent in latents),
        branches=plan.branches,
        changed=notes_of(found.path, plan.changed) | changed,
        left_out=notes_of(found.path, plan.left_out) | left_out,
        source=Path(file.file_path).name,
        source_bytes=int(file.file.source.num_bytes),
    )
    write_container(out, manifest, decoder)


def _latent_arrays(encoded: Any, latents: list[Branch]) -> Arrays:
    """Latents by branch, as float32: ROOT's half floats are another format."""
    if isinstance(encoded, np.ndarray):
        columns = list(encoded.T)
    else:
        columns = [encoded[field] for field in encoded.fields]
    return {
        latent.name: ak.values_astype(ak.Array(column), np.float32)
        for latent, column in zip(latents, columns, strict=True)
    }


def _latent_records(arrays: Arrays, manifest: Manifest) -> ak.Array:
    return ak.zip({f"z{i}": arrays[name] for i, name in enumerate(manifest.latents)})


def _decoded(
    file: Any, runs: list[Run], kept: list[str], step_size: str | int
) -> Iterator[tuple[int, Arrays]]:
    """The branches of the source in chunks: those in ``kept``, and those decoded."""
    path = runs[0].manifest.tree
    tree = find_tree(file, path)
    if tree.num_entries != runs[-1].stop:
        raise DamagedFileError(
            f"{file.file_path}: tree {path!r} has {tree.num_entries} entries,"
            f" its manifest speaks of {runs[-1].stop}"
        )
    for run in runs:
        manifest = run.manifest
        dtypes = {branch.name: branch.dtype for branch in manifest.branches}
        names = [*kept, *manifest.latents]
        for start, arrays in iterate(tree, names, step_size, run.start, run.stop):
            jets = run.codec.decode(_latent_records(arrays, manifest))
            yield (
                start,
                arrays
                | {
                    branch: ak.values_astype(jets[feature], dtypes[branch])
                    for feature, branch in manifest.features.items()
                },
            )
