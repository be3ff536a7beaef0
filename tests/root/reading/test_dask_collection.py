"""Dask collections read the columns that a graph needs, partition by partition."""

from __future__ import annotations

import pickle

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae.errors import DamagedFileError, InputError, MissingNameError
from tests.helpers import compress, make_jets, write_events

dak = pytest.importorskip("dask_awkward", reason="Dask collections need the extra dask")

import hist
import hist.dask
import vector
from dask.distributed import Client, LocalCluster

HERE = {"scheduler": "synchronous"}


@pytest.fixture(scope="module")
def files(folder):
    """An ordinary TTree, one compressed in blocks, an RNTuple."""
    return {str(path): "Events" for path in sorted(folder.glob("*.root"))}


def test_entries_are_those_of_the_files(files):
    events = atlasae.dask(files, step_size=200)
    expected = atlasae.concatenate(files)
    assert set(events.fields) == set(expected.fields)
    assert events.known_divisions
    assert events.divisions[-1] == len(events) == len(expected)
    computed = events.compute(**HERE)
    for name in expected.fields:
        assert ak.array_equal(computed[name], expected[name], equal_nan=True), name
    assert ak.all(events.Jet_pt.compute(**HERE) == expected.Jet_pt)


def test_partitions_end_where_blocks_end(blocks_file):
    with atlasae.open(f"{blocks_file}:Events") as tree:
        ends = set(tree._reader.block_ends.tolist())
        entries = tree.num_entries
    assert len(ends) > 3
    for step_size in (1, 100, 10**6, "1 kB", "100 MB"):
        edges = atlasae.dask(f"{blocks_file}:Events", step_size=step_size).divisions
        assert set(edges[1:]) <= ends
        assert (edges[0], edges[-1]) == (0, entries)
    assert set(atlasae.dask(blocks_file, step_size=1).divisions[1:]) == ends
    assert atlasae.dask(blocks_file, step_size=10**6).npartitions == 1


def test_collections_are_momenta(files, events_file):
    jets = atlasae.dask(files, collection="Jet", all_features=True, step_size=300)
    with atlasae.open(files) as tree:
        expected = tree.collection("Jet", all_features=True)
    assert jets.npartitions > 3
    computed = jets.compute(**HERE)
    assert isinstance(computed, vector.backends.awkward.MomentumArray4D)
    assert str(computed.type) == str(expected.type)
    assert ak.array_equal(computed, expected)
    two, both = jets[dak.num(jets) > 1], expected[ak.num(expected) > 1]
    masses = (two[:, 0] + two[:, 1]).mass
    assert ak.array_equal(masses.compute(**HERE), (both[:, 0] + both[:, 1]).mass)
    assert dak.num(jets, axis=0).compute(**HERE) == len(expected)


def test_only_the_columns_that_a_graph_touches_are_decoded(events_file, tmp_path, decoded):
    compress(events_file, tmp_path / "small.root", pack="all")
    jets = atlasae.dask(tmp_path / "small.root", collection="Jet", all_features=True)
    events = atlasae.dask(tmp_path / "small.root")
    assert not decoded.branches
    for question, columns in (
        (jets.pt, {"Jet_pt"}),
        (jets.px, {"Jet_pt", "Jet_phi"}),
        (jets[jets.isTight].eta, {"Jet_eta", "Jet_isTight"}),
        (events.Jet_pt[events.run > 5], {"Jet_pt", "run"}),
        (dak.num(jets, axis=0), set()),
    ):
        question.compute(**HERE)
        assert decoded.branches == columns
        decoded.clear()


def test_a_collection_with_one_momentum_an_entry(tmp_path):
    muons = make_jets(20)
    with uproot.recreate(tmp_path / "flat.root") as file:
        file.mktree("events", {n: v.dtype for n, v in muons.items()}).extend(muons)
    flat = atlasae.dask(tmp_path / "flat.root", collection="")
    assert ak.to_list(flat.pt.compute(**HERE)) == muons["pt"].tolist()


