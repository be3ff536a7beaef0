from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from atlasae import metrics
from atlasae.errors import InputError


def test_residuals_are_relative_wrapped_or_plain():
    original = {"pt": [10.0, 20.0], "phi": [3.1, -3.1], "eta": [1.0, 2.0], "m": [0.0, 2.0]}
    decoded = {"pt": [11.0, 19.0], "phi": [-3.1, 3.1], "eta": [1.5, 2.0], "m": [1.0, 2.5]}
    found = metrics.residuals(original, decoded)
    np.testing.assert_allclose(found["pt"].values, [0.1, -0.05])
    np.testing.assert_allclose(found["phi"].values, [2 * np.pi - 6.2, 6.2 - 2 * np.pi])
    np.testing.assert_allclose(found["eta"].values, [0.5, 0])
    np.testing.assert_allclose(found["m"].values, [0.25])
    assert found["m"].undefined == 1
    assert [found[name].relative for name in ("pt", "phi", "eta", "m")] == [
        True,
        False,
        False,
        True,
    ]


def test_a_negative_original_gives_the_sign_of_the_difference():
    assert metrics.residuals({"m": [-2.0]}, {"m": [-1.0]})["m"].values[0] == pytest.approx(0.5)


@pytest.mark.parametrize("draw", ["normal", "laplace", "uniform"])
def test_the_errors_are_the_spread_of_repeated_experiments(draw):
    rng = np.random.default_rng(0)
    samples = getattr(rng, draw)(size=(1000, 500))
    made = [metrics.Residuals("x", False, sample, 0) for sample in samples]
    for value, error in (("mean", "mean_error"), ("sigma", "sigma_error")):
        spread = np.std([getattr(m, value) for m in made])
        assert np.mean([getattr(m, error) for m in made]) == pytest.approx(spread, rel=0.08)


def test_the_half_width_of_a_normal_is_its_sigma():
    values = np.random.default_rng(0).normal(1, 3, 200_000)
    assert metrics.Residuals("x", False, values, 0).half_width == pytest.approx(3, rel=0.01)


def test_wrapping():
    angles = np.array([0, np.pi - 0.1, np.pi + 0.1, -np.pi - 0.1, 7 * np.pi + 0.5])
    np.testing.assert_allclose(
        metrics.wrap(angles), [0, np.pi - 0.1, -np.pi + 0.1, np.pi - 0.1, -np.pi + 0.5]
    )


def test_the_standard_rmse_is_in_units_of_the_reference():
    reference = {"a": [0.0, 2.0], "b": [0.0, 20.0]}
    assert (
        metrics.standard_rmse({"a": [0.0], "b": [0.0]}, {"a": [1.0], "b": [10.0]}, reference) == 1
    )


def test_jets_that_are_not_the_same_are_refused():
    with pytest.raises(InputError, match="not the same jets: 1 and 2"):
        metrics.residuals({"pt": [1.0]}, {"pt": [1.0, 2.0]})
    with pytest.raises(InputError, match="no feature in common: pt and eta"):
        metrics.residuals({"pt": [1.0]}, {"eta": [1.0]})
    one, other = (ak.Array({"pt": lists}) for lists in ([[1.0], [2.0, 3.0]], [[1.0, 2.0], [3.0]]))
    with pytest.raises(InputError, match="numbers of jets an event differ"):
        metrics.residuals(one, other)
