from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

from atlasae.errors import DamagedFileError, FileError, MissingFileError, MissingNameError
from atlasae.root.io.branch import BranchInfo
from atlasae.root.io.file import Trees, make_tree, open_root, why_unwritable
from atlasae.root.io.objects import directories_in, objects_in


def test_a_plan_knows_types_and_counters(events_file):
    with open_root(events_file) as file:
        plan = Trees(file)["Events"].schema
    assert (plan.changed, plan.changed_in_ttree, plan.left_out) == ({}, {}, {})
    without_size = {b.name: (b.type, b.counter) for b in plan.branches}
    assert without_size["event"] == ("int64", None)
    assert without_size["isGood"] == ("bool", None)
    assert without_size["weights"] == ("3 * float64", None)
    assert without_size["Jet_pt"] == ("var * float32", "nJet")
    assert without_size["Muon_charge"] == ("var * int32", "nMuon")
    assert without_size["trigger"] == ("string", None)
    assert all(branch.source_bytes > 0 for branch in plan.branches)
    assert all(BranchInfo.from_json(branch.to_json()) == branch for branch in plan.branches)
    assert (plan["Jet_pt"].dtype, plan["trigger"].dtype) == ("float32", None)
    assert not any(
        why_unwritable(branch, kind) for branch in plan.branches for kind in ("ttree", "rntuple")
    )


def test_a_tree_written_by_its_plan_is_the_same(events_file, tmp_path):
    copy(events_file, tmp_path / "copy.root", "ttree")
    assert_same_tree(events_file, tmp_path / "copy.root", "Events")


def test_an_rntuple_holds_what_a_tree_does(events_file, tmp_path):
    ntuple, back = tmp_path / "ntuple.root", tmp_path / "back.root"
    copy(events_file, ntuple, "rntuple")
    copy(ntuple, back, "ttree")
    with open_root(ntuple) as file:
        tree = Trees(file)["Events"]
        assert (tree.kind, tree.title) == ("rntuple", "the events")
    with uproot.open(events_file) as a, uproot.open(ntuple) as b, uproot.open(back) as c:
        for name in a["Events"].keys():  # noqa: SIM118  (a tree, not a dict)
            before = a["Events"][name].array()
            for other in (b, c):
                after = other["Events"][name].array()
                assert ak.array_equal(before, after, equal_nan=True), name


def copy(source, target, kind):
    with open_root(source) as file, uproot.recreate(target) as out:
        tree = Trees(file)["Events"]
        sink = make_tree(out, kind, "Events", tree.title, tree.schema.branches)
        for _, arrays in tree.iterate(tree.schema.names, step_size=97):
            sink.extend(arrays)


def assert_same_tree(first, second, path, approximate=()):
    with uproot.open(first) as a, uproot.open(second) as b:
        assert a[path].title == b[path].title
        assert a[path].typenames() == b[path].typenames()
        assert a[path].keys() == b[path].keys()
        for name in a[path].keys():  # noqa: SIM118  (a tree, not a dict)
            left, right = a[path][name].array(), b[path][name].array()
            if name in approximate:
                assert ak.num(left).tolist() == ak.num(right).tolist()
                np.testing.assert_allclose(ak.flatten(left), ak.flatten(right), 1e-5, 1e-6)
                continue
            assert ak.array_equal(left, right, equal_nan=True), name
            if left.ndim == 1 and a[path].typenames()[name] == "float":
                bits = (ak.to_numpy(x).view(np.uint32) for x in (left, right))
                np.testing.assert_array_equal(*bits)


def test_chunks_tell_where_they_start(events_file):
    with open_root(events_file) as file:
        chunks = list(Trees(file)["Events"].iterate(["event"], step_size=100, start=50))
    assert [start for start, _ in chunks[:3]] == [50, 150, 250]
    assert chunks[0][1]["event"][0] == 50 * 10**12
    assert list(chunks[0][1]) == ["event"]


def test_what_cannot_be_written_is_named(tmp_path):
    path = tmp_path / "odd.root"
    with uproot.recreate(path) as file:
        tree = file.mktree("t", {"x": "var * 3 * float32", "y": np.dtype("f4")})
        tree.extend({"x": ak.unflatten(np.ones((8, 3), "f4"), [2] * 4), "y": np.ones(4, "f4")})
    with open_root(path) as file:
        plan = Trees(file)["t"].schema
    assert "fixed-size arrays in a jagged branch" in why_unwritable(plan["x"], "ttree")
    assert why_unwritable(plan["x"], "rntuple") == ""
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
            assert change in Trees(file)[tree].schema.changed_in_ttree[branch]
    with open_root(shared_data / "root" / "uproot-HZZ-objects.root") as file:
        plan = Trees(file)["events"].schema
        assert "TLorentzVector" in why_unwritable(plan["jetp4"], "ttree")
        assert "without a class" in plan.changed["jetp4"]
    with open_root(shared_data / "root" / "uproot-issue513.root") as file:
        plan = Trees(file)["Delphes"].schema
    assert any(name.endswith("(again)") for name in plan.left_out)
    assert "Jet.PT" in plan.names


def test_objects_and_directories(events_file):
    with open_root(events_file) as file:
        assert list(Trees(file)) == ["Events", "more/Runs"]
        assert directories_in(file) == ["more"]
        objects, unwritable = objects_in(file)
        assert list(objects) == ["cutflow", "note"]
        assert unwritable == {}


def test_a_tree_that_is_not_there_names_the_nearest(events_file):
    with (
        open_root(events_file) as file,
        pytest.raises(MissingNameError, match="did you mean 'Events'"),
    ):
        Trees(file)["Event"]


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
        list(Trees(file)["Events"].iterate(["Jet_pt"]))
