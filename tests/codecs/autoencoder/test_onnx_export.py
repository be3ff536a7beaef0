"""ONNX models give what numpy gives, by another runtime."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from atlasae import Codec
from atlasae.codecs.autoencoder.network import ACTIVATIONS, DenseNetwork
from atlasae.codecs.autoencoder.scaling import SCALINGS
from atlasae.errors import FileError, InputError, NotFittedError, TargetExistsError

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'atlasae[onnx]'")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def run(path, x):
    session = onnxruntime.InferenceSession(path)
    (name,) = (tensor.name for tensor in session.get_inputs())
    (result,) = session.run(None, {name: x})
    return result


def matrix(codec, jets):
    return np.stack([jets[name] for name in codec.features_], axis=1)


def decoded(codec, latents):
    jets = codec.decode(latents)
    return np.stack([np.asarray(jets[name], np.float32) for name in codec.features_], axis=1)


def set_decoder(codec, network):
    codec._model = replace(codec.model_, decoder=network)


def fitted(jets, **options):
    return Codec.autoencoder(network=(16, 8), epochs=1, **options).fit(jets)


def assert_exported(codec, jets, folder):
    x = matrix(codec, jets).astype(np.float32)
    latents = codec.encode(jets)
    for part in ("encoder", "decoder", "both"):
        codec.export_onnx(folder / f"{part}.onnx", part)
    encoded = run(folder / "encoder.onnx", x)
    assert encoded.dtype == latents.dtype
    np.testing.assert_allclose(encoded, latents, **CLOSE)
    back = decoded(codec, latents)
    np.testing.assert_allclose(run(folder / "decoder.onnx", latents), back, **CLOSE)
    np.testing.assert_allclose(run(folder / "both.onnx", x), back, **CLOSE)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_each_scaling_is_part_of_the_model(scaling, jets, tmp_path):
    assert_exported(fitted(jets, scaling=scaling), jets, tmp_path)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_each_activation_is_an_operator(activation, jets, tmp_path):
    assert_exported(fitted(jets, activation=activation), jets, tmp_path)


@pytest.mark.parametrize("shift", [0, 2, -7])
def test_angles_wrap_and_come_back_as_angles(shift, jets, tmp_path):
    turned = jets | {"phi": jets["phi"] + np.float32(shift)}
    codec = fitted(jets, scaling="physics", encoder="learned")
    assert_exported(codec, turned, tmp_path)


def test_a_direction_is_an_angle_in_every_quadrant_and_on_the_axes(jets, tmp_path):
    codec = fitted(jets, scaling="physics", encoder="learned")
    weight = np.zeros((3, 5), np.float32)
    weight[0, codec.features_.index("phi")] = weight[1, 4] = 1  # its cosine, and its sine
    set_decoder(codec, DenseNetwork((weight,), (np.zeros(5, np.float32),), "tanh", True))
    steps = np.linspace(-2, 2, 9, dtype=np.float32)
    latents = np.stack(np.meshgrid(steps, steps, [0]), axis=-1).reshape(-1, 3).astype(np.float32)
    codec.export_onnx(tmp_path / "decoder.onnx", "decoder")
    wanted = decoded(codec, latents)
    assert np.histogram(wanted[:, 2], 4, (-np.pi, np.pi))[0].min() > 0
    np.testing.assert_allclose(run(tmp_path / "decoder.onnx", latents), wanted, **CLOSE)


def test_negative_masses_and_zeros_are_scaled_alike(jets, tmp_path):
    masses = jets["m"] * np.resize([1, -1, 0], 1000).astype(np.float32)
    odd = jets | {"m": masses}
    assert_exported(fitted(odd, scaling="log"), odd, tmp_path)


@pytest.mark.parametrize(("dtype", "step"), [("float16", 2**-10), ("bfloat16", 2**-7)])
def test_half_latents_are_halves_in_the_model(dtype, step, jets, tmp_path):
    codec = fitted(jets, latent_dtype=dtype)
    codec.export_onnx(tmp_path / "encoder.onnx")
    encoded = run(tmp_path / "encoder.onnx", matrix(codec, jets))
    wanted = codec.encode(jets)
    assert encoded.dtype == wanted.dtype
    # a latent next to the middle of two halves may become either
    np.testing.assert_allclose(encoded, wanted, rtol=step, atol=1e-5)
    assert np.mean(encoded == wanted) > 0.98
    codec.export_onnx(tmp_path / "decoder.onnx", "decoder")
    result = run(tmp_path / "decoder.onnx", wanted)
    np.testing.assert_allclose(result, decoded(codec, wanted), **CLOSE)


def test_integers_and_flags_come_back_whole_and_in_range(tmp_path):
    rng = np.random.default_rng(0)
    columns = {
        "score": rng.normal(size=500).astype(np.float32),
        "hits": rng.integers(0, 256, 500).astype(np.uint8),
        "flag": rng.random(500) < 0.5,
    }
    codec = fitted(columns, latent=2)
    network = codec.model_.decoder
    beyond = tuple(100 * bias for bias in network.biases)  # far beyond what they can hold
    set_decoder(codec, replace(network, biases=beyond))
    codec.export_onnx(tmp_path / "decoder.onnx", "decoder")
    latents = codec.encode(columns)
    result = run(tmp_path / "decoder.onnx", latents)
    np.testing.assert_allclose(result, decoded(codec, latents), **CLOSE)


def test_the_model_names_its_tensors_and_features(codec, tmp_path):
    codec.export_onnx(tmp_path / "both.onnx", "both")
    model = onnx.load(tmp_path / "both.onnx")
    assert [tensor.name for tensor in model.graph.input] == ["features"]
    assert [tensor.name for tensor in model.graph.output] == ["decoded"]
    assert {p.key: p.value for p in model.metadata_props} == {"features": "m,pt,phi,eta"}
    assert {opset.domain for opset in model.opset_import} == {""}


def test_a_decoder_alone_exports_the_decoder_alone(codec, tmp_path):
    decoder = Codec.from_bytes(codec.decoder_bytes())
    decoder.export_onnx(tmp_path / "decoder.onnx", "decoder")
    with pytest.raises(NotFittedError, match="stores the decoder only"):
        decoder.export_onnx(tmp_path / "both.onnx", "both")
    assert [path.name for path in tmp_path.iterdir()] == ["decoder.onnx"]


def test_an_encoder_of_integers_is_refused_and_its_decoder_is_not(codec, jets, tmp_path):
    small = codec.quantized(jets, epochs=0)
    small.export_onnx(tmp_path / "decoder.onnx", "decoder")
    with pytest.raises(InputError, match="encoder of integers cannot be exported to ONNX"):
        small.export_onnx(tmp_path / "encoder.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["decoder.onnx"]


def test_a_target_appears_whole_or_not_at_all(codec, tmp_path):
    target = tmp_path / "encoder.onnx"
    target.write_text("mine")
    with pytest.raises(TargetExistsError):
        codec.export_onnx(target, force=False)
    assert target.read_text() == "mine"
    with pytest.raises(FileError, match="no directory"):
        codec.export_onnx(tmp_path / "missing" / "encoder.onnx")
    with pytest.raises(InputError, match="part='all' must be one of encoder, decoder, both"):
        codec.export_onnx(target, "all")
    codec.export_onnx(target)
    onnx.checker.check_model(str(target))
    assert list(tmp_path.iterdir()) == [target]
