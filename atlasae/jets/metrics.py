"""Residuals of decoded jets: differences between decoded and original values."""

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
    from collections.abc import Mapping, Sequence

    from atlasae.types import Floats, Values


CENTRAL_68 = (0.1587, 0.8413)  #: quantiles of a normal distribution at one sigma
CENTRAL_95 = (0.0228, 0.9772)  #: and at two


@dataclass(frozen=True)
class Residuals:
    """Differences between decoded and original values of one feature.

    Means, widths and quantiles are weighted if there are weights. Negative ones are allowed.

    Attributes:
        feature: name of the feature.
        relative: whether they are divided by the original: masses, momenta and energies.
        by_jet: one per jet, shape (n,), float64; not finite where undefined, because the
            original is zero or one of the two values is not finite.
        weights: one per jet, shape (n,), finite; None if all jets count alike.

    Example:
        >>> import numpy as np
        >>> result = Residuals("eta", relative=False, by_jet=np.array([0.1, -0.1, np.nan]))
        >>> round(result.sigma, 3), result.undefined
        (0.1, 1)
    """

    feature: str
    relative: bool
    by_jet: Floats
    weights: Floats | None = None

    @cached_property
    def values(self) -> Floats:
        """The finite residuals, shape (m,)."""
        return self.by_jet[np.isfinite(self.by_jet)]

    @cached_property
    def finite_weights(self) -> Floats | None:
        """The weights of the finite residuals, shape (m,); None if all jets count alike."""
        return None if self.weights is None else self.weights[np.isfinite(self.by_jet)]

    @property
    def undefined(self) -> int:
        """Number of jets without a residual."""
        return self.by_jet.size - self.values.size

    @property
    def mean(self) -> float:
        """Mean; NaN without a finite residual."""
        return self._mean(self.values)

    @property
    def sigma(self) -> float:
        """Standard deviation; NaN without a finite residual."""
        return float(np.sqrt(max(self._mean((self.values - self.mean) ** 2), 0)))

    @property
    def mean_error(self) -> float:
        """Standard error of the mean; without weights sigma / sqrt(n)."""
        return self._error_of_mean(self.values - self.mean)

    @property
    def sigma_error(self) -> float:
        """Standard error of sigma, for any distribution.

        Without weights it is sqrt((m4 - sigma^4) / n) / (2 sigma).

        Source: Kendall and Stuart, The Advanced Theory of Statistics, volume 1, section 10.
        """
        if not self.values.size or self.sigma == 0:
            return 0.0
        squares = (self.values - self.mean) ** 2
        return self._error_of_mean(squares - self.sigma**2) / (2 * self.sigma)

    @property
    def median(self) -> float:
        """Median; NaN without a finite residual."""
        return float(quantiles(self.values, (0.5,), self.finite_weights)[0])

    @property
    def half_width(self) -> float:
        """Half the width of the central 68.3 %, which is robust against outliers."""
        return half_width(self.values, CENTRAL_68, self.finite_weights)

    @property
    def half_width_95(self) -> float:
        """Half the width of the central 95.4 %."""
        return half_width(self.values, CENTRAL_95, self.finite_weights)

    @property
    def maximum(self) -> float:
        """Largest absolute residual; NaN without a finite residual."""
        return float(np.abs(self.values).max()) if self.values.size else float("nan")

    @cached_property
    def few_outliers_decide(self) -> bool:
        """Whether mean and sigma say more of a few jets than of the others.

        So it is if the largest 0.1 % of the residuals make up more than half of the sum of all
        squares; of a normal distribution they make up 1 %. Quantiles are what describes such
        residuals.
        """
        count = self.values.size // 1000
        if not count:
            return False
        with np.errstate(over="ignore"):
            squares = np.sort(self.values**2)
        return bool(squares[-count:].sum() > squares[:-count].sum())

    def _mean(self, values: Floats) -> float:
        if not values.size:
            return float("nan")
        if self.finite_weights is None:
            return float(values.mean())
        with np.errstate(divide="ignore", invalid="ignore"):
            return float((self.finite_weights * values).sum() / self.finite_weights.sum())

    def _error_of_mean(self, deviations: Floats) -> float:
        weights = np.ones(1) if self.finite_weights is None else self.finite_weights
        total = deviations.size if self.finite_weights is None else abs(float(weights.sum()))
        return float(np.sqrt(((weights * deviations) ** 2).sum())) / (total or 1)


