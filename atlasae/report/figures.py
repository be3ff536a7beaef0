"""The figures of a comparison, each with its caption."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np

from atlasae import plots
from atlasae.atomic_write import atomic_write
from atlasae.jets.names import role
from atlasae.jets.observables import OBSERVABLES
from atlasae.jets.table import to_table
from atlasae.plots import Rate, Style
from atlasae.plots.latents import MAX_POINTS
from atlasae.plots.residuals import drawn_bound
from atlasae.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from atlasae.jets.table import Table
    from atlasae.plots.style import Artists
    from atlasae.report.comparison import Comparison, DecodedFile

SUFFIXES = (".png", ".pdf")
_LONGEST_STEM = 100  # characters of the name of a figure's file
RESOLUTION = 150  # of the PNG, in dots per inch
SECTIONS = {
    "branches": "Sizes of the branches",
    "features": "Features of the jets",
    "residuals": "Residuals per jet",
    "derived": "Observables derived from the jets",
    "codecs": "Rates, training and latents",
}
_FEATURE_WORDS = {"pt": "transverse momentum", "m": "mass", "e": "energy", "phi": "azimuthal angle",
          "eta": "pseudorapidity"}  # fmt: skip


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


def figures_of(comparison: Comparison, published: Sequence[Rate] = ()) -> Iterator[Figure]:
    """All figures that the comparison has data for.

    Args:
        comparison: from ``atlasae.report.comparison.read_comparison``.
        published: rates of benchmarks, for the figure of rates.
    """
    used: set[str] = set()
    for figure in _all_figures(comparison, published):
        stem = name = _slug(figure.name)
        for number in count(2):
            if name not in used:
                break
            name = f"{stem}_{number}"
        used.add(name)
        yield replace(
            figure, name=name, caption=printable(figure.caption), group=printable(figure.group)
        )


def _all_figures(comparison: Comparison, published: Sequence[Rate]) -> Iterator[Figure]:
    """The figures; names of files and features, of any characters, are part of their names."""
    yield from _branches(comparison)
    yield from _features(comparison)
    yield from _residuals(comparison)
    if comparison.observables:
        yield from _derived(comparison)
    yield from _codecs(comparison, published)


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


def _branches(comparison: Comparison) -> Iterator[Figure]:
    for file in comparison.files:
        if file.branches:
            yield Figure(
                f"branch_sizes_{file.name}",
                "branches",
                f"{file.name}: size of the largest branches in the original and in the compressed file."
                " Branches that a codec takes together are one. A codec and what else all branches"
                " share are not counted.",
                partial(plots.branch_sizes, _sizes_by_name(file)),
                wide=True,
            )


def _sizes_by_name(file: DecodedFile) -> dict[str, tuple[int, int]]:
    """Bytes before and after, by branch; if there are several trees, with the tree's name."""
    several = len({size.tree for size in file.branches}) > 1
    return {
        f"{size.tree}: {size.name}" if several else size.name: (size.before, size.after)
        for size in file.branches
    }


