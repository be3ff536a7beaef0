"""How far decoded jets are from the originals."""

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

    from numpy.typing import NDArray

    from atlasae.types import Floats


CENTRAL_68 = (0.1587, 0.8413)  # the quantiles a normal has at one sigma
CENTRAL_95 = (0.0228, 0.9772)  # and at two


@dataclass(frozen=True)
class Residuals:
    """Differences between decoded and original values of one feature.

    Attributes:
        feature: its name.
        relative: whether they are divided by the original: masses, momenta and energies.
        by_jet: one for each jet, shape (n,), float64; not finite where there is none, since the
            original is zero, or one of the two is not finite.
    """

    feature: str
    relative: bool
    by_jet: Floats

    @cached_property
    def values(self) -> Floats:
        """The finite ones, shape (m,)."""
        return self.by_jet[np.isfinite(self.by_jet)]

    @property
    def undefined(self) -> int:
        """How many jets have no residual."""
        return self.by_jet.size - self.values.size

    @property
    def mean(self) -> float:
        return float(self.values.mean()) if self.values.size else float("nan")

    @property
    def sigma(self) -> float:
        """Standard deviation about the mean."""
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
        """Half the width of the central 68.3 %, which outliers do not move."""
        return half_width(self.values, CENTRAL_68)

    @property
    def half_width_95(self) -> float:
        """Half the width of the central 95.4 %."""
        return half_width(self.values, CENTRAL_95)

    @property
    def maximum(self) -> float:
        """The largest in size."""
        return float(np.abs(self.values).max()) if self.values.size else float("nan")


def half_width(values: Floats, central: tuple[float, float]) -> float:
    """Half the distance between two quantiles; NaN of no values."""
    if not values.size:
        return float("nan")
    low, high = np.quantile(values, central)
    return float(high - low) / 2


def wrap(angle: NDArray[Any]) -> NDArray[Any]:
    """An angle in radians brought into [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def matched(original: Any, decoded: Any) -> tuple[Table, Table]:
    """Both as tables with the same columns and the same jets in the same events.

    Raises:
        InputError: they share no feature, or have other numbers of jets.
    """
    first, second = to_table(original), to_table(decoded)
    shared = [name for name in first.columns if name in second.columns]
    if not shared:
        raise InputError(
            f"no feature in common: {', '.join(first.columns)} and {', '.join(second.columns)}"
        )
    if len(first) != len(second):
        raise InputError(f"not the same jets: {len(first)} and {len(second)}")
    both = first.counts is not None and second.counts is not None
    if both and not np.array_equal(first.counts, second.counts):  # type: ignore[arg-type]
        raise InputError("not the same events: the numbers of jets an event differ")
    return first.select(shared), second.select(shared)


def residuals(original: Any, decoded: Any) -> dict[str, Residuals]:
    """Residuals by feature: relative for energies, wrapped for phi, differences for the rest.

    Args:
        original: jets in any form ``atlasae.jets.table.to_table`` takes.
        decoded: the same jets, decoded.

    Raises:
        InputError: the two are not the same jets.
    """
    first, second = matched(original, decoded)
    return {
        name: _residuals(name, first.columns[name], second.columns[name]) for name in first.columns
    }


def _residuals(name: str, original: NDArray[Any], decoded: NDArray[Any]) -> Residuals:
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
        original: jets.
        decoded: the same jets, decoded.
        reference: the jets whose standard deviations are the units, such as those trained on.
    """
    first, second = matched(original, decoded)
    units = to_table(reference).select(list(first.columns)).matrix().std(axis=0)
    return float(np.sqrt((((second.matrix() - first.matrix()) / units) ** 2).mean()))


def correlation(results: Mapping[str, Residuals]) -> Floats:
    """Spearman's rank correlation of the residuals of every two features, shape (k, k).

    Ranks, since a few far outliers would make the correlation of the values. Jets without a
    residual in one of the features do not count; where a feature has no spread it is NaN.
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
    """Central values in bins of something else.

    Attributes:
        edges: of the bins, shape (bins + 1,).
        median: of the values in each bin; NaN where there are none.
        low: the quantile that 15.87 % of the values lie below.
        high: the quantile that 15.87 % lie above.
    """

    edges: Floats
    median: Floats
    low: Floats
    high: Floats


def profile(values: Floats, against: Floats, edges: Floats) -> Profile:
    """The median and the central 68.3 % of ``values`` in bins of ``against``.

    Args:
        values: such as ``Residuals.by_jet``, shape (n,); those not finite do not count.
        against: shape (n,).
        edges: of the bins, growing; the last one belongs to its bin.
    """
    places = np.searchsorted(edges, against, side="right") - 1
    places[against == edges[-1]] -= 1
    rows = np.full((3, len(edges) - 1), np.nan)
    for i in range(len(edges) - 1):
        inside = values[(places == i) & np.isfinite(values)]
        if inside.size:
            rows[:, i] = np.quantile(inside, (0.5, *CENTRAL_68))
    return Profile(edges, rows[0], rows[1], rows[2])


@dataclass(frozen=True)
class Agreement:
    """Two tests of whether two samples come from one distribution.

    Both take the samples for independent. An original and its decoded copy are the same jets, so
    the tests pass far too easily; residuals jet by jet say more.

    Attributes:
        ks: Kolmogorov and Smirnov's statistic, the largest distance of the two cumulative shares.
        ks_p: the probability of one so large.
        chi2: of the two binned samples.
        bins: that chi2 has a term for.
    """

    ks: float
    ks_p: float
    chi2: float
    bins: int


def agreement(original: Floats, decoded: Floats, edges: Floats) -> Agreement:
    """Compare two samples by Kolmogorov and Smirnov's test, and by chi-square in bins.

    Args:
        original: finite values, shape (n,).
        decoded: finite values, shape (m,).
        edges: of the bins; values outside do not count for chi-square.

    Raises:
        InputError: one of them is empty.
    """
    with needs_extra("plot", "metrics.agreement"):
        from scipy.stats import ks_2samp

    if not original.size or not decoded.size:
        raise InputError("an empty sample agrees with nothing")
    test = ks_2samp(original, decoded, method="asymp")
    first, second = (np.histogram(values, edges)[0] for values in (original, decoded))
    filled = first + second > 0
    # for samples of unequal sizes: Press et al., Numerical Recipes, section 14.3
    scale = np.sqrt(second.sum() / max(first.sum(), 1))
    terms = (scale * first - second / max(scale, 1e-300))[filled] ** 2 / (first + second)[filled]
    return Agreement(
        float(test.statistic), float(test.pvalue), float(terms.sum()), int(filled.sum())
    )
