"""A figure of the report, and the files it is written to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt

from atlasae.atomic_write import atomic_write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atlasae.plots import Style
    from atlasae.plots.style import Artists

SUFFIXES = (".png", ".pdf")
RESOLUTION = 150  # of the PNG, in dots per inch
SECTIONS = {
    "branches": "Sizes of the branches",
    "features": "Features of the jets",
    "residuals": "Residuals per jet",
    "fine": "Fine spectra, and jets that change their bin",
    "derived": "Observables derived from the jets",
    "codecs": "Rates, speed, training and latents",
}


@dataclass(frozen=True)
class Figure:
    """A figure to draw.

    Attributes:
        name: of its files, without suffix.
        section: one of ``SECTIONS``.
        caption: ready for a paper.
        draw: draws it on a new figure, in the style given.
        group: heading within the section, or empty.
        wide: whether it takes half of the page width, not a third.
    """

    name: str
    section: str
    caption: str
    draw: Callable[..., Artists]
    group: str = ""
    wide: bool = False


def save(figure: Figure, directory: Path, style: Style) -> list[Path]:
    """Draw a figure, write it as PNG and PDF, and return the paths."""
    with style.context():
        figure.draw(style=style)
        drawn = plt.gcf()
        written = [directory / f"{figure.name}{suffix}" for suffix in SUFFIXES]
        for path in written:
            with atomic_write(path, force=True) as unfinished:
                drawn.savefig(unfinished, dpi=RESOLUTION, format=path.suffix[1:])
        plt.close(drawn)
    return written
