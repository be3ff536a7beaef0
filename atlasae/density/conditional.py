"""Conditional distributions of integers, the same to the last bit on every machine.

A decoder must compute exactly the probabilities that the encoder used, otherwise the stream decodes
to nonsense (Balle, Johnston and Minnen, Integer Networks for Data Compression, ICLR 2019). So the
networks here work on integers, carried in float32 and below 2^24 in every sum, which makes them
exact in any order of summation. Probabilities are powers of two, piecewise linear in the exponent:
the bits of an integer are read as those of a float, and rounded to whole numbers of slots. No
function of a maths library is used.

An integer is coded as a bin and a uniform offset in the bin. A network gives the distribution of
groups of a few bins; within a group, the bins have fixed shares from a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlasae.density.networks import CompiledNetwork, IntegerNetwork, require_exact

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.coding.entropy import EntropyCoder
    from atlasae.density.bins import Bins
    from atlasae.types import Float32s, Floats, Integers, Slots


CHUNK = 32768  # rows at a time: part of the format, since it orders the symbols
MOST_BINS_PER_GROUP = 4
_SHARE_BITS = 8  # a bin's share of its group is in units of 2^-8


@dataclass(frozen=True)
class BinSlots:
    """Slots of bins for each of n rows: one group after another, each divided into its bins.

    Attributes:
        ends: end of the slots of each group, after a row of zeros, shape (groups + 1, n).
        cuts: end of each bin within its group in units of 2^-8 of the group, after a row of zeros,
            shape (bins per group + 1, groups).

    Example:
        >>> import numpy as np
        >>> ends = np.array([[0], [100], [300]], np.int32)  # one row, two groups
        >>> cuts = np.array([[0, 0], [64, 128], [256, 256]], np.int32)  # two bins in each
        >>> slots = BinSlots(ends, cuts)
        >>> slots.totals()
        array([300], dtype=int32)
        >>> symbols, first, counts = slots.find(np.array([120], np.int32))
        >>> symbols, first, counts
        (array([2]), array([100], dtype=int32), array([100], dtype=int32))
    """

    ends: Slots
    cuts: Slots

    def __len__(self) -> int:
        return int(self.ends.shape[1])

    def __getitem__(self, rows: slice) -> BinSlots:
        return BinSlots(np.ascontiguousarray(self.ends[:, rows]), self.cuts)

    def totals(self) -> Slots:
        totals: Slots = self.ends[-1]
        return totals

    def find(self, slots: Slots) -> tuple[Integers, Slots, Slots]:
        passed = (self.ends[1:-1] <= slots).view(np.int8)
        groups = np.add.reduce(passed, axis=0, dtype=np.int8).astype(np.int64)
        first, spare = self._group_slots(groups)
        index = np.zeros(len(groups), np.int32)  # of the bin in its group
        offsets = slots - first
        for i in range(1, len(self.cuts) - 1):
            index += self._start(i, self.cuts[i].take(groups), spare) <= offsets
        groups *= len(self.cuts) - 1
        groups += index
        return (groups, *self._span(groups, index, first, spare))

    def span(self, symbols: Integers) -> tuple[Slots, Slots]:
        groups, index = np.divmod(symbols, len(self.cuts) - 1)
        return self._span(symbols, index.astype(np.int32), *self._group_slots(groups))

    def _group_slots(self, groups: Integers) -> tuple[Slots, Slots]:
        """The first slot of each group, and its number of slots beyond two per bin."""
        at = groups * len(self)
        at += np.arange(len(self))
        first = self.ends[:-1].reshape(-1).take(at)
        spare = self.ends[1:].reshape(-1).take(at)
        spare -= first
        spare -= np.int32(2 * (len(self.cuts) - 1))
        return first, spare

    def _span(
        self, symbols: Integers, index: Slots, first: Slots, spare: Slots
    ) -> tuple[Slots, Slots]:
        """``span`` of symbols, given their index in the group and the slots of the group."""
        start = self._start(index, self.cuts[:-1].T.reshape(-1).take(symbols), spare)
        counts = self._start(index + np.int32(1), self.cuts[1:].T.reshape(-1).take(symbols), spare)
        counts -= start
        start += first
        return start, counts

    @staticmethod
    def _start(index: Slots | int, cut: Slots, spare: Slots) -> Slots:
        """The first slot of a bin within its group, from its cut."""
        cut *= spare
        cut >>= _SHARE_BITS
        cut += np.int32(2) * index
        return cut


@dataclass(frozen=True)
class Conditional:
    """The distribution of one integer: bins, their weights, and perhaps a network.

    Attributes:
        bins: of the integer.
        table: weights of the bins, uint16; with a network, within each group.
        network: distribution of the groups of bins given inputs; None for a plain table.
        inputs: how many rows of inputs the network takes.

    Example:
        >>> import numpy as np
        >>> from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
        >>> from atlasae.density.bins import Bins
        >>> values, no_inputs = np.array([3, 1, 4, 1, 5, 9, 2, 6]), np.ones((1, 8), np.float32)
        >>> bins = Bins.fit(values, count=8, power=0.5)
        >>> conditional = Conditional(bins, bins.histogram(values))
        >>> encoder = EntropyEncoder()
        >>> _ = conditional.code(encoder, values, no_inputs)
        >>> conditional.code(EntropyDecoder(encoder.to_bytes()), None, no_inputs)
        array([3, 1, 4, 1, 5, 9, 2, 6])
    """

    bins: Bins
    table: NDArray[np.uint16]
    network: IntegerNetwork | None = None
    inputs: int = 0

    def __post_init__(self) -> None:
        compiled = cuts = None
        if self.network is not None:
            compiled, cuts = self.network.compile(), self._cuts(len(self.network.logits))
        object.__setattr__(self, "_compiled", compiled)
        object.__setattr__(self, "_group_cuts", cuts)

    def code(self, coder: EntropyCoder, values: Integers | None, inputs: Float32s) -> Integers:
        """Code one integer per column of ``inputs``, shape (1 + features, n).

        Args:
            coder: encoder or decoder.
            values: the integers, shape (n,); None to decode them.
            inputs: a row of ones, then the features.
        """
        symbols = None if values is None else self.bins.find(values)
        if self.network is None:
            bins = coder.table(symbols, inputs.shape[1], self.table.astype(np.float32))
        else:
            bins = coder.choose(symbols, self, inputs[: 1 + self.inputs])
        return self.bins.code(coder, values, bins)

    def shares(self, inputs: Float32s) -> Floats:
        """Probabilities of the bins for one column of inputs; their sum is exact in any order."""
        weights = self.table.astype(np.float64)
        if self.network is not None:
            bins = np.arange(len(self.bins))
            slots = self.choice(np.repeat(inputs[: 1 + self.inputs], len(bins), axis=1))
            weights = slots.span(bins)[1].astype(np.float64)
        shares: Floats = weights / weights.sum()
        return shares

    def bits(self, values: Integers, inputs: Float32s) -> float:
        """Cross-entropy of integers in bits, summed: what coding them should take."""
        bins = self.bins.find(values)
        if self.network is None:
            weights = self.table.astype(np.float64)
            share = weights[bins] / weights.sum()
        else:
            slots = self.choice(inputs[: 1 + self.inputs])
            share = slots.span(bins)[1] / slots.totals()
        return float(np.log2(self.bins.widths[bins] / share).sum())

    def choice(self, inputs: Float32s) -> BinSlots:
        """Slots of the bins by the network."""
        compiled: CompiledNetwork = self._compiled  # type: ignore[attr-defined]
        cuts: Slots = self._group_cuts  # type: ignore[attr-defined]
        return BinSlots(compiled.ends(inputs), cuts)

    def _cuts(self, groups: int) -> Slots:
        per_group = -(-len(self.table) // groups)
        require_exact(per_group <= MOST_BINS_PER_GROUP)
        weights = np.zeros(groups * per_group, np.int64)
        weights[: len(self.table)] = self.table
        ends = np.cumsum(weights.reshape(groups, per_group), axis=1)
        cuts = np.zeros((per_group + 1, groups), np.int32)
        cuts[1:] = ((ends << _SHARE_BITS) // np.maximum(ends[:, -1:], 1)).T
        return cuts
