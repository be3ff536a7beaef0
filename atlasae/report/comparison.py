"""Reads an original file and those compressed from it, and sees that they hold the same jets."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from atlasae.errors import InputError, located
from atlasae.jets.metrics import Residuals, correlation, residuals
from atlasae.jets.names import COORDINATES, energy_unit, plain_name
from atlasae.jets.observables import OBSERVABLES, observables
from atlasae.jets.table import Table, joined, to_records, to_table
from atlasae.quantization.tolerance import LOSSLESS, Tolerance
from atlasae.root.collections import PREFERRED_COLLECTION, PREFERRED_TREE, find_collection
from atlasae.root.container.part_readers import LatentReader, part_reader
from atlasae.root.container.restored_tree import CompressedTrees, open_trees
from atlasae.root.info import info
from atlasae.root.io.file import open_root
from atlasae.root.reading.jets import momenta

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from atlasae.codecs.base import Codec
    from atlasae.root.collections import Collection
    from atlasae.root.container.container import Segment
    from atlasae.root.container.manifest import Part
    from atlasae.root.info import Contents
    from atlasae.root.io.branch import BranchInfo
    from atlasae.root.io.tree import TreeReader
    from atlasae.types import Floats, PathLike


# what numbers an event, in NanoAOD, ATLAS's formats, Delphes and flat trees
_NUMBERS = re.compile(r"(.*[._])?(run|lumi|luminosityblock|event)(_?number)?", re.IGNORECASE)
_LEAST_CORRELATION = 0.1  # the worst autoencoder does better in one feature
_FEW = 100  # of jets, whose correlation says nothing


@dataclass(frozen=True)
class JetFile:
    """Jets of one file.

    Attributes:
        path: of the file.
        file_bytes: its size.
        jets: in their events.
        jet_bytes: what their features take in the file, or what stands for them; None where other
            branches share it.
        numbers: what numbers the entries, by branch, each of shape (entries,).
    """

    path: Path
    file_bytes: int
    jets: Table
    jet_bytes: int | None
    numbers: dict[str, NDArray[Any]]

    @property
    def bits(self) -> float:
        """What a jet takes; NaN where the file does not tell."""
        return 8 * self.jet_bytes / len(self.jets) if self.jet_bytes else float("nan")


@dataclass(frozen=True)
class DecodedFile(JetFile):
    """The jets of a compressed or restored file, beside the original ones.

    Attributes:
        name: what figures call it.
        codec: the calls that make what its jets went through; empty where they stand in the file
            as they are, as in a restored one.
        codecs: the same, ready to decode; none of columns packed without one.
        latents: of an autoencoder, as records; None of other codecs.
        residuals: by feature.
        observables: of ``atlasae.jets.observables``; empty where jets stand in no events.
    """

    name: str
    codec: str
    codecs: tuple[Codec, ...]
    latents: ak.Array | None
    residuals: dict[str, Residuals]
    observables: dict[str, Floats]

    def tolerance(self, feature: str) -> Tolerance | None:
        """The tolerance that all its values of a feature keep, or None where none is known."""
        if not self.codec:
            return None
        kept = [] if self.codecs else [LOSSLESS]
        for codec in self.codecs:
            if not codec.tolerances_:
                return None
            by_name = {plain_name(name): found for name, found in codec.tolerances_.items()}
            kept.append(by_name.get(feature, LOSSLESS))  # one that was kept as it is
        alike = len({(tolerance.kind, tolerance.floor) for tolerance in kept}) == 1
        return max(kept, key=lambda tolerance: tolerance.value) if alike else None


@dataclass(frozen=True)
class Comparison:
    """An original file and those compressed from it.

    Attributes:
        original: its jets.
        tree: path of the tree that was compared.
        collection: name of the collection.
        files: the others, in the order given.
        observables: of the original; empty where jets stand in no events, or no event has two.
    """

    original: JetFile
    tree: str
    collection: str
    files: tuple[DecodedFile, ...]
    observables: dict[str, Floats]

    @property
    def features(self) -> list[str]:
        """Those that all the files have."""
        names = list(self.original.jets.columns)
        return [name for name in names if all(name in file.residuals for file in self.files)]

    @property
    def momentum(self) -> list[str]:
        """Those of the momenta among them."""
        return [name for name in self.features if name in COORDINATES]

    def observable_residuals(self, file: DecodedFile, name: str) -> Residuals:
        """How far an observable is from the original's: relative for energies."""
        before, after = self.observables[name], file.observables[name]
        with np.errstate(divide="ignore", invalid="ignore"):
            values = after / before - 1 if OBSERVABLES[name].energy else after - before
        return Residuals(name, OBSERVABLES[name].energy, values)


