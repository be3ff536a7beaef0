from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

import atlasae
from atlasae import Codec
from atlasae.codecs.autoencoder.latent_dtypes import rounded_latents
from atlasae.codecs.autoencoder.network import DenseNetwork
from atlasae.codecs.autoencoder.training import Trainer
from atlasae.errors import DamagedFileError, InputError, MissingNameError, NotFittedError
from atlasae.jets import metrics
from atlasae.jets.table import to_records
from tests.codecs.autoencoder.test_scaling import outputs
from tests.helpers import make_jets

SMALL = {"network": (16, 8)}


def test_flat_jets_become_an_array_and_events_records(codec, jets, events):
    latents = codec.encode(jets)
    assert (latents.shape, latents.dtype) == ((1000, 3), np.float32)
    records = codec.encode(events)
    assert records.fields == ["z0", "z1", "z2"]
    assert ak.num(records).tolist() == ak.num(events).tolist()
    np.testing.assert_array_equal(ak.flatten(records.z1), latents[:, 1])


def test_the_activation_acts_on_the_stored_latents(jets):
    """Stored latents are the linear outputs: they leave the range of a sigmoid."""
    codec = Codec.autoencoder(activation="sigmoid", epochs=3, **SMALL).fit(jets)
    z = codec.encode(jets)
    assert z.min() < 0 or z.max() > 1
    decoder = codec.model_.decoder
    squashed = 1 / (1 + np.exp(-z.astype(np.float64)))
    plain = DenseNetwork(decoder.weights, decoder.biases, "sigmoid")
    np.testing.assert_allclose(decoder(z), plain(squashed), rtol=1e-4, atol=1e-5)


def test_half_latents_are_half_as_wide_and_nearly_as_good(jets):
    codec = Codec.autoencoder(latent_dtype="float16", epochs=20, **SMALL).fit(jets)
    half = codec.encode(jets)
    assert half.dtype == np.float16
    wide = Codec.autoencoder(epochs=20, **SMALL).fit(jets)
    errors = [metrics.standard_rmse(jets, c.decode(c.encode(jets)), jets) for c in (codec, wide)]
    assert errors[0] == pytest.approx(errors[1], rel=0.02)


def test_bfloat16_latents_are_float32_rounded_to_the_nearest_even(jets):
    codec = Codec.autoencoder(latent_dtype="bfloat16", epochs=2, **SMALL).fit(jets)
    latents = codec.encode(jets)
    assert latents.dtype == np.float32
    assert not (latents.view(np.uint32) & 0xFFFF).any()
    wide = codec.model_.encode(codec.select_fitted(jets))
    assert (np.abs(latents - wide) <= 2**-8 * np.abs(wide)).all()
    ties = np.array([1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8], np.float32)
    assert rounded_latents(ties, "bfloat16").tolist() == [1, 1 + 2**-6, -1]


@pytest.mark.parametrize(
    ("activation", "epochs"),
    [("tanh", 8), ("relu", 8), ("leaky_relu", 8), ("sigmoid", 20), ("softmax", 20)],
)
def test_training_brings_jets_back_better_than_their_mean(activation, epochs, jets):
    options = {"epochs": epochs, "lr": 0.02, "batch_size": 64}
    codec = Codec.autoencoder(activation=activation, **SMALL, **options)
    codec.fit(jets)
    decoded = codec.decode(codec.encode(jets))
    assert metrics.standard_rmse(jets, decoded, jets) < 0.8
    assert codec.history_.valid[-1] < codec.history_.valid[0]


def test_both_regularizations_shrink_the_weights_in_their_own_way(jets):
    def size(**options):
        codec = Codec.autoencoder(epochs=20, lr=0.01, **SMALL, **options).fit(jets)
        return sum(float((w**2).sum()) for w in codec.model_.encoder.weights)

    free = size(weight_decay=0.0)
    decayed, penalized = (
        size(regularization=kind, weight_decay=strength)
        for kind, strength in (("weight_decay", 30.0), ("l2", 0.1))
    )
    assert decayed < 0.9 * free
    assert penalized < 0.9 * free
    assert decayed != penalized


