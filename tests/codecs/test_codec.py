"""The contract of every codec. A new codec is one line in CODECS."""

from __future__ import annotations

import hashlib
import inspect
import json
import struct
import tracemalloc
import zlib
from functools import partial

import awkward as ak
import numpy as np
import pytest
from safetensors.numpy import load, save

from atlasae import Codec
from atlasae.codecs import model_card, serialization
from atlasae.codecs.registry import codec_class
from atlasae.codecs.serialization import DEFLATE_DICTIONARY, DIGEST_BYTES, MAGIC
from atlasae.errors import (
    DamagedFileError,
    InputError,
    MissingFileError,
    MissingNameError,
    NotFittedError,
    TargetExistsError,
    VersionError,
)
from atlasae.jets.table import to_table
from tests.helpers import make_jets

CODECS = {
    "autoencoder": partial(Codec.autoencoder, network=(16, 8), epochs=2),
    "latents": partial(Codec.autoencoder, network=(16, 8), epochs=2, latent_tolerance=1e-3),
    "residuals": partial(Codec.autoencoder, network=(16, 8), epochs=2, tolerance=1e-3),
    "latents and residuals": partial(
        Codec.autoencoder, network=(16, 8), epochs=2, tolerance=1e-3, latent_tolerance=1e-2
    ),
    "bounded": partial(Codec.bounded, tolerance=1e-3),
    "dithered": partial(Codec.bounded, tolerance=1e-3, dither=True),
}


@pytest.fixture(params=sorted(CODECS), scope="module")
def make(request):
    return CODECS[request.param]


@pytest.fixture(scope="module")
def trained(make, jets):
    return make().fit(jets)


def columns(records):
    flat = ak.flatten(records) if records.ndim > 1 else records
    return {name: ak.to_numpy(flat[name]) for name in flat.fields}


def test_fitting_returns_the_codec_itself(make, jets):
    new = make()
    assert not new.is_fitted
    assert new.fit(jets) is new
    assert new.is_fitted


def test_flat_jets_come_back_with_names_and_dtypes(trained, jets):
    back = trained.decode(trained.encode(jets))
    assert back.fields == ["m", "pt", "phi", "eta"]
    assert len(back) == len(jets["pt"])
    assert all(values.dtype == np.float32 for values in columns(back).values())
    assert ak.all(np.isfinite(back.mass))


def test_events_come_back_with_their_jets(trained, events, jets):
    back = trained.decode(trained.encode(events))
    assert ak.num(back).tolist() == ak.num(events).tolist()
    flat = trained.decode(trained.encode(jets))
    for name, values in columns(back).items():
        np.testing.assert_array_equal(values, columns(flat)[name])


@pytest.mark.parametrize("n", [0, 1])
def test_few_jets_pass(trained, n):
    assert len(trained.decode(trained.encode(make_jets(n)))) == n


def test_saving_and_loading_keep_the_codec(trained, jets, tmp_path):
    path = tmp_path / "codec.safetensors"
    trained.save(path)
    again = Codec.load(path)
    assert repr(again) == repr(trained)
    assert ak.all(again.decode(again.encode(jets)) == trained.decode(trained.encode(jets)))
    assert again.to_bytes() == trained.to_bytes()
    assert again.fingerprint == trained.fingerprint
    with pytest.raises(TargetExistsError):
        trained.save(path, force=False)


def test_a_saved_codec_has_the_same_bytes_each_time(trained, tmp_path):
    for number in range(8):
        trained.save(tmp_path / str(number))
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_surprise_has_a_number_for_each_jet_in_the_order_of_the_events(trained, events):
    by_feature, bits = trained.surprise_by_feature(events), trained.surprise(events)
    assert set(by_feature) == set(trained.features_)
    assert bits.shape == (ak.count(events.pt),)
    np.testing.assert_allclose(bits, sum(by_feature.values()))
    reversed_events = trained.surprise(events[::-1])
    sizes = np.asarray(ak.num(events))
    sums = [
        ak.sum(ak.unflatten(b, n), axis=1)
        for b, n in ((bits, sizes), (reversed_events, sizes[::-1]))
    ]
    # a dither of each row moves values by less than a step
    np.testing.assert_allclose(sums[0], sums[1][::-1], atol=12 * sizes.max())


def test_surprise_is_measured_again_after_loading(trained, jets, tmp_path):
    trained.save(tmp_path / "codec")
    np.testing.assert_array_equal(
        Codec.load(tmp_path / "codec").surprise(jets), trained.surprise(jets)
    )


def test_the_model_card_travels_with_a_saved_codec_alone(trained, jets, tmp_path):
    trained.save(tmp_path / "codec")
    card = Codec.load(tmp_path / "codec").model_card_
    assert card == trained.model_card_
    assert card.jets == len(jets["pt"])
    assert card.ranges["pt"][2] == pytest.approx(jets["pt"].max(), rel=1e-3)
    assert {one.of for one in card.quality} == {"", "pt", "abs(eta)"}
    for of in ("pt", "abs(eta)"):
        assert sum(one.jets for one in card.quality if one.of == of) == card.tested
    for name, worst in card.worst.items():
        assert worst.values[name] >= card.quality[0].values[name] > 0
    assert Codec.from_bytes(trained.to_bytes()).model_card_ is None


