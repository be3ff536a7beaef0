"""The report: its numbers against numpy and scipy, its page, and the errors it raises."""

from __future__ import annotations

import json
import re

import awkward as ak
import numpy as np
import pytest
import uproot
from scipy import stats

import atlasae
from atlasae import Codec, Selection
from atlasae.errors import InputError, MissingNameError
from atlasae.plots import Style
from atlasae.plots.derived import observable_edges
from atlasae.plots.features import distribution_edges
from atlasae.report import compare
from atlasae.report.figure import SECTIONS
from atlasae.report.figures import figures_of
from atlasae.report.reading import read_comparison
from atlasae.report.summary import summarize
from tests.helpers import compress, make_jets, write_events


@pytest.fixture(scope="module")
def bounded_file(events_file, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "tight.root"
    compress(events_file, path, codec=Codec.bounded(tolerance=1e-3))
    return path


@pytest.fixture(scope="module")
def comparison(events_file, bounded_file, compressed_file):
    return read_comparison(events_file, [bounded_file, compressed_file])


@pytest.fixture(scope="module")
def summary(comparison):
    return summarize(comparison, "atlasae compare")


def arrays(path):
    return uproot.open(path)["Events"].arrays([f"Jet_{n}" for n in ("pt", "eta", "phi", "mass")])


def test_the_numbers_are_those_of_numpy_and_scipy(
    summary, events_file, bounded_file, compressed_file, tmp_path
):
    original = arrays(events_file)
    for written, small in zip(summary["files"], (bounded_file, compressed_file), strict=True):
        back = tmp_path / small.name
        atlasae.decompress(small, back)
        decoded = arrays(back)
        for name, row in written["features"].items():
            before, after = (
                ak.to_numpy(ak.flatten(a[f"Jet_{name}"])).astype(float) for a in (original, decoded)
            )
            errors = after - before
            if name in ("pt", "mass"):
                errors /= before
            if name == "phi":
                errors = np.angle(np.exp(1j * errors))
            assert row["mean"] == pytest.approx(errors.mean(), rel=1e-9, abs=1e-12)
            assert row["sigma"] == pytest.approx(errors.std())
            for key, low in (("half_width", 15.87), ("half_width_95", 2.28)):
                ends = np.percentile(errors, (low, 100 - low))
                assert row[key] == pytest.approx(np.ptp(ends) / 2)
            assert row["maximum"] == pytest.approx(np.abs(errors).max())
            test = stats.ks_2samp(before, after, method="asymp")
            assert row["ks"] == pytest.approx(test.statistic)
            counts = [np.histogram(v, distribution_edges(name, before))[0] for v in (before, after)]
            expected = chi_square(*counts)
            assert row["chi2"] == pytest.approx(expected)


def chi_square(first, second):
    """Of two histograms, as scipy computes it for a table of two rows."""
    filled = first + second > 0
    table = np.array([first, second])[:, filled]
    # scipy expects the sum of both; for equal sizes the two agree
    if table[0].sum() == table[1].sum():
        return stats.chi2_contingency(table, correction=False).statistic
    scale = np.sqrt(table[1].sum() / table[0].sum())
    return (((scale * table[0] - table[1] / scale) ** 2) / table.sum(axis=0)).sum()


def test_sizes_of_branches_are_in_the_report(comparison, summary, events_file, tmp_path):
    figures = {figure.name: figure for figure in figures_of(comparison)}
    assert {"branch_sizes_tight", "branch_sizes_small"} <= figures.keys()
    for written, file in zip(summary["files"], comparison.files, strict=True):
        sizes = {row["name"]: row["after"] for row in written["branches"]}
        assert sizes["run"] > 0
        assert sizes["Jet (4 branches)"] == file.jet_bytes
    back = tmp_path / "back.root"
    atlasae.decompress(comparison.files[0].path, back)
    restored = read_comparison(events_file, [back])
    assert not restored.files[0].branches
    assert not any(figure.section == "branches" for figure in figures_of(restored))


def test_derived_numbers_are_those_of_vector(comparison, summary, events_file, bounded_file):
    for number, path in enumerate((None, bounded_file)):
        jets = atlasae.read_jets(path or events_file)
        jets = ak.values_astype(jets[ak.num(jets) > 1], np.float64)
        jets = jets[ak.argsort(jets.pt, ascending=False)]
        first, second = jets[:, 0], jets[:, 1]
        expected = {
            "m_jj": (first + second).mass,
            "delta_phi": abs(first.deltaphi(second)),
            "delta_r": first.deltaR(second),
            "h_t": ak.sum(jets.pt, axis=1),
            "missing_h_t": np.hypot(ak.sum(jets.px, axis=1), ak.sum(jets.py, axis=1)),
            "leading_pt": first.pt,
        }
        derived = comparison.files[0].observables if number else comparison.observables
        assert derived.keys() == expected.keys()
        for name, values in expected.items():
            np.testing.assert_allclose(derived[name], ak.to_numpy(values), rtol=1e-9)
    rows = summary["files"][0]["observables"]
    shift = derived["m_jj"] / comparison.observables["m_jj"] - 1
    assert rows["m_jj"]["sigma"] == pytest.approx(shift.std())
    edges = observable_edges("m_jj", comparison.observables["m_jj"])
    counts = [np.histogram(v, edges)[0] for v in (comparison.observables["m_jj"], derived["m_jj"])]
    assert rows["m_jj"]["chi2"] == pytest.approx(chi_square(*counts))


def test_sizes_and_tolerances_are_in_the_summary(summary, events_file, bounded_file):
    tight, latents = summary["files"]
    part = atlasae.info(bounded_file).parts[0]
    assert tight["bits_per_jet"] == pytest.approx(8 * part.after / 1000)
    assert tight["codec"] == "Codec.bounded(tolerance=0.001)"
    assert tight["ratio"] == events_file.stat().st_size / bounded_file.stat().st_size
    assert tight["features"]["pt"]["tolerance"] == {
        "kind": "relative", "value": 1e-3, "floor": 0.0,
    }  # fmt: skip
    assert [row["beyond_tolerance"] for row in tight["features"].values()] == [0, 0, 0, 0]
    assert [row["tolerance"] for row in latents["features"].values()] == [None] * 4
    assert "same jets twice" in summary["remark"]


def every_figure(_):
    return True


def one_figure_per_section(figure):
    return figure.name in (
        "distribution_pt",
        "branch_sizes_small",
        "residual_phi_small",
        "migrations_pt_small",
        "m_jj",
        "latent_pairs_small",
    )


@pytest.mark.parametrize(
    "is_drawn", [one_figure_per_section, pytest.param(every_figure, marks=pytest.mark.slow)]
)
def test_the_page_needs_no_other_file(
    events_file, compressed_file, tmp_path, monkeypatch, is_drawn
):
    monkeypatch.setattr(compare, "figures_of", lambda *a: filter(is_drawn, figures_of(*a)))
    style = Style("CMS", "Simulation Preliminary")
    report = atlasae.compare(events_file, [compressed_file], tmp_path / "report", style=style)
    page = report.page.read_text()
    assert json.loads((tmp_path / "report" / "summary.json").read_text()) == report.summary
    figures = report.summary["figures"]
    expected = list(filter(is_drawn, figures_of(report.comparison)))
    assert [figure["name"] for figure in figures] == [figure.name for figure in expected]
    assert {figure.section for figure in expected} == SECTIONS.keys()
    assert page.count('src="data:image/png;base64,') == len(figures)
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert 'name="viewport"' in page
    assert f"compare {events_file}" in page
    assert "--experiment CMS --label" in page
    assert f"atlasae {atlasae.__version__}" in page
    captions = (report.page.parent / "captions.md").read_text()
    for figure in figures:
        assert figure["caption"] in captions
        assert [path.rpartition(".")[2] for path in figure["files"]] == ["png", "pdf"]
        assert all((report.page.parent / path).stat().st_size > 3000 for path in figure["files"])
    assert len(report.figures) == 2 * len(figures)


def test_the_figures_of_an_autoencoder(events_file, compressed_file):
    figures = figures_of(read_comparison(events_file, [compressed_file]))
    assert {
        "distribution_pt", "corner_small", "residual_phi_small",
        "residual_profile_mass_small", "residual_correlation_small", "m_jj", "delta_phi",
        "delta_r", "h_t", "leading_pt", "dijet_mass_shift", "rate_distortion", "training_small",
        "latent_space_small", "latent_pairs_small",
    } <= {figure.name for figure in figures}  # fmt: skip


def test_several_files_are_drawn_side_by_side(comparison):
    names = [figure.name for figure in figures_of(comparison)]
    assert len(set(names)) == len(names)
    assert {"residual_sizes_eta", "residual_pt_tight", "residual_pt_small"} <= set(names)
    assert not {"training_tight", "latent_pairs_tight"} & set(names)


def test_a_restored_file_compares_as_the_compressed_one(events_file, bounded_file, tmp_path):
    back = tmp_path / "back.root"
    atlasae.decompress(bounded_file, back)
    comparison = read_comparison(events_file, [bounded_file, back])
    small, restored = summarize(comparison, "")["files"]
    for name, row in small["features"].items():
        assert restored["features"][name]["sigma"] == row["sigma"]
        assert restored["features"][name]["tolerance"] is None
    assert restored["codec"] == ""


def test_moved_entries_are_restored_by_their_event_numbers(events_file, tmp_path):
    free = tmp_path / "free.root"
    compress(events_file, free, codec=Codec.bounded(tolerance=1e-3, order="free"))
    rows = summarize(read_comparison(events_file, [free]), "")["files"][0]["features"]
    assert all(row["beyond_tolerance"] == 0 for row in rows.values())


def test_moved_entries_without_event_numbers_are_refused(jets, counts, tmp_path):
    source, free = tmp_path / "a.root", tmp_path / "free.root"
    data = {f"Jet_{name}": ak.unflatten(values, counts) for name, values in jets.items()}
    with uproot.recreate(source) as file:
        types = dict.fromkeys(data, "var * float32")
        file.mktree("Events", types, counter_name=lambda _: "nJet").extend(data)
    compress(source, free, codec=Codec.bounded(order="free"))
    with pytest.raises(InputError, match="no branch such as 'event' gives their order"):
        read_comparison(source, [free])


def test_the_compressed_collection_is_compared(tmp_path, jets):
    source, small, packed = (tmp_path / f"{name}.root" for name in ("a", "small", "packed"))
    counts = np.full(500, 2)
    data = {
        f"{collection}_{name}": ak.unflatten(values * np.float32(factor), counts)
        for collection, factor in (("Jet", 1), ("Muon", 0.5))
        for name, values in jets.items()
    }
    with uproot.recreate(source) as file:
        types = dict.fromkeys(data, "var * float32")
        file.mktree("Events", types, counter_name=lambda name: f"n{name[:3]}").extend(data)
    codec = Codec.bounded(tolerance={"pt": 0.01})
    compress(
        source, small, codec=codec, select=Selection(collections="Muon", keep_branches="Muon_eta")
    )
    comparison = read_comparison(source, [small])
    assert comparison.collection == "Muon"
    muons = comparison.files[0]
    assert [muons.tolerance(name).value for name in ("pt", "phi", "eta")] == [0.01, 1e-3, 0]
    assert muons.residuals["eta"].maximum == 0
    kept = read_comparison(source, [small], collection="Jet").files[0]
    assert kept.tolerance("pt") is None
    assert kept.residuals["pt"].maximum == 0
    compress(source, packed, pack="all")
    assert read_comparison(source, [packed]).files[0].tolerance("pt").kind == "lossless"


def test_jets_that_are_not_finite_are_compared(tmp_path):
    values = make_jets(400, unit=1000.0)
    values["pt"][5], values["m"][7], values["eta"][9] = np.nan, np.inf, -np.inf
    values["m"][20:60] = 0
    values["phi"] %= np.float32(2 * np.pi)
    source, small, exact = (tmp_path / f"{name}.root" for name in ("a", "small", "exact"))
    with uproot.recreate(source) as file:
        data = {
            f"Jet_{name}": ak.unflatten(column, np.full(200, 2)) for name, column in values.items()
        }
        types = dict.fromkeys(data, "var * float32")
        file.mktree("Events", types, counter_name=lambda _: "nJet").extend(data)
    compress(source, small, codec=Codec.bounded(tolerance=1e-3))
    compress(source, exact, codec=Codec.bounded(tolerance="lossless"))
    comparison = read_comparison(source, [small, exact])
    summary = summarize(comparison, "")
    json.dumps(summary, allow_nan=False)
    special = [line for line in summary["files"][0]["panel"] if line["what"] == "NaN, infinities"]
    assert [line["found"] for line in special] == ["all 3 are as before"]
    tight, lossless = summary["files"]
    assert [row["undefined"] for row in tight["features"].values()] == [41, 1, 0, 1]
    assert all(row["beyond_tolerance"] == 0 for row in tight["features"].values())
    assert tight["observables"]["m_jj"]["maximum"] < 0.02
    assert lossless["observables"]["m_jj"]["maximum"] == 0
    names = {figure.name for figure in figures_of(comparison)}
    assert "residual_correlation_small" in names
    assert not {"residual_correlation_exact", "residual_profile_pt_exact"} & names


def test_flat_jets_have_no_observables(tmp_path, jets):
    source, small = tmp_path / "flat.root", tmp_path / "small.root"
    with uproot.recreate(source) as file:
        file.mktree("Events", dict.fromkeys(jets, np.float32)).extend(jets)
    compress(source, small)
    comparison = read_comparison(source, [small])
    assert comparison.observables == {}
    assert summarize(comparison, "")["original"]["events"] is None


def test_other_events_are_refused(events_file, bounded_file, jets, counts, tmp_path):
    others = write_events(tmp_path / "others.root", make_jets(1000, seed=7), counts)
    with pytest.raises(InputError, match="not correlated with the originals"):
        read_comparison(others, [bounded_file])
    fewer = write_events(tmp_path / "fewer.root", make_jets(800), [2] * 400)
    with pytest.raises(
        InputError, match=rf"not the same events: {len(counts)} entries against 400"
    ):
        read_comparison(fewer, [bounded_file])
    later = tmp_path / "later.root"
    with uproot.recreate(later) as file:
        data = {f"Jet_{name}": ak.unflatten(values, counts) for name, values in jets.items()}
        types = dict.fromkeys(data, "var * float32") | {"event": np.int64}
        data["event"] = 10**12 * np.arange(1, len(counts) + 1)
        file.mktree("Events", types, counter_name=lambda _: "nJet").extend(data)
    with pytest.raises(InputError, match=r"event are \(0,\) against \(1000000000000,\)"):
        read_comparison(later, [bounded_file])
    with uproot.recreate(tmp_path / "none.root") as file:
        file.mktree("Events", dict.fromkeys(jets, np.float32))
    with pytest.raises(InputError, match="no entries in tree"):
        read_comparison(tmp_path / "none.root", [tmp_path / "none.root"])


def test_other_trees_and_features_are_refused(events_file, bounded_file, tmp_path, jets, counts):
    with pytest.raises(InputError, match="given twice"):
        read_comparison(events_file, [bounded_file, bounded_file])
    with pytest.raises(MissingNameError, match=r"no tree 'Evnts' .*did you mean 'Events'"):
        read_comparison(events_file, [bounded_file], tree="Evnts")
    cartesian = tmp_path / "cartesian.root"
    with uproot.recreate(cartesian) as file:
        data = {
            f"Jet_{name}": ak.unflatten(jets["pt"] * function(jets[angle]), counts)
            for name, function, angle in (
                ("px", np.cos, "phi"), ("py", np.sin, "phi"), ("pz", np.sinh, "eta"),
                ("E", np.cosh, "eta"),
            )
        }  # fmt: skip
        types = dict.fromkeys(data, "var * float32")
        file.mktree("Events", types, counter_name=lambda _: "nJet").extend(data)
    with pytest.raises(InputError, match=r"no feature in common: .*px"):
        read_comparison(events_file, [cartesian])
    renamed = tmp_path / "renamed.root"
    with uproot.recreate(renamed) as file:
        file.mktree("Other", types, counter_name=lambda _: "nJet").extend(data)
    with pytest.raises(MissingNameError, match="no tree 'Events'"):
        read_comparison(renamed, [bounded_file])


def test_other_features_are_compared_with_the_momenta(tmp_path, jets, counts):
    source, small = tmp_path / "a.root", tmp_path / "small.root"
    score = np.random.default_rng(5).beta(0.5, 0.5, 1000).astype(np.float32)
    score[::20] = -1  # where it was not computed
    data = {f"Jet_{name}": ak.unflatten(v, counts) for name, v in {**jets, "btag": score}.items()}
    with uproot.recreate(source) as file:
        types = dict.fromkeys(data, "var * float32")
        file.mktree("Events", types, counter_name=lambda _: "nJet").extend(data)
    compress(
        source,
        small,
        codec=Codec.bounded(tolerance={"btag": 0.01}),
        select=Selection(all_floats=True),
    )
    alone = read_comparison(source, [small])
    assert "btag" not in alone.features
    comparison = read_comparison(source, [small], features=["btag"])
    file = comparison.files[0]
    decoded = file.jets.columns["btag"]
    np.testing.assert_array_equal(decoded == -1, score == -1)
    assert 0 < file.residuals["btag"].maximum <= 0.01 == file.tolerance("btag").value
    assert file.jet_bytes > 0
    names = {figure.name for figure in figures_of(comparison)}
    assert {"distribution_btag", "residual_profile_btag_small"} <= names
    with pytest.raises(MissingNameError, match="did you mean 'btag'"):
        read_comparison(source, [small], features=["btagg"])


NAMES = ["<script>", r"$\frac{$", "x" * 300, "(a) `b` *c*", "a b", "a+b"]


def test_names_of_files_and_branches_are_text(tmp_path, jets, counts, monkeypatch):
    source, small = tmp_path / "a.root", tmp_path / (r"<script>$\frac{$ [x]" + "\n.root")
    values = ak.unflatten(np.arange(1000, dtype=np.float32), counts)
    data = {f"Jet_{name}": ak.unflatten(jets[name], counts) for name in jets}
    data |= {f"Jet_{name}": values for name in NAMES}
    with uproot.recreate(source) as file:
        types = dict.fromkeys(data, "var * float32")
        file.mktree("Events", types, counter_name=lambda _: "nJet").extend(data)
    compress(source, small)
    monkeypatch.setattr(compare, "figures_of", lambda *a: filter(of_these_names, figures_of(*a)))
    report = atlasae.compare(source, [small], tmp_path / "report", features=NAMES)
    stems = [path.stem for path in report.figures]
    assert len(set(stems)) == len(stems) / 2 == 2 * len(NAMES) + 3
    assert all(re.fullmatch(r"[\w.-]{1,110}", stem, re.ASCII) for stem in stems)
    assert {path.name for path in report.page.parent.iterdir()} == {
        "figures", "index.html", "summary.json", "captions.md",
    }  # fmt: skip
    captions = (report.page.parent / "captions.md").read_text()
    assert "Jet &lt;script&gt; before" in captions
    assert r"(a) \`b\` \*c\*" in captions
    assert r"\[x\]" in captions
    assert captions.count("\n") == 3 * len(stems) / 2 - 1
    page = report.page.read_text()
    assert "&lt;script&gt;" in page
    assert "<script" not in page + captions


def of_these_names(figure):
    return figure.name.startswith(("distribution", "residual")) and not figure.name.startswith(
        ("residual_profile", "distribution_pt", "residual_pt",
         "distribution_phi", "residual_phi", "distribution_eta", "residual_eta",
         "distribution_mass", "residual_mass")
    )  # fmt: skip
