"""The density of quantized jets: one conditional distribution per feature and group of jets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from atlasae.coding.multiset import code_cells, order_of
from atlasae.density.bins import Bins
from atlasae.density.conditional import Coin, Conditional
from atlasae.density.event_inputs import ColumnInputs
from atlasae.density.group_coding import code_ranks
from atlasae.density.jet_ranks import RANK_GROUPS, JetRanks
from atlasae.density.leaf_tables import LeafTables
from atlasae.density.traversal import RankByRank, traverse
from atlasae.density.trees import Tree
from atlasae.density.visitor import OTHERS, SIGN
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from atlasae.coding.entropy import EntropyCoder
    from atlasae.density.conditional import Inputs
    from atlasae.density.feature_layout import FeatureLayout
    from atlasae.density.visitor import Visit
    from atlasae.types import Classes, Columns, Floats, Integers, Integers32

MOST_COUNTS = 200  # up to this number of jets per event, each number has a bin of its own
_COUNT_BITS = 24  # of the number of jets in an event
_UNSEEN = 0.1  # count of each number of jets before any is seen


@dataclass(frozen=True)
class JetDensity:
    """Conditional distributions by feature and group of jets (first, second, later in the event).

    ``atlasae.density.jet_density_fitting.fit_jet_density`` fits one.

    Attributes:
        layout: the features.
        conditionals: by group and feature.
        jets_per_event: distribution of the number of jets per event.
        in_events: whether it was fitted on jets grouped by event.

    Example:
        >>> import numpy as np
        >>> from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
        >>> from atlasae.density.feature_layout import FeatureLayout
        >>> from atlasae.density.jet_density_fitting import fit_jet_density
        >>> from atlasae.quantization.lattices import Lattice
        >>> from atlasae.quantization.quantizers import IntegerQuantizer
        >>> layout = FeatureLayout.of({"n": Lattice(IntegerQuantizer("int32"))})
        >>> columns = {"n": np.arange(9, dtype="i4")}
        >>> density = fit_jet_density(layout, columns, None)
        >>> encoder = EntropyEncoder()
        >>> _ = dict(density.code(encoder, None, columns, 9))
        >>> dict(density.code(EntropyDecoder(encoder.to_bytes()), None, None, 9))
        {'n': array([0, 1, 2, 3, 4, 5, 6, 7, 8], dtype=int32)}
    """

    layout: FeatureLayout
    conditionals: dict[tuple[str, str], Conditional]
    jets_per_event: Conditional
    in_events: bool

    @classmethod
    def keys(cls, layout: FeatureLayout) -> list[tuple[str, str]]:
        """Groups and features that can have a distribution, in the order of storing."""
        keys = [(group, feature) for group in RANK_GROUPS for feature in layout.momentum]
        keys += [(RANK_GROUPS[0], SIGN)] if layout.eta else []
        return keys + [(OTHERS, feature) for feature in layout.others]

    def with_dither(self, seed: int | None) -> JetDensity:  # noqa: ARG002
        """The density of jets whose dither has this seed: that of any other."""
        return self

    def code_counts(self, coder: EntropyCoder, counts: Integers | None, events: int) -> Integers:
        """Code the number of jets of each event; ``counts`` is None to decode."""
        known = None if counts is None else counts.astype(np.int32)
        return self.jets_per_event.code(coder, known, events, ColumnInputs([])).astype(np.int64)

    def code_sorted_counts(
        self, coder: EntropyCoder, counts: Integers | None, events: int
    ) -> Integers:
        """The same for events sorted by falling number of jets: code how many have each number.

        Raises:
            DamagedFileError: the decoded numbers are not those of ``events`` events.
        """
        largest = histogram = None
        if counts is not None:
            largest = counts[:1].astype(np.int32) if events else np.zeros(1, np.int32)
        top = int(coder.uniform(_COUNT_BITS, 1, largest)[0])
        if counts is not None:
            histogram = np.bincount(counts, minlength=top + 1)[::-1].astype(np.int32)
        histogram = coder.uniform(events.bit_length(), top + 1, histogram)
        if histogram.sum() != events:
            raise DamagedFileError(f"event counts sum to {histogram.sum()}, header says {events}")
        return np.repeat(np.arange(top, -1, -1), histogram)

    def code(
        self, coder: EntropyCoder, counts: Integers | None, columns: Columns | None, jets: int
    ) -> Iterator[tuple[str, Integers32]]:
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
        pt, phi = np.zeros(len(sizes), np.uint8), np.zeros(len(sizes), np.int32)
        filled = sizes > 0
        bins = self.conditional(RANK_GROUPS[0], layout.pt).bins
        pt[filled] = bins.find(columns[layout.pt][leading[filled]])
        phi[filled] = columns[layout.phi][leading[filled]]
        return order_of(sizes, pt, phi)

    def code_free(
        self, coder: EntropyCoder, counts: Integers | None, columns: Columns | None, jets: int
    ) -> Iterator[tuple[str, Integers32]]:
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

    def code_lengths(self, columns: Columns, counts: Integers | None) -> dict[str, Floats]:
        """What coding each jet should take, in bits by feature: -log2 of its probability.

        Args:
            columns: integers by feature, shape (jets,).
            counts: number of jets per event; None for jets without events.
        """
        visitor = CodeLengthVisitor(self)
        jets = len(next(iter(columns.values())))
        sizes = self._events(counts, jets)
        for _ in traverse(visitor, self.layout, sizes, columns, jets):
            pass
        return visitor.in_file(JetRanks.of(sizes, jets))

    def conditional(self, group: str, feature: str) -> Conditional:
        """The distribution of a feature; where a group has none, the table of an earlier group."""
        own = self.conditionals.get((group, feature))
        conditional = own or earlier_table(self.conditionals, group, feature)
        assert conditional is not None
        return conditional

    def distribution(self, group: str, feature: str) -> Conditional | Coin:
        """The same, or that of a sign of which nothing is known."""
        if feature == SIGN and (group, feature) not in self.conditionals:
            return Coin()
        return self.conditional(group, feature)

    def _events(self, counts: Integers | None, jets: int) -> Integers | None:
        """The events as at fit: None if it had no events; without counts, each jet is an event."""
        if not self.in_events:
            return None
        return np.ones(jets, np.int64) if counts is None else counts


def count_bins(most: int) -> Bins:
    """A bin for each number of jets up to ``most``, and wider ones above.

    Example:
        >>> count_bins(2).lows[:6]
        array([ 0,  1,  2,  3,  7, 23])
    """
    widths = np.concatenate([np.zeros(most + 1, np.uint8), np.arange(2, _COUNT_BITS, 2)])
    ends = np.cumsum(1 << widths.astype(np.int64))
    return Bins(np.concatenate([[0], ends[:-1]]), widths.astype(np.uint8))


def fit_counts(counts: Integers | None) -> Conditional:
    """The distribution of the number of jets per event; None for jets without events."""
    seen = np.zeros(1, np.int32) if counts is None or not len(counts) else counts.astype(np.int32)
    bins = count_bins(min(int(seen.max()), MOST_COUNTS))
    shares = (bins.histogram(seen) + _UNSEEN) / (len(seen) + _UNSEEN * len(bins))
    return Conditional(bins, Tree.single(), LeafTables.of(shares.astype(np.float64)[None]))


def earlier_table(
    conditionals: Mapping[tuple[str, str], Conditional], group: str, feature: str
) -> Conditional | None:
    """The distribution of a feature, whatever is known, in the nearest earlier group that has one."""
    index = RANK_GROUPS.index(group) if group in RANK_GROUPS else 0
    for earlier in reversed(RANK_GROUPS[:index]):
        if conditional := conditionals.get((earlier, feature)):
            return conditional.without_questions()
    return None


@dataclass
class CodingVisitor(RankByRank):
    """Encodes or decodes each feature."""

    density: JetDensity
    coder: EntropyCoder

    def visit(
        self, group: str, feature: str, values: Integers32 | None, count: int, inputs: Inputs
    ) -> Integers32:
        return self.density.distribution(group, feature).code(self.coder, values, count, inputs)

    def visit_ranks(self, visit: Visit) -> None:
        conditional = self.density.conditional(visit.group, visit.feature)
        if not code_ranks(self.coder, conditional, visit):
            super().visit_ranks(visit)


@dataclass
class FreeOrderVisitor(CodingVisitor):
    """Codes the leading jets' bins of pt and values of phi in advance, as numbers in cells."""

    bins: list[Classes] = field(default_factory=list)
    phi: list[Integers32] = field(default_factory=list)
    leading: NDArray[np.bool_] | None = None

    def code_cells(self, size: int, leading: Integers, columns: Columns | None) -> None:
        """Code the cells of the leading jets of events with ``size`` jets; 0 without events."""
        layout = self.density.layout
        assert layout.pt is not None
        assert layout.phi is not None
        conditional = self.density.conditional(RANK_GROUPS[0], layout.pt)
        counts = np.full(1, size, np.int32)
        shares = conditional.shares(ColumnInputs([counts]))
        bins = phi = None
        if columns is not None:
            bins = conditional.bins.find(columns[layout.pt][leading])
            phi = columns[layout.phi][leading]
        bins, phi = code_cells(self.coder, bins, phi, len(leading), shares, layout.circle)
        self.bins.append(bins)
        self.phi.append(phi)

    def visit(
        self, group: str, feature: str, values: Integers32 | None, count: int, inputs: Inputs
    ) -> Integers32:
        layout = self.density.layout
        if group != RANK_GROUPS[0] or feature not in (layout.pt, layout.phi):
            return super().visit(group, feature, values, count, inputs)
        if self.leading is None:
            return self._visit_leading(feature, values)
        visited = np.empty(count, np.int32)
        known = None if values is None else values[self.leading]
        visited[self.leading] = self._visit_leading(feature, known)
        others = np.flatnonzero(~self.leading)
        known = None if values is None else values[others]
        rows = ColumnInputs([inputs.row(index)[others] for index in range(len(inputs))])
        visited[others] = super().visit(group, feature, known, len(others), rows)
        return visited

    def _visit_leading(self, feature: str, values: Integers32 | None) -> Integers32:
        """Visit a feature of the leading jets, which are in cells."""
        if feature == self.density.layout.phi:
            return np.concatenate(self.phi)
        kinds = self.density.conditional(RANK_GROUPS[0], feature).bins.kinds
        return self.coder.bits(np.concatenate(self.bins), kinds, values)

    def visit_ranks(self, visit: Visit) -> None:
        self.leading = visit.context.ranks.leading
        if visit.group == RANK_GROUPS[0]:
            RankByRank.visit_ranks(self, visit)
        else:
            super().visit_ranks(visit)


@dataclass
class CodeLengthVisitor(RankByRank):
    """Collects the code lengths of each feature, in bits, in the order of the visits."""

    density: JetDensity
    lengths: dict[str, list[Floats]] = field(default_factory=dict)

    def visit(
        self,
        group: str,
        feature: str,
        values: Integers32 | None,
        count: int,  # noqa: ARG002
        inputs: Inputs,
    ) -> Integers32:
        assert values is not None
        lengths = self.density.distribution(group, feature).code_lengths(values, inputs)
        self.lengths.setdefault(feature, []).append(lengths)
        return values

    def in_file(self, ranks: JetRanks) -> dict[str, Floats]:
        """The code lengths by feature in the order of the file, that of a sign with its feature."""
        layout = self.density.layout
        ordered = {}
        for feature in layout.order:
            lengths = np.concatenate([np.zeros(0), *self.lengths.get(feature, [])])
            if feature == layout.eta and SIGN in self.lengths:
                lengths[: ranks.count(0)] += self.lengths[SIGN][0]
            if feature in layout.momentum and ranks.rows is not None:
                by_rank, lengths = lengths, np.empty(len(lengths))
                lengths[ranks.rows] = by_rank
            ordered[feature] = lengths
        return ordered