def _features(comparison: Comparison) -> Iterator[Figure]:
    original, momentum = comparison.original.jets, comparison.momentum
    decoded: dict[str, Any] = {file.name: file.jets for file in comparison.files}
    for feature in comparison.features:
        yield Figure(
            f"distribution_{feature}",
            "features",
            f"Jet {_feature_words(feature)} before compression (filled) and after (lines), and the"
            " ratio to the original with its statistical uncertainty (band); arrowheads mark ratios"
            " outside of the panel. KS is the largest distance of the cumulative distributions;"
            " chi-square is given with the number of bins.",
            partial(plots.distribution, original, decoded, feature),
        )
    for file in comparison.files:
        yield Figure(
            f"corner_{file.name}",
            "features",
            f"{file.name}: each feature and each pair of features of the original jets (filled)"
            " and of the decoded jets (lines). Areas and lines contain 39 % and 86 % of the jets.",
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
        if len(comparison.files) > 1:
            yield _residual_sizes(comparison, feature)
        for file in comparison.files:
            yield _residual(file, feature)
            if file.residuals[feature].maximum > 0 and {"pt", "eta"} <= set(comparison.features):
                yield _residual_profile(comparison, file, feature)
    for file in comparison.files:
        changed = {name: result for name, result in file.residuals.items() if result.sigma > 0}
        if len(changed) > 1:
            yield Figure(
                f"residual_correlation_{file.name}",
                "residuals",
                f"{file.name}: Spearman's rank correlation of the residuals of each pair of"
                " features.",
                partial(plots.residual_correlation, changed, name=file.name),
                "Correlations",
            )


def _residual_sizes(comparison: Comparison, feature: str) -> Figure:
    return Figure(
        f"residual_sizes_{feature}",
        "residuals",
        f"Absolute residuals of the jet {_feature_words(feature)} in all files. Vertical lines are"
        " tolerances.",
        partial(
            plots.residual_sizes,
            {file.name: file.residuals[feature] for file in comparison.files},
            {file.name: file.tolerance(feature) for file in comparison.files},
        ),
        _group(feature),
    )


def _residual(file: DecodedFile, feature: str) -> Figure:
    result, tolerance = file.residuals[feature], file.tolerance(feature)
    return Figure(
        f"residual_{feature}_{file.name}",
        "residuals",
        f"{file.name}: residuals of the jet {_feature_words(feature)},"
        f" {'relative' if result.relative else 'decoded - original'}. Mean"
        f" {result.mean:.2g}, standard deviation {result.sigma:.2g}; 68 % are within"
        f" ± {result.half_width:.2g}, 95 % within ± {result.half_width_95:.2g},"
        f" all within ± {result.maximum:.2g}.{_bound_text(file, feature)}",
        partial(plots.residual, result, tolerance, name=file.name),
        _group(feature),
    )


def _residual_profile(comparison: Comparison, file: DecodedFile, feature: str) -> Figure:
    return Figure(
        f"residual_profile_{feature}_{file.name}",
        "residuals",
        f"{file.name}: median (points) and central 68 % (band) of the residuals of the jet"
        f" {_feature_words(feature)} against pt and eta.{_bound_text(file, feature)}",
        partial(
            plots.residual_profile,
            file.residuals[feature],
            comparison.original.jets,
            file.tolerance(feature),
            name=file.name,
        ),
        _group(feature),
        wide=True,
    )


def _bound_text(file: DecodedFile, feature: str) -> str:
    bound = drawn_bound(file.residuals[feature], file.tolerance(feature))
    return f" Dashed lines: the tolerance of {bound:.2g}." if bound else ""


def _group(feature: str) -> str:
    return _feature_words(feature).capitalize()


def _derived(comparison: Comparison) -> Iterator[Figure]:
    decoded = {file.name: file.observables for file in comparison.files}
    for name, observable in OBSERVABLES.items():
        yield Figure(
            name,
            "derived",
            f"{observable.description[0].upper()}{observable.description[1:]}, in events with at"
            " least two jets, before compression (filled) and after (lines), and the ratio to the"
            " original with its statistical uncertainty (band).",
            partial(plots.observable, comparison.observables, decoded, name),
        )
    yield Figure(
        "dijet_mass_shift",
        "derived",
        "Effect of compression on the dijet mass, compared with a jet energy resolution of 3 GeV,"
        " 0.7 √GeV and 3 % (noise, sampling, constant term). Upper panel: half the width of the"
        " central 68 % of decoded / original - 1. Lower panel: its median as a fraction of the"
        " resolution.",
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
            "Bits per jet against the relative error of pt: the tolerance if there is one"
            " (filled), else half the width of the central 68 % of the residuals (open)."
            + (" Grey: other tools, on the jets of the benchmark." if published else ""),
            partial(plots.rate_distortion, measured, published),
        )
    for file in comparison.files:
        for codec in file.codecs:
            if codec.history_:
                yield Figure(
                    f"training_{file.name}",
                    "codecs",
                    f"{file.name}: loss by epoch, and the epoch whose weights were kept.",
                    partial(plots.training, codec.history_),
                )
        if file.latents is not None:
            yield from _latents(file.name, to_table(file.latents))


def _latents(name: str, latents: Table) -> Iterator[Figure]:
    if len(latents.columns) >= 3:
        yield Figure(
            f"latent_space_{name}",
            "codecs",
            f"{name}: the first three latents of at most {MAX_POINTS:,} jets.",
            partial(plots.latent_space, latents),
        )
    yield Figure(
        f"latent_pairs_{name}",
        "codecs",
        f"{name}: each latent and each pair of latents.",
        partial(plots.latent_pairs, latents),
    )


def _rate(file: DecodedFile) -> Rate | None:
    """Rate and error of a file; None without a rate, or without an error to draw."""
    if not file.codec or "pt" not in file.residuals or not np.isfinite(file.bits):
        return None
    result = file.residuals["pt"]
    bound = drawn_bound(result, file.tolerance("pt"))
    error = bound or result.half_width
    return Rate(file.name, file.bits, error, bound > 0) if error > 0 else None


def _feature_words(feature: str) -> str:
    return _FEATURE_WORDS.get(role(feature) or "", feature)


def _slug(name: str) -> str:
    """A name in the form that file names have on every system."""
    slug = re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).strip("_.")
    return shortened(slug, _LONGEST_STEM)
