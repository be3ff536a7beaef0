"""Tolerances that depend on the kind of particle."""

from __future__ import annotations

import json

import awkward as ak
import numpy as np
import pytest
import uproot
from click.testing import CliRunner

import atlasae
from atlasae.cli.main import main
from atlasae.errors import InputError, MissingNameError
from atlasae.jets.observables import jet_energy_resolution
from atlasae.quantization.kinds import RESOLUTIONS, of_kind
from atlasae.quantization.tolerance import (
    PRESETS,
    abs_,
    check_spec,
    of_collection,
    rel,
    restricted,
    spec_from_json,
    spec_to_json,
    tolerances,
)
from tests.helpers import make_jets

NAMES = ["pt", "mass", "eta", "btag"]
OWN = {"muon": "pt=1e-4", "jet": {"pt": rel(0.01), "eta": abs_(0.01)}, "": "lossless"}
KINDS = {
    "Jet": 0.03, "FatJet": 0.03, "AnalysisJetsAuxDyn": 0.03, "jet": 0.03, "CorrT1METJet": 0.03,
    "Muon": 0.01, "AnalysisMuons": 0.01, "Electron": 0.02, "Photon": 0.02, "Tau": 0.01,
    "AnalysisTauJets": 0.01, "IsoTrack": 0.01, "JetPFCands": 0.01,
    "GenJet": None, "GenVisTau": None, "TruthMuons": None, "LHEPart": None, "SV": None, "": None,
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_the_name_of_a_collection_tells_the_kind(name):
    best = KINDS[name]
    assert of_kind(RESOLUTIONS, name) == best
    found = of_collection("resolution", name, NAMES)
    energies = rel(0.1 * best) if best else PRESETS["nanoaod"][1]
    assert found["pt"] == found["mass"] == energies
    assert (found["eta"], found["btag"]) == PRESETS["nanoaod"]


def test_a_tenth_of_the_resolution_at_any_pt():
    pt = np.geomspace(10, 5000, 100)
    allowed = tolerances("resolution", ["pt"])["pt"].bound(pt) / pt
    assert np.all(allowed <= 0.1 * jet_energy_resolution(pt))


def test_kinds_that_the_user_names():
    assert of_collection(OWN, "GoodMuons", ["pt"]) == "pt=1e-4"
    assert of_collection(OWN, "Jet", ["pt"]) == OWN["jet"]
    assert of_collection(OWN, "Tau", ["pt"]) == "lossless"
    assert of_collection({"jet": "nanoaod"}, "Tau", ["pt"]) == "default"
    own = {"muon": "resolution", "": "1e-3"}
    assert of_collection(own, "Muon", ["pt"]) == {"pt": rel(1e-3)}


def test_they_are_stored_and_checked():
    assert spec_from_json(json.loads(json.dumps(spec_to_json(OWN)))) == OWN
    codec = atlasae.BoundedCodec(tolerance=OWN)
    assert codec.from_config(json.loads(json.dumps(codec.get_config()))).tolerance == OWN
    check_spec(OWN)
    for bad in ({"muon": "1e-3x"}, {"muon": {"pt": -1}, "": "1e-3"}, "resolutions"):
        with pytest.raises(InputError):
            check_spec(bad)
    with pytest.raises(MissingNameError, match="isolation"):
        restricted({"muon": "isolation=1e-3"}, NAMES, strict=True)


def test_each_collection_of_a_file_keeps_its_own(tmp_path, two_kinds):
    for name, spec in {"preset": "resolution", "own": {"muon": "pt=1e-4", "": "1e-2"}}.items():
        small = tmp_path / f"{name}.root"
        atlasae.compress(two_kinds, small, codec=atlasae.BoundedCodec(spec), verify=True)
        with atlasae.open(small) as file, atlasae.open(two_kinds) as source:
            errors = {
                kind: relative_error(file["Events"], source["Events"], f"{kind}_pt")
                for kind in ("Jet", "Muon")
            }
        limits = {"preset": (3e-3, 1e-3), "own": (1e-2, 1e-4)}[name]
        for error, limit in zip(errors.values(), limits, strict=True):
            assert 0.5 * limit < error <= limit
    assert atlasae.check(two_kinds, tmp_path / "preset.root").good


@pytest.mark.parametrize(("collection", "best"), [("Jet", 0.03), ("Muon", 0.01)])
def test_a_codec_is_fitted_to_the_kind_of_its_collection(tmp_path, two_kinds, collection, best):
    path = tmp_path / "codec.safetensors"
    arguments = ["fit", two_kinds, path, "--collection", collection, "--tolerance", "resolution"]
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    assert atlasae.Codec.load(path).tolerances_["pt"] == rel(0.1 * best)


def relative_error(tree, source, name):
    before, after = (ak.to_numpy(ak.flatten(t[name].array())) for t in (source, tree))
    return np.max(np.abs(after.astype("f8") - before) / before)


@pytest.fixture(scope="module")
def two_kinds(tmp_path_factory):
    path = tmp_path_factory.mktemp("kinds") / "source.root"
    columns, types = {}, {}
    for seed, name in enumerate(("Jet", "Muon")):
        jets = make_jets(4000, seed)
        columns |= {f"{name}_{f}": ak.unflatten(v, np.full(2000, 2)) for f, v in jets.items()}
    types = dict.fromkeys(columns, "var * float32")
    with uproot.recreate(path) as file:
        tree = file.mktree("Events", types, counter_name=lambda n: f"n{n.partition('_')[0]}")
        tree.extend(columns)
    return path
