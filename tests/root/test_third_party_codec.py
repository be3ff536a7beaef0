"""A codec that is not part of atlasae stores its latents in ROOT files."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae import Codec
from atlasae.codecs import registry
from atlasae.errors import InputError, MissingNameError
from atlasae.jets.table import Table, to_records, to_table
from atlasae.root.reading.jets import read_codec, read_latents
from tests.helpers import compress, make_jets, write_events
from tests.root.helpers import assert_alike

JETS = ["Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass"]


class ScalingCodec(Codec):
    """Divides each feature by a power of two, which loses nothing."""

    codec_id = "scaling"
    storage = "latents"

    def __init__(self, divisor=2.0, features=None):
        self.divisor = divisor
        self.features = features
        self.features_ = ()

    def fit(self, jets, **_):
        self.features_ = tuple(self.select_features(jets).columns)
        return self

    @property
    def is_fitted(self):
        return bool(self.features_)

    def _state(self):
        return {"features": list(self.features_)}, {"divisor": np.array([self.divisor])}

    def _restore(self, state, tensors):
        assert tensors["divisor"].tolist() == [self.divisor]
        self.features_ = tuple(state["features"])

    def encode(self, jets):
        return to_records(self.encode_latents(jets))

    def decode(self, encoded):
        return to_records(self.decode_latents(encoded))

    @property
    def latent_names(self):
        return tuple(f"scaled_{name}" for name in self.features_)

    def encode_latents(self, jets):
        return self._renamed(jets, self.features_, self.latent_names, 1 / self.divisor)

    def decode_latents(self, latents):
        return self._renamed(latents, self.latent_names, self.features_, self.divisor)

    def _renamed(self, data, old, new, factor):
        table = to_table(data).select(old)
        values = (column * np.float32(factor) for column in table.columns.values())
        return Table(dict(zip(new, values, strict=True)), table.counts)


@pytest.fixture
def registered(monkeypatch):
    targets = registry._BUILT_IN | {"scaling": f"{__name__}:ScalingCodec"}
    monkeypatch.setattr(registry, "_BUILT_IN", targets)


@pytest.fixture
def source(tmp_path):
    counts = np.array([3, 0, 2, 5, 0, 10])
    return write_events(tmp_path / "source.root", make_jets(20), counts)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("to", ["ttree", "rntuple"])
def test_its_latents_replace_the_jets_and_restore_them(source, tmp_path, to):
    small, back = tmp_path / "small.root", tmp_path / "back.root"
    trained = ScalingCodec(divisor=4.0).fit(atlasae.read_jets(source))
    contents = compress(source, small, codec=trained, to=to, verify=True, step_size=4)
    (part,) = contents.parts
    assert (part.name, part.codec, part.jets) == ("Jet", "Codec.scaling(divisor=4.0)", 20)
    with uproot.open(small) as file, uproot.open(source) as original:
        stored = file["Events"].arrays()
        assert not set(JETS) & set(stored.fields)
        assert stored.Jet_scaled_pt.tolist() == (original["Events/Jet_pt"].array() / 4).tolist()
    with atlasae.open(small) as file, uproot.open(source) as original:
        for span in ({}, {"entry_start": 2, "entry_stop": 5}, {"entry_stop": 0}):
            assert_alike(
                file["Events"].arrays(JETS, **span), original["Events"].arrays(JETS, **span)
            )
        assert set(file["Events"].keys()) == set(original["Events"].keys())
    atlasae.decompress(small, back)
    with uproot.open(back) as restored, uproot.open(source) as original:
        assert_alike(restored["Events"].arrays(JETS), original["Events"].arrays(JETS))
        assert ak.array_equal(
            restored["Events/Muon_charge"].array(), original["Events/Muon_charge"].array()
        )


@pytest.mark.usefixtures("registered")
def test_its_latents_and_itself_are_read_from_the_file(source, tmp_path):
    small = tmp_path / "small.root"
    jets = atlasae.read_jets(source)
    compress(source, small, codec=ScalingCodec().fit(jets))
    stored, latents = read_codec(small), read_latents(small)
    assert isinstance(stored, ScalingCodec)
    assert latents.fields == ["scaled_mass", "scaled_pt", "scaled_phi", "scaled_eta"]
    assert ak.array_equal(stored.decode(latents).pt, jets.pt)
    assert ak.array_equal(stored.encode(jets).scaled_pt, latents.scaled_pt)


@pytest.mark.usefixtures("registered")
def test_an_unfitted_one_is_fitted_to_the_jets_of_the_file(source, tmp_path):
    compress(source, tmp_path / "small.root", codec=ScalingCodec(features=("pt", "mass")))
    with uproot.open(tmp_path / "small.root") as file:
        names = file["Events"].keys()
    assert {"Jet_scaled_pt", "Jet_scaled_mass", "Jet_eta", "Jet_phi"} < set(names)
    jets = atlasae.read_jets(tmp_path / "small.root")
    assert ak.array_equal(jets.mass, atlasae.read_jets(source).mass)


def test_a_file_of_a_codec_that_is_not_installed_names_it(source, tmp_path, monkeypatch):
    small = tmp_path / "small.root"
    with monkeypatch.context() as patch:
        patch.setattr(registry, "_BUILT_IN", {"scaling": f"{__name__}:ScalingCodec"})
        compress(source, small, codec=ScalingCodec().fit(atlasae.read_jets(source)))
    with atlasae.open(small) as file:
        tree = file["Events"]
        assert len(tree["nJet"].array()) == tree.num_entries  # what it did not code can be read
        with pytest.raises(
            MissingNameError, match=r"small\.root.*no codec 'scaling' in the registry"
        ):
            tree["Jet_pt"].array()


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("names", "message"), [((), "at least one"), (("q", "q", "q", "q"), "different names")]
)
def test_latents_need_different_names(source, tmp_path, monkeypatch, names, message):
    trained = ScalingCodec().fit(atlasae.read_jets(source))
    monkeypatch.setattr(ScalingCodec, "latent_names", names)
    with pytest.raises(InputError, match=message):
        compress(source, tmp_path / "small.root", codec=trained)
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.usefixtures("registered")
def test_latents_that_float32_cannot_hold_are_refused(source, tmp_path, monkeypatch):
    trained = ScalingCodec().fit(atlasae.read_jets(source))
    encode = ScalingCodec.encode_latents

    def widened(self, jets):
        latents = encode(self, jets)
        wide = {name: values.astype(np.float64) for name, values in latents.columns.items()}
        return Table(wide, latents.counts)

    monkeypatch.setattr(ScalingCodec, "encode_latents", widened)
    with pytest.raises(InputError, match=r"latent 'scaled_\w+' is float64"):
        compress(source, tmp_path / "small.root", codec=trained)
    assert list(tmp_path.iterdir()) == [source]


class NamedBoundedCodec(atlasae.BoundedCodec):
    codec_id = "named"


def test_a_subclass_is_fitted_as_itself(source, tmp_path, monkeypatch):
    targets = registry._BUILT_IN | {"named": f"{__name__}:NamedBoundedCodec"}
    monkeypatch.setattr(registry, "_BUILT_IN", targets)
    codec = NamedBoundedCodec(tolerance=1e-2)
    contents = compress(source, tmp_path / "small.root", codec=codec)
    assert [part.codec for part in contents.parts] == ["Codec.named(tolerance=0.01)"]


def test_one_that_is_not_registered_is_refused_before_the_work(source, tmp_path):
    trained = ScalingCodec().fit(atlasae.read_jets(source))
    with pytest.raises(MissingNameError, match="no codec 'scaling' in the registry"):
        compress(source, tmp_path / "small.root", codec=trained)
    assert list(tmp_path.iterdir()) == [source]
