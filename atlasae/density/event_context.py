"""What is known of a jet before it is coded: its event, the event's earlier jets, its own features.

Each feature becomes a coordinate in which it is predictable (the drop in pt from the jet before, the
angle from the recoil of the jets before), and each coded feature becomes inputs for the next. All
of it is exact (``atlasae.exact_math``), since decoding repeats it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from atlasae import exact_math
from atlasae.jets.names import is_energy, role
from atlasae.quantization.quantizers import (
    AbsoluteQuantizer,
    FloatQuantizer,
    Quantizer,
    RelativeQuantizer,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from atlasae.types import Columns, Float32s, Integers


GROUPS = ("first", "second", "later")
SIGN = "sign of eta"  # of the leading jet, coded before its size
_LARGEST = np.float32(3e38)
_LIGHT = 1 << 52  # beyond the difference of any two integers of a lattice
_FLAG = np.float32(128)  # inputs are of about this size before they are scaled
_MOST_JETS = np.float32(9)
_FINEST_TURN = 1e-12  # steps of phi below are not counted around the circle


class Direction(NamedTuple):
    """Where momentum is missing: angle from the leading jet, its cosine and sine, squared size."""

    angle: Float32s
    cosine: Float32s
    sine: Float32s
    square: Float32s

    def at(self, chunk: slice) -> Direction:
        """That of some events."""
        return Direction(*(part[chunk] for part in self))

    def toward(self, cosine: Float32s, sine: Float32s) -> tuple[Float32s, Float32s]:
        """Cosine and sine of the angles of others from it."""
        return cosine * self.cosine + sine * self.sine, sine * self.cosine - cosine * self.sine


class Inputs(Protocol):
    """The inputs of some jets, to which those of each coded feature are added."""

    def add(self, rows: list[Float32s]) -> None:
        """Take more rows, each of shape (n,)."""


class Visitor(Protocol):
    """What is done with each feature on the walk: writing, reading, recording."""

    def inputs(self, group: str, count: int) -> Inputs:
        """New inputs for ``count`` jets of a group."""

    def visit(self, group: str, feature: str, values: Integers | None, inputs: Inputs) -> Integers:
        """Give the coordinates of a feature, known or not, for jets with these inputs."""


@dataclass(frozen=True)
class FeatureLayout:
    """How the integers of the features relate to one another.

    Attributes:
        lattices: by feature, in the order of coding.
        pt, mass, phi, eta: the features that play these parts, where there are any.
        ratio: whether the mass is coded against pt: both have steps of one size.
        circle: how many steps of phi there are in a turn; 0 where its steps are unequal.
        momentum: those features, in the order of coding.
        others: the rest, coded after the momenta of all jets.
    """

    lattices: dict[str, Quantizer]
    pt: str | None
    mass: str | None
    phi: str | None
    eta: str | None
    ratio: bool
    circle: int

    @classmethod
    def of(cls, lattices: Mapping[str, Quantizer]) -> FeatureLayout:
        """The layout of these features."""
        parts = {what: name for name in reversed(list(lattices)) if (what := role(name))}
        pt, mass, phi = parts.get("pt"), parts.get("m") or parts.get("e"), parts.get("phi")
        ratio = pt is not None and mass is not None and _same_steps(lattices[pt], lattices[mass])
        steps = lattices[phi] if phi is not None else None
        circle = 0
        if isinstance(steps, AbsoluteQuantizer) and steps.step > _FINEST_TURN:
            circle = 2 * int(np.ceil(np.pi / steps.step)) + 1
        return cls(dict(lattices), pt, mass, phi, parts.get("eta"), ratio, circle)

    @cached_property
    def momentum(self) -> tuple[str, ...]:
        parts = (self.pt, self.mass, self.phi, self.eta)
        return tuple(name for name in self.lattices if name in parts)

    @cached_property
    def others(self) -> tuple[str, ...]:
        return tuple(name for name in self.lattices if name not in self.momentum)

    @property
    def order(self) -> tuple[str, ...]:
        """All features, in the order of coding."""
        return self.momentum + self.others

    def value(self, feature: str, integers: Columns) -> Float32s:
        """A feature itself, as a finite float32."""
        values = self.lattices[feature].to_values(integers[feature]).astype(np.float32)
        np.fmin(values, _LARGEST, out=values)
        return np.fmax(values, -_LARGEST, out=values)

    def tell(self, feature: str, integers: Columns) -> Float32s:
        """A feature as an input: energies on a logarithmic axis, others on their own."""
        q = integers[feature]
        if feature == self.mass and self.ratio:
            assert self.pt is not None
            return (q - integers[self.pt]).astype(np.float32)
        if is_energy(feature) or not isinstance(self.lattices[feature], FloatQuantizer):
            return q.astype(np.float32)
        return self.value(feature, integers)


def _same_steps(one: Quantizer, other: Quantizer) -> bool:
    """Whether a difference of the integers is the logarithm of a ratio."""
    if isinstance(one, RelativeQuantizer) and isinstance(other, RelativeQuantizer):
        return one.step == other.step
    return isinstance(one, FloatQuantizer) and one == other


class EventContext:
    """What is known of the jets so far, by place, each array over the events that have one there.

    A feature is visited at all places before the next feature is.
    """

    def __init__(self, layout: FeatureLayout, numbers: Float32s | None) -> None:
        self.layout = layout
        self.numbers = numbers
        self.integers: dict[str, list[Integers]] = {name: [] for name in layout.momentum}
        self.told: dict[str, list[Float32s]] = {name: [] for name in layout.momentum}
        self.sign = self.side = np.ones(0, np.int64)  # where the first jet, the second went to
        self.lead_angle = np.zeros(0, np.float32)
        self.lead_turn: list[Float32s] = []  # its cosine and sine
        self.lead_pt = np.zeros(0, np.float32)
        self.shares: list[Float32s] = []  # pt in units of the leading jet's
        self.turns: list[
            tuple[Float32s, ...]
        ] = []  # phi from the leading jet's, its cosine and sine
        self.momenta: list[tuple[Float32s, Float32s]] = []  # summed, in units of the leading pt
        self.recoils: list[Direction] = []  # where it is missing after each place

    def visit(
        self,
        visitor: Visitor,
        feature: str,
        place: int,
        chunk: slice,
        known: Integers | None,
        inputs: Inputs,
    ) -> Integers:
        """Visit a feature of one chunk of the jets of a place."""
        layout = self.layout
        group = GROUPS[min(place, 2)]
        inputs.add(self.before(feature, place, chunk))
        if feature == layout.mass and layout.ratio:
            return self._visit_mass(visitor, group, place, chunk, known, inputs)
        sign: Integers | int
        origin: Integers | int
        if feature == layout.eta and place == 0:
            negative = None if known is None else (known < 0).astype(np.int64)
            negative = visitor.visit(group, SIGN, negative, inputs)
            sign, origin = 1 - 2 * negative, -negative
        else:
            sign, origin = self._axis(feature, place, chunk)
        circle = layout.circle if feature == layout.phi and place else 0
        values = None if known is None else sign * _turn(known - origin, circle)
        return _turn(sign * visitor.visit(group, feature, values, inputs) + origin, circle)

    def _visit_mass(
        self,
        visitor: Visitor,
        group: str,
        place: int,
        chunk: slice,
        known: Integers | None,
        inputs: Inputs,
    ) -> Integers:
        """The mass as a ratio to pt, but for the lightest, which say nothing of a ratio.

        Those, zero and what is below the floor of the lattice, lie by themselves far below.
        """
        layout, values = self.layout, None
        assert layout.mass is not None
        assert layout.pt is not None
        pt = self.integers[layout.pt][place][chunk]
        if known is not None:
            linear = getattr(layout.lattices[layout.mass], "linear", 0)
            values = known - np.where(np.abs(known) <= linear, _LIGHT, pt)
        values = visitor.visit(group, layout.mass, values, inputs)
        return values + np.where(values < -_LIGHT // 2, _LIGHT, pt)

    def add(self, feature: str, place: int, integers: Integers) -> None:
        """Take a feature of all jets of a place."""
        layout, count = self.layout, len(integers)
        self.integers[feature].append(integers)
        if feature == layout.phi:
            self._add_angle(place, integers)
            return
        here = {name: found[place] for name, found in self.integers.items() if len(found) > place}
        told = layout.tell(feature, here)
        if feature == layout.eta:
            if place == 0:
                self.sign = np.where(integers < 0, -1, 1)
            told = told * self.sign[:count].astype(np.float32)
        self.told[feature].append(told)
        if feature == layout.pt and self.numbers is not None:
            pt = layout.value(feature, here)
            if place == 0:
                self.lead_pt = np.maximum(pt, np.float32(1e-30))
            share = pt / self.lead_pt[:count]
            self.shares.append(np.clip(share, np.float32(-1e9), np.float32(1e9)))

    def _add_angle(self, place: int, integers: Integers) -> None:
        """Take phi: from the leading jet's it turns, and momenta add up."""
        layout, count = self.layout, len(integers)
        assert layout.phi is not None
        if self.numbers is None or layout.pt is None:
            return
        # whatever lies beyond pi counts as pi
        angle = np.clip(
            layout.value(layout.phi, {layout.phi: integers}), -exact_math.PI, exact_math.PI
        )
        if place == 0:
            self.lead_angle, self.lead_turn = angle, list(exact_math.cos_sin(angle))
            angle = np.zeros_like(angle)
        else:
            angle = exact_math.wrap(angle - self.lead_angle[:count])
        cosine, sine = exact_math.cos_sin(angle)
        if place == 1:
            self.side = np.where(angle < 0, -1, 1)
        x, y = self.shares[place] * cosine, self.shares[place] * sine
        if place:
            x, y = self.momenta[-1][0][:count] + x, self.momenta[-1][1][:count] + y
        self.turns.append((angle, cosine, sine))
        self.momenta.append((x, y))
        self.recoils.append(_away_from(x, y, place))

    def _axis(
        self, feature: str, place: int, chunk: slice
    ) -> tuple[Integers | int, Integers | int]:
        """Sign and origin of the coordinate in which a feature is coded."""
        layout = self.layout
        if place == 0:
            return 1, 0
        if feature == layout.pt:
            return -1, self.integers[feature][place - 1][chunk]
        if feature == layout.eta:
            sign = self.sign[chunk]
            return sign, (sign - 1) // 2  # mirrors a float's patterns, where -0.0 is -1
        if feature == layout.phi and layout.circle and self.recoils:
            step = np.float32(layout.lattices[feature].step)  # type: ignore[attr-defined]
            toward = exact_math.wrap(self.lead_angle[chunk] + self.recoils[place - 1].angle[chunk])
            return self.side[chunk] if place > 1 else 1, np.rint(toward / step).astype(np.int64)
        return 1, 0

    def before(self, feature: str, place: int, chunk: slice) -> list[Float32s]:
        """Inputs that are new since the feature before: of the event, the jet, other jets."""
        at = self.layout.momentum.index(feature)
        if at:
            rows = self._own(self.layout.momentum[at - 1], place, chunk)
        else:
            rows = self._number(place, chunk)
        if feature != self.layout.phi:
            return [*rows, *(self.told[feature][earlier][chunk] for earlier in _earlier(place))]
        return rows + (self._missing(place, chunk) if place and self.recoils else [])

    def _number(self, place: int, chunk: slice) -> list[Float32s]:
        """Inputs from how many jets there are."""
        if self.numbers is None:
            return []
        number = self.numbers[chunk]
        if place < 2:
            rows = [_flag(number == n) for n in (1, 2, 3, 4)]
            return [*rows, np.minimum(number, _MOST_JETS) * np.float32(32)]
        left = number - np.float32(place)
        rows = [_flag(left == 1), _flag(left == 2)]
        rows += [np.minimum(left, np.float32(6)) * np.float32(64)]
        rows += [np.full_like(left, min(place, 6) * 64), np.full_like(left, 128 * (place == 2))]
        return rows

    def _missing(self, place: int, chunk: slice) -> list[Float32s]:
        """Inputs from where momentum is missing before the jet."""
        rows: list[Float32s] = []
        recoil = self.recoils[place - 1].at(chunk)
        if place > 1:
            share: Float32s = np.maximum(self.shares[place][chunk], np.float32(1e-9))
            rows = [exact_math.log2(recoil.square), exact_math.log2(share * share / recoil.square)]
            side = self.side[chunk].astype(np.float32)
            for earlier in _earlier(place):
                _, cosine, sine = self.turns[earlier]
                cosine, sine = recoil.toward(cosine[chunk], sine[chunk])
                rows += [cosine, sine * side]
        if not self.layout.circle:
            cosine, sine = (part[chunk] for part in self.lead_turn)
            rows.append(cosine * recoil.cosine - sine * recoil.sine)
            rows.append(sine * recoil.cosine + cosine * recoil.sine)
        return rows

    def _own(self, feature: str, place: int, chunk: slice) -> list[Float32s]:
        """Inputs from a feature that the jet, and all others, have by now."""
        if feature == self.layout.phi:
            return self._angles(place, chunk) if place and self.recoils else []
        told = self.told[feature]
        rows = [told[place][chunk]]
        if feature == self.layout.pt and self.numbers is not None:
            if place:
                rows.append(told[place - 1][chunk] - rows[0])
            rows.append(self._to_next(told, place, chunk))
        return rows

    def _to_next(self, told: list[Float32s], place: int, chunk: slice) -> Float32s:
        """The drop to the jet after; 0 where it is the last."""
        own = told[place][chunk]
        drop = np.zeros_like(own)
        if place + 1 < len(told):
            after = told[place + 1][chunk]
            np.subtract(own[: len(after)], after, out=drop[: len(after)])
        return drop

    def _angles(self, place: int, chunk: slice) -> list[Float32s]:
        """Inputs from the jet's phi: how far it is from the recoil, and from other jets."""
        recoil = self.recoils[place - 1].at(chunk)
        angle, cosine, sine = (part[chunk] for part in self.turns[place])
        away = np.abs(exact_math.wrap(angle - recoil.angle))
        if place == 1:
            return [away]
        near = [
            np.minimum(
                np.abs(exact_math.wrap(angle - self.turns[earlier][0][chunk])), np.float32(1)
            )
            for earlier in _earlier(place)
        ]
        return [recoil.toward(cosine, sine)[0], away, *near]


def _away_from(x: Float32s, y: Float32s, place: int) -> Direction:
    """Opposite to the momentum of the jets up to a place."""
    if place == 0:  # exactly
        one = np.ones_like(x)
        return Direction(np.full_like(x, exact_math.PI), -one, np.zeros_like(x), one)
    square = x * x + y * y + np.float32(1e-6)
    size: Float32s = np.sqrt(square)
    return Direction(exact_math.arctan2(-y, -x), -x / size, -y / size, square)


def _earlier(place: int) -> tuple[int, ...]:
    """The places of the jets before that are looked at: always as many within a group."""
    return (0,) if place == 1 else (0, place - 1, place - 2) if place > 1 else ()


def _turn(values: Integers, circle: int) -> Integers:
    """Integers brought to within half a circle of zero; as they are where there is no circle."""
    half = circle // 2
    return (values + half) % circle - half if circle else values


def _flag(which: NDArray[np.bool_]) -> Float32s:
    return which.astype(np.float32) * _FLAG
