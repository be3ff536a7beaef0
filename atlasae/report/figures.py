"""The figures of a comparison, each with its caption."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np

from atlasae import plots
from atlasae.jets.names import role
from atlasae.jets.observables import OBSERVABLES
from atlasae.jets.table import to_table
from atlasae.plots import Rate, Style
from atlasae.plots.residuals import drawn_bound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from atlasae.plots.style import Artists
    from atlasae.report.comparison import Comparison, DecodedFile

SUFFIXES = (".png", ".pdf")
RESOLUTION = 150  # dots an inch of the PNG
SECTIONS = {
    "features": "Features of the jets",
    "residuals": "Residuals, jet by jet",
    "derived": "What an analysis makes of the jets",
    "codecs": "Rates, training, latents",
}
_WORDS = {"pt": "transverse momentum", "m": "mass", "e": "energy", "phi": "azimuth",
          "eta": "pseudorapidity"}  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """A figure to draw.

    Attributes:
        name: of its files, without suffix.
        section: one of ``SECTIONS``.
        group: a heading within the section, or nothing.
        caption: what it shows, for a paper.
        draw: draws it on a new figure, in the style it is given.
        wide: whether it takes the whole width of a page.
    """

    name: str
    section: str
    caption: str
    draw: Callable[..., Artists]
    group: str = ""
    wide: bool = False


def figures_of(comparison: Comparison, published: Sequence[Rate] = ()) -> Iterator[Figure]:
    """All the figures that there is data for.

    Args:
        comparison: of ``atlasae.report.comparison.read_comparison``.
        published: of benchmarks, for the figure of rates.
    """
    yield from _features(comparison)
    yield from _residuals(comparison)
    if comparison.observables:
        yield from _derived(comparison)
    yield from _codecs(comparison, published)


def save(figure: Figure, directory: Path, style: Style) -> list[Path]:
    """Draw a figure, and write it as PNG and PDF."""
    with style.context():
        figure.draw(style=style)
        drawn = plt.gcf()
        written = [directory / f"{figure.name}{suffix}" for suffix in SUFFIXES]
        for path in written:
            drawn.savefig(path, dpi=RESOLUTION)
        plt.close(drawn)
    return written


def _features(comparison: Comparison) -> Iterator[Figure]:
    original, momentum = comparison.original.jets, comparison.momentum
    decoded: dict[str, Any] = {file.name: file.jets for file in comparison.files}
    for feature in comparison.features:
        yield Figure(
            f"distribution_{feature}",
            "features",
            f"Jet {_called(feature)} before compression (filled) and after (lines), and the ratio"
            " to the original with its statistical uncertainty (band; arrowheads lie beyond the"
            " axis). KS is the largest distance of the cumulative distributions, chi-square is"
            " given with the number of bins.",
            partial(plots.distribution, original, decoded, feature),
        )
    for file in comparison.files:
        yield Figure(
            f"corner_{_slug(file.name)}",
            "features",
            f"{file.name}: every coordinate, and every pair of them, of the original (filled) and"
            " the decoded jets (lines). Areas and lines hold 39 % and 86 % of the jets.",
            partial(
                plots.corner,
                original.select(momentum),
                file.jets.select(momentum),
                name=file.name,
            ),
            wide=True,
        )


def _residuals(comparison: Comparison) -> Iterator[Figure]:
    for feature in comparison.features:
        group = _called(feature).capitalize()
        tolerances = {file.name: file.tolerance(feature) for file in comparison.files}
        if len(comparison.files) > 1:
            yield Figure(
                f"residual_sizes_{feature}",
                "residuals",
                f"Sizes of the residuals of the jet {_called(feature)}, of all files. A line"
                " upwards from the axis is a tolerance.",
                partial(
                    plots.residual_sizes,
                    {file.name: file.residuals[feature] for file in comparison.files},
                    tolerances,
                ),
                group,
            )
        for file in comparison.files:
            result, tolerance = file.residuals[feature], tolerances[file.name]
            bound = drawn_bound(result, tolerance)
            kept = f" Dashed lines: the tolerance of {bound:.2g}." if bound else ""
            yield Figure(
                f"residual_{feature}_{_slug(file.name)}",
                "residuals",
                f"{file.name}: residuals of the jet {_called(feature)},"
                f" {'relative' if result.relative else 'decoded - original'}. Mean"
                f" {result.mean:.2g}, standard deviation {result.sigma:.2g}; 68 % lie within"
                f" ± {result.half_width:.2g}, 95 % within ± {result.half_width_95:.2g},"
                f" all within ± {result.maximum:.2g}.{kept}",
                partial(plots.residual, result, tolerance, name=file.name),
                group,
            )
            if result.maximum > 0 and {"pt", "eta"} <= set(comparison.features):
                yield Figure(
                    f"residual_profile_{feature}_{_slug(file.name)}",
                    "residuals",
                    f"{file.name}: median (points) and central 68 % (band) of the residuals of the"
                    f" jet {_called(feature)} against pt and against eta.{kept}",
                    partial(
                        plots.residual_profile,
                        result,
                        comparison.original.jets,
                        tolerance,
                        name=file.name,
                    ),
                    group,
                    wide=True,
                )
    for file in comparison.files:
        moved = {name: result for name, result in file.residuals.items() if result.sigma > 0}
        if len(moved) < 2:
            continue  # nothing to correlate where every bit came back
        yield Figure(
            f"residual_correlation_{_slug(file.name)}",
            "residuals",
            f"{file.name}: Spearman's rank correlation of the residuals of every two features.",
            partial(plots.residual_correlation, moved, name=file.name),
            "Correlations",
        )


def _derived(comparison: Comparison) -> Iterator[Figure]:
    decoded = {file.name: file.observables for file in comparison.files}
    for name, what in OBSERVABLES.items():
        yield Figure(
            name,
            "derived",
            f"{what.words[0].upper()}{what.words[1:]}, in events with two jets or more, before"
            " compression (filled) and after (lines), and the ratio to the original with its"
            " statistical uncertainty (band).",
            partial(plots.observable, comparison.observables, decoded, name),
        )
    yield Figure(
        "dijet_mass_shift",
        "derived",
        "What compression does to the dijet mass, against a jet energy resolution of 3 GeV, 0.7"
        " √GeV and 3 % (noise, sampling, constant). Above: half the width of the central 68 % of"
        " decoded / original - 1. Below: its median, as a share of the resolution.",
        partial(
            plots.dijet_mass_shift,
            comparison.observables["m_jj"],
            {name: values["m_jj"] for name, values in decoded.items()},
        ),
    )


def _codecs(comparison: Comparison, published: Sequence[Rate]) -> Iterator[Figure]:
    measured = [rate for file in comparison.files if (rate := _rate(file)) is not None]
    if measured:
        yield Figure(
            "rate_distortion",
            "codecs",
            "What a jet costs, against the relative error of its pt: the tolerance where one is"
            " kept (filled), else half the width of the central 68 % of the residuals (open)."
            + (" Grey: other tools, on the jets of the benchmark." if published else ""),
            partial(plots.rate_distortion, measured, published),
        )
    for file in comparison.files:
        for codec in file.codecs:
            if codec.history_:
                yield Figure(
                    f"training_{_slug(file.name)}",
                    "codecs",
                    f"{file.name}: loss by epoch, and the epoch that was kept.",
                    partial(plots.training, codec.history_),
                )
        if file.latents is not None:
            latents = to_table(file.latents)
            if len(latents.columns) >= 3:
                yield Figure(
                    f"latent_space_{_slug(file.name)}",
                    "codecs",
                    f"{file.name}: three latents of some thousand jets.",
                    partial(plots.latent_space, latents),
                )
            yield Figure(
                f"latent_pairs_{_slug(file.name)}",
                "codecs",
                f"{file.name}: each latent, and every pair of them.",
                partial(plots.latent_pairs, latents),
            )


def _rate(file: DecodedFile) -> Rate | None:
    """What a file makes of its jets; None where there is no rate, or no error to draw."""
    if not file.codec or "pt" not in file.residuals or not np.isfinite(file.bits):
        return None
    result = file.residuals["pt"]
    bound = drawn_bound(result, file.tolerance("pt"))
    error = bound or result.half_width
    return Rate(file.name, file.bits, error, bound > 0) if error > 0 else None


def _called(feature: str) -> str:
    return _WORDS.get(role(feature) or "", feature)


def _slug(name: str) -> str:
    """A name as a part of a file name."""
    return re.sub(r"[^\w.-]+", "_", name).strip("_.")
