"""RNTuples hold what TTrees do."""

from __future__ import annotations

import sys

import awkward as ak
import uproot

from atlasae.root.io.file import Trees, open_root
from tests.root.helpers import copy_tree


def test_an_rntuple_holds_what_a_tree_does(events_file, tmp_path):
    ntuple, back = tmp_path / "ntuple.root", tmp_path / "back.root"
    copy_tree(events_file, ntuple, "rntuple")
    copy_tree(ntuple, back, "ttree")
    with open_root(ntuple) as file:
        tree = Trees(file)["Events"]
        assert (tree.kind, tree.title) == ("rntuple", "the events")
    with uproot.open(events_file) as a, uproot.open(ntuple) as b, uproot.open(back) as c:
        for name in a["Events"].keys():  # noqa: SIM118  (a tree, not a dict)
            before = a["Events"][name].array()
            for other in (b, c):
                after = other["Events"][name].array()
                assert ak.array_equal(before, after, equal_nan=True), name


def test_time_grows_with_the_fields_not_with_their_square(tmp_path):
    calls = [_calls_to_read(tmp_path / f"{n}.root", n) for n in (100, 400)]
    assert calls[1] < 5 * calls[0]


def _calls_to_read(path, n):
    """How many functions are called to find and read all fields of an RNTuple."""
    with uproot.recreate(path) as file:
        file.mkrntuple("t", {f"a.{i}": ak.Array([[{"x": i}], []]) for i in range(n)})
    calls = 0

    def count(*_):
        nonlocal calls
        calls += 1

    with open_root(path) as file:
        tree = Trees(file)["t"]
        sys.setprofile(count)
        try:
            tree.entries_for("1 kB", tree.schema.names)
            arrays = tree.read(tree.schema.names, 0, 2)
        finally:
            sys.setprofile(None)
    assert [arrays[f"a.{i}"].tolist() for i in range(n)] == [[[{"x": i}], []] for i in range(n)]
    return calls
