"""Quick estimates of dijet masses, which tell in which events they stay within a bound.

They are made in float32, of the light-cone momenta E + pz and E - pz, whose products have no
cancellation at large eta: m^2 = m1^2 + m2^2 + p1+ p2- + p1- p2+ - 2 pt1 pt2 cos(delta phi).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae import exact_math
from atlasae.compiled import accelerated
from atlasae.jets.per_event import largest_two

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from atlasae.types import Float32s, Integers

    Jets = tuple[Float32s, Float32s, Float32s, Float32s]  # pt, eta, phi, mass

AT_ONCE = 256  # events, of which a kernel puts all numbers side by side
ROOM = 26 * AT_ONCE
# The error of a squared mass, relative to the sum of the sizes of its terms: 2e-5 of one term from
# the cosine, and below 1e-5 from all other steps, for eta up to LARGEST_ETA.
UNSURE = np.float32(5e-5)
SURE = np.float32(0.999)  # of a bound
LARGEST_ETA, LARGEST_ANGLE = np.float32(8), np.float32(6.3)
SMALLEST_SQUARE = np.float32(1e-25)  # of a mass: above, nothing that matters is a subnormal number
ZERO, HALF, ONE, TWO = (np.float32(x) for x in (0, 0.5, 1, 2))
_PART = np.float32(1 / 32)
_EXP = tuple(np.float32(1 / c) for c in (720, 120, 24, 6, 2, 1, 1))


def changed_events(
    before: Jets,
    after: Jets,
    counts: Integers,
    relative: float,
    floor: float,
    absolute: float,
) -> Integers:
    """The events whose dijet masses may differ by more than a bound.

    All others differ by less than ``relative * max(mass, floor) + absolute``, or have fewer than two
    jets. Those given may do so as well.

    Args:
        before: pt, eta, phi and mass of all jets, each float32, shape (n,).
        after: the same of the decoded jets.
        counts: number of jets of each event, shape (events,), summing to n.
        relative: share of the mass before.
        floor: of that mass.
        absolute: difference.

    Example:
        >>> pt, eta, phi = (np.array(x, np.float32) for x in ([50, 40], [0.1, -0.5], [0, 3]))
        >>> before, after = (pt, eta, phi, pt / 9), (pt * np.float32(1.001), eta, phi, pt / 9)
        >>> [len(changed_events(before, after, np.array([2]), b, 0.0, 0.0)) for b in (2e-3, 5e-4)]
        [0, 1]
    """
    found = np.zeros(len(counts), bool)
    pt, eta, phi, mass = map(np.ascontiguousarray, before)
    new_pt, new_eta, new_phi, new_mass = map(np.ascontiguousarray, after)
    if len(pt):
        room = np.zeros(ROOM, np.float32)
        with np.errstate(all="ignore"):
            compare_masses(
                pt, eta, phi, mass, new_pt, new_eta, new_phi, new_mass,
                counts, relative, floor, absolute, room, found,
            )  # fmt: skip
    return np.flatnonzero(found)


@accelerated("atlasae.jets.kernels")
def compare_masses(
    pt: Float32s,
    eta: Float32s,
    phi: Float32s,
    mass: Float32s,
    pt_after: Float32s,
    eta_after: Float32s,
    phi_after: Float32s,
    mass_after: Float32s,
    counts: Integers,
    relative: float,
    floor: float,
    absolute: float,
    room: Float32s,  # noqa: ARG001
    found: NDArray[np.bool_],
) -> None:
    """Fill in the events that may have changed; see ``changed_events``.

    Those whose leading jets are others after decoding are among them. ``room`` is for a kernel, and
    holds zeros before and after.
    """
    pair, pair_after = (
        np.sort(largest_two(of.astype(np.float64), counts), axis=0) for of in (pt, pt_after)
    )
    same = ((pair == pair_after) & (pair >= 0)).all(axis=0)
    rows = np.where(same, pair, 0)
    old = _squared_masses((pt, eta, phi, mass), rows)
    new = _squared_masses((pt_after, eta_after, phi_after, mass_after), rows)
    share, least, apart = np.float32(relative), np.float32(floor), np.float32(absolute)
    found[:] = (counts > 1) & ~(same & is_sure(*old, *new, share, least, apart, np.sqrt))


def _squared_masses(jets: Jets, rows: Integers) -> tuple[Float32s, Float32s, NDArray[np.bool_]]:
    """What ``squared_mass`` gives of the jets in these rows, shape (2, pairs)."""
    pt, eta, phi, mass = (values[rows] for values in jets)
    grown = growth(np.abs(eta))
    cosine, _ = exact_math.cos_sin(phi[0] - phi[1])
    return squared_mass(
        pt[0], pt[1], eta[0], eta[1], phi[0], phi[1], mass[0], mass[1],
        grown[0], grown[1], cosine, np.sqrt,
    )  # fmt: skip


# The following are for arrays in numpy and for the scalars of a kernel alike.


def growth(number: Float32s) -> Float32s:
    """The exponential of numbers from 0 to ``LARGEST_ETA``, float32, to a relative error of 5e-6."""
    part = number * _PART
    power = part * _EXP[0] + _EXP[1]
    for coefficient in _EXP[2:]:
        power = power * part + coefficient
    power = power * power
    power = power * power
    power = power * power
    power = power * power
    return power * power


def squared_mass(
    pt: Float32s,
    other_pt: Float32s,
    eta: Float32s,
    other_eta: Float32s,
    phi: Float32s,
    other_phi: Float32s,
    mass: Float32s,
    other_mass: Float32s,
    grown: Float32s,
    other_grown: Float32s,
    cosine: Float32s,
    root: Callable[[Float32s], Float32s],
) -> tuple[Float32s, Float32s, NDArray[np.bool_]]:
    """The squared mass of two jets, its largest error, and whether these numbers can be trusted.

    ``grown`` is exp of the size of eta, ``cosine`` that of the difference in phi, ``root`` the square
    root.
    """
    shrunk, other_shrunk = ONE / grown, ONE / other_grown
    across, other_across = (
        HALF * pt * (grown + shrunk),
        HALF * other_pt * (other_grown + other_shrunk),
    )
    energy = root(mass * mass + across * across)
    other_energy = root(other_mass * other_mass + other_across * other_across)
    ahead = energy + HALF * pt * (grown - shrunk)  # along the beam, to the jet's own side
    other_ahead = other_energy + HALF * other_pt * (other_grown - other_shrunk)
    behind = (pt * pt + mass * mass) / ahead
    other_behind = (other_pt * other_pt + other_mass * other_mass) / other_ahead
    same = np.float32((eta >= ZERO) == (other_eta >= ZERO))
    products = same * (ahead * other_behind + behind * other_ahead)
    products = products + (ONE - same) * (ahead * other_ahead + behind * other_behind)
    products = products + (mass * mass + other_mass * other_mass)
    transverse = TWO * pt * other_pt
    farthest = np.maximum(np.abs(eta), np.abs(other_eta))
    inside = (farthest <= LARGEST_ETA) & (np.abs(phi - other_phi) <= LARGEST_ANGLE)
    inside = inside & (np.minimum(pt, other_pt) >= ZERO)
    return products - transverse * cosine, UNSURE * (products + transverse), inside


def is_sure(
    old: Float32s,
    old_error: Float32s,
    old_inside: NDArray[np.bool_],
    new: Float32s,
    new_error: Float32s,
    new_inside: NDArray[np.bool_],
    relative: np.float32,
    floor: np.float32,
    absolute: np.float32,
    root: Callable[[Float32s], Float32s],
) -> NDArray[np.bool_]:
    """Whether two masses surely differ by less than ``relative * max(old, floor) + absolute``.

    The first numbers are what ``squared_mass`` gives of the two; ``root`` is the square root.
    """
    least, new_least = old - old_error, new - new_error
    inside = old_inside & new_inside & (np.minimum(least, new_least) > SMALLEST_SQUARE)
    mass, new_mass = root(least), root(new_least)
    bound = SURE * (relative * np.maximum(mass, floor) + absolute)
    is_near = np.abs(new - old) + (old_error + new_error) < bound * (mass + new_mass)
    sure: NDArray[np.bool_] = inside & is_near
    return sure
