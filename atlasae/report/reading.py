"""Read an original file and files compressed from it, and check that they hold the same jets."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from atlasae.errors import InputError, MissingNameError, located
from atlasae.jets.metrics import residuals
from atlasae.jets.names import energy_unit
from atlasae.jets.observables import observables
from atlasae.jets.table import joined, to_records, to_table
from atlasae.report.bins import bins_of, common_bins
from atlasae.report.comparison import Comparison, DecodedFile, JetFile, spread_over
from atlasae.report.event_matching import in_order_of, require_same_jets
from atlasae.root.container.part_readers import LatentReader
from atlasae.root.container.restored_tree import CompressedTrees, open_trees
from atlasae.root.inspecting.branch_sizes import branch_sizes
from atlasae.root.inspecting.info import info
from atlasae.root.io.file import open_root
from atlasae.root.known_layouts import PREFERRED_COLLECTION, PREFERRED_TREE, find_collection
from atlasae.root.reading.jets import momenta

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.codecs.base import Codec
    from atlasae.jets.table import Table
    from atlasae.quantization.cuts import CutSpec
    from atlasae.root.container.container import Segment
    from atlasae.root.container.manifest import Part
    from atlasae.root.inspecting.info import Contents
    from atlasae.root.io.branch import BranchInfo
    from atlasae.root.io.tree import TreeReader
    from atlasae.root.known_layouts import Collection
    from atlasae.types import Floats, PathLike


# branches that identify an event, in NanoAOD, ATLAS formats, Delphes and flat trees
_EVENT_NUMBERS = re.compile(r"(.*[._])?(run|lumi|luminosityblock|event)(_?number)?", re.IGNORECASE)


def read_comparison(
    original: PathLike,
    compressed: Sequence[PathLike],
    *,
    tree: str | None = None,
    collection: str | None = None,
    features: Sequence[str] = (),
    bins: CutSpec = None,
    weight: str | None = None,
) -> Comparison:
    """Read the jets of an original file and of files compressed or restored from it.

    Entries that were reordered (``order="free"``) are matched by their event numbers.

    Args:
        original: the file before compression.
        compressed: files that ``atlasae.compress`` or ``decompress`` wrote.
        tree: path of the tree; by default one with jets that are compressed in the first file.
        collection: its name; by default ``Jet``, else another one compressed in the first file.
        features: of the collection to compare in addition to the momenta.
        bins: edges by feature, whose migrations are shown, as ``parse_cuts`` accepts them; by default
            those of the codecs' cuts, and common ones of pt and eta.
        weight: name of a branch of the original with one number per event, such as ``genWeight``.

    Raises:
        InputError: the files do not hold the same jets, or no jets at all; the bins cannot be read,
            or the weights not one finite number per event.
        MissingNameError: a file has no such tree, collection, feature or branch.
        FileError: a file is missing or damaged.
    """
    if not compressed:
        raise InputError("no compressed file to compare with")
    if len({os.fspath(path) for path in compressed}) < len(compressed):
        raise InputError("the same compressed file is given twice")
    tree, collection = _chosen(compressed[0], tree, collection)
    with open_root(original) as file, located(os.fspath(original)):
        source, jet_collection = find_collection(open_trees(file), tree, collection)
        before = _jets_in(original, file, source, jet_collection, features)
        weights = None if weight is None else _weights(source, weight)
    if not len(before.jets):
        raise InputError(f"{os.fspath(original)}: no jets in tree {tree!r}")
    unit = _unit(before.jets)
    names = _names(compressed)
    files = tuple(
        _decoded(path, name, before, tree, collection, features, unit, weights)
        for path, name in zip(compressed, names, strict=True)
    )
    return Comparison(
        original=before,
        tree=tree,
        collection=collection,
        files=files,
        observables=_observables(before.jets, unit),
        bins=_bins(bins, collection, before.jets, files),
        weights=weights,
    )


def _bins(
    given: CutSpec, collection: str, jets: Table, files: Sequence[DecodedFile]
) -> dict[str, tuple[float, ...]]:
    """The bins given; else those of cuts, and common ones of other features."""
    if given is not None:
        return bins_of(given, collection, jets)
    promised = {name: {edge for file in files for edge in file.cuts(name)} for name in jets.columns}
    return common_bins(jets) | {
        name: tuple(sorted(cuts)) for name, cuts in promised.items() if cuts
    }


def _weights(source: TreeReader, name: str) -> Floats:
    """The weights in a branch, one per entry."""
    branches = {branch.name: branch for branch in source.schema.branches}
    if name not in branches:
        raise MissingNameError.of("branch", name, f"tree {source.path!r}", branches)
    branch = branches[name]
    if branch.jagged or branch.dtype is None or np.dtype(branch.dtype).kind not in "iufb":
        raise InputError(f"weight {name!r} is not one number per event, as genWeight is")
    weights = np.concatenate([ak.to_numpy(arrays[name]) for _, arrays in source.iterate([name])])
    if bad := np.count_nonzero(~np.isfinite(weights)):
        raise InputError(
            f"weight {name!r} is NaN or infinite in {bad:,} of {len(weights):,} events"
        )
    if not np.any(weights):
        raise InputError(f"weight {name!r} is 0 in all events")
    return weights.astype(np.float64)


def _chosen(path: PathLike, tree: str | None, collection: str | None) -> tuple[str, str]:
    """The tree and the collection to compare; compressed ones are preferred."""
    with open_root(path) as file, located(os.fspath(path)):
        trees = open_trees(file)
        if isinstance(trees, CompressedTrees):
            parts = [
                (part.name != PREFERRED_COLLECTION, name != PREFERRED_TREE, name, part.name)
                for name, segments in trees.container.segments.items()
                for part in segments[0].manifest.parts
                if part.codec and tree in (None, name) and collection in (None, part.name)
            ]
            if parts:
                return min(parts)[2:]
        source, jet_collection = find_collection(trees, tree, collection)
        return source.path, jet_collection.name


def _jets_in(
    path: PathLike,
    file: Any,
    source: TreeReader,
    jet_collection: Collection,
    features: Sequence[str],
) -> JetFile:
    """The jets of a collection, their size and the event numbers."""
    if not source.num_entries:
        raise InputError(f"no entries in tree {source.path!r}")
    jets = to_table(momenta(source, jet_collection, 0, None, features))
    numbers = [
        branch.name
        for branch in source.schema.branches
        if _EVENT_NUMBERS.fullmatch(branch.name)
        and branch.dtype is not None
        and not branch.jagged
        and np.dtype(branch.dtype).kind in "iu"
    ]
    chunks = [arrays for _, arrays in source.iterate(numbers)]
    return JetFile(
        path=Path(path),
        file_bytes=int(file.file.source.num_bytes),
        jets=jets,
        jet_bytes=sum(branch.source_bytes for branch in _branches(jet_collection, features)),
        event_numbers={
            name: ak.to_numpy(ak.concatenate([chunk[name] for chunk in chunks])) for name in numbers
        },
    )


def _decoded(
    path: PathLike,
    name: str,
    original: JetFile,
    tree: str,
    collection: str,
    features: Sequence[str],
    unit: str | None,
    weights: Floats | None,
) -> DecodedFile:
    with open_root(path) as file, located(os.fspath(path)):
        trees = open_trees(file)
        source, jet_collection = find_collection(trees, tree, collection)
        after = _jets_in(path, file, source, jet_collection, features)
        coding, sizes = _Coding("", after.jet_bytes), []
        if isinstance(trees, CompressedTrees):
            branches = {branch.name for branch in _branches(jet_collection, features)}
            coding = _coding(trees, info(path), tree, branches)
            sizes = branch_sizes(path)
    with located(f"{os.fspath(path)} against {os.fspath(original.path)}"):
        moved = any(codec.reorders for codec in coding.codecs)
        jets = in_order_of(original.event_numbers, after.event_numbers, after.jets, moved=moved)
        of_jets = spread_over(weights, original.jets.counts)
        results = residuals(original.jets, jets, weights=of_jets)
        require_same_jets(results, original.jets, jets)
    return DecodedFile(
        path=after.path,
        file_bytes=after.file_bytes,
        jets=jets,
        jet_bytes=coding.jet_bytes,
        event_numbers=after.event_numbers,
        name=name,
        codec=coding.calls,
        codecs=coding.codecs,
        latents=coding.latents,
        branches=tuple(sizes),
        residuals=results,
        observables=_observables(jets, unit),
    )


@dataclass(frozen=True)
class _Coding:
    """How a file holds its jets; the attributes are those of DecodedFile."""

    calls: str
    jet_bytes: int | None
    codecs: tuple[Codec, ...] = ()
    latents: ak.Array | None = None


def _coding(trees: CompressedTrees, contents: Contents, tree: str, branches: set[str]) -> _Coding:
    """How a compressed file holds these branches."""
    codecs: dict[str, Codec] = {}
    latents = []
    for segment, part in _parts_of(trees, tree, branches):
        if part.codec:
            codecs[part.codec] = trees.container.codec(part)
        if part.latents:
            end = segment.stop
            reader = LatentReader(trees.container, segment, part, trees.raw(tree), end)
            latents.append(reader.latents(segment.start, segment.stop))
    calls, jet_bytes = _calls_and_size(contents, tree, branches)
    return _Coding(
        calls, jet_bytes, tuple(codecs.values()), to_records(joined(latents)) if latents else None
    )


def _branches(jet_collection: Collection, features: Sequence[str]) -> list[BranchInfo]:
    """The branches of the momenta and of other features."""
    return list(
        dict.fromkeys([*jet_collection.vector.values(), *jet_collection.choose(features).values()])
    )


def _parts_of(trees: CompressedTrees, tree: str, branches: set[str]) -> list[tuple[Segment, Part]]:
    """The parts of a tree that hold these branches, by segment."""
    return [
        (segment, part)
        for segment in trees.container.segments.get(tree, [])
        for part in segment.manifest.parts
        if branches & set(part.features.values())
    ]


def _calls_and_size(contents: Contents, tree: str, branches: set[str]) -> tuple[str, int | None]:
    """The calls that make the codecs of these branches, and the size of their blocks in bytes."""
    parts = [part for part in contents.parts if part.tree == tree and branches & set(part.before)]
    kept = sum(b.after for b in contents.kept if b.tree == tree and b.name in branches)
    alone = all(set(part.before) <= branches for part in parts)
    size = sum(part.after for part in parts) + kept if alone else None
    return " and ".join(dict.fromkeys(part.codec for part in parts)), size


def _names(paths: Sequence[PathLike]) -> list[str]:
    """File names without suffix, or whole paths if names are not unique."""
    stems = [Path(path).stem for path in paths]
    return stems if len(set(stems)) == len(stems) else [os.fspath(path) for path in paths]


def _unit(jets: Table) -> str | None:
    """The unit of the energies of the original, which is used for all files."""
    pt = jets.columns.get("pt")
    return None if pt is None else energy_unit(pt)


def _observables(jets: Table, unit: str | None) -> dict[str, Floats]:
    """The observables; empty if they cannot be derived."""
    try:
        return observables(jets, unit=unit)
    except InputError:
        return {}
