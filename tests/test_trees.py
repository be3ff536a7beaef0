from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

from atlasae.errors import DamagedFileError, FileError, MissingFileError, MissingNameError
from atlasae.trees import (
    Branch,
    copy_rest,
    find_tree,
    iterate,
    open_root,
    plan_tree,
    trees_in,
    write_tree,
)


def test_a_plan_knows_types_shapes_and_counters(events_file):
    with open_root(events_file) as file:
        plan = plan_tree(file["Events"])
    assert (plan.changed, plan.left_out) == ({}, {})
    without_size = {b.name: (b.dtype, b.shape, b.counter) for b in plan.branches}
    assert without_size["event"] == ("int64", (), None)
    assert without_size["isGood"] == ("bool", (), None)
    assert without_size["weights"] == ("float64", (3,), None)
    assert without_size["Jet_pt"] == ("float32", (), "nJet")
    assert without_size["Muon_charge"] == ("int32", (), "nMuon")
    assert without_size["trigger"] == ("string", (), None)
    assert all(branch.source_bytes > 0 for branch in plan.branches)
    assert all(Branch.from_json(branch.to_json()) == branch for branch in plan.branches)


def test_a_tree_written_by_its_plan_is_the_same(events_file, tmp_path):
    with open_root(events_file) as file, uproot.recreate(tmp_path / "copy.root") as out:
        tree = file["Events"]
        plan = plan_tree(tree)
        writer = write_tree(out, "Events", tree.title, plan.branches)
        for _, arrays in iterate(tree, plan.names, step_size=97):
            writer.extend(arrays)
    assert_same_tree(events_file, tmp_path / "copy.root", "Events")


def assert_same_tree(first, second, path):
    with uproot.open(first) as a, uproot.open(second) as b:
        assert a[path].title == b[path].title
        assert a[path].typenames() == b[path].typenames()
        assert a[path].keys() == b[path].keys()
        for name in a[path].keys():  # noqa: SIM118  (a tree, not a dict)
            left, right = a[path][name].array(), b[path][name].array()
            assert ak.array_equal(left, right, equal_nan=True), name
            if left.ndim == 1 and a[path].typenames()[name] == "float":
                bits = (ak.to_numpy(x).view(np.uint32) for x in (left, right))
                np.testing.assert_array_equal(*bits)


def test_chunks_tell_where_they_start(events_file):
    with open_root(events_file) as file:
        tree = file["Events"]
        chunks = list(iterate(tree, ["event"], step_size=100, start=50))
    assert [start for start, _ in chunks[:3]] == [50, 150, 250]
    assert chunks[0][1]["event"][0] == 50 * 10**12
    assert list(chunks[0][1]) == ["event"]


def test_what_cannot_be_written_is_named(tmp_path):
    path = tmp_path / "odd.root"
    with uproot.recreate(path) as file:
        tree = file.mktree("t", {"x": "var * 3 * float32", "y": np.dtype("f4")})
        tree.extend({"x": ak.unflatten(np.ones((8, 3), "f4"), [2] * 4), "y": np.ones(4, "f4")})
    with open_root(path) as file:
        plan = plan_tree(file["t"])
    assert "fixed-size arrays in a jagged branch" in plan.left_out["x"]
    assert "y" in plan.names


def test_real_files_are_planned_without_a_fall(shared_data):
    expected = {
        "uproot-issue-816.root": (
            "AnalysisMiniTree",
            "offline_akt4_pf_NOSYS_pt",
            "becomes a jagged",
        ),
        "nanoAOD_2015_CMS_Open_Data_ttbar.root": ("Events", "nJet", "uint32 becomes int32"),
    }
    for name, (tree, branch, change) in expected.items():
        with open_root(shared_data / "root" / name) as file:
            assert change in plan_tree(file[tree]).changed[branch]
    with open_root(shared_data / "root" / "uproot-HZZ-objects.root") as file:
        assert "TLorentzVector" in plan_tree(file["events"]).left_out["jetp4"]
    with open_root(shared_data / "root" / "uproot-issue513.root") as file:
        plan = plan_tree(file["Delphes"])
    assert any(name.endswith("(again)") for name in plan.left_out)
    assert "Jet.PT" in plan.names


def test_the_rest_of_a_file_is_copied_or_named(events_file, tmp_path):
    with open_root(events_file) as file, uproot.recreate(tmp_path / "rest.root") as out:
        assert trees_in(file) == ["Events", "more/Runs"]
        assert copy_rest(file, out, ["Events"], 2) == ({}, {})
    assert_same_tree(events_file, tmp_path / "rest.root", "more/Runs")
    with uproot.open(events_file) as a, uproot.open(tmp_path / "rest.root") as b:
        assert set(b.keys(cycle=False)) == {"more", "more/Runs", "cutflow", "note"}
        np.testing.assert_array_equal(a["cutflow"].values(), b["cutflow"].values())
        np.testing.assert_array_equal(a["cutflow"].variances(), b["cutflow"].variances())
        assert str(b["note"]) == "made by a test"


def test_a_tree_that_is_not_there_names_the_nearest(events_file):
    with (
        open_root(events_file) as file,
        pytest.raises(MissingNameError, match="did you mean 'Events'"),
    ):
        find_tree(file, "Event")


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(MissingFileError, match="no file"), open_root(tmp_path / "none.root"):
        pass
    with pytest.raises(FileError, match="cannot read"), open_root(tmp_path):
        pass
    text = tmp_path / "text.root"
    text.write_text("not a ROOT file")
    with pytest.raises(DamagedFileError, match="cannot be opened as a ROOT file"), open_root(text):
        pass
    with pytest.raises(FileError), open_root(f"{text}:Events"):
        pass


def test_damage_is_said_with_file_and_tree(events_file, tmp_path):
    data = bytearray(events_file.read_bytes())
    path = tmp_path / "damaged.root"
    with open_root(events_file) as file:
        basket = file["Events"]["Jet_pt"].member("fBasketSeek")[0]
    data[basket + 100 : basket + 110] = b"\xff" * 10
    path.write_bytes(data)
    with (
        open_root(path) as file,
        pytest.raises(DamagedFileError, match=r"damaged\.root: tree 'Events'"),
    ):
        list(iterate(file["Events"], ["Jet_pt"]))
