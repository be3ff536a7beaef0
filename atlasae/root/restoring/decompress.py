"""Restore a ROOT file that was compressed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlasae.atomic_write import atomic_write
from atlasae.errors import located, require_choice
from atlasae.root.compressing.copied_by_root import leave_all_to_root
from atlasae.root.container.container import open_as
from atlasae.root.container.manifest import add_notes, notes_of
from atlasae.root.container.restored_tree import READ_BY_ROOT, CompressedTrees
from atlasae.root.io.branch import TTREE
from atlasae.root.io.cpp import BY_ROOT, require_library
from atlasae.root.io.objects import objects_in
from atlasae.root.io.root_branches import change
from atlasae.root.io.tree import STEP_SIZE, check_step_size
from atlasae.root.planning.plan import TARGETS, TreePlan, check_writable, holding_all, plan_copy
from atlasae.root.restoring.copies import write_copy
from atlasae.threads import thread_count

if TYPE_CHECKING:
    from atlasae.types import PathLike

_WITHOUT_BRANCHES = "it has no branch that can be written"


@dataclass(frozen=True)
class Notes:
    """What is not as it was before compression, by path or ``path:branch``.

    Attributes:
        changed: what changed other than values, such as the type of a counter.
        left_out: what is missing, and why.
    """

    changed: dict[str, str]
    left_out: dict[str, str]


def decompress(
    source: PathLike,
    target: PathLike,
    *,
    to: str = "same",
    drop_unwritable: bool = False,
    writer: str = "uproot",
    step_size: str | int = STEP_SIZE,
    threads: int | None = None,
    force: bool = False,
    progress: bool = False,
) -> Notes:
    """Restore a file that ``compress`` wrote: the original names, dtypes and counters.

    Branches of a TTree that uproot cannot write, such as ``std::vector<TLorentzVector>``, are
    written by ROOT, where it is installed; it may compile their classes, in about ten seconds.

    Args:
        source: the compressed ROOT file; the codecs are in it.
        target: the ROOT file to write; it appears only when it is complete.
        to: ``ttree``, ``rntuple``, or the ``same`` as each tree had before compression, but for one
            that only an RNTuple can hold, which is said.
        drop_unwritable: leave out what cannot be written, instead of an error.
        writer: ``root`` to have ROOT write whole TTrees, where it is installed: what was kept is
            copied as it is, std::vector and classes come back as such, and so do objects of any
            class.
        step_size: how much is written at a time.
        threads: how many decode blocks at a time; by default one for each core, fewer where there
            is little memory.
        force: overwrite an existing target.
        progress: show progress bars on the error stream.

    Returns:
        What is not as it was in the original file.

    Raises:
        MissingFileError, DamagedFileError: the source is missing or cannot be read.
        TargetExistsError: the target exists and ``force`` is false.
        InputError: the source is not compressed, something cannot be written, or there are fewer
            threads than one.
        MissingPackageError: ROOT is to write, and is not installed.

    Example:
        >>> import atlasae, os, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> small, restored = (os.path.join(folder, name) for name in ("small.root", "back.root"))
        >>> codec = atlasae.Codec.bounded(tolerance="lossless")
        >>> codec = codec.fit(atlasae.read_jets(atlasae.sample(), entry_stop=300))
        >>> contents = atlasae.compress(atlasae.sample(), small, codec=codec)
        >>> decompress(small, restored).left_out
        {}
        >>> atlasae.check(atlasae.sample(), restored).good
        True
    """
    check_step_size(step_size)
    threads = thread_count(threads)
    require_choice("to", to, TARGETS)
    require_library("writer", writer)
    with (
        open_as(source, compressed=True) as file,  # before the target: they may be swapped
        atomic_write(target, force=force, sources=[source]) as unfinished,
        located(os.fspath(source)),
    ):
        trees = CompressedTrees(file, threads)
        plans = plan_copy(trees, to)
        objects, unwritable = objects_in(file)
        clones, copied = [], []
        if writer == BY_ROOT:
            clones, copied = leave_all_to_root(plans), [*objects, *unwritable]
            objects, unwritable = {}, {}
        notes = Notes({}, {})
        if to == "same" and not drop_unwritable:
            plans = [_holding_all(plan, notes) for plan in plans]
        for manifest in trees.container.manifests:
            add_notes(notes.changed, manifest.changed)
            add_notes(notes.left_out, manifest.left_out)
        notes.left_out.update(check_writable(plans, unwritable, drop=drop_unwritable))
        write_copy(
            file,
            plans,
            objects,
            unfinished,
            step_size,
            progress=progress,
            clones=clones,
            copied=copied,
        )
        for plan in plans:
            _note(notes, plan)
        if writer == BY_ROOT:
            kept = {place: note for place, note in notes.changed.items() if note != READ_BY_ROOT}
            notes = Notes(kept, notes.left_out)
    return notes


def _holding_all(plan: TreePlan, notes: Notes) -> TreePlan:
    """The plan of a tree, or one of an RNTuple where only that holds all of it, which is said."""
    held = holding_all(plan)
    if held is not plan:
        why = f"becomes an RNTuple, as a TTree cannot hold {', '.join(plan.unwritable)}"
        notes.changed[plan.source.path] = f"{why}; --to ttree (to='ttree') refuses them"
    return held


def _note(notes: Notes, plan: TreePlan) -> None:
    """Say what changes of a tree and its branches."""
    path = plan.source.path
    if not (plan.branches or plan.by_root or plan.cloned) and plan.kind == TTREE:
        notes.left_out[path] = _WITHOUT_BRANCHES
        return
    add_notes(notes.changed, notes_of(path, plan.changes()))
    if lost := plan.source.metadata.lost_in(plan.kind):
        add_notes(notes.changed, {path: f"without its {', '.join(lost)}"})
    for branch in plan.by_root:  # in place of what uproot would change
        notes.changed.pop(f"{path}:{branch.name}", None)
        if note := change(branch):
            notes.changed[f"{path}:{branch.name}"] = note
