"""Quantized jets that the tests of the density share."""

from __future__ import annotations

import numpy as np

from atlasae.density.feature_layout import FeatureLayout
from atlasae.quantization.exceptions import quantize
from atlasae.quantization.fitting import fit_quantizer
from atlasae.quantization.tolerance import tolerances
from tests.helpers import make_jets

ORDER = ("pt", "m", "phi", "eta")


def layout(spec="default", dtype="float32"):
    bounds = tolerances(spec, ORDER)
    jets = {name: values.astype(dtype) for name, values in make_jets(300).items()}
    return FeatureLayout.of({name: fit_quantizer(jets[name], bounds[name]) for name in ORDER})


def integers(n, spec="default", seed=0, dtype="float32"):
    jets, bounds = make_jets(n, seed), tolerances(spec, ORDER)
    of = layout(spec, dtype)
    return {
        name: quantize(of.quantizers[name], jets[name].astype(dtype), bounds[name])[0]
        for name in ORDER
    }


CASES = {
    "flat": None,
    "one event": [500],
    "one jet each": [1] * 500,
    "empty events": [0, 3, 0, 0, 497 % 7, 0] + [0] * 20 + [5] * 99 + [2, 0],
    "one huge event among small": [1, 2, 430, 0, 60, 7],
    "just full": [64, 64, 65, 63, 128, 116],
}


CASES = {name: counts and np.array([*counts, 500 - sum(counts)]) for name, counts in CASES.items()}
