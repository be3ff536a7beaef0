"""Figures against baselines; ``make figures`` makes new baselines."""

from __future__ import annotations

import json

import awkward as ak
import matplotlib.pyplot as plt
import numpy as np
import pytest

from atlasae import plots
from atlasae.codecs.history import History, LearningRates
from atlasae.errors import DamagedFileError, InputError, MissingFileError, MissingNameError
from atlasae.jets import metrics
from atlasae.jets.observables import OBSERVABLES, observables
from atlasae.plots.style import plain_text, series
from atlasae.quantization.tolerance import abs_, rel
from tests.helpers import REPOSITORY, make_jets

RATES = REPOSITORY / "benchmarks" / "results" / "rates.json"


def compared_in(style):
    """A mark: the figure is saved in this style, whose fonts come with mplhep, and compared."""
    return pytest.mark.mpl_image_compare(
        baseline_dir="baseline", tolerance=6, style=style.settings, savefig_kwargs={"dpi": 60}
    )


compared = compared_in(plots.ATLAS)
STYLES = [plots.Style(name, "Simulation Preliminary") for name in plots.EXPERIMENTS]


def smeared(jets, size, seed=4, shape="normal"):
    """The same jets with relative errors of energies and absolute ones of angles."""
    rng = np.random.default_rng(seed)
    n = len(jets["pt"])
    errors = {
        name: rng.normal(0, size, n) if shape == "normal" else rng.uniform(-size, size, n)
        for name in jets
    }
    return {
        name: values * (1 + errors[name]) if name in ("m", "pt") else values + errors[name]
        for name, values in jets.items()
    }


@pytest.fixture(scope="module")
def original():
    return make_jets(5000)


@pytest.fixture(scope="module")
def decoded(original):
    """Two decoded samples: a tight one within 1e-3, and a wide one."""
    return {
        "bounded": smeared(original, 0.99e-3, shape="uniform"),
        "autoencoder": smeared(original, 0.08),
    }


@pytest.fixture(scope="module")
def results(original, decoded):
    return {name: metrics.residuals(original, jets) for name, jets in decoded.items()}


@pytest.fixture(scope="module")
def derived(original, decoded):
    """Observables of the original and of the decoded, of two jets an event."""

    def of(jets):
        return observables(ak.unflatten(ak.zip(jets), 2))

    return of(original), {name: of(jets) for name, jets in decoded.items()}


@pytest.fixture
def history():
    epochs = np.arange(30)
    return History(
        list(0.1 + np.exp(-epochs / 5)), list(0.12 + np.exp(-epochs / 6)), list(epochs * 1e-4)
    )


@pytest.fixture
def latents():
    z = np.random.default_rng(0).normal(size=(4000, 3))
    z[:, 2] = 0.5 * z[:, 2] + np.sin(z[:, 0])
    return z


def drawn(function, *arguments, style=plots.ATLAS, **options):
    """The figure that a function draws; its artists are in it."""
    with style.context():
        artists = function(*arguments, style=style, **options)
        figure = plt.gcf()
        figure.canvas.draw()
    assert artists
    return figure


def words(figure):
    return " ".join(text.get_text() for text in figure.findobj(plt.Text))


@compared
@pytest.mark.parametrize("feature", ["pt", "phi"])
def test_distribution(original, decoded, feature):
    return drawn(plots.distribution, original, decoded, feature)


@compared
def test_corner(original, decoded):
    return drawn(plots.corner, original, decoded["autoencoder"], name="autoencoder")


@compared
@pytest.mark.parametrize("feature", ["pt", "m", "eta", "phi"])
def test_residual(results, feature):
    return drawn(plots.residual, results["autoencoder"][feature])


@pytest.mark.parametrize(
    "style",
    [pytest.param(style, marks=compared_in(style), id=style.experiment) for style in STYLES],
)
def test_residual_within_a_tolerance(results, style):
    result = results["bounded"]["phi"]
    return drawn(plots.residual, result, abs_(1e-3), name="bounded", style=style)


