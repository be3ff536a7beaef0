"""Write a report of what compression did to the jets of a file: a page, figures, numbers."""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from atlasae.atomic_write import atomic_write
from atlasae.directories import atomic_directory, check_directory, make_directory
from atlasae.plots import PLAIN, Rate, Style, read_rates
from atlasae.progress import progress_bar
from atlasae.report.figure import save
from atlasae.report.figures import figures_of
from atlasae.report.page import DrawnFigure, page
from atlasae.report.reading import read_comparison
from atlasae.report.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from atlasae.quantization.cuts import CutSpec
    from atlasae.report.comparison import Comparison
    from atlasae.types import PathLike


_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """A report that was written.

    Attributes:
        page: path of the page, ``index.html``.
        summary: the content of ``summary.json``.
        figures: paths of all figures.
        comparison: the jets that were compared, with their residuals.
    """

    page: Path
    summary: dict[str, Any]
    figures: tuple[Path, ...]
    comparison: Comparison


def compare(
    original: PathLike,
    compressed: Sequence[PathLike],
    output: PathLike,
    *,
    tree: str | None = None,
    collection: str | None = None,
    features: Sequence[str] = (),
    bins: CutSpec = None,
    weight: str | None = None,
    style: Style = PLAIN,
    rates: PathLike | None = None,
    progress: bool = False,
) -> Report:
    """Write a report of what compression did to the jets of a file.

    The directory gets ``index.html``, a page that needs no other file; ``summary.json``, its
    numbers; ``figures/``, each figure as PNG and PDF; and ``captions.md``. Files of an earlier
    report with the same names are replaced.

    Args:
        original: the file before compression.
        compressed: files that ``compress`` or ``decompress`` wrote; figures show all of them.
        output: the directory, created if it does not exist.
        tree: path of the tree; by default one with jets that are compressed in the first file.
        collection: its name; by default ``Jet``, else another one compressed in the first file.
        features: of the collection to compare in addition to the momenta, such as
            ``btagDeepFlavB``.
        bins: edges by feature, such as ``{"pt": [30, 50, 100]}`` or ``"pt: 30, 50, 100"``, as
            ``cuts`` of a bounded codec, in the unit of the branch: how many jets change their bin. By
            default those of the codecs' cuts, and common ones of pt and eta.
        weight: name of a branch of the original with one number per event, such as ``genWeight``.
            All figures but those of sizes and latents are weighted, and so are means, widths and
            quantiles. Jets are counted without weights in the first panel, and in what changes its
            bin.
        style: of an experiment; by default plain, without a label.
        rates: JSON file of ``benchmarks.rates``, to draw the rates of other tools.
        progress: show a progress bar.

    Raises:
        InputError: the files do not hold the same jets, the bins cannot be read, or the weights are
            not one finite number per event.
        MissingNameError: a file has no such tree, collection, feature or branch; the message
            suggests the nearest names.
        FileError: a file is missing or damaged, or the directory cannot be written.

    Example:
        >>> import atlasae
        >>> report = atlasae.compare("events.root", ["small.root"], "report")  # doctest: +SKIP
        >>> report.summary["files"][0]["features"]["pt"]["maximum"]  # doctest: +SKIP
        0.00099
    """
    target = check_directory(output)
    published = read_rates(rates) if rates is not None else ()
    comparison = read_comparison(
        original,
        compressed,
        tree=tree,
        collection=collection,
        features=features,
        bins=bins,
        weight=weight,
    )
    options: dict[str, PathLike | None] = {
        "--tree": tree,
        "--collection": collection,
        "--features": ",".join(features),
        "--bins": None if bins is None else _as_text(comparison.bins),
        "--weight": weight,
        "--rates": rates,
    }
    if style != PLAIN:
        options |= {"--experiment": style.experiment, "--label": style.text}
    read = [original, *compressed, *([rates] if rates is not None else [])]
    command = _command([original, *compressed, "-o", output], options)
    with atomic_directory(target, sources=read) as folder:
        drawn = _draw(comparison, published, make_directory(folder / "figures"), style, progress)
        summary = {**summarize(comparison, command), "figures": _figure_list(drawn, folder)}
        captions = [f"{i.paths[0].stem}\n: {_markdown(i.figure.caption)}\n" for i in drawn]
        for name, text in (
            ("summary.json", json.dumps(summary, indent=1) + "\n"),
            ("captions.md", "\n".join(captions)),
            ("index.html", page(summary, drawn)),
        ):
            with atomic_write(folder / name, force=False, sources=read) as file:
                file.write_text(text, encoding="utf-8", errors="backslashreplace")
    paths = tuple(target / path.relative_to(folder) for item in drawn for path in item.paths)
    return Report(target / "index.html", summary, paths, comparison)


def _draw(
    comparison: Comparison,
    published: Sequence[Rate],
    directory: Path,
    style: Style,
    progress: bool,
) -> list[DrawnFigure]:
    figures = list(figures_of(comparison, published))
    _logger.info("drawing %d figures", len(figures))
    with progress_bar("figures", shown=progress) as bar:
        return [
            DrawnFigure(figure, save(figure, directory, style))
            for figure in bar.track(figures, description="drawing")
        ]


def _figure_list(drawn: Sequence[DrawnFigure], folder: Path) -> list[dict[str, Any]]:
    """The figures as the summary lists them."""
    return [
        {
            "name": item.figure.name,
            "caption": item.figure.caption,
            "files": [path.relative_to(folder).as_posix() for path in item.paths],
        }
        for item in drawn
    ]


def _markdown(text: str) -> str:
    """Text in Markdown, where characters of its own syntax are escaped."""
    return escape(re.sub(r"[\\`*_\[\]~]", r"\\\g<0>", text), quote=False)


def _command(arguments: Sequence[PathLike], options: Mapping[str, PathLike | None]) -> str:
    """The command that makes the report, with the options that have a value."""
    words = ["atlasae", "compare", *arguments]
    for option, value in options.items():
        words += [option, value] if value else []
    return shlex.join(os.fspath(word) for word in words)


def _as_text(bins: Mapping[str, Iterable[float]]) -> str:
    """Edges as ``parse_cuts`` reads them."""
    return "; ".join(f"{name}: {', '.join(map(repr, edges))}" for name, edges in bins.items())
