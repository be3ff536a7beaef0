"""Numbers of events from numbers of their jets: sums, extremes, the jet of a rank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.compiled import accelerated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.types import Floats, Integers, Values


def reduced(operation: np.ufunc, values: Values, counts: Integers, empty: float) -> Values:
    """An operation such as ``np.add`` over the jets of each event.

    Args:
        operation: of two numbers.
        values: of the jets, shape (n,).
        counts: number of jets of each event, shape (events,), summing to n.
        empty: the result for events without jets.

    Returns:
        Shape (events,), of the dtype of the values.

    Example:
        >>> pt, counts = np.array([50.0, 30.0, 20.0]), np.array([2, 0, 1])
        >>> reduced(np.add, pt, counts, 0.0)
        array([80.,  0., 20.])
    """
    results = np.full(len(counts), empty, values.dtype)
    has_jets = counts > 0
    if has_jets.any():
        starts = (np.cumsum(counts) - counts)[has_jets]
        results[has_jets] = operation.reduceat(values, starts)
    return results


def follows_another(counts: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Whether each jet has another one before it in its event.

    Args:
        counts: number of jets of each event, shape (events,).

    Returns:
        Shape (n,), of all jets.

    Example:
        >>> follows_another(np.array([3, 0, 1]))
        array([False,  True,  True, False])
    """
    follows = np.ones(int(counts.sum()) + 1, bool)
    mark_firsts(np.ascontiguousarray(counts, np.int64), follows)
    return follows[:-1]


@accelerated("atlasae.jets.kernels")
def mark_firsts(counts: Integers, follows: NDArray[np.bool_]) -> None:
    """Mark the first jet of each event as one that follows none.

    Args:
        counts: number of jets of each event, shape (events,), summing to n.
        follows: shape (n + 1,): an event without jets begins where the next one does.
    """
    follows[np.cumsum(counts) - counts] = False


def jet_of_rank(values: Floats, counts: Integers, rank: int) -> Floats:
    """The value of one jet of each event, counted from 0 in their order; NaN where there is none.

    Args:
        values: of the jets, shape (n,).
        counts: number of jets of each event, shape (events,), summing to n.
        rank: of the jet.

    Example:
        >>> jet_of_rank(np.array([50.0, 30.0, 20.0]), np.array([2, 1]), 1)
        array([30., nan])
    """
    results = np.full(len(counts), np.nan)
    has_jet = counts > rank
    results[has_jet] = values[(np.cumsum(counts) - counts)[has_jet] + rank]
    return results


def largest_two(values: Floats, counts: Integers) -> tuple[Integers, Integers]:
    """Positions of the two jets of each event with the largest values; -1 where there is none.

    Of equal values the first counts as the largest; NaN is not a value.

    Args:
        values: of the jets, shape (n,).
        counts: number of jets of each event, shape (events,), summing to n.

    Example:
        >>> first, second = largest_two(np.array([20.0, 30.0, 50.0, 10.0]), np.array([3, 1]))
        >>> first.tolist(), second.tolist()
        ([2, 3], [1, -1])
    """
    starts = np.cumsum(counts) - counts
    rises = follows_another(counts)[1:] & (values[1:] > values[:-1])
    if not rises.any() and not np.isnan(values).any():
        return np.where(counts > 0, starts, -1), np.where(counts > 1, starts + 1, -1)
    first = _largest(values, counts)
    others = values.copy()
    others[first[first >= 0]] = np.nan
    return first, _largest(others, counts)


def _largest(values: Floats, counts: Integers) -> Integers:
    largest = reduced(np.fmax, values, counts, np.nan)
    rows = np.flatnonzero(values == np.repeat(largest, counts))[::-1]
    positions = np.full(len(counts), -1)
    positions[np.repeat(np.arange(len(counts)), counts)[rows]] = rows  # the first is the last
    return positions