def test_a_seed_gives_the_same_weights_and_leaves_the_global_generators_alone(jets):
    import random

    import torch

    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    torch.manual_seed(5)
    fits = [Codec.autoencoder(seed=seed, epochs=2, **SMALL).fit(jets) for seed in (1, 1, 2)]
    drawn = np.random.rand(), random.random(), float(torch.rand(()))  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    torch.manual_seed(5)
    assert drawn == (np.random.rand(), random.random(), float(torch.rand(())))  # noqa: NPY002
    first, second, third = (codec.encode(jets) for codec in fits)
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, third)


@pytest.mark.parametrize(
    ("loss", "of_squares"),
    [
        ("rmse", lambda squares: squares.mean() ** 0.5),
        ("mse", lambda squares: squares.mean()),
        ("huber", lambda squares: (2 * 0.02 * ((0.02**2 + squares) ** 0.5 - 0.02)).mean()),
    ],
)
def test_the_best_epoch_is_kept(loss, of_squares, jets):
    valid = make_jets(300, seed=9)
    options = {"epochs": 12, "lr": 0.02, "schedule": "constant", "loss": loss}
    codec = Codec.autoencoder(**options, **SMALL).fit(jets, valid=valid)
    history = codec.history_
    assert len(history) == len(history.valid) == len(history.learning_rate) == 12
    scaled = codec.scaling_.forward(np.stack([valid[n] for n in codec.features_], 1).astype(float))
    decoded = codec.model_.decoder(codec.model_.encoder(scaled))
    error = of_squares((decoded - outputs(scaled, codec.scaling_)) ** 2)
    assert error == pytest.approx(min(history.valid), rel=1e-3)
    assert history.valid[history.best_epoch] == min(history.valid)


def test_a_training_at_a_constant_rate_stops_in_vain_and_says_why(jets, caplog):
    valid = {name: values + 1 for name, values in make_jets(50, seed=9).items()}  # never learned
    options = {"epochs": 60, "lr": 0.02, "batch_size": 64, "jitter": 0.0}
    codec = Codec.autoencoder(schedule="constant", **options, **SMALL)
    with caplog.at_level("INFO", "atlasae"):
        codec.fit(jets, valid=valid)
    history = codec.history_
    assert len(history) == history.best_epoch + 11 < 60
    assert f"stopped after {len(history)} of 60 epochs" in caplog.text
    assert "the last 10 did not lower the loss on held-out jets" in caplog.text
    assert f"kept epoch {history.best_epoch + 1} of {len(history)}" in caplog.text
    cannot, takes = caplog.messages[:2]
    assert "so it is learned: network=(16, 8) is too small" in cannot
    assert "the training takes about" in takes


@pytest.mark.parametrize("options", [{}, {"regularization": "l2", "encoder": "learned"}])
def test_the_steps_that_are_timed_before_a_training_do_not_change_it(options, jets, monkeypatch):
    codec = Codec.autoencoder(epochs=2, **options, **SMALL)
    decoders = [codec.fit(jets).model_.decoder]
    monkeypatch.setattr(Trainer, "_seconds_per_step", lambda *_: 0.0)
    decoders.append(codec.fit(jets).model_.decoder)
    for timed, untimed in zip(*(one.weights for one in decoders), strict=True):
        np.testing.assert_array_equal(timed, untimed)


def test_weights_of_errors_decide_which_feature_comes_back_best(jets):
    def error(weights):
        options = {"epochs": 12, "lr": 0.01, "batch_size": 64, "weights": weights}
        codec = Codec.autoencoder(latent=2, **options, **SMALL).fit(jets)
        return metrics.residuals(jets, codec.decode(codec.encode(jets)))["eta"].half_width

    assert error({"eta": 10.0}) < 0.5 * error({"eta": 0.1})
    with pytest.raises(MissingNameError, match="no feature 'ptt'"):
        Codec.autoencoder(weights={"ptt": 2.0}, epochs=1).fit(jets)


