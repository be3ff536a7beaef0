"""Names that ROOT refuses for fields of an RNTuple are written in another way, and come back."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae import Codec, Selection
from atlasae.errors import InputError
from atlasae.root.io.rntuple_fields import field_names, is_field_name
from tests.helpers import compress, make_jets

PREFIX = "AnalysisJetsAuxDyn."
OTHERS = ["a.b", "a:b", "a b", "run", "a\tb"]


def dotted(path, tree="CollectionTree"):
    """A tree in ATLAS's layout, and branches whose names ROOT takes in a TTree only."""
    jets = make_jets(400)
    counts = [4] * 100
    columns = {PREFIX + name: ak.unflatten(values, counts) for name, values in jets.items()}
    columns[PREFIX + "Jvt"] = ak.unflatten(np.arange(400, dtype="f4"), counts)
    columns |= {name: np.arange(100, dtype="i4") + i for i, name in enumerate(OTHERS)}
    types = {
        name: "var * float32" if name.startswith(PREFIX) else np.dtype("i4") for name in columns
    }
    with uproot.recreate(path) as file:
        file.mktree(tree, types, counter_name="n{}".format).extend(columns)
    return path


def test_names_are_different_and_do_not_depend_on_the_order():
    names = field_names(OTHERS)
    assert len(set(names.values())) == len(OTHERS)
    assert names == field_names(reversed(OTHERS))
    assert all(map(is_field_name, names.values()))
    assert field_names(["", "a"]) == {"": ":", "a": "a"}


@pytest.mark.parametrize(
    "options",
    [
        {"codec": Codec.bounded()},
        {"pack": "all"},
        {"pack": "all", "select": Selection(keep_branches="a.b,a b")},
        {"codec": Codec.autoencoder(network=(8,), epochs=1, batch_size=64)},
    ],
    ids=["kept", "packed", "both", "latents"],
)
def test_root_opens_what_is_written(root, tmp_path, options):
    source = dotted(tmp_path / "a.root")
    small, back, tree = (tmp_path / f"{name}.root" for name in ("small", "back", "tree"))
    contents = compress(source, small, to="rntuple", **options)
    assert contents.changed[f"CollectionTree:{PREFIX}Jvt"].endswith(
        "ROOT takes no such name: AnalysisJetsAuxDyn:Jvt"
    )
    assert atlasae.check(source, small).good
    atlasae.decompress(small, back, to="rntuple")
    atlasae.decompress(small, tree)
    if "pack" in options:
        assert atlasae.check(source, back).good
        assert atlasae.check(source, tree).good
    for path in (small, back):
        reader = root.RNTupleReader.Open("CollectionTree", str(path))
        assert reader.GetNEntries() == 100
        names = {str(f.GetFieldName()) for f in reader.GetDescriptor().GetTopLevelFields()}
        assert path == small or {"AnalysisJetsAuxDyn:pt", "a:b", "run"} <= names
    with uproot.open(source) as a, uproot.open(tree) as b:
        assert b["CollectionTree"].keys() == a["CollectionTree"].keys()
        for name in (PREFIX + "Jvt", *OTHERS):
            one, other = (file["CollectionTree"][name].array() for file in (a, b))
            assert ak.array_equal(one, other), name


def test_members_and_trees_are_refused_by_name(tmp_path):
    source = dotted(tmp_path / "a.root", tree="my.tree")
    with pytest.raises(InputError, match=r"no RNTuple of the name of tree 'my\.tree'"):
        compress(source, tmp_path / "small.root", to="rntuple")
    records = ak.zip({"x": ak.Array([{"p.x": 1.0}, {"p.x": 2.0}])}, depth_limit=1)
    with uproot.recreate(tmp_path / "b.root") as file:
        file.mkrntuple("t", records.layout.form).extend(records)
    with pytest.raises(InputError, match=r"ROOT takes no field 'p\.x'"):
        compress(
            tmp_path / "b.root",
            tmp_path / "c.root",
            pack="all",
            select=Selection(keep_branches="x"),
        )
