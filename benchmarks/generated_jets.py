"""Generated jets: those of a generator, and those that a detector makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.generated_rows import Rows, rounded, wrapped

if TYPE_CHECKING:
    from atlasae.types import Values

_LEAST = {"GenJet": 10.0, "Jet": 15.0}  # pt in GeV
_CENTRAL = 2.4  # |eta| to which the tracker reaches
_FLAVORS = np.array([21, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 0])
_SHARES = (0.45, 0.09, 0.05, 0.12, 0.05, 0.03, 0.03, 0.04, 0.04, 0.045, 0.045, 0.01)
# thresholds of a discriminator for the bits loose, medium and tight, by bins of pt and of |eta|
_PILEUP_CUTS = np.array([[-0.95, -0.70, 0.18], [-0.75, -0.50, -0.20]])


def at_generator(rng: np.random.Generator, number: int) -> Rows:
    """Two jets back to back of a falling spectrum, and softer ones beside them."""
    counts = 2 + rng.poisson(4, number)
    event = np.repeat(np.arange(number), counts)
    rank = np.arange(len(event)) - np.repeat(np.cumsum(counts) - counts, counts)
    size = len(event)
    scale = (30 * (1 + rng.pareto(3.2, number)))[event]
    soft = np.minimum(_LEAST["GenJet"] * (1 + rng.pareto(2.2, size)), scale)
    pt = np.where(rank < 2, scale * rng.lognormal(0, 0.12, size), soft).clip(_LEAST["GenJet"])
    axis = rng.uniform(-np.pi, np.pi, number)[event] + rank * np.pi + rng.normal(0, 0.25, size)
    boost = rng.normal(0, 1.1, number)[event]
    flavour = rng.choice(_FLAVORS, size, p=_SHARES)
    heavy = np.abs(flavour) * ((np.abs(flavour) == 4) | (np.abs(flavour) == 5))
    columns = {
        "pt": pt.astype(np.float32),
        "eta": rounded((boost + rng.normal(0, 1.3, size)).clip(-5, 5), 12),
        "phi": rounded(wrapped(np.where(rank < 2, axis, rng.uniform(-4, 4, size))), 12),
        "mass": rounded(pt * rng.lognormal(-2.1, 0.35, size), 10),
        "partonFlavour": flavour.astype(np.int32),
        "hadronFlavour": np.where(rng.random(size) < 0.03, 0, heavy).astype(np.uint8),
    }
    return Rows(event, number, columns)


def at_detector(rng: np.random.Generator, generated: Rows, density: Values) -> Rows:
    """The generator's jets that are found, smeared, and jets of pileup."""
    number = len(density)
    found = np.flatnonzero(rng.random(len(generated)) < 1 - np.exp(-generated["pt"] / 15))
    pileup = np.repeat(np.arange(number), rng.poisson(density / 18))
    event = np.append(generated.event[found], pileup)
    partner = np.append(found, np.full(len(pileup), -1))
    true = _true_jets(rng, generated, found, len(pileup))
    pt, eta, phi, mass = _smeared(rng, *true)
    kept = pt > _LEAST["Jet"]
    event, partner = event[kept], partner[kept]
    flavour = {
        name: np.where(partner < 0, 0, generated[name][partner]).astype(np.int32)
        for name in ("partonFlavour", "hadronFlavour")
    }
    columns = {
        "pt": rounded(pt[kept], 10),
        "eta": rounded(eta[kept], 12),
        "phi": rounded(phi[kept], 12),
        "mass": rounded(mass[kept], 10),
        "genJetIdx": np.where(partner < 0, -1, generated.rank[partner]).astype(np.int32),
        **flavour,
    }
    columns.update(_composition(rng, columns))
    columns.update(_pileup(rng, columns))
    columns.update(_flavour_tags(rng, columns))
    columns.update(_corrections(rng, columns, density[event]))
    return Rows(event, number, columns)


def _true_jets(
    rng: np.random.Generator, generated: Rows, found: Values, pileup: int
) -> tuple[Values, ...]:
    """pt, eta, phi and mass before the detector."""
    pt = 13 * (1 + rng.pareto(4.5, pileup))
    of_pileup = {
        "pt": pt,
        "eta": rng.normal(0, 2.6, pileup).clip(-4.9, 4.9),
        "phi": rng.uniform(-np.pi, np.pi, pileup),
        "mass": pt * rng.lognormal(-2, 0.3, pileup),
    }
    return tuple(np.append(generated[name][found], of_pileup[name]) for name in of_pileup)


