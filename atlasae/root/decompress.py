"""Restore a ROOT file that was compressed."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlasae.atomic_write import atomic_write
from atlasae.errors import located, require_choice
from atlasae.progress import progress_bar
from atlasae.root.container.container import RESERVED, compression_like, open_as
from atlasae.root.container.manifest import add_notes, notes_of
from atlasae.root.container.restored_tree import CompressedTrees
from atlasae.root.identity import source_digest
from atlasae.root.io.branch import RNTUPLE, TTREE
from atlasae.root.io.file import make_tree
from atlasae.root.io.new_file import new_file
from atlasae.root.io.objects import directories_in, objects_in
from atlasae.root.io.root_branches import add_branches, change
from atlasae.root.io.stamp import Stamp
from atlasae.root.io.tree import STEP_SIZE, check_step_size
from atlasae.root.plan import TARGETS, TreePlan, check_writable, plan_copy
from atlasae.text import printable
from atlasae.threads import thread_count

if TYPE_CHECKING:
    from atlasae.types import PathLike


_logger = logging.getLogger(__name__)
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
        to: ``ttree``, ``rntuple``, or the ``same`` as each tree had before compression.
        drop_unwritable: leave out what cannot be written, instead of an error.
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
    with (
        open_as(source, compressed=True) as file,  # before the target: they may be swapped
        atomic_write(target, force=force, sources=[source]) as unfinished,
        located(os.fspath(source)),
    ):
        trees = CompressedTrees(file, threads)
        plans = plan_copy(trees, to)
        objects, unwritable = objects_in(file)
        notes = Notes({}, {})
        for manifest in trees.container.manifests:
            add_notes(notes.changed, manifest.changed)
            add_notes(notes.left_out, manifest.left_out)
        notes.left_out.update(check_writable(plans, unwritable, drop=drop_unwritable))
        stamp = Stamp.of(file, source_digest(file))
        with new_file(unfinished, compression_like(file), stamp) as out:
            for path in directories_in(file):
                if path not in RESERVED:
                    out.mkdir(path)
            for plan in plans:
                if not (plan.branches or plan.by_root) and plan.kind == TTREE:
                    notes.left_out[plan.source.path] = _WITHOUT_BRANCHES
                    continue
                if plan.branches or plan.kind == RNTUPLE:
                    _copy(plan, out, step_size, progress)
                add_notes(notes.changed, notes_of(plan.source.path, plan.changes()))
                if lost := plan.source.metadata.lost_in(plan.kind):
                    lost_of_tree = {plan.source.path: f"without its {', '.join(lost)}"}
                    add_notes(notes.changed, lost_of_tree)
            for path, item in objects.items():
                out[path] = item
        for plan in plans:
            if plan.by_root:
                add_branches(unfinished, plan.source, plan.by_root, step_size)
                _note_added(notes, plan)
    return notes


def _note_added(notes: Notes, plan: TreePlan) -> None:
    """Say what changes of the branches that ROOT added, in place of what uproot would change."""
    for branch in plan.by_root:
        place = f"{plan.source.path}:{branch.name}"
        notes.changed.pop(place, None)
        if note := change(branch):
            notes.changed[place] = note


def _copy(plan: TreePlan, out: Any, step_size: str | int, progress: bool) -> None:
    source = plan.source
    tree = make_tree(out, plan.kind, source.path, source.title, plan.branches, source.metadata)
    _logger.info("restoring %s: %s entries", printable(source.path), f"{source.num_entries:,}")
    with progress_bar("entries", shown=progress) as bar:
        task = bar.add_task(f"restoring {source.path}", total=source.num_entries)
        for start, arrays in source.iterate([b.name for b in plan.branches], step_size):
            tree.extend(arrays)
            bar.update(task, completed=start)
            _logger.debug("%s: wrote entries from %s on", printable(source.path), f"{start:,}")
    tree.finish()
