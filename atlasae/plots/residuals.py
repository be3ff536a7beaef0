"""How far decoded values are from the originals, jet by jet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hist
import mplhep
import numpy as np

from atlasae.jets.metrics import Residuals, correlation, profile
from atlasae.jets.names import is_energy
from atlasae.jets.table import to_table
from atlasae.plots import style as styles
from atlasae.plots.style import (
    ATLAS,
    NEUTRAL,
    Style,
    few_ticks,
    legend,
    log_ticks,
    make_room,
    minus,
    scaled_ticks,
    series,
    symbol,
    to_gev,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from atlasae.plots.style import Artists
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Floats


BINS = 60
_PROFILE_BINS = 16
_LONG_NAME = 4  # letters of a feature's name that fit beside the next
_WORTH_SAYING = 0.01  # a share of jets without any error


def residual(
    result: Residuals,
    tolerance: Tolerance | None = None,
    *,
    name: str = "",
    style: Style = ATLAS,
    ax: Axes | None = None,
) -> Artists:
    """The residuals of a feature, with mean, sigma, central half-widths, maximum and tolerance.

    Where no tolerance is kept the axis covers the central values; the share of jets beyond it is
    written on the figure.

    Args:
        result: of ``atlasae.jets.metrics.residuals``.
        tolerance: that the codec keeps; drawn where it is of the kind that the residuals are.
        name: of the file, to write on the figure.
        style: the experiment's.
        ax: to draw on; by default a new figure's.
    """
    ax = ax or styles.single()
    style.label(ax)
    look = series(0)
    bound = drawn_bound(result, tolerance)
    reach = _reach(result, bound)
    histogram = hist.Hist(hist.axis.Regular(BINS, -reach, reach)).fill(result.values)
    artists: Artists = []
    for options in ({"histtype": "fill", "alpha": 0.3}, {"yerr": False}):
        drawn = mplhep.histplot(histogram, ax=ax, color=look["color"], flow="none", **options)
        artists += [artist for part in drawn for artist in part if artist is not None]
    ax.axvline(0, 0, 0.5, color=NEUTRAL, linewidth=1, linestyle=":")
    lines = [name] if name else []
    lines += [
        f"mean  {minus(_value(result.mean, result.mean_error))}",
        f"$\\sigma$  {minus(_value(result.sigma, result.sigma_error))}",
        f"68 %  ± {_short(result.half_width)}",
        f"95 %  ± {_short(result.half_width_95)}",
        f"max  {_short(result.maximum)}",
    ]
    if bound:
        for side in (-bound, bound):
            # not into the room that the numbers take
            line = ax.axvline(side, 0, 0.5, color="black", linewidth=1.4, linestyle="--")
            artists.append(line)
        lines.append(f"tolerance  ± {_short(bound)}")
    elif tolerance is not None:
        lines.append(f"tolerance  {tolerance.kind} {tolerance.value or ''}".rstrip())
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


def residual_sizes(
    results: Mapping[str, Residuals],
    tolerances: Mapping[str, Tolerance | None] | None = None,
    *,
    style: Style = ATLAS,
    ax: Axes | None = None,
) -> Artists:
    """The sizes of several codecs' residuals of one feature, on a logarithmic axis.

    Args:
        results: name to the residuals, all of the same feature.
        tolerances: name to the tolerance that is kept, drawn as a line that ends the curve.
        style: the experiment's.
        ax: to draw on; by default a new figure's.
    """
    ax = ax or styles.single()
    style.label(ax)
    sizes = {name: np.abs(result.values[result.values != 0]) for name, result in results.items()}
    edges = _log_edges(list(sizes.values()))
    artists: Artists = []
    for i, (name, values) in enumerate(sizes.items()):
        look = series(i)
        count = results[name].values.size
        exact = 1 - values.size / count if count else 0.0
        label = f"{name}, {100 * exact:.0f} % exact" if exact > _WORTH_SAYING else name
        shares = np.histogram(values, edges)[0] / max(count, 1)
        line = {"color": look["color"], "linestyle": look["linestyle"]}
        artists.append(ax.stairs(shares, edges, label=label, linewidth=1.8, **line))
        bound = drawn_bound(results[name], (tolerances or {}).get(name))
        if bound:
            artists.append(ax.axvline(bound, 0, 0.6, linewidth=1.1, **line))
    ax.set_xscale("log")
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylabel("Share of jets", loc="top")
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
    style: Style = ATLAS,
    axes: Sequence[Axes] | None = None,
) -> Artists:
    """The residuals' median and central 68 % against pt and against eta.

    Args:
        result: of ``atlasae.jets.metrics.residuals``.
        jets: the original ones, with pt and eta.
        tolerance: that the codec keeps; drawn where it is of the kind that the residuals are.
        name: of the file, to write on the figure.
        style: the experiment's.
        axes: two to draw on; by default a new figure's.

    Raises:
        MissingNameError: the jets have no pt or no eta.
    """
    left, right = axes if axes is not None else styles.beside()
    style.label(left)
    table = to_table(jets)
    look = series(0)
    bound = drawn_bound(result, tolerance)
    artists: Artists = []
    reach = 0.0
    for ax, against in ((left, "pt"), (right, "eta")):
        values = table.select([against]).columns[against].astype(np.float64)
        values = values * to_gev(against, table)
        found = profile(result.by_jet, values, _profile_edges(against, values))
        reach = max(reach, float(np.nanmax(np.abs([found.low, found.high]), initial=0.0)))
        ax.axhline(0, color=NEUTRAL, linewidth=1, linestyle=":")
        artists.append(
            ax.stairs(
                found.high, found.edges, baseline=found.low, fill=True, alpha=0.3,
                color=look["color"], linewidth=0, label="68 % of the jets",
            )
        )  # fmt: skip
        centers = (found.edges[1:] + found.edges[:-1]) / 2
        widths = (found.edges[1:] - found.edges[:-1]) / 2
        points = ax.errorbar(
            centers, found.median, xerr=widths, linestyle="", marker="o", color=look["color"],
            linewidth=1.4, label="Median",
        )  # fmt: skip
        artists += points.get_children()
        if bound:
            for side in (-bound, bound):
                line = ax.axhline(side, color="black", linewidth=1.4, linestyle="--")
                artists.append(line)
            line.set_label(f"Tolerance ± {_short(bound)}")
        if against == "pt":
            log_ticks(ax.xaxis)
        else:
            few_ticks(ax.xaxis)
        ax.set_xlim(found.edges[0], found.edges[-1])
        ax.set_xlabel(style.axis_title(against), loc="right")
    reach = 1.15 * max(reach, bound) or 1e-6
    left.set_ylim(-reach, 2 * reach)
    power = scaled_ticks(left.yaxis, reach)
    right.tick_params(labelleft=False)
    left.set_ylabel(style.residual_title(result, power), loc="top")
    right.legend(loc="upper right", bbox_to_anchor=(0.97, 0.96), title=name)
    return artists


def residual_correlation(
    results: Mapping[str, Residuals],
    *,
    name: str = "",
    style: Style = ATLAS,
    ax: Axes | None = None,
) -> Artists:
    """Spearman's correlation of the residuals of every two features, in numbers and shades.

    Args:
        results: feature to its residuals, of the same jets.
        name: of the file, to write on the figure.
        style: the experiment's.
        ax: to draw on; by default a new figure's.
    """
    ax = ax or styles.single()
    matrix = correlation(results)
    k = len(matrix)
    image = ax.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    bar = ax.figure.colorbar(image, ax=ax, pad=0.03)
    bar.set_label("Rank correlation of the residuals", fontsize=14)
    style.label(ax)  # after the bar, which moves the axes
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
    if any(len(feature) > _LONG_NAME for feature in results):
        look = {"fontsize": 10, "rotation": 45, "rotation_mode": "anchor", "ha": "right"}
    ax.set_xticks(range(k), names, **look)
    ax.set_yticks(range(k), names, **look)
    ax.tick_params(which="both", length=0)
    ax.minorticks_off()
    ax.text(0.96, 0.945, name, transform=ax.transAxes, ha="right", va="top", fontsize=13)
    ax.set_ylim(k - 0.5, -0.5 - 0.16 * k)  # room for the label
    return artists


def drawn_bound(result: Residuals, tolerance: Tolerance | None) -> float:
    """What no residual may exceed, or 0 where a tolerance of another kind, or none, is kept."""
    kind = "relative" if result.relative else "absolute"
    return tolerance.value if tolerance is not None and tolerance.kind == kind else 0.0


def _reach(result: Residuals, bound: float) -> float:
    """How far the axis goes to either side of 0."""
    furthest = 0.0 if np.isnan(result.maximum) else result.maximum
    if bound:
        return 1.15 * max(bound, min(furthest, 2 * bound))
    reach = min(4.5 * result.half_width, 1.5 * furthest)
    if not np.isfinite(reach) or reach == 0:
        reach = max(1.15 * furthest, 1e-6)
    return reach


def _value(value: float, error: float) -> str:
    """A value to the precision of its error, such as 0.0123 ± 0.0004; small ones as powers."""
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
    """A number to two digits, as a power of ten where it is far from 1."""
    number, _, power = f"{value:.2g}".partition("e")
    return rf"{number}$\times \mathrm{{10^{{{int(power)}}}}}$" if power else number


def _log_edges(samples: Sequence[Floats]) -> Floats:
    """Bins that hold all but the smallest and the largest sizes."""
    filled = [values for values in samples if values.size]
    if not filled:
        return np.geomspace(1e-6, 1, BINS + 1)
    low = min(float(np.quantile(values, 0.005)) for values in filled)
    high = max(float(np.quantile(values, 0.9995)) for values in filled)
    high = max(1.3 * high, 10 * low)
    return np.geomspace(low, high, BINS + 1)


def _profile_edges(against: str, values: Floats) -> Floats:
    """Bins over the values but their furthest; energies even in logarithm."""
    finite = values[np.isfinite(values)]
    if is_energy(against):
        finite = finite[finite > 0]
    if not finite.size:
        return np.linspace(1, 2, 2)
    low, high = np.quantile(finite, (0.001, 0.999))
    spread = np.geomspace if is_energy(against) else np.linspace
    return np.asarray(spread(low, high if high > low else low + 1, _PROFILE_BINS + 1))
