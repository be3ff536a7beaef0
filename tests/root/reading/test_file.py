"""Compressed files list and open what their originals do."""

from __future__ import annotations

import re
import runpy
import sys

import numpy as np
import pytest
import uproot

import atlasae
from atlasae.errors import MissingFileError, MissingNameError
from atlasae.root.io.file import open_root
from atlasae.root.reading import file
from tests.helpers import REPOSITORY, compress
from tests.root.helpers import assert_alike

EXAMPLE = REPOSITORY / "examples" / "dijet_mass.py"


def test_a_file_lists_what_the_original_did(small_file, events_file):
    with atlasae.open(small_file) as ours, uproot.open(events_file) as theirs:
        assert sorted(ours.keys()) == sorted(theirs.keys())
        assert ours.classnames(cycle=False) == theirs.classnames(cycle=False)
        for options in ({"recursive": False}, {"filter_name": "E*"}, {"filter_classname": "TH1*"}):
            assert sorted(ours.keys(**options)) == sorted(theirs.keys(**options))
        assert len(ours) == len(theirs)
        assert "Events" in ours
        assert "Events/Jet_pt" in ours
        assert "Event" not in ours
        one, other = ours["Events"], theirs["Events"]
        assert one.keys() == other.keys() == list(one)
        assert one.keys(filter_name="Jet*") == other.keys(filter_name="Jet*")
        assert (one.num_entries, one.title, one.name) == (other.num_entries, "the events", "Events")
        assert ("Jet_pt" in one, "Jet_pT" in one, len(one)) == (True, False, len(other))
        assert ours["cutflow"].to_numpy()[0].tolist() == theirs["cutflow"].to_numpy()[0].tolist()
        assert ours["note"] == "made by a test"
        for path in ("more/Runs", "more/Runs;1", "/more/Runs", "more;1/Runs;1"):
            assert ours[path].num_entries == 5
        assert ours["more"].keys() == theirs["more"].keys()
        assert ours["more"]["Runs"]["run"].array().tolist() == [0, 1, 2, 3, 4]
        assert re.fullmatch(r"<Tree 'Events', \d+ entries>", repr(one))
        assert repr(one["Jet_pt"]).endswith("* var * float32>")


def test_a_path_may_name_the_object(small_file, events_file):
    with uproot.open(f"{events_file}:Events/Jet_pt") as branch:
        expected = branch.array(entry_start=20, entry_stop=40)
    for path in (f"{small_file}:Events", {str(small_file): "Events"}):
        with atlasae.open(path) as tree:
            assert_alike(tree["Jet_pt"].array(entry_start=20, entry_stop=40), expected)
        assert tree.file.closed
    branch = atlasae.open(f"{small_file}:Events/Jet_pt")
    assert_alike(
        branch.array(entry_start=20, entry_stop=40, library="np")[0], expected[0].to_numpy()
    )
    branch.tree.close()
    with atlasae.open(small_file) as file:
        assert_alike(file["Events/Jet_pt"].array(entry_start=20, entry_stop=40), expected)


def test_an_rntuple_stays_one_whatever_holds_it(ntuple_file, tmp_path):
    compress(ntuple_file, tmp_path / "small.root", to="ttree")
    with uproot.open(tmp_path / "small.root") as file:
        assert file.classnames()["Events;1"] == "TTree"
    with atlasae.open(tmp_path / "small.root") as file:
        assert file.classnames() == {"Events;1": "ROOT::RNTuple"}
        assert file.keys(filter_classname="TTree") == []


