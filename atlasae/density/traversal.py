"""The order in which features are visited, by whoever writes, reads or records them.

Feature by feature, each for all jets, so that a reader can stop where it has enough. Those of the
momentum go place by place in the events: the first jets of all events, then all second jets, and
so on; the others follow, for all jets alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.density.conditional import CHUNK
from atlasae.density.event_context import GROUPS, EventContext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlasae.density.event_context import FeatureLayout, Visitor
    from atlasae.types import Columns, Integers


OTHERS = "others"  # the group of the features that are no part of a momentum
ALL_GROUPS = (*GROUPS, OTHERS)
_DEEPEST = 64  # jets of an event that are seen together; of more, the next 64 start anew


def traverse(
    visitor: Visitor,
    layout: FeatureLayout,
    counts: Integers | None,
    columns: Columns | None,
    jets: int,
) -> Iterator[tuple[str, Integers]]:
    """Visit every feature, and give each with its integers, shape (jets,).

    Args:
        visitor: what is done with each.
        layout: of the features.
        counts: numbers of jets an event; None for jets without events.
        columns: integers by feature, shape (jets,); None to have the visitor give them.
        jets: how many there are.
    """
    momentum = {}
    for feature, found in _walk_momentum(visitor, layout, counts, columns, jets):
        momentum[feature] = found
        yield feature, found
    yield from _walk_others(visitor, layout, momentum, columns, jets)


def _walk_momentum(
    visitor: Visitor,
    layout: FeatureLayout,
    counts: Integers | None,
    columns: Columns | None,
    jets: int,
) -> Iterator[tuple[str, Integers]]:
    if counts is None:
        numbers, starts, lengths = None, np.arange(jets), [jets] if jets else []
    else:
        counts = _shallow(counts)
        order = np.argsort((_DEEPEST - counts).astype(np.uint8), kind="stable")
        most = int(counts.max(initial=0))
        lengths = [int(np.count_nonzero(counts > place)) for place in range(most)]
        starts = (np.cumsum(counts) - counts)[order]
        numbers = counts[order].astype(np.float32)
    places = [
        [
            (chunk, visitor.inputs(GROUPS[min(place, 2)], chunk.stop - chunk.start))
            for chunk in _chunks(length)
        ]
        for place, length in enumerate(lengths)
    ]
    event = EventContext(layout, numbers)
    for feature in layout.momentum:
        found = np.empty(jets, np.int64)
        for place, (length, chunks) in enumerate(zip(lengths, places, strict=True)):
            rows, here = starts[:length] + place, np.empty(length, np.int64)
            with np.errstate(all="ignore"):  # sizes beyond float32 become the largest there are
                for chunk, inputs in chunks:
                    known = None if columns is None else columns[feature][rows[chunk]]
                    here[chunk] = event.visit(visitor, feature, place, chunk, known, inputs)
                if place + 1 < len(lengths) or feature != layout.momentum[-1]:
                    event.add(feature, place, here)  # for whoever comes after
            found[rows] = here
        yield feature, found


def _walk_others(
    visitor: Visitor, layout: FeatureLayout, momentum: Columns, columns: Columns | None, jets: int
) -> Iterator[tuple[str, Integers]]:
    chunks = [(chunk, visitor.inputs(OTHERS, chunk.stop - chunk.start)) for chunk in _chunks(jets)]
    known = list(momentum.items())
    for feature in layout.others:
        for name, integers in known:
            with np.errstate(all="ignore"):  # as above
                told = layout.tell(name, momentum | {name: integers})
            for chunk, inputs in chunks:
                inputs.add([told[chunk]])
        found = np.empty(jets, np.int64)
        for chunk, inputs in chunks:
            values = None if columns is None else columns[feature][chunk]
            found[chunk] = visitor.visit(OTHERS, feature, values, inputs)
        yield feature, found
        known = [(feature, found)]


def _chunks(length: int) -> list[slice]:
    return [slice(start, min(start + CHUNK, length)) for start in range(0, length, CHUNK)]


def _shallow(counts: Integers) -> Integers:
    """Numbers of jets an event where those of the largest events are taken apart."""
    pieces = np.maximum(-(-counts // _DEEPEST), 1)
    shallow = np.full(pieces.sum(), _DEEPEST)
    shallow[np.cumsum(pieces) - 1] = counts - (pieces - 1) * _DEEPEST
    return shallow