def test_the_tolerance_is_an_edge_of_bins(results):
    """A value at the tolerance is in the last bin within it, one beyond it in the next."""
    values = np.array([1e-3, -1e-3, 0.1 + 1e-3 - 0.1, 0.0])  # the third is 1e-3, rounded
    for extra, beyond in ((0.0, 0), (1.01e-3, 1)):
        result = metrics.Residuals("eta", False, np.append(values, extra))
        ax = drawn(plots.residual, result, abs_(1e-3)).axes[0]
        counts, edges, _ = ax.patches[0].get_data()
        within = np.abs((edges[1:] + edges[:-1]) / 2) < 1e-3
        assert counts[within].sum() == 5 - beyond
        assert counts.sum() == 5
        assert np.isclose(np.abs(edges), 1e-3, rtol=1e-8).sum() == 2


def test_outliers_do_not_hide_the_other_jets():
    values = np.random.default_rng(0).normal(0, 1e-2, 5000)
    values[3] = 2e6
    result = metrics.Residuals("m", True, values)
    shown = words(drawn(plots.residual, result))
    assert "few outliers" in shown
    assert f"{result.half_width:.2g}" in shown
    figure = drawn(plots.residual_sizes, {"small": result})
    assert figure.axes[0].get_xlim()[1] == pytest.approx(3e6)


def test_a_curve_of_residuals_ends_at_the_largest(results):
    result = results["bounded"]["pt"]
    curve = drawn(plots.residual_sizes, {"bounded": result}).axes[0].lines[0]
    sizes, fractions = curve.get_data()
    assert sizes[-1] == result.maximum
    share = np.interp(5e-4, sizes, fractions)
    assert share == pytest.approx(np.mean(np.abs(result.values) > 5e-4), abs=0.01)


@compared
def test_residual_sizes(results):
    of_pt = {name: by_feature["pt"] for name, by_feature in results.items()}
    return drawn(plots.residual_sizes, of_pt, {"bounded": rel(1e-3)})


@compared
def test_residual_profile(original, results):
    result = results["bounded"]["pt"]
    return drawn(plots.residual_profile, result, original, rel(1e-3), name="bounded")


@compared
def test_residual_correlation(results):
    return drawn(plots.residual_correlation, results["autoencoder"], name="autoencoder")


@compared
@pytest.mark.parametrize("name", OBSERVABLES)
def test_observable(derived, name):
    return drawn(plots.observable, *derived, name)


@compared
def test_dijet_mass_shift(derived):
    before, after = derived
    masses = {name: values["m_jj"] for name, values in after.items()}
    return drawn(plots.dijet_mass_shift, before["m_jj"], masses)


def on_a_grid(values, step):
    return (np.round(values / step) * step).astype(np.float32)


@compared
def test_comb(original):
    jets = {"eta": on_a_grid(original["eta"], 0.02)}
    return drawn(plots.comb, {"eta": original["eta"]}, jets, "eta", abs_(1e-2), name="small")


def test_a_comb_fills_one_bin_of_ten(original):
    step = np.log1p(2e-2)
    jets = {"pt": np.exp(on_a_grid(np.log(original["pt"]), step))}
    ax = drawn(plots.comb, {"pt": original["pt"]}, jets, "pt", rel(1e-2)).axes[0]
    decoded, before = (patch.get_data() for patch in ax.patches)
    assert np.count_nonzero(decoded.values) == len(decoded.values) / 10
    np.testing.assert_allclose(np.diff(np.log(decoded.edges)), step / 10)
    inside = np.histogram(original["pt"], before.edges)[0]
    np.testing.assert_array_equal(before.values, inside)
    with pytest.raises(InputError, match="no 100 values in bins of a tenth"):
        plots.comb(original, original, "pt", rel(1e-7))


@compared
def test_migration_matrix(original, decoded):
    back = decoded["autoencoder"]
    return drawn(plots.migration_matrix, original, back, "pt", [30, 50, 100], name="autoencoder")