def test_the_schedules_move_the_learning_rate(jets):
    rates = {
        schedule: Codec.autoencoder(epochs=4, schedule=schedule, batch_size=64, **SMALL)
        .fit(jets)
        .history_.learning_rate
        for schedule in ("one_cycle", "constant")
    }
    assert rates["constant"] == pytest.approx([5e-3] * 4)
    assert rates["one_cycle"][-1] < 1e-4 < max(rates["one_cycle"])


def test_the_learning_rate_finder_suggests_one_and_leaves_the_codec_untrained(jets):
    codec = Codec.autoencoder(**SMALL)
    found = codec.lr_find(jets)
    assert 1e-6 < found.suggestion < 1
    assert len(found.rates) == len(found.losses) > 50
    assert list(found.rates) == sorted(found.rates)
    assert not codec.is_fitted


def test_other_features_and_widths(jets):
    rng = np.random.default_rng(3)
    table = jets | {
        "btag": rng.uniform(size=1000).astype(np.float64),
        "nConstituents": rng.integers(1, 60, 1000).astype(np.uint8),
        "isTight": rng.integers(0, 2, 1000).astype(bool),
    }
    names = ("pt", "btag", "nConstituents", "isTight")
    codec = Codec.autoencoder(latent=2, features=names, epochs=5, **SMALL).fit(table)
    back = codec.decode(codec.encode(table))
    assert back.fields == list(names)
    assert [ak.to_numpy(back[n]).dtype.name for n in names] == [
        "float32",
        "float64",
        "uint8",
        "bool",
    ]
    with pytest.raises(MissingNameError, match="did you mean 'btag'"):
        Codec.autoencoder(features=("btags", "pt", "m"), latent=1).fit(table)


def test_by_default_the_four_vector_is_taken_and_else_everything(jets):
    moved = dict(reversed(jets.items()))
    assert Codec.autoencoder(epochs=1, **SMALL).fit(moved).features_ == ("m", "pt", "phi", "eta")
    renamed = {"Mass": jets["m"], "eta": jets["eta"], "phi": jets["phi"], "PT": jets["pt"]}
    assert Codec.autoencoder(epochs=1, **SMALL).fit(renamed).features_ == (
        "Mass",
        "PT",
        "phi",
        "eta",
    )
    others = {"a": jets["m"], "b": jets["eta"]}
    assert Codec.autoencoder(latent=1, epochs=1, **SMALL).fit(others).features_ == ("a", "b")


def test_columns_that_would_be_lost_are_refused(jets):
    table = jets | {"btag": jets["pt"]}
    with pytest.raises(InputError, match=r"would lose 'btag'; name all .*features="):
        Codec.autoencoder(epochs=1, **SMALL).fit(table)
    codec = Codec.autoencoder(epochs=1, **SMALL).fit(jets)
    with pytest.raises(InputError, match="would lose 'btag'"):
        codec.encode(table)
    renamed = {{"m": "mass"}.get(name, name): values for name, values in jets.items()}
    assert len(codec.encode(renamed)) == len(jets["pt"])
    chosen = Codec.autoencoder(epochs=1, features=tuple(jets), **SMALL).fit(table)
    assert len(chosen.encode(table)) == len(jets["pt"])


def test_phi_stays_on_its_circle(jets):
    codec = Codec.autoencoder(epochs=3, **SMALL).fit(jets)
    extreme = np.random.default_rng(0).normal(0, 50, (500, 3)).astype(np.float32)
    phi = ak.to_numpy(codec.decode(extreme).phi)
    assert np.abs(phi).max() <= np.float32(np.pi)


def test_reduced_features_are_the_decoded_jets(codec, events, jets, tmp_path):
    path = tmp_path / "reduced_features.npy"
    codec.save_reduced_features(events, path)
    saved = np.load(path, allow_pickle=False)
    assert (saved.shape, saved.dtype) == ((1000, 4), np.float64)
    decoded = codec.decode(codec.encode(jets))
    np.testing.assert_array_equal(saved[:, 1], ak.to_numpy(decoded.pt))


