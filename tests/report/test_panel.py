"""The first panel: promises kept and broken, bins, weights."""

from __future__ import annotations

from dataclasses import replace
from html import unescape
from types import SimpleNamespace

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae import Codec
from atlasae.errors import AtlasaeError, MissingNameError
from atlasae.fidelity.changes import leading_two
from atlasae.jets.observables import OBSERVABLES
from atlasae.jets.table import Table
from atlasae.report.figures import figures_of
from atlasae.report.page import _SYMBOLS
from atlasae.report.promises import panel, verdict
from atlasae.report.reading import read_comparison
from atlasae.report.summary import summarize
from tests.helpers import compress, make_jets

COUNTS = np.tile([3, 0, 2, 1], 250)


@pytest.fixture(scope="module")
def ordered():
    """Jets sorted by pt in each event, with a pt and an eta at edges of bins."""
    values = make_jets(int(COUNTS.sum()))
    order = np.lexsort((-values["pt"], np.repeat(np.arange(len(COUNTS)), COUNTS)))
    sorted_jets = {name: column[order] for name, column in values.items()}
    sorted_jets["pt"][0], sorted_jets["eta"][4] = 1000, 2.4
    return sorted_jets


@pytest.fixture(scope="module")
def source(ordered, tmp_path_factory):
    path = tmp_path_factory.mktemp("panel") / "events.root"
    rng = np.random.default_rng(3)
    data = {f"Jet_{name}": ak.unflatten(values, COUNTS) for name, values in ordered.items()}
    data |= {
        "genWeight": rng.normal(1, 2, len(COUNTS)).astype(np.float32),  # some are negative
        "badWeight": np.where(np.arange(len(COUNTS)) == 7, np.nan, 1.0).astype(np.float32),
        "noWeight": np.zeros(len(COUNTS), np.float32),
        "PSWeight": rng.normal(size=(len(COUNTS), 4)),
    }
    types = {
        name: "var * float32" if "_" in name else values.dtype for name, values in data.items()
    }
    types["PSWeight"] = np.dtype(("f8", (4,)))
    with uproot.recreate(path) as file:
        file.mktree("Events", types, counter_name=lambda _: "nJet").extend(data)
    return path


def compressed(source, name, **options):
    path = source.parent / f"{name}.root"
    compress(source, path, codec=Codec.bounded(**options))
    return path


@pytest.fixture(scope="module")
def files(source):
    loose = {"tolerance": 5e-2, "keep_order": False, "dither": False}
    return [
        compressed(source, "loose", **loose),
        compressed(source, "kept", tolerance=5e-2, cuts={"pt": [30, 50], "abs(eta)": [2.4]}),
        compressed(source, "exact", tolerance="lossless"),
    ]


@pytest.fixture(scope="module")
def comparison(source, files):
    return read_comparison(source, files)


def lines_of(comparison, file):
    return {line.what: line for line in panel(comparison, file)}


def changed(comparison, **columns):
    """The comparison with other values in its first file, and that file."""
    file = comparison.files[0]
    jets = Table({**file.jets.columns, **columns}, file.jets.counts)
    other = replace(file, jets=jets)
    return replace(comparison, files=(other,)), other


def test_promises_that_are_kept(comparison):
    loose, kept, exact = (lines_of(comparison, file) for file in comparison.files)
    for name in ("pt", "m", "phi", "eta"):
        assert [each[name].kept for each in (loose, kept, exact)] == [True] * 3
    assert loose["pt"].promised == "± 0.05, relative"
    share = float(
        loose["pt"].found.removeprefix("largest error ").removesuffix(" % of the tolerance")
    )
    errors = np.abs(comparison.files[0].residuals["pt"].values)
    assert share == pytest.approx(100 * errors.max() / 0.05, abs=0.01)
    assert exact["eta"].found == "unchanged in all jets"
    assert kept["pt at 30, 50"].kept
    assert kept["eta at -2.4, 2.4"].found == "no jet moved"
    assert kept["neighbors in pt"].kept
    assert kept["two leading jets"].found.startswith("no swap and no new tie in")
    assert verdict(list(kept.values())) == "All 8 promises are kept."
    ratio = comparison.original.file_bytes / comparison.files[1].file_bytes
    assert kept["size"].found.startswith(f"{ratio:.3g} times smaller")


