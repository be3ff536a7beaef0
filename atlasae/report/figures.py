"""The figures of a comparison, each with its caption."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae import plots
from atlasae.jets.distributions import migrations
from atlasae.jets.names import role
from atlasae.jets.observables import OBSERVABLES
from atlasae.plots.bin_migrations import moved_in_words
from atlasae.plots.residuals import drawn_bound
from atlasae.plots.spectra import comb_edges
from atlasae.report.bins import edges_for
from atlasae.report.codec_figures import codec_figures
from atlasae.report.figure import Figure
from atlasae.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlasae.jets.metrics import Residuals
    from atlasae.plots import Rate
    from atlasae.report.comparison import Comparison, DecodedFile

_LONGEST_STEM = 100  # characters of the name of a figure's file
_FEATURE_WORDS = {"pt": "transverse momentum", "m": "mass", "e": "energy", "phi": "azimuthal angle",
          "eta": "pseudorapidity"}  # fmt: skip


def figures_of(comparison: Comparison, published: Sequence[Rate] = ()) -> Iterator[Figure]:
    """All figures that the comparison has data for.

    Args:
        comparison: from ``atlasae.report.reading.read_comparison``.
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
    yield from _fine(comparison)
    if comparison.observables:
        yield from _derived(comparison)
    yield from codec_figures(comparison, published)


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
            partial(plots.distribution, original, decoded, feature, weights=comparison.jet_weights),
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
                weights=comparison.jet_weights,
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
        f"Fraction of the jets whose absolute residual of the {_feature_words(feature)} is larger, in all"
        " files. A curve ends at the largest residual. Vertical lines are tolerances.",
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
        f" {'relative' if result.relative else 'decoded - original'}. Median {result.median:.2g};"
        f" 68 % are within ± {result.half_width:.2g}, 95 % within ± {result.half_width_95:.2g},"
        f" all within ± {result.maximum:.2g}. {_moments_text(result)}{_bound_text(file, feature)}",
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


def _moments_text(result: Residuals) -> str:
    if not result.few_outliers_decide:
        return f"Mean {result.mean:.2g}, standard deviation {result.sigma:.2g}."
    text = (
        f"Mean ({result.mean:.2g}) and standard deviation ({result.sigma:.2g}) say little: the 0.1 % of"
        " the jets with the largest residuals make up most of the sum of squares."
    )
    return text + (" Relative residuals are large where the original is near 0." * result.relative)


def _bound_text(file: DecodedFile, feature: str) -> str:
    bound = drawn_bound(file.residuals[feature], file.tolerance(feature))
    return f" Dashed lines: the tolerance of {bound:.2g}." if bound else ""


def _group(feature: str) -> str:
    return _feature_words(feature).capitalize()


def _fine(comparison: Comparison) -> Iterator[Figure]:
    original, weights = comparison.original.jets, comparison.jet_weights
    for feature in comparison.features:
        for file in comparison.files:
            tolerance = file.tolerance(feature)
            values = original.columns[feature].astype(np.float64)
            if tolerance is None or comb_edges(values, tolerance) is None:
                continue
            yield Figure(
                f"comb_{feature}_{file.name}",
                "fine",
                f"{file.name}: jet {_feature_words(feature)} in bins of a tenth of a step, where most"
                " jets are. A step is two tolerances. Values on a fixed grid fill one bin of ten;"
                " with dither the spectrum stays smooth.",
                partial(
                    plots.comb,
                    original,
                    file.jets,
                    feature,
                    tolerance,
                    name=file.name,
                    weights=weights,
                ),
                "Bins of a tenth of a step",
            )
    for feature, edges in comparison.bins.items():
        for file in comparison.files if feature in comparison.features else ():
            before, after = (jets.columns[feature] for jets in (original, file.jets))
            places = edges_for(before, edges)
            yield Figure(
                f"migrations_{feature}_{file.name}",
                "fine",
                f"{file.name}: {moved_in_words(migrations(before, after, places))}, of the jet"
                f" {_feature_words(feature)}. Each row is a bin of the original and sums to 100 %;"
                " second numbers are those of the jets.",
                partial(
                    plots.migration_matrix, original, file.jets, feature, places, name=file.name,
                    weights=weights,
                ),
                "Jets that change their bin",
            )  # fmt: skip


def _derived(comparison: Comparison) -> Iterator[Figure]:
    decoded = {file.name: file.observables for file in comparison.files}
    for name, observable in OBSERVABLES.items():
        yield Figure(
            name,
            "derived",
            f"{observable.description[0].upper()}{observable.description[1:]}, in events with at"
            " least two jets, before compression (filled) and after (lines), and the ratio to the"
            " original with its statistical uncertainty (band).",
            partial(
                plots.observable,
                comparison.observables,
                decoded,
                name,
                weights=comparison.pair_weights,
            ),
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
            weights=comparison.pair_weights,
        ),
    )


def _feature_words(feature: str) -> str:
    return _FEATURE_WORDS.get(role(feature) or "", feature)


def _slug(name: str) -> str:
    """A name in the form that file names have on every system."""
    slug = re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).strip("_.")
    return shortened(slug, _LONGEST_STEM)
