"""Titles, aliases and weights go along; what uproot cannot write is named."""

from __future__ import annotations

import numpy as np
import pytest
import uproot

import atlasae
from atlasae.root.io.file import Trees, open_root
from atlasae.root.io.tree_metadata import TreeMetadata
from tests.helpers import compress


@pytest.fixture
def described(root, tmp_path):
    """A file in which ROOT says more than values."""
    path, friend = tmp_path / "described.root", tmp_path / "friend.root"
    with uproot.recreate(friend) as out:
        out.mktree("Others", {"x": "f4"}).extend({"x": np.zeros(50, "f4")})
    file = root.TFile(str(path), "RECREATE", "a file with a title", 209)
    tree = root.TTree("Events", "the events")
    number, values, other = np.zeros(1, "i4"), np.zeros(9, "f4"), np.zeros(1, "f8")
    tree.Branch("nJet", number, "nJet/I").SetTitle("how many jets")
    tree.Branch("Jet_pt", values, "Jet_pt[nJet]/F").SetTitle("pt with é, in [GeV]")
    tree.Branch("plain", other, "plain/D")
    tree.GetBranch("plain").SetCompressionSettings(404)
    tree.SetAlias("half", "Jet_pt/2")
    tree.SetAlias("long", "+".join(["plain"] * 100))
    tree.SetWeight(0.25)
    named = root.TNamed("luminosity", "137 fb-1")
    root.SetOwnership(named, False)
    tree.GetUserInfo().Add(named)
    for entry in range(50):
        number[0], other[0], values[:] = entry % 4, entry, entry
        tree.Fill()
    tree.BuildIndex("plain")
    tree.AddFriend("Others", str(friend))
    tree.Write()
    file.Close()
    return path


TITLES = {"nJet": "how many jets", "Jet_pt": "pt with é, in [GeV]"}


@pytest.mark.parametrize("pack", ["none", "all"])
def test_what_root_says_comes_back(described, tmp_path, root, pack):
    small, whole, back = (tmp_path / f"{step}.root" for step in ("small", "whole", "back"))
    contents = compress(
        described,
        small,
        pack="all",
        select=atlasae.Selection(keep_branches="*" if pack == "none" else ""),
    )
    assert contents.changed["Events"] == (
        "without its user info (luminosity), friends (Others), index"
    )
    assert "a file with a title" in contents.left_out["the title of the file"]
    atlasae.merge([small, small], whole)
    atlasae.decompress(whole, back)
    for path in (whole, back) if pack == "none" else (back,):
        file = root.TFile.Open(str(path))
        tree = file.Get("Events")
        assert {name: str(tree.GetBranch(name).GetTitle()) for name in TITLES} == TITLES
        assert str(tree.GetBranch("plain").GetTitle()) == "plain/D"
        assert str(tree.GetAlias("half")) == "Jet_pt/2"
        assert str(tree.GetAlias("long")) == "+".join(["plain"] * 100)
        assert tree.GetWeight() == 0.25
        assert tree.Draw("half:long", "", "goff") == 2 * sum(i % 4 for i in range(50))
        file.Close()
    with uproot.open(back) as file:
        assert file["Events"].aliases == uproot.open(described)["Events"].aliases


def test_a_branch_keeps_its_compression(described, tmp_path):
    compress(described, tmp_path / "small.root", pack="all")
    atlasae.decompress(tmp_path / "small.root", tmp_path / "back.root")
    for path in (described, tmp_path / "back.root"):
        with uproot.open(path) as file:
            for name, algorithm in (("plain", b"L4"), ("nJet", b"XZ")):
                key = file["Events"][name].basket_key(0)
                start = key.fSeekKey + key.fKeylen
                assert path.read_bytes()[start : start + 2] == algorithm


def test_an_rntuple_names_what_it_cannot_hold(described, tmp_path):
    small = tmp_path / "small.root"
    compress(described, small, pack="all")
    notes = atlasae.decompress(small, tmp_path / "back.root", to="rntuple")
    assert notes.changed["Events"].endswith("without its aliases, weight")
    with uproot.open(tmp_path / "back.root") as file:
        assert {name: file["Events"][name].description for name in TITLES} == TITLES


def test_titles_that_root_makes_are_not_kept(events_file):
    with open_root(events_file) as file:
        assert Trees(file)["Events"].metadata == TreeMetadata()
