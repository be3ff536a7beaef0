"""Jets that change their bin."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import LogNorm

from atlasae.jets.distributions import migrations
from atlasae.jets.metrics import checked_weights, matched
from atlasae.plots import axes_layout
from atlasae.plots.ranges import to_gev
from atlasae.plots.style import PLAIN, Style, plain_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from atlasae.plots.style import Artists
    from atlasae.types import Floats, Values

_LEAST = 1e-5  # fraction of a bin, in the palest color
_MOST_WORDS = 8  # bins, for a fraction and a count in each cell, and names of bins


def migration_matrix(
    original: Any,
    decoded: Any,
    feature: str,
    edges: Sequence[float] | Values,
    *,
    name: str = "",
    weights: Floats | None = None,
    style: Style = PLAIN,
    ax: Axes | None = None,
) -> Artists:
    """Draw which fraction of the jets of each bin is in which bin after compression.

    The fractions of a row sum to 100 %. The number below is that of the jets, without weights. With
    more than eight bins there are colors alone.

    Args:
        original: jets in any form that ``atlasae.jets.table.to_table`` accepts.
        decoded: the same jets, decoded.
        feature: name of the binned feature.
        edges: of the bins, ascending, in the unit of the jets; those below the first and from the last
            on are bins too.
        name: of the file, to write on the figure.
        weights: one per jet, shape (n,); by default all jets count alike.
        style: of an experiment.
        ax: to draw on; by default the axes of a new figure.

    Raises:
        InputError: the decoded jets are not the same jets, or the weights do not fit.
        MissingNameError: the jets have no such feature.

    Example:
        >>> jets, decoded = {"pt": [29.0, 35.0]}, {"pt": [31.0, 35.0]}
        >>> artists = migration_matrix(jets, decoded, "pt", [30, 50])
    """
    before, after = matched(original, decoded)
    weights = checked_weights(weights, len(before))
    values, back = (jets.select([feature]).columns[feature] for jets in (before, after))
    counts = migrations(values, back, edges)
    sums = counts if weights is None else migrations(values, back, edges, weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        fractions = np.nan_to_num(sums / sums.sum(axis=1, keepdims=True))
    if ax is None:
        ax = axes_layout.single()
        ax.figure.subplots_adjust(left=0.25, bottom=0.26)  # room for the names of bins
    k = len(counts)
    shown = np.where(counts > 0, np.maximum(fractions, _LEAST), np.nan)
    image = ax.imshow(shown, cmap="Blues", norm=LogNorm(_LEAST, 1), aspect="auto")
    drawn_edges = np.asarray(edges) * to_gev(feature, before)
    if k <= _MOST_WORDS:
        artists = [image, *_cell_texts(ax, fractions, counts)]
        names = bin_names(drawn_edges)
        ax.set_xticks(range(k), names, rotation=30, rotation_mode="anchor", ha="right", fontsize=12)
        ax.set_yticks(range(k), names, fontsize=12)
        ax.tick_params(which="both", length=0)
    else:
        artists = [image]
        bar = ax.figure.colorbar(image, ax=ax, pad=0.03)
        bar.set_label("Fraction of the row", fontsize=14)
        few = np.arange(0, k - 1, -(-(k - 1) // _MOST_WORDS))
        for axis in (ax.xaxis, ax.yaxis):  # an edge is between two cells
            axis.set_ticks(few + 0.5, _numbers(drawn_edges[few]), fontsize=12)
    ax.minorticks_off()
    style.label(ax)  # after the color bar, which moves the axes
    ax.set_xlabel(f"Decoded {_lower(style.axis_title(feature))}", loc="right")
    ax.set_ylabel(f"Original {_lower(style.axis_title(feature))}", loc="top")
    lines = [plain_text(name)] if name else []
    ax.text(
        0.965, 0.875 if style.labelled else 0.965, "\n".join([*lines, moved_in_words(counts)]),
        transform=ax.transAxes, ha="right", va="top", fontsize=13,
    )  # fmt: skip
    share = 0.26 if style.labelled else 0.19
    ax.set_ylim(k - 0.5, -0.5 - k * share / (1 - share))  # room for the text
    return artists


def _cell_texts(ax: Axes, fractions: Floats, counts: Values) -> Artists:
    """The fraction and the number of jets of each cell that is not empty."""
    size = min(13, 66 / len(counts))
    return [
        ax.text(
            column, row, f"{_percent(fractions[row, column])}\n{counts[row, column]:,}",
            color="white" if fractions[row, column] > 0.02 else "black",
            ha="center", va="center", fontsize=size,
        )
        for row, column in zip(*np.nonzero(counts), strict=True)
    ]  # fmt: skip


def moved_in_words(counts: Any) -> str:
    """How many jets change their bin, from the counts of ``migrations``.

    Example:
        >>> moved_in_words(np.array([[8, 2], [0, 1990]])), moved_in_words(np.eye(2, dtype=int))
        ('2 of 2,000 jets change their bin', 'no jet changes its bin')
    """
    moved = int(counts.sum() - np.trace(counts))
    if not moved:
        return "no jet changes its bin"
    return f"{moved:,} of {counts.sum():,} jets change their bin"


def bin_names(edges: Sequence[float] | Floats) -> list[str]:
    """The bins between edges in words, with those outside.

    Example:
        >>> bin_names([30, 50])
        ['< 30', '30 to 50', '≥ 50']
    """
    numbers = _numbers(edges)
    inner = [f"{low} to {high}" for low, high in pairwise(numbers)]
    return [f"< {numbers[0]}", *inner, f"≥ {numbers[-1]}"]


def _numbers(edges: Sequence[float] | Floats) -> list[str]:
    return [axes_layout.minus(f"{edge:g}") for edge in edges]


def _percent(fraction: float) -> str:
    """A fraction in percent; 100 % only if it is the whole."""
    if fraction > 0.01:
        return f"{100 * fraction if fraction >= 1 else min(100 * fraction, 99.99):.4g} %"
    return axes_layout.minus(f"{100 * fraction:.2g} %")


def _lower(title: str) -> str:
    return title[0].lower() + title[1:]
