"""Histogram the dijet mass of a ROOT file, whether atlasae compressed it or not.

python examples/dijet_mass.py events.root -o dijet_mass.png
python examples/dijet_mass.py small.root
"""

from __future__ import annotations

import argparse
from pathlib import Path

import awkward as ak
import hist
import matplotlib.pyplot as plt
import mplhep

import atlasae


def dijet_masses(path: Path) -> tuple[ak.Array, ak.Array]:
    """Invariant mass in GeV of the two leading jets, and weight, of events with at least two."""
    with atlasae.open(path) as file:
        events = file["Events"]
        jets = events.collection("Jet")
        weights = events["genWeight"].array()
    jets = jets[ak.argsort(jets.pt, ascending=False)]
    selected = ak.num(jets) > 1
    return (jets[selected, 0] + jets[selected, 1]).mass, weights[selected]


def draw(histogram: hist.Hist, target: Path) -> None:
    """Save the histogram as a figure."""
    with plt.style.context(mplhep.style.ATLAS):
        figure, axes = plt.subplots()
        mplhep.histplot(histogram, ax=axes, flow="none")
        axes.set(ylabel="Events, weighted", yscale="log")
        figure.savefig(target)
        plt.close(figure)


def main() -> None:
    """Fill the histogram, print its mean, and save the figure if a path is given."""
    parser = argparse.ArgumentParser(description="Dijet mass of the events in a ROOT file.")
    parser.add_argument("file", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="figure to save")
    arguments = parser.parse_args()
    masses, weights = dijet_masses(arguments.file)
    axis = hist.axis.Regular(60, 0, 600, label=r"$m_{jj}$ [GeV]")
    histogram = hist.Hist(axis, storage=hist.storage.Weight()).fill(masses, weight=weights)
    mean = ak.mean(masses, weight=weights)
    print(f"{len(masses)} events, mean m_jj {mean:.3f} GeV, weighted")
    if arguments.output:
        draw(histogram, arguments.output)


if __name__ == "__main__":
    main()
