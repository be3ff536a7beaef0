"""Sizes of branches before and after compression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import InputError
from atlasae.plots import axes_layout
from atlasae.plots.style import ORIGINAL, PLAIN, Style, plain_text, series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from atlasae.plots.style import Artists

SHOWN_BRANCHES = 20  # the largest; the others are one row
_UNITS = (("bytes", 1), ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000))


def branch_sizes(
    sizes: Mapping[str, tuple[int, int]], *, style: Style = PLAIN, ax: Axes | None = None
) -> Artists:
    """Draw the sizes of branches before and after compression, the largest first.

    Args:
        sizes: bytes before and after, by branch.
        style: of an experiment.
        ax: to draw on; by default the axes of a new figure.

    Raises:
        InputError: there are no branches.

    Example:
        >>> artists = branch_sizes({"Jet_pt": (9_000, 5_000), "Jet_jetId": (800, 90)})
    """
    if not sizes:
        raise InputError("there are no branches to draw")
    rows = _rows(sizes)
    ax = ax or axes_layout.of_rows(len(rows))
    largest = max(max(pair) for pair in rows.values())
    unit, scale = next(one for one in reversed(_UNITS) if largest >= one[1] or one[1] == 1)
    places = np.arange(len(rows))
    before, after = np.array(list(rows.values())).T / scale
    look: dict[str, Any] = {"height": 0.4, "align": "edge"}
    artists: Artists = [
        *ax.barh(places - 0.4, before, color=ORIGINAL, alpha=0.35, label="Before", **look),
        *ax.barh(places, after, color=series(0)["color"], label="After", **look),
    ]
    ax.set_yticks(places, [plain_text(name) for name in rows], fontsize=12)
    ax.yaxis.minorticks_off()
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(rows) - 0.4, -0.6)  # the largest at the top
    axes_layout.few_ticks(ax.xaxis)
    ax.set_xlabel(f"Size{style.unit(unit)}", loc="right")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    style.label_figure(ax.figure)
    return artists


def _rows(sizes: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """The branches that are shown, and the sum of the others."""
    names = sorted(sizes, key=lambda name: (-max(sizes[name]), name))
    shown = {name: sizes[name] for name in names[:SHOWN_BRANCHES]}
    if others := [sizes[name] for name in names[SHOWN_BRANCHES:]]:
        shown[f"{len(others):,} other branches"] = (
            sum(before for before, _ in others),
            sum(after for _, after in others),
        )
    return shown
