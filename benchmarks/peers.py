"""Rates of other compressors on the same jets, column by column, at their best settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlasae.errors import MissingPackageError
from benchmarks.tools import TOOLS, Column, NotApplicableError, largest_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlasae.codecs.bounded.codec import BoundedCodec
    from atlasae.jets.table import Table


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
            best, settings[feature], error = _best(name, feature, column)
            size, worst = size + best, max(worst, error)
    except (MissingPackageError, NotApplicableError) as error:
        return Rate(name, None, None, {}, f"not measured: {error}")
    jets = len(next(iter(columns.values())).values)
    return Rate(name, 8 * size / jets, worst, settings, "")


def _best(name: str, feature: str, column: Column) -> tuple[int, str, float]:
    """Fewest bytes in tolerance, their error, and the first settings that are about as good."""
    in_tolerance = []
    for trial in TOOLS[name](column):
        data = trial.pack()
        restored = trial.restore(trial.unpack(data))
        if (error := largest_error(column.values, restored, column.tolerance)) <= 1:
            in_tolerance.append((memoryview(data).nbytes, error, trial.settings))
    if not in_tolerance:
        raise NotApplicableError(f"no setting keeps the tolerance of {feature}")
    best, error, _ = min(in_tolerance)
    settings = next(text for size, _, text in in_tolerance if size <= (1 + ABOUT) * best)
    return best, settings, error
