"""How trees name the features of their collections.

NanoAOD writes ``Jet_pt``, ATLAS ``AnalysisJetsAuxDyn.pt`` or ``jet_pt``, Delphes ``Jet.PT``, and
flat trees ``pt``, or ``pt1`` and ``pt2`` for two objects an entry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlasae.errors import AtlasaeError, InputError, MissingNameError
from atlasae.jets.names import find_feature, four_vector, role

if TYPE_CHECKING:
    from collections.abc import Collection as Collections
    from collections.abc import Iterable, Mapping, Sequence

    from atlasae.root.io.branch import BranchInfo, TreeSchema
    from atlasae.root.io.tree import TreeReader

_NAME = re.compile(r"(?P<prefix>(?P<collection>.*)[_.])?(?P<feature>[^\W\d_]+)(?P<number>\d*)")
_POLAR = ("m", "e", "pt", "phi", "eta")  # roles of what makes a 4-vector; m or e may be missing
_CARTESIAN = ("px", "py", "pz", "e", "m")
PREFERRED_TREE, PREFERRED_COLLECTION = "Events", "Jet"


@dataclass(frozen=True)
class Collection:
    """Branches of a tree that belong to one kind of object.

    Attributes:
        name: ``Jet`` for branches such as ``Jet_pt``; empty for plain ``pt``.
        vector: feature to branch, of those that make up its momentum.
        others: feature to branch, of the other numbers with the same counter.
    """

    name: str
    vector: dict[str, BranchInfo]
    others: dict[str, BranchInfo]

    @property
    def first(self) -> BranchInfo:
        """A branch that stands for all: they are jagged alike."""
        return next(iter(self.vector.values()))

    @property
    def four_vector(self) -> tuple[str, ...] | None:
        """The features m, pt, phi, eta by the names they have; None where one is missing."""
        return four_vector(list(self.vector))

    def choose(self, features: Sequence[str]) -> dict[str, BranchInfo]:
        """The branches of a codec's features, by name or, for a 4-vector, by what they are.

        Raises:
            MissingNameError: the collection lacks one.
        """
        where, branches = f"collection {self.name!r}", self.vector | self.others
        return {feature: branches[find_feature(feature, branches, where)] for feature in features}


def find_collections(plan: TreeSchema) -> dict[str, Collection]:
    """The collections with a momentum among the branches of a tree, by name."""
    counters = {branch.counter for branch in plan.branches}
    numbers = [b for b in plan.branches if b.dtype is not None and b.name not in counters]
    found: dict[str, Collection] = {}
    for branch in numbers:
        match = _NAME.fullmatch(branch.name)
        if match is None or _part(match["feature"]) not in ("pt", "px"):
            continue
        prefix, number = match["prefix"] or "", match["number"]
        members = {
            other.name.removeprefix(prefix).removesuffix(number): other
            for other in numbers
            if other.name.startswith(prefix)
            and other.name.endswith(number)
            and _counting(other) == _counting(branch)
        }
        name = (match["collection"] or "") + number
        vector = _vector(members)
        if vector and name not in found:  # pt, eta, phi before px, py, pz where both are there
            others = {n: b for n, b in members.items() if n not in vector}
            found[name] = Collection(name, vector, others)
    return found


def _part(name: str) -> str | None:
    """What a feature is of a momentum."""
    return role(name) or (name.lower() if name.lower() in _CARTESIAN else None)


def _vector(members: dict[str, BranchInfo]) -> dict[str, BranchInfo]:
    """Those that make up a momentum, (m, pt, phi, eta) or (px, py, pz, E); nothing if it is none.

    Of an energy and a mass the mass, which is the smaller number.
    """
    parts = {_part(name): name for name in reversed(list(members))}
    for wanted in (_POLAR, _CARTESIAN):
        needed = [part for part in wanted if part not in ("m", "e")]
        size = [part for part in ("m", "e") if part in parts][:1]
        if all(part in parts and members[parts[part]].is_float for part in needed):
            chosen = [part for part in wanted if part in needed or part in size]
            return {parts[part]: members[parts[part]] for part in chosen}
    return {}


def _counting(branch: BranchInfo) -> str | None:
    """The branch's counter; one word for all vectors, which have counters of their own."""
    return "own" if branch.has_own_counter else branch.counter


def find_collection(
    trees: Mapping[str, TreeReader], tree: str | None, collection: str | None
) -> tuple[TreeReader, Collection]:
    """Find the collection that is meant, and the tree it is in.

    Args:
        trees: of a file.
        tree: path of the tree; by default ``Events``, else the first with a momentum.
        collection: its name; by default ``Jet``, else the first with a momentum.

    Raises:
        MissingNameError: no such tree or collection; the message names the nearest.
        InputError: nothing in the file is a momentum.
    """
    seen: dict[str, list[str]] = {}
    for path in likely_trees(trees, tree):
        collections = find_collections(trees[path].schema)
        seen[path] = list(collections)
        wanted = collection
        if wanted is None and collections:
            wanted = preferred_collection(collections)
        if wanted is not None and wanted in collections:
            return trees[path], collections[wanted]
    raise not_found(seen, collection)


def preferred_collection(collections: Collections[str]) -> str:
    """The collection that is meant where none is named."""
    return PREFERRED_COLLECTION if PREFERRED_COLLECTION in collections else min(collections)


def likely_trees(trees: Iterable[str], tree: str | None) -> list[str]:
    """Paths of trees, the likeliest to be meant first, or only the one asked for."""
    return [tree] if tree else sorted(trees, key=lambda path: path != PREFERRED_TREE)


def not_found(seen: Mapping[str, Sequence[str]], collection: str | None) -> AtlasaeError:
    """What to raise where the trees of a file, and the collections seen in them, have none."""
    if not seen:
        return InputError("no TTree or RNTuple in the file")
    trees = " or ".join(map(repr, seen))
    if collection is not None:
        names = [name for some in seen.values() for name in some]
        return MissingNameError.of("collection", collection, f"tree {trees}", names)
    return InputError(
        f"no jets in {trees}: no branches X_pt, X_eta, X_phi and X_mass (or X_m) of one X;"
        " --pack all (pack='all') compresses any branches"
    )
