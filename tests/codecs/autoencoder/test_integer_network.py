"""Encoders of integers: what they compute, and how little they lose."""

from __future__ import annotations

import numpy as np
import pytest

from atlasae import Codec
from atlasae.codecs.autoencoder.integer_network import Format, Formats, IntegerNetwork
from atlasae.codecs.autoencoder.network import DenseNetwork
from atlasae.errors import DamagedFileError, InputError, NotFittedError
from atlasae.jets import metrics

QUANTISABLE = ("tanh", "relu", "leaky_relu", "sigmoid")


@pytest.fixture(params=QUANTISABLE)
def network(request):
    return DenseNetwork.initial((4, 30, 20, 3), request.param, np.random.default_rng(0))


@pytest.fixture
def x():
    return np.random.default_rng(1).normal(size=(2000, 4)).astype(np.float32)


def learned(**options):
    return Codec.autoencoder(encoder="learned", scaling="standard", network=(16, 8), **options)


@pytest.fixture(scope="module")
def trained(jets):
    return learned(epochs=30, batch_size=64, lr=0.01).fit(jets)


def in_python(network, row):
    """The same network by Python's integers, shifts and nothing else."""
    formats, before = network.formats, network.formats.inputs
    h = [int(value) for value in before.rounded(np.asarray(row, np.float64))]
    for i, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        after = formats.sums[i]
        shift = before.fraction + formats.weights[i].fraction - after.fraction
        sums = [
            sum(a * int(w) for a, w in zip(h, column, strict=True)) + int(b)
            for column, b in zip(weight.T, bias, strict=True)
        ]
        half = 1 << (shift - 1) if shift > 0 else 0
        h = [(s + half) >> shift if shift >= 0 else s << -shift for s in sums]
        h = [min(max(value, after.lowest), after.highest) for value in h]
        if i < len(network.tables):
            h = [int(network.tables[i][value - after.lowest]) for value in h]
            before = formats.activated[i]
    return h


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_it_computes_what_integers_and_shifts_compute(network, x, bits):
    integer = IntegerNetwork.of(network, Formats.of(network, x, bits))
    wanted = np.array([in_python(integer, row) for row in x[:50]])
    latents = integer(x)
    np.testing.assert_array_equal(latents[:50] / integer.formats.sums[-1].step, wanted)
    np.testing.assert_array_equal(integer(x[:1]), latents[:1])  # alone as among others


def test_more_bits_are_nearer_to_the_floats(network, x):
    errors = []
    for bits in (4, 8, 12, 16):
        integer = IntegerNetwork.of(network, Formats.of(network, x, bits))
        errors.append(float(np.abs(integer(x) - network(x)).max()))
    assert sorted(errors, reverse=True) == errors
    assert errors[-1] < 2e-3


def test_values_beyond_those_seen_end_at_the_range(network, x):
    integer = IntegerNetwork.of(network, Formats.of(network, x, 8))
    hard = integer(1e6 * x)
    assert np.isfinite(hard).all()
    latents = integer.formats.sums[-1]
    assert np.abs(hard).max() <= -latents.lowest * latents.step


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
@pytest.mark.parametrize("bits", [4, 8, 12, 16])
def test_no_entry_of_a_table_depends_on_the_last_bits_of_a_maths_library(activation, bits):
    network = DenseNetwork.initial((2, 3, 1), activation, np.random.default_rng(0))
    formats = Formats.of(network, np.ones((1, 2), np.float32), bits)
    before, after = formats.sums[0], formats.activated[0]
    x = np.arange(before.lowest, before.highest + 1) * before.step
    exact = np.tanh(x) if activation == "tanh" else (np.tanh(x / 2) + 1) / 2
    from_half = np.abs((exact / after.step) % 1 - 0.5)
    off = from_half[from_half > 1e-12]  # sigmoid(0) = 1/2 is exact
    assert len(off) >= len(x) - 1
    assert off.min() > 1e-9


def test_a_format_holds_what_it_is_made_for():
    for largest in (1e-12, 0.3, 0.99, 1.0, 127.0, 1e20):
        kind = Format.holding(8, largest)
        assert kind.highest * kind.step >= min(largest, 1e13)
    assert Format.holding(8, 100.0) == Format(8, 0)


