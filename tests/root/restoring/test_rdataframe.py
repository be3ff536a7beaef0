"""ROOT's RDataFrame of trees, compressed or not."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae.errors import InputError, MissingNameError, MissingPackageError
from atlasae.root.restoring import rdataframe as module
from tests.helpers import compress, make_jets, write_events


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A file, and the same compressed."""
    folder = tmp_path_factory.mktemp("frames")
    source = write_events(folder / "events.root", make_jets(200), np.full(100, 2))
    compress(source, folder / "small.root", pack="all")
    return source, folder / "small.root"


def columns_of(frame, *names):
    read = frame.AsNumpy(list(names))  # at once, as ROOT compiles for each time
    return {name: [np.asarray(row).tolist() for row in rows] for name, rows in read.items()}


def test_both_give_the_same(root, files):
    names = ("Jet_pt", "nJet", "MET_pt", "weights", "Jet_isTight")
    plain, decoded = (atlasae.rdataframe({file: "Events"}, step_size=30) for file in files)
    one, other = columns_of(plain, *names), columns_of(decoded, *names)
    np.testing.assert_equal(other, one)
    assert len(one["nJet"]) == 100
    assert [str(plain.GetColumnType(name)) for name in names] == [
        str(decoded.GetColumnType(name)) for name in names
    ]


def test_what_was_not_asked_for_is_not_decoded(root, files):
    frame = atlasae.rdataframe({files[1]: "Events"}, ["*_pt", "event"])
    assert sorted(map(str, frame.GetColumnNames())) == ["Jet_pt", "MET_pt", "event", "nJet"]


def test_several_files_are_one_frame(root, files, tmp_path):
    odd = tmp_path / "a?b#c.root"
    odd.write_bytes(files[0].read_bytes())
    frame = atlasae.rdataframe([{files[1]: "Events"}, {odd: "Events"}], "event")
    assert frame.Count().GetValue() == 200
    assert frame.Max("event").GetValue() == 99 * 10**12


def test_a_snapshot_is_an_ordinary_file(root, files, tmp_path):
    frame = atlasae.rdataframe({files[1]: "Events"}, ["Jet_pt", "nJet"])
    written = tmp_path / "snapshot.root"
    frame.Define("HT", "Sum(Jet_pt)").Snapshot("Events", str(written), ["Jet_pt", "nJet", "HT"])
    with uproot.open(files[0]) as file, uproot.open(written) as other:
        pt = file["Events/Jet_pt"].array()
        assert other["Events"].typenames() == {
            "nJet": "int32_t",
            "Jet_pt": "float[]",
            "HT": "float",
        }
        assert other["Events/Jet_pt"].array().tolist() == pt.tolist()
        np.testing.assert_allclose(other["Events/HT"].array(), ak.sum(pt, axis=1), rtol=1e-6)


def test_an_rntuple_is_given_too(root, files, tmp_path):
    small = tmp_path / "small.root"
    compress(files[0], small, pack="all", to="rntuple")
    frame = atlasae.rdataframe({small: "Events"}, ["Jet_pt"])
    assert frame.Sum("Jet_pt").GetValue() == pytest.approx(
        atlasae.rdataframe({files[0]: "Events"}).Sum("Jet_pt").GetValue()
    )


@pytest.mark.parametrize("number", [0, 1])
def test_mistakes_are_named(root, files, number):
    with pytest.raises(MissingNameError, match=r"no column 'Jet_pT'.*did you mean 'Jet_pt'"):
        atlasae.rdataframe({files[number]: "Events"}, ["Jet_pT"])
    with pytest.raises(MissingNameError, match=r"no tree 'events'.*'Events'"):
        atlasae.rdataframe({files[number]: "events"})
    with pytest.raises(InputError, match="columns names nothing"):
        atlasae.rdataframe(files[number], [])
    assert atlasae.rdataframe(files[number]).Count().GetValue() == 100  # of Events


def test_without_root_it_says_what_to_install(files, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ROOT", None)
    with pytest.raises(MissingPackageError, match=r"rdataframe needs ROOT: .*'atlasae\[root\]'"):
        atlasae.rdataframe(files[0])


def test_the_copies_lie_among_the_temporary_files(root, files):
    atlasae.rdataframe({files[1]: "Events"}, "nJet")
    assert list(module.Path(module._folder().name).glob("*/columns.root"))
