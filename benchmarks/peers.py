"""Rates of other compressors on the same jets, column by column, at their best settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlasae.errors import MissingPackageError
from benchmarks.tools import TOOLS, Column, NotApplicableError, largest_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atlasae.codecs.bounded.codec import BoundedCodec
    from atlasae.jets.table import Table
    from benchmarks.tools import Trial


ABOUT = 0.003  # relative: settings that need no more bytes are as good; tools try fast ones first


@dataclass(frozen=True)
class Rate:
    """What a tool needs for the jets.

    Attributes:
        name: of the tool.
        bits: per jet; None if it was not measured, for the reason in ``note``.
        worst: the largest error, in units of the tolerance.
        settings: by feature, the fastest that are about as good as the best.
        note: why it was not measured.
    """

    name: str
    bits: float | None
    worst: float | None
    settings: dict[str, str]
    note: str


def columns_of(codec: BoundedCodec, jets: Table) -> dict[str, Column]:
    """The jets as the columns to compress, quantized as by a fitted codec."""
    return {
        name: Column(
            jets.columns[name],
            quantizer.to_integers(jets.columns[name]),
            quantizer,
            codec.tolerances_[name],
        )
        for name, quantizer in codec.quantizers_.items()
    }


def rates(columns: Mapping[str, Column]) -> list[Rate]:
    """The rate of every tool on these columns."""
    return [rate(name, columns) for name in TOOLS]


def rate(name: str, columns: Mapping[str, Column]) -> Rate:
    """The rate of one tool on these columns, at the best setting of each."""
    size, worst, settings = 0, 0.0, {}
    try:
        for feature, column in columns.items():
            found = best(TOOLS[name](column), feature, column)
            settings[feature] = found.trial.settings
            size, worst = size + found.size, max(worst, found.error)
    except (MissingPackageError, NotApplicableError) as error:
        return Rate(name, None, None, {}, f"not measured: {error}")
    jets = len(next(iter(columns.values())).values)
    return Rate(name, 8 * size / jets, worst, settings, "")


@dataclass(frozen=True)
class Best:
    """What a tool makes of a column.

    Attributes:
        trial: the first whose settings are about as good as the best.
        size: fewest bytes in tolerance.
        error: the largest of them, in units of the tolerance.
    """

    trial: Trial
    size: int
    error: float


def best(trials: Iterable[Trial], feature: str, column: Column) -> Best:
    """The best of some trials on a column; raises NotApplicableError if none is in tolerance."""
    in_tolerance = []
    for trial in trials:
        data = trial.pack()
        restored = trial.restore(trial.unpack(data))
        if (error := largest_error(column.values, restored, column.tolerance)) <= 1:
            in_tolerance.append((trial.size(data), error, trial))
    if not in_tolerance:
        raise NotApplicableError(f"no setting keeps the tolerance of {feature}")
    size, error, _ = min(in_tolerance, key=lambda one: one[:2])
    first = next(trial for needed, _, trial in in_tolerance if needed <= (1 + ABOUT) * size)
    return Best(first, size, error)