def read_comparison(
    original: PathLike,
    compressed: Sequence[PathLike],
    *,
    tree: str | None = None,
    collection: str | None = None,
    features: Sequence[str] = (),
) -> Comparison:
    """Read the jets of an original file and of files compressed or restored from it.

    Entries that were moved (``order="free"``) are brought back by what numbers the events.

    Args:
        original: the file before compression.
        compressed: files that ``atlasae.compress`` or ``decompress`` wrote.
        tree: path of the tree; by default the one whose jets the first file has compressed.
        collection: its name; by default ``Jet``, else another that the first file has compressed.
        features: of the collection, to be compared beside the momenta.

    Raises:
        InputError: they do not hold the same jets, or no jets at all.
        MissingNameError: a file has no such tree, collection or feature.
        FileError: a file is missing or damaged.
    """
    if not compressed:
        raise InputError("no compressed file to compare with")
    if len({os.fspath(path) for path in compressed}) < len(compressed):
        raise InputError("a compressed file is given twice")
    tree, collection = _chosen(compressed[0], tree, collection)
    with open_root(original) as file, located(os.fspath(original)):
        source, found = find_collection(open_trees(file), tree, collection)
        before = _jets_in(original, file, source, found, features)
    if not len(before.jets):
        raise InputError(f"{os.fspath(original)}: no jets in tree {tree!r}")
    unit = _unit(before.jets)
    names = _names(compressed)
    files = tuple(
        _decoded(path, name, before, tree, collection, features, unit)
        for path, name in zip(compressed, names, strict=True)
    )
    return Comparison(before, tree, collection, files, _observables(before.jets, unit))


def _chosen(path: PathLike, tree: str | None, collection: str | None) -> tuple[str, str]:
    """The tree and the collection to compare: what was compressed comes first."""
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
        source, found = find_collection(trees, tree, collection)
        return source.path, found.name


