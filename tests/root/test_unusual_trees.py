"""Trees whose branches have other entries, names, counters or classes than most."""

from __future__ import annotations

from array import array

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae.errors import InputError
from atlasae.root.io.file import Trees, open_root
from tests.helpers import compress

WAYS = [{"pack": "all"}, {"pack": "none"}, {"pack": "all", "to": "rntuple"}]


def write_one_by_one(root, path, counted, **lengths):
    """A tree whose branches are filled apart, as Gaudi and LHCb do; the tree counts what it likes."""
    file = root.TFile(str(path), "RECREATE")
    tree = root.TTree("t", "t")
    value = array("d", [0])
    for name, length in lengths.items():
        branch = tree.Branch(name, value, f"{name}/D")
        for entry in range(length):
            value[0] = entry / 3
            branch.Fill()
    tree.SetEntries(counted)
    tree.Write()
    file.Close()
    with uproot.open(path) as written:
        assert written["t"].num_entries == counted
        assert {b.name: b.num_entries for b in written["t"].branches} == lengths


def way_there_and_back(source, tmp_path, **options):
    """Compress with all promises checked, and restore; gives the contents and the last file."""
    small, back = tmp_path / "small.root", tmp_path / "back.root"
    if options.get("pack") == "none":
        options = options | {"codec": atlasae.Codec.bounded(tolerance="lossless")}
    contents = compress(source, small, verify=True, force=True, **options)
    assert atlasae.check(source, small).good
    atlasae.decompress(small, back, force=True)
    return contents, back


@pytest.mark.parametrize("counted", [0, 3, 9])
@pytest.mark.parametrize("way", WAYS)
def test_branches_are_carried_whole_whatever_their_tree_counts(root, tmp_path, counted, way):
    source = tmp_path / "a.root"
    write_one_by_one(root, source, counted, pt=5, eta=5, phi=5, x=5)
    contents, back = way_there_and_back(source, tmp_path, **way)
    assert f"it counts {counted} entries, its branches hold 5" in contents.changed["t"]
    with uproot.open(back) as file:
        assert file["t"].num_entries == 5
        for name in ("pt", "eta", "phi", "x"):
            assert file["t"].arrays()[name].tolist() == [i / 3 for i in range(5)]
    assert len(atlasae.read_jets(source)) == len(atlasae.read_jets(back)) == 5


def test_a_branch_with_other_entries_is_named_with_both_counts(root, tmp_path):
    source, small = tmp_path / "a.root", tmp_path / "b.root"
    for counted in (0, 5):
        write_one_by_one(root, source, counted, x=5, y=5, short=3, long=7)
        with pytest.raises(InputError, match=r"t:short: holds 3 entries, its tree 5; t:long"):
            compress(source, small, pack="all")
        contents = compress(
            source, small, pack="all", drop_unwritable=True, verify=True, force=True
        )
        assert contents.left_out == {
            "t:short": "holds 3 entries, its tree 5",
            "t:long": "holds 7 entries, its tree 5",
        }
        counts = atlasae.check(source, small).counts
        assert counts == {"exact": 2, "left out": 2}
        small.unlink()


def test_a_branch_without_entries_does_not_empty_its_tree(root, tmp_path):
    source = tmp_path / "a.root"
    write_one_by_one(root, source, 0, x=5, none=0, nothing=0)
    contents = compress(source, tmp_path / "b.root", pack="all", drop_unwritable=True)
    assert contents.left_out.keys() == {"t:none", "t:nothing"}
    with atlasae.open(tmp_path / "b.root") as file:
        assert file["t"]["x"].array().tolist() == [i / 3 for i in range(5)]


def test_check_compares_what_the_branches_hold(root, tmp_path):
    """A copy without the values is not the same, though both trees count no entry."""
    source, copy = tmp_path / "a.root", tmp_path / "b.root"
    write_one_by_one(root, source, 0, x=5)
    write_one_by_one(root, copy, 0, x=0)
    assert not atlasae.check(source, copy).good
    write_one_by_one(root, copy, 0, x=4)
    assert not atlasae.check(source, copy).good
    write_one_by_one(root, copy, 3, x=5)
    assert atlasae.check(source, copy).good


