"""What becomes of each branch of a file when it is compressed, decided before anything is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from atlasae.errors import InputError, MissingNameError
from atlasae.lossless.slots import can_pack
from atlasae.root.container.restored_tree import RestoredTree
from atlasae.root.io.branch import RNTUPLE, TTREE, BranchInfo
from atlasae.root.io.cpp import BY_ROOT, BY_UPROOT, is_installed
from atlasae.root.io.file import why_unwritable
from atlasae.root.io.rntuple_fields import field_names, is_field_name
from atlasae.root.io.root_branches import addable, may_add
from atlasae.root.known_layouts import Collection, find_collections, likely_trees, not_found
from atlasae.root.planning.counters import counters_with_other_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlasae.root.io.tree import TreeReader

PACKS = ("none", "all")
TARGETS = ("same", TTREE, RNTUPLE)


@dataclass(frozen=True)
class Selection:
    """Which trees, collections and branches to compress.

    Each list can also be given as a string with commas, such as ``"Jet,Muon"``.

    Attributes:
        tree: path of the one tree to compress; None for all.
        collections: names of the collections to compress; empty for all.
        branches: patterns, such as ``Jet_*``, of the branches that may be compressed.
        keep_branches: patterns of branches to keep as they are.
        drop: patterns of branches to leave out.
        all_floats: whether all float branches of a collection are compressed, not only its
            momentum.

    Raises:
        InputError: something else than names is given, or a list with commas names nothing.

    Example:
        >>> Selection(collections="Jet,Muon", keep_branches=["Jet_phi"]).collections
        ('Jet', 'Muon')
    """

    tree: str | None = None
    collections: Sequence[str] = ()
    branches: Sequence[str] = ("*",)
    keep_branches: Sequence[str] = ()
    drop: Sequence[str] = ()
    all_floats: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.tree, str | None):
            raise InputError(f"tree={self.tree!r} is not the path of a tree")
        for name in ("collections", "branches", "keep_branches", "drop"):
            object.__setattr__(self, name, _names(name, getattr(self, name)))

    def keeps(self, branch: str) -> bool:
        """Whether a branch is kept as it is."""
        return _matches(branch, self.keep_branches)

    def drops(self, branch: str) -> bool:
        """Whether a branch is left out."""
        return _matches(branch, self.drop)

    def allows(self, branch: str) -> bool:
        """Whether a codec may compress a branch."""
        return _matches(branch, self.branches) and not self.keeps(branch)


def _names(attribute: str, value: Any) -> tuple[str, ...]:
    """Names from a list of them, or from a string with commas; empty for an empty one.

    Raises:
        InputError: it is neither, or not empty and names nothing.
    """
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, Iterable) or not all(isinstance(item, str) for item in listed):
        raise InputError(f"{attribute}={value!r} must be names: 'Jet,Muon', or a list of them")
    names = tuple(name.strip() for name in listed if name.strip())
    if value and not names:
        raise InputError(f"{attribute}={value!r} names nothing; leave it out for the default")
    return names


@dataclass
class TreePlan:
    """What becomes of the branches of one tree.

    Attributes:
        source: the tree to read.
        kind: of tree to write, ``ttree`` or ``rntuple``.
        branches: those carried over, compressed or not.
        collections: those to compress with a codec, reduced to the branches that may be.
        packs: whether the other branches are packed.
        select: what the user selected.
        unwritable: branch name to why it cannot be written.
        packed_only: branch name to why it can be packed, but not written by ``decompress`` into
            such a tree.
        dropped: names of branches left out as requested.
        by_root: branches that ROOT adds to the tree, as uproot cannot write them.
        cloned: whether ROOT copies the branches that are neither compressed nor dropped.
        kept: names of the branches that nobody could write if they were packed.
    """

    source: TreeReader
    kind: str
    branches: tuple[BranchInfo, ...]
    collections: list[Collection]
    packs: bool
    select: Selection
    unwritable: dict[str, str] = field(default_factory=dict)
    packed_only: dict[str, str] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    by_root: list[BranchInfo] = field(default_factory=list)
    cloned: bool = False
    kept: frozenset[str] = frozenset()

    def changes(self) -> dict[str, str]:
        """How branches change when they are written, other than in their values."""
        names = [branch.name for branch in self.branches]
        changed = self.source.schema.changes(self.kind, names)
        if self.kind == RNTUPLE:
            for name, field_name in field_names(names).items():
                if field_name != name:
                    notes = [changed.get(name, ""), f"ROOT takes no such name: {field_name}"]
                    changed[name] = "; ".join(filter(None, notes))
        return changed

    def branches_to_pack(self, coded: Iterable[str]) -> list[BranchInfo]:
        """The branches to pack: those that no codec takes and that are not kept."""
        coded = set(coded)
        return [
            branch
            for branch in self.branches
            if self.packs
            and branch.name not in coded
            and branch.name not in self.kept
            and _is_packed(branch, self.select)
        ]


def _is_packed(branch: BranchInfo, select: Selection) -> bool:
    """Whether a branch of a packed tree is packed, if no codec takes it, and not kept."""
    return not select.keeps(branch.name) and can_pack(branch.type)


def plan_trees(
    trees: Mapping[str, TreeReader],
    select: Selection,
    *,
    pack: str,
    to: str,
    writer: str = BY_UPROOT,
) -> list[TreePlan]:
    """Decide on every tree of a file.

    Args:
        trees: of the file, by path.
        select: what to compress.
        pack: ``all`` to pack the branches that no codec takes, or ``none``.
        to: kind of tree to write: ``ttree``, ``rntuple``, or the ``same`` as in the source.
        writer: ``root`` to have the branches that are kept copied by ROOT.

    Raises:
        MissingNameError: there is no such tree, collection or branch.
        InputError: there is nothing to compress.
    """
    wanted = likely_trees(trees, select.tree)
    paths = [*wanted, *(path for path in trees if path not in wanted)]
    plans = [_plan_tree(trees[path], select, to, pack, writer, path in wanted) for path in paths]
    _check_patterns(plans, select)
    planned = {collection.name for plan in plans for collection in plan.collections}
    seen = {path: list(find_collections(trees[path].schema)) for path in wanted}
    for name in select.collections:
        if name not in planned:
            raise not_found(seen, name)
    if not planned and (pack == "none" or not plans):
        raise not_found(seen, None)
    _check_any_branch([plan for plan in plans if plan.source.path in wanted])
    return plans


def _check_any_branch(plans: Sequence[TreePlan]) -> None:
    """Raise InputError if there are branches, and none of them can be carried over."""
    unwritable = _unwritable(plans)
    if unwritable and not any(plan.branches for plan in plans):
        raise InputError(f"there is no branch that can be read: {_listed(unwritable)}")


def plan_copy(trees: Mapping[str, TreeReader], to: str = "same") -> list[TreePlan]:
    """Plans that compress nothing; what uproot cannot write is left to ROOT, where it is installed."""
    plans = [_plan_tree(tree, Selection(), to, "none", BY_UPROOT, False) for tree in trees.values()]
    leave_to_root(plans)
    return plans


def holding_all(plan: TreePlan) -> TreePlan:
    """The plan of a copy, or one of an RNTuple where only that holds all of its tree."""
    if plan.kind == RNTUPLE or not plan.unwritable or plan.cloned:
        return plan
    (other,) = plan_copy({plan.source.path: plan.source}, RNTUPLE)
    return plan if other.unwritable else other


def leave_to_root(plans: Iterable[TreePlan]) -> None:
    """Leave what uproot cannot write to ROOT, where it is installed."""
    for plan in plans:
        if candidates := _for_root(plan):
            plan.by_root = addable(candidates) if is_installed() else []
            for branch in plan.by_root:
                del plan.unwritable[branch.name]


def _for_root(plan: TreePlan) -> list[BranchInfo]:
    """The branches of a tree that uproot cannot write, and ROOT may."""
    branches = plan.source.schema.branches if plan.kind == TTREE else ()
    return [b for b in branches if b.name in plan.unwritable and may_add(b)]


def _plan_tree(
    source: TreeReader, select: Selection, to: str, pack: str, writer: str, is_wanted: bool
) -> TreePlan:
    schema = source.schema
    kind = source.kind if to == "same" else to
    if kind == RNTUPLE and not is_field_name(source.path.rpartition("/")[2]):
        raise InputError(
            f"ROOT takes no RNTuple of the name of tree {source.path!r}: use --to ttree"
        )
    packs = is_wanted and pack == "all"
    dropped = [branch.name for branch in schema.branches if select.drops(branch.name)]
    cloned = (
        writer == BY_ROOT
        and kind == source.kind == TTREE
        and source.num_entries == source.tree.num_entries  # which ROOT goes by
    )
    unreadable = {n: why for n, why in schema.left_out.items() if not select.drops(n)}
    unwritable = {} if cloned else unreadable
    reasons = _not_written_into(kind, source, dropped)
    branches, packed_only, kept = [], {}, set()
    for branch in schema.branches:
        if branch.name in dropped:
            continue
        why = reasons.get(branch.name)
        is_packed = packs and _is_packed(branch, select)
        if why and not (is_packed or cloned):
            unwritable[branch.name] = why
            continue
        branches.append(branch)
        if why and cloned and not may_add(branch):
            kept.add(branch.name)
        elif why and is_packed:
            packed_only[branch.name] = f"packed only ({why}): {_ways_back(branch, kind)}"
    collections = _plan_collections(source, select, dropped) if is_wanted else []
    return TreePlan(
        source,
        kind,
        tuple(branches),
        collections,
        packs,
        select,
        unwritable,
        packed_only,
        dropped,
        cloned=cloned,
        kept=frozenset(kept),
    )


def _not_written_into(kind: str, source: TreeReader, dropped: Sequence[str]) -> dict[str, str]:
    """The branches that cannot be written into such a tree, and why."""
    wanted = [branch for branch in source.schema.branches if branch.name not in dropped]
    reasons = {branch.name: why for branch in wanted if (why := why_unwritable(branch, kind))}
    if kind == TTREE:
        written = [branch for branch in wanted if branch.name not in reasons]
        reasons |= counters_with_other_values(source, written)
    return reasons


def _ways_back(branch: BranchInfo, kind: str) -> str:
    """How to get at a branch that is packed, and cannot be written into such a tree."""
    ways = ["with --to rntuple"] if kind == TTREE and not why_unwritable(branch, RNTUPLE) else []
    if kind == TTREE and may_add(branch):
        ways.append("where ROOT is installed")
    if ways:
        return f"read it with atlasae.open, or decompress {' or '.join(ways)}"
    return "read it with atlasae.open; decompress leaves it out with --drop-unwritable"


def _plan_collections(
    source: TreeReader, select: Selection, dropped: Sequence[str]
) -> list[Collection]:
    """The selected collections, reduced to the branches that may be compressed."""

    def allowed(features: Mapping[str, BranchInfo]) -> dict[str, BranchInfo]:
        return {
            feature: branch
            for feature, branch in features.items()
            if branch.name not in dropped and select.allows(branch.name)
        }

    collections = []
    for collection in find_collections(source.schema).values():
        if select.collections and collection.name not in select.collections:
            continue
        if vector := allowed(collection.vector):
            collections.append(Collection(collection.name, vector, allowed(collection.others)))
    return collections


def _check_patterns(plans: Sequence[TreePlan], select: Selection) -> None:
    """Raise MissingNameError for a pattern that matches no branch: it is mistyped."""
    names = [
        name for plan in plans for name in (*plan.source.schema.names, *plan.source.schema.left_out)
    ]
    for pattern in (*select.branches, *select.keep_branches, *select.drop):
        if not any(_matches(name, (pattern,)) for name in names) and (names or pattern != "*"):
            raise MissingNameError.of("branch", pattern, "the trees", names)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def check_writable(
    plans: Sequence[TreePlan], objects: Mapping[str, str], *, drop: bool
) -> dict[str, str]:
    """What cannot be written, by path or ``path:branch``.

    Args:
        plans: of all trees.
        objects: path to why it cannot be written, of histograms and other objects.
        drop: whether to leave it out.

    Raises:
        InputError: there is something that cannot be written, and it is not to be dropped.
    """
    unwritable = {**objects, **_unwritable(plans)}
    if not unwritable or drop:
        return unwritable
    raise InputError(
        f"cannot write {_listed(unwritable)}. You can {', or '.join(_ways_out(plans))}"
    )


def _unwritable(plans: Iterable[TreePlan]) -> dict[str, str]:
    """Why branches cannot be written, by path and name."""
    return {f"{p.source.path}:{name}": why for p in plans for name, why in p.unwritable.items()}


def _listed(reasons: Mapping[str, str]) -> str:
    """Names, those with one reason together."""
    names_by_reason: dict[str, list[str]] = {}
    for name, why in reasons.items():
        names_by_reason.setdefault(why, []).append(name)
    return "; ".join(f"{', '.join(names)}: {why}" for why, names in names_by_reason.items())


def _ways_out(plans: Sequence[TreePlan]) -> list[str]:
    """What the user can do about branches that cannot be written."""
    ways = ["leave them out with --drop-unwritable (drop_unwritable=True)"]
    if not is_installed() and any(map(_for_root, plans)):
        ways.append("let ROOT write them, after pip install 'atlasae[root]'")
    elif is_installed() and any(plan.source.kind == plan.kind == TTREE for plan in plans):
        ways.append("have ROOT copy what is kept as it is, with --writer root (writer='root')")
    in_rntuple = [
        name
        for plan in plans
        if plan.kind == TTREE
        for name in plan.unwritable
        if name in plan.source.schema.names
        and not why_unwritable(plan.source.schema[name], RNTUPLE)
    ]
    if in_rntuple:
        ways.append(
            f"write an RNTuple, which can hold {len(in_rntuple)} of them, with --to rntuple"
        )
        if not any(plan.packs or isinstance(plan.source, RestoredTree) for plan in plans):
            ways.append("pack all branches with --pack all")
    return ways
