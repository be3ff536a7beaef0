"""Rate against distortion: bits per jet, and the error of pt."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlasae.errors import DamagedFileError, MissingNameError
from atlasae.plots import axes_layout
from atlasae.plots.axes_layout import make_room
from atlasae.plots.style import GREYS, NEUTRAL, ORIGINAL, PLAIN, Style, plain_text, series
from atlasae.source_files import read_whole_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes

    from atlasae.plots.style import Artists
    from atlasae.types import PathLike

_RAW_BITS = 128.0  # four float32


@dataclass(frozen=True)
class Rate:
    """Rate and error of a codec.

    Attributes:
        name: of the codec or tool; a line connects the points of one name.
        bits: per jet.
        error: relative error of pt: the tolerance if there is one, else half the width of the
            central 68 % of the residuals.
        bounded: whether there is a tolerance.

    Example:
        >>> Rate("ZSTD", bits=56.1, error=1e-3, bounded=True).bits
        56.1
    """

    name: str
    bits: float
    error: float
    bounded: bool


def read_rates(path: PathLike, sample: str = "pickle") -> list[Rate]:
    """Read the rates of atlasae and other tools from the JSON that ``benchmarks.rates`` writes.

    Args:
        path: such as ``benchmarks/results/rates.json``.
        sample: of jets, ``pickle`` or ``dijets``; rows of lossless coding are left out.

    Raises:
        MissingFileError: there is no such file.
        FileError: it cannot be read.
        DamagedFileError: it does not have the form that the benchmarks write.
        MissingNameError: it has no rows of this sample.

    Example:
        >>> import json, tempfile
        >>> from pathlib import Path
        >>> row = {"name": "pickle, 0.001", "bits": 41.3, "peers": [{"name": "zfp", "bits": 68.8}]}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "rates.json"
        ...     size = path.write_text(json.dumps({"rows": [row]}))
        ...     [rate.name for rate in read_rates(path)]
        ['atlasae, bounded', 'zfp']
    """
    file_name = os.fspath(path)
    data = read_whole_file(path, "file")
    try:
        rows = json.loads(data)["rows"]
        cases = [(*row["name"].rsplit(", ", 1), row) for row in rows]
        rates = [
            rate
            for case_sample, tolerance, row in cases
            if case_sample == sample and tolerance != "lossless"
            for rate in _rates_of(float(tolerance), row)
        ]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DamagedFileError(
            f"{file_name} is not a result of benchmarks.rates: {error}"
        ) from error
    if not rates:
        names = [case_sample for case_sample, *_ in cases]
        raise MissingNameError.of("sample", sample, file_name, names)
    return rates


def _rates_of(tolerance: float, row: dict[str, Any]) -> list[Rate]:
    measured = [("atlasae, bounded", row["bits"])]
    measured += [(peer["name"], peer["bits"]) for peer in row["peers"]]
    # lossless tools have no tolerance to be drawn at
    return [
        Rate(name, float(bits), tolerance, True)
        for name, bits in measured
        if bits is not None and "lossless" not in name
    ]


def rate_distortion(
    measured: Iterable[Rate],
    published: Sequence[Rate] = (),
    *,
    style: Style = PLAIN,
    ax: Axes | None = None,
) -> Artists:
    """Draw bits per jet against the error of pt.

    Args:
        measured: rates of the files compared, with large markers, open if there is no tolerance.
        published: rates of benchmarks, with small markers, connected by name.
        style: of an experiment.
        ax: to draw on; by default the axes of a new figure.

    Example:
        >>> artists = rate_distortion([Rate("small", bits=41.0, error=1e-3, bounded=True)])
    """
    ax = ax or axes_layout.single()
    style.label(ax)
    artists = [*_draw_published(ax, published), *_draw_measured(ax, measured)]
    ax.set_xscale("log")
    ax.margins(x=0.12)
    ax.axhline(_RAW_BITS, color=NEUTRAL, linewidth=1, linestyle=":")
    ax.set_ylim(0, 140)
    rows = -(-len(ax.get_legend_handles_labels()[1]) // 2)
    make_room(ax, log=False, share=min(0.16 + 0.045 * rows, 0.6))
    ax.annotate(
        "uncompressed: four float32", (0.03, _RAW_BITS), xycoords=("axes fraction", "data"),
        xytext=(0, -4), textcoords="offset points", va="top", color=NEUTRAL, fontsize=12,
    )  # fmt: skip
    ax.set_xlabel(r"Relative error of jet $p_{\mathrm{T}}$", loc="right")
    ax.set_ylabel("Bits per jet", loc="top")
    title = "Error: tolerance (filled) or 68 % half-width (open)"
    axes_layout.legend(ax, fontsize=11, ncols=2, title=title, title_fontsize=11, columnspacing=1)
    return artists


def _draw_published(ax: Axes, rates: Sequence[Rate]) -> Artists:
    """Lines in greys, that of atlasae, the first, in blue."""
    artists: Artists = []
    for i, name in enumerate(dict.fromkeys(rate.name for rate in rates)):
        points = sorted((rate.error, rate.bits) for rate in rates if rate.name == name)
        look = series(i) | {"color": ORIGINAL if i == 0 else GREYS[i % 3]}
        artists += ax.plot(
            *zip(*points, strict=True), **look, linewidth=2.2 if i == 0 else 1.2, markersize=5,
            label=plain_text(name) + (" (benchmark)" if i == 0 else ""),
        )  # fmt: skip
    return artists


def _draw_measured(ax: Axes, rates: Iterable[Rate]) -> Artists:
    artists: Artists = []
    for i, rate in enumerate(rates):
        look = series(i)
        artists += ax.plot(
            rate.error, rate.bits, linestyle="", marker=look["marker"], color=look["color"],
            markersize=12, markerfacecolor=look["color"] if rate.bounded else "none",
            markeredgewidth=2, zorder=3, label=plain_text(rate.name),
        )  # fmt: skip
    return artists
