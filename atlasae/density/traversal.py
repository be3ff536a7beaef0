"""Traversal order of the features, shared by encoder, decoder and training.

A feature is visited for all jets before the next feature is, so a decoder can stop after the
features that are asked for. Features of the momentum are visited by rank: the leading jets of all
events, then all second jets, and so on. The other features follow, for all jets at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.density.conditional import CHUNK
from atlasae.density.event_context import EventContext
from atlasae.density.visitor import OTHERS, rank_group

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlasae.density.feature_layout import FeatureLayout
    from atlasae.density.visitor import Visitor
    from atlasae.types import Columns, Integers


_LARGEST_EVENT = 64  # jets; a larger event is traversed as several events of this size


def traverse(
    visitor: Visitor,
    layout: FeatureLayout,
    counts: Integers | None,
    columns: Columns | None,
    jets: int,
) -> Iterator[tuple[str, Integers]]:
    """Visit every feature and yield its name and its integers, shape (jets,).

    Args:
        visitor: what is done with each feature.
        layout: the features.
        counts: number of jets per event; None for jets without events.
        columns: integers by feature, shape (jets,); None to take them from the visitor.
        jets: number of jets.
    """
    momentum = {}
    for feature, integers in _traverse_momentum(visitor, layout, counts, columns, jets):
        momentum[feature] = integers
        yield feature, integers
    yield from _traverse_others(visitor, layout, momentum, columns, jets)


def _traverse_momentum(
    visitor: Visitor,
    layout: FeatureLayout,
    counts: Integers | None,
    columns: Columns | None,
    jets: int,
) -> Iterator[tuple[str, Integers]]:
    if counts is None:
        sorted_counts, starts, lengths = None, np.arange(jets), [jets] if jets else []
    else:
        counts = _split_large_events(counts)
        order = np.argsort((_LARGEST_EVENT - counts).astype(np.uint8), kind="stable")
        most = int(counts.max(initial=0))
        lengths = [int(np.count_nonzero(counts > rank)) for rank in range(most)]
        starts = (np.cumsum(counts) - counts)[order]
        sorted_counts = counts[order].astype(np.float32)
    chunks_by_rank = [
        [
            (chunk, visitor.inputs(rank_group(rank), chunk.stop - chunk.start))
            for chunk in _chunks(length)
        ]
        for rank, length in enumerate(lengths)
    ]
    event = EventContext(layout, sorted_counts)
    for feature in layout.momentum:
        integers = np.empty(jets, np.int64)
        for rank, (length, chunks) in enumerate(zip(lengths, chunks_by_rank, strict=True)):
            rows, of_rank = starts[:length] + rank, np.empty(length, np.int64)
            with np.errstate(all="ignore"):  # sizes beyond float32 become its largest
                for chunk, inputs in chunks:
                    given = None if columns is None else columns[feature][rows[chunk]]
                    of_rank[chunk] = event.visit(visitor, feature, rank, chunk, given, inputs)
                if rank + 1 < len(lengths) or feature != layout.momentum[-1]:
                    event.add(feature, rank, of_rank)
            integers[rows] = of_rank
        yield feature, integers


def _traverse_others(
    visitor: Visitor, layout: FeatureLayout, momentum: Columns, columns: Columns | None, jets: int
) -> Iterator[tuple[str, Integers]]:
    chunks = [(chunk, visitor.inputs(OTHERS, chunk.stop - chunk.start)) for chunk in _chunks(jets)]
    new = list(momentum.items())
    for feature in layout.others:
        for name, coded in new:
            with np.errstate(all="ignore"):  # as above
                row = layout.as_input(name, momentum | {name: coded})
            for chunk, inputs in chunks:
                inputs.add([row[chunk]])
        integers = np.empty(jets, np.int64)
        for chunk, inputs in chunks:
            values = None if columns is None else columns[feature][chunk]
            integers[chunk] = visitor.visit(OTHERS, feature, values, inputs)
        yield feature, integers
        new = [(feature, integers)]


def _chunks(length: int) -> list[slice]:
    return [slice(start, min(start + CHUNK, length)) for start in range(0, length, CHUNK)]


def _split_large_events(counts: Integers) -> Integers:
    """Number of jets per event, where large events are split into several."""
    pieces = np.maximum(-(-counts // _LARGEST_EVENT), 1)
    split = np.full(pieces.sum(), _LARGEST_EVENT)
    split[np.cumsum(pieces) - 1] = counts - (pieces - 1) * _LARGEST_EVENT
    return split
