"""Networks are exact: the same integers whatever the order of summation, chunks and threads."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from atlasae.density.conditional import CHUNK
from atlasae.density.networks import HIDDEN_LIMIT, INPUT_LIMIT, IntegerNetwork, basis
from atlasae.errors import DamagedFileError


def random_network(seed, inputs=20, units=16, bins=64):
    rng = np.random.default_rng(seed)

    def layer(width):
        weight = rng.integers(-31, 32, (units, width)).astype(np.int8)
        bias = rng.integers(-1200, 1200, units).astype(np.int32)
        return weight, bias, rng.integers(-8, -4, units).astype(np.int8)

    first, second = layer(inputs), layer(units)
    return IntegerNetwork(
        (first[0], second[0]),
        (first[1], second[1]),
        (first[2], second[2]),
        rng.integers(-127, 128, (units, 12)).astype(np.int16),
        6,
        rng.integers(-190, 0, bins).astype(np.int16),
    )


def random_inputs(seed, inputs=20, rows=CHUNK):
    matrix = np.random.default_rng(seed).integers(-INPUT_LIMIT, INPUT_LIMIT + 1, (inputs + 1, rows))
    matrix[0] = 1
    return matrix.astype(np.float32)


def ends_in(dtype, network, inputs):
    """Ends of slots as the docstrings define them, in wide integers or wide floats."""
    hidden = inputs[1:].astype(dtype)
    layers = zip(network.weights, network.biases, network.scales, strict=True)
    for weight, bias, scale in layers:
        sums = weight.astype(dtype) @ hidden + 16 * bias.astype(dtype)[:, None]
        exact = sums.astype(np.float64) * 2.0 ** scale.astype(np.float64)[:, None]
        hidden = np.rint(np.clip(exact, 0, HIDDEN_LIMIT)).astype(dtype)
    mixed = network.mixing.astype(np.int64) @ basis(network.mixing.shape[1], len(network.logits))
    last = (mixed + (1 << (network.mixing_shift - 1))) >> network.mixing_shift
    octaves = last.T.astype(dtype) @ hidden + (network.logits.astype(dtype) * 256)[:, None]
    z = np.clip(octaves.astype(np.int64) + 15 * 4096, 3 * 4096, 16 * 4096)
    whole, fraction = z >> 12, z & 4095
    weights = np.floor(np.ldexp(1 + fraction / 4096, whole)).astype(np.int64)
    return np.concatenate([np.zeros_like(weights[:1]), np.cumsum(weights, axis=0)])


@pytest.mark.parametrize("seed", range(4))
def test_networks_are_exact(seed):
    network, inputs = random_network(seed), random_inputs(seed)
    ends = network.compile().ends(inputs)
    assert ends.dtype == np.int32
    assert len(np.unique(np.diff(ends, axis=0))) > 100
    for dtype in (np.int64, np.float64):
        np.testing.assert_array_equal(ends, ends_in(dtype, network, inputs))


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_summation_does_not_matter(seed):
    network, inputs = random_network(seed), random_inputs(seed)
    expected = network.compile().ends(inputs)
    rng = np.random.default_rng(seed)
    columns, first, second = (rng.permutation(n) for n in (20, 16, 16))
    shuffled = replace(
        network,
        weights=(
            network.weights[0][first][:, columns],
            network.weights[1][second][:, first],
        ),
        biases=(network.biases[0][first], network.biases[1][second]),
        scales=(network.scales[0][first], network.scales[1][second]),
        mixing=network.mixing[second],
    )
    rows = np.concatenate([[0], 1 + columns])
    np.testing.assert_array_equal(shuffled.compile().ends(inputs[rows]), expected)


@pytest.mark.parametrize("size", [1, 3, 17, 1000])
def test_the_size_of_a_chunk_does_not_matter(size):
    compiled, inputs = random_network(1).compile(), random_inputs(1, rows=2000)
    stop = 60 if size == 1 else 2000
    parts = [compiled.ends(inputs[:, i : i + size]) for i in range(0, stop, size)]
    whole = compiled.ends(inputs)[:, :stop]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1)[:, :stop], whole)


def test_the_number_of_threads_does_not_matter():
    network = random_network(2, inputs=60, units=64)
    network = replace(network, mixing=network.mixing // 8)
    compiled, inputs = network.compile(), random_inputs(2, inputs=60, rows=20_000)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(compiled.ends(inputs))
    np.testing.assert_array_equal(*found)


def largest(array, at, value):
    changed = array.copy()
    changed[at] = value
    return changed


@pytest.mark.parametrize(
    "change",
    [
        lambda n: {"biases": (largest(n.biases[0], 3, 2**24), n.biases[1])},
        lambda n: {"biases": (n.biases[0], largest(n.biases[1], 0, -(2**31)))},
        lambda n: {"weights": (np.full((16, 300), 127, np.int8), n.weights[1])},
        lambda n: {"mixing": np.full_like(n.mixing, 32767), "mixing_shift": 1},
        lambda _: {"mixing_shift": 0},
        lambda _: {"mixing_shift": -1},
        lambda _: {"mixing_shift": 63},
        lambda n: {"mixing": n.mixing[:, :1]},
        lambda _: {"logits": np.zeros(129, np.int16)},
        lambda _: {"logits": np.zeros(0, np.int16)},
        lambda n: {"scales": (largest(n.scales[0], 2, 127), n.scales[1])},
        lambda n: {"scales": (n.scales[0], largest(n.scales[1], 2, -128))},
    ],
)
def test_a_network_whose_sums_could_be_rounded_is_refused(change):
    network = random_network(0)
    network.compile()
    with pytest.raises(DamagedFileError, match="would not be exact"):
        replace(network, **change(network)).compile()


def test_the_basis_is_of_frozen_integers():
    functions = basis(12, 64)
    assert functions.dtype == np.int64
    assert np.abs(functions).max() <= 514
    digest = hashlib.sha256()
    for bins in range(1, 66):
        digest.update(basis(12, bins).astype("<i8").tobytes())
    assert digest.hexdigest() == BASIS


BASIS = "1dae6ec0e15038655e7a960f62e6568c0f2c314e3385b3ffe1153fa4754ff80f"
