"""Residuals: differences between decoded and original values, jet by jet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hist
import mplhep
import numpy as np

from atlasae.jets.metrics import Residuals, quantiles
from atlasae.plots import axes_layout
from atlasae.plots.axes_layout import minus, raise_top, scaled_ticks
from atlasae.plots.ranges import counted
from atlasae.plots.style import NEUTRAL, PLAIN, Style, lines_of, series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from atlasae.plots.style import Artists
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Floats


_BINS_WITHIN = 25  # from 0 to the tolerance
_BINS = 60  # without one
_MIN_EXACT_FRACTION = 0.01  # of jets without any error, to be mentioned in the legend
_POINTS = 400  # of a cumulative distribution


def residual(
    result: Residuals,
    tolerance: Tolerance | None = None,
    *,
    name: str = "",
    style: Style = PLAIN,
    ax: Axes | None = None,
) -> Artists:
    """Draw the residuals of a feature, with median, half-widths, maximum, mean, sigma and tolerance.

    Plus and minus the tolerance are edges of bins, so no jet beyond it is in a bin within it. Without
    a tolerance the axis covers the central values. The figure says which fraction of the jets is
    beyond the axis. Mean and sigma are left out where few outliers decide them.

    Args:
        result: from ``atlasae.jets.metrics.residuals``.
        tolerance: of the codec; drawn if it is of the kind of the residuals, relative or absolute.
        name: of the file, to write on the figure.
        style: of an experiment.
        ax: to draw on; by default the axes of a new figure.

    Example:
        >>> from atlasae.jets.metrics import residuals
        >>> results = residuals({"pt": [50.0, 40.0]}, {"pt": [50.1, 39.9]})
        >>> artists = residual(results["pt"], name="small")
    """
    ax = ax or axes_layout.single()
    style.label(ax)
    bound = drawn_bound(result, tolerance)
    edges = _edges(result, bound)
    histogram = hist.Hist(hist.axis.Variable(edges), storage=hist.storage.Weight())
    histogram.fill(result.values, weight=result.finite_weights)
    artists = _filled_histogram(ax, histogram)
    highest = float(histogram.values().max())  # the lines end below the text
    ax.vlines(0, 0, highest, color=NEUTRAL, linewidth=1, linestyle=":")
    if bound:
        artists.append(
            ax.vlines((-bound, bound), 0, highest, color="black", linewidth=1.4, linestyle="--")
        )
    reach = float(edges[-1])
    ax.set_xlim(-reach, reach)
    power = scaled_ticks(ax.xaxis, reach)
    ax.set_ylabel(counted("Jets", result.weights), loc="top")
    ax.set_xlabel(style.residual_title(result, power), loc="right")
    right = [*_moments(result), *_tolerance_text(tolerance, bound)]
    if beyond := np.count_nonzero(np.abs(result.values) > reach) / max(result.values.size, 1):
        right.append(f"beyond axis  {100 * beyond:.2g} %")
    if name:
        right.insert(0, lines_of(name))
    height = 0.88 if style.labelled else 0.96
    look: dict[str, Any] = {"transform": ax.transAxes, "va": "top", "fontsize": 13}
    texts = [
        ax.text(0.035, height, "\n".join(_quantiles(result)), linespacing=1.3, **look),
        ax.text(0.965, height, "\n".join(right), ha="right", linespacing=1.3, **look),
    ]
    raise_top(ax, texts, edges, histogram.values(), log=False, labelled=style.labelled)
    return artists


def _edges(result: Residuals, bound: float) -> Floats:
    """The bins: in steps of a part of the bound, or over the central values."""
    largest = 0.0 if np.isnan(result.maximum) else result.maximum
    if bound:
        most = bound * (1 + 1e-9)  # the residual of a value at the bound is rounded
        count = int(_BINS_WITHIN * (1.2 if largest <= most else 2.4))
        return np.asarray(most / _BINS_WITHIN * np.arange(-count, count + 1), np.float64)
    reach = min(4.5 * result.half_width, 1.5 * largest)
    if not np.isfinite(reach) or reach == 0:
        reach = max(1.15 * largest, 1e-6)
    return np.linspace(-reach, reach, _BINS + 1)


def _filled_histogram(ax: Axes, histogram: hist.Hist) -> Artists:
    artists: Artists = []
    for options in ({"histtype": "fill", "alpha": 0.3}, {"yerr": False}):
        drawn = mplhep.histplot(histogram, ax=ax, color=series(0)["color"], flow="none", **options)
        artists += [artist for group in drawn for artist in group if artist is not None]
    return artists


def _quantiles(result: Residuals) -> list[str]:
    """What is robust against outliers."""
    return [
        f"median  {minus(short(result.median))}",
        f"68 %  ± {short(result.half_width)}",
        f"95 %  ± {short(result.half_width_95)}",
        f"max  {short(result.maximum)}",
    ]


def _moments(result: Residuals) -> list[str]:
    """What is not."""
    if result.few_outliers_decide:
        return ["mean, $\\sigma$  set by", "few outliers"]
    return [
        f"mean  {minus(_value(result.mean, result.mean_error))}",
        f"$\\sigma$  {minus(_value(result.sigma, result.sigma_error))}",
    ]


def _tolerance_text(tolerance: Tolerance | None, bound: float) -> list[str]:
    if bound:
        return [f"tolerance  ± {short(bound)}"]
    if tolerance is None:
        return []
    return [f"tolerance  {tolerance.kind} {tolerance.value or ''}".rstrip()]


def residual_sizes(
    results: Mapping[str, Residuals],
    tolerances: Mapping[str, Tolerance | None] | None = None,
    *,
    style: Style = PLAIN,
    ax: Axes | None = None,
) -> Artists:
    """Draw which fraction of the jets has a larger absolute residual, for several codecs.

    The curve of a codec ends at its largest residual; both axes are logarithmic.

    Args:
        results: name to the residuals, all of the same feature.
        tolerances: name to the tolerance, drawn as a vertical line.
        style: of an experiment.
        ax: to draw on; by default the axes of a new figure.

    Example:
        >>> from atlasae.jets.metrics import residuals
        >>> results = residuals({"pt": [50.0, 40.0]}, {"pt": [50.1, 39.7]})
        >>> artists = residual_sizes({"small": results["pt"]})
    """
    ax = ax or axes_layout.single()
    style.label(ax)
    artists: Artists = []
    curves, ends = [], []
    for i, (name, result) in enumerate(results.items()):
        line = {key: series(i)[key] for key in ("color", "linestyle")}
        exact = float(np.mean(result.values == 0)) if result.values.size else 0.0
        label = lines_of(name)
        if exact > _MIN_EXACT_FRACTION:
            label += f"\n{100 * exact:.0f} % exact"
        curves.append(_cumulative(result))
        artists += ax.plot(*curves[-1], label=label, **line)
        bound = drawn_bound(result, (tolerances or {}).get(name))
        if bound:  # the line ends where the curves begin
            artists.append(ax.vlines(bound, 1e-300, 1, linewidth=1.0, **line))
        if result.maximum > 0:
            typical = result.half_width if result.half_width > 0 else result.maximum
            falls = sorted((result.maximum, bound or result.maximum))
            ends.append((typical / 30, *falls, result.values.size))
    low, first, last, jets = np.array(ends or [(1e-6, 1.0, 1.0, 1.0)]).T
    edges = np.geomspace(low.min(), 1.5 * last.max(), 60)
    ax.set(xlim=(edges[0], edges[-1]), ylim=(0.5 / jets.max(), 1.5))
    ax.set(xscale="log", yscale="log")
    ax.set_ylabel("Fraction of jets beyond", loc="top")
    ax.set_xlabel(style.residual_title(next(iter(results.values())), size=True), loc="right")
    highest = np.max([np.append(y, 0)[x.searchsorted(edges[:-1])] for x, y in curves], axis=0)
    look: dict[str, Any] = {"log": True, "labelled": style.labelled}
    box = ax.legend(loc="lower left", bbox_to_anchor=(0.03, 0.03))
    if ax.transData.inverted().transform(box.get_window_extent())[1, 0] < first.min():
        axes_layout.raise_top(ax, [], edges, highest, **look)
    else:  # a curve falls there
        axes_layout.legend(ax, edges, highest, **look)
    return artists


def _cumulative(result: Residuals) -> tuple[Floats, Floats]:
    """Sizes of residuals in ascending order, and the fraction of the jets with larger ones."""
    if not result.values.size:
        return np.array([]), np.array([])
    fractions = np.geomspace(1, 1 / result.values.size, _POINTS)
    sizes = quantiles(np.abs(result.values), 1 - fractions, result.finite_weights)
    end = np.array([result.maximum])  # from here the curve falls to 0
    return np.concatenate([sizes, end, end]), np.concatenate([fractions, fractions[-1:], [1e-300]])


def drawn_bound(result: Residuals, tolerance: Tolerance | None) -> float:
    """The largest residual allowed; 0 without a tolerance of the kind of the residuals."""
    kind = "relative" if result.relative else "absolute"
    return tolerance.value if tolerance is not None and tolerance.kind == kind else 0.0


def _value(value: float, error: float) -> str:
    """A value and its error, such as 0.0123 ± 0.0004; small ones with a power of ten."""
    if not np.isfinite(value) or error <= 0:
        return f"{value:.2g}"
    power = int(np.floor(np.log10(max(abs(value), error))))
    if power > -4:
        digits = max(0, 1 - int(np.floor(np.log10(error))))
        return f"{value:.{digits}f} ± {error:.{digits}f}"
    digits = max(0, power + 1 - int(np.floor(np.log10(error))))
    return (
        f"({value / 10.0**power:.{digits}f} ± {error / 10.0**power:.{digits}f})"
        rf"$\times \mathrm{{10^{{{power}}}}}$"
    )


def short(value: float) -> str:
    """A number to two digits, with a power of ten if it is far from 1."""
    number, _, power = f"{value:.2g}".partition("e")
    return rf"{number}$\times \mathrm{{10^{{{int(power)}}}}}$" if power else number
