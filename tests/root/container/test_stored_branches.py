"""Branches that are stored as they were keep their values, or their damage is named."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae import Codec
from atlasae.errors import DamagedFileError
from atlasae.root.checking.check import check
from atlasae.root.container import stored_branches
from atlasae.root.container.manifest import Manifest
from atlasae.root.io.ttree import TTreeReader
from atlasae.root.merge import merge
from tests.helpers import compress, make_jets, write_events
from tests.root.helpers import StoredFile, assert_true_or_error, restored

EVENTS = 400
STEP = 50
COMPRESSIONS = {"zstd": uproot.ZSTD(5), "zlib": uproot.ZLIB(1)}  # without a checksum, and with one
FLIPS = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory, codec):
    """Files in which most branches are kept, in four clusters of two baskets each."""
    path = tmp_path_factory.mktemp("stored")
    counts = np.random.default_rng(0).poisson(2, EVENTS)
    bounded = Codec.bounded().fit(make_jets(500))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored_branches, "_CLUSTER_BYTES", 8000)
        for name, compression in COMPRESSIONS.items():
            source = write_events(
                path / f"{name}.root", make_jets(counts.sum()), counts, compression=compression
            )
            for kind, options in {
                "ttree": {"codec": bounded},
                "rntuple": {"codec": bounded, "to": "rntuple"},
                "latents": {"codec": codec},
            }.items():
                compress(source, path / f"{name}_{kind}.root", step_size=STEP, **options)
    return path


def clusters(path):
    (manifest, *_) = map(Manifest.from_bytes, StoredFile.of(path).manifests)
    return [cluster.entries for cluster in manifest.clusters]


def baskets(path, names):
    """Where the baskets of branches of Events lie in a file, without their keys."""
    with uproot.open(path) as file:
        places = []
        for name in names:
            branch = file["Events"][name]
            seeks, sizes = branch.member("fBasketSeek"), branch.member("fBasketBytes")
            ends = (seeks + sizes).tolist()
            places += [(a + 80, b) for a, b in zip(seeks.tolist(), ends, strict=True) if b > a + 80]
    return places


def flipped(path, target, rng, places):
    data = np.fromfile(path, np.uint8)
    first, last = places[rng.integers(len(places))] if places else (100, len(data))
    data[rng.integers(first, last)] ^= 1 << int(rng.integers(8))
    data.tofile(target)


@pytest.mark.parametrize("kind", ["ttree", "rntuple", "latents"])
@pytest.mark.parametrize("name", COMPRESSIONS)
def test_a_flip_is_an_error_or_harmless(folder, tmp_path, name, kind):
    path, rng = folder / f"{name}_{kind}.root", np.random.default_rng(1)
    true = restored(path)
    kept = ["MET_pt", "event", "weights", "Jet_isTight", "trigger"]
    places = baskets(path, kept) if kind != "rntuple" else []
    errors = []
    for _ in range(FLIPS):
        flipped(path, tmp_path / "flipped.root", rng, places)
        errors.append(assert_true_or_error(tmp_path / "flipped.root", true))
    assert any(errors)
    if name == "zstd" and kind == "ttree":
        assert any("checksum does not agree" in error for error in errors)


@pytest.fixture(scope="module")
def damaged(folder, tmp_path_factory):
    """A file with another number in entry 170 of MET_pt, which its compression does not notice."""
    source = folder / "zstd_ttree.root"
    stored = StoredFile.of(source)
    path = tmp_path_factory.mktemp("damaged") / "damaged.root"
    with pytest.MonkeyPatch.context() as patch:
        read = atlasae.root.io.tree.TreeReader.read

        def other(self, names, start, stop):
            arrays = read(self, names, start, stop)
            if "MET_pt" in arrays and self.path == "Events":
                values = ak.to_numpy(arrays["MET_pt"]).copy()
                values.view(np.uint32)[170] ^= 1
                arrays["MET_pt"] = ak.Array(values)
            return arrays

        patch.setattr(atlasae.root.io.tree.TreeReader, "read", other)
        stored.write(source, path)
    return path


def test_clusters_are_as_large_as_asked(folder):
    sizes = clusters(folder / "zstd_ttree.root")
    assert sum(sizes) == EVENTS
    assert len(sizes) > 2
    assert all(size % STEP == 0 for size in sizes)


@pytest.mark.parametrize("step", [1, 7, 50, 1000])
def test_reading_a_cluster_one_step_after_another_finds_damage(folder, damaged, step):
    edges = np.cumsum(clusters(damaged))
    end = int(edges[edges > 170][0])
    with atlasae.open(damaged) as file:
        chunks, read = file["Events"].iterate(["MET_pt", "run"], step_size=step), []
        with pytest.raises(DamagedFileError, match=r"damaged\.root.*'Events'.*'MET_pt', entries"):
            read.extend(len(chunk) for chunk in chunks)
        assert sum(read) < end
        others = list(file["Events"].iterate(["run", "weights"], step_size=step))
    assert sum(map(len, others)) == EVENTS


def test_whole_branches_and_check_find_damage(folder, damaged, tmp_path):
    with atlasae.open(damaged) as file:
        with pytest.raises(DamagedFileError, match="checksum does not agree"):
            file["Events"].arrays()
        with pytest.raises(DamagedFileError, match="checksum does not agree"):
            file["Events/MET_pt"].array(library="np")
        start = clusters(damaged)[0]
        with pytest.raises(DamagedFileError, match="checksum does not agree"):
            file["Events/MET_pt"].array(entry_start=0, entry_stop=EVENTS - 1)
        assert start < 170
    with pytest.raises(DamagedFileError, match="checksum does not agree"):
        check(folder / "zstd.root", damaged)
    with pytest.raises(DamagedFileError, match="checksum does not agree"):
        atlasae.decompress(damaged, tmp_path / "back.root")
    assert not list(tmp_path.iterdir())


def test_merged_files_have_the_checksums_of_each(folder, damaged, tmp_path):
    parts = [folder / "zlib_ttree.root", folder / "zstd_ttree.root"]
    merge(parts, tmp_path / "whole.root", step_size=33)
    assert len(restored(tmp_path / "whole.root")["Events:MET_pt"]) == 2 * EVENTS
    merge([parts[0], damaged], tmp_path / "all.root")
    with pytest.raises(DamagedFileError, match=rf"'MET_pt', entries {EVENTS}|'MET_pt', entries 5"):
        restored(tmp_path / "all.root")


def test_a_part_is_read_without_the_rest_of_its_cluster(folder, damaged, monkeypatch):
    with atlasae.open(folder / "zstd_ttree.root") as file:
        expected = file["Events"].arrays(["MET_pt"])
    asked = []
    read = TTreeReader._arrays

    def watched(self, branches, start, stop):
        asked.append((start, stop))
        return read(self, branches, start, stop)

    monkeypatch.setattr(TTreeReader, "_arrays", watched)
    with atlasae.open(damaged) as file:
        found = file["Events"].arrays(["MET_pt"], entry_start=3, entry_stop=11)
    assert ak.array_equal(found, expected[3:11], equal_nan=True)
    assert asked == [(3, 11)]
