"""RNTuples hold what TTrees do."""

from __future__ import annotations

import sys

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae.root.io.file import Trees, open_root
from tests.helpers import compress, make_jets
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


@pytest.mark.parametrize("options", [{}, {"pack": "all"}, {"pack": "all", "to": "ttree"}])
def test_descriptions_of_fields_are_carried(root, tmp_path, options):
    source, small, back = (tmp_path / f"{name}.root" for name in "abc")
    columns = {f"Jet_{name}": ak.unflatten(x, [2] * 20) for name, x in make_jets(40).items()}
    columns["words"] = ak.Array(["a"] * 20)
    in_mm = ak.with_parameter(np.ones(20), "__doc__", "in mm")
    columns["hits"] = ak.unflatten(ak.zip({"x": in_mm, "y": np.ones(20)}), [1] * 20)
    described = {n: ak.with_parameter(c, "__doc__", f"the {n}") for n, c in columns.items()}
    entries = ak.zip(described, depth_limit=1)
    with uproot.recreate(source) as file:
        file.mkrntuple("t", entries.layout.form, description="events").extend(entries)
    contents = compress(source, small, drop_unwritable=True, **options)
    assert "without its descriptions of hits.x" in contents.changed["t"]
    atlasae.decompress(small, back)
    with uproot.open(back) as file:
        for name in columns:
            assert file["t"][name].description == f"the {name}"
    reader = root.RNTupleReader.Open("t", str(back))
    fields = reader.GetDescriptor().GetTopLevelFields()
    found = {str(field.GetFieldName()): str(field.GetFieldDescription()) for field in fields}
    assert found == {name: f"the {name}" for name in columns}
