"""Coordinates in which a feature is easy to predict, and the way back to its integers.

They are the drop in pt from the jet before, the ratio of mass to pt, phi from the recoil of the jets
before, and eta mirrored with the leading jet's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from atlasae.density.directions import wrap_steps
from atlasae.density.event_context import ETA_MASK, PHI_MASK

if TYPE_CHECKING:
    from atlasae.density.event_context import EventContext
    from atlasae.types import Integers32

LIGHT = np.int32(1 << 30)  # beyond any difference of two integers of features
IS_LIGHT = np.int32(-(3 << 28))


class Coordinate(Protocol):
    """A one-to-one map of the integers of a feature, shape (n,), int32."""

    def of(self, integers: Integers32) -> Integers32:
        """The coordinates of integers."""

    def integers(self, coordinates: Integers32) -> Integers32:
        """The integers with these coordinates."""


@dataclass(frozen=True)
class Plain:
    """The integers themselves."""

    def of(self, integers: Integers32) -> Integers32:
        return integers

    def integers(self, coordinates: Integers32) -> Integers32:
        return coordinates


@dataclass(frozen=True)
class Drop:
    """How far the integers are below others."""

    before: Integers32

    def of(self, integers: Integers32) -> Integers32:
        return self.before - integers

    integers = of


@dataclass(frozen=True)
class Ratio:
    """The mass over pt, except for zeros and masses below the quantizer's floor.

    A ratio says nothing about those; they are moved far below all others.
    """

    pt: Integers32
    linear: int

    def of(self, integers: Integers32) -> Integers32:
        is_light = np.abs(integers) <= self.linear
        return integers - np.where(is_light, LIGHT, self.pt)

    def integers(self, coordinates: Integers32) -> Integers32:
        return coordinates + np.where(coordinates < IS_LIGHT, LIGHT, self.pt)


@dataclass(frozen=True)
class Mirrored:
    """The integers with all bits turned where a mask says so: a float's pattern changes sign."""

    mask: Integers32

    def of(self, integers: Integers32) -> Integers32:
        return integers ^ self.mask

    integers = of


@dataclass(frozen=True)
class Around:
    """Integers of phi from an origin, in the direction that a mask gives, around the circle."""

    origin: Integers32
    mask: Integers32 | np.int32
    circle: int

    def of(self, integers: Integers32) -> Integers32:
        return self._wrapped(((integers - self.origin) ^ self.mask) - self.mask)

    def integers(self, coordinates: Integers32) -> Integers32:
        return self._wrapped(((coordinates ^ self.mask) - self.mask) + self.origin)

    def _wrapped(self, values: Integers32) -> Integers32:
        return wrap_steps(values, self.circle) if self.circle else values


def coordinate(context: EventContext, feature: str, rank: int) -> Coordinate:
    """The coordinate of a feature for the jets of a rank.

    Args:
        context: what is known of the events.
        feature: of the momentum.
        rank: of the jets.
    """
    layout, ranks = context.layout, context.ranks
    if feature == layout.mass and layout.ratio:
        assert layout.pt is not None
        return Ratio(context.of(layout.pt)[ranks.at(rank)], layout.linear)
    if feature == layout.eta:
        return Mirrored(context.integers[ETA_MASK, : ranks.count(rank)])
    if rank and feature == layout.pt:
        return Drop(context.of(feature)[ranks.at(rank - 1, rank)])
    if rank and feature == layout.phi and context.has_directions and layout.phi_has_steps:
        origin = layout.nearest(feature, context.recoil(rank))
        mask = context.integers[PHI_MASK, : len(origin)] if rank > 1 else np.int32(0)
        return Around(origin, mask, layout.circle)
    return Plain()
