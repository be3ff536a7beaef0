"""Compare a ROOT file with one made from it: every branch, bit for bit or within its tolerance."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from atlasae.errors import InputError, located
from atlasae.quantization.tolerance import (
    check_spec,
    of_collection,
    restricted,
    tolerances,
)
from atlasae.root.checking.card_check import TreeCard, source_finding
from atlasae.root.checking.column_comparison import ColumnComparison, Promise, read_both
from atlasae.root.checking.findings import (
    CHANGED,
    DIFFERS,
    EXACT,
    LEFT_OUT,
    MISSING,
    NO_PROMISE,
    PRESENT,
    WITHIN,
    Check,
    Finding,
)
from atlasae.root.checking.judge import judged_by_root
from atlasae.root.checking.kept_quantities import KeptQuantities
from atlasae.root.container.container import RESERVED, is_compressed
from atlasae.root.container.manifest import REORDERED
from atlasae.root.container.restored_tree import CompressedTrees, RestoredTree, open_trees
from atlasae.root.io.cpp import BY_UPROOT, require_library
from atlasae.root.io.errors import read_errors
from atlasae.root.io.file import older_cycles, open_root
from atlasae.root.io.objects import bins_of, directories_in, objects_in
from atlasae.root.io.tree import STEP_SIZE, TreeReader, check_step_size
from atlasae.root.known_layouts import find_collections
from atlasae.text import printable
from atlasae.threads import thread_count

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from atlasae.quantization.tolerance import Tolerance, ToleranceSpec
    from atlasae.root.io.file import Trees
    from atlasae.types import PathLike

    # of a tree and another: ranges of entries, and what is promised of branches that may differ
    _Promises: TypeAlias = Callable[
        [TreeReader, TreeReader], Iterator[tuple[int, int, Mapping[str, Promise]]]
    ]
    # what is compared of the parts of a compressed tree
    _OfParts: TypeAlias = Sequence[type[KeptQuantities | TreeCard]]

_logger = logging.getLogger(__name__)


def check(
    original: PathLike,
    other: PathLike,
    *,
    tolerance: ToleranceSpec | None = None,
    step_size: str | int = STEP_SIZE,
    judge: str = BY_UPROOT,
    threads: int | None = None,
    card: bool = False,
) -> Check:
    """Compare a ROOT file with one that was made from it, in chunks.

    A compressed file stores its tolerances and what it left out. Any other file must be the same
    bit for bit, or within ``tolerance``. What only the other file holds is not compared.

    Args:
        original: a ROOT file.
        other: the compressed, restored or merged file.
        tolerance: allowed error of collection floats, if the other file is not compressed.
        step_size: how much is read at a time: a number of entries, or a size such as ``100 MB``.
        judge: ``root`` to have ROOT, where it is installed, read both files too: it compares what
            it reads in both, of any class, and what it finds wrong is wrong.
        threads: how many decode blocks at a time; by default one for each core, fewer where there
            is little memory.
        card: measure again what the ``card`` of a compressed file says, and compare.

    Raises:
        MissingFileError, DamagedFileError: one of the files is missing or cannot be read.
        MissingPackageError: ROOT is to judge, and is not installed.
        InputError: a tolerance is given for a compressed file, or a card is asked for of another;
            its entries are in another order, or there are fewer threads than one.

    Example:
        >>> import atlasae
        >>> check(atlasae.sample(), atlasae.sample()).good
        True
    """
    check_step_size(step_size)
    require_library("judge", judge)
    threads = thread_count(threads)
    if tolerance is not None:
        check_spec(tolerance)
    with open_root(original) as before, open_root(other) as after, located(os.fspath(other)):
        old_trees, new_trees = open_trees(before, threads), open_trees(after, threads)
        left_out: dict[str, str] = {}
        if isinstance(new_trees, CompressedTrees):
            if tolerance is not None:
                raise InputError("a compressed file stores its own tolerances: give none")
            for manifest in new_trees.container.manifests:
                left_out |= manifest.left_out
                if any(REORDERED in note for note in manifest.changed.values()):
                    raise InputError(
                        f"{REORDERED}: check compares entries one by one; atlasae compare finds"
                        " them by their event numbers"
                    )
        promises = partial(_promises, tolerance=tolerance)
        of_card = (source_finding(before, new_trees),) if card else ()
        of_parts = (KeptQuantities, TreeCard) if card else (KeptQuantities,)
        trees = old_trees, new_trees
        found = _compared((before, after), trees, promises, of_parts, left_out, step_size)
        found = replace(found, findings=found.findings + of_card)
        if judge == BY_UPROOT:
            return found
        allowed = {
            path: {
                name: promise.tolerance
                for name, promise in list(promises(old_trees[path], tree))[-1][2].items()
            }
            for path, tree in new_trees.items()
            if path in old_trees
        }
        return judged_by_root(found, before, after, allowed)


def check_copy(
    original: PathLike,
    other: PathLike,
    promised: Mapping[str, Mapping[str, Tolerance]],
    left_out: Mapping[str, str],
    *,
    step_size: str | int,
    threads: int,
) -> Check:
    """Compare a ROOT file with an ordinary one that was made from it.

    Args:
        original: a ROOT file.
        other: the copy.
        promised: tolerances of the branches that may differ, by path of the tree and name.
        left_out: why something is not there, by path or ``path:branch``.
        step_size: how much is read at a time.
        threads: how many decode blocks at a time.
    """

    def promises(
        _: TreeReader, tree: TreeReader
    ) -> Iterator[tuple[int, int, Mapping[str, Promise]]]:
        of_tree = promised.get(tree.path, {})
        yield 0, tree.num_entries, {name: Promise(one) for name, one in of_tree.items()}

    with open_root(original) as before, open_root(other) as after, located(os.fspath(other)):
        trees = open_trees(before, threads), open_trees(after, threads)
        return _compared((before, after), trees, promises, (), left_out, step_size)


def _compared(
    files: tuple[Any, Any],
    trees: tuple[Trees, Trees],
    promises: _Promises,
    of_parts: _OfParts,
    left_out: Mapping[str, str],
    step_size: str | int,
) -> Check:
    """How two open files and their trees compare."""
    (before, after), (old_trees, new_trees) = files, trees
    named = [path for path in old_trees if path in left_out]
    unreadable = old_trees.leave_out_unreadable(named)
    findings = [Finding(path, "", LEFT_OUT, left_out[path]) for path in unreadable]
    for path, old in old_trees.items():
        if path in new_trees:
            _logger.info("comparing %s: %s entries", printable(path), f"{old.num_entries:,}")
            findings += _compare_trees(
                old, new_trees[path], promises, of_parts, left_out, step_size
            )
        else:
            findings.append(_absent(path, "", left_out))
    findings += _compare_objects(before, after, {*old_trees, *unreadable}, left_out)
    findings += [Finding(key, "", LEFT_OUT, "an older cycle") for key in older_cycles(before)]
    return Check(tuple(findings), (is_compressed(before), is_compressed(after)))


def _absent(path: str, name: str, left_out: Mapping[str, str], why: str = "") -> Finding:
    note = left_out.get(f"{path}:{name}" if name else path)
    if note is None:
        return Finding(path, name, MISSING, why)
    return Finding(path, name, LEFT_OUT, note)


def _compare_trees(
    old: TreeReader,
    new: TreeReader,
    promises: _Promises,
    of_parts: _OfParts,
    left_out: Mapping[str, str],
    step_size: str | int,
) -> Iterator[Finding]:
    """What became of a tree and its branches."""
    if old.num_entries != new.num_entries:
        note = f"{old.num_entries:,} entries became {new.num_entries:,}"
        yield Finding(old.path, "", DIFFERS, note)
        return
    if old.kind != new.kind:
        yield Finding(old.path, "", CHANGED, f"{old.kind} became {new.kind}")
    for name, why in old.schema.left_out.items():
        if name in new.schema.left_out:
            yield Finding(old.path, name, PRESENT, f"not compared: {why}")
        else:
            yield _absent(old.path, name, left_out, why)
    new_names = set(new.schema.names)
    written = new.written_names(old.schema.names)  # where the name itself is not there
    names = {
        name: other
        for name in old.schema.names
        if (other := name if name in new_names else written[name]) in new_names
    }
    comparisons = {name: ColumnComparison() for name in names}
    parts = [compared(new, names) for compared in of_parts] if isinstance(new, RestoredTree) else []
    step = min(
        old.entries_for(step_size, list(names)), new.entries_for(step_size, list(names.values()))
    )
    for start, stop, promised in promises(old, new):
        for first, before, after in read_both(old, new, names, step, start, stop):
            for name, comparison in comparisons.items():
                promise = promised.get(name, Promise())
                comparison.add(first, before[name], after[name], promise)
            for part in parts:
                part.add(first, before, after)
            _logger.debug("%s: compared entries from %s on", printable(old.path), f"{first:,}")
    for part in parts:
        yield from part.findings()
    for name in old.schema.names:
        if name in names:
            types = old.schema[name].type, new.schema[names[name]].type
            yield _verdict(old.path, name, comparisons[name], *types)
        else:
            yield _absent(old.path, name, left_out)


def _verdict(
    path: str, name: str, comparison: ColumnComparison, old_type: str, new_type: str
) -> Finding:
    became = "" if old_type == new_type else f"{old_type} became {new_type}"
    if comparison.first_bad is not None:
        where = f"first in entry {comparison.first_bad}"
        note = "; ".join(filter(None, [where, comparison.faults, became]))
        return Finding(path, name, DIFFERS, note, comparison.error)
    if became:
        return Finding(path, name, CHANGED, became)
    if comparison.same:
        return Finding(path, name, EXACT)
    verdict = NO_PROMISE if None in comparison.promises else WITHIN
    return Finding(path, name, verdict, error=comparison.error)


def _promises(
    original: TreeReader, source: TreeReader, tolerance: ToleranceSpec | None
) -> Iterator[tuple[int, int, Mapping[str, Promise]]]:
    """Ranges of entries, and what is promised there of the branches that may differ."""
    if isinstance(source, RestoredTree):
        for segment in source.segments:
            promises: dict[str, Promise] = {}
            for part in segment.manifest.parts:
                if part.codec:
                    codec = source.container.codec(part)
                    promises |= {
                        name: Promise(
                            codec.tolerances_.get(feature),
                            codec.cuts_.get(feature, ()),
                            keeps_order=feature == codec.order_kept_,
                        )
                        for feature, name in part.features.items()
                    }
            yield segment.start, segment.stop, promises
    elif tolerance is None:
        yield 0, source.num_entries, {}
    else:
        promises = {}
        for collection in find_collections(original.schema).values():
            branches = collection.vector | collection.others
            floats = {f: b.name for f, b in branches.items() if b.is_float}
            names = list(floats)
            wanted = of_collection(tolerance, collection.name, names)
            allowed = tolerances(restricted(wanted, names), names)
            promises |= {name: Promise(allowed[f]) for f, name in floats.items()}
        yield 0, source.num_entries, promises


def _compare_objects(
    before: Any, after: Any, trees: Collection[str], left_out: Mapping[str, str]
) -> Iterator[Finding]:
    """What became of histograms, other objects and directories."""
    comparable, _ = objects_in(before)
    new_paths = after.classnames(cycle=False)
    for path, name in before.classnames(cycle=False).items():
        if path in trees or path in RESERVED:
            continue
        if path not in new_paths:
            yield _absent(path, "", left_out)
        elif path in comparable:
            with read_errors(f"{after.file_path}: {name} {path!r}"):
                same = _contents(comparable[path]) == _contents(after[path])
            yield Finding(path, "", EXACT if same else DIFFERS)
        elif path not in directories_in(before):
            yield Finding(path, "", PRESENT, f"a {name}, which is not compared")


def _contents(item: Any) -> list[str] | list[bytes]:
    """What makes a string or a histogram: its values, variances, edges and labels."""
    if not hasattr(item, "axes"):
        return [str(item)]
    arrays = (item.values(flow=True), item.variances(flow=True))
    return [*(np.asarray(array).tobytes() for array in arrays), *bins_of(item)]
