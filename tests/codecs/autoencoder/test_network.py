from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from atlasae.codecs.autoencoder.exact_network import run_exactly
from atlasae.codecs.autoencoder.network import ACTIVATIONS, CHUNK, DenseNetwork
from atlasae.errors import InputError


@pytest.fixture(params=sorted(ACTIVATIONS))
def network(request):
    generator = np.random.default_rng(0)
    made = DenseNetwork.initial((4, 30, 20, 3), request.param, generator, activate_input=True)
    biases = tuple(generator.normal(size=b.shape).astype(np.float32) for b in made.biases)
    return DenseNetwork(made.weights, biases, made.activation, made.activate_input)


@pytest.fixture
def x():
    return np.random.default_rng(1).normal(size=(CHUNK + 17, 4)).astype(np.float32)


def test_numpy_runs_what_torch_trained(network, x):
    import torch

    with torch.no_grad():
        wanted = network.to_torch()(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(network(x), wanted, rtol=1e-4, atol=1e-5)


def test_torch_gives_the_weights_back(network, x):
    again = network.from_torch(network.to_torch())
    np.testing.assert_array_equal(again(x), network(x))


def test_rows_do_not_depend_on_their_neighbors_and_the_input_stays(network, x):
    before = x.copy()
    whole = network(x)
    np.testing.assert_allclose(
        network(x[CHUNK - 2 : CHUNK + 2]), whole[CHUNK - 2 : CHUNK + 2], rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(x, before)
    assert network(x[:0]).shape == (0, 3)


def test_splitting_and_storing_keep_the_function(network, x):
    first, rest = network.split(2)
    assert (first.inputs, first.outputs, rest.outputs) == (4, 20, 3)
    np.testing.assert_allclose(rest(first(x)), network(x), rtol=1e-5, atol=1e-6)
    tensors = network.tensors("net")
    again = DenseNetwork.from_tensors(tensors, "net", network.activation, True)
    np.testing.assert_array_equal(again(x), network(x))
    assert DenseNetwork.from_tensors(tensors, "other", network.activation) is None


def test_large_inputs_do_not_overflow(network):
    with np.errstate(over="raise", invalid="raise"):
        assert np.isfinite(network(np.full((2, 4), 1e4, np.float32))).all()


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_the_signal_does_not_vanish_before_training(activation, x):
    sizes = (4, 100, 100, 100, 3)
    network = DenseNetwork.initial(sizes, activation, np.random.default_rng(0))
    reach = network(x).std(axis=0)
    assert 0.01 < reach.min() < reach.max() < 5


def test_an_unknown_activation_is_refused():
    with pytest.raises(InputError, match="did you mean 'tanh'"):
        DenseNetwork.initial((2, 2), "tahn", np.random.default_rng(0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"net.0.weight": np.zeros((4, 8))}, "not float32"),
        ({"net.0.bias": np.zeros(8, np.int8)}, "not float32"),
        ({"net.0.bias": np.zeros((1, 8), np.float32)}, "do not fit each other"),
        ({"net.0.weight": np.zeros((2, 2, 8), np.float32)}, "do not fit each other"),
        ({"net.1.weight": np.zeros((7, 3), np.float32)}, "do not fit each other"),
    ],
)
def test_arrays_that_are_no_network_are_refused(change, message):
    made = DenseNetwork.initial((4, 8, 3), "tanh", np.random.default_rng(0))
    with pytest.raises(InputError, match=message):
        DenseNetwork.from_tensors(made.tensors("net") | change, "net", "tanh")


@pytest.mark.parametrize("run", [DenseNetwork.__call__, run_exactly])
def test_wide_layers_take_no_memory_out_of_proportion(run):
    width = 200_000
    sizes = (2, width, 1)
    network = DenseNetwork.initial(sizes, "relu", np.random.default_rng(0))
    x = np.ones((CHUNK, 2), np.float32)
    run(network, x[:1])
    tracemalloc.start()
    out = run(network, x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * CHUNK * width / 2
    np.testing.assert_allclose(out, np.full_like(out, out[0, 0]), rtol=1e-3)
