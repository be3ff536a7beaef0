"""Compare a ROOT file with what was made of it: every branch, bit for bit or within its promise."""

from __future__ import annotations

import os
from bisect import bisect_left
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import DamagedFileError, InputError, located
from atlasae.lossless.columns import buffers
from atlasae.quantization.tolerance import LOSSLESS, Tolerance, restricted, tolerances
from atlasae.root.collections import find_collections
from atlasae.root.container.container import RESERVED
from atlasae.root.container.restored_tree import CompressedTrees, RestoredTree, open_trees
from atlasae.root.io.errors import read_errors
from atlasae.root.io.file import older_cycles, open_root
from atlasae.root.io.objects import bins_of, directories_in, objects_in
from atlasae.root.io.tree import STEP_SIZE, TreeReader, check_step_size

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import awkward as ak
    from numpy.typing import NDArray

    from atlasae.quantization.tolerance import Spec
    from atlasae.root.io.branch import Arrays
    from atlasae.types import PathLike

Promise = Tolerance | None  # None where the codec gives none

EXACT = "exact"
WITHIN = "within tolerance"
NO_PROMISE = "no promise"
CHANGED = "changed type"
PRESENT = "present"
LEFT_OUT = "left out"
MISSING = "missing"
DIFFERS = "differs"
VERDICTS = (EXACT, WITHIN, NO_PROMISE, CHANGED, PRESENT, LEFT_OUT, MISSING, DIFFERS)
BAD = (MISSING, DIFFERS)


@dataclass(frozen=True)
class Finding:
    """What became of a branch, a tree, or an object.

    Attributes:
        path: of the tree or object.
        name: of the branch; empty for a tree as a whole, or an object.
        verdict: one of ``VERDICTS``. ``present`` is said of objects that cannot be compared.
        note: what is to be said of it.
        error: the largest error found; in units of the tolerance where there is one.
    """

    path: str
    name: str
    verdict: str
    note: str = ""
    error: float = 0.0

    @property
    def good(self) -> bool:
        return self.verdict not in BAD


@dataclass(frozen=True)
class Check:
    """How a file compares with its original; ``findings`` has all there is in the original."""

    findings: tuple[Finding, ...]

    @property
    def good(self) -> bool:
        """Whether all is as promised."""
        return not self.bad

    @property
    def bad(self) -> list[Finding]:
        """What is not."""
        return [finding for finding in self.findings if not finding.good]

    @property
    def counts(self) -> dict[str, int]:
        """How many have each verdict."""
        given = [finding.verdict for finding in self.findings]
        return {verdict: given.count(verdict) for verdict in VERDICTS if verdict in given}


def check(
    original: PathLike,
    other: PathLike,
    *,
    tolerance: Spec | None = None,
    step_size: str | int = STEP_SIZE,
) -> Check:
    """Compare a ROOT file with one that was made of it, in chunks.

    A compressed file knows its tolerances and what it left out. Any other has to be the same bit
    for bit, but for the ``tolerance``. What the other file has more is not looked at.

    Args:
        original: a ROOT file.
        other: the compressed, restored or merged one.
        tolerance: of the floats in collections, for another that is not compressed.
        step_size: how much is read at a time.

    Raises:
        MissingFileError, DamagedFileError: one of them is missing or not readable.
        InputError: a tolerance is given for a compressed file.
    """
    check_step_size(step_size)
    with open_root(original) as before, open_root(other) as after, located(os.fspath(other)):
        olds, news = open_trees(before), open_trees(after)
        left_out: dict[str, str] = {}
        if isinstance(news, CompressedTrees):
            if tolerance is not None:
                raise InputError("a compressed file has its own tolerances; give none")
            for manifest in news.container.manifests:
                left_out |= manifest.left_out
        findings: list[Finding] = []
        for path, old in olds.items():
            if path in news:
                findings += _tree(old, news[path], tolerance, left_out, step_size)
            else:
                findings.append(_absent(path, "", left_out))
        findings += _objects(before, after, olds, left_out)
        findings += [Finding(key, "", LEFT_OUT, "an older cycle") for key in older_cycles(before)]
        return Check(tuple(findings))


def _absent(path: str, name: str, left_out: Mapping[str, str], why: str = "") -> Finding:
    note = left_out.get(f"{path}:{name}" if name else path)
    return (
        Finding(path, name, MISSING, why) if note is None else Finding(path, name, LEFT_OUT, note)
    )


