"""Features of jets before and after compression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from atlasae.jets.metrics import matched
from atlasae.jets.names import is_energy
from atlasae.jets.table import to_table
from atlasae.plots import style as styles
from atlasae.plots.ratio import BINS, overlay
from atlasae.plots.style import ATLAS, ORIGINAL, Style, limits_of, series, to_gev

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from numpy.typing import NDArray

    from atlasae.jets.table import Table
    from atlasae.plots.style import Artists
    from atlasae.types import Floats


_MASSES = (0.393, 0.865)  # of a normal in two dimensions, within one sigma and within two
_CELLS = 32


def distribution(
    original: Any,
    decoded: Mapping[str, Any],
    feature: str,
    *,
    style: Style = ATLAS,
    axes: Sequence[Axes] | None = None,
) -> Artists:
    """A feature before and after compression, and below it the ratios.

    Args:
        original: jets in any form ``atlasae.jets.table.to_table`` takes.
        decoded: name to the same jets, decoded; several are laid over one another.
        feature: the one to draw.
        style: the experiment's.
        axes: two to draw on, for the distributions and for the ratios; by default a new figure's.

    Raises:
        InputError: they are not the same jets.
    """
    before = to_table(original)
    after = {name: matched(before, jets)[1] for name, jets in decoded.items()}
    upper, lower = axes if axes is not None else styles.stacked()
    style.label(upper)
    values = _values(before, feature, before)
    artists = overlay(
        values,
        {name: _values(jets, feature, before) for name, jets in after.items()},
        distribution_edges(feature, values),
        log=is_energy(feature),
        axes=(upper, lower),
    )
    lower.set_xlabel(style.axis_title(feature), loc="right")
    return artists


def distribution_edges(feature: str, values: Floats) -> Floats:
    """The bins that ``distribution`` counts in, for the original's values."""
    return np.linspace(*limits_of(feature, values), BINS + 1)


def corner(
    original: Any,
    decoded: Any,
    *,
    name: str = "Decoded",
    style: Style = ATLAS,
    axes: NDArray[Any] | None = None,
) -> Artists:
    """Every feature, and every pair of them: the original filled, the decoded as lines.

    The areas and lines hold 39 % and 86 % of the jets, as one and two sigma of a normal would.

    Args:
        original: jets.
        decoded: the same jets, decoded.
        name: what the legend calls them.
        style: the experiment's.
        axes: k rows of k for k features; by default a new figure's.
    """
    before, after = matched(original, decoded)
    names = list(before.columns)
    axes = axes if axes is not None else styles.grid(len(names))
    figure = axes[0, 0].figure
    style.label_figure(figure)
    look = series(0)
    first, second = (
        {feature: _values(jets, feature, before) for feature in names} for jets in (before, after)
    )
    edges = {feature: _cells(feature, values) for feature, values in first.items()}
    artists: Artists = []
    for row, of_y in enumerate(names):
        for column, of_x in enumerate(names):
            ax = axes[row, column]
            if column > row:
                ax.set_axis_off()
                continue
            x = edges[of_x]
            if column == row:
                counts = [np.histogram(jets[of_x], x)[0] for jets in (first, second)]
                artists.append(ax.stairs(counts[0], x, fill=True, color=ORIGINAL, alpha=0.35))
                artists.append(ax.stairs(counts[1], x, color=look["color"]))
                ax.set_ylim(0, 1.15 * max(float(np.max(counts)), 1))
                ax.set_yticks([])
            else:
                y = edges[of_y]
                artists += _contours(ax, first[of_x], first[of_y], x, y, filled=True)
                artists += _contours(ax, second[of_x], second[of_y], x, y, filled=False)
                ax.set_ylim(y[0], y[-1])
                _scale(ax.yaxis, of_y)
            ax.set_xlim(x[0], x[-1])
            _scale(ax.xaxis, of_x)
            outer = row == len(names) - 1, column == 0 and row > 0
            ax.tick_params(labelsize=11, labelbottom=outer[0], labelleft=outer[1])
            ax.set_xlabel(style.axis_title(of_x) if outer[0] else "", loc="center", fontsize=14)
            ax.set_ylabel(style.axis_title(of_y) if outer[1] else "", loc="center", fontsize=14)
    figure.legend(
        handles=[
            Patch(color=ORIGINAL, alpha=0.45, label="Original"),
            Line2D([], [], color=look["color"], label=name),
        ],
        loc="upper right",
        bbox_to_anchor=(1 - 0.3 / figure.get_figwidth(), 1 - 0.15 / figure.get_figheight()),
        ncols=2,
    )
    figure.align_ylabels(axes[:, 0])
    return artists


def _values(jets: Table, feature: str, unit: Table) -> Floats:
    """A feature in the unit it is drawn in, which the jets in ``unit`` tell."""
    return jets.select([feature]).columns[feature].astype(np.float64) * to_gev(feature, unit)


def _cells(feature: str, values: Floats) -> Floats:
    """Edges of cells over a feature; energies, which fall steeply, have them even in logarithm."""
    positive = values[np.isfinite(values) & (values > 0)]
    if not is_energy(feature) or not positive.size:
        return np.linspace(*limits_of(feature, values), _CELLS + 1)
    low, high = np.quantile(positive, (0.002, 0.999))
    return np.geomspace(low, high if high > low else 2 * low, _CELLS + 1)


def _contours(
    ax: Axes,
    x: Floats,
    y: Floats,
    x_edges: Floats,
    y_edges: Floats,
    *,
    filled: bool,
) -> Artists:
    """Areas or lines of equal density that hold given shares of the jets; none of no jets."""
    from scipy.ndimage import gaussian_filter

    density = gaussian_filter(np.histogram2d(x, y, (x_edges, y_edges))[0], 1.2)
    falling = np.sort(density, axis=None)[::-1]
    held = np.cumsum(falling)
    if held[-1] == 0:
        return []
    places = np.searchsorted(held, held[-1] * np.array(_MASSES[::-1]))
    levels = np.unique(falling[np.minimum(places, falling.size - 1)])
    centers = [(edges[1:] + edges[:-1]) / 2 for edges in (x_edges, y_edges)]
    if filled:
        levels = np.append(levels, density.max() * 1.01)
        shades = [to_rgba(ORIGINAL, alpha) for alpha in (0.25, 0.5)]
        return [ax.contourf(*centers, density.T, levels=levels, colors=shades[-len(levels) + 1 :])]
    look = series(0)
    return [
        ax.contour(*centers, density.T, levels=levels, colors=look["color"], linewidths=(1.0, 1.6))
    ]


def _scale(axis: Axis, feature: str) -> None:
    if is_energy(feature):
        styles.log_ticks(axis, (1, 3))
    else:
        styles.few_ticks(axis, 4)
