"""What becomes of each branch of a file when it is compressed: decided before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from atlasae.errors import InputError, MissingNameError
from atlasae.root.collections import Collection, find_collections, likely_trees, not_found
from atlasae.root.io.branch import RNTUPLE, TTREE, BranchInfo
from atlasae.root.io.file import why_unwritable

if TYPE_CHECKING:
    from collections.abc import Collection as Names
    from collections.abc import Iterable, Mapping, Sequence

    from atlasae.root.io.tree import TreeReader

PACKS = ("none", "all")
TARGETS = ("same", TTREE, RNTUPLE)
_OWN_GROUP = 16  # branches of one prefix that are packed apart from the rest,
_LARGE = 2_000_000  # in a tree of so many branches times entries; together they take less room


@dataclass(frozen=True)
class Selection:
    """What the user wants of each branch.

    Attributes:
        tree: the one tree to compress; None for all.
        collections: names of those to compress; empty for all.
        branches: patterns, such as ``Jet_*``, of the branches that may be compressed.
        keep: patterns of those that stay as they are.
        drop: patterns of those to leave out.
        all_floats: whether all float branches of a collection are compressed with its 4-vector.
        pack: ``all`` to pack what is not compressed column by column, or ``none``.
        to: what to write, ``ttree``, ``rntuple`` or the ``same`` as the source.
    """

    tree: str | None = None
    collections: tuple[str, ...] = ()
    branches: tuple[str, ...] = ("*",)
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    all_floats: bool = False
    pack: str = "none"
    to: str = "same"


@dataclass
class TreePlan:
    """What becomes of the branches of one tree.

    Attributes:
        source: the tree.
        kind: what is written.
        branches: those that come along, compressed or not.
        coded: collections to be compressed with a codec, only with branches that may be.
        packs: whether the rest is packed.
        selection: what the user wants.
        unwritable: branch to why it cannot be written.
        dropped: branches left out as asked.
    """

    source: TreeReader
    kind: str
    branches: tuple[BranchInfo, ...]
    coded: list[Collection]
    packs: bool
    selection: Selection
    unwritable: dict[str, str] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)

    def packed(self, coded: Iterable[str]) -> dict[str, list[str]]:
        """The branches to pack, grouped by what they have in common, but those that are coded."""
        coded = set(coded)
        counters = {branch.counter for branch in self.branches}
        groups: dict[str, list[str]] = {}
        for branch in self.branches:
            if (
                self.packs
                and branch.name not in coded
                and not _matches(branch.name, self.selection.keep)
            ):
                groups.setdefault(_group(branch, counters), []).append(branch.name)
        large = self.source.num_entries * len(self.branches) >= _LARGE
        small = [group for group in groups if not large or len(groups[group]) < _OWN_GROUP]
        rest = [name for group in small for name in groups.pop(group)]
        return groups | ({"": rest} if rest else {})


def _group(branch: BranchInfo, counters: Names[str | None]) -> str:
    """Branches of one collection, or of one prefix, are packed together."""
    if branch.name in counters:
        return branch.name
    if branch.counter is not None and not branch.has_own_counter:
        return branch.counter
    prefix, dot, _ = branch.name.partition(".")
    return prefix if dot else branch.name.partition("_")[0]


def plan_trees(trees: Mapping[str, TreeReader], selection: Selection) -> list[TreePlan]:
    """Decide on every tree of a file.

    Raises:
        MissingNameError: there is no such tree, collection or branch.
        InputError: there is nothing to compress.
    """
    wanted = likely_trees(trees, selection.tree)
    paths = [*wanted, *(path for path in trees if path not in wanted)]
    schemes = [_scheme(trees[path], selection, path in wanted) for path in paths]
    _check_patterns(schemes, selection)
    coded = {collection.name for scheme in schemes for collection in scheme.coded}
    seen = {path: list(find_collections(trees[path].plan)) for path in wanted}
    for name in selection.collections:
        if name not in coded:
            raise not_found(seen, name)
    if not coded and not any(scheme.packs and scheme.branches for scheme in schemes):
        raise not_found(seen, None)
    return schemes


def plan_copy(trees: Mapping[str, TreeReader], selection: Selection) -> list[TreePlan]:
    """The schemes that compress nothing."""
    return [_scheme(tree, selection, wanted=False) for tree in trees.values()]


def _scheme(source: TreeReader, selection: Selection, wanted: bool) -> TreePlan:
    plan = source.plan
    kind = source.kind if selection.to == "same" else selection.to
    dropped = [b.name for b in plan.branches if _matches(b.name, selection.drop)]
    branches = [b for b in plan.branches if b.name not in dropped]
    coded = []
    for collection in find_collections(plan).values() if wanted else ():
        if selection.collections and collection.name not in selection.collections:
            continue
        vector, others = (
            {
                name: branch
                for name, branch in features.items()
                if branch in branches
                and _matches(branch.name, selection.branches)
                and not _matches(branch.name, selection.keep)
            }
            for features in (collection.vector, collection.others)
        )
        if vector:
            coded.append(Collection(collection.name, vector, others))
    packs = wanted and selection.pack == "all"
    unwritable = {
        name: why for name, why in plan.left_out.items() if not _matches(name, selection.drop)
    }
    for branch in branches:
        if packs and not _matches(branch.name, selection.keep):
            continue
        if why := why_unwritable(branch, kind):
            unwritable[branch.name] = why
    branches = [b for b in branches if b.name not in unwritable]
    return TreePlan(source, kind, tuple(branches), coded, packs, selection, unwritable, dropped)


def _check_patterns(schemes: Sequence[TreePlan], selection: Selection) -> None:
    """Raise MissingNameError for a pattern that no branch matches: it was mistyped."""
    names = [
        name
        for scheme in schemes
        for name in (*scheme.source.plan.names, *scheme.source.plan.left_out)
    ]
    for pattern in (*selection.branches, *selection.keep, *selection.drop):
        if not any(_matches(name, (pattern,)) for name in names) and (names or pattern != "*"):
            raise MissingNameError.of("branch", pattern, "the trees", names)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def check_writable(
    schemes: Sequence[TreePlan], objects: Mapping[str, str], *, drop: bool
) -> dict[str, str]:
    """What cannot come along, by path or ``path:branch``.

    Raises:
        InputError: there is something, and it is not to be dropped.
    """
    found = dict(objects)
    for scheme in schemes:
        found |= {f"{scheme.source.path}:{name}": why for name, why in scheme.unwritable.items()}
    if not found or drop:
        return found
    reasons: dict[str, list[str]] = {}
    for name, why in found.items():
        reasons.setdefault(why, []).append(name)
    listed = "; ".join(f"{', '.join(names)}: {why}" for why, names in reasons.items())
    ways = ["leave them out with --drop-unwritable (drop_unwritable=True)"]
    held = [
        scheme
        for scheme in schemes
        if scheme.kind == TTREE
        for name in scheme.unwritable
        if name in scheme.source.plan.names
        and not why_unwritable(scheme.source.plan[name], RNTUPLE)
    ]
    if held:
        ways.append(f"write an RNTuple, which can hold {len(held)} of them, with --to rntuple")
        if not any(scheme.packs for scheme in schemes):
            ways.append("pack all branches with --pack all")
    raise InputError(f"cannot carry {listed}. Either {', or '.join(ways)}")
