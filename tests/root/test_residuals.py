"""Files with latents as branches, and blocks of residuals beside them."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae import Codec
from atlasae.errors import DamagedFileError, InputError
from atlasae.root.checking.check import check
from atlasae.root.container.part_writers import LatentWriter
from atlasae.root.inspecting.card import card
from atlasae.root.reading.jets import read_codec, read_latents
from tests.helpers import compress
from tests.root.helpers import compress_in_blocks

TOLERANCE = 1e-3


@pytest.fixture(scope="module", params=["float32", "float16"])
def trained(request, events_file):
    codec = Codec.autoencoder(
        network=(16, 8), epochs=2, tolerance=TOLERANCE, latent_dtype=request.param
    )
    return codec.fit(atlasae.read_jets(events_file))


@pytest.fixture(scope="module")
def small(trained, events_file, tmp_path_factory):
    path = tmp_path_factory.mktemp("residuals") / "small.root"
    compress_in_blocks(events_file, path, codec=trained)
    return path


def test_what_is_read_is_within_the_tolerance(small, events_file):
    before, after = atlasae.read_jets(events_file), atlasae.read_jets(small)
    assert ak.all(abs(after.pt - before.pt) <= TOLERANCE * before.pt)
    assert ak.all(abs(after.mass - before.mass) <= TOLERANCE * before.mass)
    assert ak.all(abs(after.eta - before.eta) <= TOLERANCE)
    assert ak.all(abs(after.phi - before.phi) <= TOLERANCE)


def test_latents_are_branches_that_decode_without_the_residuals(small, trained, events_file):
    with uproot.open(small) as file:
        z0 = file["Events/Jet_z0"].array()
        assert len(file["atlasae/blocks"]["numbers"].array()) > 3
    latents, codec = read_latents(small), read_codec(small)
    assert ak.array_equal(latents.z0, z0)
    assert ak.all(latents.z0 == ak.values_astype(latents.z0, trained.latent_dtype))
    original, alone = atlasae.read_jets(events_file), codec.decode(latents)
    assert ak.num(alone).tolist() == ak.num(original).tolist()
    assert ak.any(abs(alone.pt - original.pt) > TOLERANCE * original.pt)


def test_the_bound_is_checked_and_on_the_card(small, events_file):
    result = check(events_file, small, card=True)
    assert result.good
    assert result.counts["within tolerance"] == 4
    (jets,) = card(small).collections
    assert not jets.broken
    assert [str(f.tolerance) for f in jets.features] == ["rel(0.001)"] * 2 + ["abs_(0.001)"] * 2
    assert all(feature.errors.beyond == 0 < feature.errors.share <= 1 for feature in jets.features)


def test_a_range_is_that_of_the_whole(small):
    whole = atlasae.read_jets(small)
    for start, stop in [(0, 1), (150, 152), (90, 333)]:
        part = atlasae.read_jets(small, entry_start=start, entry_stop=stop)
        assert ak.array_equal(part, whole[start:stop])
    with atlasae.open(small) as file:
        steps = [piece.Jet_pt for piece in file["Events"].iterate(["Jet_pt"], step_size=37)]
    assert ak.array_equal(ak.concatenate(steps), whole.pt)


def test_the_size_is_that_of_latents_and_blocks(small):
    (part,) = atlasae.info(small).parts
    with uproot.open(small) as file:
        latents = sum(file[f"Events/Jet_z{i}"].compressed_bytes for i in range(3))
        blocks = ak.sum(file["atlasae/blocks/npayload"].array())
    assert part.after == latents + blocks


def test_rounded_latents_are_in_the_blocks(events_file, tmp_path):
    jets = atlasae.read_jets(events_file)
    options = {"network": (16, 8), "epochs": 2, "tolerance": TOLERANCE}
    codec = Codec.autoencoder(latent_tolerance=1e-2, **options).fit(jets)
    compress(events_file, tmp_path / "small.root", codec=codec)
    with uproot.open(tmp_path / "small.root") as file:
        assert not [name for name in file["Events"] if "_z" in name.name]
    assert check(events_file, tmp_path / "small.root").good
    with pytest.raises(InputError, match="no latents"):
        read_latents(tmp_path / "small.root")


def test_latents_of_other_jets_are_noticed(trained, events_file, tmp_path, monkeypatch):
    beside = LatentWriter.beside

    def changed(self, arrays, latents):
        latents.columns["z0"][:] = latents.columns["z0"][::-1].copy()
        return beside(self, arrays, latents)

    monkeypatch.setattr(LatentWriter, "beside", changed)
    compress_in_blocks(events_file, tmp_path / "small.root", codec=trained)
    with pytest.raises(DamagedFileError, match=r"small\.root.* does not decode"):
        atlasae.read_jets(tmp_path / "small.root")


def test_residuals_want_as_many_latents(trained, events_file):
    jets = atlasae.read_jets(events_file)
    latents = trained.encode_latents(jets)
    block = trained.encode_residuals(jets, latents)
    found = trained.decode_residuals(block, latents)
    assert np.abs(found.columns["eta"] - ak.to_numpy(ak.flatten(jets.eta))).max() <= TOLERANCE
    with pytest.raises(DamagedFileError, match="residuals of 1000 jets, the latents are of 7"):
        trained.decode_residuals(block, latents.rows(np.arange(7)))
