"""Ordinary copies of trees, compressed or not: what ``decompress`` and its like write."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeAlias

from atlasae.progress import progress_bar
from atlasae.root.container.container import RESERVED, compression_like
from atlasae.root.container.identity import source_digest
from atlasae.root.io.branch import RNTUPLE
from atlasae.root.io.file import make_tree
from atlasae.root.io.new_file import new_file
from atlasae.root.io.objects import directories_in
from atlasae.root.io.root_branches import add_branches
from atlasae.root.io.root_files import add_clones
from atlasae.root.io.stamp import Stamp
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from atlasae.root.io.branch import Arrays
    from atlasae.root.io.root_files import Clone
    from atlasae.root.planning.plan import TreePlan
    from atlasae.types import PathLike

    ChangeArrays: TypeAlias = Callable[[str, Arrays], Arrays]

_logger = logging.getLogger(__name__)


def write_copy(
    file: Any,
    plans: Sequence[TreePlan],
    objects: Mapping[str, Any],
    path: PathLike,
    step_size: str | int,
    *,
    progress: bool,
    change: ChangeArrays | None = None,
    clones: Sequence[Clone] = (),
    copied: Sequence[str] = (),
) -> None:
    """Write an ordinary copy of an open file.

    Args:
        file: as uproot opened it.
        plans: of its trees.
        objects: histograms and the like, by path.
        path: of the file to write.
        step_size: how much is written at a time.
        progress: show progress bars.
        change: makes the arrays to write from the path of a tree and its arrays.
        clones: what ROOT copies of trees.
        copied: paths of the objects that ROOT copies.

    Raises:
        InputError: ROOT cannot write what is left to it.
    """
    stamp = Stamp.of(file, source_digest(file))
    with new_file(path, compression_like(file), stamp) as out:
        for directory in directories_in(file):
            if directory not in RESERVED:
                out.mkdir(directory)
        copy_trees(plans, out, step_size, progress=progress, change=change)
        for name, item in objects.items():
            out[name] = item
    if clones or copied:
        add_clones(path, file.file_path, clones, copied)
    add_what_root_writes(plans, path, step_size)


def copy_trees(
    plans: Sequence[TreePlan],
    out: Any,
    step_size: str | int,
    *,
    progress: bool,
    change: ChangeArrays | None = None,
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


def add_what_root_writes(plans: Sequence[TreePlan], path: PathLike, step_size: str | int) -> None:
    """Let ROOT add what uproot cannot write to the trees of a file that uproot has written.

    Raises:
        InputError: ROOT cannot write it.
    """
    for plan in plans:
        if plan.by_root:
            add_branches(path, plan.source, plan.by_root, step_size)