def test_packages_that_are_not_installed_are_not_named():
    measure = model_card.Measure("bits", np.mean, ("numpy", "no such package"))
    jets = to_table(make_jets(20))
    card = model_card.ModelCard.of(jets, jets, jets, measure, jets.columns, ["a.root"])
    assert card.made_with == {"numpy": np.__version__}


@pytest.mark.parametrize(
    "change",
    [{"jets": "many"}, {"quality": [{"of": "pt"}]}, {"ranges": {"pt": [1]}}, {"largest": {}}],
)
def test_a_damaged_model_card_is_refused(trained, tmp_path, change):
    trained.save(tmp_path / "codec")
    header, tensors = serialization.unpack((tmp_path / "codec").read_bytes())
    header["model card"] |= change
    with pytest.raises(DamagedFileError):
        Codec.from_bytes(serialization.pack_plain(header, tensors))


def test_the_stored_decoder_decodes_the_same(trained, jets):
    encoded = trained.encode(jets)
    decoder = Codec.from_bytes(trained.decoder_bytes())
    assert ak.all(decoder.decode(encoded) == trained.decode(encoded))


def test_the_config_and_the_call_make_the_codec_again(trained):
    config = json.loads(json.dumps(trained.get_config()))
    assert type(trained).from_config(config).call == trained.call
    assert eval(trained.call, {"Codec": Codec}).call == trained.call


def test_an_untrained_codec_says_so(make, jets, tmp_path):
    with pytest.raises(NotFittedError, match=r"call fit\(jets\)"):
        make().encode(jets)
    with pytest.raises(NotFittedError):
        make().save(tmp_path / "codec")
    assert not list(tmp_path.iterdir())


def test_missing_features_are_named(trained, jets):
    with pytest.raises(MissingNameError, match="no feature 'pt'"):
        trained.encode({name: values for name, values in jets.items() if name != "pt"})


@pytest.mark.parametrize("options", [{"features": "pt"}, {"features": ("pt", "pt")}, {"seed": -1}])
def test_common_hyperparameters_are_checked(make, options):
    with pytest.raises(InputError, match=r"list of names|not an integer"):
        make(**options)


def test_no_jets_cannot_be_fitted(make):
    with pytest.raises(InputError, match="too few"):
        make().fit(make_jets(0))


def saved(codec, folder):
    """The bytes of a codec's file, which safetensors reads."""
    codec.save(folder / "codec.safetensors")
    data = (folder / "codec.safetensors").read_bytes()
    assert load(data)
    return data


@pytest.mark.parametrize("form", ["compact", "saved"])
def test_damaged_codecs_are_refused(trained, tmp_path, form):
    data = trained.to_bytes() if form == "compact" else saved(trained, tmp_path)
    version = len(MAGIC) - 1 if form == "compact" else data.index(b'"format":"1"') + 10
    with pytest.raises(DamagedFileError):
        Codec.from_bytes(b"")
    for cut in range(1, len(data), len(data) // 40):
        with pytest.raises(DamagedFileError):
            Codec.from_bytes(data[:cut])
    for more in (b"\0", data):
        with pytest.raises(DamagedFileError):
            Codec.from_bytes(data + more)
    for at in [*range(24), *range(24, len(data), max(1, len(data) // 60)), len(data) - 1]:
        flipped = bytearray(data)
        flipped[at] ^= 0x04
        with pytest.raises(VersionError if at == version else DamagedFileError):
            Codec.from_bytes(bytes(flipped))


def test_a_codec_of_a_newer_format_says_so(trained, tmp_path):
    data = trained.to_bytes()
    with pytest.raises(VersionError, match="upgrade with pip"):
        Codec.from_bytes(data[: len(MAGIC) - 1] + b"\x02" + data[len(MAGIC) :])
    data = saved(trained, tmp_path)
    assert b'"format":"1"' in data
    with pytest.raises(VersionError, match="upgrade with pip"):
        Codec.from_bytes(data.replace(b'"format":"1"', b'"format":"2"'))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"state": {}}, "damaged"),
        ({"config": {"nonsense": 1}}, "damaged"),
    ],
)
def test_a_codec_with_another_header_is_refused(trained, change, message):
    with pytest.raises(DamagedFileError, match=message):
        Codec.from_bytes(with_header(trained.to_bytes(), change))


BAD_STATES = [
    ("bits", ["x", 1, 1, 1]),
    ("order kept", "area"),
    ("typical_pt", "x"),
    ("history", {"train": ["x"]}),
    ("history", {"train": 5}),
    ("history", {"train": [1, 2], "valid": [1]}),
    ("residuals", {"bits": {"pt": "x"}}),
    ("residuals", {"bits": None}),
    ("residuals", {"order kept": "area"}),
    ("latents", {"features": ["z0", "z1", "z3"]}),
    ("latents", {"features": 5}),
]


