"""Quantities of events that compressed files keep."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot
from click.testing import CliRunner

import atlasae
from atlasae import Codec, FileCodecs, Selection, rel
from atlasae.cli.main import main
from atlasae.codecs.bounded import keeping
from atlasae.errors import DamagedFileError, InputError, MissingNameError
from atlasae.jets.observables import observables
from atlasae.root.checking.findings import DIFFERS, WITHIN
from tests.codecs.bounded.test_keeping import matrices
from tests.codecs.samples import make_events
from tests.helpers import compress

KEEP = "Jet_m_jj: 1e-3, sum(Jet_pt): 5e-4, max(Muon.pt) > 40, MET_pt: 1e-3, missing_h_t: abs 0.05"


def write_jets(path, *samples):
    """Jets, muons, which are the first jets of their events, and a missing momentum.

    Each sample is a number of events and a seed.
    """
    types = "var * {mass: float32, pt: float32, phi: float32, eta: float32}"
    with uproot.recreate(path) as file:
        tree = file.mktree("Events", {"Jet": types, "Muon": types, "MET_pt": np.dtype("f4")})
        for events, seed in samples:
            jets = make_events(events, seed)
            jets = ak.zip({"mass" if name == "m" else name: jets[name] for name in jets.fields})
            met = np.random.default_rng(seed).exponential(30, events).astype(np.float32)
            tree.extend({"Jet": jets, "Muon": jets[:, :1], "MET_pt": met})
    return path


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_jets(tmp_path_factory.mktemp("kept") / "a.root", (3000, 0))


@pytest.fixture(scope="module")
def small(source):
    path = source.parent / "small.root"
    compress(source, path, codec=Codec.bounded(keep=KEEP), pack="all")
    return path


def kept(path):
    codecs = FileCodecs.load(path).trees["Events"].collections
    return {name: codec.keep for name, codec in codecs.items()}


def test_each_collection_keeps_what_is_its_own(small):
    of_all = {"missing_h_t": atlasae.abs_(0.05)}
    assert kept(small) == {
        "Jet": {"m_jj": rel(1e-3), "sum(pt)": rel(5e-4), **of_all},
        "Muon": {"max(pt) > 40": rel(0), **of_all},
    }


def test_the_quantities_of_every_event_are_kept(source, small):
    before, after = (atlasae.read_jets(path, collection="Jet") for path in (source, small))
    one, other = (observables(jets, unit="GeV") for jets in (before, after))
    assert np.all(np.abs(other["m_jj"] - one["m_jj"]) <= 1e-3 * one["m_jj"])
    sums = [np.asarray(ak.sum(ak.values_astype(j.pt, "f8"), axis=1)) for j in (before, after)]
    assert np.all(np.abs(sums[1] - sums[0]) <= 5e-4 * sums[0])
    muons = [atlasae.read_jets(path, collection="Muon") for path in (source, small)]
    assert ak.all((ak.max(muons[0].pt, axis=1) > 40) == (ak.max(muons[1].pt, axis=1) > 40))
    met = [
        uproot.open(source)["Events/MET_pt"].array(),
        atlasae.open(small)["Events/MET_pt"].array(),
    ]
    assert ak.all(met[0] == met[1])


def of_jets(contents):
    (part,) = [part for part in contents.parts if part.name == "Jet"]
    return part


@pytest.mark.parametrize("order", ["preserved", "free"])
def test_the_cost_is_in_the_file(source, tmp_path, order):
    parts = []
    for keep in (None, "Jet_m_jj: 1e-3, sum(Jet_pt): 5e-4"):
        codec = Codec.bounded(order=order, keep=keep)
        select = Selection(collections="Jet")
        path = tmp_path / f"{order}{len(parts)}.root"
        parts.append(of_jets(compress(source, path, codec=codec, select=select)))
    plain, part = parts
    assert (plain.quantities, plain.exact_events, plain.exact_bytes) == ((), 0, 0)
    assert part.quantities == ("m_jj: 0.001", "sum(pt): 0.0005")
    assert 50 < part.exact_events < 3000
    assert abs(part.after - plain.after - part.exact_bytes) <= 2
    assert of_jets(atlasae.info(path)) == part


def test_the_command_prints_the_cost(source, tmp_path):
    target = tmp_path / "small.root"
    run = CliRunner().invoke(main, ["compress", str(source), str(target), "--keep", "HT: 1e-4"])
    assert run.exit_code == 0
    part = of_jets(atlasae.info(target))
    cost = f"exact values in {part.exact_events:,} of them, {part.exact_bytes:,} bytes"
    assert f"Jet: kept in each entry: HT: 0.0001; {cost}" in run.output


def test_costs_are_summed_when_files_are_merged(small, tmp_path):
    atlasae.merge([small, small], tmp_path / "both.root")
    one, both = of_jets(atlasae.info(small)), of_jets(atlasae.info(tmp_path / "both.root"))
    assert both.exact_events == 2 * one.exact_events > 0
    assert both.exact_bytes == 2 * one.exact_bytes
    assert both.quantities == one.quantities


@pytest.mark.parametrize("step_size", ["100 MB", 70])
def test_check_compares_them(source, small, step_size):
    result = atlasae.check(source, small, step_size=step_size)
    found = {finding.name: finding for finding in result.findings}
    assert result.good
    assert {name for name in found if " of " in name} == {
        "m_jj: 0.001 of Jet", "sum(pt): 0.0005 of Jet", "missing_h_t: abs 0.05 of Jet",
        "max(pt) > 40 of Muon", "missing_h_t: abs 0.05 of Muon",
    }  # fmt: skip
    assert found["m_jj: 0.001 of Jet"].verdict == WITHIN
    assert 0.9 < found["m_jj: 0.001 of Jet"].error <= 1


def test_check_finds_those_that_are_not_kept(source, tmp_path, monkeypatch):
    def forget(quantities, table, corrected):
        return keeping.Cost()

    monkeypatch.setattr("atlasae.codecs.bounded.block_coder.keep", forget)
    compress(source, tmp_path / "b.root", codec=Codec.bounded(keep="Jet_m_jj: 1e-3"), pack="all")
    monkeypatch.undo()
    (bad,) = atlasae.check(source, tmp_path / "b.root", step_size=500).bad
    assert (bad.name, bad.verdict) == ("m_jj: 0.001 of Jet", DIFFERS)
    assert bad.error > 1
    one, other = (
        atlasae.read_jets(path, collection="Jet") for path in (source, tmp_path / "b.root")
    )
    entries = np.flatnonzero(ak.num(one) > 1)
    before, after = (observables(jets, unit="GeV")["m_jj"] for jets in (one, other))
    first = entries[np.abs(after - before) > 1e-3 * before][0]
    assert bad.note == f"first in entry {first}"
    monkeypatch.setattr("atlasae.codecs.bounded.block_coder.keep", forget)
    codec = Codec.bounded(keep="Jet_m_jj: 1e-3")
    with pytest.raises(DamagedFileError, match=r"m_jj: 0\.001 of Jet differs"):
        atlasae.compress(source, tmp_path / "c.root", codec=codec, verify=True)
    assert not (tmp_path / "c.root").exists()


def test_merged_files_keep_theirs(small, tmp_path):
    more = write_jets(tmp_path / "more.root", (500, 1))
    codec = Codec.bounded(1e-2, keep="Jet_m_jj: 2e-3, HT: 1e-2")
    compress(more, tmp_path / "b.root", codec=codec, pack="all")
    atlasae.merge([small, tmp_path / "b.root"], tmp_path / "both.root")
    whole = write_jets(tmp_path / "whole.root", (3000, 0), (500, 1))
    result = atlasae.check(whole, tmp_path / "both.root")
    assert result.good
    names = {finding.name for finding in result.findings}
    assert {"m_jj: 0.001 of Jet", "m_jj: 0.002 of Jet", "HT: 0.01 of Muon"} <= names
    assert not atlasae.check(
        write_jets(tmp_path / "other.root", (3000, 0), (500, 2)), tmp_path / "both.root"
    ).good


def test_codecs_of_many_files_keep_quantities(source, tmp_path):
    codecs = FileCodecs.fit([source], codec=Codec.bounded(keep="Jet_m_jj: 1e-3"))
    codecs.save(tmp_path / "codecs.safetensors")
    more = write_jets(tmp_path / "more.root", (500, 1))
    compress(more, tmp_path / "b.root", codec=tmp_path / "codecs.safetensors", pack="all")
    assert kept(tmp_path / "b.root")["Jet"] == {"m_jj": rel(1e-3)}
    names = [finding.name for finding in atlasae.check(more, tmp_path / "b.root").findings]
    assert "m_jj: 0.001 of Jet" in names


@pytest.mark.parametrize(
    ("keep", "error", "message"),
    [
        ("mjj: 1e-3", MissingNameError, "'mjj' to keep; did you mean 'm_jj'"),
        ("sum(Jet_ptt): 1e-3", MissingNameError, "'Jet_ptt' to keep; did you mean 'Jet_pt'"),
        ("sum(Jet_pt) + MET_pt: 1e-3", InputError, "not all features of one collection"),
        ("sum(Jet_pt) + sum(Muon_pt): 1e-3", InputError, "not all features of one collection"),
    ],
)
def test_what_no_codec_can_keep_is_refused(source, tmp_path, keep, error, message):
    for call in (
        lambda: atlasae.compress(source, tmp_path / "b.root", codec=Codec.bounded(keep=keep)),
        lambda: FileCodecs.fit([source], codec=Codec.bounded(keep=keep)),
    ):
        with pytest.raises(error, match=message):
            call()
    assert not list(tmp_path.iterdir())


def test_a_mass_that_another_takes_is_missed(source, tmp_path):
    """Without its mass, the mass of two jets would be another number."""
    with pytest.raises(InputError, match="no codec takes all its features together"):
        atlasae.compress(
            source,
            tmp_path / "b.root",
            codec=Codec.bounded(keep="Jet_m_jj: 1e-3"),
            select=Selection(keep_branches="Jet_mass"),
        )


def test_covariances_stay_positive_definite(tmp_path):
    elements = matrices(4000)
    axes = {"x": "0", "y": "1", "z": "2"}
    counts = np.resize([3, 0, 1, 4], 2000)
    counts = counts[: np.searchsorted(np.cumsum(counts), 4000) + 1]
    tracks = {f"cov{axes[b]}{axes[a]}": elements[a + b] for a, b in elements}
    tracks |= dict.fromkeys(("pt", "eta", "phi"), elements["xx"])
    n = int(counts.sum())
    with uproot.recreate(tmp_path / "a.root") as file:
        types = dict.fromkeys(tracks, "float32")
        layout = ", ".join(f"{name}: {kind}" for name, kind in types.items())
        tree = file.mktree("Events", {"Muon": f"var * {{{layout}}}"})
        tree.extend({"Muon": ak.unflatten(ak.zip({k: v[:n] for k, v in tracks.items()}), counts)})
    select = Selection(all_floats=True)
    compress(tmp_path / "a.root", tmp_path / "b.root", codec=Codec.bounded(1e-2), select=select)
    (promise,) = kept(tmp_path / "b.root")["Muon"]
    assert promise == "smallest_pivot(cov00, cov10, cov20, cov11, cov21, cov22)"
    assert atlasae.check(tmp_path / "a.root", tmp_path / "b.root").good
