"""Axes of new figures, room for labels and legends, and ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from numpy.typing import NDArray

    from atlasae.types import Floats


def single() -> Axes:
    """Axes of a new figure."""
    figure, ax = plt.subplots(figsize=(6, 4.9))
    figure.subplots_adjust(left=0.175, right=0.955, bottom=0.155, top=0.965)
    return ax


def stacked() -> Sequence[Axes]:
    """Axes of a new figure, one above the other: for distributions and for ratios."""
    figure, axes = plt.subplots(2, 1, figsize=(6, 6), sharex=True, height_ratios=(3, 1))
    figure.subplots_adjust(left=0.205, right=0.955, bottom=0.13, top=0.965, hspace=0.07)
    return list(axes)


def of_rows(count: int) -> Axes:
    """Axes of a new figure, as high as so many named rows need, with room for a label above."""
    inches = 0.34 * count + 1.6
    figure, ax = plt.subplots(figsize=(7.6, inches))
    figure.subplots_adjust(left=0.36, right=0.955, bottom=0.8 / inches, top=1 - 0.65 / inches)
    return ax


def beside() -> Sequence[Axes]:
    """Axes of a new figure, side by side, with a common y axis."""
    figure, axes = plt.subplots(1, 2, figsize=(8.6, 4.3), sharey=True)
    figure.subplots_adjust(left=0.135, right=0.975, bottom=0.175, top=0.955, wspace=0.07)
    return list(axes)


def beside_legend() -> Axes:
    """Axes of a new figure that is as wide as two, with room for the legend at the right."""
    figure, ax = plt.subplots(figsize=(9.4, 4.9))
    figure.subplots_adjust(left=0.105, right=0.58, bottom=0.155, top=0.965)
    return ax


def grid(k: int) -> NDArray[Any]:
    """Axes of a new figure, ``k`` rows of ``k``."""
    inches = 1.7 * k + 1.2
    figure, axes = plt.subplots(k, k, figsize=(inches, inches), squeeze=False)
    figure.subplots_adjust(
        left=1.0 / inches, right=1 - 0.25 / inches, bottom=0.8 / inches, top=1 - 0.55 / inches,
        wspace=0.09, hspace=0.09,
    )  # fmt: skip
    return axes


def finish_triangle(axes: NDArray[Any], titles: Sequence[str]) -> None:
    """Hide the axes above the diagonal, and label the outer ones: first column and last row."""
    k = len(titles)
    for row in range(k):
        for column in range(row + 1, k):
            axes[row, column].set_axis_off()
        for column in range(row + 1):
            ax, at_bottom, at_left = axes[row, column], row == k - 1, column == 0 < row
            ax.tick_params(labelsize=12, labelbottom=at_bottom, labelleft=at_left)
            ax.set_xlabel(titles[column] if at_bottom else "", loc="center", fontsize=15)
            ax.set_ylabel(titles[row] if at_left else "", loc="center", fontsize=15)
    axes[0, 0].figure.align_ylabels(axes[:, 0])


def raise_top(
    ax: Axes,
    boxes: Sequence[Artist],
    edges: Floats,
    heights: Floats,
    *,
    log: bool,
    labelled: bool,
) -> None:
    """Raise the upper end of the y axis until a histogram is clear of boxes and of the label.

    Args:
        ax: to change; the lower end of its y axis remains.
        boxes: texts or a legend in the upper part.
        edges: of the bins, shape (bins + 1,).
        heights: of what is drawn, shape (bins,).
        log: whether the y axis is logarithmic.
        labelled: whether there is a label in the upper left corner.
    """
    low = ax.get_ylim()[0]
    spans = [_level(heights, low, log=log) / (0.86 if labelled else 0.94)]
    spans += [_span_clear_of(ax, box, edges, heights, log=log) for box in boxes]
    span = max(spans)
    ax.set_ylim(low, low * np.exp(span) if log else low + span)


def _span_clear_of(ax: Axes, box: Artist, edges: Floats, heights: Floats, *, log: bool) -> float:
    """The height of the y axis at which the bins under a box end below it."""
    extent = box.get_window_extent()
    (left, _), (right, _) = ax.transData.inverted().transform(extent)
    bottom = ax.transAxes.inverted().transform(extent)[0, 1] - 0.03
    under = heights[(edges[1:] > left) & (edges[:-1] < right)]
    return _level(under, ax.get_ylim()[0], log=log) / max(float(bottom), 0.25)


def _level(heights: Floats, low: float, *, log: bool) -> float:
    """How far the highest of some bins is above the lower end of the y axis."""
    highest = max(float(np.nanmax(heights, initial=low)), low)
    level = float(np.log(highest / low)) if log else highest - low
    return level or 1.0


def minus(number: str) -> str:
    """A number with a minus sign instead of a hyphen."""
    return number.replace("-", "\N{MINUS SIGN}")


def few_ticks(axis: Axis, bins: int = 6) -> None:
    """Few ticks, at round numbers."""
    axis.set_major_locator(MaxNLocator(bins, steps=[1, 2, 2.5, 5, 10]))


def scaled_ticks(axis: Axis, reach: float) -> int:
    """Few ticks; small numbers are written without their power of ten.

    Args:
        axis: to change.
        reach: the largest number on it.

    Returns:
        The power of ten, for the axis title; 0 if the numbers are written in full.
    """
    few_ticks(axis)
    power = int(np.floor(np.log10(reach)))
    if power >= -2:
        return 0
    unit = 10.0**power
    axis.set_major_formatter(FuncFormatter(lambda value, _: minus(f"{value / unit:.4g}")))
    return power


def log_ticks(axis: Axis, subs: Sequence[float] = (1, 2, 5), most: int | None = None) -> None:
    """A logarithmic scale with numbers in full, at these multiples of at most so many powers of ten."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})  # type: ignore[attr-defined]
    axis.set_major_locator(LogLocator(subs=subs, numticks=most))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def legend(
    ax: Axes,
    edges: Floats,
    heights: Floats,
    *,
    log: bool = False,
    labelled: bool = False,
    **options: Any,
) -> None:
    """Draw the legend at the right or left, where it needs less room, clear of a histogram.

    Args:
        ax: to draw on; the upper end of its y axis changes.
        edges: of the bins, shape (bins + 1,).
        heights: of what is drawn, shape (bins,).
        log: whether the y axis is logarithmic.
        labelled: whether there is a label in the upper left corner, which the legend is below.
        options: of ``matplotlib.axes.Axes.legend``.
    """
    height = 0.88 if labelled else 0.97
    drawn = ax.legend(loc="upper right", bbox_to_anchor=(0.975, height), **options)
    at_right = _span_clear_of(ax, drawn, edges, heights, log=log)
    drawn.set_loc("upper left")
    drawn.set_bbox_to_anchor((0.025, height), ax.transAxes)
    if at_right <= 1.1 * _span_clear_of(ax, drawn, edges, heights, log=log):
        drawn.set_loc("upper right")
        drawn.set_bbox_to_anchor((0.975, height), ax.transAxes)
    raise_top(ax, [drawn], edges, heights, log=log, labelled=labelled)