def test_the_migrations_are_counted(original, decoded):
    edges = [25.0, 30.0, 40.0]
    back = decoded["autoencoder"]
    shown = words(drawn(plots.migration_matrix, original, back, "pt", edges))
    rows, columns = (np.digitize(jets["pt"], edges) for jets in (original, back))
    assert f"{np.count_nonzero(rows != columns):,} of 5,000 jets change their bin" in shown
    cell = np.count_nonzero((rows == 0) & (columns == 1))
    assert f"{cell / np.count_nonzero(rows == 0):.2%}".replace("%", " %") in shown
    assert f"\n{cell}" in shown
    same = words(drawn(plots.migration_matrix, original, original, "pt", edges))
    assert "no jet changes its bin" in same


@compared
def test_migration_matrix_of_many_bins(original, decoded):
    edges = np.linspace(20, 60, 21)
    return drawn(plots.migration_matrix, original, decoded["autoencoder"], "pt", edges)


def test_the_layout_of_a_given_figure_remains(original):
    figure, ax = plt.subplots()
    before = figure.subplotpars.left
    plots.migration_matrix(original, original, "pt", [30, 50], ax=ax)
    assert figure.subplotpars.left == before
    plt.close(figure)


@compared
def test_rate_speed():
    rates = [
        plots.Rate("atlasae, bounded", 41.3, 1e-3, True, encode=147, decode=338),
        plots.Rate("zfp", 68.8, 1e-3, True, encode=126, decode=82),
        plots.Rate("ROOT, lossless, ZLIB-6", 115.0, 0.0, False, encode=24, decode=233),
        plots.Rate("not timed", 60.0, 1e-3, True),
    ]
    return drawn(plots.rate_speed, rates)


def test_speeds_that_were_not_measured_are_not_drawn():
    with pytest.raises(InputError, match="no speed was measured"):
        plots.rate_speed([plots.Rate("zfp", 68.8, 1e-3, True)])


@compared
def test_distribution_with_weights(original, decoded):
    weights = np.random.default_rng(1).normal(1, 1, 5000)  # some are negative
    return drawn(plots.distribution, original, decoded, "pt", weights=weights)


def test_every_figure_of_jets_takes_weights(original, decoded, derived):
    """A weight of 0 takes a jet out of the histograms."""
    weights = np.repeat([3.0, 0.0], 2500)
    back = decoded["bounded"]
    ax = drawn(plots.distribution, original, {"bounded": back}, "eta", weights=weights).axes[0]
    counts, edges, _ = ax.patches[0].get_data()
    np.testing.assert_allclose(counts[:-1], 3 * np.histogram(original["eta"][:2500], edges)[0][:-1])
    assert ax.get_ylabel() == "Sum of weights of jets"
    ax = drawn(plots.comb, original, back, "pt", rel(1e-2), weights=weights).axes[0]
    counts, edges, _ = ax.patches[1].get_data()
    np.testing.assert_allclose(counts, 3 * np.histogram(original["pt"][:2500], edges)[0])
    result = metrics.residuals(original, back, weights=weights)["pt"]
    ax = drawn(plots.residual, result, rel(1e-3)).axes[0]
    counts, edges, _ = ax.patches[0].get_data()
    np.testing.assert_allclose(counts, 3 * np.histogram(result.values[:2500], edges)[0])
    drawn(plots.residual_sizes, {"bounded": result})
    drawn(plots.residual_profile, result, original)
    drawn(plots.residual_correlation, metrics.residuals(original, back, weights=weights))
    drawn(plots.corner, original, back, weights=weights)
    shown = words(drawn(plots.migration_matrix, original, back, "pt", [30], weights=weights))
    assert "5,000" in shown
    before, after = derived
    ax = drawn(plots.observable, before, after, "m_jj", weights=weights[::2]).axes[0]
    counts, edges, _ = ax.patches[0].get_data()
    np.testing.assert_allclose(counts, 3 * np.histogram(before["m_jj"][:1250], edges)[0])
    masses = {"small": after["bounded"]["m_jj"]}
    drawn(plots.dijet_mass_shift, before["m_jj"], masses, weights=weights[::2])
    plt.close("all")
    with pytest.raises(InputError, match="weights must have the shape"):
        plots.distribution(original, decoded, "pt", weights=weights[:9])


