"""Residuals of decoded jets, and tests of how well distributions agree."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import InputError
from atlasae.jets.names import is_energy, role
from atlasae.jets.table import Table, to_table
from atlasae.optional import needs_extra

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlasae.types import Floats, Values


CENTRAL_68 = (0.1587, 0.8413)  #: quantiles of a normal distribution at one sigma
CENTRAL_95 = (0.0228, 0.9772)  #: and at two


@dataclass(frozen=True)
class Residuals:
    """Differences between decoded and original values of one feature.

    Attributes:
        feature: name of the feature.
        relative: whether they are divided by the original: masses, momenta and energies.
        by_jet: one per jet, shape (n,), float64; not finite where undefined, because the
            original is zero or one of the two values is not finite.

    Example:
        >>> import numpy as np
        >>> result = Residuals("eta", relative=False, by_jet=np.array([0.1, -0.1, np.nan]))
        >>> round(result.sigma, 3), result.undefined
        (0.1, 1)
    """

    feature: str
    relative: bool
    by_jet: Floats

    @cached_property
    def values(self) -> Floats:
        """The finite residuals, shape (m,)."""
        return self.by_jet[np.isfinite(self.by_jet)]

    @property
    def undefined(self) -> int:
        """Number of jets without a residual."""
        return self.by_jet.size - self.values.size

    @property
    def mean(self) -> float:
        """Mean; NaN without a finite residual."""
        return float(self.values.mean()) if self.values.size else float("nan")

    @property
    def sigma(self) -> float:
        """Standard deviation; NaN without a finite residual."""
        return float(self.values.std()) if self.values.size else float("nan")

    @property
    def mean_error(self) -> float:
        """Standard error of the mean, sigma / sqrt(n)."""
        return self.sigma / float(np.sqrt(max(self.values.size, 1)))

    @property
    def sigma_error(self) -> float:
        """Standard error of sigma, sqrt((m4 - sigma^4) / n) / (2 sigma), for any distribution.

        Source: Kendall and Stuart, The Advanced Theory of Statistics, volume 1, section 10.
        """
        if not self.values.size or self.sigma == 0:
            return 0.0
        fourth = float(((self.values - self.mean) ** 4).mean())
        return float((max(fourth - self.sigma**4, 0) / self.values.size) ** 0.5 / (2 * self.sigma))

    @property
    def half_width(self) -> float:
        """Half the width of the central 68.3 %, which is robust against outliers."""
        return half_width(self.values, CENTRAL_68)

    @property
    def half_width_95(self) -> float:
        """Half the width of the central 95.4 %."""
        return half_width(self.values, CENTRAL_95)

    @property
    def maximum(self) -> float:
        """Largest absolute residual; NaN without a finite residual."""
        return float(np.abs(self.values).max()) if self.values.size else float("nan")


def half_width(values: Floats, central: tuple[float, float]) -> float:
    """Half the distance between two quantiles; NaN without values.

    Args:
        values: shape (n,).
        central: the lower and the upper quantile, from 0 to 1.

    Example:
        >>> import numpy as np
        >>> half_width(np.linspace(-1, 1, 101), (0.25, 0.75))
        0.5
    """
    if not values.size:
        return float("nan")
    low, high = np.quantile(values, central)
    return float(high - low) / 2


def wrap(angle: Values) -> Values:
    """Angles in radians, wrapped to [-pi, pi).

    Example:
        >>> import numpy as np
        >>> float(wrap(np.array(2 * np.pi)))
        0.0
    """
    return (angle + np.pi) % (2 * np.pi) - np.pi


def matched(original: Any, decoded: Any) -> tuple[Table, Table]:
    """Both as tables of the features that they share.

    Raises:
        InputError: they share no feature, or differ in the number of jets, in all or per event.

    Example:
        >>> before, after = matched({"pt": [50.0], "eta": [0.1]}, {"pt": [50.1]})
        >>> list(before.columns), list(after.columns)
        (['pt'], ['pt'])
    """
    before, after = to_table(original), to_table(decoded)
    shared = [name for name in before.columns if name in after.columns]
    if not shared:
        raise InputError(
            f"no feature in common: {', '.join(before.columns)} and {', '.join(after.columns)}"
        )
    if len(before) != len(after):
        raise InputError(f"not the same jets: {len(before)} and {len(after)}")
    if (
        before.counts is not None
        and after.counts is not None
        and not np.array_equal(before.counts, after.counts)
    ):
        raise InputError("not the same events: the jet counts per event differ")
    return before.select(shared), after.select(shared)


def residuals(original: Any, decoded: Any) -> dict[str, Residuals]:
    """Residuals by feature.

    Masses, momenta and energies have relative residuals, (decoded - original) / abs(original);
    phi has the difference wrapped to [-pi, pi); others have the difference.

    Args:
        original: jets in any form that ``atlasae.jets.table.to_table`` accepts.
        decoded: the same jets, decoded.

    Raises:
        InputError: the two are not the same jets.

    Example:
        >>> result = residuals({"pt": [100.0, 50.0]}, {"pt": [101.0, 50.0]})["pt"]
        >>> result.values.tolist()
        [0.01, 0.0]
    """
    before, after = matched(original, decoded)
    return {
        name: _residuals(name, values, after.columns[name])
        for name, values in before.columns.items()
    }


def _residuals(name: str, original: Values, decoded: Values) -> Residuals:
    before, after = original.astype(np.float64), decoded.astype(np.float64)
    relative = is_energy(name)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = after - before
        if relative:
            values = values / np.abs(before)
        elif role(name) == "phi":
            values = wrap(values)
    return Residuals(name, relative, values)


def standard_rmse(original: Any, decoded: Any, reference: Any) -> float:
    """Root mean square error over all features, each in units of its standard deviation.

    Args:
        original: jets in any form that ``atlasae.jets.table.to_table`` accepts.
        decoded: the same jets, decoded.
        reference: the jets whose standard deviations are the units, such as the training jets.

    Raises:
        InputError: the two are not the same jets, or a value is NaN or infinite.

    Example:
        >>> standard_rmse({"eta": [0.0, 1.0]}, {"eta": [0.5, 1.5]}, {"eta": [-1.0, 1.0]})
        0.5
    """
    before, after = matched(original, decoded)
    units = to_table(reference).select(list(before.columns)).matrix().std(axis=0)
    return float(np.sqrt((((after.matrix() - before.matrix()) / units) ** 2).mean()))


def correlation(results: Mapping[str, Residuals]) -> Floats:
    """Spearman's rank correlation of the residuals of each pair of features, shape (k, k).

    Ranks are used because a few far outliers would dominate a correlation of values. Jets
    without a residual in one of the features are left out; a feature without spread gives NaN.

    Args:
        results: feature name to its residuals, all of the same jets.

    Example:
        >>> original = {"pt": [10.0, 10.0, 10.0], "eta": [0.0, 0.0, 0.0]}
        >>> decoded = {"pt": [10.1, 10.2, 10.3], "eta": [0.3, 0.2, 0.1]}
        >>> round(float(correlation(residuals(original, decoded))[0, 1]), 6)
        -1.0
    """
    with needs_extra("plot", "metrics.correlation"):
        from scipy.stats import rankdata

    matrix = np.stack([result.by_jet for result in results.values()])
    ranks = rankdata(matrix[:, np.isfinite(matrix).all(axis=0)], axis=1)
    deviations = ranks - ranks.mean(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        units = deviations / np.sqrt((deviations**2).sum(axis=1, keepdims=True))
        return np.asarray(units @ units.T)


@dataclass(frozen=True)
class Profile:
    """Median and central 68.3 % of values in bins of another variable.

    Attributes:
        edges: of the bins, shape (bins + 1,).
        median: of the values in each bin, shape (bins,); NaN in empty bins.
        low: the 15.87 % quantile of each bin, shape (bins,).
        high: the 84.13 % quantile of each bin, shape (bins,).
    """

    edges: Floats
    median: Floats
    low: Floats
    high: Floats


def profile(values: Floats, against: Floats, edges: Floats) -> Profile:
    """The median and the central 68.3 % of ``values`` in bins of ``against``.

    Args:
        values: such as ``Residuals.by_jet``, shape (n,); values that are not finite are left out.
        against: the binned variable, shape (n,).
        edges: of the bins, increasing, shape (bins + 1,); the last bin includes its upper edge.

    Example:
        >>> import numpy as np
        >>> values, pt = np.array([1.0, 3.0, 10.0]), np.array([20.0, 30.0, 60.0])
        >>> profile(values, pt, np.array([0.0, 50.0, 100.0])).median.tolist()
        [2.0, 10.0]
    """
    bins = np.searchsorted(edges, against, side="right") - 1
    bins[against == edges[-1]] -= 1
    quantiles = np.full((3, len(edges) - 1), np.nan)
    for i in range(len(edges) - 1):
        inside = values[(bins == i) & np.isfinite(values)]
        if inside.size:
            quantiles[:, i] = np.quantile(inside, (0.5, *CENTRAL_68))
    return Profile(edges, *quantiles)


@dataclass(frozen=True)
class Agreement:
    """Two tests of whether two samples come from the same distribution.

    Both tests assume independent samples. An original and its decoded copy are the same jets, so
    the tests pass far too easily; residuals per jet say more.

    Attributes:
        ks: Kolmogorov-Smirnov statistic, the largest distance of the two cumulative distributions.
        ks_p: its p-value.
        chi2: chi-square of the two binned samples.
        bins: number of terms of the chi-square: bins that are not empty in both samples.
    """

    ks: float
    ks_p: float
    chi2: float
    bins: int


def agreement(original: Floats, decoded: Floats, edges: Floats) -> Agreement:
    """Compare two samples by the Kolmogorov-Smirnov test, and by chi-square in bins.

    Source of the chi-square for samples of unequal sizes: Press et al., Numerical Recipes,
    section 14.3.

    Args:
        original: finite values, shape (n,).
        decoded: finite values, shape (m,).
        edges: of the bins, shape (bins + 1,); chi-square leaves out values outside of them.

    Raises:
        InputError: one of the samples is empty.

    Example:
        >>> import numpy as np
        >>> values, edges = np.array([0.1, 0.4, 0.6]), np.array([0.0, 0.5, 1.0])
        >>> test = agreement(values, values, edges)
        >>> test.ks, test.chi2, test.bins
        (0.0, 0.0, 2)
    """
    with needs_extra("plot", "metrics.agreement"):
        from scipy.stats import ks_2samp

    if not original.size or not decoded.size:
        raise InputError("both samples must be non-empty")
    test = ks_2samp(original, decoded, method="asymp")
    before, after = (np.histogram(values, edges)[0] for values in (original, decoded))
    filled = before + after > 0
    scale = np.sqrt(after.sum() / max(before.sum(), 1))
    terms = (scale * before - after / max(scale, 1e-300))[filled] ** 2 / (before + after)[filled]
    return Agreement(
        float(test.statistic), float(test.pvalue), float(terms.sum()), int(filled.sum())
    )
