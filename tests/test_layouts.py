from __future__ import annotations

import pytest

from atlasae.errors import MissingNameError
from atlasae.layouts import collections_in, find_collection
from atlasae.trees import Branch, Plan, open_root


def plan_of(*names, **counters):
    branches = [Branch(n, "float32", (), counters.get(n.partition("_")[0])) for n in names]
    return Plan(tuple(branches), {}, {})


VECTOR = ("pt", "eta", "phi", "mass")


def test_collections_are_those_with_a_whole_vector():
    names = [f"Jet_{n}" for n in VECTOR] + ["Jet_btag_score", "MET_pt", "MET_phi"]
    found = collections_in(plan_of(*names, Jet="nJet"))
    assert list(found) == ["Jet"]
    assert list(found["Jet"].branches) == [*VECTOR, "btag_score"]
    assert found["Jet"].pt.counter == "nJet"


def test_members_share_the_counter_of_pt():
    plan = plan_of(*(f"Jet_{n}" for n in VECTOR), Jet="nJet")
    other = Branch("Jet_cells", "float32", (), "nCells")
    found = collections_in(Plan((*plan.branches, other), {}, {}))
    assert "cells" not in found["Jet"].branches


def test_plain_names_are_a_collection_without_a_name():
    found = collections_in(plan_of("event", *VECTOR))
    assert found[""].pt.counter is None
    assert set(found[""].choose(("mass", "pt"))) == {"mass", "pt"}


def test_vectors_with_counters_of_their_own_belong_together():
    branches = [
        Branch(f"Jets.{n}", "float32", (), f"nJets.{n}", True) for n in ("pt", "eta", "phi", "m")
    ]
    found = collections_in(Plan(tuple(branches), {}, {}))
    assert set(found["Jets"].branches) == {"pt", "eta", "phi", "m"}


def test_features_are_chosen_by_name_or_by_what_they_are():
    collection = collections_in(plan_of(*(f"Jet_{n}" for n in VECTOR), Jet="nJet"))["Jet"]
    assert [b.name for b in collection.choose(("m", "pt")).values()] == ["Jet_mass", "Jet_pt"]
    with pytest.raises(MissingNameError, match="no feature 'btag' in collection 'Jet'"):
        collection.choose(("btag",))


def test_a_collection_is_found_or_the_nearest_named(events_file):
    with open_root(events_file) as file:
        found = find_collection(file, None, None)
        assert (found.path, found.collection.name) == ("Events", "Jet")
        with pytest.raises(MissingNameError, match=r"no collection 'Jets' .* did you mean 'Jet'"):
            find_collection(file, "Events", "Jets")
        with pytest.raises(MissingNameError, match="no tree 'Evnts'"):
            find_collection(file, "Evnts", None)


@pytest.mark.parametrize(
    ("name", "tree", "collection"),
    [
        ("pythia_dijets_60k.root", "Events", "Jet"),
        ("root/nanoAOD_2015_CMS_Open_Data_ttbar.root", "Events", "Jet"),
        ("root/Run2012B_SingleMu_1000.root", "Events", "Jet"),
        ("root/uproot-issue-816.root", "AnalysisMiniTree", "offline_akt4_pf_NOSYS"),
        ("root/uproot-issue513.root", "Delphes", "Jet"),
    ],
)
def test_real_files(shared_data, name, tree, collection):
    with open_root(shared_data / name) as file:
        found = find_collection(file, None, None)
    assert (found.path, found.collection.name) == (tree, collection)
