"""Figures against baselines; make figures draws the baselines anew."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from atlasae import metrics, plots
from atlasae.errors import InputError
from atlasae.history import History, LearningRates

from .conftest import make_jets

compared = pytest.mark.mpl_image_compare(
    baseline_dir="baseline", tolerance=6, style=plots.ATLAS, savefig_kwargs={"dpi": 60}
)


@pytest.fixture
def original():
    return make_jets(5000)


@pytest.fixture
def decoded(original):
    rng = np.random.default_rng(4)
    return {
        name: (values * rng.normal(1.01, 0.1, 5000) if name in ("m", "pt") else values + rng.normal(0, 0.05, 5000))
        for name, values in original.items()
    }  # fmt: skip


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


def drawn(function, *arguments, **options):
    with plt.style.context(plots.ATLAS):
        figure = function(*arguments, **options)
        figure.canvas.draw()
    return figure


@compared
@pytest.mark.parametrize("feature", ["pt", "phi"])
def test_distribution(original, decoded, feature):
    return drawn(plots.distribution, original, decoded, feature)


@compared
@pytest.mark.parametrize("feature", ["pt", "m", "eta", "phi"])
def test_residual(original, decoded, feature):
    return drawn(plots.residual, metrics.residuals(original, decoded)[feature])


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


def test_a_figure_shows_the_numbers_of_the_metrics(original, decoded):
    result = metrics.residuals(original, decoded)["eta"]
    figure = drawn(plots.residual, result, label="Preliminary")
    text = " ".join(t.get_text() for t in figure.axes[0].texts)
    assert f"{result.mean:.5f}" in text
    assert f"{result.sigma:.5f}" in text
    everything = " ".join(t.get_text() for t in figure.findobj(plt.Text))
    assert "Preliminary" in everything
    assert "ATLAS" in everything
    plt.close(figure)


def test_energies_in_mev_are_drawn_in_gev(original, decoded):
    limits = []
    for unit in (1, 1000):
        first, second = (
            {n: v * (unit if n in ("m", "pt") else 1) for n, v in jets.items()}
            for jets in (original, decoded)
        )
        figure = drawn(plots.distribution, first, second, "pt")
        limits.append(figure.axes[1].get_xlim())
        plt.close(figure)
    np.testing.assert_allclose(limits[0], limits[1], rtol=1e-5)


def test_given_axes_are_drawn_on(original, decoded, history):
    figure, axes = plt.subplots(2, 2)
    assert plots.training(history, ax=axes[0, 0]) is figure
    assert plots.distribution(original, decoded, "eta", axes=axes[:, 1]) is figure
    assert axes[0, 0].lines
    assert axes[1, 1].get_xlabel() == r"Jet $\eta$"
    plt.close(figure)


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [1.0], [np.pi] * 50 + [0.0]])
def test_odd_residuals_are_drawn_all_the_same(values):
    figure = drawn(plots.residual, metrics.Residuals("eta", False, np.array(values), 0))
    low, high = figure.axes[0].get_xlim()
    assert low < 0 < high
    plt.close(figure)


def test_few_latents(tmp_path, latents, original, decoded):
    with pytest.raises(InputError, match="2 latents"):
        plots.latent_space(latents[:, :2])
    written = plots.save_figures(tmp_path, original, decoded, latents=latents[:, :2])
    names = {path.stem for path in written}
    assert "latent_pairs" in names
    assert "latent_space" not in names
    assert plt.get_fignums() == []
    assert all(path.stat().st_size > 5000 for path in written)


def test_jets_that_are_not_the_same_are_refused(tmp_path, original, decoded):
    shorter = {name: values[:-1] for name, values in decoded.items()}
    with pytest.raises(InputError, match="not the same jets"):
        plots.save_figures(tmp_path / "plots", original, shorter)
    assert not (tmp_path / "plots").exists()
