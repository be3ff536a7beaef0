"""Files whose type descriptions are written at the end, and compressed."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae.root.io.new_file import new_file
from atlasae.root.io.new_rntuple import new_rntuple
from atlasae.root.io.new_ttree import NewTTree
from atlasae.root.io.stamp import EARLIEST, Stamp
from tests.helpers import compress

STAMP = Stamp("events.root", EARLIEST, "of nothing")
NUMBERS = np.arange(10, dtype="f4")
FORM = ak.forms.RecordForm([ak.forms.NumpyForm("float32")], ["x"])


def add_tree(out):
    tree = NewTTree(out, "tree", {"x": np.dtype("f4")})
    tree.extend({"x": NUMBERS})
    tree.finish()


def add_rntuple(out):
    new_rntuple(out, "ntuple", FORM, "").extend({"x": NUMBERS})


def add_objects(out):
    out["folder/counts"] = np.histogram(NUMBERS)
    out["note"] = "text"


def add_nothing(out):
    pass


def add_all(out):
    for add in (add_objects, add_tree, add_rntuple):
        add(out)


def make(add, path):
    with new_file(path, uproot.ZSTD(5), STAMP) as out:
        add(out)
    return path


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return make(add_all, tmp_path_factory.mktemp("new") / "ours.root")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """The same by uproot alone."""
    path = tmp_path_factory.mktemp("new") / "theirs.root"
    with uproot.recreate(path, compression=uproot.ZSTD(5)) as out:
        add_all(out)
    return path


def test_uproot_reads_the_same_descriptions(ours, theirs):
    with uproot.open(ours) as one, uproot.open(theirs) as other:
        assert one.file.streamers.keys() == other.file.streamers.keys()
        for name, versions in one.file.streamers.items():
            for version, streamer in versions.items():
                expected = other.file.streamers[name][version]
                assert [e.name for e in streamer.elements] == [e.name for e in expected.elements]


def test_they_take_a_fraction(ours, theirs):
    with uproot.open(ours) as one, uproot.open(theirs) as other:
        assert one.file.fNbytesInfo < 0.25 * other.file.fNbytesInfo
    assert ours.stat().st_size < theirs.stat().st_size - 20_000


@pytest.mark.parametrize("add", [add_tree, add_rntuple, add_objects, add_nothing])
def test_root_finds_nothing_wrong(tmp_path, root, capfd, add):
    path = make(add, tmp_path / "a.root")
    file = root.TFile.Open(str(path))
    described = {info.GetName() for info in file.GetStreamerInfoList()}
    with uproot.open(path) as read:
        assert described == set(read.file.streamers)
        assert file.GetListOfKeys().GetSize() == len(read.keys(recursive=False))
    assert not file.TestBit(root.TFile.kRecovered)
    file.Close()
    assert "rror" not in capfd.readouterr().err


def test_hadd_merges_them(tmp_path, root):
    def add_two(out):
        add_objects(out)
        add_tree(out)

    ours = make(add_two, tmp_path / "a.root")
    merger = root.TFileMerger(False)
    merger.OutputFile(str(tmp_path / "all.root"), "RECREATE")
    for _ in range(2):
        merger.AddFile(str(ours))
    assert merger.Merge()
    with uproot.open(tmp_path / "all.root") as file:
        assert file["tree"]["x"].array().tolist() == 2 * NUMBERS.tolist()
        assert file["folder/counts"].values().sum() == 20


def test_uproot_adds_to_them(ours, tmp_path):
    path = tmp_path / "more.root"
    path.write_bytes(ours.read_bytes())
    with uproot.update(path) as file:
        file["more"] = np.histogram2d(NUMBERS, NUMBERS)
    with uproot.open(path) as file:
        assert file["more"].values().sum() == file["folder/counts"].values().sum() == 10
        assert file["tree"]["x"].array().tolist() == NUMBERS.tolist()


def test_the_same_again_is_the_same_file(tmp_path):
    one, other = (make(add_all, tmp_path / name).read_bytes() for name in ("a.root", "b.root"))
    assert one == other
    assert tmp_path.name.encode() not in one
    for stamp in (
        Stamp("events.root", EARLIEST + 1, "of nothing"),
        Stamp("b.root", EARLIEST, "of others"),
    ):
        with new_file(tmp_path / "c.root", uproot.ZSTD(5), stamp) as out:
            add_all(out)
        assert (tmp_path / "c.root").read_bytes() != one


def test_beyond_two_gigabytes(tmp_path, root):
    path = tmp_path / "large.root"
    with new_file(path, uproot.ZSTD(5), STAMP) as out:
        out.file._cascading.freesegments.allocate(3 << 30)  # a hole, which takes no disk
        add_tree(out)
    with uproot.open(path) as file:
        assert file.file.fSeekInfo > 2 << 30
        assert "TTree" in file.file.streamers
    file = root.TFile.Open(str(path))
    assert "TTree" in {info.GetName() for info in file.GetStreamerInfoList()}
    assert file.Get("tree").GetEntries() == 10
    file.Close()


def test_every_file_of_atlasae_has_them(events_file, tmp_path):
    small, back, merged = (tmp_path / f"{name}.root" for name in ("small", "back", "merged"))
    compress(events_file, small, pack="all", codec=atlasae.BoundedCodec("lossless"))
    atlasae.decompress(small, back)
    atlasae.merge([small, small], merged)
    for path in (small, back, merged):
        with uproot.open(path) as file:
            assert file.file.fNbytesInfo < 6_000, path
