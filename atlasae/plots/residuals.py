"""Residuals: differences between decoded and original values, jet by jet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hist
import mplhep
import numpy as np

from atlasae.jets.metrics import Profile, Residuals, correlation, profile
from atlasae.jets.names import is_energy
from atlasae.jets.table import to_table
from atlasae.plots import axes_layout
from atlasae.plots.axes_layout import few_ticks, legend, log_ticks, make_room, minus, scaled_ticks
from atlasae.plots.ranges import to_gev
from atlasae.plots.style import NEUTRAL, PLAIN, Style, plain_text, series, symbol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from atlasae.plots.style import Artists
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Floats


BINS = 60
_PROFILE_BINS = 16
_MAX_LEVEL_NAME = 4  # letters; longer names of features are written at an angle
_MIN_EXACT_FRACTION = 0.01  # of jets without any error, to be mentioned in the legend


def residual(
    result: Residuals,
    tolerance: Tolerance | None = None,
    *,
    name: str = "",
    style: Style = PLAIN,
    ax: Axes | None = None,
) -> Artists:
    """Draw the residuals of a feature, with mean, sigma, half-widths, maximum and tolerance.

    Without a tolerance the axis covers the central values, and the figure says which fraction of
    the jets is beyond it.

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
    reach = _reach(result, bound)
    histogram = hist.Hist(hist.axis.Regular(BINS, -reach, reach)).fill(result.values)
    artists = _filled_histogram(ax, histogram)
    ax.axvline(0, 0, 0.5, color=NEUTRAL, linewidth=1, linestyle=":")
    if bound:  # the lines end below the text
        artists += [
            ax.axvline(side, 0, 0.5, color="black", linewidth=1.4, linestyle="--")
            for side in (-bound, bound)
        ]
    lines = [plain_text(name)] if name else []
    lines += [*_numbers(result), *_tolerance_text(tolerance, bound)]
    if beyond := 1 - float(histogram.sum()) / max(result.values.size, 1):
        lines.append(f"beyond axis  {100 * beyond:.2g} %")
    ax.text(
        0.95, 0.875, "\n".join(lines), transform=ax.transAxes, ha="right", va="top", fontsize=13,
        linespacing=1.3,
    )  # fmt: skip
    ax.set_xlim(-reach, reach)
    power = scaled_ticks(ax.xaxis, reach)
    ax.set_ylabel("Jets", loc="top")
    ax.set_xlabel(style.residual_title(result, power), loc="right")
    make_room(ax, log=False, share=0.15 + 0.05 * len(lines))
    return artists


def _filled_histogram(ax: Axes, histogram: hist.Hist) -> Artists:
    artists: Artists = []
    for options in ({"histtype": "fill", "alpha": 0.3}, {"yerr": False}):
        drawn = mplhep.histplot(histogram, ax=ax, color=series(0)["color"], flow="none", **options)
        artists += [artist for group in drawn for artist in group if artist is not None]
    return artists


def _numbers(result: Residuals) -> list[str]:
    return [
        f"mean  {minus(_value(result.mean, result.mean_error))}",
        f"$\\sigma$  {minus(_value(result.sigma, result.sigma_error))}",
        f"68 %  ± {_short(result.half_width)}",
        f"95 %  ± {_short(result.half_width_95)}",
        f"max  {_short(result.maximum)}",
    ]


def _tolerance_text(tolerance: Tolerance | None, bound: float) -> list[str]:
    if bound:
        return [f"tolerance  ± {_short(bound)}"]
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
    """Draw the absolute residuals of several codecs for one feature, on a logarithmic axis.

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
    sizes = {name: np.abs(result.values[result.values != 0]) for name, result in results.items()}
    edges = _log_edges(list(sizes.values()))
    artists: Artists = []
    for i, (name, values) in enumerate(sizes.items()):
        look = series(i)
        count = results[name].values.size
        exact = 1 - values.size / count if count else 0.0
        label = plain_text(name)
        if exact > _MIN_EXACT_FRACTION:
            label += f", {100 * exact:.0f} % exact"
        fractions = np.histogram(values, edges)[0] / max(count, 1)
        line = {"color": look["color"], "linestyle": look["linestyle"]}
        artists.append(ax.stairs(fractions, edges, label=label, linewidth=1.8, **line))
        bound = drawn_bound(results[name], (tolerances or {}).get(name))
        if bound:
            artists.append(ax.axvline(bound, 0, 0.6, linewidth=1.1, **line))
    ax.set_xscale("log")
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylabel("Fraction of jets", loc="top")
    first = next(iter(results.values()))
    ax.set_xlabel(style.residual_title(first, size=True), loc="right")
    make_room(ax, log=False, share=min(0.2 + 0.055 * len(results), 0.6))
    legend(ax)
    return artists


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
        binned = profile(result.by_jet, values, _profile_edges(against, values))
        reach = max(reach, float(np.nanmax(np.abs([binned.low, binned.high]), initial=0.0)))
        artists += [*_draw_profile(ax, binned), *_draw_bounds(ax, bound)]
        if against == "pt":
            log_ticks(ax.xaxis)
        else:
            few_ticks(ax.xaxis)
        ax.set_xlim(binned.edges[0], binned.edges[-1])
        ax.set_xlabel(style.axis_title(against), loc="right")
    reach = 1.15 * reach or 1e-6
    left.set_ylim(-reach, 2 * reach)
    power = scaled_ticks(left.yaxis, reach)
    right.tick_params(labelleft=False)
    left.set_ylabel(style.residual_title(result, power), loc="top")
    right.legend(loc="upper right", bbox_to_anchor=(0.97, 0.96), title=plain_text(name))
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
    labels = {-bound: None, bound: f"Tolerance ± {_short(bound)}"} if bound else {}
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
    ax = ax or axes_layout.single()
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
    ax.text(
        0.96, 0.945, plain_text(name), transform=ax.transAxes, ha="right", va="top", fontsize=13
    )
    ax.set_ylim(k - 0.5, -0.5 - 0.16 * k)  # room for the label
    return artists


def drawn_bound(result: Residuals, tolerance: Tolerance | None) -> float:
    """The largest residual allowed; 0 without a tolerance of the kind of the residuals."""
    kind = "relative" if result.relative else "absolute"
    return tolerance.value if tolerance is not None and tolerance.kind == kind else 0.0


def _reach(result: Residuals, bound: float) -> float:
    """The limit of the axis on either side of 0."""
    largest = 0.0 if np.isnan(result.maximum) else result.maximum
    if bound:
        return 1.15 * max(bound, min(largest, 2 * bound))
    reach = min(4.5 * result.half_width, 1.5 * largest)
    if not np.isfinite(reach) or reach == 0:
        reach = max(1.15 * largest, 1e-6)
    return reach


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


def _short(value: float) -> str:
    """A number to two digits, with a power of ten if it is far from 1."""
    number, _, power = f"{value:.2g}".partition("e")
    return rf"{number}$\times \mathrm{{10^{{{int(power)}}}}}$" if power else number


def _log_edges(samples: Sequence[Floats]) -> Floats:
    """Logarithmic bins over the samples, without their extreme tails."""
    non_empty = [values for values in samples if values.size]
    if not non_empty:
        return np.geomspace(1e-6, 1, BINS + 1)
    low = min(float(np.quantile(values, 0.005)) for values in non_empty)
    high = max(float(np.quantile(values, 0.9995)) for values in non_empty)
    high = max(1.3 * high, 10 * low)
    return np.geomspace(low, high, BINS + 1)


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
