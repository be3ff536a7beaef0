"""Files, trees and branches pickle by path, and read on the other side."""

from __future__ import annotations

import multiprocessing
import pickle

import pytest

import atlasae
from atlasae.errors import MissingFileError
from atlasae.root.reading.file import File
from atlasae.root.reading.tree import Branch, Tree
from tests.root.helpers import assert_alike


def first_entries(item):
    """The first entries of Jet_pt, of a file, directory, tree or branch."""
    for name in ("Events", "Jet_pt"):
        if hasattr(item, "keys") and name in item:
            item = item[name]
    return item.array(entry_stop=9).tolist()


def test_what_is_pickled_is_read_in_another_process(blocks_file):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for path in (None, "Events", "Events/Jet_pt"):
            opened = atlasae.open({blocks_file: path})
            assert len(pickle.dumps(opened)) < 1000
            assert pool.apply(first_entries, [opened]) == first_entries(opened)
            opened.tree.close() if path else opened.close()


def test_pickles_name_the_path_the_object_and_the_options(small_file):
    with atlasae.open(small_file, timeout=12) as file:
        copies = pickle.loads(
            pickle.dumps([file, file["more"], file["Events"], file["Events/run"]])
        )
        keys, expected = file.keys(), file["Events"].arrays(["run", "Jet_pt"])
    root, directory, tree, branch = copies
    assert [type(copy) for copy in copies] == [File, File, Tree, Branch]
    assert (root.keys(), directory.keys()) == (keys, ["Runs;1"])
    assert (repr(tree), branch.name) == (repr(root["Events"]), "run")
    assert {item.file.options["timeout"] for item in (root, directory, tree)} == {12}
    assert_alike(tree.arrays(["run", "Jet_pt"]), expected)
    assert_alike(branch.array(), expected.run)
    for item in (root, directory, tree, branch.tree):
        item.close()


@pytest.mark.parametrize("kind", ["events_file", "ntuple_file"])
def test_trees_that_are_not_compressed_pickle_too(request, kind):
    path = request.getfixturevalue(kind)
    with atlasae.open(path) as file:
        copy = pickle.loads(pickle.dumps(file))
        tree = pickle.loads(pickle.dumps(file["Events"]))
        expected = file["Events"].arrays(["run", "Jet_pt"])
        jets = file["Events"].collection("Jet")
    assert_alike(copy["Events"].arrays(["run", "Jet_pt"]), expected)
    assert_alike(tree.arrays(["run", "Jet_pt"]), expected)
    assert_alike(tree.collection("Jet"), jets)
    copy.close()
    tree.file.close()


def test_a_file_that_is_gone_is_named(blocks_file, tmp_path):
    path = tmp_path / "gone.root"
    path.write_bytes(blocks_file.read_bytes())
    with atlasae.open(path) as file:
        data = pickle.dumps(file["Events"])
    path.unlink()
    with pytest.raises(MissingFileError, match=r"no file .*gone\.root"):
        pickle.loads(data)


def test_a_relative_path_holds_in_another_directory(small_file, tmp_path, monkeypatch):
    monkeypatch.chdir(small_file.parent)
    with atlasae.open(small_file.name) as file:
        data = pickle.dumps([file, file["Events"]])
    monkeypatch.chdir(tmp_path)
    for copy in pickle.loads(data):
        assert len(copy) > 0
        copy.close()
