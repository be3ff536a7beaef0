"""How trees name the features of their collections."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from atlasae.errors import InputError, MissingNameError
from atlasae.features import find_feature, four_vector, role
from atlasae.trees import Branch, Plan, find_tree, plan_tree, trees_in

_NAME = re.compile(r"(?P<prefix>(?P<collection>.*)[_.])?(?P<feature>[^_.]+)")
PREFERRED_TREE, PREFERRED_COLLECTION = "Events", "Jet"


@dataclass(frozen=True)
class Collection:
    """Branches of a tree that belong to one kind of object.

    Attributes:
        name: ``Jet`` for branches such as ``Jet_pt``; empty for plain ``pt``.
        branches: feature to branch; the numeric ones that share the counter of its pt.
    """

    name: str
    branches: dict[str, Branch]

    @property
    def pt(self) -> Branch:
        """The branch of the transverse momentum."""
        return next(branch for name, branch in self.branches.items() if role(name) == "pt")

    def choose(self, features: Sequence[str]) -> dict[str, Branch]:
        """The branches of a codec's features, by name or, for a 4-vector, by what they are.

        Raises:
            MissingNameError: the collection lacks one.
        """
        where = f"collection {self.name!r}"
        return {
            feature: self.branches[find_feature(feature, self.branches, where)]
            for feature in features
        }


def collections_in(plan: Plan) -> dict[str, Collection]:
    """The collections with a whole 4-vector among the branches of a tree, by name."""
    counters = {branch.counter for branch in plan.branches}
    numbers = [b for b in plan.branches if b.is_number and b.name not in counters]
    found = {}
    for pt in numbers:
        match = _NAME.fullmatch(pt.name)
        if match is None or role(match["feature"]) != "pt":
            continue
        prefix = match["prefix"] or ""
        members = {
            branch.name.removeprefix(prefix): branch
            for branch in numbers
            if branch.name.startswith(prefix) and _counting(branch) == _counting(pt)
        }
        if four_vector(list(members)):
            name = match["collection"] or ""
            found[name] = Collection(name, members)
    return found


def _counting(branch: Branch) -> str | None:
    """The branch's counter; one word for all vectors, which have counters of their own."""
    return "own" if branch.has_own_counter else branch.counter


@dataclass(frozen=True)
class Found:
    """A collection, and the tree it is in."""

    path: str
    tree: Any
    plan: Plan
    collection: Collection


def find_collection(file: Any, tree: str | None, collection: str | None) -> Found:
    """Find the collection to compress.

    Args:
        file: an open ROOT file.
        tree: path of the tree; by default ``Events``, else the first with a 4-vector.
        collection: its name; by default ``Jet``, else the first with a 4-vector.

    Raises:
        MissingNameError: no such tree or collection; the message names the nearest.
        InputError: nothing in the file is a 4-vector, or the tree is empty.
    """
    paths = [tree] if tree else sorted(trees_in(file), key=lambda path: path != PREFERRED_TREE)
    seen: dict[str, list[str]] = {}
    for path in paths:
        opened = find_tree(file, path)
        plan = plan_tree(opened)
        collections = collections_in(plan)
        seen[path] = list(collections)
        wanted = collection
        if wanted is None and collections:
            wanted = (
                PREFERRED_COLLECTION if PREFERRED_COLLECTION in collections else min(collections)
            )
        if wanted is not None and wanted in collections:
            if opened.num_entries == 0:
                raise InputError(f"{file.file_path}: tree {path!r} has no entries")
            return Found(path, opened, plan, collections[wanted])
    if not paths:
        raise InputError(_no_trees(file))
    if collection is not None:
        names = [name for some in seen.values() for name in some]
        where = f"tree {' or '.join(map(repr, seen))} of {file.file_path}"
        raise MissingNameError.of("collection", collection, where, names)
    raise InputError(
        f"{file.file_path}: no jets in {', '.join(map(repr, seen))}: no branches"
        " X_pt, X_eta, X_phi and X_mass (or X_m) of one X"
    )


def _no_trees(file: Any) -> str:
    others = sorted({str(name) for name in file.classnames().values()})
    if "ROOT::RNTuple" in others:
        return f"{file.file_path}: an RNTuple, which this version does not read; it takes TTrees"
    return f"{file.file_path}: no TTree in the file (it holds {', '.join(others) or 'nothing'})"
