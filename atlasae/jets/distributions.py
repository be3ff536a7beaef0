"""How distributions differ: profiles, statistics of two samples, and migrations between bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import InputError
from atlasae.jets.metrics import CENTRAL_68, quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from atlasae.types import Floats, Values


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


def profile(
    values: Floats, against: Floats, edges: Floats, weights: Floats | None = None
) -> Profile:
    """The median and the central 68.3 % of ``values`` in bins of ``against``.

    Args:
        values: such as ``Residuals.by_jet``, shape (n,); values that are not finite are left out.
        against: the binned variable, shape (n,).
        edges: of the bins, increasing, shape (bins + 1,); the last bin includes its upper edge.
        weights: shape (n,), as for ``quantiles``.

    Example:
        >>> import numpy as np
        >>> values, pt = np.array([1.0, 3.0, 10.0]), np.array([20.0, 30.0, 60.0])
        >>> profile(values, pt, np.array([0.0, 50.0, 100.0])).median.tolist()
        [2.0, 10.0]
    """
    bins = np.searchsorted(edges, against, side="right") - 1
    bins[against == edges[-1]] -= 1
    found = np.full((3, len(edges) - 1), np.nan)
    for i in range(len(edges) - 1):
        inside = (bins == i) & np.isfinite(values)
        of_bin = None if weights is None else weights[inside]
        found[:, i] = quantiles(values[inside], (0.5, *CENTRAL_68), of_bin)
    return Profile(edges, *found)


@dataclass(frozen=True)
class Agreement:
    """How far two samples are apart, by two common statistics.

    An original and its decoded copy are the same jets, not independent samples, so neither has a
    p-value here: a chi-square is far below the number of bins if few jets change their bin.

    Attributes:
        ks: Kolmogorov-Smirnov statistic, the largest distance of the two cumulative distributions.
        chi2: chi-square of the two binned samples.
        bins: number of terms of the chi-square: bins that are not empty in both samples.
    """

    ks: float
    chi2: float
    bins: int


def agreement(
    original: Floats, decoded: Floats, edges: Floats, weights: Floats | None = None
) -> Agreement:
    """Compare two samples: Kolmogorov-Smirnov distance, and chi-square in bins.

    Source of the chi-square for samples of unequal sizes: Press et al., Numerical Recipes,
    section 14.3; with weights, the variance of a bin is the sum of their squares.

    Args:
        original: shape (n,); values that are not finite are left out.
        decoded: shape (m,), likewise.
        edges: of the bins, shape (bins + 1,); chi-square leaves out values outside of them.
        weights: of both samples, shape (n,) with n = m; by default all values count alike.

    Raises:
        InputError: one of the samples has no finite value.

    Example:
        >>> import numpy as np
        >>> values, edges = np.array([0.1, 0.4, 0.6]), np.array([0.0, 0.5, 1.0])
        >>> test = agreement(values, values, edges)
        >>> test.ks, test.chi2, test.bins
        (0.0, 0.0, 2)
    """
    samples = [_finite(values, weights) for values in (original, decoded)]
    if not all(values.size for values, _ in samples):
        raise InputError("both samples must have finite values")
    sums = [np.histogram(values, edges, weights=of_each)[0] for values, of_each in samples]
    variance = np.sum(
        [np.histogram(values, edges, weights=of_each**2)[0] for values, of_each in samples], axis=0
    )
    filled = variance > 0
    before, after = (one[filled] for one in sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.sqrt(abs(after.sum() / before.sum())) if before.sum() else 1.0
        terms = (scale * before - after / scale) ** 2 / variance[filled] if scale else before * 0
    return Agreement(_distance(*samples), float(terms.sum()), int(filled.sum()))


def _finite(values: Floats, weights: Floats | None) -> tuple[Floats, Floats]:
    """The finite values, and their weights."""
    good = np.isfinite(values)
    return values[good], np.ones(good.sum()) if weights is None else weights[good]


def _distance(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> float:
    """The largest distance of the cumulative distributions of values and weights."""
    points = np.union1d(first[0], second[0])
    curves = []
    for values, weights in (first, second):
        order = np.argsort(values)
        sums = np.append(0, np.cumsum(weights[order]))
        curves.append(sums[values[order].searchsorted(points, side="right")] / (sums[-1] or 1))
    return float(np.abs(curves[0] - curves[1]).max())


def migrations(
    original: Values,
    decoded: Values,
    edges: Sequence[float] | Values,
    weights: Floats | None = None,
) -> NDArray[Any]:
    """How many jets of each bin are in each bin after compression.

    An edge belongs to the bin above it.

    Args:
        original: shape (n,).
        decoded: the same jets, shape (n,); where one of the two is NaN a jet is left out.
        edges: ascending, in the dtype of the values; below the first and from the last on there are bins too.
        weights: shape (n,); by default jets are counted.

    Returns:
        Shape (edges + 1, edges + 1): rows are bins of the original, columns those of the decoded.

    Example:
        >>> import numpy as np
        >>> migrations(np.array([29.0, 35.0]), np.array([30.0, 35.0]), [30]).tolist()
        [[0, 1], [0, 1]]
    """
    places = np.asarray(edges)
    known = ~(np.isnan(original) | np.isnan(decoded))
    rows, columns = (places.searchsorted(each[known], "right") for each in (original, decoded))
    k = len(places) + 1
    of_each = None if weights is None else weights[known]
    return np.bincount(rows * k + columns, of_each, minlength=k * k).reshape(k, k)