def test_negative_sums_of_weights_are_drawn(original, decoded, derived):
    weights = -np.ones(5000)
    ax = drawn(plots.distribution, original, decoded, "pt", weights=weights).axes[0]
    assert ax.get_yscale() == "linear"
    shown = [
        words(
            drawn(plots.residual, metrics.residuals(original, decoded["bounded"], weights=w)["pt"])
        )
        for w in (weights, -weights)
    ]
    assert "nan" not in shown[0]
    assert shown[0].partition("max")[0] == shown[1].partition("max")[0]  # quantiles are the same
    drawn(plots.observable, *derived, "m_jj", weights=weights[::2])
    plt.close("all")


@pytest.mark.parametrize("style", [plots.PLAIN, plots.ATLAS])
@pytest.mark.parametrize("feature", ["pt", "phi"])
def test_the_legend_is_clear_of_the_data(original, decoded, style, feature):
    figure = drawn(plots.distribution, original, decoded, feature, style=style)
    ax = figure.axes[0]
    box = ax.get_legend().get_window_extent()
    (left, low), (right, _) = ax.transData.inverted().transform(box)
    counts, edges, _ = ax.patches[0].get_data()
    under = counts[(edges[1:] > left) & (edges[:-1] < right)]
    assert under.max() < low
    highest = ax.transAxes.inverted().transform(ax.transData.transform((0, counts.max())))[1]
    assert 0.4 < highest < 1  # and little room is left empty


@compared
def test_rate_distortion():
    measured = [plots.Rate("small", 41.0, 1e-3, True), plots.Rate("latents", 92.0, 0.09, False)]
    published = [
        plots.Rate(name, bits - 4.3 * np.log2(error / 1e-3), error, True)
        for name, bits in (("atlasae, bounded", 41.3), ("pcodec", 43.3), ("zfp", 68.8))
        for error in (1e-4, 1e-3, 1e-2)
    ]
    return drawn(plots.rate_distortion, measured, published)