def test_what_workers_get_is_small_and_reads_the_same(files):
    jets = atlasae.dask(files, collection="Jet", step_size=300)
    (layer,) = jets.dask.layers.values()
    reader = pickle.loads(pickle.dumps(layer.io_func.project_columns(frozenset({"pt"}))))
    assert len(pickle.dumps(reader)) < 2000
    part = reader(layer.inputs[1])
    assert ak.array_equal(part.pt, jets.partitions[1].pt.compute(**HERE))
    assert isinstance(part, vector.backends.awkward.MomentumArray4D)


@pytest.mark.slow
def test_two_worker_processes_fill_the_same_histogram(files):
    jets = atlasae.dask(files, collection="Jet", step_size=300)
    filled = hist.dask.Hist.new.Reg(20, 0, 200, name="pt").Int64()
    filled.fill(dak.flatten(jets.pt))
    eager = hist.Hist.new.Reg(20, 0, 200, name="pt").Int64()
    eager.fill(ak.flatten(atlasae.read_jets(files).pt))
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        Client(cluster),
    ):
        assert np.array_equal(filled.compute().values(), eager.values())
    assert eager.values().sum() > 1000


def test_what_cannot_be_a_collection(files, blocks_file, events_file, tmp_path):
    with pytest.raises(MissingNameError, match=r"no collection 'jets' in .*did you mean 'Jet'"):
        atlasae.dask(files, collection="jets")
    with pytest.raises(InputError, match="filter_name chooses branches; leave it out"):
        atlasae.dask(files, collection="Jet", filter_name="Jet_*")
    with pytest.raises(InputError, match="step size 0 is neither"):
        atlasae.dask(files, step_size=0)
    assert atlasae.dask(files, filter_name="Jet_*").fields[0] == "Jet_pt"
    few = tmp_path / "few.root"
    with uproot.recreate(few) as file:
        file.mktree("Events", {"run": np.dtype("f4")}).extend({"run": np.ones(2, np.float32)})
    with pytest.raises(MissingNameError, match=r"no branch 'Jet_pt' in .*few\.root"):
        atlasae.dask([events_file, few], filter_name="Jet_pt")
    with pytest.raises(InputError, match=r"few\.root.*'run' is float32, and uint32 in"):
        atlasae.dask([events_file, few], filter_name="run")
    with uproot.recreate(few) as file:
        file["h"] = np.histogram([1.0, 2.0])
    with pytest.raises(InputError, match=r"few\.root: no TTree or RNTuple in the file"):
        atlasae.dask(few)


def test_a_file_that_was_written_anew_is_not_read(tmp_path):
    path = tmp_path / "a.root"
    for seed in (0, 1):
        write_events(path, make_jets(20, seed), np.full(10, 2))
        if not seed:
            events = atlasae.dask(path)
    with pytest.raises(DamagedFileError, match=r"a\.root is another file now; call atlasae.dask"):
        events.run.compute(**HERE)


def test_columns_of_other_lengths_do_not_make_records(tmp_path):
    jets = make_jets(6)
    with uproot.recreate(tmp_path / "a.root") as file:
        data = {f"Jet_{name}": ak.unflatten(values, [1, 2, 3]) for name, values in jets.items()}
        data["Jet_hits"] = ak.unflatten(jets["m"], [2, 2, 2])
        file.mktree("Events", dict.fromkeys(data, "var * float32")).extend(data)
    records = atlasae.dask(tmp_path / "a.root", collection="Jet", all_features=True)
    assert len(records.px.compute(**HERE)) == 3
    with pytest.raises(InputError, match=r"a\.root.*'hits' and 'pt' have other numbers"):
        (records.pt + records.hits).compute(**HERE)


def test_no_entries_make_one_partition(tmp_path):
    path = write_events(tmp_path / "empty.root", make_jets(0), np.zeros(0, int))
    jets = atlasae.dask(path, collection="Jet")
    assert (jets.npartitions, len(jets)) == (1, 0)
    assert ak.to_list(jets.pt.compute(**HERE)) == []
