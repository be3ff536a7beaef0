"""The integers that the questions about a feature of the momentum can be about.

They come from the number of jets in the event, from the jet's earlier features, from the same and
earlier features of other jets, and from the recoil. An input is computed when it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from atlasae.density.directions import relative_angles, steps
from atlasae.density.event_context import (
    ANGLE,
    AXIS,
    COUNT,
    ETA_MASK,
    PHI_MASK,
    RATIO,
    SQUARE,
    SUM,
    EventContext,
)
from atlasae.density.jet_ranks import RANK_GROUPS, rank_group

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlasae.density.feature_layout import FeatureLayout
    from atlasae.types import Float32s, Integers32

OWN = -1  # the jet itself, in place of an earlier one


class Input(NamedTuple):
    """An input: what it is, and of which feature of which jet.

    Attributes:
        kind: index in ``KINDS``.
        feature: index among the features of the momentum.
        jet: index among the earlier jets of ``earlier_ranks``; ``OWN`` for the jet itself.
    """

    kind: int
    feature: int = 0
    jet: int = OWN


@dataclass
class EventInputs:
    """The inputs of a feature for the jets of a rank.

    Attributes:
        context: what is known of the events.
        feature: that is to be coded.
        rank: of the jets.
    """

    context: EventContext
    feature: str
    rank: int

    def __len__(self) -> int:
        return len(self._list)

    def row(self, index: int) -> Integers32:
        """One of the inputs, shape (n,), int32."""
        kind, feature, jet = self._list[index]
        return KINDS[kind](self, feature, jet)

    @cached_property
    def _list(self) -> tuple[Input, ...]:
        context = self.context
        in_events = context.ranks.counts is not None
        return inputs_of(context.layout, in_events, self.feature, rank_group(self.rank))

    @property
    def count(self) -> int:
        """Number of jets."""
        return self.context.ranks.count(self.rank)

    def rank_of(self, jet: int) -> int:
        """The rank of the jet itself or of an earlier one."""
        return self.rank if jet == OWN else earlier_ranks(self.rank)[jet]

    def at(self, jet: int) -> slice:
        """Where a jet of each of these events is."""
        return self.context.ranks.at(self.rank_of(jet), self.rank)

    @property
    def before(self) -> slice:
        """Where the jets of the rank before are."""
        return self.context.ranks.at(self.rank - 1, self.rank)

    def angle(self, jet: int, origin: Float32s) -> Integers32:
        """The angle of a jet from an origin for each event, in steps."""
        found = np.empty(self.count, np.float32)
        relative_angles(self.context.floats[ANGLE, self.at(jet)], origin, found)
        return steps(found)


def earlier_ranks(rank: int) -> tuple[int, ...]:
    """Ranks of the earlier jets that give inputs; their number is the same within a rank group.

    Example:
        >>> earlier_ranks(0), earlier_ranks(1), earlier_ranks(4)
        ((), (0,), (0, 3, 2))
    """
    return (0,) if rank == 1 else (0, rank - 1, rank - 2) if rank > 1 else ()


@lru_cache(maxsize=1024)
def inputs_of(
    layout: FeatureLayout, in_events: bool, feature: str, group: str
) -> tuple[Input, ...]:
    """The inputs of a feature for the jets of a group."""
    rank = RANK_GROUPS.index(group)
    has_directions = in_events and layout.has_directions
    jets = range(len(earlier_ranks(rank)))
    inputs: list[Input] = []
    if in_events:
        inputs += [Input(JETS_LEFT), Input(RANK)] if rank > 1 else [Input(JETS_LEFT)]
    for index, known in enumerate(layout.momentum[: layout.momentum.index(feature) + 1]):
        if known == layout.phi:
            if has_directions and rank:
                inputs += _of_recoil(layout, rank) if known == feature else _of_angle(rank)
            continue
        if known != feature:
            inputs.append(Input(VALUE, index))
        if known == layout.pt and known != feature and in_events:
            inputs += [Input(DROP, index)] if rank else []
            inputs += [Input(DROP_TO_NEXT, index)]
            inputs += [Input(SUM_OF_EVENT)] if has_directions else []
        inputs += [Input(VALUE, index, jet) for jet in jets]
    return tuple(inputs)


def _of_recoil(layout: FeatureLayout, rank: int) -> list[Input]:
    """Inputs of phi: the recoil of the jets before, where the next jet is likely to go."""
    inputs = [] if layout.circle else [Input(RECOIL)]
    if rank > 1:
        inputs += [Input(SIZE_OF_RECOIL), Input(PT_OVER_RECOIL)]
        inputs += [Input(FROM_RECOIL, jet=jet) for jet in range(len(earlier_ranks(rank)))]
    return inputs


def _of_angle(rank: int) -> list[Input]:
    """Inputs from a known phi: its distance to the recoil, and to other jets."""
    inputs = [Input(DISTANCE_TO_RECOIL)]
    if rank > 1:
        inputs += [Input(DISTANCE, jet=jet) for jet in range(len(earlier_ranks(rank)))]
    return inputs


def _jets_left(inputs: EventInputs, _feature: int, _jet: int) -> Integers32:
    """Number of jets in the event from this one on."""
    return inputs.context.integers[COUNT, : inputs.count] - np.int32(inputs.rank)


def _rank(inputs: EventInputs, _feature: int, _jet: int) -> Integers32:
    return np.full(inputs.count, inputs.rank, np.int32)


def _value(inputs: EventInputs, feature: int, jet: int) -> Integers32:
    """A feature of a jet: the mass over pt, eta mirrored with the leading jet's."""
    context, at = inputs.context, inputs.at(jet)
    layout, name = context.layout, context.layout.momentum[feature]
    integers = context.of(name)[at]
    if name == layout.mass and layout.ratio:
        assert layout.pt is not None
        return integers - context.of(layout.pt)[at]
    if name == layout.eta:
        return integers ^ context.integers[ETA_MASK, : inputs.count]
    return integers


