"""Residuals against other variables, and against one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.jets.distributions import Profile, profile
from atlasae.jets.metrics import Residuals, correlation
from atlasae.jets.names import is_energy
from atlasae.jets.table import to_table
from atlasae.plots import axes_layout
from atlasae.plots.axes_layout import few_ticks, log_ticks, minus, scaled_ticks
from atlasae.plots.ranges import to_gev
from atlasae.plots.residuals import drawn_bound, short
from atlasae.plots.style import NEUTRAL, PLAIN, Style, lines_of, plain_text, series, symbol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from atlasae.plots.style import Artists
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Floats


_PROFILE_BINS = 16
_MAX_LEVEL_NAME = 4  # letters; longer names of features are written at an angle


def residual_profile(
    result: Residuals,
    jets: Any,
    tolerance: Tolerance | None = None,
    *,
    name: str = "",
    style: Style = PLAIN,
    axes: Sequence[Axes] | None = None,
) -> Artists:
    """Draw the median and the central 68 % of the residuals against pt and against eta.

    Args:
        result: from ``atlasae.jets.metrics.residuals``.
        jets: the original jets, with pt and eta.
        tolerance: of the codec; drawn if it is of the kind of the residuals, relative or absolute.
        name: of the file, to write on the figure.
        style: of an experiment.
        axes: two to draw on; by default those of a new figure.

    Raises:
        MissingNameError: the jets have no pt or no eta.

    Example:
        >>> from atlasae.jets.metrics import residuals
        >>> jets = {"pt": [50.0, 40.0], "eta": [0.5, -0.5]}
        >>> results = residuals(jets, {"pt": [50.1, 39.9]})
        >>> artists = residual_profile(results["pt"], jets)
    """
    axes = axes if axes is not None else axes_layout.beside()
    left, right = axes
    style.label(left)
    table = to_table(jets)
    bound = drawn_bound(result, tolerance)
    artists: Artists = []
    reach = bound
    for ax, against in zip(axes, ("pt", "eta"), strict=True):
        values = table.select([against]).columns[against].astype(np.float64)
        values = values * to_gev(against, table)
        binned = profile(result.by_jet, values, _profile_edges(against, values), result.weights)
        reach = max(reach, float(np.nanmax(np.abs([binned.low, binned.high]), initial=0.0)))
        artists += [*_draw_profile(ax, binned), *_draw_bounds(ax, bound)]
        if against == "pt":
            log_ticks(ax.xaxis)
        else:
            few_ticks(ax.xaxis)
        ax.set_xlim(binned.edges[0], binned.edges[-1])
        ax.set_xlabel(style.axis_title(against), loc="right")
    reach = 1.15 * reach or 1e-6
    title = lines_of(name)
    left.set_ylim(-reach, (2.1 + 0.3 * title.count("\n")) * reach)
    power = scaled_ticks(left.yaxis, reach)
    right.tick_params(labelleft=False)
    left.set_ylabel(style.residual_title(result, power), loc="top")
    right.legend(loc="upper right", bbox_to_anchor=(0.97, 0.96), title=title)
    return artists


def _draw_profile(ax: Axes, binned: Profile) -> Artists:
    """The central 68 % as a band, the median as points."""
    color = series(0)["color"]
    ax.axhline(0, color=NEUTRAL, linewidth=1, linestyle=":")
    band = ax.stairs(
        binned.high, binned.edges, baseline=binned.low, fill=True, alpha=0.3, color=color,
        linewidth=0, label="68 % of the jets",
    )  # fmt: skip
    centers = (binned.edges[1:] + binned.edges[:-1]) / 2
    widths = (binned.edges[1:] - binned.edges[:-1]) / 2
    points = ax.errorbar(
        centers, binned.median, xerr=widths, linestyle="", marker="o", color=color,
        linewidth=1.4, label="Median",
    )  # fmt: skip
    return [band, *points.get_children()]


def _draw_bounds(ax: Axes, bound: float) -> Artists:
    """The tolerance as two lines, one of them in the legend; nothing without a bound."""
    labels = {-bound: None, bound: f"Tolerance ± {short(bound)}"} if bound else {}
    return [
        ax.axhline(side, color="black", linewidth=1.4, linestyle="--", label=label)
        for side, label in labels.items()
    ]


def residual_correlation(
    results: Mapping[str, Residuals],
    *,
    name: str = "",
    style: Style = PLAIN,
    ax: Axes | None = None,
) -> Artists:
    """Draw Spearman's correlation of the residuals of each pair of features.

    Args:
        results: feature to its residuals, of the same jets.
        name: of the file, to write on the figure.
        style: of an experiment.
        ax: to draw on; by default the axes of a new figure.

    Example:
        >>> from atlasae.jets.metrics import residuals
        >>> jets = {"pt": [50.0, 40.0, 30.0], "eta": [0.5, -0.5, 1.0]}
        >>> decoded = {"pt": [50.1, 39.9, 30.0], "eta": [0.6, -0.5, 1.1]}
        >>> artists = residual_correlation(residuals(jets, decoded))
    """
    if ax is None:
        ax = axes_layout.single()
        ax.figure.subplots_adjust(right=0.9)  # room for the color bar
    matrix = correlation(results)
    k = len(matrix)
    image = ax.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    bar = ax.figure.colorbar(image, ax=ax, pad=0.03)
    bar.set_label("Rank correlation of the residuals", fontsize=14)
    style.label(ax)  # after the color bar, which moves the axes
    artists: Artists = [image]
    for row in range(k):
        for column in range(k):
            value = round(matrix[row, column], 2) + 0.0  # no -0.00
            artists.append(
                ax.text(
                    column, row, minus(f"{value:+.2f}") if np.isfinite(value) else "none",
                    ha="center", va="center", fontsize=min(15, 75 / k),
                    color="white" if abs(value) > 0.6 else "black",
                )
            )  # fmt: skip
    names = [symbol(feature) for feature in results]
    look: dict[str, Any] = {"fontsize": 17}
    if any(len(feature) > _MAX_LEVEL_NAME for feature in results):
        look = {"fontsize": 10, "rotation": 45, "rotation_mode": "anchor", "ha": "right"}
    ax.set_xticks(range(k), names, **look)
    ax.set_yticks(range(k), names, **look)
    ax.tick_params(which="both", length=0)
    ax.minorticks_off()
    height = 0.865 if style.labelled else 0.945
    ax.text(
        0.96, height, plain_text(name), transform=ax.transAxes, ha="right", va="top", fontsize=13
    )
    ax.set_ylim(k - 0.5, -0.5 - (0.26 if style.labelled else 0.13) * k)  # room for the text
    return artists


def _profile_edges(against: str, values: Floats) -> Floats:
    """Bins over the values without their extreme tails; logarithmic for energies."""
    finite = values[np.isfinite(values)]
    if is_energy(against):
        finite = finite[finite > 0]
    if not finite.size:
        return np.linspace(1, 2, 2)
    low, high = np.quantile(finite, (0.001, 0.999))
    spacing = np.geomspace if is_energy(against) else np.linspace
    return np.asarray(spacing(low, high if high > low else low + 1, _PROFILE_BINS + 1))
