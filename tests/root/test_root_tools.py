"""Compressed files in the hands of the real ROOT: what can be read stays so."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import uproot

import atlasae
from tests.helpers import compress, make_jets, write_events


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tools")
    return write_events(folder / "events.root", make_jets(400), np.full(200, 2))


@pytest.fixture(scope="module", params=["all", "none", "root"])
def small(request, source, root):
    """The source compressed: by default, with branches kept, and with ROOT as writer."""
    path = source.with_name(f"{request.param}.root")
    if request.param == "all":  # its columns are learned
        atlasae.compress(source, path, allow_larger=True)
    else:
        compress(source, path, writer="root" if request.param == "root" else "uproot")
    return path


def run(root, program, *arguments):
    """Run a program that comes with ROOT."""
    path = Path(root.__file__).parent / "bin" / program
    if not path.exists():
        pytest.skip(f"this ROOT has no {program}")
    done = subprocess.run([path, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def assert_good(source, copied):
    assert [f for f in atlasae.check(source, copied).findings if not f.good] == []


def test_rootcp(source, small, root, tmp_path):
    copied = tmp_path / "copied.root"
    run(root, "rootcp", "-r", "--recreate", f"{small}:*", copied)
    assert_good(source, copied)


def test_hadd_of_one_and_of_two(source, small, root, tmp_path):
    one, two = tmp_path / "one.root", tmp_path / "two.root"
    run(root, "hadd", "-v", "0", one, small)
    assert_good(source, one)
    run(root, "hadd", "-v", "0", two, small, small)
    both = atlasae.concatenate(f"{two}:Events", ["Jet_pt", "event"])
    once = atlasae.concatenate(f"{small}:Events", ["Jet_pt", "event"])
    assert both["event"].tolist() == 2 * once["event"].tolist()
    assert both["Jet_pt"].tolist() == 2 * once["Jet_pt"].tolist()


def test_fast_clones(source, small, root, tmp_path):
    copied = tmp_path / "copied.root"
    with root.TFile(str(small)) as old, root.TFile(str(copied), "RECREATE") as new:
        for path in (
            "Events",
            "more/Runs",
            "atlasae/blocks",
            "atlasae/codecs",
            "atlasae/manifests",
        ):
            folder, _, _ = path.rpartition("/")
            directory = new.mkdir(folder, folder, True) if folder else new
            directory.cd()
            old.Get(path).CloneTree(-1, "fast").Write()
        for name in ("cutflow", "note"):
            new.WriteTObject(old.Get(name), name)
    assert_good(source, copied)


def test_snapshot_of_what_was_kept(source, root, tmp_path):
    small, copied = tmp_path / "small.root", tmp_path / "copied.root"
    compress(source, small)
    frame = root.RDataFrame("Events", str(small))
    frame.Filter("MET_pt > 50").Snapshot("Events", str(copied), ["event", "MET_pt", "Muon_charge"])
    with uproot.open(source) as file, uproot.open(copied) as other:
        chosen = file["Events/MET_pt"].array() > 50
        assert 0 < sum(chosen) < 200
        for name in ("event", "MET_pt", "Muon_charge"):
            expected = file["Events"][name].array()[chosen].tolist()
            assert other["Events"][name].array().tolist() == expected
