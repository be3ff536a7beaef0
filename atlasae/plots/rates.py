"""Rates of codecs and tools, against the error of pt and against speed."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlasae.errors import DamagedFileError, InputError, MissingNameError
from atlasae.plots import axes_layout
from atlasae.plots.style import GREYS, NEUTRAL, ORIGINAL, PLAIN, Style, plain_text, series
from atlasae.source_files import read_whole_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes

    from atlasae.plots.style import Artists
    from atlasae.types import PathLike

_RAW_BITS = 128.0  # four float32
_ATLASAE = "atlasae, bounded"


@dataclass(frozen=True)
class Rate:
    """Rate and error of a codec.

    Attributes:
        name: of the codec or tool; a line connects the points of one name.
        bits: per jet.
        error: relative error of pt: the tolerance if there is one, else half the width of the
            central 68 % of the residuals; 0 of a tool that is lossless.
        bounded: whether there is a tolerance.
        encode: MB of the original values per second, or None if it was not measured.
        decode: likewise.

    Example:
        >>> Rate("ZSTD", bits=56.1, error=1e-3, bounded=True).bits
        56.1
    """

    name: str
    bits: float
    error: float
    bounded: bool
    encode: float | None = None
    decode: float | None = None


def read_rates(path: PathLike, sample: str = "pickle") -> list[Rate]:
    """Read the rates of atlasae and other tools from the JSON that ``benchmarks.rates`` writes.

    Args:
        path: such as ``benchmarks/results/rates.json``.
        sample: of jets, ``pickle`` or ``dijets``; rows of a lossless tolerance are left out.

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
            for rate in rates_of(float(tolerance), row)
        ]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DamagedFileError(
            f"{file_name} is not a result of benchmarks.rates: {error}"
        ) from error
    if not rates:
        names = [case_sample for case_sample, *_ in cases]
        raise MissingNameError.of("sample", sample, file_name, names)
    return rates


def rates_of(tolerance: float, row: dict[str, Any]) -> list[Rate]:
    """The rates of a row of ``benchmarks.rates``, with the speeds that were measured.

    Args:
        tolerance: of the row.
        row: as in its JSON; tools whose name says so are lossless, whatever the tolerance.

    Example:
        >>> row = {"bits": 41.3, "peers": [], "speed": {"tools": {"atlasae": {"decode": 338.0}}}}
        >>> rates_of(1e-3, row)[0].decode
        338.0
    """
    measured = [(_ATLASAE, row["bits"])]
    measured += [(peer["name"], peer["bits"]) for peer in row["peers"]]
    speeds = (row.get("speed") or {}).get("tools", {})
    return [
        Rate(
            name, float(bits), 0.0 if "lossless" in name else tolerance, "lossless" not in name,
            **speeds.get("atlasae" if name == _ATLASAE else name, {}),
        )
        for name, bits in measured
        if bits is not None
    ]  # fmt: skip


def rate_distortion(
    measured: Iterable[Rate],
    published: Sequence[Rate] = (),
    *,
    style: Style = PLAIN,
    ax: Axes | None = None,
) -> Artists:
    """Draw bits per jet against the error of pt, with the legend at the right of the axes.

    Args:
        measured: rates of the files compared, with large markers, open if there is no tolerance.
        published: rates of benchmarks, with small markers, connected by name; those without an error
            are left out.
        style: of an experiment.
        ax: to draw on; by default the axes of a new figure.

    Example:
        >>> artists = rate_distortion([Rate("small", bits=41.0, error=1e-3, bounded=True)])
    """
    ax = ax or axes_layout.beside_legend()
    style.label(ax)
    with_error = [rate for rate in published if rate.error > 0]
    artists = [*_draw_published(ax, with_error), *_draw_measured(ax, measured)]
    ax.set_xscale("log")
    ax.margins(x=0.12)
    ax.axhline(_RAW_BITS, color=NEUTRAL, linewidth=1, linestyle=":")
    ax.set_ylim(0, 160 if style.labelled else 140)
    ax.annotate(
        "uncompressed: four float32", (0.03, _RAW_BITS), xycoords=("axes fraction", "data"),
        xytext=(0, -4), textcoords="offset points", va="top", color=NEUTRAL, fontsize=12,
    )  # fmt: skip
    ax.set_xlabel(r"Relative error of jet $p_{\mathrm{T}}$", loc="right")
    ax.set_ylabel("Bits per jet", loc="top")
    title = "Error: tolerance (filled)\nor 68 % half-width (open)"
    _legend_beside(ax, title=title, title_fontsize=12, alignment="left")
    return artists


def rate_speed(
    rates: Sequence[Rate], *, style: Style = PLAIN, axes: Sequence[Axes] | None = None
) -> Artists:
    """Draw bits per jet against the speed of decoding and of encoding: small and fast is lower right.

    Args:
        rates: all at one tolerance; those without a speed are left out, and those without a tolerance
            are open and grey.
        style: of an experiment.
        axes: two to draw on; by default those of a new figure, with the legend at the right.

    Raises:
        InputError: no speed was measured.

    Example:
        >>> artists = rate_speed([Rate("zfp", 68.8, 1e-3, True, encode=126.0, decode=82.0)])
    """
    timed = [rate for rate in rates if rate.encode is not None and rate.decode is not None]
    if not timed:
        raise InputError("no speed was measured: run benchmarks.rates with its speeds")
    left, right = axes if axes is not None else axes_layout.beside()
    left.figure.subplots_adjust(left=0.1, right=0.63, top=0.86 if style.labelled else 0.955)
    style.label_figure(left.figure)
    artists: Artists = []
    for ax, direction in ((left, "decode"), (right, "encode")):
        for i, rate in enumerate(timed):
            artists += ax.plot(
                getattr(rate, direction), rate.bits, linestyle="", label=plain_text(rate.name),
                **_look_of_tool(i, rate),
            )  # fmt: skip
        axes_layout.log_ticks(ax.xaxis, subs=(1,), most=9)
        ax.margins(0.08)
        ax.grid(visible=True, alpha=0.25)
        ax.set_xlabel(f"{direction.capitalize()}{style.unit('MB/s')}", loc="right")
    left.set_ylabel("Bits per jet", loc="top")
    _legend_beside(right)
    return artists


def _look_of_tool(i: int, rate: Rate) -> dict[str, Any]:
    """A star for atlasae; open and grey where the tool knows of no tolerance."""
    if rate.name == _ATLASAE:
        return {"color": ORIGINAL, "marker": "*", "markersize": 18, "zorder": 3}
    look = {"color": series(i)["color"], "marker": series(i)["marker"], "markersize": 8}
    if not rate.bounded:
        look |= {"color": NEUTRAL, "markerfacecolor": "none", "markeredgewidth": 1.5}
    return look


def _legend_beside(ax: Axes, **options: Any) -> None:
    """The legend at the right of the axes."""
    ax.legend(loc="center left", bbox_to_anchor=(1.03, 0.5), fontsize=12, **options)


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
            markersize=11, markerfacecolor=look["color"] if rate.bounded else "none",
            markeredgewidth=2, zorder=3, label=plain_text(rate.name),
        )  # fmt: skip
    return artists
