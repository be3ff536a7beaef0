from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from scipy import stats

from atlasae.errors import InputError
from atlasae.jets import metrics
from atlasae.jets.distributions import agreement, profile


def test_residuals_are_relative_wrapped_or_plain():
    original = {"pt": [10.0, 20.0], "phi": [3.1, -3.1], "eta": [1.0, 2.0], "m": [0.0, 2.0]}
    decoded = {"pt": [11.0, 19.0], "phi": [-3.1, 3.1], "eta": [1.5, 2.0], "m": [1.0, 2.5]}
    results = metrics.residuals(original, decoded)
    np.testing.assert_allclose(results["pt"].values, [0.1, -0.05])
    np.testing.assert_allclose(results["phi"].values, [2 * np.pi - 6.2, 6.2 - 2 * np.pi])
    np.testing.assert_allclose(results["eta"].values, [0.5, 0])
    np.testing.assert_allclose(results["m"].values, [0.25])
    assert results["m"].undefined == 1
    assert [results[name].relative for name in ("pt", "phi", "eta", "m")] == [
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
    results = [metrics.Residuals("x", False, sample) for sample in samples]
    for value, error in (("mean", "mean_error"), ("sigma", "sigma_error")):
        spread = np.std([getattr(r, value) for r in results])
        assert np.mean([getattr(r, error) for r in results]) == pytest.approx(spread, rel=0.08)


def test_the_half_widths_of_a_normal_are_one_and_two_sigma():
    values = np.random.default_rng(0).normal(1, 3, 200_000)
    result = metrics.Residuals("x", False, values)
    assert result.half_width == pytest.approx(3, rel=0.01)
    assert result.half_width_95 == pytest.approx(6, rel=0.01)
    assert result.maximum == np.abs(values).max()


def test_correlations_are_those_of_scipy_without_the_jets_that_have_no_residual():
    rng = np.random.default_rng(0)
    a = rng.normal(size=500)
    columns = {"a": a, "b": 0.5 * a + rng.normal(size=500), "c": rng.integers(0, 5, 500) * 1.0}
    columns["b"][7] = np.nan
    matrix = metrics.correlation(
        {name: metrics.Residuals(name, False, values) for name, values in columns.items()}
    )
    whole = np.delete(np.stack(list(columns.values())), 7, axis=1)
    np.testing.assert_allclose(matrix, stats.spearmanr(whole, axis=1).statistic)


def test_a_profile_has_the_quantiles_of_each_bin():
    against = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 5.0])
    binned = profile(
        np.array([1.0, 3.0, 10.0, np.nan, 20.0, 99.0]), against, np.array([0.0, 1.0, 2.0, 3.0])
    )
    np.testing.assert_allclose(binned.median, [2, 10, 20])
    np.testing.assert_allclose(binned.high[:2], [1 + 2 * 0.8413, 10])
    closed = profile(np.array([7.0]), np.array([3.0]), np.array([2.0, 3.0]))
    assert closed.median == [7]  # the last edge belongs to its bin


def test_the_agreement_of_samples_of_one_distribution_is_chance():
    rng = np.random.default_rng(1)
    edges = np.linspace(-2, 2, 41)
    tests = [agreement(rng.normal(size=900), rng.normal(size=400), edges) for _ in range(200)]
    assert np.mean([test.chi2 / test.bins for test in tests]) == pytest.approx(1, abs=0.05)
    with pytest.raises(InputError, match="both samples must have finite values"):
        agreement(np.array([np.nan]), np.array([1.0]), edges)


def test_the_distance_of_two_samples_is_that_of_scipy():
    rng = np.random.default_rng(1)
    for digits in (1, 8):  # with ties and without
        first, second = rng.normal(size=900).round(digits), rng.normal(size=400).round(digits)
        found = agreement(first, np.append(second, np.nan), np.linspace(-2, 2, 3)).ks
        assert found == pytest.approx(stats.ks_2samp(first, second).statistic)


