"""NanoEvents over compressed files read what an analysis uses, and nothing else."""

from __future__ import annotations

import gc
import weakref

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae.errors import InputError, MissingPackageError
from tests.helpers import compress, make_jets, write_nanoaod

pytest.importorskip("coffea", reason="NanoEvents need the extra coffea")

from coffea.nanoevents import BaseSchema, NanoAODSchema, NanoEventsFactory, PHYSLITESchema

from atlasae.root.reading import coffea_events

pytestmark = pytest.mark.filterwarnings("ignore:Missing cross-reference:RuntimeWarning")
LONGEST_CHAIN = 6  # of columns that one needs, itself included


@pytest.fixture(scope="module")
def nanoaod(tmp_path_factory):
    return write_nanoaod(tmp_path_factory.mktemp("nanoaod") / "nano.root", 300)


@pytest.fixture(scope="module")
def small(tmp_path_factory, nanoaod):
    path = tmp_path_factory.mktemp("nanoaod") / "small.root"
    compress(nanoaod, path, pack="all")
    return path


def test_what_an_analysis_touches_is_decoded(small, decoded):
    events = atlasae.nanoevents(small, schemaclass=NanoAODSchema)
    assert len(events) == 300
    assert {"Jet", "GenJet", "genWeight"} <= set(events.fields)
    assert not decoded.branches
    ak.materialize(events.Jet.pt)
    assert decoded.branches == {"Jet_pt", "nJet"}
    assert len(decoded.buffers) <= LONGEST_CHAIN
    decoded.clear()
    ak.materialize(events.Jet.matched_gen.pt)
    assert decoded.branches == {"GenJet_pt", "Jet_genJetIdx", "nGenJet"}
    assert len(decoded.buffers) <= 3 * LONGEST_CHAIN


def test_events_are_those_that_coffea_reads_of_the_original(small, nanoaod):
    expected = NanoEventsFactory.from_root(f"{nanoaod}:Events", mode="eager").events()
    for path in (small, nanoaod):
        events = atlasae.nanoevents(path, metadata={"dataset": "dijets"})
        assert type(events) is type(expected)
        assert events.metadata["dataset"] == "dijets"
        assert set(events.fields) == set(expected.fields)
        for field in expected.fields:
            for one, other in [
                (events[field][n], expected[field][n]) for n in expected[field].fields
            ] or [(events[field], expected[field])]:
                assert ak.array_equal(one, other, equal_nan=True, check_parameters=False), field
        matched, wanted = (e.Jet[e.Jet.pt > 25].matched_gen for e in (events, expected))
        assert ak.drop_none(matched.pt).tolist() == ak.drop_none(wanted.pt).tolist()
        two = events.Jet[ak.num(events.Jet) > 1]
        assert np.all((two[:, 0] + two[:, 1]).mass > 0)


def test_chunks_of_several_files(small, nanoaod, tmp_path):
    other = write_nanoaod(tmp_path / "other.root", 50, seed=1)
    log = []
    files = [small, other]
    events = atlasae.nanoevents(files, entry_start=280, entry_stop=-20, access_log=log)
    expected = uproot.concatenate(
        [f"{path}:Events" for path in (nanoaod, other)], ["Jet_pt", "luminosityBlock"]
    )
    assert ak.to_list(events.Jet.pt) == ak.to_list(expected.Jet_pt[280:330])
    assert [entry.branch for entry in log] == ["nJet", "Jet_pt"]
    assert ak.to_list(events.luminosityBlock) == [0] * 20 + [1] * 30
    whole = atlasae.nanoevents(files)
    assert ak.to_list(whole.Jet.matched_gen.pt[300:]) == ak.to_list(
        atlasae.nanoevents(other).Jet.matched_gen.pt
    )


def test_physlite(tmp_path):
    source, small = tmp_path / "source.root", tmp_path / "small.root"
    counts = [2, 0, 3, 1]
    with uproot.recreate(source) as file:
        data = {
            f"Analysis{name}AuxDyn.{feature}": ak.unflatten(
                make_jets(6, seed, 1000.0)[feature], counts
            )
            for seed, name in enumerate(["Jets", "Electrons"])
            for feature in ("pt", "eta", "phi", "m")
        }
        types = dict.fromkeys(data, "var * float32")
        file.mktree("CollectionTree", types).extend(data)
    compress(source, small, pack="all")
    files = f"{small}:CollectionTree"
    log = []
    events = atlasae.nanoevents(files, schemaclass=PHYSLITESchema, access_log=log)
    assert {"Jets", "Electrons"} <= set(events.fields)
    assert ak.to_list(events.Jets.pt) == ak.to_list(data["AnalysisJetsAuxDyn.pt"])
    assert {entry.branch for entry in log} == {"AnalysisJetsAuxDyn.pt"}
    assert "Electron" in type(events.Electrons).__name__
    assert ak.num((events.Jets + events.Jets).mass).tolist() == counts


def test_branches_of_any_type(tmp_path):
    source, small = tmp_path / "source.root", tmp_path / "small.root"
    record = ak.zip(
        {
            "flag": [True, False],
            "weights": ak.to_regular(ak.Array([[1.0, 2, 3], [4, 5, 6]])),
            "name": ["a", ""],
            "deep": ak.values_astype(ak.Array([[[1.0], []], []]), np.float32),
            "hits": ak.Array([[{"x": 1.0, "n": 2}], []]),
            "maybe": ak.Array([None, 7.0]),
        },
        depth_limit=1,
    )
    with uproot.recreate(source) as file:
        file.mkrntuple("Events", record.layout.form).extend(record)
    compress(source, small, pack="all")
    for path in (source, small):
        events = atlasae.nanoevents(path, schemaclass=BaseSchema)
        assert set(events.fields) == set(record.fields)
        for name in record.fields:
            assert ak.to_list(events[name]) == ak.to_list(record[name])


def test_what_cannot_be_read_as_nanoevents(small, events_file, tmp_path):
    with pytest.raises(InputError, match="schemaclass=7 is no schema, such as NanoAODSchema"):
        atlasae.nanoevents(small, schemaclass=7)
    with pytest.raises(InputError, match="is no schema"):
        atlasae.nanoevents(small, schemaclass=dict)
    with uproot.recreate(tmp_path / "two.root") as file:
        for name in ("a", "b"):
            file.mktree(name, {"x": np.dtype("f4")}).extend({"x": np.ones(2, np.float32)})
    with pytest.raises(InputError, match=r"2 trees \(a, b\); name one, as in .*two\.root:a"):
        atlasae.nanoevents(tmp_path / "two.root")


def test_another_coffea_is_refused(small, monkeypatch):
    class Factory:
        def __init__(self, schema, mapping, partition_key, cache):
            """As it was in 2023."""

    used = {**coffea_events._USED, Factory: {"mode"}}
    monkeypatch.setattr(coffea_events, "_USED", used)
    with pytest.raises(
        MissingPackageError, match=r"works with coffea 2026\.9, not .*from_preloaded"
    ):
        atlasae.nanoevents(small)


def test_files_are_closed_when_nothing_needs_them(small, monkeypatch):
    opened = []
    find = coffea_events.open_trees_of
    monkeypatch.setattr(
        coffea_events, "open_trees_of", lambda *a: opened.append(find(*a)) or opened[0]
    )
    events = atlasae.nanoevents(small)
    files, jets = opened.pop()[0], events.Jet
    gone = weakref.ref(events)
    del events
    assert len(jets.pt) == 300
    assert not files.closed
    del jets
    gc.collect()
    assert gone() is None
    assert files.closed
