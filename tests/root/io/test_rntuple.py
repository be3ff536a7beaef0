"""RNTuples hold what TTrees do."""

from __future__ import annotations

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
