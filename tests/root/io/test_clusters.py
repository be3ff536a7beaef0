"""Long baskets and clusters are decompressed once, and no chunk is held longer than needed."""

from __future__ import annotations

import weakref

import awkward as ak
import numpy as np
import pytest
import uproot

from atlasae.root.fitting.entry_sample import read_sample
from atlasae.root.io import clusters
from atlasae.root.io.clusters import ClusterReader
from atlasae.root.io.file import Trees, open_root

ENTRIES = 1000


@pytest.fixture(params=["ttree", "rntuple"])
def tree(request, tmp_path):
    """A tree with two clusters: entries 0 to 700, and 700 to 1000."""
    counts = np.random.default_rng(0).poisson(2, ENTRIES)
    pt = ak.unflatten(np.arange(counts.sum(), dtype=np.float32), counts)
    arrays = {"Jet_pt": pt, "met": np.arange(ENTRIES, dtype=np.float64)}
    path = tmp_path / "events.root"
    with uproot.recreate(path) as file:
        types = {"Jet_pt": "var * float32", "met": "float64"}
        if request.param == "ttree":
            written = file.mktree("Events", types, counter_name=lambda _: "nJet")
        else:
            written = file.mkrntuple("Events", ak.zip(arrays, depth_limit=1).layout.form)
        for first, last in ((0, 700), (700, ENTRIES)):
            chunk = {name: array[first:last] for name, array in arrays.items()}
            is_ttree = request.param == "ttree"
            written.extend(chunk if is_ttree else ak.zip(chunk, depth_limit=1))
    with open_root(path) as file:
        yield Trees(file)["Events"], arrays


@pytest.fixture
def reads(monkeypatch):
    """The ranges of entries that are read from the file, for each branch or for all together."""
    seen = []
    original = ClusterReader.__init__

    def recording(self, names, read, *ends):
        def recorded(names, start, stop):
            seen.append((*names, start, stop))
            return read(names, start, stop)

        original(self, names, recorded, *ends)

    monkeypatch.setattr(clusters.ClusterReader, "__init__", recording)
    return seen


@pytest.mark.parametrize("step", [1, 64, 300, 699, 700, 999, 5000])
def test_chunks_are_the_entries_of_the_tree(tree, step):
    reader, arrays = tree
    chunks = list(reader.iterate(["Jet_pt", "met"], step))
    assert [start for start, _ in chunks] == list(range(0, ENTRIES, step))
    for name, values in arrays.items():
        pieces = [chunk[name] for _, chunk in chunks]
        assert {len(piece) for piece in pieces[:-1]} <= {step}
        assert ak.array_equal(ak.concatenate(pieces), values)


def test_a_long_cluster_is_read_once_and_branch_by_branch(tree, reads):
    for _ in tree[0].iterate(["Jet_pt", "met"], 64):
        pass
    assert reads == [
        ("Jet_pt", 0, 700),
        ("met", 0, 700),
        ("Jet_pt", 700, 1000),
        ("met", 700, 1000),
    ]


def test_offsets_of_a_collection_are_held_once(tmp_path):
    pt = ak.unflatten(np.arange(300, dtype=np.float32), np.full(100, 3))
    columns = {"Jet_pt": pt, "Jet_eta": -pt, "Muon_pt": pt[:, :2]}
    with uproot.recreate(tmp_path / "events.root") as file:
        types = dict.fromkeys(columns, "var * float32")
        file.mktree("Events", types, counter_name=lambda name: f"n{name}").extend(columns)
    with open_root(tmp_path / "events.root") as file:
        _, chunk = next(Trees(file)["Events"].iterate(list(columns), 10))
    offsets = {name: array.layout.offsets.data for name, array in chunk.items()}
    assert np.shares_memory(offsets["Jet_pt"], offsets["Jet_eta"])
    assert not np.shares_memory(offsets["Jet_pt"], offsets["Muon_pt"])
    for name, values in columns.items():
        assert ak.array_equal(chunk[name], values[:10])


def test_short_clusters_are_read_with_all_branches_at_once(tree, reads):
    assert [start for start, _ in tree[0].iterate(["Jet_pt", "met"], 900)] == [0, 900]
    assert reads == [("Jet_pt", "met", 0, 900), ("Jet_pt", "met", 900, 1000)]


def test_a_single_range_is_all_that_is_read(tree, reads):
    reader, arrays = tree
    assert ak.array_equal(reader.read(["met"], 10, 20)["met"], arrays["met"][10:20])
    assert [len(chunk["met"]) for _, chunk in reader.iterate(["met"], 100, 0, 250)] == [
        100,
        100,
        50,
    ]
    assert reads == [("met", 10, 20), ("met", 0, 250)]


def test_the_sample_of_a_long_cluster_takes_one_read(tree, reads):
    reader, arrays = tree
    sample = read_sample(reader, ["met"], 100)
    assert [stop for _, _, stop in reads] == [700, 1000]
    windows = [arrays["met"][start : start + 5] for start in np.linspace(0, 995, 20).astype(int)]
    assert sample["met"].tolist() == np.concatenate(windows).tolist()


@pytest.mark.parametrize("step", [64, 5000])
def test_a_chunk_is_released_before_the_next_is_read(tree, step):
    chunks = tree[0].iterate(["met"], step)
    _, chunk = next(chunks)
    chunk_is_alive = weakref.ref(chunk["met"])
    del chunk
    assert chunk_is_alive() is None
    next(chunks, None)
