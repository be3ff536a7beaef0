"""Axes of new figures, room for labels and legends, and ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from numpy.typing import NDArray


def single() -> Axes:
    """Axes of a new figure."""
    figure, ax = plt.subplots(figsize=(7, 5.6))
    figure.subplots_adjust(left=0.16, right=0.96, bottom=0.14, top=0.96)
    return ax


def stacked() -> Sequence[Axes]:
    """Axes of a new figure, one above the other: for distributions and for ratios."""
    figure, axes = plt.subplots(2, 1, figsize=(7, 6.6), sharex=True, height_ratios=(3, 1))
    figure.subplots_adjust(left=0.16, right=0.96, bottom=0.12, top=0.96, hspace=0.07)
    return list(axes)


def of_rows(count: int) -> Axes:
    """Axes of a new figure, as high as so many named rows need, with room for a label above."""
    inches = 0.3 * count + 1.6
    figure, ax = plt.subplots(figsize=(9, inches))
    figure.subplots_adjust(left=0.4, right=0.96, bottom=0.85 / inches, top=1 - 0.65 / inches)
    return ax


def beside() -> Sequence[Axes]:
    """Axes of a new figure, side by side, with a common y axis."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.8), sharey=True)
    figure.subplots_adjust(left=0.115, right=0.975, bottom=0.16, top=0.955, wspace=0.07)
    return list(axes)


def grid(k: int) -> NDArray[Any]:
    """Axes of a new figure, ``k`` rows of ``k``."""
    inches = 2.6 * k + 1.2
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
            ax.tick_params(labelsize=11, labelbottom=at_bottom, labelleft=at_left)
            ax.set_xlabel(titles[column] if at_bottom else "", loc="center", fontsize=14)
            ax.set_ylabel(titles[row] if at_left else "", loc="center", fontsize=14)
    axes[0, 0].figure.align_ylabels(axes[:, 0])


def make_room(ax: Axes, *, log: bool, share: float = 0.31) -> None:
    """Leave a share of the height free above the data, for the label and the legend."""
    if log:
        ax.set_yscale("log")
        low, high = ax.get_ylim()
        ax.set_ylim(low, low * (high / low) ** (1 / (1 - share)))
    else:
        low, high = ax.get_ylim()
        ax.set_ylim(low, low + (high - low) / (1 - share))


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


def log_ticks(axis: Axis, subs: Sequence[float] = (1, 2, 5)) -> None:
    """A logarithmic scale with numbers in full, at these multiples of powers of ten."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})  # type: ignore[attr-defined]
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def legend(ax: Axes, **options: Any) -> None:
    """Draw the legend at the right, below the line of the label."""
    ax.legend(loc="upper right", bbox_to_anchor=(0.97, 0.88), **options)
