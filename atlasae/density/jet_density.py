"""The density of quantized jets: one conditional distribution per feature and group of jets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.coding.multiset import code_cells, order_of
from atlasae.density.bins import OUTERMOST, Bins
from atlasae.density.conditional import Conditional
from atlasae.density.event_context import EventContext
from atlasae.density.input_scale import InputScale, ScaledInputs
from atlasae.density.traversal import traverse
from atlasae.density.visitor import RANK_GROUPS, SIGN
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from atlasae.coding.entropy import EntropyCoder
    from atlasae.density.feature_layout import FeatureLayout
    from atlasae.types import Columns, Integers

MOST_COUNTS = 200  # up to this number of jets per event, each number has a bin of its own
_LARGEST_COUNT = 1 << 24  # jets in an event, below this


@dataclass(frozen=True)
class JetDensity:
    """Conditional distributions by feature and group of jets (first, second, later in the event).

    ``atlasae.density.jet_density_fitting.fit_jet_density`` fits one.

    Attributes:
        layout: the features.
        scales: scale of the inputs, by group.
        conditionals: by group and feature.
        jets_per_event: distribution of the number of jets per event.
        in_events: whether it was fitted on jets grouped by event.

    Example:
        >>> import numpy as np
        >>> from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
        >>> from atlasae.density.feature_layout import FeatureLayout
        >>> from atlasae.density.jet_density_fitting import fit_jet_density
        >>> from atlasae.quantization.quantizers import IntegerQuantizer
        >>> layout, columns = FeatureLayout.of({"n": IntegerQuantizer("int32")}), {"n": np.arange(9)}
        >>> density = fit_jet_density(layout, columns, None, networks=False)
        >>> encoder = EntropyEncoder()
        >>> _ = dict(density.code(encoder, None, columns, 9))
        >>> dict(density.code(EntropyDecoder(encoder.to_bytes()), None, None, 9))
        {'n': array([0, 1, 2, 3, 4, 5, 6, 7, 8])}
    """

    layout: FeatureLayout
    scales: dict[str, InputScale]
    conditionals: dict[tuple[str, str], Conditional]
    jets_per_event: Conditional
    in_events: bool

    def code_counts(self, coder: EntropyCoder, counts: Integers | None, events: int) -> Integers:
        """Code the number of jets of each event; ``counts`` is None to decode."""
        return self.jets_per_event.code(coder, counts, np.ones((1, events), np.float32))

    def code_sorted_counts(
        self, coder: EntropyCoder, counts: Integers | None, events: int
    ) -> Integers:
        """The same for events sorted by falling number of jets: code how many have each number.

        Raises:
            DamagedFileError: the decoded numbers are not those of ``events`` events.
        """
        largest = None
        if counts is not None:
            largest = counts[:1] if events else np.zeros(1, np.int64)
        top = int(coder.uniform(largest, np.array([_LARGEST_COUNT]))[0])
        histogram = None if counts is None else np.bincount(counts, minlength=top + 1)[::-1]
        histogram = coder.uniform(histogram, np.full(top + 1, events + 1))
        if histogram.sum() != events:
            raise DamagedFileError(f"event counts sum to {histogram.sum()}, header says {events}")
        return np.repeat(np.arange(top, -1, -1), histogram)

    def code(
        self, coder: EntropyCoder, counts: Integers | None, columns: Columns | None, jets: int
    ) -> Iterator[tuple[str, Integers]]:
        """Code the features one by one and yield their integers, shape (jets,).

        Args:
            coder: encoder or decoder.
            counts: number of jets per event; None for jets without events.
            columns: integers by feature, shape (jets,); None to decode.
            jets: number of jets.
        """
        visitor = CodingVisitor(self, coder)
        return traverse(visitor, self.layout, self._events(counts, jets), columns, jets)

    def free_order(self, columns: Columns, counts: Integers | None) -> Integers | None:
        """The order of events, or of jets without, in which ``code_free`` requires them.

        None where it cannot be used: it requires a pt feature, and a phi with equal steps. Events
        without jets come last.
        """
        layout = self.layout
        if layout.pt is None or not layout.circle or (counts is not None and not self.in_events):
            return None
        assert layout.phi is not None
        jets = len(columns[layout.pt])
        sizes = np.ones(jets, np.int64) if counts is None else counts
        leading = np.cumsum(sizes) - sizes
        pt, phi = np.zeros(len(sizes), np.int64), np.zeros(len(sizes), np.int64)
        filled = sizes > 0
        bins = self.conditional(RANK_GROUPS[0], layout.pt).bins
        pt[filled] = bins.find(columns[layout.pt][leading[filled]])
        phi[filled] = columns[layout.phi][leading[filled]]
        return order_of(sizes, pt, phi)

    def code_free(
        self, coder: EntropyCoder, counts: Integers | None, columns: Columns | None, jets: int
    ) -> Iterator[tuple[str, Integers]]:
        """As ``code``, for events in the order of ``free_order``, which is not coded."""
        sizes = self._events(counts, jets)
        visitor = FreeOrderVisitor(self, coder)
        if sizes is None:
            visitor.code_cells(0, np.arange(jets), columns)
        else:
            leading = np.cumsum(sizes) - sizes
            for size in np.unique(sizes[sizes > 0])[::-1].tolist():
                visitor.code_cells(size, leading[sizes == size], columns)
        return traverse(visitor, self.layout, sizes, columns, jets)

    def bits(self, columns: Columns, counts: Integers | None) -> dict[str, float]:
        """Cross-entropy of jets by feature, in bits summed over the jets."""
        visitor = CrossEntropyVisitor(self)
        jets = len(next(iter(columns.values())))
        for _ in traverse(visitor, self.layout, self._events(counts, jets), columns, jets):
            pass
        return visitor.total

    def conditional(self, group: str, feature: str) -> Conditional:
        """The distribution of a feature; where a group has none, the table of an earlier group."""
        own = self.conditionals.get((group, feature))
        conditional = own or earlier_table(self.conditionals, group, feature)
        assert conditional is not None
        return conditional

    def _events(self, counts: Integers | None, jets: int) -> Integers | None:
        """The events as at fit: None if it had no events; without counts, each jet is an event."""
        if not self.in_events:
            return None
        return np.ones(jets, np.int64) if counts is None else counts


def count_bins(most: int) -> Bins:
    """A bin for each number of jets up to ``most``, and wider ones above.

    Example:
        >>> count_bins(2).edges[1:8]
        array([ 0,  1,  2,  3,  4,  6, 10])
    """
    more = most + (1 << np.arange(22))
    return Bins(np.concatenate([[-OUTERMOST], np.arange(most + 1), more, [OUTERMOST]]))


def count_density(counts: Integers | None) -> Conditional:
    """The distribution of the number of jets per event; None for jets without events."""
    seen = np.zeros(1, np.int64) if counts is None or not len(counts) else counts
    bins = count_bins(min(int(seen.max()), MOST_COUNTS))
    return Conditional(bins, bins.histogram(seen))


def earlier_table(
    conditionals: Mapping[tuple[str, str], Conditional], group: str, feature: str
) -> Conditional | None:
    """The table of a feature in the nearest earlier group of jets that has one."""
    index = RANK_GROUPS.index(group) if group in RANK_GROUPS else 0
    for earlier in reversed(RANK_GROUPS[:index]):
        if conditional := conditionals.get((earlier, feature)):
            return Conditional(conditional.bins, conditional.table)
    return None


@dataclass
class _DensityVisitor:
    """A visitor whose inputs are those of a density."""

    density: JetDensity

    def inputs(self, group: str, count: int) -> ScaledInputs:
        return ScaledInputs(self.density.scales.get(group, InputScale.none()), count)


@dataclass
class CodingVisitor(_DensityVisitor):
    """Encodes or decodes each feature."""

    coder: EntropyCoder

    def visit(self, group: str, feature: str, values: Integers | None, inputs: Any) -> Integers:
        conditional = self.density.conditional(group, feature)
        return conditional.code(self.coder, values, inputs.matrix)


@dataclass
class FreeOrderVisitor(CodingVisitor):
    """Codes the leading jets' bins of pt and values of phi in advance, as numbers in cells."""

    bins: list[Integers] = field(default_factory=list)
    phi: list[Integers] = field(default_factory=list)
    visited: dict[str, int] = field(default_factory=dict)

    def code_cells(self, size: int, leading: Integers, columns: Columns | None) -> None:
        """Code the cells of the leading jets of events with ``size`` jets; 0 without events."""
        layout = self.density.layout
        assert layout.pt is not None
        assert layout.phi is not None
        conditional = self.density.conditional(RANK_GROUPS[0], layout.pt)
        inputs = self.inputs(RANK_GROUPS[0], 1)
        event = EventContext(layout, np.full(1, size, np.float32) if size else None)
        inputs.add(event.new_inputs(layout.pt, 0, slice(0, 1)))
        bins = phi = None
        if columns is not None:
            bins = conditional.bins.find(columns[layout.pt][leading])
            phi = columns[layout.phi][leading]
        shares = conditional.shares(inputs.matrix)
        bins, phi = code_cells(self.coder, bins, phi, len(leading), shares, layout.circle)
        self.bins.append(bins)
        self.phi.append(phi)

    def visit(self, group: str, feature: str, values: Integers | None, inputs: Any) -> Integers:
        layout = self.density.layout
        if group != RANK_GROUPS[0] or feature not in (layout.pt, layout.phi):
            return super().visit(group, feature, values, inputs)
        start = self.visited.get(feature, 0)
        stop = self.visited[feature] = start + inputs.matrix.shape[1]
        if feature == layout.phi:
            return np.concatenate(self.phi)[start:stop]
        bins = np.concatenate(self.bins)[start:stop]
        return self.density.conditional(group, feature).bins.code(self.coder, values, bins)


@dataclass
class CrossEntropyVisitor(_DensityVisitor):
    """Sums the cross-entropy of each feature, in bits."""

    total: dict[str, float] = field(default_factory=dict)

    def visit(self, group: str, feature: str, values: Integers | None, inputs: Any) -> Integers:
        assert values is not None
        bits = self.density.conditional(group, feature).bits(values, inputs.matrix)
        if feature == SIGN:
            feature = self.density.layout.eta or SIGN
        self.total[feature] = self.total.get(feature, 0.0) + bits
        return values