def test_a_stored_decoder_says_that_it_cannot_encode(codec, jets):
    decoder = Codec.from_bytes(codec.decoder_bytes())
    with pytest.raises(NotFittedError, match="stores the decoder only"):
        decoder.encode(jets)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "tahn"}, "did you mean 'tanh'"),
        ({"scaling": "logs"}, "did you mean 'log'"),
        ({"loss": "mae"}, "must be one of rmse, mse, huber"),
        ({"regularization": "l1"}, "must be one of weight_decay, l2"),
        ({"latent_dtype": "float64"}, "did you mean"),
        ({"latent": 0}, "must be an integer from 1 to"),
        ({"latent": 2.5}, "must be an integer from 1 to"),
        ({"network": 100}, "must be one of small, original, larger, or a list of integers from"),
        ({"network": "orignal"}, "did you mean 'original'"),
        ({"network": b"small"}, "must be one of small, original, larger, or a list of integers"),
        ({"weight_decay": -1}, "must be a number that is not negative"),
        ({"seed": -1}, "not an integer from 0"),
        ({"features": "pt"}, "list of names"),
        ({"features": ("pt", "pt", "eta")}, "list of names without repetition"),
        ({"unit": "TeV"}, "must be one of GeV, MeV"),
        ({"network": (0,)}, "or a list of integers from 1 to"),
        ({"schedule": "cosine"}, "schedule='cosine' must be one of one_cycle, constant"),
        ({"optimizer": "sgd"}, "optimizer='sgd' must be one of soap, adamw"),
        ({"epochs": True}, "must be a positive integer"),
        ({"epochs": 0}, "must be a positive integer"),
        ({"epochs": -3}, "must be a positive integer"),
        ({"lr": 0}, "must be a positive number"),
        ({"batch_size": 0}, "must be a positive integer"),
        ({"jitter": np.nan}, "must be a number that is not negative"),
        ({"encoder": "coiled"}, "must be one of auto, wound, learned"),
        ({"weights": {"pt": 0.0}}, "must give positive numbers by feature"),
        ({"weights": 2.0}, "must give positive numbers by feature"),
    ],
)
def test_hyperparameters_are_checked_when_given(options, message):
    with pytest.raises(InputError, match=message):
        Codec.autoencoder(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"valid": 1.0}, "neither jets nor a fraction"),
        ({"device": "tpux"}, "device 'tpux' cannot be used"),
    ],
)
def test_training_options_are_checked(options, message, jets):
    with pytest.raises(InputError, match=message):
        Codec.autoencoder(**SMALL, epochs=1).fit(jets, **options)


def test_a_training_that_diverges_says_so(jets):
    codec = Codec.autoencoder(**SMALL, lr=1e9, schedule="constant", epochs=3)
    with pytest.raises(InputError, match="diverged at learning rate"):
        codec.fit(jets)


def test_jets_that_cannot_be_taken_are_refused(codec, jets):
    with pytest.raises(InputError, match="'pt' is NaN or infinite in 1 of 1000 jets"):
        codec.encode(jets | {"pt": np.where(np.arange(1000) == 3, np.nan, jets["pt"])})
    with pytest.raises(InputError, match="would compress nothing"):
        Codec.autoencoder(latent=4).fit(jets)
    with pytest.raises(InputError, match=r"must have shape \(n, 3\)"):
        codec.decode(np.zeros((5, 2)))


def test_jets_in_another_unit_are_refused_but_not_hard_ones(codec):
    with pytest.raises(InputError, match="are they in another unit"):
        codec.encode(make_jets(100, unit=1000.0))
    assert len(codec.encode(make_jets(100, unit=50.0))) == 100
    assert len(codec.encode(make_jets(3, unit=1000.0))) == 3  # a few hard jets tell nothing


