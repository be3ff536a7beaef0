"""``python -m benchmarks.autoencoder_events EVENTS.root``: what an autoencoder does to events.

The first 48,000 events (80 % of the sample) train a codec with the default settings, from several
seeds; the others are decoded. The smearing of the dijet mass is half the width of the central 68 %
of decoded / original - 1 in bins of the mass, in units of the resolution of the detector.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from atlasae.codecs.autoencoder.codec import AutoencoderCodec
from atlasae.jets.distributions import profile
from atlasae.jets.metrics import residuals
from atlasae.jets.observables import dijet_mass_resolution, observables
from atlasae.jets.table import to_records
from benchmarks import cases, machine
from benchmarks.output import write_json

if TYPE_CHECKING:
    from atlasae.types import Floats
    from benchmarks.cases import Case

_BINS = 14  # of the dijet mass
_OUTER = (0.005, 0.999)  # quantiles of the dijet mass at the ends of the bins


def measure(case: Case, seed: int) -> dict[str, Any]:
    """Train on a case with events, and measure the errors of the others."""
    codec = AutoencoderCodec(seed=seed)
    start = time.monotonic()
    codec.fit(case.train, progress=True)
    seconds = time.monotonic() - start
    before, after = to_records(case.test), codec.decode(codec.encode(case.test))
    found = residuals(before, after)
    masses = observables(before)["m_jj"], observables(after)["m_jj"]
    return {
        "seconds": round(seconds, 1),
        "half_widths": {name: result.half_width for name, result in found.items()},
        "largest": {name: result.maximum for name, result in found.items()},
        "m_jj": _smearing(*masses).tolist(),
    }


def _smearing(before: Floats, after: Floats) -> Floats:
    """Of the dijet mass, in units of its resolution, by bin of the mass."""
    low, high = np.nanquantile(before[before > 0], _OUTER)
    edges = np.geomspace(low, high, _BINS + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shifts = profile(after / before - 1, before, edges)
    return (shifts.high - shifts.low) / 2 / dijet_mass_resolution(np.sqrt(edges[1:] * edges[:-1]))


@click.command()
@click.argument("events", type=click.Path())
@click.option("--seeds", default=3, show_default=True)
@click.option("--output", default="benchmarks/results/autoencoder_events.json", show_default=True)
def main(events: str, seeds: int, output: str) -> None:
    """Train on the events of EVENTS and save the errors as JSON."""
    case = cases.dijet_case(events)
    runs = []
    for seed in range(seeds):
        runs.append(run := measure(case, seed))
        click.echo(
            f"seed {seed}: pt within {100 * run['half_widths']['pt']:.2f} % (68 %), largest error of"
            f" phi {run['largest']['phi']:.3f}, m_jj smeared by at most {max(run['m_jj']):.3f} of its"
            f" resolution; {run['seconds']:.0f} s to train"
        )
    assert case.test.counts is not None
    write_json(output, {"machine": machine.facts(), "events": len(case.test.counts), "runs": runs})


if __name__ == "__main__":
    main()
