"""The distribution of jets on their lattices: a conditional density for each feature in turn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.coding.multiset import code_cells, order_of
from atlasae.density.bins import OUTERMOST, Bins
from atlasae.density.conditional import Conditional
from atlasae.density.event_context import GROUPS, SIGN, EventContext, FeatureLayout
from atlasae.density.networks import INPUT_LIMIT
from atlasae.density.traversal import ALL_GROUPS, traverse
from atlasae.errors import DamagedFileError
from atlasae.jets.names import role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from atlasae.coding.entropy import EntropyCoder
    from atlasae.density.event_context import Visitor
    from atlasae.types import Columns, Float32s, Integers

    Arrays = dict[str, NDArray[Any]]

INPUT_SPREAD = 150.0  # standard deviation that inputs are scaled to, at most


@dataclass(frozen=True)
class Settings:
    """How one kind of feature is modelled: see ``density_training.fit_conditional``."""

    bins: int
    power: float
    weight_decay: float
    units: int = 16
    groups: int = 16


# By what the feature is; chosen on jets kept apart, where each moves the rate by a few 0.01 bits.
_SETTINGS = {
    "pt": Settings(64, 0.4, 0.2),
    "m": Settings(64, 0.4, 0.1),
    "phi": Settings(48, 0.4, 0.7),
    "eta": Settings(64, 0.5, 0.15, 32),
}
_OTHER = Settings(48, 0.5, 0.3)
_UNITS_IN_EVENTS = 8  # where many small networks share the time
_TURNING = 24  # groups of a phi that is not coded from where momentum is missing: its peak moves
MOST_COUNTS = 200  # of jets in an event that have a bin to themselves
EPOCHS = 40
_MOST_EPOCHS = 640  # of all networks together; half as many epochs cost 0.01 bits a jet


@dataclass(frozen=True)
class InputScale:
    """Inputs of a group in whole numbers: floor(row * factor - center), clipped.

    Attributes:
        factors: powers of two, shape (rows,).
        centers: shape (rows,).
    """

    factors: Float32s
    centers: Float32s

    @classmethod
    def fit(cls, rows: Float32s) -> InputScale:
        """Bring each row's spread to between half of INPUT_SPREAD and all of it."""
        spread = rows.std(axis=1, dtype=np.float64) if rows.size else np.ones(len(rows))
        powers = np.floor(np.log2(INPUT_SPREAD / np.maximum(spread, 1e-20)))
        factors = np.where(spread > 0, 2.0 ** np.clip(powers, -60, 60), 0)
        middle = rows.mean(axis=1, dtype=np.float64) if rows.size else np.zeros(len(rows))
        factors[np.abs(middle) * factors > _FURTHEST_CENTER] = 0  # a spread of rounding alone
        return cls(factors.astype(np.float32), np.rint(middle * factors).astype(np.float32))

    def whole(self, rows: list[Float32s], start: int, out: Float32s) -> None:
        """Rows from the place ``start`` on in whole numbers, into ``out``."""
        for row, factor, whole in zip(rows, self.factors[start:], out, strict=False):
            np.multiply(row, factor, out=whole)
        out -= self.centers[start : start + len(out), None]
        np.floor(out, out=out)
        np.clip(out, -INPUT_LIMIT, INPUT_LIMIT, out=out)


_FURTHEST_CENTER = 2.0**60
_NOTHING = InputScale(np.zeros(0, np.float32), np.zeros(0, np.float32))


class _Recorded:
    """Inputs as they are, kept."""

    def __init__(self) -> None:
        self.rows: list[Float32s] = []

    def add(self, rows: list[Float32s]) -> None:
        self.rows += rows