def test_the_unit_can_be_given(jets):
    hard = make_jets(300, unit=100.0)
    assert Codec.autoencoder(epochs=1, **SMALL).fit(hard).unit_ == "MeV"
    assert Codec.autoencoder(unit="GeV", epochs=1, **SMALL).fit(hard).unit_ == "GeV"


def test_mass_and_m_are_the_same_quantity(codec, jets):
    renamed = {"mass": jets["m"], **{n: v for n, v in jets.items() if n != "m"}}
    np.testing.assert_array_equal(codec.encode(renamed), codec.encode(jets))


def test_the_default_number_of_epochs_makes_ten_thousand_steps():
    from atlasae.codecs.autoencoder.start import default_epochs

    for jets in (2, 45, 512, 513, 100_000):
        steps = default_epochs(jets, 512) * -(-jets // 512)
        assert 10_000 <= steps < 10_000 + -(-jets // 512)


def test_integers_at_the_ends_of_their_type_come_back_inside():
    table = {"a": np.array([0, 2**63 - 1] * 50), "b": np.arange(100.0)}
    codec = Codec.autoencoder(latent=1, network=(8,), epochs=1, jitter=0.0).fit(table)
    assert ak.min(codec.decode(np.full((5, 1), 1e6, np.float32)).a) >= 0


def test_an_error_as_large_as_68_percent_of_them_is_one_bit(codec):
    """The bits count from the widths of held-out jets, and grow with the logarithm of an error."""
    fresh = make_jets(2000, seed=7)
    bits = codec.surprise_by_feature(fresh)
    errors = np.abs(metrics.wrap(codec.decode(codec.encode(fresh)).phi - fresh["phi"]))
    at_one_bit = np.interp(1.0, np.sort(bits["phi"]), np.sort(errors))
    np.testing.assert_allclose(bits["phi"], np.log2(1 + (errors / at_one_bit) ** 2), atol=0.02)
    for name, of in bits.items():
        assert np.mean(of < 1) == pytest.approx(0.68, abs=0.12), name


def test_a_stored_decoder_has_no_surprise(codec, jets):
    with pytest.raises(NotFittedError, match="decoder only"):
        Codec.from_bytes(codec.decoder_bytes()).surprise(jets)


@pytest.mark.slow
def test_the_quality_bar(shared_data):
    """At most 0.055 standard deviations on the jets kept apart, within some minutes."""
    records = atlasae.read_pickle(shared_data / "all_jets_test_4D_100_percent.pkl")
    order = np.random.default_rng(0).permutation(len(records))
    cut = int(0.8 * len(records))
    train, test = records[order[:cut]], records[order[cut:]]
    codec = Codec.autoencoder(epochs=100).fit(train, valid=0.0)
    decoded = codec.decode(codec.encode(test))
    assert metrics.standard_rmse(test, decoded, train) <= 0.055
    found = metrics.residuals(test, decoded)
    assert found["pt"].half_width < 0.02
    assert found["phi"].half_width < 0.01


# Bounds


@pytest.fixture(scope="module")
def within(jets):
    return Codec.autoencoder(network=(16, 8), epochs=2, tolerance=1e-3).fit(jets)


def largest_error(codec, jets, name="eta"):
    return np.abs(ak.to_numpy(codec.decode(codec.encode(jets))[name]) - jets[name]).max()


def test_latents_decode_without_their_residuals(within, jets):
    latents = within.encode_latents(jets)
    matrix = np.stack(list(latents.columns.values()), axis=1)
    alone = within.decode(matrix)
    assert ak.array_equal(alone, within.decode(to_records(latents)))
    assert np.abs(ak.to_numpy(alone.eta) - jets["eta"]).max() > 1e-3 > largest_error(within, jets)


def test_the_same_networks_are_stored_otherwise(within, jets):
    made = within.stored_as(jets, tolerance=1e-2, latent_tolerance=1e-2)
    assert made.tolerance == made.latent_tolerance == 1e-2
    assert made.model_ is within.model_
    assert len(made.encode(jets)) < 0.7 * len(within.encode(jets))
    assert 1e-3 < largest_error(made, jets) <= 1e-2
    plain = made.stored_as(jets, tolerance=None, latent_tolerance=None)
    assert plain.tolerances_ == {}
    assert plain.encode(jets).shape == (1000, 3)
    with pytest.raises(InputError, match="latent: what is stored is a matter of tolerance"):
        within.stored_as(jets, latent=2)
    with pytest.raises(InputError, match="at least two, not 0"):
        within.stored_as({name: values[:0] for name, values in jets.items()}, tolerance=1e-2)
    wide = {name: values.astype("f8") for name, values in jets.items()}
    with pytest.raises(InputError, match=r"'m': the values are float64, .* fitted to float32"):
        within.stored_as(wide, tolerance=1e-2)
    with pytest.raises(NotFittedError, match="the decoder only"):
        Codec.from_bytes(within.decoder_bytes()).stored_as(jets, tolerance=1e-2)


def test_what_is_stored_otherwise_keeps_its_model_card(jets):
    codec = Codec.autoencoder(network=(16, 8), epochs=2)
    codec.collection, codec.sources = "Jet", ("events.root",)
    card = codec.fit(jets).model_card_
    made = codec.stored_as(jets, tolerance=1e-2)
    assert made.collection == "Jet"
    assert made.model_card_ == card is not None
    coarse = codec.stored_as(jets, latent_dtype="bfloat16").model_card_
    assert coarse.sources == card.sources
    assert coarse.quality[0].values["pt"] != card.quality[0].values["pt"]


def test_a_wound_latent_is_not_stored_as_bfloat16(jets):
    codec = Codec.autoencoder(encoder="wound", network=(16, 16), epochs=1).fit(jets)
    with pytest.raises(InputError, match=r"bfloat16.*too few digits"):
        codec.stored_as(jets, latent_dtype="bfloat16")


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_quantized_encoder_keeps_the_bound(epochs, jets):
    jets = {name: values.copy() for name, values in jets.items()}
    jets["pt"][:10] = np.nan
    codec = Codec.autoencoder(network=(16, 8), epochs=2, encoder="learned", tolerance=1e-3)
    made = codec.fit(jets).quantized(jets, epochs=epochs)
    assert largest_error(made, jets) <= 1e-3
    assert largest_error(Codec.from_bytes(made.to_bytes()), jets) <= 1e-3


def test_a_bounded_codec_is_fitted_to_the_jets_that_are_finite(jets):
    odd = {name: values.copy() for name, values in jets.items()}
    odd["pt"][:40] = np.nan
    odd["m"][20:60] = np.inf
    codec = Codec.autoencoder(network=(16, 8), epochs=2, tolerance=1e-3).fit(odd)
    back = codec.decode(codec.encode(odd))
    np.testing.assert_array_equal(ak.to_numpy(back.pt[:40]), odd["pt"][:40])
    np.testing.assert_array_equal(ak.to_numpy(back.m[20:60]), odd["m"][20:60])
    assert largest_error(codec, odd) <= 1e-3
    odd["eta"][:] = np.nan
    with pytest.raises(InputError, match="at least two, not 0"):
        Codec.autoencoder(network=(16, 8), epochs=2, tolerance=1e-3).fit(odd)


@pytest.mark.parametrize("tolerance", ["nonsense", -1, {"pt": -1}, {"mass": 1e-3}])
def test_a_wrong_tolerance_is_refused_at_once(tolerance):
    with pytest.raises((InputError, MissingNameError)):
        Codec.autoencoder(tolerance=tolerance, features=("pt", "eta"))


def test_residuals_of_another_codec_are_refused(within, jets):
    other = Codec.autoencoder(network=(16, 8), epochs=2, tolerance=1e-3, seed=1).fit(jets)
    with pytest.raises(DamagedFileError, match="decode it with the codec that encoded it"):
        other.decode(within.encode(jets))
