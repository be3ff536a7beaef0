"""Collections are found by the names that file layouts have."""

from __future__ import annotations

import pytest

from atlasae.errors import MissingNameError
from atlasae.root.io.branch import BranchInfo, TreeSchema
from atlasae.root.io.file import Trees, open_root
from atlasae.root.known_layouts import find_collection, find_collections


def schema_of(*names, **counters):
    return TreeSchema(tuple(branch(name, counters.get(name.partition("_")[0])) for name in names))


def branch(name, counter=None, own=False):
    return BranchInfo(name, "float32" if counter is None else "var * float32", counter, own)


VECTOR = ("pt", "eta", "phi", "mass")


def test_collections_are_those_with_a_whole_vector():
    names = [f"Jet_{n}" for n in VECTOR] + ["Jet_btag_score", "MET_pt", "MET_phi"]
    collections = find_collections(schema_of(*names, Jet="nJet"))
    assert list(collections) == ["Jet"]
    assert list(collections["Jet"].vector) == ["mass", "pt", "phi", "eta"]
    assert list(collections["Jet"].others) == ["btag_score"]
    assert collections["Jet"].first.counter == "nJet"


def test_members_share_the_counter_of_pt():
    schema = schema_of(*(f"Jet_{n}" for n in VECTOR), Jet="nJet")
    collections = find_collections(TreeSchema((*schema.branches, branch("Jet_cells", "nCells"))))
    assert not collections["Jet"].others


def test_plain_names_are_a_collection_without_a_name():
    collections = find_collections(schema_of("event", *VECTOR))
    assert collections[""].first.counter is None
    assert set(collections[""].choose(("mass", "pt"))) == {"mass", "pt"}


def test_vectors_with_counters_of_their_own_belong_together():
    branches = [branch(f"Jets.{n}", f"nJets.{n}", own=True) for n in ("pt", "eta", "phi", "m")]
    collections = find_collections(TreeSchema(tuple(branches)))
    assert set(collections["Jets"].vector) == {"pt", "eta", "phi", "m"}


@pytest.mark.parametrize(
    ("names", "vectors"),
    [
        (["ph_pt", "ph_eta", "ph_phi"], {"ph": ["pt", "phi", "eta"]}),
        (["jet_pt", "jet_eta", "jet_phi", "jet_E"], {"jet": ["E", "pt", "phi", "eta"]}),
        (["jet_pt", "jet_eta", "jet_phi", "jet_e", "jet_m"], {"jet": ["m", "pt", "phi", "eta"]}),
        (["px", "py", "pz", "E"], {"": ["px", "py", "pz", "E"]}),
        (["px", "py", "pz", "pt", "eta", "phi"], {"": ["pt", "phi", "eta"]}),
        (
            ["pt1", "eta1", "phi1", "E1", "pt2", "eta2", "phi2", "E2"],
            {"1": ["E", "pt", "phi", "eta"], "2": ["E", "pt", "phi", "eta"]},
        ),
        (["AnalysisJetsAuxDyn.pt", "AnalysisJetsAuxDyn.eta"], {}),
        (["Jet.PT", "Jet.Eta", "Jet.Phi", "Jet.Mass"], {"Jet": ["Mass", "PT", "Phi", "Eta"]}),
    ],
)
def test_momenta_by_the_names_that_layouts_have(names, vectors):
    collections = find_collections(TreeSchema(tuple(map(branch, names))))
    assert {name: list(one.vector) for name, one in collections.items()} == vectors


def test_features_are_chosen_by_name_or_by_what_they_are():
    collection = find_collections(schema_of(*(f"Jet_{n}" for n in VECTOR), Jet="nJet"))["Jet"]
    assert [b.name for b in collection.choose(("m", "pt")).values()] == ["Jet_mass", "Jet_pt"]
    with pytest.raises(MissingNameError, match="no feature 'btag' in collection 'Jet'"):
        collection.choose(("btag",))


def test_a_collection_is_found_or_the_nearest_named(events_file):
    with open_root(events_file) as file:
        trees = Trees(file)
        tree, collection = find_collection(trees, None, None)
        assert (tree.path, collection.name) == ("Events", "Jet")
        with pytest.raises(MissingNameError, match=r"no collection 'Jets' .* did you mean 'Jet'"):
            find_collection(trees, "Events", "Jets")
        with pytest.raises(MissingNameError, match="no tree 'Evnts'"):
            find_collection(trees, "Evnts", None)


@pytest.mark.parametrize(
    ("name", "tree", "collection"),
    [
        ("pythia_dijets_60k.root", "Events", "Jet"),
        ("root/nanoAOD_2015_CMS_Open_Data_ttbar.root", "Events", "Jet"),
        ("root/Run2012B_SingleMu_1000.root", "Events", "Jet"),
        ("root/uproot-issue-816.root", "AnalysisMiniTree", "offline_akt4_pf_NOSYS"),
        ("root/uproot-issue513.root", "Delphes", "Jet"),
        ("root/uproot-Zmumu.root", "events", "1"),
        (
            "root/Run2012BC_DoubleMuParked_Muons_1000evts_rntuple_v1-0-0-0.root",
            "Events",
            "Muon",
        ),
    ],
)
def test_real_files(shared_data, name, tree, collection):
    with open_root(shared_data / name) as file:
        reader, chosen = find_collection(Trees(file), None, None)
    assert (reader.path, chosen.name) == (tree, collection)
