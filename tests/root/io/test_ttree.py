"""Schemas of TTrees, and trees written by them."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

from atlasae.errors import (
    DamagedFileError,
)
from atlasae.root.io.branch import BranchInfo
from atlasae.root.io.file import Trees, open_root, why_unwritable
from tests.root.helpers import assert_same_tree, copy_tree


def test_a_schema_has_types_and_counters(events_file):
    with open_root(events_file) as file:
        schema = Trees(file)["Events"].schema
    assert (schema.changed, schema.changed_in_ttree, schema.left_out) == ({}, {}, {})
    without_size = {b.name: (b.type, b.counter) for b in schema.branches}
    assert without_size["event"] == ("int64", None)
    assert without_size["isGood"] == ("bool", None)
    assert without_size["weights"] == ("3 * float64", None)
    assert without_size["Jet_pt"] == ("var * float32", "nJet")
    assert without_size["Muon_charge"] == ("var * int32", "nMuon")
    assert without_size["trigger"] == ("string", None)
    assert all(branch.source_bytes > 0 for branch in schema.branches)
    assert all(BranchInfo.from_json(branch.to_json()) == branch for branch in schema.branches)
    assert (schema["Jet_pt"].dtype, schema["trigger"].dtype) == ("float32", None)
    assert not any(
        why_unwritable(branch, kind) for branch in schema.branches for kind in ("ttree", "rntuple")
    )


def test_a_tree_written_by_its_schema_is_the_same(events_file, tmp_path):
    copy_tree(events_file, tmp_path / "copy.root", "ttree")
    assert_same_tree(events_file, tmp_path / "copy.root", "Events")


def test_chunks_tell_where_they_start(events_file):
    with open_root(events_file) as file:
        chunks = list(Trees(file)["Events"].iterate(["event"], step_size=100, start=50))
    assert [start for start, _ in chunks[:3]] == [50, 150, 250]
    assert chunks[0][1]["event"][0] == 50 * 10**12
    assert list(chunks[0][1]) == ["event"]


def test_what_cannot_be_written_is_named(tmp_path):
    path = tmp_path / "array.root"
    with uproot.recreate(path) as file:
        tree = file.mktree("t", {"x": "var * 3 * float32", "y": np.dtype("f4")})
        tree.extend({"x": ak.unflatten(np.ones((8, 3), "f4"), [2] * 4), "y": np.ones(4, "f4")})
    with open_root(path) as file:
        schema = Trees(file)["t"].schema
    assert "fixed-size arrays in a jagged branch" in why_unwritable(schema["x"], "ttree")
    assert why_unwritable(schema["x"], "rntuple") == ""
    assert "y" in schema.names


def test_schemas_of_real_files(shared_data):
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
        schema = Trees(file)["events"].schema
        assert "TLorentzVector" in why_unwritable(schema["jetp4"], "ttree")
        assert "without a class" in schema.changed["jetp4"]
    with open_root(shared_data / "root" / "uproot-issue513.root") as file:
        schema = Trees(file)["Delphes"].schema
    assert "another branch of the path 'Particle'" in schema.changed["Particle_2"]
    assert "Jet.PT" in schema.names


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


def test_what_uproot_raises_for_a_size_is_an_error_with_the_tree(events_file, monkeypatch):
    with open_root(events_file) as file:
        tree = Trees(file)["Events"]
        monkeypatch.delitem(file["Events/MET_pt"]._members, "fTotBytes")
        assert tree.entries_for("1 kB", ["run"]) > 1
        with pytest.raises(DamagedFileError, match="tree 'Events' cannot be read"):
            tree.entries_for("1 kB", ["MET_pt"])
