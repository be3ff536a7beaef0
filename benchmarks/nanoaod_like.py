"""``python -m benchmarks.nanoaod_like EVENTS FILE``: a generated file in the layout of NanoAOD.

Jets of a falling spectrum with the generator jets that they came from, muons alone and in jets, flags
that are cuts of other columns, two missing momenta, and 200 trigger bits. Mantissas are rounded as
NanoAOD rounds them. The physics is invented; types, shapes and dependencies are those of the real files.
Each cluster of events has a seed of its own: the first clusters of two files are the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import awkward as ak
import click
import numpy as np
import uproot

from benchmarks import generated_jets, generated_muons, generated_triggers
from benchmarks.generated_rows import momentum_sum, rounded

if TYPE_CHECKING:
    from atlasae.types import Values
    from benchmarks.generated_rows import Rows

CLUSTER = 25_000  # events: some 6 MB compressed; CMS writes up to 10
LUMINOSITY_BLOCK = 200  # events
# up to 8 MB, bytes of the same length as those of CMS's level 9, whose dictionary takes 700 MB
COMPRESSION = uproot.LZMA(6)


def events(number: int, first: int = 0, seed: int = 0) -> dict[str, ak.Array | Values]:
    """Collections (jagged records) and columns (one value an event) of some events.

    Args:
        number: of events.
        first: number of the events before them.
        seed: events with the same ``first`` and ``seed`` are the same.
    """
    rng = np.random.default_rng((seed, first))
    density = rng.gamma(9, 2.4, number)  # GeV per unit of area, by pileup
    generated = generated_jets.at_generator(rng, number)
    jets = generated_jets.at_detector(rng, generated, density)
    muons = generated_muons.muons(rng, jets)
    missing = _missing_momentum(rng, jets, muons, density)
    columns = {
        **_numbers(rng, first, number),
        **_vertices(rng, density),
        **missing,
        **generated_triggers.bits(rng, jets, muons, missing["MET_pt"]),
    }
    collections = {"GenJet": generated, "Jet": jets, "Muon": muons}
    return {**{name: rows.jagged() for name, rows in collections.items()}, **columns}


def write(path: str | Path, number: int, seed: int = 0) -> None:
    """Write events as a TTree with LZMA, one cluster at a time."""
    with uproot.recreate(path, compression=COMPRESSION) as file:
        tree = None
        for first in range(0, number, CLUSTER):
            columns = events(min(CLUSTER, number - first), first, seed)
            if tree is None:
                types = {name: _type(values) for name, values in columns.items()}
                tree = file.mktree("Events", types)
            tree.extend(columns)


def _type(values: ak.Array | Values) -> Any:
    return values.type.content if isinstance(values, ak.Array) else values.dtype


def _numbers(rng: np.random.Generator, first: int, number: int) -> dict[str, Values]:
    """Run, luminosity block and event, and the weight of the generator."""
    index = first + np.arange(number)
    sign = np.where(rng.random(number) < 0.18, -1, 1)
    return {
        "run": np.ones(number, np.uint32),
        "luminosityBlock": (1000 + index // LUMINOSITY_BLOCK).astype(np.uint32),
        "event": (3_000_000 + 2 * index + rng.integers(0, 2, number)).astype(np.uint64),
        "genWeight": (sign * 59.1372).astype(np.float32),
    }


def _vertices(rng: np.random.Generator, density: Values) -> dict[str, Values]:
    """The primary vertex, the number of vertices and the densities, which follow the pileup."""
    number = len(density)
    interactions = rng.poisson(1.25 * density)
    vertices = rng.binomial(interactions, 0.7) + 1
    short = {
        "PV_x": (10, rng.normal(0.0103, 0.002, number)),
        "PV_y": (10, rng.normal(0.0412, 0.002, number)),
        "PV_z": (16, rng.normal(0, 3.6, number)),
        "PV_ndof": (8, rng.gamma(4, 25, number) + 4),
        "PV_chi2": (8, rng.normal(0.95, 0.1, number).clip(0.2)),
        "Pileup_nTrueInt": (8, 1.25 * density),
    }
    central = density * rng.normal(0.85, 0.06, number)
    return {
        **{name: rounded(values, bits) for name, (bits, values) in short.items()},
        "Pileup_nPU": interactions.astype(np.int32),
        "PV_npvs": vertices.astype(np.int32),
        "PV_npvsGood": rng.binomial(vertices, 0.93).astype(np.int32),
        "fixedGridRhoFastjetAll": density.astype(np.float32),
        "fixedGridRhoFastjetCentral": central.astype(np.float32),
    }


def _missing_momentum(
    rng: np.random.Generator, jets: Rows, muons: Rows, density: Values
) -> dict[str, Values]:
    """What balances jets and muons, smeared; a second estimate smeared less; one uncorrected."""
    number = len(density)
    visible = momentum_sum(jets) + momentum_sum(muons)
    energy = jets.sums(jets["pt"]) + muons.sums(muons["pt"])
    scalar = energy + density * rng.normal(40, 6, number)
    width = 0.6 * np.sqrt(np.maximum(scalar, 1))
    balanced = -0.15 * visible + rng.normal(size=(2, number)) * width
    estimates = {
        "MET": (balanced, scalar),
        "PuppiMET": (0.7 * balanced + 0.3 * rng.normal(size=(2, number)) * width, 0.6 * scalar),
        "RawMET": (balanced + 0.04 * visible, scalar * 0.97),
    }
    found = {}
    for name, ((x, y), total) in estimates.items():
        found[f"{name}_pt"] = np.hypot(x, y).astype(np.float32)
        found[f"{name}_phi"] = rounded(np.arctan2(y, x), 12)
        found[f"{name}_sumEt"] = rounded(total, 10)
    variance = width**2 * rng.normal(1, 0.05, (2, number))
    found["MET_covXX"], found["MET_covYY"] = rounded(variance[0], 8), rounded(variance[1], 8)
    significance = (balanced**2 / variance).sum(axis=0)
    return {**found, "MET_significance": rounded(significance, 10)}


@click.command()
@click.argument("events", type=click.IntRange(min=1))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
def main(events: int, file: Path, seed: int) -> None:
    """Write FILE with so many EVENTS."""
    write(file, events, seed)
    print(f"{file}: {events:,} events, {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
