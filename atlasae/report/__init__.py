"""Compare an original file with those compressed from it: a page, figures, and numbers."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlasae.atomic_write import atomic_write, make_directory
from atlasae.plots import ATLAS, Style, read_rates
from atlasae.progress import progress_bar
from atlasae.report.comparison import Comparison, read_comparison
from atlasae.report.figures import figures_of, save
from atlasae.report.page import Drawn, page
from atlasae.report.summary import summarise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from atlasae.types import PathLike


@dataclass(frozen=True)
class Report:
    """A comparison that was written.

    Attributes:
        page: path of the page.
        summary: what ``summary.json`` holds.
        figures: the paths of all figures.
        comparison: what was compared.
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
    style: Style = ATLAS,
    rates: PathLike | None = None,
    progress: bool = False,
) -> Report:
    """Write a report of what compression did to the jets of a file.

    The directory has ``index.html``, one page that holds all it shows; ``summary.json``, its
    numbers; ``figures/``, each as PNG and PDF; and ``captions.md``. What an earlier report left
    there under the same names is replaced.

    Args:
        original: the file before compression.
        compressed: files that ``compress`` or ``decompress`` wrote, drawn side by side.
        output: the directory, made if it is not there.
        tree: path of the tree; by default the one whose jets the first file has compressed.
        collection: its name; by default ``Jet``, else another that the first file has compressed.
        features: of the collection, to be compared beside the momenta, such as ``btagDeepFlavB``.
        style: the experiment's.
        rates: of other tools, to draw beside those of the files: the JSON that
            ``benchmarks.rates`` writes.
        progress: show a bar.

    Raises:
        InputError: they do not hold the same jets.
        MissingNameError: a file has no such tree, collection or feature; the message names the
            nearest.
        FileError: a file is missing or damaged, or the directory cannot be written.
    """
    published = read_rates(rates) if rates is not None else ()
    comparison = read_comparison(
        original, compressed, tree=tree, collection=collection, features=features
    )
    options: dict[str, PathLike | None] = {
        "--tree": tree,
        "--collection": collection,
        "--features": ",".join(features),
        "--rates": rates,
    }
    if style != ATLAS:
        options |= {"--experiment": style.experiment, "--label": style.text}
    command = _command([original, *compressed, "-o", output], options)
    summary = summarise(comparison, command)
    target = make_directory(output)
    directory = make_directory(target / "figures")
    figures = list(figures_of(comparison, published))
    with progress_bar("figures", shown=progress) as bar:
        drawn = [
            Drawn(figure, save(figure, directory, style))
            for figure in bar.track(figures, description="drawing")
        ]
    summary["figures"] = [
        {
            "name": one.figure.name,
            "caption": one.figure.caption,
            "files": [path.relative_to(target).as_posix() for path in one.paths],
        }
        for one in drawn
    ]
    captions = [f"{one.paths[0].stem}\n: {one.figure.caption}\n" for one in drawn]
    for name, text in (
        ("summary.json", json.dumps(summary, indent=1) + "\n"),
        ("captions.md", "\n".join(captions)),
        ("index.html", page(summary, drawn)),
    ):
        with atomic_write(target / name, force=True) as beside:
            beside.write_text(text, encoding="utf-8")
    paths = tuple(path for one in drawn for path in one.paths)
    return Report(target / "index.html", summary, paths, comparison)


def _command(arguments: Sequence[PathLike], options: Mapping[str, PathLike | None]) -> str:
    """The command that makes the report."""
    words = ["atlasae", "compare", *arguments]
    for option, value in options.items():
        words += [option, value] if value else []
    return shlex.join(os.fspath(word) for word in words)
