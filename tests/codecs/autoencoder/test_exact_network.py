"""Networks with the same bits on every machine, and what they are like the others."""

from __future__ import annotations

import numpy as np
import pytest

from atlasae.codecs.autoencoder import exact_network
from atlasae.codecs.autoencoder.exact_network import LANES, run_exactly
from atlasae.codecs.autoencoder.network import ACTIVATIONS, CHUNK, DenseNetwork


@pytest.fixture(params=sorted(ACTIVATIONS))
def network(request):
    generator = np.random.default_rng(0)
    return DenseNetwork.initial((3, 17, 30, 5), request.param, generator, activate_input=True)


def test_every_activation_has_an_exact_form():
    assert exact_network.ACTIVATIONS.keys() == ACTIVATIONS.keys()


def test_it_gives_what_the_network_gives(network):
    x = np.random.default_rng(1).normal(0, 2, (CHUNK + LANES + 7, 3)).astype(np.float32)
    np.testing.assert_allclose(run_exactly(network, x), network(x), rtol=1e-4, atol=1e-5)


def test_rows_do_not_depend_on_their_neighbors(network):
    x = np.random.default_rng(1).normal(0, 2, (CHUNK + LANES + 7, 3)).astype(np.float32)
    whole = run_exactly(network, x)
    for rows in (slice(0, 1), slice(5, 5), slice(CHUNK - 3, CHUNK + 9)):
        np.testing.assert_array_equal(run_exactly(network, x[rows]), whole[rows])


def test_sums_are_those_of_float32_in_the_order_of_the_inputs():
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(29, 2)).astype("f4"), rng.normal(size=2).astype("f4")
    network = DenseNetwork((weight,), (bias,), "tanh")
    x = rng.normal(size=(1, 29)).astype("f4")
    wanted = bias.copy()
    for value, row in zip(x[0], weight, strict=True):
        wanted = wanted + value * row
    np.testing.assert_array_equal(run_exactly(network, x)[0], wanted)


def test_half_floats_are_numbers_like_others(network):
    x = np.random.default_rng(1).normal(size=(9, 3)).astype(np.float16)
    np.testing.assert_array_equal(
        run_exactly(network, x), run_exactly(network, x.astype(np.float32))
    )