def _drop(inputs: EventInputs, feature: int, _jet: int) -> Integers32:
    """The drop in pt from the jet before."""
    integers = inputs.context.of(inputs.context.layout.momentum[feature])
    return integers[inputs.before] - integers[inputs.at(OWN)]


def _drop_to_next(inputs: EventInputs, feature: int, _jet: int) -> Integers32:
    """The drop in pt to the jet of the next rank; a large one for the last jet."""
    context, ranks = inputs.context, inputs.context.ranks
    integers = context.of(context.layout.momentum[feature])
    drop = np.full(inputs.count, LARGEST_DROP, np.int32)
    if inputs.rank + 1 < ranks.number:
        after = integers[ranks.at(inputs.rank + 1)]
        own = integers[ranks.at(inputs.rank, inputs.rank + 1)]
        np.subtract(own, after, out=drop[: len(after)])
    return drop


def _sum_of_event(inputs: EventInputs, _feature: int, _jet: int) -> Integers32:
    return _order(inputs.context.floats[SUM, : inputs.count])


def _recoil(inputs: EventInputs, _feature: int, _jet: int) -> Integers32:
    return steps(inputs.context.recoil(inputs.rank))


def _size_of_recoil(inputs: EventInputs, _feature: int, _jet: int) -> Integers32:
    return _order(inputs.context.floats[SQUARE, inputs.before])


def _pt_over_recoil(inputs: EventInputs, _feature: int, _jet: int) -> Integers32:
    ratio = inputs.context.floats[RATIO, inputs.at(OWN)]
    return _order(ratio * ratio / inputs.context.floats[SQUARE, inputs.before])


def _from_recoil(inputs: EventInputs, _feature: int, jet: int) -> Integers32:
    """The angle of an earlier jet from the recoil, mirrored with that of the second jet."""
    angle = inputs.angle(jet, inputs.context.floats[AXIS, inputs.before])
    return angle ^ inputs.context.integers[PHI_MASK, : inputs.count]


def _distance_to_recoil(inputs: EventInputs, _feature: int, _jet: int) -> Integers32:
    return np.abs(inputs.angle(OWN, inputs.context.floats[AXIS, inputs.before]))


def _distance(inputs: EventInputs, _feature: int, jet: int) -> Integers32:
    return np.abs(inputs.angle(OWN, inputs.context.floats[ANGLE, inputs.at(jet)]))


def _order(values: Float32s) -> Integers32:
    """Integers in the order of positive numbers: the bits of floats."""
    return values.view(np.int32)


LARGEST_DROP = np.iinfo(np.int32).max

#: What computes an input, given all of them, the feature and the jet, by kind.
KINDS: tuple[Callable[[EventInputs, int, int], Integers32], ...] = (
    _jets_left,
    _rank,
    _value,
    _drop,
    _drop_to_next,
    _sum_of_event,
    _recoil,
    _size_of_recoil,
    _pt_over_recoil,
    _from_recoil,
    _distance_to_recoil,
    _distance,
)
(
    JETS_LEFT,
    RANK,
    VALUE,
    DROP,
    DROP_TO_NEXT,
    SUM_OF_EVENT,
    RECOIL,
    SIZE_OF_RECOIL,
    PT_OVER_RECOIL,
    FROM_RECOIL,
    DISTANCE_TO_RECOIL,
    DISTANCE,
) = range(len(KINDS))


@dataclass
class ColumnInputs:
    """Columns of integers as inputs.

    Attributes:
        columns: each of shape (n,), int32.
    """

    columns: list[Integers32]

    def __len__(self) -> int:
        return len(self.columns)

    def row(self, index: int) -> Integers32:
        """One of the columns."""
        return self.columns[index]
