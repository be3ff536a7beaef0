"""Jets of a ROOT file as records, whether it is compressed or not."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import awkward as ak

from atlasae.errors import InputError, MissingNameError, located
from atlasae.jets.names import COORDINATES, plain_name
from atlasae.jets.table import joined, to_records, to_table
from atlasae.root.collections import Collection, find_collection, find_collections
from atlasae.root.container.container import read_container
from atlasae.root.container.part_readers import LatentReader, part_reader
from atlasae.root.container.restored_tree import CompressedTrees, open_trees
from atlasae.root.io.branch import BranchInfo, free_name, grouped_alike
from atlasae.root.io.file import open_root
from atlasae.root.io.tree import STEP_SIZE, TreeReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlasae.codecs.base import Codec
    from atlasae.types import PathLike

# members of ROOT's classes of momenta, and what vector calls them
_MEMBERS = {
    "fX": "px", "fY": "py", "fZ": "pz", "fE": "E", "fT": "E",
    "fPt": "pt", "fEta": "eta", "fPhi": "phi", "fM": "mass",
}  # fmt: skip
_MOMENTA = ({"fX", "fY", "fZ"}, {"fPt", "fEta", "fPhi"})


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
        source, found = find_collection(open_trees(file), tree, collection)
        return momenta(source, found, entry_start, entry_stop)


def momenta(
    source: TreeReader,
    collection: Collection,
    start: int,
    stop: int | None,
    others: Sequence[str] = (),
) -> ak.Array:
    """The momenta of some entries, and other features, as records.

    Raises:
        MissingNameError: the collection has no such feature.
    """
    chosen = {plain_name(name): branch for name, branch in collection.vector.items()}
    more = collection.choose(others).items()
    chosen |= {name: branch for name, branch in more if branch not in chosen.values()}
    names = [branch.name for branch in chosen.values()]
    pieces = [
        to_records(to_table({name: arrays[branch.name] for name, branch in chosen.items()}))
        for _, arrays in source.iterate(names, STEP_SIZE, start, stop)
    ]
    if not pieces:
        raise InputError(f"no entries from {start} to {stop} in tree {source.path!r}")
    return ak.concatenate(pieces)


def read_collection(
    source: TreeReader,
    name: str,
    *,
    entry_start: int | None = None,
    entry_stop: int | None = None,
    all_features: bool = False,
) -> ak.Array:
    """The momenta of a collection, or of a branch of objects such as TLorentzVector.

    Args:
        source: the tree.
        name: of the collection, ``Jet`` for branches such as ``Jet_pt``, or of the branch.
        entry_start: the first entry, counted from the end where it is negative.
        entry_stop: the entry to stop before.
        all_features: give the collection's other features too, those with a value for each
            momentum, in fields of their own; one that vector would take for a coordinate has an
            underscore behind its name.

    Returns:
        Awkward records, jagged by event, that behave as ``vector`` Momentum4D, or Momentum3D where
        there is neither mass nor energy.

    Raises:
        MissingNameError: there is no such collection; the message names the nearest.
    """
    start, stop = source.span(entry_start, entry_stop)
    collections = find_collections(source.schema)
    objects = [branch.name for branch in source.schema.branches if _is_momentum(branch)]
    if name in collections:
        found = collections[name]
        chosen = {plain_name(feature): branch.name for feature, branch in found.vector.items()}
        if all_features:
            for feature, branch in found.others.items():
                chosen[free_name(feature, {*chosen, *COORDINATES})] = branch.name
        arrays = source.read(list(chosen.values()), start, stop)
        first = arrays[found.first.name]
        columns = {
            feature: arrays[branch]
            for feature, branch in chosen.items()
            if grouped_alike(arrays[branch], first)
        }
    elif name in objects:
        array = source.read([name], start, stop)[name]
        columns = {_MEMBERS[member]: values for member, values in _members(array)}
    else:
        raise MissingNameError.of("collection", name, source.where, [*collections, *objects])
    return to_records(to_table(columns))


def _is_momentum(branch: BranchInfo) -> bool:
    """Whether a branch holds objects of one of ROOT's classes of momenta, one or a list an entry."""
    members = set(re.findall(r"(\w+): float(?:32|64)", branch.type))
    return members <= _MEMBERS.keys() and any(needed <= members for needed in _MOMENTA)


def _members(objects: ak.Array) -> Iterator[tuple[str, ak.Array]]:
    """The numbers that objects hold, by the name of the member, however deep."""
    for name in objects.fields:
        member = objects[name]
        if member.fields:
            yield from _members(member)
        else:
            yield name, member


def read_latents(path: PathLike) -> ak.Array:
    """The latents in a compressed file as records z0, z1, ..., jagged by event.

    Raises:
        InputError: the file has none: it was compressed with another codec.
    """
    with open_root(path) as file, located(os.fspath(path)):
        trees = CompressedTrees(file)
        tables = []
        for name, segments in trees.container.segments.items():
            for segment in segments:
                for part in segment.manifest.parts:
                    reader = part_reader(trees.container, segment, part, trees.raw(name))
                    if isinstance(reader, LatentReader):
                        tables.append(reader.latents(segment.start, segment.stop))
        if not tables:
            codecs = ", ".join(codec.call for codec in trees.container.codecs.values())
            raise InputError(f"the file has no latents: it was compressed with {codecs}")
        return to_records(joined(tables))


def read_codec(path: PathLike) -> Codec:
    """The first codec stored in a compressed file; it decodes, and cannot encode.

    Raises:
        InputError: the file is not compressed, or packed without a codec.
    """
    with open_root(path) as file, located(os.fspath(path)):
        for codec in read_container(file).codecs.values():
            return codec
        raise InputError("packed without a codec")