@pytest.fixture
def sizes():
    before = (5e6 * 0.8 ** np.arange(30)).astype(int).tolist()
    return {f"Jet_branch{i}": (size, size * (i + 2) // 40) for i, size in enumerate(before)}


@compared
def test_branch_sizes(sizes):
    return drawn(plots.branch_sizes, sizes)


def test_the_largest_branches_are_drawn_and_the_others_summed(sizes):
    ax = drawn(plots.branch_sizes, sizes).axes[0]
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == [*(f"Jet_branch{i}" for i in range(20)), "10 other branches"]
    before, after = (np.array([bar.get_width() for bar in bars]) for bars in ax.containers)
    assert before.sum() == pytest.approx(sum(one for one, _ in sizes.values()) / 1e6)
    assert after.sum() == pytest.approx(sum(other for _, other in sizes.values()) / 1e6)


@pytest.mark.parametrize(("size", "unit"), [(12, "bytes"), (12_000, "kB"), (12_000_000_000, "GB")])
def test_sizes_have_a_unit_that_suits_them(size, unit):
    figure = drawn(plots.branch_sizes, {"x": (size, 0)})
    assert f"Size [{unit}]" in words(figure)


def test_no_branches_are_not_drawn():
    with pytest.raises(InputError, match="no branches"):
        plots.branch_sizes({})


@compared
def test_training(history):
    return drawn(plots.training, history)


@compared
def test_learning_rates():
    rates = np.geomspace(1e-6, 1, 80)
    losses = 0.3 + 0.7 / (1 + (rates / 1e-3)) + 30 * np.maximum(rates - 0.1, 0)
    return drawn(plots.learning_rates, LearningRates(3e-3, tuple(rates), tuple(losses)))


@compared
def test_latent_space(latents):
    return drawn(plots.latent_space, latents)


@compared
def test_latent_pairs(latents):
    return drawn(plots.latent_pairs, latents)


def test_a_figure_shows_the_numbers_of_the_metrics(results):
    result = results["autoencoder"]["eta"]
    shown = words(drawn(plots.residual, result, style=plots.Style("ATLAS", "Preliminary")))
    assert f"{result.sigma:.5f}" in shown
    assert "few outliers" not in shown
    for value in (result.half_width, result.half_width_95, result.maximum):
        assert f"{value:.2g}" in shown
    assert "tolerance" not in shown
    assert "Preliminary" in shown
    assert "ATLAS" in shown


def test_the_drawn_profile_is_that_of_numpy(original, results):
    result = results["autoencoder"]["pt"]
    figure = drawn(plots.residual_profile, result, original)
    band = figure.axes[1].patches[0].get_data()
    inside = (original["eta"] >= band.edges[3]) & (original["eta"] < band.edges[4])
    low, high = np.quantile(result.by_jet[inside], metrics.CENTRAL_68)
    assert band.baseline[3] == pytest.approx(low)
    assert band.values[3] == pytest.approx(high)


def test_another_resolution_is_drawn(derived):
    before, after = derived
    masses = {"small": after["bounded"]["m_jj"]}
    with plots.ATLAS.context():
        curve = plots.dijet_mass_shift(before["m_jj"], masses, lambda pt: 0.2 + 0 * pt)[0]
    np.testing.assert_allclose(curve.get_ydata(), 0.2 / np.sqrt(2))


def test_energies_in_mev_are_drawn_in_gev(original, decoded):
    limits = []
    for unit in (1, 1000):
        first, second = (
            {n: v * (unit if n in ("m", "pt") else 1) for n, v in jets.items()}
            for jets in (original, decoded["bounded"])
        )
        figure = drawn(plots.distribution, first, {"small": second}, "pt")
        limits.append(figure.axes[1].get_xlim())
        plt.close(figure)
    np.testing.assert_allclose(limits[0], limits[1], rtol=1e-5)


def test_phi_from_0_to_2_pi_has_its_own_range(original):
    jets = {"phi": original["phi"] % (2 * np.pi)}
    figure = drawn(plots.distribution, jets, {"small": jets}, "phi")
    np.testing.assert_allclose(figure.axes[0].get_xlim(), (0, 2 * np.pi))


def test_a_feature_without_a_finite_value_is_drawn():
    jets = {"btag": np.full(5, np.nan)}
    figure = drawn(plots.distribution, jets, {"small": jets}, "btag")
    assert "KS" not in words(figure)


@pytest.mark.parametrize(
    ("experiment", "title"),
    [
        ("ATLAS", r"Jet $p_{\mathrm{T}}$ [GeV]"),
        ("CMS", r"Jet $p_{\mathrm{T}}$ (GeV)"),
        ("LHCb", r"Jet $p_{\mathrm{T}}$ [GeV/$c$]"),
        ("plain", r"Jet $p_{\mathrm{T}}$ [GeV]"),
    ],
)
def test_units_are_written_as_the_experiment_does(experiment, title):
    assert plots.Style(experiment).axis_title("pt") == title


def test_an_unknown_experiment_is_refused():
    with pytest.raises(InputError, match="did you mean 'ATLAS'"):
        plots.Style("Atlas")


def test_six_samples_differ_in_color_line_and_marker_and_more_differ_somehow():
    looks = [series(i) for i in range(18)]
    for part in ("color", "linestyle", "marker"):
        assert len({str(look[part]) for look in looks[:6]}) == 6
    assert len({str(look) for look in looks}) == 18


def test_given_axes_are_drawn_on(original, decoded, history):
    figure, axes = plt.subplots(2, 2)
    artists = plots.training(history, ax=axes[0, 0])
    artists += plots.distribution(original, decoded, "eta", axes=axes[:, 1])
    assert {artist.figure for artist in artists} == {figure}
    assert plt.get_fignums() == [figure.number]
    assert axes[1, 1].get_xlabel() == r"Jet $\eta$"
    plt.close(figure)


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [1.0], [np.pi] * 50 + [0.0]])
def test_degenerate_residuals_are_drawn(values):
    result = metrics.Residuals("eta", False, np.array(values))
    figure = drawn(plots.residual, result)
    low, high = figure.axes[0].get_xlim()
    assert low < 0 < high
    drawn(plots.residual_sizes, {"small": result})
    jets = {"pt": np.ones(len(values)), "eta": np.zeros(len(values))}
    drawn(plots.residual_profile, result, jets)


