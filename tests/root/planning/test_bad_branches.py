"""A branch that cannot be read or written costs itself, not the file."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae.errors import InputError
from atlasae.root.io.file import Trees, open_root
from atlasae.root.io.ttree import TTreeWriter
from tests.helpers import compress, make_jets, write_events
from tests.root.helpers import damage


@pytest.fixture
def paths(tmp_path):
    return [tmp_path / f"{name}.root" for name in ("source", "small", "back")]


def assert_all_but(paths, bad, **options):
    """Refused by name, with the way out; that way, all but these branches come back bit for bit."""
    source, small, back = paths
    with pytest.raises(InputError, match=r"cannot write .*--drop-unwritable") as refusal:
        compress(source, small, **options)
    assert "\n" not in str(refusal.value)
    assert all(name in str(refusal.value) for name in bad)
    assert not small.exists()
    contents = compress(source, small, drop_unwritable=True, **options)
    assert contents.left_out.keys() == bad
    assert atlasae.check(source, small).good
    atlasae.decompress(small, back)
    with open_root(source) as one, uproot.open(back) as other:
        before = {
            f"{path}:{name}": tree.read([name], 0, tree.num_entries)[name]
            for path, tree in Trees(one).items()
            for name in tree.schema.names
            if f"{path}:{name}" not in bad
        }
        for name, array in before.items():
            assert ak.array_equal(array, other[name.replace(":", "/")].array(), equal_nan=True)
    assert before
    return contents


@pytest.mark.parametrize(
    ("bad", "pack"),
    [
        ({"MET_pt": 0, "Muon_charge": 1}, "none"),
        ({"Jet_mass": 1}, "none"),
        ({"weights": 1, "Jet_mass": 0}, "all"),
        ({"trigger": 0}, "all"),
    ],
)
def test_baskets_that_cannot_be_read(paths, bad, pack):
    write_events(paths[0], make_jets(400), np.full(200, 2), compression=uproot.ZLIB(1))
    for branch, basket in bad.items():
        damage(paths[0], "Events", branch, basket)
    lossless = atlasae.Codec.bounded(tolerance="lossless")
    assert_all_but(paths, {f"Events:{branch}" for branch in bad}, pack=pack, codec=lossless)


def test_a_basket_of_another_size_than_its_type(paths):
    with uproot.recreate(paths[0], compression=None) as file:
        tree = file.mktree("t", {"bad": np.dtype(("f4", (3,))), "x": "f8"})
        tree.extend({"bad": np.zeros((7, 3), "f4"), "x": np.arange(7.0)})
    data = paths[0].read_bytes()
    assert b"bad[3]" in data
    paths[0].write_bytes(data.replace(b"bad[3]", b"bad[4]"))
    contents = assert_all_but(paths, {"t:bad"}, pack="all")
    assert "wrong number of bytes" in contents.left_out["t:bad"]


@pytest.mark.parametrize("keep", [(), ("bad",)])
@pytest.mark.parametrize(
    "bad",
    [
        ak.concatenate([ak.Array([1, 2]), ak.Array(["a", "b"])]),
        ak.Array([[{"x": 1}, "a"], [], [], []]),
        ak.zip({"u": ak.concatenate([ak.Array([1, 2]), ak.Array(["a", "b"])])}),
    ],
    ids=["union", "union in lists", "union in a record"],
)
def test_a_type_that_cannot_be_packed_is_known_before_anything_is_read(
    paths, bad, keep, monkeypatch
):
    with uproot.recreate(paths[0]) as file:
        file.mkrntuple("t", {"bad": bad, "x": ak.Array([1.0, 2.0, 3.0, 4.0])})
    select = atlasae.Selection(keep_branches=keep)
    assert_all_but(paths, {"t:bad"}, pack="all", select=select)
    monkeypatch.setattr(uproot.behaviors.RNTuple.HasFields, "arrays", None)
    with pytest.raises(InputError, match=r"cannot write t:bad: type .*union"):
        compress(paths[0], paths[1], pack="all", force=True)


def test_a_branch_that_uproot_cannot_interpret(paths, monkeypatch):
    write_events(paths[0], make_jets(8), np.full(4, 2))
    interpret = uproot.TBranch.interpretation.fget

    def of_all_but_one(branch):
        if branch.name == "weights":
            raise ValueError("field 'I32' occurs more than once")
        return interpret(branch)

    monkeypatch.setattr(uproot.TBranch, "interpretation", property(of_all_but_one))
    contents = assert_all_but(paths, {"Events:weights"}, pack="all")
    assert contents.left_out["Events:weights"].endswith("field 'I32' occurs more than once")


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("traps/tbase.root", {"tree:d2"}),
        ("traps/v5formula_clones.root", {"fTS:f_Int0", "fTS:f_Int1"}),
        ("by_root/rnt_f_streamer_tlv.root", {"Events:lv"}),
    ],
)
def test_real_files_with_a_branch_that_cannot_be_read(shared_data, tmp_path, name, bad):
    source, small = shared_data / "root" / name, tmp_path / "small.root"
    with pytest.raises(InputError, match=f"cannot write .*{min(bad)}"):
        compress(source, small, pack="all")
    contents = compress(source, small, pack="all", drop_unwritable=True)
    assert bad <= contents.left_out.keys()
    assert all(atlasae.check(source, small).counts[verdict] for verdict in ("exact", "left out"))


def test_a_file_none_of_whose_branches_can_be_read_says_so(paths):
    with uproot.recreate(paths[0]) as file:
        file.mktree("t", {"x": np.dtype("f8")}).extend({"x": np.arange(500.0)})
    damage(paths[0], "t", "x", 0)
    with pytest.raises(InputError, match="no branch that can be read: t:x: cannot be read: ") as no:
        compress(paths[0], paths[1], pack="all", drop_unwritable=True)
    assert "--pack" not in str(no.value)


@pytest.mark.parametrize("pack", ["none", "all"])
def test_a_tree_without_branches_goes_along(paths, pack):
    source, small, back = paths
    with uproot.recreate(source) as file:
        file.mkrntuple("empty", {}, description="without a field")
        if pack == "none":
            file.mktree("t", {"pt": "f4", "eta": "f4", "phi": "f4"}).extend(
                dict.fromkeys(("pt", "eta", "phi"), np.ones(50, "f4"))
            )
    assert compress(source, small, pack=pack).left_out == {}
    assert atlasae.decompress(small, back).left_out == {}
    with uproot.open(back) as file:
        assert (file["empty"].keys(), file["empty"].num_entries) == ([], 0)
        assert file["empty"].description == "without a field"


def test_what_fails_without_a_bad_branch_stays_an_error(paths):
    source, small, _ = paths
    write_events(source, make_jets(40), np.full(20, 2))
    codec = atlasae.Codec.bounded().fit(make_jets(40))
    codec.encode_blocks = None
    with pytest.raises(TypeError, match="not callable"):
        compress(source, small, codec=codec, drop_unwritable=True)
    assert not small.exists()


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        MemoryError("too large"),
        InputError("4 latents for 4 features"),
    ],
)
def test_what_is_no_fault_of_a_branch_is_raised_as_it_is(paths, monkeypatch, error):
    def fail(*_):
        raise error

    source, small, _ = paths
    write_events(source, make_jets(40), np.full(20, 2))
    monkeypatch.setattr(TTreeWriter, "extend", fail)
    with pytest.raises(type(error), match=error.args[-1]):
        compress(source, small, drop_unwritable=True)
    assert not small.exists()


def write_two_trees(path):
    """Two trees and two histograms, without compression; gives where each lies in the file."""
    with uproot.recreate(path, compression=None) as file:
        for name in ("good", "bad"):
            file.mktree(name, {"x": np.dtype("f8")}).extend({"x": np.arange(9.0)})
            file[f"h{name}"] = np.histogram([1.0], 3)
    with uproot.open(path) as file:
        return {name: file.key(name).fSeekKey + file.key(name).fKeylen for name in ("bad", "hbad")}


@pytest.mark.parametrize("bad", ["bad", "hbad"])
def test_a_tree_or_histogram_that_cannot_be_read(paths, bad):
    source, small, _ = paths
    at = write_two_trees(source)[bad]
    data = bytearray(source.read_bytes())
    data[at : at + 40] = b"\xee" * 40
    source.write_bytes(data)
    with pytest.raises(InputError, match=rf"cannot write {bad}: .*cannot be read.*drop-unwritable"):
        compress(source, small, pack="all")
    contents = compress(source, small, pack="all", drop_unwritable=True)
    assert contents.left_out.keys() == {bad}
    result = atlasae.check(source, small)
    assert result.good
    assert [(f.path, f.name) for f in result.findings if f.verdict == "left out"] == [(bad, "")]
    assert ("good", "x") in [(f.path, f.name) for f in result.findings if f.verdict == "exact"]


def test_a_file_none_of_whose_trees_can_be_read_says_so(paths):
    with uproot.recreate(paths[0]) as file:
        file.mkrntuple("t", {"x": np.arange(9.0)})
    with uproot.open(paths[0]) as file:
        at = file["t"].member("fSeekHeader")
    data = bytearray(paths[0].read_bytes())
    data[at : at + 20] = b"\xee" * 20
    paths[0].write_bytes(data)
    with pytest.raises(InputError, match="no tree that can be read: t: cannot be read: "):
        compress(paths[0], paths[1], pack="all", drop_unwritable=True)
