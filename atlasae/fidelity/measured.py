"""What was measured of jets and what they decode to; results of several samples can be merged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from typing_extensions import Self

LARGEST = 1e150  # of numbers that are not counts: their squares can be added
_DIGITS = 4  # of these, as they are stored
_LARGEST_COUNT = 1 << 62


@dataclass(frozen=True)
class _Row:
    """Numbers that are stored as a list."""

    def to_json(self) -> list[int | float]:
        """The attributes in their order; counts are exact, other numbers have four digits."""
        return [one if isinstance(one, int) else _rounded(one) for one in astuple(self)]

    @classmethod
    def from_json(cls, values: Any) -> Self:
        """The inverse of ``to_json``, from untrusted values.

        Raises:
            ValueError, TypeError: they do not come from there.
        """
        kinds = get_type_hints(cls)
        for (name, kind), value in zip(kinds.items(), values, strict=True):
            least, largest = (0, _LARGEST_COUNT) if kind is int else (-LARGEST, LARGEST)
            if type(value) is not kind or not least <= value <= largest:
                raise ValueError(f"{name} of {cls.__name__} is {value!r}")
        return cls(*values)


def _rounded(number: float) -> float:
    return float(f"{number:.{_DIGITS}g}")


@dataclass(frozen=True)
class Errors(_Row):
    """Errors, decoded - original, of the values of a feature.

    ``share``, ``mean`` and ``width`` are in units of the allowed error of each value; of a feature
    without a tolerance, in the unit of the branch.

    Attributes:
        values: how many there are.
        special: NaN and infinities among them, which have no error if every bit is the same.
        beyond: values whose error is larger than allowed, and special ones that have changed.
        largest: the largest absolute error, in the unit of the branch.
        share: the largest absolute error.
        mean: of the errors.
        width: their standard deviation.
        ks: Kolmogorov-Smirnov distance of decoded and original values: the largest difference of
            their cumulative distributions, at 31 quantiles of a sample of the first block. Of
            merged files the weighted mean of theirs, which is not less than that of all values.

    Example:
        >>> Errors(values=400, width=0.5).mean_error
        0.025
    """

    values: int = 0
    special: int = 0
    beyond: int = 0
    largest: float = 0.0
    share: float = 0.0
    mean: float = 0.0
    width: float = 0.0
    ks: float = 0.0

    @property
    def mean_error(self) -> float:
        """Standard error of the mean, width / sqrt(n)."""
        return self.width / math.sqrt(max(self.values - self.special, 1))

    def merged(self, other: Errors) -> Errors:
        """The errors of both samples."""
        numbers = self.values - self.special, other.values - other.special
        mean, width = _of_both(numbers, (self.mean, other.mean), (self.width, other.width))
        return Errors(
            self.values + other.values,
            self.special + other.special,
            self.beyond + other.beyond,
            max(self.largest, other.largest),
            max(self.share, other.share),
            mean,
            width,
            _weighted((self.values, other.values), (self.ks, other.ks)),
        )


@dataclass(frozen=True)
class Pairs(_Row):
    """What became of the order of pairs of jets in pt.

    Attributes:
        number: of pairs.
        swapped: those where the other jet has the larger pt now.
        tied: those that have one pt now and had two.
        parted: those that had one pt and have two now.
    """

    number: int = 0
    swapped: int = 0
    tied: int = 0
    parted: int = 0

    @property
    def changed(self) -> int:
        """Those that are not as they were."""
        return self.swapped + self.tied + self.parted

    def merged(self, other: Pairs) -> Pairs:
        """The pairs of both samples."""
        return Pairs(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class Shift(_Row):
    """How an observable of events changed: relative for energies and masses, else in its unit.

    Attributes:
        events: where it was computed: in at most 1,024 of a block, evenly spaced.
        mean: of decoded - original: the shift.
        width: the standard deviation of that: the smearing.
        largest: the largest absolute change among these events.
    """

    events: int = 0
    mean: float = 0.0
    width: float = 0.0
    largest: float = 0.0

    @property
    def mean_error(self) -> float:
        """Standard error of the mean."""
        return self.width / math.sqrt(max(self.events, 1))

    def merged(self, other: Shift) -> Shift:
        """The change in both samples."""
        numbers = self.events, other.events
        mean, width = _of_both(numbers, (self.mean, other.mean), (self.width, other.width))
        return Shift(sum(numbers), mean, width, max(self.largest, other.largest))


@dataclass(frozen=True)
class KeptQuantity(_Row):
    """What became of a quantity of events, or of jets, that was to be kept.

    Attributes:
        values: how many there are.
        beyond: those whose error is larger than allowed.
        share: the largest error, in units of the allowed one.
    """

    values: int = 0
    beyond: int = 0
    share: float = 0.0

    def merged(self, other: KeptQuantity) -> KeptQuantity:
        """The quantity in both samples."""
        both = self.values + other.values, self.beyond + other.beyond
        return KeptQuantity(*both, max(self.share, other.share))


@dataclass(frozen=True)
class Measured:
    """What was measured of jets and what they decode to.

    Attributes:
        errors: by feature.
        migrations: by feature, for each cut the number of values that changed their side of it:
            below, at, or above.
        neighbors: jets of an event that follow one another with a pt that does not rise; None
            without events or pt.
        leading: the two jets with the largest pt of each event; None without events or pt.
        observables: changes by the names in ``atlasae.jets.observables.OBSERVABLES``.
        quantities: what became of those that were to be kept, by how they were asked for.
    """

    errors: Mapping[str, Errors] = field(default_factory=dict)
    migrations: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    neighbors: Pairs | None = None
    leading: Pairs | None = None
    observables: Mapping[str, Shift] = field(default_factory=dict)
    quantities: Mapping[str, KeptQuantity] = field(default_factory=dict)

    def merged(self, other: Measured) -> Measured:
        """What was measured of both samples, which have the same features and cuts."""
        return Measured(
            _each(Errors.merged, self.errors, other.errors),
            _each(_sums, self.migrations, other.migrations),
            _either(self.neighbors, other.neighbors),
            _either(self.leading, other.leading),
            _each(Shift.merged, self.observables, other.observables),
            _each(KeptQuantity.merged, self.quantities, other.quantities),
        )

    def to_json(self) -> dict[str, Any]:
        """What is stored: lists of numbers, and nothing of what was not measured."""
        stored = {
            "errors": {name: one.to_json() for name, one in self.errors.items()},
            "migrations": {name: list(counts) for name, counts in self.migrations.items()},
            "order": [pairs.to_json() for pairs in (self.neighbors, self.leading) if pairs],
            "observables": {name: one.to_json() for name, one in self.observables.items()},
            "quantities": {name: one.to_json() for name, one in self.quantities.items()},
        }
        return {name: value for name, value in stored.items() if value}

    @classmethod
    def from_json(cls, stored: Any) -> Measured:
        """The inverse of ``to_json``, from untrusted values.

        Raises:
            ValueError, TypeError, AttributeError: they do not come from there.
        """
        order = [Pairs.from_json(row) for row in stored.get("order", ())]
        neighbors, leading = order or (None, None)
        return cls(
            {name: Errors.from_json(row) for name, row in stored.get("errors", {}).items()},
            {name: _counts(row) for name, row in stored.get("migrations", {}).items()},
            neighbors,
            leading,
            {name: Shift.from_json(row) for name, row in stored.get("observables", {}).items()},
            {
                name: KeptQuantity.from_json(row)
                for name, row in stored.get("quantities", {}).items()
            },
        )


def merged(measured: Iterable[Measured]) -> Measured:
    """What was measured of several samples, in their order.

    Example:
        >>> halves = [Measured(leading=Pairs(2, 1)), Measured(leading=Pairs(3))]
        >>> merged(halves).leading
        Pairs(number=5, swapped=1, tied=0, parted=0)
    """
    return reduce(Measured.merged, measured, Measured())


def _counts(row: Any) -> tuple[int, ...]:
    if not all(type(one) is int and 0 <= one <= _LARGEST_COUNT for one in row):
        raise ValueError(f"counts are {row!r}")
    return tuple(row)


def _sums(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(one, other, strict=True))


def _either(one: Pairs | None, other: Pairs | None) -> Pairs | None:
    return one.merged(other) if one and other else one or other


def _each(
    both: Callable[[Any, Any], Any], one: Mapping[str, Any], other: Mapping[str, Any]
) -> dict[str, Any]:
    """What is in two mappings, merged where it is in both."""
    return {
        name: both(one[name], other[name])
        if name in one and name in other
        else one.get(name, other.get(name))
        for name in {**one, **other}
    }


def _of_both(
    numbers: tuple[int, int], means: tuple[float, float], widths: tuple[float, float]
) -> tuple[float, float]:
    """Mean and standard deviation of two samples together."""
    mean = _weighted(numbers, means)
    variances = (width**2 + (one - mean) ** 2 for width, one in zip(widths, means, strict=True))
    return mean, math.sqrt(_weighted(numbers, tuple(variances)))


def _weighted(numbers: Sequence[int], values: Sequence[float]) -> float:
    total = sum(numbers)
    return (
        sum(n * value for n, value in zip(numbers, values, strict=True)) / total if total else 0.0
    )