@pytest.mark.parametrize("way", [{"pack": "all"}, {"pack": "all", "to": "rntuple"}])
def test_branches_of_one_name_are_known_by_their_paths(root, tmp_path, way):
    root.gInterpreter.Declare(
        """
        struct AtlasaePoint { int x = 0; double y = 0; };
        void atlasae_write_points(const char* path) {
          TFile file(path, "RECREATE");
          TTree* tree = new TTree("t", "t");
          auto *a = new AtlasaePoint, *b = new AtlasaePoint;
          int x = 0;
          tree->Branch("a", &a);
          tree->Branch("b", &b);
          tree->Branch("x", &x);
          tree->GetBranch("b")->FindBranch("x")->SetTitle("x of b");
          for (int i = 0; i < 9; i++) { a->x = i; b->x = 10 * i; x = -i; b->y = i / 3.; tree->Fill(); }
          tree->Write();
        }
        """
    )
    source = tmp_path / "a.root"
    root.atlasae_write_points(str(source))
    with open_root(source) as file:
        tree = Trees(file)["t"]
        assert tree.schema.names == ("a/x", "y", "b/x", "b/y", "x")
        assert not tree.schema.left_out
    _, back = way_there_and_back(source, tmp_path, **way)
    with uproot.open(source) as before, uproot.open(back) as after:
        restored = after["t"].arrays()
        for name in ("a/x", "y", "b/x", "b/y", "x"):
            assert restored[name].tolist() == before["t"][name].array().tolist(), name
        if "to" not in way:
            assert after["t"]["b/x"].title == "x of b"


@pytest.mark.parametrize("way", WAYS)
def test_branches_of_the_same_path_are_numbered(root, tmp_path, way):
    source = tmp_path / "a.root"
    write_one_by_one(root, source, 2, x=2, x_2=2, pt=2, eta=2, phi=2)
    file = root.TFile(str(source), "UPDATE")
    tree = file.Get("t")
    value = array("d", [0.5])
    for _ in range(2):
        branch = tree.Branch("x", value, "x/D")
        for _ in range(2):
            value[0] += 1
            branch.Fill()
    tree.Write("", root.TObject.kOverwrite)
    file.Close()
    contents, back = way_there_and_back(source, tmp_path, **way)
    assert not contents.left_out
    for name in ("t:x_3", "t:x_4"):
        assert contents.changed[name] == "another branch of the path 'x'"
    with uproot.open(back) as after:
        restored = after["t"].arrays()
        assert restored["x"].tolist() == restored["x_2"].tolist() == [0, 1 / 3]
        assert restored["x_3"].tolist() == [1.5, 2.5]
        assert restored["x_4"].tolist() == [3.5, 4.5]


RNTUPLE_FOR = "becomes an RNTuple, as a TTree cannot hold {}; --to ttree (to='ttree') refuses them"


def test_a_counter_with_values_of_its_own_is_carried_or_named(tmp_path):
    source, small, back = (tmp_path / f"{name}.root" for name in "abc")
    counts = np.array([1, 0, 3, 2])
    columns = {"Jet_x": ak.unflatten(np.arange(6.0), counts), "n": np.arange(4)}
    with uproot.recreate(source, compression=None) as file:
        types = {"Jet_x": "var * float64", "n": "int64"}
        file.mktree("t", types, counter_name=lambda _: "nJet").extend(columns)
    data = source.read_bytes()
    stored, other = (np.array(c, ">i4").tobytes() for c in (counts, [1, 0, 2, 7]))
    assert data.count(stored) == 1
    source.write_bytes(data.replace(stored, other))
    why = "its values are not the lengths of Jet_x, first in entry 2"
    changed = compress(source, small, pack="all", verify=True).changed
    assert changed["t:nJet"].startswith(f"packed only ({why}): read it with atlasae.open, or")
    with atlasae.open(small) as file:
        assert file["t"]["nJet"].array().tolist() == [1, 0, 2, 7]
        assert file["t"]["Jet_x"].array().tolist() == columns["Jet_x"].tolist()
    atlasae.decompress(small, back, to="rntuple")
    with uproot.open(back) as file:
        assert file["t"]["nJet"].array().tolist() == [1, 0, 2, 7]
    with pytest.raises(InputError, match=f"t:nJet: {why}.*--drop-unwritable.*--to rntuple"):
        atlasae.decompress(small, back, to="ttree", force=True)
    notes = atlasae.decompress(small, back, force=True)
    assert (notes.left_out, notes.changed["t"]) == ({}, RNTUPLE_FOR.format("nJet"))
    with uproot.open(back) as file:
        assert file["t"]["nJet"].array().tolist() == [1, 0, 2, 7]
    notes = atlasae.decompress(small, back, force=True, drop_unwritable=True)
    assert notes.left_out == {"t:nJet": why}
    with pytest.raises(InputError, match=f"t:nJet: {why}"):
        compress(
            source,
            small,
            force=True,
            select=atlasae.Selection(keep_branches="Jet_*,nJet"),
            pack="all",
        )
    contents = compress(
        source,
        small,
        pack="all",
        select=atlasae.Selection(keep_branches="Jet_*,nJet"),
        drop_unwritable=True,
        verify=True,
        force=True,
    )
    assert contents.left_out == {"t:nJet": why}
    with atlasae.open(small) as file:
        assert file["t"]["Jet_x"].array().tolist() == columns["Jet_x"].tolist()


