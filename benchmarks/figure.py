"""The figure of rate against speed: every tool, decoding and encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from atlasae.plots import axes_layout
from atlasae.plots.style import NEUTRAL, ORIGINAL, Style, series
from benchmarks.speed import ATLASAE

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    Speeds = dict[str, dict[str, float]]


def draw(case: dict[str, Any], path: Path) -> None:
    """Draw a row of ``rates.json`` into a file; small and fast is at the lower right."""
    bits = {ATLASAE: case["bits"], **{peer["name"]: peer["bits"] for peer in case["peers"]}}
    # with the salt and without a date, the same results give the same file
    with Style("plain").context(), mpl.rc_context({"svg.hashsalt": path.name}):
        left, right = axes_layout.beside()
        plt.subplots_adjust(left=0.08, right=0.73)
        for ax, direction in ((left, "decode"), (right, "encode")):
            _panel(ax, direction, bits, case["speed"]["tools"])
        left.set_ylabel("Bits per jet", loc="top")
        right.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=12)
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


def _panel(ax: Axes, direction: str, bits: dict[str, float], speeds: Speeds) -> None:
    for i, (name, speed) in enumerate(speeds.items()):
        ax.plot(speed[direction], bits[name], linestyle="", label=name, **_look(i, name))
    axes_layout.log_ticks(ax.xaxis, subs=(1,))
    ax.set_xlim(0.8, 8000)
    ax.set_ylim(30, 125)
    ax.grid(visible=True, alpha=0.25)
    ax.set_xlabel(f"{direction.capitalize()} [MB/s]", loc="right")


def _look(i: int, name: str) -> dict[str, Any]:
    """A star for atlasae; open and grey where the tool knows of no tolerance."""
    if name == ATLASAE:
        return {"color": ORIGINAL, "marker": "*", "markersize": 20, "zorder": 3}
    look = {"color": series(i)["color"], "marker": series(i)["marker"], "markersize": 10}
    if "lossless" in name:
        look |= {"color": NEUTRAL, "markerfacecolor": "none", "markeredgewidth": 1.5}
    return look
