"""Fitting of conditional distributions."""

from __future__ import annotations

import numpy as np
import pytest

from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
from atlasae.density.bins import Bins
from atlasae.density.conditional import Conditional
from atlasae.density.fitting import fit_conditional, round_network, training_rows
from atlasae.density.networks import INPUT_LIMIT
from atlasae.density.training import Network, train


@pytest.mark.parametrize(
    "values",
    [
        [7],
        [0, 0],
        [3] * 1000,
        [-5] * 500 + [5] * 500,
        [0] * 999 + [2**58],
        [-(2**58), *range(1000), 2**58],
        [2**53 + 1] * 10,
    ],
)
def test_odd_data_can_be_fitted(values):
    values = np.array(values, np.int64)
    inputs = np.ones((2, len(values)), np.float32)
    inputs[1] = np.arange(len(values)) % 300
    for units in (0, 4):
        options = {
            "bins": 64,
            "groups": 16,
            "power": 0.5,
            "weight_decay": 0.1,
            "epochs": 2,
            "seed": 0,
        }
        conditional = fit_conditional(values, inputs, units=units, **options)
        assert np.isfinite(conditional.bits(values, inputs))
        encoder = EntropyEncoder()
        conditional.code(encoder, values, inputs)
        decoder = EntropyDecoder(encoder.to_bytes())
        np.testing.assert_array_equal(conditional.code(decoder, None, inputs), values)


def test_values_all_the_same_cost_nothing_much():
    values, inputs = np.full(1000, 3), np.ones((1, 1000), np.float32)
    conditional = fit_conditional(
        values, inputs, bins=64, groups=16, power=0.5, units=0, weight_decay=0, epochs=0, seed=0
    )
    assert conditional.bits(values, inputs) < 5


def learnable(rows=6000, seed=0):
    rng = np.random.default_rng(seed)
    inputs = np.ones((4, rows), np.float32)
    inputs[1:] = np.rint(rng.normal(0, 130, (3, rows))).clip(-INPUT_LIMIT, INPUT_LIMIT)
    values = np.rint(2 * inputs[1] + 0.004 * inputs[2] ** 2 + rng.normal(0, 40, rows))
    return values.astype(np.int64), inputs


OPTIONS = {"bins": 48, "groups": 12, "power": 0.6, "weight_decay": 0.1, "seed": 0}


def test_a_network_learns_and_its_integers_code_what_they_say():
    (values, inputs), (fresh, known) = learnable(), learnable(seed=1)
    table = fit_conditional(values, inputs, units=0, epochs=0, **OPTIONS)
    network = fit_conditional(values, inputs, units=16, epochs=12, **OPTIONS)
    assert network.bits(fresh, known) < table.bits(fresh, known) - 1.3 * len(fresh)
    encoder = EntropyEncoder()
    network.code(encoder, fresh, known)
    assert 8 * len(encoder.to_bytes()) <= network.bits(fresh, known) * 1.003 + 64
    np.testing.assert_array_equal(
        network.code(EntropyDecoder(encoder.to_bytes()), None, known), fresh
    )


@pytest.mark.parametrize(("of_use", "required"), [(True, 0.1), (False, 0.1), (True, 50.0)])
def test_training_stops_early_where_it_cannot_pay(of_use, required):
    values, inputs = learnable()
    if not of_use:
        values = np.random.default_rng(5).permutation(values)
    bins, generator = Bins.fit(values, 48, 0.6), np.random.default_rng(0)
    table = bins.histogram(values).astype(np.float64)
    network = Network(3, 16, table / table.sum(), generator)
    trained = train(
        network,
        training_rows(inputs),
        bins.find(values),
        weight_decay=0.1,
        epochs=40,
        generator=generator,
        required=required,
    )
    assert trained == (of_use and required < 1)


def test_rounding_to_integers_costs_little():
    values, inputs = learnable()
    bins, generator = Bins.fit(values, 48, 0.6), np.random.default_rng(0)
    table = bins.histogram(values)
    network = Network(3, 16, table / table.sum(dtype=np.float64), generator)
    rows, targets = training_rows(inputs), bins.find(values)
    train(network, rows, targets, weight_decay=0.1, epochs=12, generator=generator)
    floats = network.cross_entropy(rows, targets) / np.log(2)
    rounded = Conditional(bins, table, round_network(network, rows), 3)
    widths = np.log2(np.diff(bins.edges)[targets]).mean()
    assert rounded.bits(values, inputs) / len(values) - widths - floats < 0.01
