from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from atlasae import Codec
from atlasae.codecs.autoencoder.network import DenseNetwork
from atlasae.codecs.autoencoder.winding import _edges, start_decoder, wound_encoder
from atlasae.errors import InputError
from atlasae.jets import metrics
from tests.helpers import make_jets

HIDDEN = (32, 32, 25)
TURNS = 16
PHI = 2


def scaled_jets(n):
    """Features in the order a, b, phi, c; a follows b, so it is the one to wind."""
    generator = np.random.default_rng(0)
    b, c = generator.normal(size=(2, n))
    a = 0.5 * b + 0.05 * generator.normal(size=n)
    return np.stack([a, b, generator.uniform(-np.pi, np.pi, n), c], axis=1)


@pytest.fixture(params=["tanh", "sigmoid"])
def encoder(request):
    return wound_encoder(scaled_jets(5000), PHI, np.ones(4), HIDDEN, request.param)


def unwound(z):
    """Turn and phi of a wound latent."""
    turn = np.rint(TURNS * (z.astype(np.float64) + 1) / 2)
    return turn, np.pi * (TURNS * (z + 1) - 2 * turn)


def test_the_wound_latent_holds_phi_and_the_turn(encoder):
    x = scaled_jets(20_000)
    latents = encoder(x)
    assert latents.shape == (len(x), 3)
    turn, phi = unwound(latents[:, 0])
    assert np.abs(metrics.wrap(phi - x[:, PHI])).max() < 0.02
    residual = x[:, 0] - 0.5 * x[:, 1]
    assert np.corrcoef(turn, residual)[0, 1] > 0.95
    per_turn = [np.ptp(residual[turn == t]) for t in range(3, TURNS - 2)]
    assert max(per_turn) < 0.25 * np.ptp(residual)


def test_the_other_latents_are_the_other_features(encoder):
    x = scaled_jets(1000)
    latents = encoder(x)
    for latent, feature in ((1, 1), (2, 3)):
        assert np.corrcoef(latents[:, latent], x[:, feature])[0, 1] > 0.999
        assert latents[:, latent].std() == pytest.approx(0.08, rel=0.1)


def test_the_latent_is_continuous_where_phi_ends(encoder):
    x = scaled_jets(2000)
    left, right = x.copy(), x.copy()
    left[:, PHI], right[:, PHI] = -np.pi, np.pi
    gap = np.abs(encoder(left)[:, 0] - encoder(right)[:, 0])
    assert np.quantile(gap, 0.99) < 0.02 * 2 / TURNS  # the outermost turns alone have ends


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_the_decoder_starts_with_steps_that_are_even_along_the_wound_latent(activation):
    sizes = (3, 25, 32, 32, 5)
    start = start_decoder(
        DenseNetwork.initial(sizes, activation, np.random.default_rng(0), activate_input=True)
    )
    z = np.zeros((4001, 3), np.float32)
    z[:, 0] = np.linspace(-1.2, 1.2, len(z))
    first = DenseNetwork(start.weights[:1], start.biases[:1], activation, True)
    middles = z[np.abs(first(z)[:, :20]).argmin(axis=0), 0]  # where the units cross zero
    np.testing.assert_allclose(np.diff(middles), 2.06 / 19, rtol=0.02)


def test_weights_choose_the_feature_that_is_wound():
    x = scaled_jets(2000)
    by_weight = wound_encoder(x, PHI, np.array([10.0, 10.0, 1.0, 0.001]), HIDDEN, "tanh")
    turn, _ = unwound(by_weight(x)[:, 0])
    assert np.corrcoef(turn, x[:, 3])[0, 1] > 0.95


@given(arrays(np.float64, st.integers(2, 50), elements=st.floats(-1e6, 1e6)))
def test_lines_ascend_whatever_the_feature(a):
    edges = _edges(a, TURNS)
    assert edges.shape == (TURNS + 1,)
    assert (np.diff(edges) > 0).all()


def test_a_wound_encoder_leaves_only_the_decoder_to_learn():
    jets = make_jets(1500)
    options = {"network": HIDDEN, "batch_size": 64, "lr": 1e-2}
    before, after = (Codec.autoencoder(epochs=e, **options).fit(jets) for e in (1, 12))
    np.testing.assert_array_equal(before.encode(jets), after.encode(jets))
    assert after.model_.encoder.weights[0].shape == (4, TURNS + 4)
    found = metrics.residuals(jets, after.decode(after.encode(jets)))
    assert found["pt"].half_width < 0.06
    assert found["m"].half_width < 0.1
    learned = Codec.autoencoder(epochs=12, encoder="learned", **options).fit(jets)
    far = metrics.residuals(jets, learned.decode(learned.encode(jets)))
    assert found["pt"].half_width < 0.5 * far["pt"].half_width


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"scaling": "standard"}, "no feature is scaled as an angle"),
        ({"latent": 2}, "latent=2 is not the number of features less one, 3"),
        ({"activation": "relu"}, "activation='relu' has no steps"),
        ({"latent_dtype": "bfloat16"}, "has too few digits for a wound latent"),
        ({"network": (16, 8)}, "is too small to decode it"),
        ({"network": (200,)}, "is too small to decode it"),
    ],
)
def test_where_an_encoder_cannot_be_wound_it_is_learned_or_the_reason_said(options, reason, jets):
    with pytest.raises(InputError, match=reason):
        Codec.autoencoder(encoder="wound", **options).fit(jets)
    small = {"epochs": 1, "network": (8, 8)} | options
    codec = Codec.autoencoder(**small).fit(jets)
    assert len(codec.model_.encoder.weights) == len(small["network"]) + 1