def _tree(
    old: TreeReader,
    new: TreeReader,
    tolerance: Spec | None,
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
    for name, why in old.plan.left_out.items():
        yield _absent(old.path, name, left_out, why)
    there = set(new.plan.names)
    names = [name for name in old.plan.names if name in there]
    comparisons = {name: _Comparison() for name in names}
    step = min(old.entries_for(step_size), new.entries_for(step_size))
    for start, stop, promises in _promises(new, tolerance):
        for first, before, after in _chunks(old, new, names, step, start, stop):
            for name, comparison in comparisons.items():
                promise = promises.get(name, LOSSLESS)
                comparison.take(first, before[name], after[name], promise)
    for name in old.plan.names:
        if name in there:
            yield comparisons[name].finding(old, new, name)
        else:
            yield _absent(old.path, name, left_out)


def _promises(
    source: TreeReader, tolerance: Spec | None
) -> Iterator[tuple[int, int, dict[str, Promise]]]:
    """Ranges of entries, and what is promised there of the branches not said to be exact."""
    if isinstance(source, RestoredTree):
        for run in source.runs:
            found: dict[str, Promise] = {}
            for part in run.manifest.parts:
                if part.codec:
                    codec = source.container.codecs[part.codec]
                    promised = codec.tolerances_
                    found |= {name: promised.get(what) for what, name in part.features.items()}
            yield run.start, run.stop, found
    elif tolerance is None:
        yield 0, source.num_entries, {}
    else:
        found = {}
        for collection in find_collections(source.plan).values():
            branches = collection.vector | collection.others
            floats = {what: b.name for what, b in branches.items() if b.is_float}
            own = tolerances(restricted(tolerance, list(floats)), list(floats))
            found |= {name: own[what] for what, name in floats.items()}
        yield 0, source.num_entries, found


def _chunks(
    old: TreeReader, new: TreeReader, names: Sequence[str], step: int, start: int, stop: int
) -> Iterator[tuple[int, Arrays, Arrays]]:
    """Entries of both trees in chunks, cut wherever either of them cuts."""
    if not names:
        return
    steps = [source.iterate(names, step, start, stop) for source in (old, new)]
    held: list[tuple[int, Arrays]] = [(start, {}), (start, {})]
    first = start
    while first < stop:
        for i, source in enumerate((old, new)):
            if _stop(held[i]) <= first:
                chunk = next(steps[i], None)
                if chunk is None:
                    raise DamagedFileError(f"{source.where} ends at entry {first} of {stop}")
                held[i] = chunk
        last = min(map(_stop, held))
        before, after = (
            {name: arrays[name][first - at : last - at] for name in names} for at, arrays in held
        )
        yield first, before, after
        first = last


def _stop(chunk: tuple[int, Arrays]) -> int:
    start, arrays = chunk
    return start + (len(next(iter(arrays.values()))) if arrays else 0)


class _Comparison:
    """Takes a branch of both trees chunk by chunk, and tells how they compare."""

    def __init__(self) -> None:
        self.same = True
        self.error = 0.0
        self.promises: set[Promise] = set()
        self.broken: int | None = None  # the first entry that is not as promised

    def take(self, first: int, before: ak.Array, after: ak.Array, promise: Promise) -> None:
        if self.broken is not None:
            return
        error = _error(before, after, promise)
        if error is None:
            return
        self.same = False
        self.promises.add(promise)
        self.error = max(self.error, error)
        if _breaks(error, promise):
            entries = range(1, len(before))
            found = bisect_left(
                entries,
                True,
                key=lambda n: _breaks(_error(before[:n], after[:n], promise), promise),
            )
            self.broken = first + found

    def finding(self, old: TreeReader, new: TreeReader, name: str) -> Finding:
        types = old.plan[name].type, new.plan[name].type
        became = "" if types[0] == types[1] else f"{types[0]} became {types[1]}"
        if self.broken is not None:
            note = f"first in entry {self.broken}" + (f"; {became}" if became else "")
            return Finding(old.path, name, DIFFERS, note, self.error)
        if became:
            return Finding(old.path, name, CHANGED, became)
        if self.same:
            return Finding(old.path, name, EXACT)
        verdict = NO_PROMISE if None in self.promises else WITHIN
        return Finding(old.path, name, verdict, error=self.error)


def _breaks(error: float | None, promise: Promise) -> bool:
    """Whether an error is larger than promised; a wrong shape is, whatever was promised."""
    return error is not None and error > (1.0 if promise else np.finfo(float).max)


def _error(before: ak.Array, after: ak.Array, promise: Promise) -> float | None:
    """The largest error, in units of the tolerance where there is one; None if no bit differs.

    Infinite where anything but the values differs: how many there are, or what is not finite.
    """
    pairs = list(zip_longest(*([b for b in buffers(a.layout) if b.size] for a in (before, after))))
    for place, (old, new) in enumerate(pairs):
        if old is None or new is None:
            return np.inf
        if not _same(old, new):
            is_value = place == len(pairs) - 1  # before are the numbers of values
            return _distance(old, new, promise) if is_value else np.inf
    return None


def _same(old: NDArray[Any], new: NDArray[Any]) -> bool:
    """Whether all bits are the same; or all values, of integers that became wider or narrower."""
    if old.dtype.kind in "iu" and new.dtype.kind in "iu":
        return np.array_equal(old, new)
    if old.dtype != new.dtype:
        return False
    one, other = (np.ascontiguousarray(values).view(np.uint8) for values in (old, new))
    return np.array_equal(one, other)


def _distance(old: NDArray[Any], new: NDArray[Any], promise: Promise) -> float:
    finite = np.isfinite(old)
    if (
        promise == LOSSLESS
        or old.dtype != new.dtype
        or old.shape != new.shape
        or not _same(old[~finite], new[~finite])
    ):
        return np.inf
    values = old[finite].astype(np.float64)
    errors = np.abs(new[finite].astype(np.float64) - values)
    if promise is not None:
        with np.errstate(divide="ignore"):  # nothing but zero is within a bound of zero
            errors = np.divide(
                errors, promise.bound(values), where=errors != 0, out=np.zeros(len(errors))
            )
    return float(np.nan_to_num(errors, nan=np.inf, posinf=np.inf).max(initial=0.0))


def _objects(
    before: Any, after: Any, trees: Collection[str], left_out: Mapping[str, str]
) -> Iterator[Finding]:
    """What became of histograms, other objects and directories."""
    comparable, _ = objects_in(before)
    there = after.classnames(cycle=False)
    for path, name in before.classnames(cycle=False).items():
        if path in trees or path in RESERVED:
            continue
        if path not in there:
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
