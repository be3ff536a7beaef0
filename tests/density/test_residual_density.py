"""Residuals of jets whose values are predicted: there and back, and what they cost."""

from __future__ import annotations

import numpy as np
import pytest

from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
from atlasae.coding.number_stack import NumberReader, NumberWriter
from atlasae.density.coordinates import Drop
from atlasae.density.feature_layout import FeatureLayout
from atlasae.density.residual_density import (
    ResidualDensity,
    fit_residual_density,
    predicted_integers,
)
from atlasae.density.serialization import read_jet_density, write_jet_density
from atlasae.quantization.lattices import Lattice
from atlasae.quantization.quantizers import AbsoluteQuantizer, FloatQuantizer, IntegerQuantizer

JETS = 4000


def quantizers():
    return {
        "pt": Lattice(AbsoluteQuantizer("float32", 0.02)).dithered(np.zeros(1, np.float32)),
        "phi": Lattice(AbsoluteQuantizer("float32", 0.01), origin=300),
        "exact": Lattice(FloatQuantizer("float64"), low_bits=36),
        "id": Lattice(IntegerQuantizer("int64"), low_bits=4, origin=7),
    }


@pytest.fixture(scope="module")
def sample():
    """Layout, values, predictions near them, and the integers of both with a seed."""
    rng = np.random.default_rng(0)
    values = {
        "pt": rng.exponential(50, JETS).astype("f4"),
        "phi": rng.uniform(0, 2 * np.pi, JETS).astype("f4"),
        "exact": rng.normal(size=JETS),
        "id": rng.integers(-1000, 1000, JETS),
    }
    near = {
        "pt": (values["pt"] + rng.normal(0, 0.1, JETS)).astype("f4"),
        "phi": ((values["phi"] + rng.normal(0, 0.1, JETS)) % (2 * np.pi)).astype("f4"),
        "exact": values["exact"] * rng.normal(1, 1e-4, JETS),
        "id": values["id"] + rng.integers(-40, 40, JETS),
    }
    layout = FeatureLayout.of(quantizers())
    columns = predicted_integers(layout, values, 5)
    predicted = predicted_integers(layout, near, 5)
    density = fit_residual_density(layout, predicted, columns, None)
    return density.given(near).with_dither(5), columns, near


def test_jets_come_back(sample):
    density, columns, _ = sample
    encoder = EntropyEncoder()
    assert dict(density.code(encoder, None, columns, JETS)).keys() == columns.keys()
    found = dict(density.code(EntropyDecoder(encoder.to_bytes()), None, None, JETS))
    for name, integers in columns.items():
        np.testing.assert_array_equal(found[name], integers)
    bits = sum(of.sum() for of in density.code_lengths(columns, None).values())
    assert 8 * len(encoder.to_bytes()) == pytest.approx(bits, rel=0.005)


def test_what_is_predicted_well_costs_little(sample):
    density, columns, _ = sample
    bits = {name: of.mean() for name, of in density.code_lengths(columns, None).items()}
    normal = np.log2(np.sqrt(2 * np.pi * np.e))
    assert bits["pt"] == pytest.approx(normal + np.log2(0.1 / 0.02), abs=0.1)
    assert bits["phi"] == pytest.approx(normal + np.log2(0.1 / 0.01), abs=0.1)  # across the ends
    assert bits["id"] == pytest.approx(np.log2(80 / 16), abs=0.5)


def test_the_density_is_stored(sample):
    density, columns, near = sample
    writer = NumberWriter()
    conditionals = write_jet_density(writer, density)
    stored = read_jet_density(
        NumberReader(writer.to_bytes()), conditionals, density.layout, ResidualDensity
    )
    again = stored.given(near).with_dither(5)
    lengths = density.code_lengths(columns, None)
    for name, of in again.code_lengths(columns, None).items():
        np.testing.assert_array_equal(of, lengths[name])


def test_predictions_beyond_all_integers_can_be_used(sample):
    density, columns, near = sample
    largest = {
        name: np.full_like(v, np.finfo(v.dtype).max if v.dtype.kind == "f" else 2**62)
        for name, v in near.items()
    }
    for prediction in (largest, {name: -values for name, values in largest.items()}):
        encoder = EntropyEncoder()
        given = density.given(prediction)
        dict(given.code(encoder, None, columns, JETS))
        found = dict(given.code(EntropyDecoder(encoder.to_bytes()), None, None, JETS))
        for name, integers in columns.items():
            np.testing.assert_array_equal(found[name], integers)


def test_no_order_is_free(sample):
    density, columns, _ = sample
    assert density.free_order(columns, None) is None


def test_a_residual_that_does_not_lead_back_is_noticed(sample, monkeypatch):
    density, columns, _ = sample
    monkeypatch.setattr(Drop, "integers", lambda self, values: self.before - values + 1)
    with pytest.raises(AssertionError, match="please report"):
        dict(density.code(EntropyEncoder(), None, columns, JETS))
