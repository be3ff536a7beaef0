"""Write ordinary ROOT files with rounded values, which any program reads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import awkward as ak

from atlasae.atomic_write import atomic_write
from atlasae.errors import DamagedFileError, located, require_choice
from atlasae.quantization.rounding import rounded
from atlasae.quantization.tolerance import check_spec, of_collection, restricted, tolerances
from atlasae.root.checking.check import check_copy
from atlasae.root.container.restored_tree import RestoredTree, open_trees
from atlasae.root.inspecting.info import BranchSize
from atlasae.root.io.file import Trees, open_root
from atlasae.root.io.objects import objects_in
from atlasae.root.io.tree import STEP_SIZE, check_step_size
from atlasae.root.planning.plan import TARGETS, Selection, check_writable, leave_to_root, plan_trees
from atlasae.root.restoring.copies import write_copy
from atlasae.threads import thread_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atlasae.quantization.tolerance import Tolerance, ToleranceSpec
    from atlasae.root.io.branch import Arrays
    from atlasae.root.io.tree import TreeReader
    from atlasae.root.planning.plan import TreePlan
    from atlasae.types import PathLike


@dataclass(frozen=True)
class Exported:
    """An ordinary file with rounded values.

    Attributes:
        path: of the file.
        source_bytes: size of the source file.
        file_bytes: size of the file.
        rounded: compressed bytes of each rounded branch, before and after.
        tolerances: of the rounded branches, by ``path:branch``, as ``rel`` and ``abs_`` write them.
        left_out: what is missing, and why, by path or ``path:branch``.
    """

    path: str
    source_bytes: int
    file_bytes: int
    rounded: tuple[BranchSize, ...]
    tolerances: dict[str, str]
    left_out: dict[str, str]


def export(
    source: PathLike,
    target: PathLike,
    *,
    tolerance: ToleranceSpec = "default",
    select: Selection | None = None,
    to: str = "same",
    drop_unwritable: bool = False,
    step_size: str | int = STEP_SIZE,
    threads: int | None = None,
    force: bool = False,
    progress: bool = False,
) -> Exported:
    """Write an ordinary ROOT file, smaller than its source, that needs no atlasae to be read.

    Each value of the momenta is rounded, to the nearest and to even, to the fewest bits of mantissa
    that keep the tolerance. The zeros behind them are what the compression of ROOT makes smaller.
    All other values stay as they are.

    Args:
        source: a ROOT file, compressed by atlasae or not. What a compressed one has lost already
            comes on top of the tolerance.
        target: the ROOT file to write; it appears only when each of its values was read back and
            compared with the source.
        tolerance: as for ``Codec.bounded``; by default 1e-3, absolute for angles, else relative.
        select: which trees, collections and branches to round; ``drop`` leaves branches out.
        to: ``ttree``, ``rntuple``, or the ``same`` as each tree of the source.
        drop_unwritable: leave out what cannot be read or written, instead of an error.
        step_size: how much is read at a time: a number of entries, or a size such as ``100 MB``.
        threads: how many decode blocks at a time; by default one for each core, fewer where there
            is little memory.
        force: overwrite an existing target.
        progress: show progress bars on the error stream.

    Returns:
        Sizes, tolerances, and what is left out.

    Raises:
        MissingFileError: there is no such source.
        DamagedFileError: it cannot be read, or what was written does not agree with it.
        TargetExistsError: the target exists and ``force`` is false.
        MissingNameError: there is no such tree, collection, branch or feature.
        InputError: there is nothing to round, or something cannot be written.

    Example:
        >>> import atlasae, os, tempfile
        >>> source, target = atlasae.sample(), os.path.join(tempfile.mkdtemp(), "rounded.root")
        >>> exported = atlasae.export(source, target, tolerance=1e-3)
        >>> exported.file_bytes < exported.source_bytes, exported.tolerances["Events:Jet_pt"]
        (True, 'rel(0.001)')
        >>> atlasae.check(source, target, tolerance=1e-3).good
        True
    """
    check_step_size(step_size)
    check_spec(tolerance)
    require_choice("to", to, TARGETS)
    threads = thread_count(threads)
    select = select or Selection()
    with (
        open_root(source) as file,  # before the target: they may be swapped
        atomic_write(target, force=force, sources=[source]) as unfinished,
        located(os.fspath(source)),
    ):
        trees = open_trees(file, threads)
        plans = plan_trees(trees, select, pack="none", to=to)
        leave_to_root(plans)
        objects, unwritable = objects_in(file)
        left_out = check_writable(plans, unwritable, drop=drop_unwritable)
        for plan in plans:
            dropped = dict.fromkeys(plan.dropped, "left out as requested")
            left_out |= {f"{plan.source.path}:{name}": why for name, why in dropped.items()}
        promised = {plan.source.path: _tolerances(plan, tolerance, select) for plan in plans}

        def change(path: str, arrays: Arrays) -> Arrays:
            return {n: _rounded(array, promised[path].get(n)) for n, array in arrays.items()}

        write_copy(file, plans, objects, unfinished, step_size, progress=progress, change=change)
        result = check_copy(
            source, unfinished, promised, left_out, step_size=step_size, threads=threads
        )
        if result.bad:
            named = ", ".join(f"{f.path}:{f.name} {f.verdict}" for f in result.bad)
            raise DamagedFileError(f"what was written does not agree: {named}")
        return Exported(
            path=os.fspath(target),
            source_bytes=int(file.file.source.num_bytes),
            file_bytes=Path(unfinished).stat().st_size,
            rounded=tuple(_sizes(trees, unfinished, promised)),
            tolerances={
                f"{path}:{name}": repr(bound)
                for path, bounds in promised.items()
                for name, bound in bounds.items()
            },
            left_out=left_out,
        )


def _tolerances(
    plan: TreePlan, tolerance: ToleranceSpec, select: Selection
) -> dict[str, Tolerance]:
    """The tolerances of the branches of a tree to round."""
    promised: dict[str, Tolerance] = {}
    writable = {branch.name for branch in plan.branches}
    for collection in plan.collections:
        branches = collection.vector | (collection.others if select.all_floats else {})
        floats = {f: b.name for f, b in branches.items() if b.is_float and b.name in writable}
        wanted = of_collection(tolerance, collection.name, list(floats))
        allowed = tolerances(restricted(wanted, list(floats)), list(floats))
        promised |= {name: allowed[feature] for feature, name in floats.items()}
    return promised


def _rounded(array: ak.Array, tolerance: Tolerance | None) -> ak.Array:
    """An array of numbers, or of lists of them, with its values rounded."""
    if tolerance is None:
        return array
    if array.ndim == 1:
        return ak.Array(rounded(ak.to_numpy(array), tolerance))
    return ak.unflatten(rounded(ak.to_numpy(ak.flatten(array)), tolerance), ak.num(array))


def _sizes(
    trees: Trees, written: PathLike, promised: Mapping[str, Iterable[str]]
) -> Iterable[BranchSize]:
    with open_root(written) as file:
        after = Trees(file)
        for path, names in promised.items():
            for name in names:
                written_name = after[path].written_names([name])[name]
                sizes = _source_bytes(trees[path], name), _source_bytes(after[path], written_name)
                yield BranchSize(path, name, *sizes)


def _source_bytes(tree: TreeReader, name: str) -> int:
    """Compressed size of a branch in its file, or in the files that it was compressed from."""
    if isinstance(tree, RestoredTree):
        manifests = (segment.manifest for segment in tree.segments)
        return sum(b.source_bytes for one in manifests for b in one.branches if b.name == name)
    return tree.schema[name].source_bytes
