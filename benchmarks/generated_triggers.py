"""Generated trigger bits: thresholds on what an event has, many of them with a prescale."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from atlasae.types import Values
    from benchmarks.generated_rows import Rows

_Cuts: TypeAlias = tuple[tuple[str, int], ...]

# quantity (GeV) and thresholds; then pairs of them, all combinations
_SINGLE = {
    "PFJet": (40, 60, 80, 140, 200, 260, 320, 400, 450, 500, 550, 700),
    "DiPFJetAve": (40, 60, 80, 140, 200, 260, 320, 400, 500, 600),
    "PFHT": (180, 250, 370, 430, 510, 590, 680, 780, 890, 1050, 1600),
    "Mu": (8, 12, 17, 19, 20, 27, 50, 55, 100, 300),
    "IsoMu": (16, 18, 20, 22, 24, 27, 30),
    "DoubleMu": (4, 8, 14, 18, 33, 48),
    "PFMET": (40, 60, 90, 110, 120, 130, 140, 200, 250),
}
_PAIRS = (
    ("IsoMu", (17, 20, 24, 27), "PFJet", (30, 40, 60, 100, 150)),
    ("Mu", (8, 12, 17, 20, 50), "PFHT", (150, 250, 350, 450, 600)),
    ("PFHT", (300, 400, 500, 700, 800), "PFMET", (60, 75, 85, 100, 120, 150)),
    ("DiPFJetAve", (30, 50, 100, 200), "PFMET", (40, 80, 120, 160)),
    ("DoubleMu", (4, 8, 17), "PFHT", (100, 200, 300, 500)),
    ("IsoMu", (16, 22, 27), "PFMET", (30, 50, 70, 90)),
    ("Mu", (8, 15, 27), "PFMET", (30, 60, 90, 120, 170)),
    ("DoubleMu", (4, 10, 18), "PFMET", (50, 70, 90, 120)),
    ("PFJet", (80, 140, 260), "PFMET", (50, 100, 150)),
)
_NUMBER = 200
_PRESCALES = (1, 1, 1, 1, 1, 2, 10, 50, 300)


def bits(rng: np.random.Generator, jets: Rows, muons: Rows, missing: Values) -> dict[str, Values]:
    """``HLT_`` bits by name; some are always false."""
    seen = {
        name: values * rng.normal(1, 0.04, len(missing))
        for name, values in _quantities(jets, muons, missing).items()
    }
    found = {}
    for (name, cuts), prescale in zip(_paths(), _prescales(), strict=True):
        passed = np.logical_and.reduce([seen[quantity] > cut for quantity, cut in cuts])
        found[f"HLT_{name}"] = passed & (rng.integers(0, prescale, len(missing)) == 0)
    return found


def _quantities(jets: Rows, muons: Rows, missing: Values) -> dict[str, Values]:
    leading = jets.of_rank("pt", 0)
    isolated = muons.of_rank("pfRelIso04_all", 0) < 0.15
    central = np.abs(jets["eta"]) < 2.5
    return {
        "PFJet": leading,
        "DiPFJetAve": (leading + jets.of_rank("pt", 1)) / 2,
        "PFHT": jets.sums(jets["pt"] * (central & (jets["pt"] > 30))),
        "Mu": muons.of_rank("pt", 0),
        "IsoMu": muons.of_rank("pt", 0) * isolated,
        "DoubleMu": muons.of_rank("pt", 1),
        "PFMET": missing,
    }


def _paths() -> list[tuple[str, _Cuts]]:
    """The name of each path, and its quantities with their thresholds."""
    single: list[tuple[str, _Cuts]] = [
        (f"{name}{cut}", ((name, cut),)) for name, cuts in _SINGLE.items() for cut in cuts
    ]
    pairs = [
        (f"{one}{first}_{other}{second}", ((one, first), (other, second)))
        for one, firsts, other, seconds in _PAIRS
        for first in firsts
        for second in seconds
    ]
    return (single + pairs)[:_NUMBER]


def _prescales() -> Values:
    """The same in all events."""
    return np.random.default_rng(200).choice(_PRESCALES, _NUMBER)
