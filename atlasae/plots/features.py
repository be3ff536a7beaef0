"""Distributions of features before and after compression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from atlasae.jets.metrics import checked_weights, matched
from atlasae.jets.names import is_energy
from atlasae.jets.table import to_table
from atlasae.plots import axes_layout
from atlasae.plots.ranges import counted, limits_of, to_gev
from atlasae.plots.ratio import BINS, overlay
from atlasae.plots.style import ORIGINAL, PLAIN, Style, plain_text, series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from numpy.typing import NDArray

    from atlasae.jets.table import Table
    from atlasae.plots.style import Artists
    from atlasae.types import Floats


_CONTOUR_SHARES = (0.393, 0.865)  # of a 2D normal distribution, within one and two sigma
_CORNER_BINS = 32


def distribution(
    original: Any,
    decoded: Mapping[str, Any],
    feature: str,
    *,
    weights: Floats | None = None,
    style: Style = PLAIN,
    axes: Sequence[Axes] | None = None,
) -> Artists:
    """Draw a feature before and after compression, and the ratios below.

    Args:
        original: jets in any form that ``atlasae.jets.table.to_table`` accepts.
        decoded: name to the same jets, decoded; all are overlaid.
        feature: name of the feature to draw.
        weights: one per jet, shape (n,); by default all jets count alike.
        style: of an experiment.
        axes: two to draw on, for the distributions and the ratios; by default those of a new
            figure.

    Raises:
        InputError: the decoded jets are not the same jets, or the weights do not fit.
        MissingNameError: the jets have no such feature.

    Example:
        >>> original = {"pt": [50.0, 40.0, 30.0]}
        >>> artists = distribution(original, {"bounded": {"pt": [50.1, 40.0, 30.0]}}, "pt")
    """
    before = to_table(original)
    after = {name: matched(before, jets)[1] for name, jets in decoded.items()}
    upper, lower = axes if axes is not None else axes_layout.stacked()
    style.label(upper)
    values = _values(before, feature, before)
    artists = overlay(
        values,
        {name: _values(jets, feature, before) for name, jets in after.items()},
        distribution_edges(feature, values),
        log=is_energy(feature),
        axes=(upper, lower),
        weights=checked_weights(weights, len(before)),
        labelled=style.labelled,
    )
    upper.set_ylabel(counted("Jets", weights), loc="top")
    lower.set_xlabel(style.axis_title(feature), loc="right")
    return artists


def distribution_edges(feature: str, values: Floats) -> Floats:
    """The bins of ``distribution``, from the values of the original."""
    return np.linspace(*limits_of(feature, values), BINS + 1)


def corner(
    original: Any,
    decoded: Any,
    *,
    name: str = "Decoded",
    weights: Floats | None = None,
    style: Style = PLAIN,
    axes: NDArray[Any] | None = None,
) -> Artists:
    """Draw each feature and each pair of features: the original filled, the decoded as lines.

    The areas and lines contain 39 % and 86 % of the jets, as one and two sigma of a normal
    distribution would.

    Args:
        original: jets in any form that ``atlasae.jets.table.to_table`` accepts.
        decoded: the same jets, decoded.
        name: of the decoded jets in the legend.
        weights: one per jet, shape (n,); by default all jets count alike.
        style: of an experiment.
        axes: shape (k, k) for k features, to draw on; by default those of a new figure.

    Raises:
        InputError: the decoded jets are not the same jets.

    Example:
        >>> jets = {"pt": [50.0, 40.0, 30.0], "eta": [0.1, -0.5, 1.0]}
        >>> artists = corner(jets, jets)
    """
    before, after = matched(original, decoded)
    weights = checked_weights(weights, len(before))
    features = list(before.columns)
    axes = axes if axes is not None else axes_layout.grid(len(features))
    figure = axes[0, 0].figure
    style.label_figure(figure)
    samples = [[_values(jets, name, before) for name in features] for jets in (before, after)]
    edges = [_corner_edges(name, values) for name, values in zip(features, samples[0], strict=True)]
    artists: Artists = []
    for row, column in zip(*np.tril_indices(len(features)), strict=True):
        ax, x_edges, y_edges = axes[row, column], edges[column], edges[row]
        if column == row:
            artists += _histograms(ax, [values[row] for values in samples], x_edges, weights)
        else:
            for values, filled in zip(samples, (True, False), strict=True):
                artists += _contours(
                    ax, values[column], values[row], x_edges, y_edges, weights, filled=filled
                )
            ax.set_ylim(y_edges[0], y_edges[-1])
            _set_scale(ax.yaxis, features[row])
        ax.set_xlim(x_edges[0], x_edges[-1])
        _set_scale(ax.xaxis, features[column])
    figure.legend(
        handles=[
            Patch(color=ORIGINAL, alpha=0.45, label="Original"),
            Line2D([], [], color=series(0)["color"], label=plain_text(name)),
        ],
        loc="upper right",
        bbox_to_anchor=(1 - 0.3 / figure.get_figwidth(), 1 - 0.15 / figure.get_figheight()),
        ncols=2,
    )
    axes_layout.finish_triangle(axes, [style.axis_title(name) for name in features])
    return artists


def _values(jets: Table, feature: str, reference: Table) -> Floats:
    """A feature in the unit it is drawn in, judged by the jets ``reference``."""
    return jets.select([feature]).columns[feature].astype(np.float64) * to_gev(feature, reference)


def _corner_edges(feature: str, values: Floats) -> Floats:
    """Bins of a feature in ``corner``; logarithmic for energies, which fall steeply."""
    positive = values[np.isfinite(values) & (values > 0)]
    if not is_energy(feature) or not positive.size:
        return np.linspace(*limits_of(feature, values), _CORNER_BINS + 1)
    low, high = np.quantile(positive, (0.002, 0.999))
    return np.geomspace(low, high if high > low else 2 * low, _CORNER_BINS + 1)


def _histograms(
    ax: Axes, samples: Sequence[Floats], edges: Floats, weights: Floats | None
) -> Artists:
    """The original filled, the decoded as a line."""
    original, decoded = (np.histogram(v, edges, weights=weights)[0] for v in samples)
    ax.set_yticks([])
    artists: Artists = [
        ax.stairs(original, edges, fill=True, color=ORIGINAL, alpha=0.35),
        ax.stairs(decoded, edges, color=series(0)["color"]),
    ]
    ax.set_ylim(0, 1.15 * max(original.max(), decoded.max()) or 1)
    return artists


def _contours(
    ax: Axes,
    x: Floats,
    y: Floats,
    x_edges: Floats,
    y_edges: Floats,
    weights: Floats | None,
    *,
    filled: bool,
) -> Artists:
    """Areas or lines of equal density that contain _CONTOUR_SHARES of the jets."""
    from scipy.ndimage import gaussian_filter

    counts = np.histogram2d(x, y, (x_edges, y_edges), weights=weights)[0]
    density = gaussian_filter(counts, 1.2)
    falling = np.sort(density, axis=None)[::-1]
    contained = np.cumsum(falling)
    if contained[-1] <= 0:
        return []
    cells = np.searchsorted(contained, contained[-1] * np.array(_CONTOUR_SHARES[::-1]))
    levels = np.unique(falling[np.minimum(cells, falling.size - 1)])
    centers = [(edges[1:] + edges[:-1]) / 2 for edges in (x_edges, y_edges)]
    if filled:
        levels = np.append(levels, density.max() * 1.01)
        shades = [to_rgba(ORIGINAL, alpha) for alpha in (0.25, 0.5)]
        return [ax.contourf(*centers, density.T, levels=levels, colors=shades[-len(levels) + 1 :])]
    look = series(0)
    return [
        ax.contour(*centers, density.T, levels=levels, colors=look["color"], linewidths=(1.0, 1.6))
    ]


def _set_scale(axis: Axis, feature: str) -> None:
    if is_energy(feature):
        axes_layout.log_ticks(axis, (1, 3))
    else:
        axes_layout.few_ticks(axis, 4)