def test_what_is_not_promised_is_measured(comparison, ordered):
    loose = lines_of(comparison, comparison.files[0])
    decoded = comparison.files[0].jets.columns["pt"]
    edges = comparison.bins["pt"]
    assert edges == (30, 50)  # those of the cuts of another file
    sides = [np.sign(values[:, None] - np.float32(edges)) for values in (ordered["pt"], decoded)]
    moved = np.count_nonzero(np.any(sides[0] != sides[1], axis=1))
    line = loose["pt at 30, 50"]
    assert line.kept is None
    assert line.found == f"{moved:,} of {len(decoded):,} jets on another side"
    events = np.repeat(np.arange(len(COUNTS)), COUNTS)
    same = events[1:] == events[:-1]
    before, after = (np.diff(values)[same] for values in (ordered["pt"], decoded))
    ties = np.count_nonzero((before < 0) & (after == 0))
    assert ties
    assert loose["neighbors in pt"].kept is None
    assert f"{ties:,} new ties in" in loose["neighbors in pt"].found
    first, _ = leading_two(ordered["pt"], COUNTS)
    assert f"in {len(first):,} pairs" in loose["two leading jets"].found
    assert loose["m_jj"].kept is None


def test_a_broken_tolerance_is_seen(comparison):
    pt = comparison.files[0].jets.columns["pt"].copy()
    pt[10] *= 2
    other = changed(comparison, pt=pt)
    line = lines_of(*other)["pt"]
    assert line.kept is False
    assert "1 of 1,500 jets beyond, the largest error" in line.found
    lines = panel(*other)
    assert verdict(lines) == "1 of 4 promises is broken."
    row = summarize(other[0], "")["files"][0]
    assert row["verdict"] == "1 of 4 promises is broken."
    assert row["features"]["pt"]["beyond_tolerance"] == 1


def test_a_crossed_cut_is_seen(comparison):
    file = comparison.files[1]
    for value, kept in ((2.4, True), (np.nextafter(np.float32(2.4), np.float32(3)), False)):
        eta = file.jets.columns["eta"].copy()
        assert eta[4] == np.float32(2.4)
        eta[4] = value
        other = replace(file, jets=Table({**file.jets.columns, "eta": eta}, file.jets.counts))
        line = lines_of(comparison, other)["eta at -2.4, 2.4"]
        assert line.kept is kept
    assert line.found == "1 of 1,500 jets on another side"


def test_swapped_jets_are_seen(comparison):
    file = comparison.files[1]
    pt = file.jets.columns["pt"].copy()
    pt[[0, 1]] = pt[[1, 0]]
    other = replace(file, jets=Table({**file.jets.columns, "pt": pt}, file.jets.counts))
    lines = lines_of(comparison, other)
    assert lines["neighbors in pt"].kept is False
    assert lines["two leading jets"].found.startswith("1 swap in")


def test_a_changed_infinity_is_seen(comparison):
    original = comparison.original
    before = {**original.jets.columns, "eta": original.jets.columns["eta"].copy()}
    before["eta"][3] = np.inf
    known = replace(
        comparison, original=replace(original, jets=Table(before, original.jets.counts))
    )
    line = lines_of(known, comparison.files[0])["NaN, infinities"]
    assert (line.kept, line.found) == (False, "1 of 1 changed")


class Doubled:
    """A quantity as codecs keep it: the error of a feature in units of 1e-2."""

    def __init__(self, feature, words):
        self.feature, self.words = feature, words

    def __str__(self):
        return self.words

    def errors(self, before, after):
        columns = (table.select([self.feature]).columns[self.feature] for table in (before, after))
        old, new = (column.astype(float) for column in columns)
        return np.abs(new - old) / 1e-2, False


def test_kept_quantities_are_lines(comparison):
    file = comparison.files[1]
    quantities = [
        Doubled("eta", "eta: abs 0.01"), Doubled("phi", "phi > 1"), Doubled("btag", "btag: 0.1"),
    ]  # fmt: skip
    codec = file.codecs[0]
    known = replace(file, codecs=(SimpleNamespace(**(vars(codec) | {"quantities_": quantities})),))
    lines = lines_of(comparison, known)
    worst = np.abs(file.residuals["eta"].values).max() / 1e-2
    assert worst > 1
    assert lines["eta"].promised == "± 0.01, absolute"
    assert f"the largest error {worst:.3g} x tolerance" in lines["eta"].found
    assert not lines["eta"].kept
    assert not lines["phi > 1"].kept
    assert lines["btag"].kept is None
    assert "no feature 'btag'" in lines["btag"].found


