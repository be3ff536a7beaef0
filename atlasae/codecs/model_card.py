"""The model card of a codec: what it was fitted to, and how well it does where."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.jets.metrics import CENTRAL_68, half_width
from atlasae.jets.table import column_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from typing_extensions import Self

    from atlasae.jets.table import Table
    from atlasae.types import Floats, Values

_SHARES = (0, 0.5, 0.8, 0.95, 1)  # of the jets, where bins of pt and abs(eta) have their edges


@dataclass(frozen=True)
class Measure:
    """What tells how well a codec does.

    Attributes:
        name: in words.
        statistic: what it is of jets with these numbers, shape (n,), n > 0.
        packages: whose versions say what the codec was made with.
    """

    name: str
    statistic: Callable[[Floats], float]
    packages: tuple[str, ...]


BITS = Measure("bits per jet", lambda bits: float(bits.mean()), ("atlasae", "numpy"))
ERRORS = Measure(
    "half width of the central 68 % of the errors, relative for masses and energies",
    lambda errors: half_width(errors, CENTRAL_68),
    ("atlasae", "numpy", "torch"),
)


@dataclass(frozen=True)
class Quality:
    """How well a codec does on held-out jets in a range.

    Attributes:
        of: the feature that the range is of, ``abs(eta)`` for one; empty for all jets.
        low: the least value in the range.
        high: the largest.
        jets: number of held-out jets in it.
        values: by feature, what the card's ``measure`` says.
    """

    of: str
    low: float
    high: float
    jets: int
    values: dict[str, float]

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        low, high = float(stored["low"]), float(stored["high"])
        return cls(str(stored["of"]), low, high, int(stored["jets"]), _numbers(stored["values"]))


@dataclass(frozen=True)
class ModelCard:
    """What a codec was fitted to, and how well it does where.

    It has no date: the same jets give the same card. Numbers have four digits.

    Source: Mitchell and others, Model Cards for Model Reporting, arXiv:1810.03993.

    Attributes:
        sources: names of the files that the jets came from; empty if they are not known.
        jets: number of jets given to ``fit``.
        events: number of events; None for jets without events.
        trained: number of jets that the codec was trained on.
        tested: number of jets that its quality was measured on; others, if there were enough.
        ranges: least value, median and largest value of each feature, of all jets.
        measure: what the qualities are, in words.
        quality: of all these, then of those in bins of pt and of abs(eta).
        largest: by feature, the largest number of a single jet.
        made_with: versions of packages.
    """

    sources: tuple[str, ...]
    jets: int
    events: int | None
    trained: int
    tested: int
    ranges: dict[str, tuple[float, float, float]]
    measure: str
    quality: tuple[Quality, ...]
    largest: dict[str, float]
    made_with: dict[str, str]

    @classmethod
    def of(
        cls,
        table: Table,
        train: Table,
        tested: Table,
        measure: Measure,
        measured: Mapping[str, Floats],
        sources: Sequence[str],
    ) -> Self:
        """The card of a codec.

        Args:
            table: all jets given to ``fit``.
            train: those that it was trained on.
            tested: those that its quality is measured on.
            measure: the quality.
            measured: by feature, a number for each of these, shape (n,).
            sources: names of the files that the jets came from.
        """

        def quality(of: str, values: Values, chosen: Values) -> Quality:
            numbers = {name: each[chosen] for name, each in measured.items()}
            statistics = {
                name: _rounded(measure.statistic(finite)) if len(finite) else 0.0
                for name, each in numbers.items()
                for finite in [each[np.isfinite(each)]]
            }
            low, high = (_rounded(f(values[chosen])) for f in (np.min, np.max))
            return Quality(of, low, high, int(np.count_nonzero(chosen)), statistics)

        everything = np.ones(len(tested), bool)
        return cls(
            tuple(sources),
            len(table),
            None if table.counts is None else len(table.counts),
            len(train),
            len(tested),
            {name: _range(column) for name, column in table.columns.items()},
            measure.name,
            (
                quality("", np.zeros(len(tested)), everything),
                *(quality(of, values, chosen) for of, values, chosen in _bins(tested)),
            ),
            {name: _largest(each) for name, each in measured.items()},
            dict(_versions(measure.packages)),
        )

    @property
    def worst(self) -> dict[str, Quality]:
        """By feature, the bin with the largest value; none without bins."""
        bins = [one for one in self.quality if one.of]
        return {name: max(bins, key=lambda one: one.values[name]) for name in self.largest if bins}

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of ``to_json``, from untrusted values; raises of those that do not fit."""
        ranges = {}
        for name, (low, median, high) in dict(stored["ranges"]).items():
            ranges[str(name)] = float(low), float(median), float(high)
        quality = tuple(map(Quality.from_json, stored["quality"]))
        largest = _numbers(stored["largest"])
        if any(one.values.keys() != largest.keys() for one in quality):
            raise ValueError("the qualities of a model card have other features")
        return cls(
            tuple(map(str, stored["sources"])),
            int(stored["jets"]),
            None if stored["events"] is None else int(stored["events"]),
            int(stored["trained"]),
            int(stored["tested"]),
            ranges,
            str(stored["measure"]),
            quality,
            largest,
            {str(name): str(number) for name, number in dict(stored["made_with"]).items()},
        )


def _versions(packages: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Those that are installed, with their versions."""
    for package in packages:
        with suppress(PackageNotFoundError):
            yield package, version(package)


def _numbers(stored: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(number) for name, number in dict(stored).items()}


def _rounded(number: float) -> float:
    return float(f"{number:.4g}")


def _largest(numbers: Floats) -> float:
    return _rounded(np.abs(numbers[np.isfinite(numbers)]).max(initial=0))


def _range(column: Values) -> tuple[float, float, float]:
    """Least finite value, median and largest; zeros if there is none."""
    finite = column[np.isfinite(column)]
    if not len(finite):
        return 0.0, 0.0, 0.0
    middle = len(finite) // 2
    median = np.partition(finite, middle)[middle]
    return _rounded(finite.min()), _rounded(median), _rounded(finite.max())


def _bins(table: Table) -> Iterator[tuple[str, Values, Values]]:
    """Bins of pt and of abs(eta) that have jets: name, values, and which jets are in it."""
    for role, name in (("pt", "pt"), ("eta", "abs(eta)")):
        column = column_of(role, table)
        if column is None or not np.isfinite(column).all():
            continue
        values = np.abs(column)
        edges = np.quantile(values, _SHARES, method="inverted_cdf")
        found = np.searchsorted(edges[1:-1], values, side="right")
        for number in np.unique(found).tolist():
            yield name, values, found == number
