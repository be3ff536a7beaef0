"""Dijet masses and jet responses by coffea, from NanoAOD files, whether atlasae compressed them or not.

python examples/coffea_dijets.py nano.root
python examples/coffea_dijets.py small.root "data/*.root"
"""

from __future__ import annotations

import argparse
from typing import Any

import awkward as ak
import hist
from coffea.nanoevents import NanoAODSchema
from coffea.processor import ProcessorABC

import atlasae


class Schema(NanoAODSchema):  # type: ignore[misc]  # has no types
    """NanoAOD, also of files without run numbers or some of the collections."""

    error_missing_event_ids = False
    warn_missing_crossrefs = False


class Dijets(ProcessorABC):  # type: ignore[misc]  # has no types
    """Fills the mass of the two leading jets, and the pt of jets over that of their generator jets."""

    def process(self, events: Any) -> dict[str, hist.Hist]:
        """Histograms of some events."""
        masses = hist.Hist(hist.axis.Regular(60, 0, 600, name="mass", label="$m_{jj}$ [GeV]"))
        responses = hist.Hist(hist.axis.Regular(50, 0, 2, name="response", label="response"))
        two = events.Jet[ak.num(events.Jet) > 1]
        masses.fill((two[:, 0] + two[:, 1]).mass)
        if "GenJet" in events.fields:
            matched = events.Jet.matched_gen
            responses.fill(ak.flatten(ak.drop_none(events.Jet.pt / matched.pt)))
        return {"masses": masses, "responses": responses}

    def postprocess(self, accumulator: Any) -> Any:
        """Nothing is left to do."""
        return accumulator


def main() -> None:
    """Print how many were filled, and their means."""
    parser = argparse.ArgumentParser(description="Dijet masses of NanoAOD files, by coffea.")
    parser.add_argument("files", nargs="+")
    events = atlasae.nanoevents(parser.parse_args().files, schemaclass=Schema)
    for name, histogram in Dijets().process(events).items():
        (axis,) = histogram.axes
        entries = histogram.values()
        mean = (axis.centers * entries).sum() / max(entries.sum(), 1)
        print(f"{name}: {entries.sum():.0f}, mean {mean:.3f}")


if __name__ == "__main__":
    main()