def test_an_autoencoder_promises_nothing(events_file, compressed_file):
    comparison = read_comparison(events_file, [compressed_file])
    lines = panel(comparison, comparison.files[0])
    assert {line.kept for line in lines} == {None}
    assert verdict(lines) == "Nothing is promised."


def test_bins_are_those_given(source, files, ordered):
    comparison = read_comparison(source, files[:1], bins="Jet_pt: 25, 40; abs(eta)<1")
    assert comparison.bins == {"pt": (25, 40), "eta": (-1, 1)}
    rows = summarize(comparison, "")["files"][0]["migrations"]
    decoded = comparison.files[0].jets.columns["pt"]
    places = [np.digitize(values, [25, 40]) for values in (ordered["pt"], decoded)]
    expected = [
        [int(np.sum((places[0] == i) & (places[1] == j))) for j in range(3)] for i in range(3)
    ]
    assert rows["pt"] == {"edges": [25, 40], "jets": expected}
    names = {figure.name for figure in figures_of(comparison)}
    assert {"migrations_pt_loose", "migrations_eta_loose", "comb_pt_loose"} <= names
    common = read_comparison(source, files[2:]).bins
    assert common["pt"] == (30, 50, 100, 200, 500)
    with pytest.raises(MissingNameError, match="no feature 'ptt' to cut on; did you mean 'pt'"):
        read_comparison(source, files[:1], bins={"ptt": [30]})


def test_weights_are_those_of_the_events(source, files, ordered):
    weights = uproot.open(source)["Events"]["genWeight"].array(library="np").astype(float)
    assert (weights < 0).any()
    comparison = read_comparison(source, files[:1], weight="genWeight")
    of_jets = np.repeat(weights, COUNTS)
    np.testing.assert_array_equal(comparison.jet_weights, of_jets)
    summary = summarize(comparison, "")
    assert summary["weighted"]
    row = summary["files"][0]["features"]["pt"]
    errors = comparison.files[0].jets.columns["pt"].astype(float) / ordered["pt"].astype(float) - 1
    assert row["mean"] == pytest.approx(np.average(errors, weights=of_jets))
    masses = comparison.observable_residuals(comparison.files[0], "m_jj")
    np.testing.assert_array_equal(masses.weights, weights[COUNTS > 1])


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ("Jet_pt", "weight 'Jet_pt' is not one number per event"),
        ("PSWeight", "weight 'PSWeight' is not one number per event"),
        ("badWeight", "weight 'badWeight' is NaN or infinite in 1 of 1,000 events"),
        ("noWeight", "weight 'noWeight' is 0 in all events"),
        ("genWeigth", "no branch 'genWeigth' in tree 'Events'; did you mean 'genWeight'"),
    ],
)
def test_other_weights_are_refused(source, files, weight, message):
    with pytest.raises(AtlasaeError, match=message):
        read_comparison(source, files, weight=weight)


def test_the_panel_is_the_first_of_the_page(source, files, tmp_path, monkeypatch):
    from atlasae.report import compare

    drawn = ("distribution_pt", "migrations_pt_loose")
    monkeypatch.setattr(
        compare, "figures_of", lambda *a: [f for f in figures_of(*a) if f.name in drawn]
    )
    report = atlasae.compare(
        source, files[:2], tmp_path / "report", bins={"pt": [30]}, weight="genWeight"
    )
    page = unescape(report.page.read_text())
    assert page.index("May I use this?") < page.index("All 4 promises are kept.")
    assert page.index("All 4 promises are kept.") < page.index("<h2>Sizes</h2>")
    assert "Measured, not promised" in page
    assert "--bins 'pt: 30.0' --weight genWeight" in page
    again = read_comparison(source, files[:2], bins="pt: 30.0")
    assert again.bins == report.comparison.bins


def test_each_observable_has_a_symbol_on_the_page():
    assert set(OBSERVABLES) <= set(_SYMBOLS)
