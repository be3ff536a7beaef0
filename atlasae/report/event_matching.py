"""Match the events of two files, and check that they hold the same jets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.errors import InputError
from atlasae.jets.metrics import Residuals, correlation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlasae.jets.table import Table
    from atlasae.types import Values

_MIN_CORRELATION = 0.1  # even a bad autoencoder has more in one of the angles
_MIN_JETS = 100  # with fewer, the correlation is not significant


def in_order_of(
    original: Mapping[str, Values], decoded: Mapping[str, Values], jets: Table, *, moved: bool
) -> Table:
    """Decoded jets in the order of the original entries.

    Args:
        original: event numbers by branch, each of shape (entries,).
        decoded: those of the decoded entries.
        jets: the decoded jets.
        moved: whether the codec changes the order of entries.

    Raises:
        InputError: the events differ, or were reordered and cannot be identified.

    Example:
        >>> from atlasae.jets.table import to_table
        >>> before, after = {"event": np.array([7, 8])}, {"event": np.array([8, 7])}
        >>> jets = to_table({"pt": [30.0, 50.0]})
        >>> in_order_of(before, after, jets, moved=True).columns["pt"].tolist()
        [50.0, 30.0]
    """
    shared = [name for name in original if name in decoded]
    if not shared:
        if moved:
            raise InputError(
                "entries were reordered (order='free'), and no branch such as 'event' gives their"
                " order"
            )
        return jets
    wanted, present = (_as_rows(numbers, shared) for numbers in (original, decoded))
    if np.array_equal(wanted, present):
        return jets
    if len(wanted) != len(present):
        raise InputError(f"not the same events: {len(present):,} entries against {len(wanted):,}")
    wanted_order, present_order = np.argsort(wanted), np.argsort(present)
    differ = np.flatnonzero(wanted[wanted_order] != present[present_order])
    if differ.size:
        first, second = (
            present[present_order[differ[0]]].tolist(),
            wanted[wanted_order[differ[0]]].tolist(),
        )
        raise InputError(f"not the same events: {', '.join(shared)} are {first} against {second}")
    if len(np.unique(wanted)) < len(wanted):
        raise InputError(f"entries were reordered, and {', '.join(shared)} are not unique")
    order = np.empty(len(wanted), np.int64)
    order[wanted_order] = present_order
    return jets.events(order)


def _as_rows(event_numbers: Mapping[str, Values], names: Sequence[str]) -> Values:
    """Several numbers of each entry as a structured array, which can be sorted and compared."""
    # an unsigned branch may be signed after compression
    rows = np.empty(len(event_numbers[names[0]]), dtype=[(name, np.int64) for name in names])
    for name in names:
        rows[name] = event_numbers[name].astype(np.int64)
    return rows


def require_same_jets(results: Mapping[str, Residuals], original: Table, decoded: Table) -> None:
    """Raise InputError if the decoded jets are not correlated with the originals.

    Args:
        results: the residuals of the features to look at.
        original: the original jets.
        decoded: the decoded jets, in the same order.
    """
    if len(original) < _MIN_JETS:
        return
    # angles, because jets of an event are not ordered by them, as they are by pt
    names = [name for name in results if name in ("eta", "phi")] or list(results)
    correlations = []
    for name in names:
        values = {
            label: Residuals(name, False, table.columns[name].astype(np.float64))
            for label, table in (("original", original), ("decoded", decoded))
        }
        correlations.append(abs(correlation(values)[0, 1]))
    if max(np.nan_to_num(correlations, nan=1.0)) < _MIN_CORRELATION:
        raise InputError(
            f"not the same jets: decoded {' and '.join(names)} are not correlated with the"
            " originals; is this another file, or are its entries in another order?"
        )
