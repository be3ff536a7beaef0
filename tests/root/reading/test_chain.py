"""Several files read as one: lists, patterns and directories."""

from __future__ import annotations

import pickle

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae.errors import FileError, InputError, MissingFileError, MissingNameError
from atlasae.root.reading import chained_reader
from atlasae.root.reading.chain import ChainedFiles, ChainedTree
from tests.helpers import make_jets, write_events
from tests.root.helpers import assert_alike


@pytest.fixture(scope="module")
def expected(events_file):
    return uproot.concatenate([{str(events_file): "Events"}] * 3, ["event", "Jet_pt", "nJet"])


@pytest.fixture(params=["list", "pattern", "directory", "with trees", "mapping"])
def files(request, folder):
    paths = sorted(map(str, folder.glob("*.root")))
    return {
        "list": paths,
        "pattern": str(folder / "part*.root"),
        "directory": folder,
        "with trees": [f"{path}:Events" for path in paths],
        "mapping": dict.fromkeys(paths, "Events"),
    }[request.param]


def test_trees_of_several_files_read_as_one(files, expected, events_file):
    with atlasae.open(files) as opened:
        tree = opened["Events"] if isinstance(opened, ChainedFiles) else opened
        assert isinstance(tree, ChainedTree)
        assert tree.num_entries == len(expected)
        names = ["event", "Jet_pt", "nJet"]
        assert_alike(tree.arrays(names), expected)
        assert_alike(tree.arrays(names, entry_start=450, entry_stop=-300), expected[450:-300])
        assert_alike(tree.arrays(names, "nJet > 1"), expected[expected.nJet > 1])
        chunks = list(tree.iterate(names, step_size=400))
        assert [len(chunk) for chunk in chunks[:-1]] == [400] * (len(chunks) - 1)
        assert_alike(ak.concatenate(chunks), expected)
        assert_alike(tree["Jet_pt"].array(entry_stop=3), expected.Jet_pt[:3])
        assert len(tree.arrays(names, entry_start=5, entry_stop=5)) == 0
        jets = tree.collection("Jet")
    assert_alike(jets.pt, expected.Jet_pt)
    with pytest.raises(FileError, match="closed"):
        tree.arrays("event")


def test_jets_of_several_files(files, expected, events_file):
    jets = atlasae.read_jets(files)
    assert_alike(jets.pt, expected.Jet_pt)
    assert_alike(
        atlasae.read_jets(files, entry_start=450, entry_stop=600).pt, expected.Jet_pt[450:600]
    )
    one = atlasae.read_jets(f"{events_file}:Events")
    assert_alike(one.pt, expected.Jet_pt[: len(one)])


def test_many_files_are_not_open_at_once(folder, expected, monkeypatch):
    monkeypatch.setattr(chained_reader, "_MOST_OPEN", 1)
    with atlasae.open(folder) as files:
        for _ in range(2):
            assert_alike(files["Events"]["Jet_pt"].array(), expected.Jet_pt)
            assert len(files.file._opened) == 1


def test_several_files_hold_trees(folder):
    with atlasae.open([folder / "part0.root", folder / "part1.root"]) as files:
        assert files.keys() == ["Events", "more/Runs"]
        assert files.keys(filter_name="E*") == ["Events"]
        assert ("Events" in files, "cutflow" in files) == (True, False)
        assert files["/more/Runs;1"]["run"].array().tolist() == [0, 1, 2, 3, 4] * 2
        assert files["Events/Jet_pt"].typename == "float[]"
        assert (files["Events"].title, files["Events"].name) == ("the events", "Events")
        with pytest.raises(
            MissingNameError, match=r"no tree 'cutflow' in .* and 1 more; available"
        ):
            files["cutflow"]
    assert files.closed
    with (
        atlasae.open(folder) as files,
        pytest.raises(MissingNameError, match=r"no tree 'more/Runs' in .*part2\.root"),
    ):
        files["more/Runs"]


def test_they_can_be_pickled(folder, expected, monkeypatch, tmp_path):
    monkeypatch.chdir(folder)
    with atlasae.open(["part0.root", "part1.root", "part2.root"]) as files:
        data = pickle.dumps([files, files["Events"], files["Events/Jet_pt"]])
    monkeypatch.chdir(tmp_path)
    files, tree, branch = pickle.loads(data)
    assert_alike(branch.array(), expected.Jet_pt)
    assert_alike(tree["Jet_pt"].array(), expected.Jet_pt)
    assert files.keys() == ["Events", "more/Runs"]
    for opened in (files, tree, branch.tree):
        opened.close()


def test_files_that_do_not_match(tmp_path, events_file):
    names = {"short": ["pt", "eta", "phi", "m"], "other": ["pt", "eta", "phi"]}
    paths = [str(events_file)]
    for number, (name, features) in enumerate(names.items()):
        paths.append(str(tmp_path / f"{name}.root"))
        jets = make_jets(4)
        columns = {
            f"Jet_{f}": ak.unflatten(jets[f].astype(f"f{4 + 4 * number}"), [1, 3]) for f in features
        }
        with uproot.recreate(paths[-1]) as file:
            types = dict.fromkeys(columns, f"var * float{32 + 32 * number}")
            file.mktree("Events", types, counter_name=lambda _: "nJet").extend(columns)
    with atlasae.open(paths) as files:
        assert len(files["Events"]["Jet_pt"].array(entry_stop=-2)) > 0
        with pytest.raises(
            InputError, match=r"other\.root.*'Jet_pt' is var \* float64, and var \* float32 in"
        ):
            files["Events"]["Jet_pt"].array()
        with pytest.raises(MissingNameError, match=r"no branch 'run' in .*short\.root"):
            files["Events"]["run"].array()
    with pytest.raises(
        InputError, match=r"name the tree of each file, or of none: .*short.root:Events"
    ):
        atlasae.open([f"{events_file}:Events", paths[1]])
    with pytest.raises(MissingFileError, match=r"no file 'none\.root'"):
        atlasae.open([events_file, "none.root"])["Events"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        MissingFileError, match=r"no ROOT file \(\*\.root\) in the directory .*empty"
    ):
        atlasae.open(tmp_path / "empty")


def test_a_file_without_entries_is_no_obstacle(tmp_path, events_file):
    empty = write_events(tmp_path / "empty.root", make_jets(0), np.zeros(0, int))
    with (
        uproot.open(f"{events_file}:Events") as alone,
        atlasae.open([f"{empty}:Events", f"{events_file}:Events"]) as tree,
    ):
        assert tree.num_entries == alone.num_entries
        assert_alike(tree["Jet_pt"].array(), alone["Jet_pt"].array())
        assert sum(map(len, tree.iterate("run", step_size="1 kB"))) == alone.num_entries
