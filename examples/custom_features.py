"""Compress jets with more than four features, each with its own tolerance.

The sample has momenta only, so this script generates a b-tag score, a charged fraction and a
multiplicity. Use your own features from awkward records, a DataFrame or a dict of arrays.

python examples/custom_features.py
"""

from __future__ import annotations

import argparse

import awkward as ak
import numpy as np

import atlasae
from atlasae import Codec, abs_, rel
from atlasae.quantization.tolerance import LOSSLESS


def tagged_jets(events: int) -> ak.Array:
    """Jets of the sample with three more features, grouped by event."""
    jets = atlasae.read_jets(atlasae.sample(), entry_stop=events)
    pt = ak.to_numpy(ak.flatten(jets.pt))
    rng = np.random.default_rng(0)
    extra = {
        "btag": rng.beta(0.5, 3, len(pt)).astype(np.float32),
        "charged_fraction": rng.beta(6, 4, len(pt)).astype(np.float32),
        "multiplicity": rng.poisson(5 + 4 * np.log(pt)).astype(np.int16),
    }
    counts = ak.num(jets)
    columns = {name: ak.unflatten(values, counts) for name, values in extra.items()}
    return ak.zip({**{name: jets[name] for name in jets.fields}, **columns})


def main() -> None:
    """Encode the jets and print bits and largest error of each feature."""
    parser = argparse.ArgumentParser(description="Compress jets with seven features.")
    parser.add_argument("--events", type=int, default=20_000)
    jets = tagged_jets(parser.parse_args().events)
    tolerance = {
        "pt": rel(1e-3), "mass": rel(1e-2), "eta": abs_(1e-3), "phi": abs_(1e-3),
        "btag": abs_(1e-3), "charged_fraction": abs_(1e-2), "multiplicity": LOSSLESS,
    }  # fmt: skip
    codec = Codec.bounded(tolerance=tolerance, features=tuple(tolerance)).fit(jets)
    data = codec.encode(jets)
    back = codec.decode(data)
    for name, result in atlasae.metrics.residuals(jets, back).items():
        tolerance = codec.tolerances_[name]
        bits = codec.bits_[name]
        print(f"{name:16} {bits:5.2f} bits, all within {result.maximum:.2g} ({tolerance})")
    print(f"{8 * len(data) / ak.count(jets.pt):.2f} bits per jet")


if __name__ == "__main__":
    main()
