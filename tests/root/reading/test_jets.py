"""Collections and objects of a tree as momenta."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot
import vector

import atlasae
from atlasae.errors import (
    MissingNameError,
)
from tests.helpers import compress, make_jets


def test_collections_are_momenta(small_file, events_file):
    with uproot.open(events_file) as file:
        expected = file["Events"].arrays(filter_name="Jet_*")
    with atlasae.open(small_file) as file:
        jets = file["Events"].collection("Jet")
        more = file["Events"].collection("Jet", all_features=True)
        few = file["Events"].collection("Jet", entry_start=5, entry_stop=5)
        with pytest.raises(MissingNameError, match=r"no collection 'jets' in .*small.*mean 'Jet'"):
            file["Events"].collection("jets")
    assert isinstance(jets, vector.backends.awkward.MomentumArray4D)
    np.testing.assert_array_equal(ak.flatten(jets.pt), ak.flatten(expected.Jet_pt))
    assert (jets + jets).mass.ndim == 2
    assert set(more.fields) - set(jets.fields) == {"isTight"}
    assert ak.array_equal(more.isTight, expected.Jet_isTight)
    assert (len(few), few.fields) == (0, jets.fields)


def test_features_that_are_no_coordinates_keep_out_of_the_way(tmp_path):
    jets, counts = make_jets(12), np.full(4, 3)
    columns = {"pt": jets["pt"], "eta": jets["eta"], "phi": jets["phi"], "rho": jets["m"]}
    with uproot.recreate(tmp_path / "a.root") as file:
        arrays = {f"Photon_{name}": ak.unflatten(v, counts) for name, v in columns.items()}
        arrays["Photon_hits"] = ak.unflatten(jets["m"], [1, 2, 3, 6])
        types = dict.fromkeys(arrays, "var * float32")
        file.mktree("Events", types).extend(arrays)  # counters of their own, as vectors have
    with atlasae.open(f"{tmp_path / 'a.root'}:Events") as tree:
        photons = tree.collection("Photon", all_features=True)
    assert isinstance(photons, vector.backends.awkward.MomentumArray3D)
    assert not isinstance(photons, vector.backends.awkward.MomentumArray4D)
    assert photons.fields == ["pt", "phi", "eta", "rho_"]
    np.testing.assert_allclose(ak.flatten(photons.pz), jets["pt"] * np.sinh(jets["eta"]), rtol=1e-5)


@pytest.mark.parametrize("compressed", [False, True])
def test_objects_of_root_are_momenta(shared_data, tmp_path, compressed):
    path = shared_data / "root" / "uproot-HZZ-objects.root"
    if compressed:
        compress(path, tmp_path / "small.root", pack="all")
        path = tmp_path / "small.root"
    with atlasae.open(path) as file:
        tree = file["events"]
        jets, quarks = tree.collection("jetp4"), tree.collection("MC_bquarkhadronic")
        members = tree["jetp4"].array()
        with pytest.raises(MissingNameError, match="did you mean 'jetp4'"):
            tree.collection("jetP4")
        with pytest.raises(MissingNameError, match="no collection 'jetbtag'"):
            tree.collection("jetbtag")
    assert isinstance(jets, vector.backends.awkward.MomentumArray4D)
    assert jets.fields == ["px", "py", "pz", "E"]
    assert ak.array_equal(jets.pz, members.fP.fZ)
    assert isinstance(quarks, vector.backends.awkward.MomentumArray3D)
    assert quarks.pt.ndim == 1
