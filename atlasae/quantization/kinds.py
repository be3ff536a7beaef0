"""Kinds of particles, told by the name of their collection, and how well detectors measure them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

#: The best published relative resolution of pt by kind of particle, at any pt; None for what no
#: detector measured. Jets: the constant term of the curve of
#: :func:`atlasae.jets.observables.jet_energy_resolution`, where CMS has 5 % at 1 TeV (JINST 12 (2017)
#: P02014) and ATLAS 6 % at 300 GeV (EPJC 81 (2021) 689). Muons, and tracks and taus, which are
#: measured by tracks: 1 % to 6 % below 100 GeV (CMS, JINST 7 (2012) P10002). Electrons and photons:
#: 2 % to 5 % (CMS, JINST 16 (2021) P05014).
RESOLUTIONS: dict[str, float | None] = {
    "gen": None,
    "truth": None,
    "lhe": None,
    "track": 0.01,
    "cand": 0.01,
    "muon": 0.01,
    "tau": 0.01,
    "electron": 0.02,
    "photon": 0.02,
    "jet": 0.03,
}


def of_kind(values: Mapping[str, T], collection: str) -> T | None:
    """The first value whose key is part of the name of a collection, in lower case.

    An empty key stands for all others; without one there is None for them.

    Example:
        >>> of_kind(RESOLUTIONS, "AnalysisElectrons"), of_kind(RESOLUTIONS, "GenJet")
        (0.02, None)
        >>> of_kind({"": 1, "jet": 2}, "Muon")
        1
    """
    name = collection.lower()
    found = (value for key, value in values.items() if key and key.lower() in name)
    return next(found, values.get(""))
