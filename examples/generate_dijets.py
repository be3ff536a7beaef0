"""Generate the dijet sample that is part of atlasae.

Hard QCD dijets at 13 TeV from Pythia 8 (Bierlich et al., arXiv:2203.11601), final-state particles
without neutrinos clustered by anti-kt with R = 0.4 (Cacciari, Salam, Soyez, arXiv:0802.1189) in
FastJet (arXiv:1111.6097), written in the layout of CMS NanoAOD: tree ``Events``, jets with
pt > 20 GeV and abs(eta) < 4.9 ordered by pt, float32, GeV. The spectrum is flattened by
Pythia's bias2Selection; ``genWeight`` undoes it.

    pip install 'atlasae[generate]'
    python examples/generate_dijets.py dijets.root --events 20000
"""

from __future__ import annotations

import argparse
import json
from datetime import date
from importlib.metadata import version
from pathlib import Path

import awkward as ak
import fastjet
import numpy as np
import pythia8mc
import uproot

SETTINGS = (
    "Beams:eCM = 13000.",
    "HardQCD:all = on",
    "PhaseSpace:pTHatMin = 20.",
    "PhaseSpace:bias2Selection = on",
    "PhaseSpace:bias2SelectionPow = 3.",
    "PhaseSpace:bias2SelectionRef = 50.",
    "Random:setSeed = on",
    "Print:quiet = on",
)
NEUTRINOS = (12, 14, 16)
RADIUS, PT_MIN, ETA_MAX = 0.4, 20.0, 4.9


def event_jets(pythia: pythia8mc.Pythia, definition: fastjet.JetDefinition) -> list[list[float]]:
    """Cluster the current event; rows of (pt, eta, phi, mass), hardest jet first."""
    particles = [
        fastjet.PseudoJet(p.px(), p.py(), p.pz(), p.e())
        for p in pythia.event
        if p.isFinal() and p.idAbs() not in NEUTRINOS
    ]
    clusters = fastjet.ClusterSequence(particles, definition)
    return [
        [jet.pt(), jet.eta(), jet.phi_std(), jet.m()]
        for jet in fastjet.sorted_by_pt(clusters.inclusive_jets(PT_MIN))
        if abs(jet.eta()) < ETA_MAX
    ]


def generate(events: int, seed: int) -> dict[str, ak.Array | np.ndarray]:
    """Branches of ``events`` generated events, among them jagged ``Jet`` records."""
    pythia = pythia8mc.Pythia("", False)
    for setting in (*SETTINGS, f"Random:seed = {seed}"):
        pythia.readString(setting)
    if not pythia.init():
        raise SystemExit("Pythia did not initialize with these settings")
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)
    jets: list[list[list[float]]] = []
    weights: list[float] = []
    scales: list[float] = []
    while len(jets) < events:
        if pythia.next():
            jets.append(event_jets(pythia, definition))
            weights.append(pythia.infoPython().weight())
            scales.append(pythia.infoPython().pTHat())
    counts = [len(event) for event in jets]
    table = np.array([jet for event in jets for jet in event], dtype=np.float32).reshape(-1, 4)
    columns = dict(zip(("pt", "eta", "phi", "mass"), table.T, strict=True))
    return {
        "event": np.arange(events, dtype=np.int64),
        "genWeight": np.array(weights, dtype=np.float32),
        "Generator_scale": np.array(scales, dtype=np.float32),
        "Jet": ak.unflatten(ak.zip(columns), counts),
    }


def main() -> None:
    """Write the ROOT file, and next to it a JSON file that describes how it was generated."""
    parser = argparse.ArgumentParser(description="Generate dijet events in NanoAOD's layout.")
    parser.add_argument("target", type=Path)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=20_261_124)
    arguments = parser.parse_args()
    branches = generate(arguments.events, arguments.seed)
    with uproot.recreate(arguments.target, compression=uproot.LZMA(9)) as file:
        tree = file.mktree("Events", {name: array_type(array) for name, array in branches.items()})
        tree.extend(branches)
    provenance = {
        "made_by": "examples/generate_dijets.py",
        "date": date.today().isoformat(),
        "events": arguments.events,
        "jets": int(ak.sum(ak.num(branches["Jet"]))),
        "seed": arguments.seed,
        "pythia_settings": SETTINGS,
        "jet_algorithm": f"anti-kt, R = {RADIUS}, pt > {PT_MIN} GeV, abs(eta) < {ETA_MAX}",
        "versions": {name: version(name) for name in ("pythia8mc", "fastjet", "uproot")},
        "units": "GeV, radians",
        "licence": "CC0-1.0",
    }
    arguments.target.with_suffix(".json").write_text(json.dumps(provenance, indent=2) + "\n")


def array_type(array: ak.Array | np.ndarray) -> object:
    """The type of a branch for ``mktree``: an awkward type or a numpy dtype."""
    return array.type.content if isinstance(array, ak.Array) else array.dtype


if __name__ == "__main__":
    main()