def _jets_in(
    path: PathLike, file: Any, source: TreeReader, found: Collection, features: Sequence[str]
) -> JetFile:
    """The jets of a collection, and what the file says of them."""
    if not source.num_entries:
        raise InputError(f"no entries in tree {source.path!r}")
    jets = to_table(momenta(source, found, 0, None, features))
    numbers = [
        branch.name
        for branch in source.schema.branches
        if _NUMBERS.fullmatch(branch.name)
        and branch.dtype is not None
        and not branch.jagged
        and np.dtype(branch.dtype).kind in "iu"
    ]
    chunks = [arrays for _, arrays in source.iterate(numbers)]
    return JetFile(
        path=Path(path),
        file_bytes=int(file.file.source.num_bytes),
        jets=jets,
        jet_bytes=sum(branch.source_bytes for branch in _branches(found, features)),
        numbers={
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
) -> DecodedFile:
    codecs: dict[str, Codec] = {}
    latents = []
    with open_root(path) as file, located(os.fspath(path)):
        trees = open_trees(file)
        source, found = find_collection(trees, tree, collection)
        after = _jets_in(path, file, source, found, features)
        branches = {branch.name for branch in _branches(found, features)}
        codec, size = "", after.jet_bytes
        if isinstance(trees, CompressedTrees):
            codec, size = _compressed(info(path), tree, branches)
            for segment, part in _parts_of(trees, tree, branches):
                if part.codec:
                    codecs[part.codec] = trees.container.codecs[part.codec]
                reader = part_reader(trees.container, segment, part, trees.raw(tree))
                if isinstance(reader, LatentReader):
                    latents.append(reader.latents(segment.start, segment.stop))
    with located(f"{os.fspath(path)} against {os.fspath(original.path)}"):
        moved = any(its.reorders for its in codecs.values())
        jets = _in_order(original, after, moved)
        results = residuals(original.jets, jets)
        _check_same(results, original.jets, jets)
    return DecodedFile(
        path=after.path,
        file_bytes=after.file_bytes,
        jets=jets,
        jet_bytes=size,
        numbers=after.numbers,
        name=name,
        codec=codec,
        codecs=tuple(codecs.values()),
        latents=to_records(joined(latents)) if latents else None,
        residuals=results,
        observables=_observables(jets, unit),
    )


def _branches(found: Collection, features: Sequence[str]) -> list[BranchInfo]:
    """Those of the momenta, and of other features."""
    return list(dict.fromkeys([*found.vector.values(), *found.choose(features).values()]))


def _parts_of(trees: CompressedTrees, tree: str, branches: set[str]) -> list[tuple[Segment, Part]]:
    """What these branches were compressed in, segment by segment."""
    return [
        (segment, part)
        for segment in trees.container.segments.get(tree, [])
        for part in segment.manifest.parts
        if branches & set(part.features.values())
    ]


def _compressed(contents: Contents, tree: str, branches: set[str]) -> tuple[str, int | None]:
    """The codecs of these branches, and the bytes that they take."""
    parts = [part for part in contents.parts if part.tree == tree and branches & set(part.before)]
    kept = sum(b.after for b in contents.kept if b.tree == tree and b.name in branches)
    alone = all(set(part.before) <= branches for part in parts)
    size = sum(part.after for part in parts) + kept if alone else None
    return " and ".join(dict.fromkeys(part.codec for part in parts)), size


def _names(paths: Sequence[PathLike]) -> list[str]:
    """File names without suffix, or whole paths where two would be alike."""
    stems = [Path(path).stem for path in paths]
    return stems if len(set(stems)) == len(stems) else [os.fspath(path) for path in paths]


def _unit(jets: Table) -> str | None:
    """That of the original's energies, so that all the files have the same."""
    pt = jets.columns.get("pt")
    return None if pt is None else energy_unit(pt)


def _observables(jets: Table, unit: str | None) -> dict[str, Floats]:
    """The observables, or none where there is nothing to derive."""
    try:
        return observables(jets, unit=unit)
    except InputError:
        return {}


def _in_order(original: JetFile, other: JetFile, moved: bool) -> Table:
    """The jets of the other file in the entries' order of the original.

    Raises:
        InputError: the events are others, or were moved and have no numbers to tell them by.
    """
    shared = [name for name in original.numbers if name in other.numbers]
    if not shared:
        if moved:
            raise InputError(
                "entries were moved (order='free'), and no branch such as 'event' tells where to"
            )
        return other.jets
    first, second = (_rows(file.numbers, shared) for file in (original, other))
    if np.array_equal(first, second):
        return other.jets
    if len(first) != len(second):
        raise InputError(f"not the same events: {len(second):,} entries against {len(first):,}")
    orders = [np.argsort(rows) for rows in (first, second)]
    differ = np.flatnonzero(first[orders[0]] != second[orders[1]])
    if differ.size:
        one, two = (
            rows[order[differ[0]]].tolist()
            for rows, order in zip((second, first), orders[::-1], strict=True)
        )
        raise InputError(f"not the same events: {', '.join(shared)} are {one} against {two}")
    if len(np.unique(first)) < len(first):
        raise InputError(f"entries were moved, and {', '.join(shared)} are not unique")
    order = np.empty(len(first), np.int64)
    order[orders[0]] = orders[1]
    return other.jets.events(order)


def _rows(numbers: Mapping[str, NDArray[Any]], names: Sequence[str]) -> NDArray[Any]:
    """Several numbers of each entry as one that can be sorted and compared."""
    # an unsigned branch of the original may be a signed one after compression
    rows = np.empty(len(numbers[names[0]]), dtype=[(name, np.int64) for name in names])
    for name in names:
        rows[name] = numbers[name].astype(np.int64)
    return rows


def _check_same(results: Mapping[str, Residuals], original: Table, decoded: Table) -> None:
    """Raise InputError where nothing of the decoded jets follows the originals."""
    if len(original) < _FEW:
        return
    # angles first: those of one event's jets are not ordered, as their pt are
    angles = [name for name in results if name in ("eta", "phi")] or list(results)
    followed = []
    for name in angles:
        pair = {
            which: Residuals(name, False, table.columns[name].astype(np.float64))
            for which, table in (("original", original), ("decoded", decoded))
        }
        followed.append(abs(correlation(pair)[0, 1]))
    if max(np.nan_to_num(followed, nan=1.0)) < _LEAST_CORRELATION:
        raise InputError(
            f"not the same jets: decoded {' and '.join(angles)} have nothing to do with the"
            " originals; is this another file, or are its entries in another order?"
        )
