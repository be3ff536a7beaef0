"""How a column of one tree compares with the same column of another, read chunk by chunk."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from atlasae.errors import DamagedFileError
from atlasae.fidelity.changes import changes_of_order, crossings, neighbors
from atlasae.lossless.columns import buffers
from atlasae.quantization.tolerance import LOSSLESS, Tolerance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from atlasae.root.io.branch import Arrays
    from atlasae.root.io.tree import TreeReader
    from atlasae.types import Values


@dataclass(frozen=True)
class Promise:
    """What a file promises of a branch.

    Attributes:
        tolerance: of its values; None if its codec promises no bound.
        edges: numbers of which each value stays on its side, ascending.
        keeps_order: whether a value that is at most the one before it in its entry stays so, and
            whether the two are equal.
    """

    tolerance: Tolerance | None = LOSSLESS
    edges: tuple[float, ...] = ()
    keeps_order: bool = False

    def crossed(self, before: ak.Array, after: ak.Array) -> int:
        """Number of values that are on another side of an edge."""
        if not self.edges:
            return 0
        old, new = (ak.to_numpy(ak.flatten(array, axis=None)) for array in (before, after))
        return crossings(old, new, np.array(self.edges, old.dtype))

    def disordered(self, before: ak.Array, after: ak.Array) -> int:
        """Number of neighbors that descended, or were equal, and do not, or are not, now."""
        if not self.keeps_order or before.ndim != 2:
            return 0
        old, new = (ak.to_numpy(ak.flatten(array)) for array in (before, after))
        return changes_of_order(old, new, neighbors(old, ak.to_numpy(ak.num(before)))).changed


class ColumnComparison:
    """Compares a column of two trees.

    Attributes:
        same: whether all bits were the same so far.
        error: the largest error so far, in units of the tolerance if there is one.
        promises: those of the chunks that were not the same.
        first_bad: the first entry that breaks its promise; None if there is none.
        faults: what is wrong there, other than errors; empty if nothing is.
    """

    def __init__(self) -> None:
        self.same = True
        self.error = 0.0
        self.promises: set[Tolerance | None] = set()
        self.faults = ""
        self.first_bad: int | None = None

    def add(self, first: int, before: ak.Array, after: ak.Array, promise: Promise) -> None:
        """Compare the next chunk, whose first entry is ``first``."""
        if self.first_bad is not None:
            return
        error = _largest_error(before, after, promise.tolerance)
        if error is None:
            return
        self.same = False
        self.promises.add(promise.tolerance)
        self.error = max(self.error, error)
        if not _is_kept(error, before, after, promise):

            def breaks_until(n: int) -> bool:
                first = before[:n], after[:n]
                return not _is_kept(_largest_error(*first, promise.tolerance), *first, promise)

            n = 1 + bisect_left(range(1, len(before)), True, key=breaks_until)
            self.first_bad = first + n - 1
            self.faults = _faults(before[n - 1 : n], after[n - 1 : n], promise)


def _is_kept(error: float | None, before: ak.Array, after: ak.Array, promise: Promise) -> bool:
    """Whether a file keeps a promise, given the largest error of the values."""
    if error is None:
        return True
    if error > (1.0 if promise.tolerance else np.finfo(float).max):  # another shape always is
        return False
    return not _faults(before, after, promise)


def _faults(before: ak.Array, after: ak.Array, promise: Promise) -> str:
    """What is wrong with values that are within their tolerance; empty if nothing is."""
    if before.ndim > 1 and ak.any(ak.num(before) != ak.num(after)):
        return ""
    faults = {
        "across a cut": promise.crossed(before, after),
        "in another order": promise.disordered(before, after),
    }
    return ", ".join(f"{number:,} {fault}" for fault, number in faults.items() if number)


def read_both(
    old: TreeReader, new: TreeReader, names: Mapping[str, str], step: int, start: int, stop: int
) -> Iterator[tuple[int, Arrays, Arrays]]:
    """Read branches of two trees in chunks of the same entries; ``names`` are those in either.

    Gives the first entry of each chunk, and its arrays in either tree.
    """
    if not names:
        return
    chunks = [
        source.iterate(list(of_source), step, start, stop)
        for source, of_source in ((old, names), (new, names.values()))
    ]
    held: list[tuple[int, Arrays]] = [(start, {}), (start, {})]
    first = start
    while first < stop:
        for i, source in enumerate((old, new)):
            if _end(held[i]) <= first:
                chunk = next(chunks[i], None)
                if chunk is None:
                    raise DamagedFileError(f"{source.where} ends at entry {first} of {stop}")
                held[i] = chunk
        last = min(map(_end, held))
        before, after = (
            {name: array[first - at : last - at] for name, array in arrays.items()}
            for at, arrays in held
        )
        yield first, before, {name: after[other] for name, other in names.items()}
        first = last


def _end(chunk: tuple[int, Arrays]) -> int:
    start, arrays = chunk
    return start + (len(next(iter(arrays.values()))) if arrays else 0)


def _largest_error(before: ak.Array, after: ak.Array, tolerance: Tolerance | None) -> float | None:
    """The largest error, in units of the tolerance if there is one; None if no bit differs.

    Infinite if the counts differ, or values that are not finite.
    """
    pairs = list(zip_longest(*([b for b in buffers(a.layout) if b.size] for a in (before, after))))
    for i, (old, new) in enumerate(pairs):
        if old is None or new is None:
            return np.inf
        if not _same(old, new):
            holds_values = i == len(pairs) - 1  # the buffers before hold counts
            return _error(old, new, tolerance) if holds_values else np.inf
    return None


def _same(old: Values, new: Values) -> bool:
    """Whether all bits are the same; or all values, of integers of different widths."""
    if old.dtype.kind in "iu" and new.dtype.kind in "iu":
        return np.array_equal(old, new)
    if old.dtype != new.dtype:
        return False
    one, other = (np.ascontiguousarray(values).view(np.uint8) for values in (old, new))
    return np.array_equal(one, other)


def _error(old: Values, new: Values, tolerance: Tolerance | None) -> float:
    finite = np.isfinite(old)
    if (
        tolerance == LOSSLESS
        or old.dtype != new.dtype
        or old.shape != new.shape
        or not _same(old[~finite], new[~finite])
    ):
        return np.inf
    values = old[finite].astype(np.float64)
    errors = np.abs(new[finite].astype(np.float64) - values)
    if tolerance is not None:
        with np.errstate(divide="ignore"):  # nothing but zero is within a bound of zero
            errors = np.divide(
                errors, tolerance.bound(values), where=errors != 0, out=np.zeros(len(errors))
            )
    return float(np.nan_to_num(errors, nan=np.inf, posinf=np.inf).max(initial=0.0))
