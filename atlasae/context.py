"""What is known of a jet before it is coded: its event, the event's earlier jets, its own features.

Each feature becomes a coordinate in which it is predictable (the drop in pt from the jet before, the
angle from the recoil of the jets before), and each coded feature becomes inputs for the next. All
of it is exact (``atlasae.exact``), since decoding repeats it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from atlasae import exact
from atlasae.features import is_energy, role
from atlasae.quantise import AbsoluteLattice, FloatLattice, Lattice, RelativeLattice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Array = NDArray[np.float32]
    Columns = dict[str, Integers]

GROUPS = ("first", "second", "later")
SIGN = "sign of eta"  # of the leading jet, coded before its size
_LARGEST = np.float32(3e38)
_LIGHT = 1 << 52  # beyond the difference of any two integers of a lattice
_FLAG = np.float32(128)  # inputs are of about this size before they are scaled
_MOST_JETS = np.float32(9)
_FINEST_TURN = 1e-12  # steps of phi below are not counted around the circle


class Direction(NamedTuple):
    """Where momentum is missing: angle from the leading jet, its cosine and sine, squared size."""

    angle: Array
    cosine: Array
    sine: Array
    square: Array

    def toward(self, cosine: Array, sine: Array) -> tuple[Array, Array]:
        """Cosine and sine of the angles of others from it."""
        return cosine * self.cosine + sine * self.sine, sine * self.cosine - cosine * self.sine


class Inputs(Protocol):
    """The inputs of some jets, to which those of each coded feature are added."""

    def add(self, rows: list[Array]) -> None:
        """Take more rows, each of shape (n,)."""


class Visitor(Protocol):
    """What is done with each feature on the walk: writing, reading, recording."""

    def inputs(self, group: str, count: int) -> Inputs:
        """New inputs for ``count`` jets of a group."""

    def visit(self, group: str, feature: str, values: Integers | None, inputs: Inputs) -> Integers:
        """Give the coordinates of a feature, known or not, for jets with these inputs."""


@dataclass(frozen=True)
class Layout:
    """How the integers of the features relate to one another.

    Attributes:
        lattices: by feature, in the order of coding.
        pt, mass, phi, eta: the features that play these parts, where there are any.
        ratio: whether the mass is coded against pt: both have steps of one size.
        circle: how many steps of phi there are in a turn; 0 where its steps are unequal.
        momentum: those features, in the order of coding.
        others: the rest, coded after the momenta of all jets.
    """

    lattices: dict[str, Lattice]
    pt: str | None
    mass: str | None
    phi: str | None
    eta: str | None
    ratio: bool
    circle: int

    @classmethod
    def of(cls, lattices: Mapping[str, Lattice]) -> Layout:
        """The layout of these features."""
        parts = {what: name for name in reversed(list(lattices)) if (what := role(name))}
        pt, mass, phi = parts.get("pt"), parts.get("m") or parts.get("e"), parts.get("phi")
        ratio = pt is not None and mass is not None and _same_steps(lattices[pt], lattices[mass])
        steps = lattices[phi] if phi is not None else None
        circle = 0
        if isinstance(steps, AbsoluteLattice) and steps.step > _FINEST_TURN:
            circle = 2 * int(np.ceil(np.pi / steps.step)) + 1
        return cls(dict(lattices), pt, mass, phi, parts.get("eta"), ratio, circle)

    @cached_property
    def momentum(self) -> tuple[str, ...]:
        parts = (self.pt, self.mass, self.phi, self.eta)
        return tuple(name for name in self.lattices if name in parts)

    @cached_property
    def others(self) -> tuple[str, ...]:
        return tuple(name for name in self.lattices if name not in self.momentum)

    def value(self, feature: str, integers: Columns) -> Array:
        """A feature itself, as a finite float32."""
        values = self.lattices[feature].to_values(integers[feature]).astype(np.float32)
        np.fmin(values, _LARGEST, out=values)
        return np.fmax(values, -_LARGEST, out=values)

    def tell(self, feature: str, integers: Columns) -> Array:
        """A feature as an input: energies on a logarithmic axis, others on their own."""
        q = integers[feature]
        if feature == self.mass and self.ratio:
            assert self.pt is not None
            return (q - integers[self.pt]).astype(np.float32)
        if is_energy(feature) or not isinstance(self.lattices[feature], FloatLattice):
            return q.astype(np.float32)
        return self.value(feature, integers)


def _same_steps(one: Lattice, other: Lattice) -> bool:
    """Whether a difference of the integers is the logarithm of a ratio."""
    if isinstance(one, RelativeLattice) and isinstance(other, RelativeLattice):
        return one.step == other.step
    return isinstance(one, FloatLattice) and one == other


class Event:
    """The jets coded so far, by place, each array over the events that have one there."""

    def __init__(self, layout: Layout, numbers: Array | None) -> None:
        self.layout = layout
        self.numbers = numbers
        self.integers: list[Columns] = []
        self.told: list[list[Array]] = []  # what each jet tells the next ones of itself
        self.sign = self.side = np.ones(0, np.int64)
        self.lead_pt = self.lead_angle = np.zeros(0, np.float32)
        self.lead_turn: list[Array] = []  # cosine and sine of its phi
        self.pts: list[Array] = []  # of the chunks of the place that is being coded
        self.turns: list[tuple[Array, ...]] = []  # of the same, from the leading jet: see _turned
        self.angles: list[tuple[Array, ...]] = []  # of the places before
        self.momenta: list[tuple[Array, Array]] = []  # summed, in units of the leading pt

    def visit(self, visitor: Visitor, place: int, chunk: slice, known: Columns | None) -> Columns:
        """Visit the features of one chunk of jets in their order."""
        layout = self.layout
        found: Columns = {}
        group = GROUPS[min(place, 2)]
        inputs = visitor.inputs(group, chunk.stop - chunk.start)
        recoil = self._recoil(place, chunk)
        inputs.add(self.before(place, chunk, recoil))
        for feature in layout.momentum:
            sign: Integers | int
            origin: Integers | int
            if feature == layout.mass and layout.ratio:
                found[feature] = self._visit_mass(visitor, group, inputs, known, found)
                inputs.add(self._after(feature, place, chunk, recoil, found))
                continue
            if feature == layout.eta and place == 0:
                negative = None if known is None else (known[feature] < 0).astype(np.int64)
                negative = visitor.visit(group, SIGN, negative, inputs)
                sign, origin = 1 - 2 * negative, -negative
            else:
                sign, origin = self._axis(feature, place, chunk, recoil)
            circle = layout.circle if feature == layout.phi and place else 0
            values = None if known is None else sign * _turn(known[feature] - origin, circle)
            found[feature] = _turn(
                sign * visitor.visit(group, feature, values, inputs) + origin, circle
            )
            inputs.add(self._after(feature, place, chunk, recoil, found))
        return found

    def _visit_mass(
        self, visitor: Visitor, group: str, inputs: Inputs, known: Columns | None, found: Columns
    ) -> Integers:
        """The mass as a ratio to pt, but for the lightest, which say nothing of a ratio.

        Those, zero and what is below the floor of the lattice, lie by themselves far below.
        """
        layout = self.layout
        assert layout.mass is not None
        assert layout.pt is not None
        pt, values = found[layout.pt], None
        if known is not None:
            mass = known[layout.mass]
            linear = getattr(layout.lattices[layout.mass], "linear", 0)
            values = mass - np.where(np.abs(mass) <= linear, _LIGHT, pt)
        values = visitor.visit(group, layout.mass, values, inputs)
        return values + np.where(values < -_LIGHT // 2, _LIGHT, pt)

    def add(self, integers: Columns) -> None:
        """Take the jets of the next place."""
        layout, place = self.layout, len(self.integers)
        count = len(next(iter(integers.values())))
        if place == 0:
            self.sign = _sign(integers[layout.eta]) if layout.eta else np.ones(count, np.int64)
            self.side = np.ones(count, np.int64)
        whole = slice(0, count)
        self.told.append(
            [
                self._mirrored(feature, self.layout.tell(feature, integers), whole)
                for feature in layout.momentum
                if feature != layout.phi
            ]
        )
        self.integers.append(integers)
        if self.pts and self.turns:
            turned = tuple(np.concatenate(parts) for parts in zip(*self.turns, strict=True))
            self._add_momentum(place, np.concatenate(self.pts), turned)
            self.pts, self.turns = [], []

    def _add_momentum(self, place: int, pt: Array, turned: tuple[Array, ...]) -> None:
        count = len(pt)
        if place == 0:
            self.lead_pt = np.maximum(pt, np.float32(1e-30))
            self.lead_angle, *self.lead_turn = turned
            turned = np.zeros_like(pt), np.ones_like(pt), np.zeros_like(pt)
        angle, cosine, sine = turned
        if place == 1:
            self.side[:count] = np.where(angle < 0, -1, 1)
        share = np.clip(pt / self.lead_pt[:count], np.float32(-1e9), np.float32(1e9))
        x, y = share * cosine, share * sine
        if place:
            x, y = self.momenta[-1][0][:count] + x, self.momenta[-1][1][:count] + y
        self.angles.append(turned)
        self.momenta.append((x, y))

    def _turned(self, place: int, chunk: slice, found: Columns) -> tuple[Array, ...]:
        """Phi from the leading jet's, with cosine and sine; the leading jet's as it is."""
        angle = self._angle(found)
        if place:
            angle = exact.wrap(angle - self.lead_angle[chunk])
        return angle, *exact.cos_sin(angle)

    def _angle(self, integers: Columns) -> Array:
        """Phi itself; whatever lies beyond pi counts as pi."""
        assert self.layout.phi is not None
        return np.clip(self.layout.value(self.layout.phi, integers), -exact.PI, exact.PI)

    def _recoil(self, place: int, chunk: slice) -> Direction | None:
        if place == 0 or not self.momenta:
            return None
        x, y = (component[chunk] for component in self.momenta[place - 1])
        if place == 1:  # exactly opposite
            one = np.ones_like(x)
            return Direction(np.full_like(x, exact.PI), -one, np.zeros_like(x), one)
        square = x * x + y * y + np.float32(1e-6)
        size: Array = np.sqrt(square)
        return Direction(exact.arctan2(-y, -x), -x / size, -y / size, square)

    def _axis(
        self, feature: str, place: int, chunk: slice, recoil: Direction | None
    ) -> tuple[Integers | int, Integers | int]:
        """Sign and origin of the coordinate in which a feature is coded."""
        layout = self.layout
        if place == 0:
            return 1, 0
        if feature == layout.pt:
            return -1, self.integers[place - 1][feature][chunk]
        if feature == layout.eta:
            sign = self.sign[chunk]
            return sign, (sign - 1) // 2  # mirrors a float's patterns, where -0.0 is -1
        if feature == layout.phi and layout.circle and recoil is not None:
            step = np.float32(layout.lattices[feature].step)  # type: ignore[attr-defined]
            toward = exact.wrap(self.lead_angle[chunk] + recoil.angle)
            return self.side[chunk] if place > 1 else 1, np.rint(toward / step).astype(np.int64)
        return 1, 0

    def before(self, place: int, chunk: slice, recoil: Direction | None) -> list[Array]:
        """Inputs from the event and its earlier jets."""
        if self.numbers is None:
            return []
        number = self.numbers[chunk]
        if place < 2:
            rows = [_flag(number == n) for n in (1, 2, 3, 4)]
            rows.append(np.minimum(number, _MOST_JETS) * np.float32(32))
        else:
            left = number - np.float32(place)
            rows = [
                _flag(left == 1),
                _flag(left == 2),
                np.minimum(left, np.float32(6)) * np.float32(64),
            ]
            rows += [np.full_like(left, min(place, 6) * 64), np.full_like(left, 128 * (place == 2))]
        for earlier in self._earlier(place):
            rows += [told[chunk] for told in self.told[earlier]]
        if recoil is None:
            return rows
        if place > 1:
            rows.append(exact.log2(recoil.square))
            side = self.side[chunk].astype(np.float32)
            for earlier in self._earlier(place):
                _, cosine, sine = self.angles[earlier]
                cosine, sine = recoil.toward(cosine[chunk], sine[chunk])
                rows += [cosine, sine * side]
        if not self.layout.circle:
            cosine, sine = (part[chunk] for part in self.lead_turn)
            rows.append(cosine * recoil.cosine - sine * recoil.sine)
            rows.append(sine * recoil.cosine + cosine * recoil.sine)
        return rows

    def _after(
        self, feature: str, place: int, chunk: slice, recoil: Direction | None, found: Columns
    ) -> list[Array]:
        """Inputs from a feature of the jet itself, once it is coded."""
        layout = self.layout
        if feature == layout.phi:
            return self._angles_after(place, chunk, recoil, found)
        told = self.layout.tell(feature, found)
        rows = [self._mirrored(feature, told, chunk) if place else told]
        if feature == layout.pt and self.numbers is not None:
            self.pts.append(self.layout.value(feature, found))
            if place:
                rows.append(self.layout.tell(feature, self._at(place - 1, chunk)) - told)
            if recoil is not None and place > 1:
                share = self.pts[-1] / self.lead_pt[chunk]
                share = np.clip(share, np.float32(1e-9), np.float32(1e9))
                rows.append(exact.log2(share * share / recoil.square))
        return rows

    def _angles_after(
        self, place: int, chunk: slice, recoil: Direction | None, found: Columns
    ) -> list[Array]:
        if self.numbers is None:
            return []
        self.turns.append(self._turned(place, chunk, found))
        if recoil is None:
            return []
        angle, cosine, sine = self.turns[-1]
        away = np.abs(exact.wrap(angle - recoil.angle))
        if place == 1:
            return [away]
        near = [
            np.minimum(np.abs(exact.wrap(angle - self.angles[earlier][0][chunk])), np.float32(1))
            for earlier in self._earlier(place)
        ]
        return [recoil.toward(cosine, sine)[0], away, *near]

    def _at(self, place: int, chunk: slice) -> Columns:
        return {name: values[chunk] for name, values in self.integers[place].items()}

    def _mirrored(self, feature: str, told: Array, chunk: slice) -> Array:
        """Eta as seen from the side that the leading jet went to."""
        return told * self.sign[chunk].astype(np.float32) if feature == self.layout.eta else told

    @staticmethod
    def _earlier(place: int) -> tuple[int, ...]:
        """The places of the jets before that are looked at: always as many within a group."""
        return (0,) if place == 1 else (0, place - 1, place - 2) if place > 1 else ()


def _turn(values: Integers, circle: int) -> Integers:
    """Integers brought to within half a circle of zero; as they are where there is no circle."""
    half = circle // 2
    return (values + half) % circle - half if circle else values


def _sign(values: Integers) -> Integers:
    return np.where(values < 0, -1, 1)


def _flag(which: NDArray[np.bool_]) -> Array:
    return which.astype(np.float32) * _FLAG