def quantiles(
    values: Floats, shares: Sequence[float] | Floats, weights: Floats | None = None
) -> Floats:
    """Quantiles of values; NaN without values, or if the sum of the weights is 0.

    With weights, a quantile is the first value, in ascending order, at which the sum of the weights
    reaches its share of the whole. Negative weights are allowed, and so is a negative sum.

    Args:
        values: shape (n,), finite.
        shares: from 0 to 1.
        weights: shape (n,); by default all values count alike, and quantiles are interpolated.

    Example:
        >>> import numpy as np
        >>> quantiles(np.array([1.0, 2.0, 3.0]), [0.5], np.array([1.0, 1.0, 5.0])).tolist()
        [3.0]
    """
    total = len(values) if weights is None else weights.sum()
    if not total:
        return np.full(len(shares), np.nan)
    if weights is None:
        return np.asarray(np.quantile(values, shares))
    distinct, places = np.unique(values, return_inverse=True)
    sums = np.cumsum(np.bincount(places, weights * np.sign(total)))
    reached = np.maximum.accumulate(sums) / abs(total)
    return np.asarray(distinct[np.minimum(reached.searchsorted(shares), len(distinct) - 1)])


def half_width(
    values: Floats, central: tuple[float, float], weights: Floats | None = None
) -> float:
    """Half the distance between two quantiles; NaN without values.

    Args:
        values: shape (n,).
        central: the lower and the upper quantile, from 0 to 1.
        weights: shape (n,), as for ``quantiles``.

    Example:
        >>> import numpy as np
        >>> half_width(np.linspace(-1, 1, 101), (0.25, 0.75))
        0.5
    """
    low, high = quantiles(values, central, weights)
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


def residuals(
    original: Any, decoded: Any, *, weights: Floats | None = None
) -> dict[str, Residuals]:
    """Residuals by feature.

    Masses, momenta and energies have relative residuals, (decoded - original) / abs(original);
    phi has the difference wrapped to [-pi, pi); others have the difference.

    Args:
        original: jets in any form that ``atlasae.jets.table.to_table`` accepts.
        decoded: the same jets, decoded.
        weights: one per jet, shape (n,); by default all jets count alike.

    Raises:
        InputError: the two are not the same jets, or the weights are not one finite number per jet.

    Example:
        >>> result = residuals({"pt": [100.0, 50.0]}, {"pt": [101.0, 50.0]})["pt"]
        >>> result.values.tolist()
        [0.01, 0.0]
    """
    before, after = matched(original, decoded)
    weights = checked_weights(weights, len(before))
    return {
        name: _residuals(name, values, after.columns[name], weights)
        for name, values in before.columns.items()
    }


def checked_weights(weights: Any, count: int) -> Floats | None:
    """Weights as float64, shape (count,); None remains None.

    Raises:
        InputError: they are not one finite number for each of ``count``.

    Example:
        >>> checked_weights([1, -1], 2).tolist()
        [1.0, -1.0]
    """
    if weights is None:
        return None
    numbers = np.asarray(weights, np.float64)
    if numbers.shape != (count,):
        raise InputError(f"weights must have the shape ({count},), not {numbers.shape}")
    if bad := count - np.count_nonzero(np.isfinite(numbers)):
        raise InputError(f"weights must be finite, and {bad:,} of {count:,} are not")
    return numbers


def _residuals(name: str, original: Values, decoded: Values, weights: Floats | None) -> Residuals:
    before, after = original.astype(np.float64), decoded.astype(np.float64)
    relative = is_energy(name)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = after - before
        if relative:
            values = values / np.abs(before)
        elif role(name) == "phi":
            values = wrap(values)
    return Residuals(name, relative, values, weights)


def standard_rmse(original: Any, decoded: Any, reference: Any) -> float:
    """Root mean square error over all features, each in units of its standard deviation.

    That of phi is the difference wrapped to [-pi, pi).

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
    errors = after.matrix() - before.matrix()
    for i, name in enumerate(before.columns):
        if role(name) == "phi":
            errors[:, i] = wrap(errors[:, i])
    return float(np.sqrt(((errors / units) ** 2).mean()))


def correlation(results: Mapping[str, Residuals]) -> Floats:
    """Spearman's rank correlation of the residuals of each pair of features, shape (k, k).

    Ranks are used because a few far outliers would dominate a correlation of values. Jets
    without a residual in one of the features are left out; a feature without spread gives NaN.
    Weights count in the means over jets, not in the ranks.

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
    is_complete = np.isfinite(matrix).all(axis=0)
    weights = next(iter(results.values())).weights
    weights = np.ones(is_complete.sum()) if weights is None else weights[is_complete]
    ranks = rankdata(matrix[:, is_complete], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        deviations = ranks - (ranks @ weights / weights.sum())[:, None]
        covariance = (deviations * weights) @ deviations.T
        spread = np.sqrt(np.diag(covariance))
        return np.asarray(covariance / np.outer(spread, spread))
