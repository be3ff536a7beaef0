"""TTrees whose description is written at the end, and compressed."""

from __future__ import annotations

import io
from itertools import takewhile

import awkward as ak
import numpy as np
import pytest
import uproot

from atlasae.root.io import new_ttree
from atlasae.root.io.new_ttree import NewTTree

BRANCHES = 60
CHUNKS = 25  # more than the baskets that uproot has room for at first


def columns(first):
    counts = np.arange(first, first + 8) % 4
    names = {f"number{i}": np.arange(first, first + 8, dtype="f4") + i for i in range(BRANCHES)}
    return names | {
        "list": ak.unflatten(np.arange(counts.sum(), dtype="i8") + first, counts),
        "text": ak.Array([f"{first + i}" * (i + 1) for i in range(8)]),
        "matrix": np.arange(48.0).reshape(8, 2, 3) + first,
    }


TYPES = {f"number{i}": np.dtype("f4") for i in range(BRANCHES)} | {
    "list": "var * int64", "text": "string", "matrix": np.dtype(("f8", (2, 3))),
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same tree by atlasae and by uproot."""
    found = []
    for make in (NewTTree, lambda out, path, types: out.mktree(path, types)):
        path = tmp_path_factory.mktemp("trees") / "a.root"
        with uproot.recreate(path) as out:
            tree = make(out, "some/where/tree", TYPES)
            for chunk in range(CHUNKS):
                tree.extend(columns(8 * chunk))
            if make is NewTTree:
                tree.finish()
            out["after"] = np.histogram([1.0, 2.0])
        found.append(path)
    return found


def test_what_uproot_reads_is_what_it_would_have_written(files):
    with uproot.open(files[0]) as ours, uproot.open(files[1]) as theirs:
        assert ours.keys() == theirs.keys()
        one, other = ours["some/where/tree"], theirs["some/where/tree"]
        assert one.typenames() == other.typenames()
        for name in one.keys():  # noqa: SIM118  (a tree, not a dict)
            assert ak.array_equal(one[name].array(), other[name].array(), dtype_exact=True), name
            for member in ("fTitle", "fTotBytes", "fEntryOffsetLen", "fWriteBasket", "fEntries"):
                assert one[name].member(member) == other[name].member(member), (name, member)
            leaves = [tree[name].member("fLeaves")[0] for tree in (one, other)]
            assert leaves[0].all_members.get("fMaximum") == leaves[1].all_members.get("fMaximum")
            assert leaves[0].member("fLen") == leaves[1].member("fLen")


def test_the_description_takes_less(files):
    ours, theirs = (path.stat().st_size for path in files)
    assert ours < 0.75 * theirs


def test_root_reads_it(files, root):
    file = root.TFile.Open(str(files[0]))
    tree = file.Get("some/where/tree")
    assert tree.GetEntries() == 8 * CHUNKS
    for entry in (0, 77, 8 * CHUNKS - 1):
        assert tree.GetEntry(entry) > 0
        first, offset = entry // 8 * 8, entry % 8
        assert tree.number7 == entry + 7
        assert list(tree.list) == columns(first)["list"][offset].tolist()
        text = takewhile(lambda letter: letter != "\0", tree.text)  # then comes anything
        assert "".join(text) == columns(first)["text"][offset]
        rows = [list(row) for row in tree.matrix]
        assert rows == columns(first)["matrix"][offset].tolist()
    file.Close()


def test_a_tree_without_entries(root, tmp_path):
    with uproot.recreate(tmp_path / "a.root") as out:
        NewTTree(out, "t", {"x": "var * float32"}, title="none").finish()
    with uproot.open(tmp_path / "a.root") as file:
        assert (file["t"].title, file["t/x"].array().tolist()) == ("none", [])
    assert root.TFile.Open(str(tmp_path / "a.root")).Get("t").GetEntries() == 0


def test_a_tree_that_is_not_finished_is_not_there():
    with uproot.recreate(io.BytesIO()) as out:
        NewTTree(out, "t", {"x": np.dtype("f4")}).extend({"x": np.ones(3, "f4")})
        assert out.keys() == []


def test_many_values_come_in_clusters(tmp_path, monkeypatch):
    monkeypatch.setattr(new_ttree, "_CLUSTER_BYTES", 10_000)
    columns = {
        "x": ak.Array(np.arange(3000.0)),
        "y": ak.unflatten(ak.Array(np.arange(4500, dtype=np.float32)), [1, 2] * 1500),
    }
    with uproot.recreate(tmp_path / "many.root") as out:
        tree = NewTTree(out, "t", {"x": np.dtype("f8"), "y": "var * float32"})
        tree.extend(columns)
        tree.finish()
    with uproot.open(f"{tmp_path}/many.root:t") as tree:
        assert 4 <= tree["x"].num_baskets == tree["y"].num_baskets <= 8
        for name, values in columns.items():
            assert tree[name].array().to_list() == values.to_list()