def test_a_weight_of_two_counts_as_two_jets():
    rng = np.random.default_rng(2)
    values, weights = rng.normal(size=999), rng.integers(1, 4, 999)
    repeated = np.repeat(values, weights)
    weighted = metrics.Residuals("x", False, values, weights.astype(float))
    alike = metrics.Residuals("x", False, repeated)
    for name in ("mean", "sigma"):
        assert getattr(weighted, name) == pytest.approx(getattr(alike, name))
    for name in ("median", "half_width", "half_width_95"):
        assert getattr(weighted, name) == pytest.approx(getattr(alike, name), abs=0.02)
    edges = np.linspace(-2, 2, 9)
    shifted = values + 0.1
    test, plain = (
        agreement(values, shifted, edges, weights.astype(float)),
        agreement(repeated, np.repeat(shifted, weights), edges),
    )
    assert test.ks == pytest.approx(plain.ks)
    assert 0 < test.chi2 < plain.chi2  # fewer jets than the sum of their weights
    doubled = agreement(values, shifted, edges, 2 * weights)
    assert doubled.chi2 == pytest.approx(test.chi2)


def test_the_errors_of_weighted_residuals_are_the_spread_of_repeated_experiments():
    rng = np.random.default_rng(0)
    weights = np.where(rng.random((1000, 500)) < 0.1, -1.0, 1.0) * rng.uniform(0.5, 2, (1000, 500))
    results = [
        metrics.Residuals("x", False, sample, of_each)
        for sample, of_each in zip(rng.normal(1, 2, (1000, 500)), weights, strict=True)
    ]
    for value, error in (("mean", "mean_error"), ("sigma", "sigma_error")):
        spread = np.std([getattr(r, value) for r in results])
        assert np.mean([getattr(r, error) for r in results]) == pytest.approx(spread, rel=0.08)


def test_negative_weights_take_jets_away():
    values, weights = np.array([1.0, 2.0, 2.0, 3.0]), np.array([1.0, 1.0, -1.0, 3.0])
    result = metrics.Residuals("x", False, values, weights)
    assert result.mean == pytest.approx((1 + 2 - 2 + 9) / 4)
    assert result.median == 3
    assert metrics.Residuals("x", False, values, -weights).median == 3  # a sample of interference
    assert np.isnan(metrics.Residuals("x", False, values, weights - 1.0).median)  # no sum


def test_few_outliers_are_seen():
    values = np.random.default_rng(0).normal(size=5000)
    assert not metrics.Residuals("m", True, values).few_outliers_decide
    values[7] = 1e6
    assert metrics.Residuals("m", True, values).few_outliers_decide
    assert not metrics.Residuals("m", True, values[:100]).few_outliers_decide


@pytest.mark.parametrize(
    ("weights", "message"),
    [([1.0], r"shape \(2,\), not \(1,\)"), ([1.0, np.nan], "must be finite, and 1 of 2 are not")],
)
def test_other_weights_are_refused(weights, message):
    with pytest.raises(InputError, match=message):
        metrics.residuals({"pt": [1.0, 2.0]}, {"pt": [1.0, 2.0]}, weights=weights)


def test_wrapping():
    angles = np.array([0, np.pi - 0.1, np.pi + 0.1, -np.pi - 0.1, 7 * np.pi + 0.5])
    np.testing.assert_allclose(
        metrics.wrap(angles), [0, np.pi - 0.1, -np.pi + 0.1, np.pi - 0.1, -np.pi + 0.5]
    )


def test_the_standard_rmse_of_phi_is_that_of_an_angle():
    reference = {"phi": [-1.0, 1.0]}
    found = metrics.standard_rmse({"phi": [3.1]}, {"phi": [-3.1]}, reference)
    assert found == pytest.approx(2 * np.pi - 6.2)


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
    with pytest.raises(InputError, match="jet counts per event differ"):
        metrics.residuals(one, other)
