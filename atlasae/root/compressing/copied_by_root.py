"""Trees of a compressed file whose kept branches ROOT copies."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from atlasae.errors import InputError
from atlasae.root.container.restored_tree import CompressedTrees, RestoredTree
from atlasae.root.io.branch import TTREE
from atlasae.root.io.file import open_root
from atlasae.root.io.mark import PLACEHOLDER, marked
from atlasae.root.io.root_branches import addable
from atlasae.root.io.root_files import Clone
from atlasae.root.io.tree import TreeWriter
from atlasae.root.io.ttree import TTreeReader

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from atlasae.root.container.part_writers import PartWriter
    from atlasae.root.fitting.codec_fitting import TreeCodecs
    from atlasae.root.io.branch import BranchInfo
    from atlasae.root.planning.plan import TreePlan
    from atlasae.types import PathLike


class LeftToRoot(TreeWriter):
    """In place of the writer of a tree that ROOT copies.

    Args:
        writers: of what is compressed.

    Raises:
        InputError: one of them has branches to write into the tree.
    """

    def __init__(self, writers: Sequence[PartWriter]) -> None:
        if any(writer.branches for writer in writers):
            raise InputError(
                "latents are branches of the tree, which --writer root (writer='root') cannot add:"
                " use --writer uproot, or a bounded codec"
            )

    def extend(self, arrays: Mapping[str, Any]) -> None:
        """ROOT will."""

    def finish(self) -> None:
        """ROOT will."""


def is_copied(plan: TreePlan, compressed: Collection[str]) -> bool:
    """Whether ROOT has something to copy of a tree whose other branches are compressed."""
    if not plan.cloned:
        return False
    left = {*plan.source.schema.names, *plan.source.schema.left_out}
    return bool(left - {*compressed, *plan.dropped})


def clone_of(plan: TreePlan, codecs: TreeCodecs) -> Clone | None:
    """What ROOT copies of a tree to compress; None if that is nothing."""
    coded = [branch for one in codecs.collections for branch in one.branches]
    compressed = {*coded, *(branch.name for branch in codecs.packed)}
    source = plan.source
    if not is_copied(plan, compressed):
        return None
    assert isinstance(source, TTreeReader)
    title = marked(source.title) if compressed else source.title
    return Clone.without(source, title, {*compressed, *plan.dropped})


def _with_type(branch: BranchInfo, names: Collection[str]) -> BranchInfo:
    """A list of numbers whose counter is no branch, as a vector."""
    if branch.cpp_type or branch.counter is None or branch.counter in names:
        return branch
    number = {"float32": "float", "float64": "double", "bool": "bool"}.get(branch.dtype or "")
    return replace(branch, cpp_type=f"std::vector<{number or f'{branch.dtype}_t'}>")


def require_readable(path: PathLike) -> None:
    """Raise DamagedFileError unless atlasae can read what ROOT has copied into a file."""
    with open_root(path) as file:
        for tree in CompressedTrees(file).restored.values():
            tree.schema  # noqa: B018  read at its first use


def leave_all_to_root(plans: Iterable[TreePlan]) -> list[Clone]:
    """Let ROOT write whole TTrees that are restored; gives what it copies of them.

    What is kept is copied, and what is decoded is added.
    """
    clones = []
    for plan in plans:
        source = plan.source
        if plan.kind != TTREE or not isinstance(source, RestoredTree):
            continue
        manifest = source.segments[0].manifest
        decoded = [_with_type(branch, source.names) for branch in source.schema.branches]
        plan.unwritable = {}
        if isinstance(source.stored, TTreeReader):
            kept = [branch.name for branch in manifest.kept]
            own = {*(name for part in manifest.parts for name in part.latents), PLACEHOLDER.name}
            left_out = own & {*source.stored.names}
            if kept or source.schema.left_out:
                clones.append(Clone.without(source.stored, source.title, left_out))
                plan.cloned = True
                there = {*kept, *source.stored.names} - source.stored.holders  # counters, too
                decoded = [branch for branch in decoded if branch.name not in there]
        else:
            plan.unwritable = dict(source.schema.left_out)
        plan.branches, plan.by_root = (), addable(decoded)
        added = {branch.name for branch in plan.by_root}
        plan.unwritable |= {
            branch.name: f"ROOT cannot write {branch.cpp_type or branch.type}"
            for branch in decoded
            if branch.name not in added
        }
    return clones
