"""Observables of events that an analysis derives from jets: dijet mass, opening angles, sums."""

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
    """A number derived from the jets of an event.

    Attributes:
        title: in TeX, without its unit.
        energy: whether it is an energy or a mass, in GeV, with relative residuals.
        description: in words, for captions.
    """

    title: str
    energy: bool
    description: str


#: observables by the names that ``observables`` gives them
OBSERVABLES = {
    "m_jj": Observable("$m_{jj}$", True, "the invariant mass of the two leading jets"),
    "delta_phi": Observable(
        r"$\Delta\phi_{jj}$", False, "the azimuthal angle between the two leading jets"
    ),
    "delta_r": Observable(
        r"$\Delta R_{jj}$", False, "the distance in eta and phi between the two leading jets"
    ),
    "h_t": Observable(
        r"$H_{\mathrm{T}}$", True, "the scalar sum of the transverse momenta of the jets"
    ),
    "leading_pt": Observable(
        r"leading jet $p_{\mathrm{T}}$", True, "the largest transverse momentum of an event"
    ),
}


def observables(jets: Any, *, unit: str | None = None) -> dict[str, Floats]:
    """The observables of all events with at least two jets, by the names in ``OBSERVABLES``.

    The two leading jets are those with the largest pt in the sample given, as in an analysis.

    Args:
        jets: grouped by event, with a momentum; without a mass or energy they are massless.
        unit: ``GeV`` or ``MeV``, the unit of the jets; by default guessed from pt.

    Returns:
        Name to values, shape (events,), float64. Energies are in GeV, angles in radians.

    Raises:
        InputError: the jets are not grouped by event, have no momentum, or no event has two.

    Example:
        >>> import awkward as ak
        >>> jets = ak.Array({"pt": [[50.0, 50.0]], "eta": [[0.0, 0.0]], "phi": [[0.0, 3.14159]]})
        >>> round(float(observables(jets)["m_jj"][0]), 3)
        100.0
    """
    import awkward as ak

    table = to_table(jets)
    if table.counts is None:
        raise InputError("these jets are not grouped by event: observables need events")
    records = to_records(table)
    if not hasattr(records, "deltaR"):
        raise InputError(
            f"no momentum such as pt, eta, phi among the features: {', '.join(table.columns)}"
        )
    records = records[ak.num(records) > 1]
    if not len(records):
        raise InputError("no event has two jets")
    pt = ak.values_astype(records.pt, np.float64)
    leading_two = ak.argsort(pt, ascending=False)[:, :2]
    to_gev = 1e-3 if (unit or energy_unit(ak.to_numpy(ak.flatten(pt)))) == "MeV" else 1.0
    first, second = (_jet(records, leading_two, rank) for rank in range(2))
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


def _jet(records: Any, order: Any, rank: int) -> _Jet:
    """The jet of this rank in ``order``, of each event."""
    import awkward as ak

    jets = records[order[:, rank : rank + 1]]
    mass = jets.mass if hasattr(jets, "mass") else 0 * jets.pt
    features = (jets.pt, jets.eta, jets.phi, mass)
    return _Jet(*(ak.to_numpy(ak.flatten(values)).astype(np.float64) for values in features))


def _mass(first: _Jet, second: _Jet) -> Floats:
    """Invariant mass from transverse masses and rapidities, without cancellation at large eta."""
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
    """Relative resolution of a jet's pt: noise, sampling and constant term in quadrature.

    The form is that of ATLAS, arXiv:2007.02645. The numbers (3 GeV, 0.7 sqrt(GeV), 3 %) are
    rounded, typical of ATLAS and CMS. Use the resolution of your experiment where it matters.

    Args:
        pt: in GeV, shape (n,).

    Example:
        >>> import numpy as np
        >>> float(jet_energy_resolution(np.array(100.0)).round(3))
        0.082
    """
    return np.asarray(np.sqrt((3 / pt) ** 2 + 0.7**2 / pt + 0.03**2))


def dijet_mass_resolution(
    mass: Floats, resolution: Callable[[Floats], Floats] = jet_energy_resolution
) -> Floats:
    """Relative resolution of a dijet mass: that of two equal jets of pt = mass / 2.

    The mass is proportional to sqrt(pt1 * pt2), so its relative resolution is that of one jet
    divided by sqrt(2).

    Args:
        mass: in GeV, shape (n,).
        resolution: relative resolution of a jet as a function of its pt in GeV.

    Example:
        >>> import numpy as np
        >>> float(dijet_mass_resolution(np.array(200.0)).round(3))
        0.058
    """
    return np.asarray(resolution(mass / 2) / np.sqrt(2))
