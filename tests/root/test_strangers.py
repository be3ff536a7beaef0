"""Compressed files that another tool sorted, filtered or merged with files that are not compressed."""

from __future__ import annotations

import shutil
from itertools import permutations

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae import Codec, Selection
from atlasae.errors import DamagedFileError
from atlasae.root.io.branch import BranchInfo
from atlasae.root.io.file import Trees, make_tree, open_root
from tests.helpers import compress, make_jets, write_events

COUNTS = [2, 0, 3, 1] * 25


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A file, and it compressed with its counter kept."""
    path = tmp_path_factory.mktemp("strangers")
    jets = make_jets(sum(COUNTS))
    write_events(path / "plain.root", jets, np.array(COUNTS))
    compress(path / "plain.root", path / "small.root", codec=Codec.bounded().fit(jets))
    return path


def rewritten(source, target, change=lambda array: array, extra=()):
    """A copy with the entries of the tree of events changed, and more branches in it."""
    with open_root(source) as file, uproot.recreate(target) as out:
        for path, tree in ((path, Trees(file).raw(path)) for path in Trees(file)):
            arrays = tree.read(tree.schema.names, 0, tree.num_entries)
            branches = list(tree.schema.branches)
            if path == "Events":
                arrays = {name: change(array) for name, array in arrays.items()}
                branches += [BranchInfo(name, "float32") for name in extra]
                arrays |= {name: np.zeros(len(COUNTS), "f4") for name in extra}
            writer = make_tree(out, tree.kind, path, tree.title, branches)
            writer.extend(arrays)
            writer.finish()


def assert_refused(path, message):
    with (
        atlasae.open(path) as file,
        pytest.raises(DamagedFileError, match=message),
    ):
        file["Events"]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ((0, 100), "'nJet', entries 0 to 100: damaged"),
        ((10, 12), "'Jet_pt' has other numbers of elements than 'nJet' says in entries 10 to 12"),
    ],
)
def test_a_tree_that_was_sorted_is_refused(folder, tmp_path, entries, message):
    rewritten(folder / "small.root", tmp_path / "sorted.root", lambda array: array[::-1])
    with (
        atlasae.open(tmp_path / "sorted.root") as file,
        pytest.raises(DamagedFileError, match=message),
    ):
        file["Events"]["Jet_pt"].array(entry_start=entries[0], entry_stop=entries[1])


def test_a_tree_that_was_filtered_is_refused(folder, tmp_path):
    rewritten(folder / "small.root", tmp_path / "some.root", lambda array: array[::2])
    assert_refused(tmp_path / "some.root", "has 50 entries, its manifest says 100")


def test_a_branch_that_stands_twice_is_refused(folder, tmp_path):
    packed = tmp_path / "packed.root"
    compress(folder / "plain.root", packed, pack="all")
    for source in (folder / "small.root", packed):
        rewritten(source, tmp_path / "twice.root", extra=["Jet_pt"])
        assert_refused(tmp_path / "twice.root", "Jet_pt compressed and not compressed: ")


def test_counters_of_kept_branches_may_stand_beside_packed_ones(folder, tmp_path):
    select = Selection(keep_branches="Jet_isTight")
    target = tmp_path / "small.root"
    compress(folder / "plain.root", target, pack="all", select=select)
    assert atlasae.check(folder / "plain.root", target).good


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_hadd_with_a_file_that_is_not_compressed(folder, tmp_path, root, order):
    files = folder / "plain.root", folder / "small.root"
    merger = root.TFileMerger(False)
    merger.OutputFile(str(tmp_path / "all.root"), "RECREATE")
    assert all(merger.AddFile(str(files[i])) for i in order)
    assert merger.Merge()
    assert_refused(tmp_path / "all.root", "tree 'Events' has 200 entries, its manifest says 100")


def test_a_counter_with_values_of_its_own_is_believed_by_nothing(tmp_path, root):
    """Branches that were filled one by one, with another value of the counter each."""
    file = root.TFile(str(tmp_path / "own.root"), "RECREATE")
    tree = root.TTree("Events", "")
    number, features = np.zeros(1, "i4"), [np.zeros(9, "f4") for _ in range(4)]
    tree.Branch("nJet", number, "nJet/I")
    for name, values in zip(("pt", "eta", "phi", "mass"), features, strict=True):
        tree.Branch(f"Jet_{name}", values, f"Jet_{name}[nJet]/F")
    for entry in range(50):
        number[0] = 7
        tree.GetBranch("nJet").Fill()
        number[0] = 1 + entry % 3
        for values in features:
            values[:] = entry + np.arange(1, 10)
        for branch in list(tree.GetListOfBranches())[1:]:
            branch.Fill()
    tree.SetEntries(50)
    tree.Write()
    file.Close()
    contents = compress(tmp_path / "own.root", tmp_path / "small.root", drop_unwritable=True)
    assert contents.left_out.keys() == {"Events:nJet"}
    with atlasae.open(tmp_path / "small.root") as small:
        assert ak.num(small["Events"]["Jet_pt"].array()).tolist() == [1 + i % 3 for i in range(50)]


@pytest.mark.parametrize("names", list(permutations(["plain", "small", "packed"], 2)))
def test_files_compressed_in_other_ways_are_no_pair_for_hadd(root, folder, tmp_path, names):
    if not (folder / "packed.root").exists():
        compress(folder / "plain.root", folder / "packed.root", pack="all")
    merger = root.TFileMerger(False)
    merger.OutputFile(str(tmp_path / "merged.root"), "RECREATE")
    for name in names:
        merger.AddFile(str(folder / f"{name}.root"))
    assert merger.Merge()
    way_out = "merged with a file that is not compressed.*; compress each, then use atlasae merge"
    for path in ("Events", "more/Runs"):
        with (
            atlasae.open(tmp_path / "merged.root") as file,
            pytest.raises(DamagedFileError, match=f"{path}.*{way_out}"),
        ):
            file[path].arrays()


def test_a_branch_that_is_missing_is_named(folder, tmp_path):
    with (
        uproot.open(folder / "small.root") as file,
        uproot.update(shutil.copy(folder / "small.root", tmp_path / "less.root")) as out,
    ):
        columns = file["Events"].arrays(library="np")
        out.mktree("Events", {"x": "u1"}).extend({"x": np.zeros(len(columns["nJet"]), "u1")})
    assert_refused(tmp_path / "less.root", "lacks .*nJet.*, not compressed in one of its files: ")
