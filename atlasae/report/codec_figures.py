"""The figures of codecs: rates, speed, training and latents."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from atlasae import plots
from atlasae.jets.table import to_table
from atlasae.plots import Rate
from atlasae.plots.latents import MAX_POINTS
from atlasae.plots.residuals import drawn_bound
from atlasae.report.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlasae.jets.table import Table
    from atlasae.report.comparison import Comparison, DecodedFile


def codec_figures(comparison: Comparison, published: Sequence[Rate]) -> Iterator[Figure]:
    """The figures of the codecs that the comparison has data for.

    Args:
        comparison: from ``atlasae.report.reading.read_comparison``.
        published: rates of benchmarks, for the figures of rates and speed.
    """
    measured = [rate for file in comparison.files if (rate := _rate(file)) is not None]
    if measured:
        yield Figure(
            "rate_distortion",
            "codecs",
            "Bits per jet against the relative error of pt: the tolerance if there is one"
            " (filled), else half the width of the central 68 % of the residuals (open)."
            + (" Grey: other tools, on the jets of the benchmark." if published else ""),
            partial(plots.rate_distortion, measured, published),
            wide=True,
        )
    if timed := _timed(measured, published):
        yield Figure(
            "rate_speed",
            "codecs",
            f"Bits per jet against speed on the jets of the benchmark, at a tolerance of"
            f" {max(rate.error for rate in timed):g}: atlasae (star), tools with a tolerance (filled) and"
            " without loss (open). MB are those of the original values.",
            partial(plots.rate_speed, timed),
            wide=True,
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


def _timed(measured: Sequence[Rate], published: Sequence[Rate]) -> list[Rate]:
    """Rates with speeds at the tolerance nearest to that of the first file, and of lossless tools."""
    timed = [rate for rate in published if rate.decode is not None]
    errors = {rate.error for rate in timed if rate.error > 0}
    if not errors:
        return []
    wanted = measured[0].error if measured else 1e-3
    nearest = min(errors, key=lambda error: abs(np.log(error / wanted)))
    return list({rate.name: rate for rate in timed if rate.error in (0, nearest)}.values())


def _latents(name: str, latents: Table) -> Iterator[Figure]:
    if len(latents.columns) >= 3:
        yield Figure(
            f"latent_space_{name}",
            "codecs",
            f"{name}: the first three latents of at most {MAX_POINTS:,} jets, without weights.",
            partial(plots.latent_space, latents),
        )
    yield Figure(
        f"latent_pairs_{name}",
        "codecs",
        f"{name}: each latent and each pair of latents, without weights.",
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