def test_few_latents_and_no_epochs(latents):
    with pytest.raises(InputError, match="there are 2"):
        plots.latent_space(latents[:, :2])
    with pytest.raises(InputError, match="has no epochs"):
        plots.training(History())
    assert len(drawn(plots.latent_pairs, latents[:, :1]).axes) == 2  # and the label's


def test_an_unknown_observable_is_refused(derived):
    with pytest.raises(InputError, match="did you mean 'm_jj'"):
        plots.observable(*derived, "mjj")


def test_rates_of_benchmarks_are_read(tmp_path):
    rates = plots.read_rates(RATES)
    rows = json.loads(RATES.read_text())["rows"]
    assert [rates[0].name, rates[0].bits] == ["atlasae, bounded", rows[0]["bits"]]
    assert {rate.error for rate in rates} == {0, 1e-2, 1e-3, 1e-4}
    assert all((rate.error == 0) == ("lossless" in rate.name) for rate in rates)
    first = rates[0]
    assert first.decode == rows[0]["speed"]["tools"]["atlasae"]["decode"]
    with pytest.raises(MissingNameError, match="did you mean 'dijets'"):
        plots.read_rates(RATES, "dijet")
    with pytest.raises(MissingFileError, match="no file"):
        plots.read_rates(tmp_path / "none.json")
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(DamagedFileError, match=r"not a result of benchmarks\.rates"):
        plots.read_rates(tmp_path / "a.json")


@pytest.mark.parametrize(
    "name", [r"$\frac{$", "$x$", "_hidden", "a\nb", "\ud800", 1000 * "x", "<b>"]
)
def test_names_are_drawn_as_text(original, decoded, results, name):
    jets, back = ({**each, name: each["pt"]} for each in (original, decoded["bounded"]))
    shown = words(drawn(plots.distribution, jets, {name: back}, name)).replace("\n", "")
    assert shown.count(plain_text(name).strip()) == 2  # on the axis and in the legend
    plt.close("all")


def test_every_figure_takes_any_name(original, decoded, results):
    name = "_hidden\n$\\frac{$ <b>\ud800"
    jets, back = ({**each, name: each["pt"]} for each in (original, decoded["bounded"]))
    result = metrics.Residuals(name, False, results["bounded"]["eta"].values)
    drawn(plots.residual, result, name=name)
    drawn(plots.residual_sizes, {name: result})
    drawn(plots.residual_profile, result, original, name=name)
    drawn(plots.residual_correlation, {"pt": results["bounded"]["pt"], name: result}, name=name)
    drawn(plots.corner, jets, back, name=name)
    drawn(plots.rate_distortion, [plots.Rate(name, 40.0, 1e-3, True)])
    plt.close("all")


def test_labels_are_tex_of_the_user():
    assert plots.Style("CMS", r"$\sqrt{s} = 13$ TeV").text
    with pytest.raises(InputError, match="is not valid TeX"):
        plots.Style("CMS", r"$\frac{$")


def test_no_experiment_is_named_by_default(original, decoded):
    assert plots.Style() == plots.PLAIN
    with plots.PLAIN.context():
        plots.distribution(original, decoded, "pt")
        shown = words(plt.gcf())
        plt.close()
    assert not any(name in shown for name in ("ATLAS", "CMS", "LHCb", "Simulation", "Internal"))
