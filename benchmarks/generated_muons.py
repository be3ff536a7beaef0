"""Generated muons: alone, and in jets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.generated_rows import Rows, rounded, wrapped

if TYPE_CHECKING:
    from atlasae.types import Values

_MASS = 0.1056583755  # GeV
_ISOLATIONS = (0.40, 0.25, 0.20, 0.15, 0.10, 0.05)  # relative; cuts from very loose to very tight


def muons(rng: np.random.Generator, jets: Rows) -> Rows:
    """Muons of an event and of its jets; the jets get the index of theirs and their number."""
    number = len(jets.counts)
    alone = np.repeat(np.arange(number), rng.poisson(0.45, number))
    chance = np.choose(jets["hadronFlavour"], [0.03, 0, 0, 0, 0.1, 0.2])
    inside = np.flatnonzero((rng.random(len(jets)) < chance) & (np.abs(jets["eta"]) < 2.3))
    event = np.append(alone, jets.event[inside])
    jet = np.append(np.full(len(alone), -1), inside)
    columns = {
        **_momenta(rng, jets, len(alone), inside),
        "jetIdx": np.where(jet < 0, -1, jets.rank[jet]).astype(np.int32),
        "_jet": jet,
    }
    columns.update(_origin(rng, jets, jet))
    columns.update(_tracks(rng, columns))
    columns.update(_isolation(rng, columns))
    columns.update(_quality(rng, columns))
    found = Rows(event, number, columns)
    _link(jets, found)
    return found


def _momenta(rng: np.random.Generator, jets: Rows, alone: int, inside: Values) -> dict[str, Values]:
    size = len(inside)
    soft = np.maximum(jets["pt"][inside] * rng.beta(1.3, 4, size), 3)
    pt = np.append(8 * (1 + rng.pareto(1.8, alone)), soft)
    eta = np.append(rng.uniform(-2.4, 2.4, alone), jets["eta"][inside] + rng.normal(0, 0.06, size))
    phi = np.append(
        rng.uniform(-np.pi, np.pi, alone), jets["phi"][inside] + rng.normal(0, 0.06, size)
    )
    charge = rng.choice([-1, 1], len(pt)).astype(np.int32)
    return {
        "pt": pt.astype(np.float32),
        "eta": rounded(eta, 12),
        "phi": rounded(wrapped(phi), 12),
        "mass": np.full(len(pt), _MASS, np.float32),
        "charge": charge,
        "pdgId": -13 * charge,
    }


def _origin(rng: np.random.Generator, jets: Rows, jet: Values) -> dict[str, Values]:
    """1 for a muon of its own; else the flavour of the jet, 3 where it is light."""
    flavour = jets["hadronFlavour"][jet]
    of_jet = np.where(flavour == 0, 3, flavour)
    seen = rng.random(len(jet)) > 0.02
    return {"genPartFlav": np.where(jet < 0, 1, of_jet * seen).astype(np.uint8)}


def _tracks(rng: np.random.Generator, muons: dict[str, Values]) -> dict[str, Values]:
    """Distances to the vertex with their errors, larger for muons of decays."""
    pt = muons["pt"]
    size = len(pt)
    errors = {name: 0.001 + 0.01 / pt * rng.lognormal(0, 0.2, size) for name in ("dxy", "dz")}
    flight = np.where(muons["genPartFlav"] == 1, 0, rng.exponential(0.015, size))
    distances = {
        name: rng.normal(0, error) + flight * rng.choice([-1, 1], size)
        for name, error in errors.items()
    }
    length = np.hypot(distances["dxy"], distances["dz"])
    return {
        **{name: rounded(values, 10) for name, values in distances.items()},
        **{f"{name}Err": rounded(error, 6) for name, error in errors.items()},
        "ip3d": rounded(length, 10),
        "sip3d": rounded(length / np.hypot(errors["dxy"], errors["dz"]), 10),
        "ptErr": rounded(pt * 0.012 * rng.lognormal(0, 0.3, size), 6),
    }


def _isolation(rng: np.random.Generator, muons: dict[str, Values]) -> dict[str, Values]:
    """Energy around the muon over its own in two cones, and the number of cuts it passes."""
    size = len(muons["pt"])
    around = np.where(muons["jetIdx"] < 0, rng.exponential(1.2, size), rng.exponential(40, size))
    charged = around * rng.uniform(0, 1, size) * (rng.random(size) < 0.7)
    wide = rounded((around + rng.exponential(0.6, size)) / muons["pt"], 12)
    cuts = np.array(_ISOLATIONS)
    return {
        "pfRelIso03_all": rounded(around / muons["pt"], 12),
        "pfRelIso03_chg": rounded(charged / muons["pt"], 12),
        "pfRelIso04_all": wide,
        "jetRelIso": rounded((around + 2) / muons["pt"], 12),
        "pfIsoId": (wide[:, None] < cuts).sum(axis=1).astype(np.uint8),
    }


def _quality(rng: np.random.Generator, muons: dict[str, Values]) -> dict[str, Values]:
    """Hits, scores, and the flags that are cuts of them."""
    size = len(muons["pt"])
    stations = rng.binomial(4, np.where(muons["pt"] > 6, 0.85, 0.4))
    layers = 5 + rng.binomial(12, 0.65, size)
    compatible = rounded(np.tanh(stations / 3 + rng.exponential(0.4, size)), 10)
    inner = stations > 0
    whole = inner & (rng.random(size) < 0.93)
    particle = inner & (rng.random(size) < 0.97)
    medium = particle & (compatible > np.where(whole, 0.303, 0.451))
    near = (np.abs(muons["dxy"]) < 0.2) & (np.abs(muons["dz"]) < 0.5)
    return {
        "nStations": stations.astype(np.int32),
        "nTrackerLayers": layers.astype(np.int32),
        "segmentComp": compatible,
        "isGlobal": whole,
        "isTracker": inner,
        "isPFcand": particle,
        "looseId": particle,
        "softId": inner & (layers > 5) & (np.abs(muons["dxy"]) < 0.3),
        "mediumId": medium,
        "mediumPromptId": medium & (np.abs(muons["dxy"]) < 0.02) & (muons["sip3d"] < 4),
        "tightId": whole & particle & (stations > 1) & (layers > 5) & near,
        "tightCharge": np.where(muons["ptErr"] < 0.2 * muons["pt"], 2, 0).astype(np.int32),
    }


def _link(jets: Rows, muons: Rows) -> None:
    """Write the jets' columns of their muons."""
    inside = muons["_jet"] >= 0
    index = np.full(len(jets), -1, np.int32)
    index[muons["_jet"][inside]] = muons.rank[inside]
    jets.columns["muonIdx1"] = index
    jets.columns["nMuons"] = (index >= 0).astype(np.int32)
