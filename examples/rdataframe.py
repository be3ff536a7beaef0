"""Histogram the jets of a ROOT file with RDataFrame, whether atlasae compressed it or not.

python examples/rdataframe.py events.root -o jets.root
python examples/rdataframe.py small.root
"""

from __future__ import annotations

import argparse
from pathlib import Path

import ROOT

import atlasae


def main() -> None:
    """Fill a histogram of the scalar sum of pt, print its mean, and save it if a path is given."""
    parser = argparse.ArgumentParser(description="Scalar sum of the jets' pt, event by event.")
    parser.add_argument("file", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="ROOT file to save the histogram in")
    arguments = parser.parse_args()
    frame = atlasae.rdataframe({arguments.file: "Events"}, columns=["nJet", "Jet_pt"])
    selected = frame.Filter("nJet > 1").Define("HT", "Sum(Jet_pt)")
    histogram = selected.Histo1D(("HT", ";H_{T} [GeV];Events", 60, 0.0, 600.0), "HT")
    print(f"{histogram.GetEntries():.0f} events, mean HT {histogram.GetMean():.3f} GeV")
    if arguments.output:
        with ROOT.TFile(str(arguments.output), "RECREATE") as file:
            file.WriteObject(histogram.GetValue(), "HT")


if __name__ == "__main__":
    main()
