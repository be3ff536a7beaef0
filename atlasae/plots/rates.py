"""Rate against distortion: what a jet costs in bits, and what the error is."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlasae.errors import DamagedFileError, MissingFileError, MissingNameError
from atlasae.plots import style as styles
from atlasae.plots.style import ATLAS, Style, make_room, series

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes

    from atlasae.plots.style import Artists
    from atlasae.types import PathLike

_RAW_BITS = 128.0  # four float32


@dataclass(frozen=True)
class Rate:
    """What one codec makes of jets.

    Attributes:
        name: of the codec or tool; points of one name are joined by a line.
        bits: a jet.
        error: of pt, relative: the tolerance where one is kept, else half the width of the
            central 68 % of the residuals.
        bounded: whether a tolerance is kept.
    """

    name: str
    bits: float
    error: float
    bounded: bool


def read_rates(path: PathLike, sample: str = "pickle") -> list[Rate]:
    """The rates of atlasae and its peers from the JSON that ``benchmarks.rates`` writes.

    Args:
        path: such as ``benchmarks/results/rates.json``.
        sample: whose jets; rows without a tolerance, of lossless coding, are left out.

    Raises:
        MissingFileError: there is no such file.
        DamagedFileError: it is not what the benchmarks write.
        MissingNameError: it has no rows of this sample.
    """
    name = os.fspath(path)
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"))["rows"]
        tables = [(*row["name"].rsplit(", ", 1), row) for row in rows]
        found = [
            rate
            for of_sample, tolerance, row in tables
            if of_sample == sample and tolerance != "lossless"
            for rate in _rates_of(float(tolerance), row)
        ]
    except FileNotFoundError as error:
        raise MissingFileError(f"no file {name!r}") from error
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise DamagedFileError(f"{name} is not a result of benchmarks.rates: {error}") from error
    if not found:
        raise MissingNameError.of("sample", sample, name, [of_sample for of_sample, *_ in tables])
    return found


def _rates_of(tolerance: float, row: dict[str, Any]) -> list[Rate]:
    measured = [("atlasae, bounded", row["bits"])]
    measured += [(peer["name"], peer["bits"]) for peer in row["peers"]]
    # what keeps every bit has no tolerance to stand at
    return [
        Rate(name, float(bits), tolerance, True)
        for name, bits in measured
        if bits is not None and "lossless" not in name
    ]


def rate_distortion(
    measured: Iterable[Rate],
    published: Sequence[Rate] = (),
    *,
    style: Style = ATLAS,
    ax: Axes | None = None,
) -> Artists:
    """Bits a jet against the error of pt.

    Args:
        measured: of the files compared, drawn large, each by itself; open where no tolerance is
            kept.
        published: of benchmarks, drawn small, joined by name.
        style: the experiment's.
        ax: to draw on; by default a new figure's.
    """
    ax = ax or styles.single()
    style.label(ax)
    artists: Artists = []
    for i, name in enumerate(dict.fromkeys(rate.name for rate in published)):
        points = sorted((r.error, r.bits) for r in published if r.name == name)
        look = series(i) | {"color": styles.ORIGINAL if i == 0 else styles.GREYS[i % 3]}
        artists += ax.plot(
            *zip(*points, strict=True), **look, linewidth=2.2 if i == 0 else 1.2, markersize=5,
            label=f"{name} (benchmark)" if i == 0 else name,
        )  # fmt: skip
    for i, rate in enumerate(measured):
        look = series(i)
        artists += ax.plot(
            rate.error, rate.bits, linestyle="", marker=look["marker"], color=look["color"],
            markersize=12, markerfacecolor=look["color"] if rate.bounded else "none",
            markeredgewidth=2, zorder=3,
            label=rate.name,
        )  # fmt: skip
    ax.set_xscale("log")
    ax.margins(x=0.12)
    ax.axhline(_RAW_BITS, color=styles.NEUTRAL, linewidth=1, linestyle=":")
    ax.set_ylim(0, 140)
    rows = -(-len(ax.get_legend_handles_labels()[1]) // 2)
    make_room(ax, log=False, share=min(0.16 + 0.045 * rows, 0.6))
    ax.annotate(
        "four float32", (0.03, _RAW_BITS), xycoords=("axes fraction", "data"), xytext=(0, -4),
        textcoords="offset points", va="top", color=styles.NEUTRAL, fontsize=12,
    )  # fmt: skip
    ax.set_xlabel(r"Relative error of jet $p_{\mathrm{T}}$", loc="right")
    ax.set_ylabel("Bits a jet", loc="top")
    title = "at the tolerance kept; open: none, at the 68 % half-width"
    styles.legend(ax, fontsize=11, ncols=2, title=title, title_fontsize=11, columnspacing=1)
    return artists