def test_training_with_the_rounding_in_view_brings_most_back(trained, jets):
    def quality(codec):
        return metrics.standard_rmse(jets, codec.decode(codec.encode(jets)), jets)

    rounded = trained.quantized(jets, bits=5, epochs=0)
    fitted = trained.quantized(jets, bits=5, epochs=30, lr=5e-3)
    floats = quality(trained)
    assert quality(rounded) > 1.05 * floats
    assert quality(fitted) < 0.5 * (floats + quality(rounded))
    assert quality(trained.quantized(jets, bits=12, epochs=0)) < 1.02 * floats


def test_torch_rounds_as_the_integers_do(network, x):
    import torch

    from atlasae.codecs.autoencoder.rounded_training import RoundedNetwork

    formats = Formats.of(network, x, 8)
    decoder = DenseNetwork.initial((3, 4), network.activation, np.random.default_rng(2), True)
    integer = IntegerNetwork.of(network, formats)
    module = RoundedNetwork.joined(network, decoder, formats).to_torch()
    with torch.no_grad():
        result = module(torch.from_numpy(x)).numpy()
    # a sum next to the middle of two integers may be rounded to either
    same = np.isclose(result, decoder(integer(x)), rtol=1e-4, atol=1e-4).all(axis=1)
    assert same.mean() > 0.9


def test_the_original_stays_as_it_was(trained, jets):
    before = trained.to_bytes()
    made = trained.quantized(jets, epochs=1)
    assert trained.to_bytes() == before
    assert made.fingerprint != trained.fingerprint


def test_it_is_stored_and_loaded_as_any_codec(trained, jets, tmp_path):
    made = trained.quantized(jets, epochs=0)
    made.save(tmp_path / "small.safetensors")
    loaded = Codec.load(tmp_path / "small.safetensors")
    assert loaded.fingerprint == made.fingerprint
    np.testing.assert_array_equal(loaded.encode(jets), made.encode(jets))
    assert len(made.to_bytes()) < len(trained.to_bytes())
    decoder = Codec.from_bytes(made.decoder_bytes())
    with pytest.raises(NotFittedError, match="stores the decoder only"):
        decoder.quantized(jets)


def test_latents_of_integers_are_coded_within_their_tolerance(jets):
    codec = learned(epochs=2, latent_tolerance=1e-2).fit(jets)
    made = codec.quantized(jets, epochs=0)
    direct = made.decode_latents(made.encode_latents(jets)).columns["pt"]
    coded = np.asarray(made.decode(made.encode(jets)).pt)
    np.testing.assert_allclose(coded, direct, rtol=0.2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bits": 3}, "bits=3 must be from 4 to 16"),
        ({"bits": 17}, "bits=17 must be"),
        ({"epochs": -1}, "epochs=-1 must be 0 or more"),
    ],
)
def test_options_are_checked(options, message, trained, jets):
    with pytest.raises(InputError, match=message):
        trained.quantized(jets, **options)


def test_what_cannot_be_quantized_says_so(trained, jets, tmp_path):
    made = trained.quantized(jets, epochs=0)
    with pytest.raises(InputError, match="integers cannot be quantized"):
        made.quantized(jets)
    with pytest.raises(InputError, match="softmax"):
        learned(activation="softmax", epochs=1).fit(jets).quantized(jets)
    with pytest.raises(InputError, match=r"wound encoder .* encoder='learned'"):
        Codec.autoencoder(encoder="wound", epochs=1).fit(jets).quantized(jets)


@pytest.mark.parametrize("damage", ["bits", "fraction", "number", "kind", "shape"])
def test_damaged_integers_are_refused(damage, trained, jets):
    made = trained.quantized(jets, epochs=0)
    state, tensors = made._state()
    tensors = {name: array.copy() for name, array in tensors.items()}
    if damage == "bits":
        tensors["encoder.formats"][1, 0] = 60
    elif damage == "fraction":
        tensors["encoder.formats"][1, 1] = -100
    elif damage == "number":
        tensors["encoder.formats"] = tensors["encoder.formats"][:-1]
    elif damage == "shape":
        tensors["encoder.1.weight"] = tensors["encoder.1.weight"][:-1]
    else:
        tensors["encoder.0.weight"] = tensors["encoder.0.weight"].astype(np.float32)
    made._state = lambda: (state, tensors)
    with pytest.raises(DamagedFileError):
        Codec.from_bytes(made.to_bytes())
