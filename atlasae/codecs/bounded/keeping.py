"""Stores exactly what has to be exact, so that quantities are kept within their tolerances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.coding.blocks import Cost
from atlasae.jets.per_event import reduced
from atlasae.jets.table import Table
from atlasae.quantization.corrections import overrides_of
from atlasae.quantization.quantized import encode_exceptions
from atlasae.quantization.quantizer import bit_patterns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from atlasae.quantization.corrections import Corrected
    from atlasae.quantization.quantities import Originals, Quantity
    from atlasae.types import BitPatterns, Integers, Values

    Rows = NDArray[np.bool_]


def keep(quantities: Sequence[Quantity], table: Table, corrected: Mapping[str, Corrected]) -> Cost:
    """Make few values exact so that quantities are kept.

    Where a quantity of an event is not kept, one feature that it depends on becomes exact in this
    event, the one that brings the quantity nearest to the original; of a quantity of jets, in this
    jet, and where that does not help, as it depends on other jets too, all of them in this event.
    This is repeated until all are kept. It ends, because each time more values are exact, and a
    quantity of exact values is the original one.

    Args:
        quantities: to keep.
        table: the original jets.
        corrected: what decoding gives of each feature; values are made exact here.

    Returns:
        What it costs.
    """
    if not quantities:
        return Cost()
    size, number = _size(corrected), 0
    events = _broken_events(quantities, table, _decoded(table, corrected))
    while len(events):
        number += len(events)
        before, after = _of_events(table, _decoded(table, corrected), events)
        jets = table.rows_of(events)
        more = [
            corrected[name].make_exact(jets[rows])
            for name, rows in _exact_rows(quantities, before, after).items()
        ]
        if not any(more):  # no quantity that was kept has changed
            break
        _, after = _of_events(table, _decoded(table, corrected), events)
        events = events[_broken_events(quantities, before, after)]
    return Cost(number, _size(corrected) - size)


def _decoded(table: Table, corrected: Mapping[str, Corrected]) -> Table:
    """What decoding gives of the jets of a table."""
    return Table({name: corrected[name].values for name in table.columns}, table.counts)


def _of_events(before: Table, after: Table, events: Integers) -> tuple[Table, Table]:
    """Some events of the originals, and of the same jets, decoded."""
    rows = before.rows_of(events)
    counts = None if before.counts is None else before.counts[events]
    return Table(before.rows(rows).columns, counts), Table(after.rows(rows).columns, counts)


def _size(corrected: Mapping[str, Corrected]) -> int:
    """Bytes that exact values take."""
    return len(encode_exceptions(overrides_of(corrected)))


def _broken_events(quantities: Sequence[Quantity], before: Table, after: Table) -> Integers:
    """The events, or jets without events, in which a quantity is not kept."""
    found = np.zeros(len(before) if before.counts is None else len(before.counts), bool)
    for quantity in quantities:
        if (some := quantity.doubtful(before, after)) is not None:
            one, other = _of_events(before, after, some)
            found[some] |= quantity.originals(one).broken(other)
            continue
        original = quantity.originals(before)
        broken = original.broken(after)
        in_events = original.of_events or before.counts is None
        found |= broken if in_events else _events_of(broken, before)
    return np.flatnonzero(found)


def _exact_rows(quantities: Sequence[Quantity], before: Table, after: Table) -> dict[str, Rows]:
    """Which rows of some events have to be exact, by feature, so that their quantities are kept."""
    exact = {name: np.zeros(len(before), bool) for name in before.columns}
    originals = [quantity.originals(before) for quantity in quantities]
    is_kept = False
    while not is_kept:
        is_kept = True
        for original in originals:
            broken = original.broken(after)
            if not broken.any():
                continue
            is_kept = False
            for name, rows in _best_features(original, broken, before, after):
                exact[name] |= rows
                mended = np.where(rows, before.columns[name], after.columns[name])
                after = Table(after.columns | {name: mended}, after.counts)
    return {name: rows for name, rows in exact.items() if rows.any()}


def _best_features(
    original: Originals, broken: Rows, before: Table, after: Table
) -> Iterator[tuple[str, Rows]]:
    """For each event, or jet, whose quantity is not kept: one more feature, and its jets."""
    of_events, features = original.of_events, original.features
    of_trials = np.minimum(original.errors_with(before, after), np.finfo(float).max)
    differ, errors = [], []
    for name, error in zip(features, of_trials, strict=True):
        rows = _patterns(before.columns[name]) != _patterns(after.columns[name])
        differ.append(rows)
        errors.append(np.where(_events_of(rows, before) if of_events else rows, error, np.inf))
    best = np.argmin(errors, axis=0)
    for i, name in enumerate(features):
        chosen = broken & (best == i)
        if of_events:
            yield name, differ[i] & _jets_of(chosen, before)
            continue
        yield name, differ[i] & chosen
        if before.counts is not None:
            by_others = broken & ~np.logical_or.reduce(differ)
            yield name, differ[i] & _jets_of(_events_of(by_others, before), before)


def _jets_of(events: Rows, table: Table) -> Rows:
    """Which jets are those of some events."""
    assert table.counts is not None
    return np.repeat(events, table.counts)


def _events_of(jets: Rows, table: Table) -> Rows:
    """Which events have some of the jets."""
    assert table.counts is not None
    return np.asarray(reduced(np.logical_or, jets, table.counts.astype(np.int64), False))


def _patterns(values: Values) -> BitPatterns:
    return bit_patterns(values.astype(values.dtype.newbyteorder("="), copy=False))
