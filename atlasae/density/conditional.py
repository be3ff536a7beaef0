"""Distributions of integers given others, the same to the last bit on every machine.

A decoder has to compute the very probabilities that the encoder used, or the stream decodes to
nonsense (Balle, Johnston and Minnen, Integer Networks for Data Compression, ICLR 2019). So the
networks here work on integers, carried in float32 and below 2^24 in every sum, which makes them
exact in whatever order a machine adds them; and probabilities are powers of two, piecewise linear
in the exponent, made by reading the bits of an integer as those of a float, and rounded to whole
numbers of slots. No function of a maths library takes part.

An integer is coded as a bin and an offset in the bin, uniform. A network gives the distribution of
groups of a few bins; within a group the bins have shares of a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlasae.density.networks import CompiledNetwork, IntegerNetwork, _check

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.coding.entropy import EntropyCoder
    from atlasae.density.bins import Bins
    from atlasae.types import Float32s, Integers, Slots


CHUNK = 32768  # rows at a time: part of the format, since it orders the symbols
MOST_PARTS = 4  # bins in a group


_SHARE = 8  # log2 of the units of a bin's share of its group


@dataclass(frozen=True)
class Slotted:
    """Slots of bins for each of n rows: groups one after another, each cut into its bins.

    Attributes:
        ends: where groups end, after a row of zeros, shape (groups + 1, n).
        cuts: where the bins of a group end in units of 2^-8 of it, after a row of zeros, shape
            (parts + 1, groups).
    """

    ends: Slots
    cuts: Slots

    def __len__(self) -> int:
        return int(self.ends.shape[1])

    def __getitem__(self, rows: slice) -> Slotted:
        return Slotted(np.ascontiguousarray(self.ends[:, rows]), self.cuts)

    def totals(self) -> Slots:
        totals: Slots = self.ends[-1]
        return totals

    def find(self, slots: Slots) -> tuple[Integers, Slots, Slots]:
        passed = (self.ends[1:-1] <= slots).view(np.int8)
        groups = np.add.reduce(passed, axis=0, dtype=np.int8).astype(np.int64)
        first, spare = self._group(groups)
        part = np.zeros(len(groups), np.int32)
        within = slots - first
        for i in range(1, len(self.cuts) - 1):
            part += self._cut(i, self.cuts[i].take(groups), spare) <= within
        groups *= len(self.cuts) - 1
        groups += part
        return (groups, *self._span(groups, part, first, spare))

    def span(self, symbols: Integers) -> tuple[Slots, Slots]:
        groups, part = np.divmod(symbols, len(self.cuts) - 1)
        return self._span(symbols, part.astype(np.int32), *self._group(groups))

    def _group(self, groups: Integers) -> tuple[Slots, Slots]:
        """Where groups start, and the slots they have beyond two for each part."""
        at = groups * len(self)
        at += np.arange(len(self))
        first = self.ends[:-1].reshape(-1).take(at)
        spare = self.ends[1:].reshape(-1).take(at)
        spare -= first
        spare -= np.int32(2 * (len(self.cuts) - 1))
        return first, spare

    def _span(
        self, symbols: Integers, part: Slots, first: Slots, spare: Slots
    ) -> tuple[Slots, Slots]:
        """``span`` of symbols that are a part of a group."""
        start = self._cut(part, self.cuts[:-1].T.reshape(-1).take(symbols), spare)
        counts = self._cut(part + np.int32(1), self.cuts[1:].T.reshape(-1).take(symbols), spare)
        counts -= start
        start += first
        return start, counts

    @staticmethod
    def _cut(part: Slots | int, cut: Slots, spare: Slots) -> Slots:
        """Where a part starts in a group, from where the table has it."""
        cut *= spare
        cut >>= _SHARE
        cut += np.int32(2) * part
        return cut


@dataclass(frozen=True)
class Conditional:
    """The distribution of one integer: bins, their table, and perhaps a network for groups of them.

    Attributes:
        bins: of the integer.
        table: weights of the bins, uint16; with a network, within each group.
        network: where inputs tell something.
        inputs: how many of the rows of inputs it takes.
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
        object.__setattr__(self, "_slots_of_groups", cuts)

    def code(self, coder: EntropyCoder, values: Integers | None, inputs: Float32s) -> Integers:
        """Code one integer a column of ``inputs`` (1 + features, n), and give them."""
        known = None if values is None else self.bins.find(values)
        if self.network is None:
            bins = coder.table(known, inputs.shape[1], self.table.astype(np.float32))
        else:
            bins = coder.choose(known, self, inputs[: 1 + self.inputs])
        return self.bins.code(coder, values, bins)

    def shares(self, inputs: Float32s) -> NDArray[np.float64]:
        """Probabilities of the bins for one column of inputs; the sum is exact in any order."""
        weights = self.table.astype(np.float64)
        if self.network is not None:
            bins = np.arange(len(self.bins))
            slotted = self.choice(np.repeat(inputs[: 1 + self.inputs], len(bins), axis=1))
            weights = slotted.span(bins)[1].astype(np.float64)
        shares: NDArray[np.float64] = weights / weights.sum()
        return shares

    def bits(self, values: Integers, inputs: Float32s) -> float:
        """Cross-entropy of integers, in bits summed over them: what coding them should take."""
        bins = self.bins.find(values)
        if self.network is None:
            weights = self.table.astype(np.float64)
            share = weights[bins] / weights.sum()
        else:
            slotted = self.choice(inputs[: 1 + self.inputs])
            share = slotted.span(bins)[1] / slotted.totals()
        return float(np.log2(self.bins.widths[bins] / share).sum())

    def choice(self, inputs: Float32s) -> Slotted:
        """Slots of the bins by the network."""
        compiled: CompiledNetwork = self._compiled  # type: ignore[attr-defined]
        cuts: Slots = self._slots_of_groups  # type: ignore[attr-defined]
        return Slotted(compiled.ends(inputs), cuts)

    def _cuts(self, groups: int) -> Slots:
        parts = -(-len(self.table) // groups)
        _check(parts <= MOST_PARTS)
        weights = np.zeros(groups * parts, np.int64)
        weights[: len(self.table)] = self.table
        ends = np.cumsum(weights.reshape(groups, parts), axis=1)
        cuts = np.zeros((parts + 1, groups), np.int32)
        cuts[1:] = ((ends << _SHARE) // np.maximum(ends[:, -1:], 1)).T
        return cuts
