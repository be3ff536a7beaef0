from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from threadpoolctl import threadpool_limits

from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
from atlasae.density.bins import OUTERMOST, Bins
from atlasae.density.conditional import CHUNK, Conditional, Slotted
from atlasae.density.fitting import fit_conditional, round_network, training_rows
from atlasae.density.networks import HIDDEN_LIMIT, INPUT_LIMIT, IntegerNetwork, basis
from atlasae.density.training import Network, train
from atlasae.errors import DamagedFileError

whole_numbers = st.one_of(st.integers(-50, 50), st.integers(-(2**58), 2**58))
columns = arrays.arrays(np.int64, st.integers(1, 200), elements=whole_numbers)


@given(columns, columns, st.integers(4, 70), st.sampled_from([0.4, 0.6, 1.0]))
def test_bins_cover_every_integer_and_bring_it_back(seen, values, count, power):
    bins = Bins.fit(seen, count, power)
    assert len(bins) <= max(count, 9)
    assert (np.diff(bins.edges) > 0).all()
    assert (bins.edges[0], bins.edges[-1]) == (-OUTERMOST, OUTERMOST)
    values = np.concatenate([values, seen, [-OUTERMOST, OUTERMOST - 1]])
    found = bins.find(values)
    assert (bins.edges[found] <= values).all()
    assert (values < bins.edges[found + 1]).all()
    writer = EntropyEncoder()
    np.testing.assert_array_equal(bins.code(writer, values, found), values)
    np.testing.assert_array_equal(bins.code(EntropyDecoder(writer.to_bytes()), None, found), values)
    shares = bins.histogram(seen)
    assert shares.dtype == np.uint16
    assert len(shares) == len(bins)
    assert shares.all()


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
        writer = EntropyEncoder()
        conditional.code(writer, values, inputs)
        reader = EntropyDecoder(writer.to_bytes())
        np.testing.assert_array_equal(conditional.code(reader, None, inputs), values)


def test_values_all_the_same_cost_nothing_much():
    values, inputs = np.full(1000, 3), np.ones((1, 1000), np.float32)
    conditional = fit_conditional(
        values, inputs, bins=64, groups=16, power=0.5, units=0, weight_decay=0, epochs=0, seed=0
    )
    assert conditional.bits(values, inputs) < 5


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


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
@pytest.mark.parametrize("groups", [1, 2, 16, 64])
def test_every_slot_belongs_to_one_bin(groups, parts):
    rng = np.random.default_rng(groups)
    sizes = rng.choice([8, 9, 100, 30_000, 65_536], (groups, 500))
    ends = np.concatenate([np.zeros((1, 500)), np.cumsum(sizes, axis=0)]).astype(np.int32)
    inner = np.sort(rng.integers(0, 257, (groups, parts - 1)), axis=1).T
    cuts = np.concatenate([np.zeros((1, groups)), inner, np.full((1, groups), 256)])
    slotted = Slotted(ends, cuts.astype(np.int32))
    start = np.zeros(500, np.int64)
    for symbol in range(groups * parts):
        symbols = np.full(500, symbol)
        first, counts = slotted.span(symbols)
        assert counts.min() >= 2
        np.testing.assert_array_equal(first, start)
        for slots in (first, first + rng.integers(0, counts).astype(np.int32), first + counts - 1):
            for found, expected in zip(slotted.find(slots), (symbols, first, counts), strict=True):
                np.testing.assert_array_equal(found, expected)
        start = start + counts
    np.testing.assert_array_equal(start, slotted.totals())


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
    writer = EntropyEncoder()
    network.code(writer, fresh, known)
    assert 8 * len(writer.to_bytes()) <= network.bits(fresh, known) * 1.003 + 64
    np.testing.assert_array_equal(
        network.code(EntropyDecoder(writer.to_bytes()), None, known), fresh
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
