"""Counts what a tolerance alone does not keep: the sides of edges, and the order of pairs of jets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from atlasae.fidelity.measured import Pairs
from atlasae.jets.per_event import follows_another, largest_two
from atlasae.quantization.sides import sides_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.types import Integers, Values

    Rows: TypeAlias = tuple[Integers, Integers]  # of the first and the second jet of each pair


def migrations(before: Values, after: Values, edges: Values) -> Integers:
    """Number of values that are on another side of each edge: below, at, or above it.

    Args:
        before: shape (n,).
        after: the same values, decoded.
        edges: ascending, in the dtype of the values.

    Returns:
        Shape (edges,), int64. A value that became NaN, or was NaN, counts at all of them.

    Example:
        >>> before, after = np.array([29.9, 30.0, 44.0]), np.array([30.0, 30.0, 20.0])
        >>> migrations(before, after, np.array([30.0, 40.0])).tolist()
        [2, 1]
    """
    changed = before != after
    before, after = before[changed], after[changed]
    was_nan, is_nan = np.isnan(before), np.isnan(after)
    old, new = (sides_of(values, edges)[~(was_nan | is_nan)] for values in (before, after))
    moved = old != new
    first = np.minimum(old, new)[moved] // 2  # edge i is side 2i + 1
    end = (np.maximum(old, new)[moved] + 1) // 2
    steps = np.bincount(first, minlength=len(edges) + 1)
    steps -= np.bincount(end, minlength=len(edges) + 1)
    counts: Integers = steps.cumsum()[:-1] + np.count_nonzero(was_nan != is_nan)
    return counts


def crossings(before: Values, after: Values, edges: Values) -> int:
    """Number of values that are on another side of any edge: below, at, or above it.

    A value that passes several edges is one. Arguments are those of ``migrations``.

    Example:
        >>> before, after = np.array([29.9, 30.0, 44.0]), np.array([30.0, 30.0, 20.0])
        >>> crossings(before, after, np.array([30.0, 40.0]))
        2
    """
    return int(np.count_nonzero(sides_of(before, edges) != sides_of(after, edges)))


def neighbors(pt: Values, counts: NDArray[np.integer[Any]]) -> Rows:
    """The pairs of jets that follow one another in an event, where pt does not rise.

    Args:
        pt: shape (n,).
        counts: number of jets of each event, shape (events,), summing to n.

    Example:
        >>> first, second = neighbors(np.array([50.0, 30.0, 20.0, 40.0]), np.array([2, 2]))
        >>> first.tolist(), second.tolist()
        ([0], [1])
    """
    first = np.flatnonzero(follows_another(counts)[1:] & (pt[1:] <= pt[:-1]))
    return first, first + 1


def leading_two(pt: Values, counts: NDArray[np.integer[Any]]) -> Rows:
    """The two jets with the largest pt of each event that has two.

    Args:
        pt: shape (n,); NaN is not a pt.
        counts: number of jets of each event, shape (events,), summing to n.

    Example:
        >>> first, second = leading_two(np.array([30.0, 50.0, 9.0, 8.0, 7.0]), np.array([2, 1, 2]))
        >>> first.tolist(), second.tolist()
        ([1, 3], [0, 4])
    """
    first, second = largest_two(pt.astype(np.float64, copy=False), counts.astype(np.int64))
    exists = second >= 0
    return first[exists], second[exists]


def changes_of_order(before: Values, after: Values, rows: Rows) -> Pairs:
    """What became of the order of pairs of jets, the first of which had at least the second's pt.

    Args:
        before: pt of all jets, shape (n,).
        after: the same, decoded.
        rows: of the pairs.

    Example:
        >>> before, after = np.array([50.0, 49.9, 20.0]), np.array([49.9, 50.0, 20.0])
        >>> changes_of_order(before, after, neighbors(before, np.array([3])))
        Pairs(number=2, swapped=1, tied=0, parted=0)
    """
    first, second = rows
    was_tied, is_tied = before[first] == before[second], after[first] == after[second]
    return Pairs(
        len(first),
        int(np.count_nonzero(~was_tied & (after[first] < after[second]))),
        int(np.count_nonzero(~was_tied & is_tied)),
        int(np.count_nonzero(was_tied & ~is_tied)),
    )