class _Whole:
    """Inputs in whole numbers, below a row of ones."""

    def __init__(self, scale: InputScale, count: int) -> None:
        self.scale = scale
        self.matrix = np.empty((1 + len(scale.factors), count), np.float32)
        self.matrix[0] = 1
        self.filled = 0

    def add(self, rows: list[Float32s]) -> None:
        out = self.matrix[1 + self.filled :][: len(rows)]
        if len(out):
            self.scale.whole(rows, self.filled, out)
            self.filled += len(out)


class _Recorder:
    """Writes down values and inputs by group and feature."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, str], list[tuple[Integers, Float32s]]] = {}

    def inputs(self, group: str, count: int) -> _Recorded:  # noqa: ARG002
        return _Recorded()

    def visit(self, group: str, feature: str, values: Integers | None, inputs: Any) -> Integers:
        assert values is not None
        rows = np.stack(inputs.rows) if inputs.rows else np.zeros((0, len(values)), np.float32)
        self.seen.setdefault((group, feature), []).append((values, rows))
        return values

    def of(self, group: str, feature: str) -> tuple[Integers, Float32s]:
        pairs = self.seen[group, feature]
        return np.concatenate([v for v, _ in pairs]), np.concatenate([r for _, r in pairs], axis=1)


@dataclass(frozen=True)
class JetDensity:
    """Conditional densities by group of jets (first, second, later in the event) and feature.

    Attributes:
        layout: of the features.
        scales: of each group's inputs.
        conditionals: by group and feature.
        numbers: of the numbers of jets an event.
        in_events: whether it was taught what an event's jets tell of one another.
    """

    layout: FeatureLayout
    scales: dict[str, InputScale]
    conditionals: dict[tuple[str, str], Conditional]
    numbers: Conditional
    in_events: bool

    @classmethod
    def fit(
        cls,
        layout: FeatureLayout,
        columns: Columns,
        counts: Integers | None,
        *,
        networks: bool = True,
        uses: float = 1.0,
        epochs: int = EPOCHS,
        seed: int = 0,
        progress: Any = None,
    ) -> JetDensity:
        """Learn from jets.

        Args:
            layout: of the features.
            columns: integers by feature, shape (n,).
            counts: numbers of jets an event, or None.
            networks: whether to try networks; tables alone are smaller and less.
            uses: how many jets will be coded for each one here.
            epochs: passes over the jets, at most: of many features each has fewer.
            seed: of the training.
            progress: called with each group and feature that is done.
        """
        from atlasae.density.fitting import fit_conditional, worth_storing

        recorder = _Recorder()
        _visit_all(recorder, layout, counts, columns)
        epochs = min(epochs, max(_MOST_EPOCHS // len(recorder.seen), EPOCHS // 8))
        scales: dict[str, InputScale] = {}
        conditionals: dict[tuple[str, str], Conditional] = {}
        for group in ALL_GROUPS:
            features = [feature for of, feature in recorder.seen if of == group]
            if not features:
                continue
            _, rows = recorder.of(group, features[-1])
            scale = InputScale.fit(rows)
            whole = _Whole(scale, rows.shape[1])
            whole.add(list(rows))
            for feature in features:
                values, own = recorder.of(group, feature)
                matrix = whole.matrix[: 1 + len(own)]
                settings = _SETTINGS.get(role(feature) or "", _OTHER)
                units = settings.units if counts is None else _UNITS_IN_EVENTS
                learned = fit_conditional(
                    values,
                    matrix,
                    bins=min(settings.bins, max(len(values) // 30, 8)),
                    power=settings.power,
                    groups=settings.groups if feature != layout.phi or layout.circle else _TURNING,
                    units=units if networks else 0,
                    weight_decay=settings.weight_decay,
                    epochs=epochs,
                    seed=seed,
                    uses=uses,
                )
                earlier = earlier_table(conditionals, group, feature)
                if earlier is None or worth_storing(learned, earlier, values, matrix, uses):
                    conditionals[group, feature] = learned
                if progress:
                    progress(group, feature)
            used = max((c.inputs for (of, _), c in conditionals.items() if of == group), default=0)
            if used:
                scales[group] = InputScale(scale.factors[:used], scale.centers[:used])
        return cls(layout, scales, conditionals, count_density(counts), counts is not None)

    def code_sorted_numbers(
        self, coder: EntropyCoder, counts: Integers | None, events: int
    ) -> Integers:
        """The same for events ordered by falling number: how many there are of each."""
        most = np.array([1 << 24])
        largest = None if counts is None else counts[:1] if events else np.zeros(1, np.int64)
        top = int(coder.uniform(largest, most)[0])
        sizes = np.arange(top, -1, -1)
        of_each = None
        if counts is not None:
            of_each = np.bincount(counts, minlength=top + 1)[::-1]
        found = coder.uniform(of_each, np.full(len(sizes), events + 1))
        if found.sum() != events:
            raise DamagedFileError("a block has other numbers of jets than it says")
        return np.repeat(sizes, found)

    def code_numbers(self, coder: EntropyCoder, counts: Integers | None, events: int) -> Integers:
        """Write the numbers of jets of some events, or with ``counts`` None read them."""
        return self.numbers.code(coder, counts, np.ones((1, events), np.float32))

    def code(
        self, coder: EntropyCoder, counts: Integers | None, columns: Columns | None, jets: int
    ) -> Iterator[tuple[str, Integers]]:
        """Write the features one by one, or with ``columns`` None read them; gives their integers."""
        return traverse(
            _Coding(self, coder), self.layout, self._events(counts, jets), columns, jets
        )

    def free_order(self, columns: Columns, counts: Integers | None) -> Integers | None:
        """The order of events in which ``code_free`` takes them; None where it takes none.

        It needs a pt, and a phi in equal steps. Events without jets come last.
        """
        layout = self.layout
        if layout.pt is None or not layout.circle or (counts is not None and not self.in_events):
            return None
        assert layout.phi is not None
        jets = len(columns[layout.pt])
        numbers = np.ones(jets, np.int64) if counts is None else counts
        lead = np.cumsum(numbers) - numbers
        pt, phi = np.zeros(len(numbers), np.int64), np.zeros(len(numbers), np.int64)
        some = numbers > 0
        bins = self.conditional(GROUPS[0], layout.pt).bins
        pt[some] = bins.find(columns[layout.pt][lead[some]])
        phi[some] = columns[layout.phi][lead[some]]
        return order_of(numbers, pt, phi)

    def code_free(
        self, coder: EntropyCoder, counts: Integers | None, columns: Columns | None, jets: int
    ) -> Iterator[tuple[str, Integers]]:
        """As ``code``, for events in the order that ``free_order`` gives, which is not coded."""
        numbers = self._events(counts, jets)
        visitor = _Free(self, coder)
        if numbers is None:
            visitor.code_cells(0, np.arange(jets), columns)
        else:
            lead = np.cumsum(numbers) - numbers
            for size in np.unique(numbers[numbers > 0])[::-1].tolist():
                visitor.code_cells(size, lead[numbers == size], columns)
        return traverse(visitor, self.layout, numbers, columns, jets)

    def bits(self, columns: Columns, counts: Integers | None) -> dict[str, float]:
        """Cross-entropy by feature, in bits summed over these jets."""
        counting = _Counting(self)
        jets = len(next(iter(columns.values())))
        _visit_all(counting, self.layout, self._events(counts, jets), columns)
        return counting.total

    def conditional(self, group: str, feature: str) -> Conditional:
        """The density of a feature; where a group has none, the table of the group before."""
        found = self.conditionals.get((group, feature))
        found = found or earlier_table(self.conditionals, group, feature)
        assert found is not None
        return found

    def _events(self, counts: Integers | None, jets: int) -> Integers | None:
        """The events as the model was taught to see them: all jets alone, or each in an event."""
        if not self.in_events:
            return None
        return np.ones(jets, np.int64) if counts is None else counts


def _visit_all(
    visitor: Visitor, layout: FeatureLayout, counts: Integers | None, columns: Columns
) -> None:
    jets = len(next(iter(columns.values())))
    for _ in traverse(visitor, layout, counts, columns, jets):
        pass


def count_bins(most: int) -> Bins:
    """A bin for each number of jets up to the most that an event had, and wider ones for more."""
    more = most + (1 << np.arange(22))
    return Bins(np.concatenate([[-OUTERMOST], np.arange(most + 1), more, [OUTERMOST]]))


def count_density(counts: Integers | None) -> Conditional:
    """The distribution of the numbers of jets an event."""
    seen = np.zeros(1, np.int64) if counts is None or not len(counts) else counts
    bins = count_bins(min(int(seen.max()), MOST_COUNTS))
    return Conditional(bins, bins.histogram(seen))


def earlier_table(
    conditionals: dict[tuple[str, str], Conditional], group: str, feature: str
) -> Conditional | None:
    """The table of the nearest earlier group that has one."""
    place = GROUPS.index(group) if group in GROUPS else 0
    for earlier in reversed(GROUPS[:place]):
        if found := conditionals.get((earlier, feature)):
            return Conditional(found.bins, found.table)
    return None


@dataclass
class _Modelled:
    model: JetDensity

    def inputs(self, group: str, count: int) -> _Whole:
        return _Whole(self.model.scales.get(group, _NOTHING), count)


@dataclass
class _Coding(_Modelled):
    coder: EntropyCoder

    def visit(self, group: str, feature: str, values: Integers | None, inputs: Any) -> Integers:
        conditional = self.model.conditional(group, feature)
        return conditional.code(self.coder, values, inputs.matrix)


@dataclass
class _Free(_Coding):
    """Codes the leading jets' bins of pt and values of phi beforehand, as numbers in cells."""

    bins: list[Integers] = field(default_factory=list)
    values: list[Integers] = field(default_factory=list)
    passed: dict[str, int] = field(default_factory=dict)

    def code_cells(self, size: int, leading: Integers, columns: Columns | None) -> None:
        """Code the cells of the leading jets of events with ``size`` jets; 0 for flat jets."""
        layout = self.model.layout
        assert layout.pt is not None
        assert layout.phi is not None
        conditional = self.model.conditional(GROUPS[0], layout.pt)
        inputs = self.inputs(GROUPS[0], 1)
        event = EventContext(layout, np.full(1, size, np.float32) if size else None)
        inputs.add(event.before(layout.pt, 0, slice(0, 1)))
        bins = values = None
        if columns is not None:
            bins = conditional.bins.find(columns[layout.pt][leading])
            values = columns[layout.phi][leading]
        shares = conditional.shares(inputs.matrix)
        found = code_cells(self.coder, bins, values, len(leading), shares, layout.circle)
        self.bins.append(found[0])
        self.values.append(found[1])

    def visit(self, group: str, feature: str, values: Integers | None, inputs: Any) -> Integers:
        layout = self.model.layout
        if group != GROUPS[0] or feature not in (layout.pt, layout.phi):
            return super().visit(group, feature, values, inputs)
        start = self.passed.get(feature, 0)
        stop = self.passed[feature] = start + inputs.matrix.shape[1]
        if feature == layout.phi:
            return np.concatenate(self.values)[start:stop]
        bins = np.concatenate(self.bins)[start:stop]
        return self.model.conditional(group, feature).bins.code(self.coder, values, bins)


@dataclass
class _Counting(_Modelled):
    total: dict[str, float] = field(default_factory=dict)

    def visit(self, group: str, feature: str, values: Integers | None, inputs: Any) -> Integers:
        assert values is not None
        bits = self.model.conditional(group, feature).bits(values, inputs.matrix)
        if feature == SIGN:
            feature = self.model.layout.eta or SIGN
        self.total[feature] = self.total.get(feature, 0.0) + bits
        return values