def test_a_string_is_no_counter(events_file, monkeypatch):
    """uproot names a string as the counter of what stands beside it in a split object."""
    with open_root(events_file) as file:
        tree = Trees(file)["Events"]
        branches = tree.tree
        monkeypatch.setattr(
            type(branches["Jet_pt"]), "count_branch", branches["trigger"], raising=False
        )
        assert tree.schema["Jet_pt"].counter == "nJet_pt"
        assert "trigger" not in tree.schema.changed_in_ttree


def test_what_differs_from_one_reading_to_the_next_is_left_out(root, tmp_path, monkeypatch):
    path = tmp_path / "a.root"
    file = root.TFile(str(path), "RECREATE")
    tree = root.TTree("t", "t")
    values = np.zeros(2, np.float32)
    tree.Branch("v", values, "a/F:b/F")
    tree.Fill()
    tree.Write()
    file.Close()
    draw = np.random.default_rng(1)
    monkeypatch.setattr(uproot.TBranch, "array", lambda *_, **__: ak.Array(draw.random(1)))
    with open_root(path) as file:
        left_out = Trees(file)["t"].schema.left_out
    assert left_out == {"v": "cannot be read: uproot reads other values each time"}


@pytest.mark.parametrize("name", ["TNtuple", "TNtupleD"])
def test_ntuples_are_trees(root, tmp_path, name):
    source = tmp_path / "a.root"
    file = root.TFile(str(source), "RECREATE")
    ntuple = getattr(root, name)("nt", "title", "x:y")
    root.SetOwnership(ntuple, False)  # it is its file's
    for entry in range(10):
        ntuple.Fill(entry / 3, -entry)
    ntuple.BuildIndex("y")
    ntuple.Write()
    file.Close()
    with uproot.open(source) as file:
        before = file["nt"].arrays()
    contents, back = way_there_and_back(source, tmp_path, pack="all")
    assert contents.changed["nt"] == f"{name} becomes TTree; without its index"
    with uproot.open(back) as file:
        assert file["nt"].title == "title"
        assert file["nt"].arrays().tolist() == before.tolist()


def test_headers_of_objects_are_not_read_as_values(root, tmp_path):
    root.gInterpreter.Declare(
        """
        #include <Math/Vector4D.h>
        #include <TVector3.h>
        struct AtlasaePair { int one = 0; float other = 0; };
        void atlasae_write_vectors(const char *path) {
          TFile file(path, "RECREATE");
          TTree tree("t", "t");
          AtlasaePair pair;
          ROOT::Math::XYZTVector p;
          std::vector<ROOT::Math::XYZTVector> ps;
          std::vector<TVector3> v3s;
          tree.Branch("pair", &pair, 32000, 0);
          tree.Branch("p", &p, 32000, 0);
          tree.Branch("ps", &ps, 32000, 0);
          tree.Branch("v3s", &v3s, 32000, 0);
          for (int i = 0; i < 9; i++) {
            pair = {i, i / 3.f};
            p.SetCoordinates(i, 1, 2, i / 7.);
            ps.resize(i == 8);  // and all headers take as many bytes as two more
            v3s.emplace_back(i, 1, 2);
            tree.Fill();
          }
          tree.Write();
        }
        """
    )
    root.atlasae_write_vectors(str(tmp_path / "a.root"))
    with open_root(tmp_path / "a.root") as file:
        tree = Trees(file)["t"]
        assert set(tree.schema.names) | set(tree.schema.left_out) == {"pair", "p", "ps", "v3s"}
        assert "has headers that uproot reads as values" in tree.schema.left_out["ps"]
        pairs = tree.read(["pair"], 0, 9)["pair"]
    assert pairs.one.tolist() == list(range(9))
    assert pairs.other.tolist() == [np.float32(i / 3) for i in range(9)]
    with atlasae.open(tmp_path / "a.root") as file:
        assert file["t"]["pair"].array().one.tolist() == list(range(9))
        assert file["t/pair"].array().one.tolist() == list(range(9))
        with pytest.raises(Exception, match="has headers that uproot reads as values"):
            file["t"]["ps"].array()
