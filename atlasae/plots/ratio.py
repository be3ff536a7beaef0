"""Overlaid distributions, and their ratios to the original below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hist
import mplhep
import numpy as np

from atlasae.jets.distributions import agreement
from atlasae.plots.axes_layout import legend
from atlasae.plots.style import NEUTRAL, ORIGINAL, lines_of, series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from atlasae.plots.style import Artists
    from atlasae.types import Floats


BINS = 50
_MAX_TWO_LINE_SAMPLES = 2  # with more samples, each has one line in the legend
_RATIO_TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # possible distances from 1


def overlay(
    original: Floats,
    decoded: Mapping[str, Floats],
    edges: Floats,
    *,
    log: bool,
    axes: Sequence[Axes],
    weights: Floats | None,
    labelled: bool,
) -> Artists:
    """Draw histograms and ratios; the legend has tests of the agreement.

    Args:
        original: values, shape (n,).
        decoded: name to the decoded values.
        edges: of the bins, shape (bins + 1,).
        log: whether counts have a logarithmic scale.
        axes: two, for the histograms and for the ratios.
        weights: shape (n,); None if all count alike.
        labelled: whether there is a label in the upper left corner.
    """
    upper, lower = axes
    axis = hist.axis.Variable(edges)
    before = _filled(axis, original, weights)
    artists = _histogram(before, upper, histtype="fill", color=ORIGINAL, alpha=0.35,
                         label="Original")  # fmt: skip
    artists += _uncertainty(before, lower)
    afters = {name: _filled(axis, values, weights) for name, values in decoded.items()}
    tick = _ratio_tick([_ratio(before, after) for after in afters.values()])
    two_lines = len(decoded) <= _MAX_TWO_LINE_SAMPLES
    for i, (name, after) in enumerate(afters.items()):
        look = series(i)
        test = _test_label(original, decoded[name], edges, weights)
        label = lines_of(name) + (("\n" if two_lines else ", ") + test if test else "")
        artists += _histogram(after, upper, color=look["color"], linestyle=look["linestyle"],
                              yerr=False, label=label)  # fmt: skip
        artists += _points(_ratio(before, after), axis.centers, 1.1 * tick, lower, look)
    highest = np.max([each.values() for each in (before, *afters.values())], axis=0)
    positive = before.values()[before.values() > 0]
    log = log and positive.size > 0
    if log:
        upper.set_yscale("log")
        upper.set_ylim(0.5 * min(float(positive.min()), 1 if weights is None else np.inf), None)
    else:
        upper.set_ylim(min(0, float(highest.min())), None)
    for ax in axes:
        ax.set_xlim(edges[0], edges[-1])
    _finish_panels(upper, lower, tick)
    legend(upper, edges, highest, log=log, labelled=labelled)
    return artists


def _filled(axis: hist.axis.Variable, values: Floats, weights: Floats | None) -> hist.Hist:
    return hist.Hist(axis, storage=hist.storage.Weight()).fill(values, weight=weights)


def _finish_panels(upper: Axes, lower: Axes, tick: float) -> None:
    """Titles, and the y axis of the ratios, with ticks at 1 and 1 ± ``tick``."""
    upper.set(xlabel="")  # hist sets one
    upper.tick_params(labelbottom=False)
    lower.axhline(1, color=NEUTRAL, linewidth=1)
    lower.set_ylim(1 - 1.1 * tick, 1 + 1.1 * tick)
    lower.set_yticks([1 - tick, 1, 1 + tick])
    lower.set_ylabel("Decoded /\noriginal", loc="center", fontsize=14)
    upper.figure.align_ylabels([upper, lower])


def _histogram(histogram: hist.Hist, ax: Axes, **options: object) -> Artists:
    drawn = mplhep.histplot(histogram, ax=ax, flow="none", **options)
    return [artist for group in drawn for artist in group if artist is not None]


def _test_label(original: Floats, decoded: Floats, edges: Floats, weights: Floats | None) -> str:
    """Results of the tests of agreement; nothing if a sample has no finite value."""
    if not all(np.isfinite(values).any() for values in (original, decoded)):
        return ""
    test = agreement(original, decoded, edges, weights)
    return f"KS {test.ks:.2g}, $\\chi^\\mathrm{{2}}$ {test.chi2:.1f} / {test.bins}"


def _ratio(before: hist.Hist, after: hist.Hist) -> Floats:
    """Counts after divided by counts before; NaN in bins without a positive count."""
    counts = before.values()
    ratio = np.full_like(counts, np.nan)
    np.divide(after.values(), counts, out=ratio, where=counts > 0)
    return np.asarray(ratio)


def _ratio_tick(ratios: Sequence[Floats]) -> float:
    """The smallest distance of a tick from 1 that contains 90 % of the ratios."""
    distances = np.abs(np.concatenate(ratios) - 1)
    reach = float(np.nanquantile(distances, 0.9)) if np.isfinite(distances).any() else 0.0
    return next((tick for tick in _RATIO_TICKS if reach <= tick), _RATIO_TICKS[-1])


def _uncertainty(before: hist.Hist, ax: Axes) -> Artists:
    """The statistical uncertainty of the original, as a band around 1."""
    counts, errors = before.values(), np.sqrt(before.variances())
    spread = np.divide(errors, counts, out=np.zeros_like(counts), where=counts > 0)
    edges = before.axes[0].edges
    return [
        ax.stairs(
            1 + spread, edges, baseline=1 - spread, fill=True, color=NEUTRAL, alpha=0.25,
            linewidth=0,
        )
    ]  # fmt: skip


def _points(
    ratio: Floats, centers: Floats, span: float, ax: Axes, look: Mapping[str, Any]
) -> Artists:
    """The ratios, with an arrowhead at the edge of the panel for each ratio outside of it."""
    options: dict[str, Any] = {"linestyle": "", "color": look["color"], "markersize": 4.5}
    drawn = ax.plot(centers, ratio, marker=look["marker"], **options)
    for outside, edge, marker in ((ratio > 1 + span, 0.94, "^"), (ratio < 1 - span, -0.94, "v")):
        drawn += ax.plot(
            centers[outside], np.full(outside.sum(), 1 + edge * span), marker=marker,
            markerfacecolor="none", **options,
        )  # fmt: skip
    return list(drawn)