def _smeared(
    rng: np.random.Generator, pt: Values, eta: Values, phi: Values, mass: Values
) -> tuple[Values, ...]:
    """Energies within 5 to 25 %, directions within 0.01 to 0.1."""
    size = len(pt)
    response = rng.normal(1, np.sqrt(0.05**2 + 0.9 / pt)).clip(0.2)
    direction = 0.008 + 0.5 / pt
    return (
        pt * response,
        (eta + rng.normal(0, direction)).clip(-5, 5),
        wrapped(phi + rng.normal(0, direction)),
        mass * response * rng.normal(1, 0.12, size).clip(0.5),
    )


def _composition(rng: np.random.Generator, jets: dict[str, Values]) -> dict[str, Values]:
    """Fractions of the energy, the number of particles, and the cuts on both."""
    size = len(jets["pt"])
    central = np.abs(jets["eta"]) < _CENTRAL
    shapes = {"chHEF": 6.0, "neEmEF": 2.4, "neHEF": 1.0, "chEmEF": 0.4, "muEF": 0.3}
    present = {
        "chHEF": central,
        "chEmEF": central & (rng.random(size) < 0.08),
        "muEF": rng.random(size) < 0.05,
    }
    drawn = {
        name: rng.gamma(shape, size=size) * present.get(name, True)
        for name, shape in shapes.items()
    }
    total = sum(drawn.values()) * rng.uniform(1, 1.01, size)
    fractions = {name: rounded(values / total, 6) for name, values in drawn.items()}
    particles = 1 + rng.poisson(4 + 9 * np.log1p(jets["pt"] / 20) * np.where(central, 1, 0.4))
    neutral = np.maximum(fractions["neHEF"], fractions["neEmEF"]) < 0.9
    tight = neutral & (particles > 1) & (~central | (fractions["chHEF"] > 0))
    veto = tight & (fractions["muEF"] < 0.8) & (fractions["chEmEF"] < 0.8)
    return {
        **fractions,
        "nConstituents": particles.clip(max=255).astype(np.uint8),
        "jetId": (2 * tight + 4 * veto).astype(np.int32),
    }


def _pileup(rng: np.random.Generator, jets: dict[str, Values]) -> dict[str, Values]:
    """A discriminator of pileup, and the bits of its three cuts below 50 GeV."""
    width = np.where(jets["genJetIdx"] < 0, -1.2, 1.4) + jets["pt"] / 80
    score = rounded(np.tanh(rng.normal(width, 1)), 10)
    cuts = _PILEUP_CUTS[(np.abs(jets["eta"]) > 2.5).astype(int)]  # (jet, cut)
    loose, medium, tight = (score[:, None] > cuts).T
    passed = 4 * loose + 2 * (loose & medium) + (loose & tight)
    return {
        "puIdDisc": score,
        "puId": np.where(jets["pt"] > 50, 7, passed).astype(np.int32),
    }


def _flavour_tags(rng: np.random.Generator, jets: dict[str, Values]) -> dict[str, Values]:
    """Discriminators of heavy quarks and of gluons; -1 where there are no tracks."""
    size = len(jets["pt"])
    central = np.abs(jets["eta"]) < _CENTRAL
    heaviness = np.choose(jets["hadronFlavour"], [-3, -3, -3, -3, -1.2, 2.2])
    hidden = rng.normal(heaviness, 1.3)
    scores = {
        "btagDeepB": hidden + rng.normal(0, 0.5, size),
        "btagDeepFlavB": 1.1 * hidden + rng.normal(0, 0.5, size),
        "btagDeepFlavCvL": 0.5 * hidden + rng.normal(0, 0.8, size),
        "qgl": np.where(jets["partonFlavour"] == 21, -0.8, 0.8) + rng.normal(0, 1, size),
    }
    return {
        name: rounded(np.where(central, 1 / (1 + np.exp(-score)), -1), 10)
        for name, score in scores.items()
    }


def _corrections(
    rng: np.random.Generator, jets: dict[str, Values], density: Values
) -> dict[str, Values]:
    """The area, and the share of the energy that calibration added: pileup taken, response given."""
    area = rng.normal(0.5, 0.02, len(density))
    taken = area * density * (1 + 0.1 * np.abs(jets["eta"])) / jets["pt"]
    given = 0.08 + 0.03 * np.abs(jets["eta"]) / (1 + jets["pt"] / 100)
    return {"area": rounded(area, 10), "rawFactor": rounded((given - taken).clip(-2, 0.9), 6)}
