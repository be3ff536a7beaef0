"""Quantized jets that the tests of the density share."""

from __future__ import annotations

from functools import cache

import numpy as np

from atlasae.density.feature_layout import FeatureLayout
from atlasae.quantization.fitting import fit_quantizer
from atlasae.quantization.lattices import Lattice
from atlasae.quantization.quantized import phi_origin
from atlasae.quantization.tolerance import LOSSLESS, abs_, rel, tolerances
from tests.helpers import make_jets

ORDER = ("pt", "m", "phi", "eta")


def _ordered(jets, dtype="float32"):
    return {name: jets[name].astype(dtype) for name in ORDER}


def _truncated(jets):
    """With 10 bits of mantissa, as in NanoAOD."""
    patterns = {name: jets[name].view(np.uint32) & np.uint32(0xFFFFE000) for name in ORDER}
    return {name: each.view(np.float32) for name, each in patterns.items()}


def _with_others(jets):
    charge = np.sign(jets["eta"]).astype(np.int8)
    score = (jets["m"] / jets["pt"]).astype(np.float32)
    return {"score": score, **_ordered(jets), "charge": charge}


def _with_wide(jets):
    """Columns of which the density models the high bits."""
    wide = (jets["pt"].astype(np.float64) * 2.0**40).astype(np.int64)
    return {**_ordered(jets), "id": wide, "weight": jets["eta"].astype(np.float64)}


#: Values of the features and their tolerances, by kind.
KINDS = {
    "default": (_ordered, "default"),
    "fine": (lambda jets: _ordered(jets, "float64"), 1e-6),
    "nanoaod": (_ordered, "nanoaod"),
    "lossless": (_ordered, "lossless"),
    "lossless float64": (lambda jets: _ordered(jets, "float64"), "lossless"),
    "truncated": (_truncated, "lossless"),
    "a floor for masses": (_ordered, {"m": rel(1e-3, floor=2.0)}),
    "other steps for masses": (_ordered, {"m": 1e-2}),
    "phi from 0 to 2 pi": (lambda j: _ordered({**j, "phi": j["phi"] % (2 * np.pi)}), "default"),
    "relative phi": (_ordered, {"phi": rel(1e-3)}),
    "lossless phi": (_ordered, {"phi": LOSSLESS}),
    "lossless float64 phi": (lambda j: {**_ordered(j, "float64")}, {"phi": LOSSLESS}),
    "no pt": (lambda jets: {name: jets[name] for name in ("m", "phi", "eta")}, "default"),
    "no momentum": (lambda jets: {"score": jets["eta"], "n": jets["phi"]}, abs_(0.01)),
    "others": (_with_others, "default"),
    "wide": (_with_wide, {"id": LOSSLESS, "weight": LOSSLESS}),
}


@cache
def layout(kind="default"):
    columns, bounds = _values(kind, 300, 0)
    lattices = {
        name: Lattice.fit(fit_quantizer(values, bounds[name]), values)
        for name, values in columns.items()
    }
    circle = FeatureLayout.of(lattices).circle
    if circle:
        quantizer = lattices["phi"].quantizer
        origin = phi_origin(quantizer.to_integers(columns["phi"]), circle)
        lattices["phi"] = Lattice(quantizer, origin=origin)
    return FeatureLayout.of(lattices)


def integers(n, kind="default", seed=0):
    """Integers by feature; those that are exceptions are 0."""
    columns, bounds = _values(kind, n, seed)
    of, found = layout(kind), {}
    for name in of.lattices:
        found[name] = of.lattices[name].split(columns[name], bounds[name])[0]
    if of.circle:
        found[of.phi][np.abs(found[of.phi]) > of.circle // 2] = 0
    return found


def _values(kind, n, seed):
    make, spec = KINDS[kind]
    columns = make(make_jets(n, seed))
    return columns, tolerances(spec, list(columns))


JETS = 200

#: Numbers of jets per event, ``JETS`` in all.
CASES = {
    "flat": None,
    "one event": [JETS],
    "one jet each": [1] * JETS,
    "empty events": [0, 3, 0, 0, 7, 0] + [0] * 20 + [5] * 37 + [2, 0],
    "one huge event among small": [1, 2, 129, 0, 60, 7],
    "just full": [64, 65, 63, 7],
}
CASES = {name: counts and np.array([*counts, JETS - sum(counts)]) for name, counts in CASES.items()}
