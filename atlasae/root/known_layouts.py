"""Finds the collections of a tree by the names of its branches.

Known file layouts: NanoAOD has ``Jet_pt``, ATLAS ``AnalysisJetsAuxDyn.pt`` or ``jet_pt``, Delphes
``Jet.PT``. Flat trees have ``pt``, or ``pt1`` and ``pt2`` for two objects per entry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlasae.errors import AtlasaeError, InputError, MissingNameError
from atlasae.jets.names import find_feature, role

if TYPE_CHECKING:
    from collections.abc import Collection as Collections
    from collections.abc import Iterable, Mapping, Sequence

    from atlasae.root.io.branch import BranchInfo, TreeSchema
    from atlasae.root.io.tree import TreeReader

_NAME = re.compile(r"(?P<prefix>(?P<collection>.*)[_.])?(?P<feature>[^\W\d_]+)(?P<number>\d*)")
_POLAR = ("m", "e", "pt", "phi", "eta")  # features of a momentum; m and e may be missing
_CARTESIAN = ("px", "py", "pz", "e", "m")
PREFERRED_TREE, PREFERRED_COLLECTION = "Events", "Jet"


@dataclass(frozen=True)
class Collection:
    """The branches of one kind of object in a tree.

    Attributes:
        name: ``Jet`` for branches such as ``Jet_pt``; empty for a branch ``pt``.
        vector: the branches of the momentum, by feature.
        others: the other branches of numbers with the same counter, by feature.
    """

    name: str
    vector: dict[str, BranchInfo]
    others: dict[str, BranchInfo]

    @property
    def first(self) -> BranchInfo:
        """The first branch of the momentum; all have the same number of objects per entry."""
        return next(iter(self.vector.values()))

    def choose(self, features: Sequence[str]) -> dict[str, BranchInfo]:
        """The branches of a codec's features, by feature.

        A feature of a 4-vector may have another name: ``m`` also finds ``mass``.

        Raises:
            MissingNameError: the collection lacks a feature; the message names the nearest.
        """
        where, branches = f"collection {self.name!r}", self.vector | self.others
        return {feature: branches[find_feature(feature, branches, where)] for feature in features}


def find_collections(schema: TreeSchema) -> dict[str, Collection]:
    """The collections of a tree that have a momentum, by name.

    Example:
        >>> from atlasae.root.io.branch import BranchInfo, TreeSchema
        >>> names = ["Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass", "Jet_btag"]
        >>> schema = TreeSchema(tuple(BranchInfo(n, "var * float32", "nJet") for n in names))
        >>> jet = find_collections(schema)["Jet"]
        >>> list(jet.vector), list(jet.others)
        (['mass', 'pt', 'phi', 'eta'], ['btag'])
    """
    counters = {branch.counter for branch in schema.branches}
    numbers = [b for b in schema.branches if b.dtype is not None and b.name not in counters]
    collections: dict[str, Collection] = {}
    for branch in numbers:
        match = _NAME.fullmatch(branch.name)
        if match is None or _coordinate(match["feature"]) not in ("pt", "px"):
            continue
        prefix, number = match["prefix"] or "", match["number"]
        members = {
            other.name.removeprefix(prefix).removesuffix(number): other
            for other in numbers
            if other.name.startswith(prefix)
            and other.name.endswith(number)
            and _shared_counter(other) == _shared_counter(branch)
        }
        name = (match["collection"] or "") + number
        vector = _momentum(members)
        if vector and name not in collections:
            others = {n: b for n, b in members.items() if n not in vector}
            collections[name] = Collection(name, vector, others)
    return collections


def _coordinate(name: str) -> str | None:
    """The coordinate of a momentum that a feature is; None if it is not one."""
    return role(name) or (name.lower() if name.lower() in _CARTESIAN else None)


def _momentum(members: dict[str, BranchInfo]) -> dict[str, BranchInfo]:
    """The features of a momentum, (m, pt, phi, eta) or (px, py, pz, E); empty if there is none.

    The polar coordinates are preferred. If there are an energy and a mass, the mass is taken: it
    is the smaller number.
    """
    features = {_coordinate(name): name for name in reversed(list(members))}
    for coordinates in (_POLAR, _CARTESIAN):
        required = [c for c in coordinates if c not in ("m", "e")]
        mass_or_energy = [c for c in ("m", "e") if c in features][:1]
        if all(c in features and members[features[c]].is_float for c in required):
            chosen = [c for c in coordinates if c in required or c in mass_or_energy]
            return {features[c]: members[features[c]] for c in chosen}
    return {}


def _shared_counter(branch: BranchInfo) -> str | None:
    """The counter of a branch; the same word for all branches with a counter of their own."""
    return "own" if branch.has_own_counter else branch.counter


def find_collection(
    trees: Mapping[str, TreeReader], tree: str | None, collection: str | None
) -> tuple[TreeReader, Collection]:
    """Find a collection, and the tree that has it.

    Args:
        trees: readers of the trees of a file, by path.
        tree: path of the tree; by default ``Events``, else the first with a collection.
        collection: name of the collection; by default ``Jet``, else the first by name.

    Raises:
        MissingNameError: there is no such tree or collection; the message names the nearest.
        InputError: no tree has a collection with a momentum.
    """
    seen: dict[str, list[str]] = {}
    for path in likely_trees(trees, tree):
        collections = find_collections(trees[path].schema)
        seen[path] = list(collections)
        if collections:
            name = preferred_collection(collections) if collection is None else collection
            if name in collections:
                return trees[path], collections[name]
    raise not_found(seen, collection)


def preferred_collection(collections: Collections[str]) -> str:
    """The collection to use if none is named: ``Jet``, else the first by name."""
    return PREFERRED_COLLECTION if PREFERRED_COLLECTION in collections else min(collections)


def likely_trees(trees: Iterable[str], tree: str | None) -> list[str]:
    """Paths of the trees to search, ``Events`` first; only the given one if there is one."""
    return [tree] if tree is not None else sorted(trees, key=lambda path: path != PREFERRED_TREE)


def not_found(seen: Mapping[str, Sequence[str]], collection: str | None) -> AtlasaeError:
    """The error for a collection that no tree has.

    Args:
        seen: names of the collections of each tree, by its path.
        collection: name of the collection; None if any would do.
    """
    if not seen:
        return InputError("no TTree or RNTuple in the file")
    trees = " or ".join(map(repr, seen))
    if collection is not None:
        names = [name for of_tree in seen.values() for name in of_tree]
        return MissingNameError.of("collection", collection, f"tree {trees}", names)
    return InputError(
        f"no collection with a momentum in {trees}: no selected branches such as X_pt, X_eta and"
        " X_phi of one X; --pack all (pack='all') compresses any branches"
    )