def test_a_state_of_other_kinds_is_refused(trained):
    data = trained.to_bytes()
    state = header_of(data)["state"]
    for key, value in BAD_STATES:
        if key in state:
            bad = state[key] | value if isinstance(value, dict) else value
            with pytest.raises(DamagedFileError):
                Codec.from_bytes(with_header(data, {"state": state | {key: bad}}))


@pytest.mark.parametrize("form", ["compact", "plain"])
def test_nested_json_is_damage(trained, form):
    header = '{"codec":' + "[" * 100_000
    if form == "plain":
        data = save({"x": np.zeros(1)}, metadata={"atlasae": header, "format": "1", "digest": ""})
    else:
        data = compact(save({"x": np.zeros(1)}, metadata={"atlasae": header}))
    with pytest.raises(DamagedFileError):
        Codec.from_bytes(data)


CLAIMS = {
    "empty lists": ({}, {"x": "CLAIM"}, b"[]," * 20_000_000),
    "zeros": ({"model": np.zeros(200_000_000, np.uint8)}, {}, b""),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_codec_takes_memory_in_proportion_to_its_bytes(claim):
    tensors, state, text = CLAIMS[claim]
    header = {"codec": "bounded", "config": {}, "state": state}
    plain = save(tensors, metadata={"atlasae": json.dumps(header)})
    data = compact(plain.replace(b"CLAIM", text))
    assert len(data) < 400_000
    tracemalloc.start()
    with pytest.raises(DamagedFileError, match="inflates to more than it may"):
        Codec.from_bytes(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64e6


def test_a_codec_of_many_zeros_can_be_read_again():
    tensors = {"model": np.zeros(3_000_000, np.uint8)}
    header, found = serialization.unpack(serialization.pack({"codec": "any"}, tensors))
    assert header == {"codec": "any"}
    np.testing.assert_array_equal(found["model"], tensors["model"])


def test_a_codec_of_an_unknown_kind_names_those_there_are(trained):
    with pytest.raises(MissingNameError, match="did you mean 'autoencoder'"):
        Codec.from_bytes(with_header(trained.to_bytes(), {"codec": "autoencoders"}))


def plain_of(data):
    start = len(MAGIC) + DIGEST_BYTES
    return zlib.decompressobj(-15, zdict=DEFLATE_DICTIONARY).decompress(data[start:])


def header_of(data):
    """The header of a stored codec."""
    plain = plain_of(data)
    (length,) = struct.unpack_from("<Q", plain)
    return json.loads(json.loads(plain[8 : 8 + length])["__metadata__"]["atlasae"])


def with_header(data, change):
    """A stored codec with some of its header replaced."""
    plain = plain_of(data)
    header = header_of(data) | change
    return compact(save(load(plain), metadata={"atlasae": json.dumps(header)}))


def compact(plain):
    """The compact form of a plain one."""
    packing = zlib.compressobj(wbits=-15, zdict=DEFLATE_DICTIONARY)
    packed = packing.compress(plain) + packing.flush()
    return MAGIC + hashlib.sha256(packed).digest()[:DIGEST_BYTES] + packed


def test_loading_from_nowhere_or_from_nonsense(tmp_path):
    with pytest.raises(MissingFileError, match="no codec file"):
        Codec.load(tmp_path / "none")
    path = tmp_path / "text"
    path.write_text("not a codec")
    with pytest.raises(DamagedFileError, match=r"text: not a codec"):
        Codec.load(path)


def test_the_registry_names_the_nearest():
    with pytest.raises(MissingNameError, match="did you mean 'autoencoder'"):
        codec_class("autoencodr")


def test_the_repr_says_what_was_set_and_whether_it_is_fitted(trained):
    unfitted = type(trained).from_config(trained.get_config())
    assert repr(unfitted) == f"<{trained.call}, not fitted>"
    assert repr(trained) == f"<{trained.call}, fitted to m, pt, phi, eta>"


@pytest.mark.parametrize("name", ["bounded", "autoencoder"])
def test_the_factories_show_their_signature_and_docstring(name):
    factory = getattr(Codec, name)
    parameters = inspect.signature(factory).parameters
    assert all(p.annotation is not p.empty for p in parameters.values())
    for parameter in parameters:
        assert (
            f"        {parameter}: " in factory.__doc__ or f"    {parameter}: " in factory.__doc__
        )


def test_another_coder_is_another_version_not_damage(jets):
    data = Codec.bounded(tolerance=0.1).fit(jets).to_bytes()
    state = header_of(data)["state"] | {"coder": "another coder 9"}
    with pytest.raises(VersionError, match="'another coder 9', this atlasae has"):
        Codec.from_bytes(with_header(data, {"state": state}))
