"""Ordinary copies of trees, compressed or not: what ``decompress`` and its like write."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from atlasae.progress import progress_bar
from atlasae.root.io.branch import RNTUPLE
from atlasae.root.io.file import make_tree
from atlasae.root.io.root_branches import add_branches
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlasae.root.io.branch import Arrays
    from atlasae.root.plan import TreePlan
    from atlasae.types import PathLike

_logger = logging.getLogger(__name__)


def copy_trees(
    plans: Sequence[TreePlan],
    out: Any,
    step_size: str | int,
    *,
    progress: bool,
    change: Callable[[str, Arrays], Arrays] | None = None,
) -> None:
    """Write what uproot can write of trees into a file being written.

    Args:
        plans: of the trees.
        out: the file.
        step_size: how much is written at a time.
        progress: show progress bars.
        change: makes the arrays to write from the path of a tree and its arrays.
    """
    for plan in plans:
        if not plan.branches and plan.kind != RNTUPLE:
            continue
        source = plan.source
        tree = make_tree(out, plan.kind, source.path, source.title, plan.branches, source.metadata)
        _logger.info("writing %s: %s entries", printable(source.path), f"{source.num_entries:,}")
        with progress_bar("entries", shown=progress) as bar:
            task = bar.add_task(f"writing {source.path}", total=source.num_entries)
            for start, arrays in source.iterate([b.name for b in plan.branches], step_size):
                tree.extend(change(source.path, arrays) if change else arrays)
                bar.update(task, completed=start)
                _logger.debug("%s: wrote entries from %s on", printable(source.path), f"{start:,}")
        tree.finish()


def add_what_root_writes(
    plans: Sequence[TreePlan], path: PathLike, step_size: str | int
) -> None:
    """Let ROOT add what uproot cannot write to the trees of a file that uproot has written.

    Raises:
        InputError: ROOT cannot write it.
    """
    for plan in plans:
        if plan.by_root:
            add_branches(path, plan.source, plan.by_root, step_size)