def test_files_of_others_are_handed_through(events_file, ntuple_file):
    with atlasae.open(events_file) as file:
        tree = file["Events"]
        assert isinstance(tree, uproot.TTree)
        assert isinstance(file["Events/Jet_pt"], uproot.TBranch)
        assert file["more"]["Runs"].num_entries == 5
        jets = tree.collection("Jet", entry_start=4, entry_stop=40)
        assert_alike(jets.pt, tree["Jet_pt"].array(entry_start=4, entry_stop=40))
        with pytest.raises(MissingNameError, match="did you mean 'Jet'"):
            tree.collection("jets")
        with pytest.raises(MissingNameError, match="did you mean 'Jet_pt'"):
            file["Events/Jet_pT"]
    with atlasae.open(f"{ntuple_file}:Events") as ntuple:
        assert isinstance(ntuple, uproot.behaviors.RNTuple.RNTuple)
        assert_alike(ntuple.collection("Jet", entry_start=4, entry_stop=40), jets)


def test_names_that_are_not_there(blocks_file, events_file):
    for path in (blocks_file, events_file):
        with atlasae.open(path) as file, pytest.raises(MissingNameError, match="mean 'Events'"):
            file["Event"]
        with pytest.raises(MissingNameError, match="did you mean 'Events'"):
            atlasae.open(f"{path}:events")
    with (
        atlasae.open(blocks_file) as file,
        pytest.raises(MissingNameError, match=r"no branch 'Jet_Pt'.*did you mean 'Jet_pt'"),
    ):
        file["Events"]["Jet_Pt"]
    with pytest.raises(MissingFileError, match="no file"):
        atlasae.open(f"{events_file.parent / 'none.root'}:Events")


def test_a_file_is_closed_where_the_object_is_not_in_it(blocks_file, monkeypatch):
    opened = []
    monkeypatch.setattr(file, "open_root", lambda path: opened.append(open_root(path)) or opened[0])
    with pytest.raises(MissingNameError):
        atlasae.open(f"{blocks_file}:events")
    assert opened[0].closed


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_example_runs_on_either_file(tmp_path, monkeypatch, capsys):
    with uproot.open(atlasae.sample("dijets")) as file:
        arrays = file["Events"].arrays(entry_stop=2000, how=dict)
    original, small = tmp_path / "original.root", tmp_path / "small.root"
    with uproot.recreate(original) as file:
        types = {name: array.type.content for name, array in arrays.items() if name != "nJet"}
        tree = file.mktree("Events", types, counter_name=lambda _: "nJet")
        tree.extend({name: arrays[name] for name in types})
    compress(original, small)
    masses = runpy.run_path(str(EXAMPLE))["dijet_masses"]
    (before, weights), (after, same_weights) = masses(original), masses(small)
    np.testing.assert_allclose(after, before, rtol=5e-3)
    assert not np.array_equal(after, before)
    np.testing.assert_array_equal(weights, same_weights)
    figures = []
    for path in (original, small):
        figures.append(path.with_suffix(".png"))
        monkeypatch.setattr(sys, "argv", ["dijet_mass.py", str(path), "-o", str(figures[-1])])
        runpy.run_path(str(EXAMPLE), run_name="__main__")
    said = [float(mean) for mean in re.findall(r"m_jj ([\d.]+) GeV", capsys.readouterr().out)]
    assert said == pytest.approx([np.average(before, weights=weights)] * 2, rel=1e-3)
    assert all(figure.stat().st_size > 10_000 for figure in figures)


def test_a_file_is_a_mapping_like_that_of_uproot(small_file, events_file):
    with atlasae.open(small_file) as ours, uproot.open(events_file) as theirs:
        assert sorted(ours.iterkeys()) == sorted(theirs.iterkeys())
        assert [key for key, _ in ours.items()] == ours.keys()
        assert dict(ours.iteritems())["note;1"] == "made by a test"
        filters = {"recursive": False, "filter_classname": "TTree"}
        (tree,), (original,) = ours.values(**filters), theirs.values(**filters)
        assert (tree.name, len(tree)) == (original.name, len(original))
        assert next(ours.itervalues(**filters)).keys() == original.keys()
        assert (ours.get("none"), ours.get("none", 3)) == (None, 3)
        assert ours.get("Events/Jet_pt").num_entries == theirs.get("Events/Jet_pt").num_entries
        assert repr(ours["more"]) == f"<File {str(small_file)!r}, 'more'>"
