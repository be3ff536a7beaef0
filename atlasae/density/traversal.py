"""Traversal order of the features, shared by encoder, decoder and fitting.

A feature is visited for all jets before the next feature is, so a decoder can stop after the
features that are asked for. Features of the momentum are visited by rank: the leading jets of all
events, then all second jets, and so on. The other features follow, for all jets at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from atlasae.density.coordinates import coordinate
from atlasae.density.event_context import ETA_MASK, EventContext
from atlasae.density.event_inputs import ColumnInputs, EventInputs
from atlasae.density.jet_ranks import RANK_GROUPS, JetRanks
from atlasae.density.visitor import OTHERS, SIGN, Visit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlasae.density.conditional import Inputs
    from atlasae.density.feature_layout import FeatureLayout
    from atlasae.types import Columns, Integers, Integers32


def traverse(
    visitor: RankByRank,
    layout: FeatureLayout,
    counts: Integers | None,
    columns: Columns | None,
    jets: int,
) -> Iterator[tuple[str, Integers32]]:
    """Visit every feature and yield its name and its integers, shape (jets,).

    Args:
        visitor: what is done with each feature.
        layout: the features.
        counts: number of jets per event; None for jets without events.
        columns: integers by feature, shape (jets,); None to take them from the visitor.
        jets: number of jets.
    """
    ranks = JetRanks.of(counts, jets)
    context = EventContext(layout, ranks)
    known = []
    for feature in layout.momentum:
        given = None if columns is None else ranks.by_rank(columns[feature])
        with np.errstate(all="ignore"):  # sizes beyond float32 become its largest
            if feature == layout.eta and ranks.number:
                _visit_sign(visitor, context, given)
            for group, members in ranks.groups():
                visitor.visit_ranks(Visit(group, feature, members, context, given))
            context.complete(feature)
        known.append(ranks.in_file(context.of(feature)))
        yield feature, known[-1]
    for feature in layout.others:
        values = None if columns is None else columns[feature]
        known.append(visitor.visit(OTHERS, feature, values, jets, ColumnInputs(known[:])))
        yield feature, known[-1]


def _visit_sign(visitor: RankByRank, context: EventContext, given: Integers32 | None) -> None:
    """Visit the sign of the leading eta, with which all others of the event are mirrored."""
    assert context.layout.eta is not None
    at, count = context.ranks.at(0), context.ranks.count(0)
    negative = None if given is None else (given[at] < 0).astype(np.int32)
    inputs = EventInputs(context, context.layout.eta, 0)
    visited = visitor.visit(RANK_GROUPS[0], SIGN, negative, count, inputs)
    context.integers[ETA_MASK, :count] = -visited


class RankByRank(ABC):
    """What is done with each feature: encode, decode, record, or compute its cross-entropy.

    The jets of a group come rank by rank; what kernels do for all ranks at once gives the same.
    """

    @abstractmethod
    def visit(
        self, group: str, feature: str, values: Integers32 | None, count: int, inputs: Inputs
    ) -> Integers32:
        """Return the coordinates of a feature for jets with these inputs.

        Args:
            group: of the jets.
            feature: its name.
            values: the coordinates, shape (count,); None to decode them.
            count: number of jets.
            inputs: what is known of the jets.
        """

    def visit_ranks(self, visit: Visit) -> None:
        """Visit a feature for a group of jets, and add it to the context."""
        context, feature, given = visit.context, visit.feature, visit.given
        for rank in visit.members:
            kind, inputs = coordinate(context, feature, rank), EventInputs(context, feature, rank)
            integers = None if given is None else given[context.ranks.at(rank)]
            values = None if integers is None else kind.of(integers)
            count = context.ranks.count(rank)
            restored = kind.integers(self.visit(visit.group, feature, values, count, inputs))
            if integers is not None and not np.array_equal(restored, integers):
                raise AssertionError(
                    f"{feature} is not restored from its coordinate: please report"
                )
            context.add(feature, rank, restored)
