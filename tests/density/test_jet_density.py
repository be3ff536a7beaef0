"""What a density encodes, it decodes, whatever it was fitted to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
from atlasae.density.jet_density_fitting import fit_jet_density
from tests.density.quantized_jets import CASES, ORDER, integers, layout

MODELS = {
    "flat": None,
    "one jet each": np.ones(600, np.int64),
    "pairs": np.full(300, 2),
    "many": np.array([*range(12)] * 9 + [6]),
}


@pytest.fixture(scope="module")
def models():
    columns = integers(600, seed=5)
    return {
        (name, networks): fit_jet_density(
            layout(), columns, counts, networks=networks, uses=1e9, epochs=2
        )
        for name, counts in MODELS.items()
        for networks in (False, True)
    }


@pytest.mark.parametrize("networks", [False, True])
@pytest.mark.parametrize("fitted", MODELS)
@pytest.mark.parametrize("case", CASES)
def test_a_reader_gives_what_was_written_whatever_was_fitted(models, fitted, networks, case):
    model, counts, columns = models[fitted, networks], CASES[case], integers(500)
    encoder = EntropyEncoder()
    written = dict(model.code(encoder, counts, columns, 500))
    if counts is not None:
        model.code_counts(encoder, counts, len(counts))
    decoder = EntropyDecoder(encoder.to_bytes())
    found = dict(model.code(decoder, counts, None, 500))
    for name in ORDER:
        np.testing.assert_array_equal(written[name], columns[name])
        np.testing.assert_array_equal(found[name], columns[name])
    if counts is not None:
        numbers = model.code_counts(decoder, None, len(counts))
        np.testing.assert_array_equal(numbers, counts)
    bits = sum(model.bits(columns, counts).values())
    assert np.isfinite(bits)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2**21), max_size=30))
def test_any_numbers_of_jets_come_back(models, counts):
    counts = np.array(counts, np.int64)
    for fitted in MODELS:
        model, encoder = models[fitted, 0], EntropyEncoder()
        model.code_counts(encoder, counts, len(counts))
        found = model.code_counts(EntropyDecoder(encoder.to_bytes()), None, len(counts))
        np.testing.assert_array_equal(found, counts)
        assert len(encoder.to_bytes()) <= 5 * len(counts) + 8
