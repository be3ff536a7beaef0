"""The figure of rate against speed: every tool, decoding and encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from atlasae.plots import axes_layout
from atlasae.plots.rates import rate_speed, rates_of
from atlasae.plots.style import ORIGINAL, Style, series

if TYPE_CHECKING:
    from pathlib import Path


def draw(case: dict[str, Any], path: Path) -> None:
    """Draw a row of ``rates.json`` into a file; small and fast is at the lower right."""
    tolerance = float(case["name"].rpartition(", ")[2])
    # with the salt and without a date, the same results give the same file
    with Style("plain").context(), mpl.rc_context({"svg.hashsalt": path.name}):
        rate_speed(rates_of(tolerance, case))
        plt.savefig(path, metadata={"Date": None})
        plt.close()


def draw_comb(spectrum: dict[str, Any], path: Path) -> None:
    """Draw the spectrum of ``promises.json`` into a file: original, without and with dither."""
    counts = spectrum["counts"]
    titles = {
        "plain": f"tolerance {spectrum['tolerance']:g}",
        "dither": "the same, with dither",
    }
    with Style("plain").context(), mpl.rc_context({"svg.hashsalt": path.name}):
        left, right = axes_layout.beside()
        for ax, (i, (name, title)) in zip((left, right), enumerate(titles.items()), strict=True):
            ax.stairs(counts[name], spectrum["edges"], color=series(i)["color"], fill=True)
            ax.stairs(counts["original"], spectrum["edges"], color=ORIGINAL, linewidth=2)
            ax.text(0.96, 0.92, title, ha="right", va="top", transform=ax.transAxes)
            ax.set_ylim(0, 1.3 * max(counts["plain"]))
            ax.set_xlabel("Jet $p_T$ [GeV]", loc="right")
        left.set_ylabel("Jets in a tenth of a step", loc="top")
        plt.savefig(path, metadata={"Date": None})
        plt.close()
