"""Stores exactly what has to be exact, so that quantities are kept within their tolerances."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from atlasae.coding.blocks import Cost
from atlasae.jets.per_event import reduced
from atlasae.jets.table import Table, rows_of_events
from atlasae.quantization.quantized import encode_exceptions
from atlasae.quantization.quantizer import bit_patterns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from atlasae.quantization.quantities import Quantity
    from atlasae.quantization.quantized import QuantizedJets
    from atlasae.types import BitPatterns, Values

    Rows = NDArray[np.bool_]


def with_exact(quantized: QuantizedJets, table: Table, exact: Mapping[str, Rows]) -> QuantizedJets:
    """The same jets with more exceptions.

    Args:
        quantized: the jets of the table, in its order.
        table: the originals.
        exact: which rows are to be exact, by feature.
    """
    exceptions = dict(quantized.exceptions)
    for name, rows in exact.items():
        known, _ = exceptions.get(name, (np.zeros(0, np.int64), None))
        if len(positions := np.union1d(np.flatnonzero(rows), known)):
            exceptions[name] = positions, _patterns(table.columns[name])[positions]
    in_order = {name: exceptions[name] for name in quantized.integers if name in exceptions}
    return replace(quantized, exceptions=in_order)


def keep(
    quantities: Sequence[Quantity],
    table: Table,
    code: Callable[[Mapping[str, Rows]], QuantizedJets],
    restore: Callable[[QuantizedJets], Table],
) -> tuple[QuantizedJets, Cost]:
    """Code jets so that quantities are kept, with few exact values.

    Where a quantity of an event is not kept, one feature that it depends on becomes exact in this
    event, the one that brings the quantity nearest to the original; of a quantity of jets, in this
    jet, and where that does not help, as it depends on other jets too, all of them in this event.
    This is repeated until all are kept. It ends, because each time more values are exact, and a
    quantity of exact values is the original one.

    Args:
        quantities: to keep.
        table: the original jets.
        code: makes integers of them, given which rows are to be exact, by feature.
        restore: makes jets of these; those of one event do not depend on other events.

    Returns:
        What ``code`` made, and what it costs.
    """
    first = quantized = code({})
    if not quantities:
        return first, Cost()
    names = list(table.columns)
    exact = {
        name: np.zeros(len(table), bool)
        for name in chain(*(quantity.expression.features(names) for quantity in quantities))
    }
    decoded = restore(quantized)
    events = np.flatnonzero(_broken_events(quantities, table, decoded))
    while len(events):
        before, after = table.events(events), decoded.events(events)
        jets = events if table.counts is None else rows_of_events(table.counts, events)
        for name, rows in _exact_rows(quantities, before, after).items():
            exact[name][jets[rows]] = True
        quantized = code(exact)
        decoded = restore(quantized)
        events = events[_broken_events(quantities, before, decoded.events(events))]
    return quantized, _cost(table, exact, first, quantized)


def _exact_rows(quantities: Sequence[Quantity], before: Table, after: Table) -> dict[str, Rows]:
    """Which rows of some events have to be exact, by feature, so that their quantities are kept."""
    exact = {name: np.zeros(len(before), bool) for name in before.columns}
    while _broken_events(quantities, before, after).any():
        for quantity in quantities:
            for name, rows in _best_features(quantity, before, after):
                exact[name] |= rows
                mended = np.where(rows, before.columns[name], after.columns[name])
                after = Table(after.columns | {name: mended}, after.counts)
    return {name: rows for name, rows in exact.items() if rows.any()}


def _broken_events(quantities: Sequence[Quantity], before: Table, after: Table) -> Rows:
    """The events, or jets without events, in which a quantity is not kept."""
    found = np.zeros(len(before) if before.counts is None else len(before.counts), bool)
    for quantity in quantities:
        broken, of_events = quantity.broken(before, after)
        found |= broken if of_events or before.counts is None else _events_of(broken, before)
    return found


def _best_features(quantity: Quantity, before: Table, after: Table) -> Iterator[tuple[str, Rows]]:
    """For each event, or jet, whose quantity is not kept: one more feature, and its jets."""
    broken, of_events = quantity.broken(before, after)
    features = quantity.expression.features(list(before.columns))
    differ, errors = [], []
    for name in features:
        rows = _patterns(before.columns[name]) != _patterns(after.columns[name])
        trial = Table(after.columns | {name: before.columns[name]}, after.counts)
        error = np.minimum(quantity.errors(before, trial)[0], np.finfo(float).max)
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


def _cost(
    table: Table, exact: Mapping[str, Rows], first: QuantizedJets, last: QuantizedJets
) -> Cost:
    rows = np.logical_or.reduce(list(exact.values()))
    number = int((rows if table.counts is None else _events_of(rows, table)).sum())
    sizes = [len(encode_exceptions(one.exceptions)) for one in (first, last)]
    return Cost(number, sizes[1] - sizes[0])


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
