"""Reads jets of a ROOT file, compressed or not, as records."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import awkward as ak

from atlasae.errors import InputError, MissingNameError, located
from atlasae.jets.names import COORDINATES, plain_name
from atlasae.jets.table import joined, to_records, to_table
from atlasae.root.container.container import read_container
from atlasae.root.container.part_readers import LatentReader
from atlasae.root.container.restored_tree import CompressedTrees
from atlasae.root.io.branch import Arrays, BranchInfo, free_name, grouped_alike
from atlasae.root.io.file import open_root
from atlasae.root.io.tree import STEP_SIZE, TreeReader
from atlasae.root.known_layouts import Collection, find_collection, find_collections
from atlasae.root.reading.chained_reader import ChainedReader, OpenFiles
from atlasae.root.reading.paths import Files, same_objects

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlasae.codecs.base import Codec
    from atlasae.types import PathLike

# members of the momentum classes of ROOT, by the names that vector uses
_MEMBERS = {
    "fX": "px", "fY": "py", "fZ": "pz", "fE": "E", "fT": "E",
    "fPt": "pt", "fEta": "eta", "fPhi": "phi", "fM": "mass",
}  # fmt: skip
_MOMENTA = ({"fX", "fY", "fZ"}, {"fPt", "fEta", "fPhi"})


def read_jets(
    files: Files,
    *,
    tree: str | None = None,
    collection: str | None = None,
    entry_start: int = 0,
    entry_stop: int | None = None,
) -> ak.Array:
    """Read the momenta of a collection from ROOT files, compressed or not.

    Args:
        files: path of a file, or an address that uproot reads from; or a list of them, a pattern
            such as ``data/*.root``, or a directory: then all files have the tree and collection.
        tree: path of the tree; by default that of ``file.root:Events``, else ``Events``, else the
            first with a collection.
        collection: name of the collection; by default ``Jet``, else the first by name.
        entry_start: the first entry, of all files together. Only the blocks with the requested
            entries are decoded.
        entry_stop: the entry after the last; by default all entries are read.

    Returns:
        Awkward records, grouped by event, that behave as ``vector`` Momentum4D. Fields are pt, phi,
        eta, and m or mass as the branch is called; or px, py, pz and E. Units are those of the
        file.

    Raises:
        MissingFileError, FileError, DamagedFileError: a file is missing or cannot be read.
        MissingNameError: there is no such tree or collection; the message names the nearest.
        InputError: there is no collection with momenta, there are no such entries, or files do not
            match.

    Example:
        >>> import atlasae
        >>> jets = read_jets(atlasae.sample(), entry_stop=100)
        >>> len(jets), jets.fields
        (100, ['mass', 'pt', 'phi', 'eta'])
    """
    paths, objects = same_objects(files)
    with OpenFiles(paths) as opened, located(opened.where):
        named = objects[0] if objects and tree is None else tree
        reader, chosen = find_collection(opened.trees(0), named, collection)
        if len(paths) > 1:
            trees = objects if objects and tree is None else [reader.path] * len(paths)
            reader = ChainedReader(opened, trees)
        return momenta(reader, chosen, entry_start, entry_stop)


def momenta(
    reader: TreeReader,
    collection: Collection,
    start: int,
    stop: int | None,
    others: Sequence[str] = (),
) -> ak.Array:
    """Read the momenta, and other features, of a range of entries.

    Args:
        reader: the reader of the tree.
        collection: the collection.
        start: the first entry.
        stop: the entry after the last; None to read all.
        others: names of further features.

    Returns:
        Awkward records, grouped by event, that behave as ``vector`` momenta.

    Raises:
        MissingNameError: the collection has no such feature.
        InputError: there are no such entries.
    """
    branches = {plain_name(name): branch for name, branch in collection.vector.items()}
    further = collection.choose(others).items()
    branches |= {name: branch for name, branch in further if branch not in branches.values()}
    names = [branch.name for branch in branches.values()]
    pieces = [
        to_records(to_table({name: arrays[branch.name] for name, branch in branches.items()}))
        for _, arrays in reader.iterate(names, STEP_SIZE, start, stop)
    ]
    if not pieces:
        raise InputError(f"no entries from {start} to {stop} in tree {reader.path!r}")
    return ak.concatenate(pieces)


def read_collection(
    reader: TreeReader,
    name: str,
    *,
    entry_start: int | None = None,
    entry_stop: int | None = None,
    all_features: bool = False,
) -> ak.Array:
    """Read the momenta of a collection, or of a branch of objects such as TLorentzVector.

    Args:
        reader: the reader of the tree.
        name: name of the collection, ``Jet`` for branches such as ``Jet_pt``, or of the branch.
        entry_start: the first entry; a negative one counts from the end.
        entry_stop: the entry after the last.
        all_features: add the other features with a value for each momentum, in fields of their own.
            The name of one that vector would take for a coordinate ends in an underscore.

    Returns:
        Awkward records, grouped by event, that behave as ``vector`` Momentum4D, or Momentum3D if
        there is neither mass nor energy.

    Raises:
        MissingNameError: there is no such collection; the message names the nearest.
    """
    start, stop = reader.span(entry_start, entry_stop)
    collections = find_collections(reader.schema)
    objects = [branch.name for branch in reader.schema.branches if _is_momentum(branch)]
    if name in collections:
        columns = _collection_columns(reader, collections[name], start, stop, all_features)
    elif name in objects:
        momentum = reader.read([name], start, stop)[name]
        columns = {_MEMBERS[member]: values for member, values in _members(momentum)}
    else:
        raise MissingNameError.of("collection", name, reader.where, [*collections, *objects])
    return to_records(to_table(columns))


def branches_of(collection: Collection, all_features: bool) -> dict[str, str]:
    """Names of the branches of a collection, by the fields of its records."""
    branches = {plain_name(feature): branch.name for feature, branch in collection.vector.items()}
    if all_features:
        for feature, branch in collection.others.items():
            branches[free_name(feature, {*branches, *COORDINATES})] = branch.name
    return branches


def _collection_columns(
    reader: TreeReader, collection: Collection, start: int, stop: int, all_features: bool
) -> Arrays:
    """Columns of the momenta, and of other features if asked for, by feature."""
    branches = branches_of(collection, all_features)
    arrays = reader.read(list(branches.values()), start, stop)
    first = arrays[collection.first.name]
    return {
        feature: arrays[branch]
        for feature, branch in branches.items()
        if grouped_alike(arrays[branch], first)
    }


def _is_momentum(branch: BranchInfo) -> bool:
    """Whether an entry is an object, or a list of objects, of a momentum class of ROOT."""
    members = set(re.findall(r"(\w+): float(?:32|64)", branch.type))
    return members <= _MEMBERS.keys() and any(required <= members for required in _MOMENTA)


def _members(objects: ak.Array) -> Iterator[tuple[str, ak.Array]]:
    """The numbers in objects and their members, by the name of the member."""
    for name in objects.fields:
        member = objects[name]
        if member.fields:
            yield from _members(member)
        else:
            yield name, member


def read_latents(path: PathLike) -> ak.Array:
    """Read the latents of a compressed file.

    Returns:
        Awkward records, grouped by event, with fields such as z0, z1, ...

    Raises:
        MissingFileError, FileError, DamagedFileError: the file is missing or cannot be read.
        InputError: the file has no latents: no codec in it stores any.
    """
    with open_root(path) as file, located(os.fspath(path)):
        trees = CompressedTrees(file)
        tables = []
        for name, segments in trees.container.segments.items():
            for segment in segments:
                for part in segment.manifest.parts:
                    if part.latents:
                        raw, end = trees.raw(name), segment.stop
                        reader = LatentReader(trees.container, segment, part, raw, end)
                        tables.append(reader.latents(segment.start, segment.stop))
        if not tables:
            codecs = ", ".join(codec.call for codec in trees.container.codecs.values())
            raise InputError(f"the file has no latents: it was compressed with {codecs}")
        return to_records(joined(tables))


def read_codec(path: PathLike) -> Codec:
    """Read the first codec stored in a compressed file. It can decode, but not encode.

    Raises:
        MissingFileError, FileError, DamagedFileError: the file is missing or cannot be read.
        InputError: the file is not compressed, or has no codec.
    """
    with open_root(path) as file, located(os.fspath(path)):
        for codec in read_container(file).codecs.values():
            return codec
        raise InputError("the file has no codec: its branches are packed column by column")
