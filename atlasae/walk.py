"""The order in which features are visited, by whoever writes, reads or records them.

First the momenta, place by place in the events: the first jets of all events, then all second jets,
and so on. Then the other features one by one, each for all jets, so that a reader can stop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.context import GROUPS, Event
from atlasae.density import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from atlasae.context import Columns, Inputs, Layout, Visitor

    Integers = NDArray[np.int64]
    Array = NDArray[np.float32]

OTHERS = "others"  # the group of the features that are no part of a momentum
ALL_GROUPS = (*GROUPS, OTHERS)
_DEEPEST = 64  # jets of an event that are seen together; of more, the next 64 start anew


def walk(
    visitor: Visitor, layout: Layout, counts: Integers | None, columns: Columns | None, jets: int
) -> Columns:
    """Visit the momentum of every jet.

    Args:
        visitor: what is done with each.
        layout: of the features.
        counts: numbers of jets an event; None for jets without events.
        columns: integers by feature, shape (jets,); None to have the visitor give them.
        jets: how many there are.

    Returns:
        The integers by feature, as they were given or found.
    """
    if counts is None:
        order, places = np.arange(jets), [jets] if jets else []
        starts, numbers = order, None
    else:
        counts = _shallow(counts)
        order = np.argsort((_DEEPEST - counts).astype(np.uint8), kind="stable")
        most = int(counts.max(initial=0))
        places = [int(np.count_nonzero(counts > place)) for place in range(most)]
        starts = (np.cumsum(counts) - counts)[order]
        numbers = counts[order].astype(np.float32)
    found = {name: np.empty(jets, np.int64) for name in layout.momentum}
    if not found:
        return found
    event = Event(layout, numbers)
    with np.errstate(all="ignore"):  # sizes beyond float32 become the largest there are
        for place, length in enumerate(places):
            rows = starts[:length] + place
            here = {name: np.empty(length, np.int64) for name in layout.momentum}
            for start in range(0, length, CHUNK):
                chunk = slice(start, min(start + CHUNK, length))
                known = columns and {name: columns[name][rows[chunk]] for name in layout.momentum}
                for name, values in event.visit(visitor, place, chunk, known).items():
                    here[name][chunk] = values
            for name, values in here.items():
                found[name][rows] = values
            if place + 1 < len(places):
                event.add(here)
    return found


def walk_others(
    visitor: Visitor, layout: Layout, momentum: Columns, columns: Columns | None, jets: int
) -> Iterator[tuple[str, Integers]]:
    """Visit the other features of all jets, one after another, and give each with its integers.

    Args:
        visitor: what is done with each.
        layout: of the features.
        momentum: what ``walk`` gave.
        columns: integers by feature, shape (jets,); None to have the visitor give them.
        jets: how many there are.
    """
    chunks = [slice(start, min(start + CHUNK, jets)) for start in range(0, jets, CHUNK)]
    inputs = [visitor.inputs(OTHERS, chunk.stop - chunk.start) for chunk in chunks]
    for feature in layout.momentum:
        _tell(layout, feature, momentum, chunks, inputs)
    for feature in layout.others:
        found = np.empty(jets, np.int64)
        for chunk, known in zip(chunks, inputs, strict=True):
            values = None if columns is None else columns[feature][chunk]
            found[chunk] = visitor.visit(OTHERS, feature, values, known)
        yield feature, found
        _tell(layout, feature, {feature: found}, chunks, inputs)


def _tell(
    layout: Layout, feature: str, integers: Columns, chunks: list[slice], inputs: list[Inputs]
) -> None:
    with np.errstate(all="ignore"):  # as in walk
        told = layout.tell(feature, integers)
    for chunk, known in zip(chunks, inputs, strict=True):
        known.add([told[chunk]])


def _shallow(counts: Integers) -> Integers:
    """Numbers of jets an event where those of the largest events are taken apart."""
    pieces = np.maximum(-(-counts // _DEEPEST), 1)
    shallow = np.full(pieces.sum(), _DEEPEST)
    shallow[np.cumsum(pieces) - 1] = counts - (pieces - 1) * _DEEPEST
    return shallow
