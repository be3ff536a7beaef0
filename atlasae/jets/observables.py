"""What an analysis makes of the jets of an event: dijet mass, opening angles, sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import InputError
from atlasae.jets.metrics import wrap
from atlasae.jets.names import energy_unit
from atlasae.jets.table import to_records, to_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlasae.types import Floats


@dataclass(frozen=True)
class Observable:
    """A number an event has.

    Attributes:
        title: in TeX, without its unit.
        energy: whether it is one, in GeV, and its residuals therefore relative.
        words: what it is, in a sentence.
    """

    title: str
    energy: bool
    words: str


OBSERVABLES = {
    "m_jj": Observable("$m_{jj}$", True, "the invariant mass of the two leading jets"),
    "delta_phi": Observable(
        r"$\Delta\phi_{jj}$", False, "the azimuth between the two leading jets"
    ),
    "delta_r": Observable(r"$\Delta R_{jj}$", False, "the distance of the two leading jets"),
    "h_t": Observable(r"$H_{\mathrm{T}}$", True, "the sum of the transverse momenta of the jets"),
    "leading_pt": Observable(
        r"leading jet $p_{\mathrm{T}}$", True, "the largest transverse momentum of an event"
    ),
}


def observables(jets: Any, *, unit: str | None = None) -> dict[str, Floats]:
    """The observables of every event with two jets or more, by the names in ``OBSERVABLES``.

    The two leading jets are those of the largest transverse momenta in this very sample, as an
    analysis would take them. Energies are in GeV, angles in radians, arrays of shape (events,).

    Args:
        jets: jagged by event, with a momentum; without a mass or energy they count as massless.
        unit: ``GeV`` or ``MeV``, of the jets; by default told from the size of pt.

    Raises:
        InputError: the jets stand in no events, or no event has two.
    """
    import awkward as ak

    table = to_table(jets)
    if table.counts is None:
        raise InputError("these jets stand in no events: nothing to derive from them")
    records = to_records(table)
    if not hasattr(records, "deltaR"):
        raise InputError(f"{', '.join(table.columns)} are not a momentum")
    records = records[ak.num(records) > 1]
    if not len(records):
        raise InputError("no event has two jets")
    pt = ak.values_astype(records.pt, np.float64)
    two = ak.argsort(pt, ascending=False)[:, :2]
    flat = ak.to_numpy(ak.flatten(pt))
    to_gev = 1e-3 if (unit or energy_unit(flat)) == "MeV" else 1.0
    first, second = (_jet(records, two, i) for i in range(2))
    delta_phi = np.abs(wrap(first.phi - second.phi))
    delta_eta = first.eta - second.eta
    return {
        "m_jj": to_gev * _mass(first, second),
        "delta_phi": delta_phi,
        "delta_r": np.hypot(delta_eta, delta_phi),
        "h_t": to_gev * ak.to_numpy(ak.sum(pt, axis=1)),
        "leading_pt": to_gev * first.pt,
    }


@dataclass(frozen=True)
class _Jet:
    pt: Floats
    eta: Floats
    phi: Floats
    mass: Floats


def _jet(records: Any, order: Any, i: int) -> _Jet:
    """The jet of each event that is the ``i``-th in ``order``."""
    import awkward as ak

    chosen = records[order[:, i : i + 1]]
    massive = hasattr(chosen, "mass")
    parts = [chosen.pt, chosen.eta, chosen.phi, chosen.mass if massive else 0 * chosen.pt]
    return _Jet(*(ak.to_numpy(ak.flatten(part)).astype(np.float64) for part in parts))


def _mass(first: _Jet, second: _Jet) -> Floats:
    """Invariant mass from transverse masses and rapidities, which do not cancel at large eta."""
    transverse = [np.hypot(jet.pt, jet.mass) for jet in (first, second)]
    rapidity = [
        np.arcsinh(jet.pt * np.sinh(jet.eta) / m_t)
        for jet, m_t in zip((first, second), transverse, strict=True)
    ]
    squared = (
        first.mass**2
        + second.mass**2
        + 2 * transverse[0] * transverse[1] * np.cosh(rapidity[0] - rapidity[1])
        - 2 * first.pt * second.pt * np.cos(first.phi - second.phi)
    )
    return np.asarray(np.sqrt(np.maximum(squared, 0)))


def jet_energy_resolution(pt: Floats) -> Floats:
    """Relative resolution of a jet's pt in GeV: noise, sampling and constant term in quadrature.

    The form is that of ATLAS, arXiv:2007.02645; the numbers (3 GeV, 0.7 sqrt(GeV), 3 %) are round
    ones of the size that both large experiments have. Give your own where it matters.
    """
    return np.asarray(np.sqrt((3 / pt) ** 2 + 0.7**2 / pt + 0.03**2))


def dijet_mass_resolution(
    mass: Floats, resolution: Callable[[Floats], Floats] = jet_energy_resolution
) -> Floats:
    """Relative resolution of a dijet mass in GeV from that of two like jets of pt = mass / 2.

    The mass goes with the root of the product of the two pt, so each counts half.
    """
    return np.asarray(resolution(mass / 2) / np.sqrt(2))
