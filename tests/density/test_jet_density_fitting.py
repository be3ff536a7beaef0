"""What a fit uses, and how long it trains."""

from __future__ import annotations

import numpy as np

from atlasae.density.feature_layout import FeatureLayout
from atlasae.density.jet_density_fitting import fit_jet_density
from atlasae.quantization.quantizers import AbsoluteQuantizer
from tests.density.quantized_jets import integers, layout


def test_earlier_jets_are_of_use():
    """Second jets that have nearly the eta of the first cost less."""
    rng = np.random.default_rng(0)
    columns = integers(4000)
    columns["eta"][1::2] = columns["eta"][::2] + rng.integers(-3, 4, 2000)
    counts = np.full(2000, 2)
    alone = fit_jet_density(layout(), columns, None, uses=1e9, epochs=20).bits(columns, None)
    fitted = fit_jet_density(layout(), columns, counts, uses=1e9, epochs=20).bits(columns, counts)
    assert alone["eta"] - fitted["eta"] > 1.0 * 2000


def test_of_many_features_each_is_trained_less(monkeypatch):
    from atlasae.density import jet_density_fitting

    seen, fit = [], jet_density_fitting.fit_conditional

    def noting(*arguments, epochs, **options):
        seen.append(epochs)
        return fit(*arguments, epochs=epochs, **options)

    monkeypatch.setattr(jet_density_fitting, "fit_conditional", noting)
    for features in (4, 40):
        names = [f"x{i}" for i in range(features)]
        quantizers = {name: AbsoluteQuantizer("float32", 0.01) for name in names}
        columns = {name: np.arange(100) for name in names}
        fit_jet_density(FeatureLayout.of(quantizers), columns, None, networks=False)
    assert seen == [40] * 4 + [16] * 40
