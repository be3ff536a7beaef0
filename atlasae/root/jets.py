"""Jets of a ROOT file as records, whether it is compressed or not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import awkward as ak

from atlasae.errors import InputError, located
from atlasae.features import plain_name, to_records, to_table
from atlasae.root.container import read_container
from atlasae.root.layouts import Collection, find_collection
from atlasae.root.opening import open_root
from atlasae.root.parts import LatentReader, part_reader
from atlasae.root.restored import CompressedTrees, trees_of
from atlasae.root.source import STEP_SIZE, Source

if TYPE_CHECKING:
    from atlasae.codec import Codec

PathLike = str | os.PathLike[str]


def read_jets(
    path: PathLike,
    *,
    tree: str | None = None,
    collection: str | None = None,
    entry_start: int = 0,
    entry_stop: int | None = None,
) -> ak.Array:
    """The momenta of a collection, from an ordinary ROOT file or a compressed one.

    Args:
        path: of the ROOT file.
        tree: path of the tree; by default ``Events``, else the first with a momentum.
        collection: its name; by default ``Jet``, else the first with a momentum.
        entry_start: the first entry to read. Of blocks only those needed are decoded.
        entry_stop: the entry to stop before; by default all are read.

    Returns:
        Awkward records, jagged by event, that behave as ``vector`` Momentum4D: pt, phi, eta, and
        m or mass as the branch is called; or px, py, pz and E.
    """
    with open_root(path) as file, located(os.fspath(path)):
        source, found = find_collection(trees_of(file), tree, collection)
        return momenta(source, found, entry_start, entry_stop)


def momenta(source: Source, collection: Collection, start: int, stop: int | None) -> ak.Array:
    """The momenta of some entries, as records."""
    chosen = {plain_name(name): branch for name, branch in collection.vector.items()}
    names = [branch.name for branch in chosen.values()]
    pieces = [
        to_records(to_table({name: arrays[branch.name] for name, branch in chosen.items()}))
        for _, arrays in source.iterate(names, STEP_SIZE, start, stop)
    ]
    if not pieces:
        raise InputError(f"no entries from {start} to {stop} in tree {source.path!r}")
    return ak.concatenate(pieces)


def read_latents(path: PathLike) -> ak.Array:
    """The latents in a compressed file as records z0, z1, ..., jagged by event.

    Raises:
        InputError: the file has none: it was compressed with another codec.
    """
    with open_root(path) as file, located(os.fspath(path)):
        trees = CompressedTrees(file)
        pieces = []
        for name, runs in trees.container.runs.items():
            for run in runs:
                for part in run.manifest.parts:
                    reader = part_reader(trees.container, run, part, trees.raw(name))
                    if isinstance(reader, LatentReader):
                        pieces.append(reader.latents(run.start, run.stop))
        if not pieces:
            codecs = ", ".join(map(repr, trees.container.codecs.values()))
            raise InputError(f"there are no latents: it was compressed with {codecs}")
        return ak.concatenate(pieces)


def read_codec(path: PathLike) -> Codec:
    """The first codec stored in a compressed file; it decodes, and cannot encode.

    Raises:
        InputError: the file is not compressed, or packed without a codec.
    """
    with open_root(path) as file, located(os.fspath(path)):
        for codec in read_container(file).codecs.values():
            return codec
        raise InputError("packed without a codec")
