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
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.entropy import Coder

    Integers = NDArray[np.int64]
    Slots = NDArray[np.int32]
    Array = NDArray[np.float32]

CHUNK = 32768  # rows at a time: part of the format, since it orders the symbols
MOST_PARTS = 4  # bins in a group
INPUT_LIMIT = 511  # of the integers a network is given
HIDDEN_LIMIT = 255  # of its hidden units
EXACT = 1 << 24  # whole numbers up to here are exact in float32
OCTAVE = 1 << 12  # units of a logit to a factor of two
OUTERMOST = 1 << 60  # beyond any integer of a lattice

#: Weights that tables have, eight to a factor of two: their rounding costs 0.0005 bits a value.
SHARES = np.append(np.arange(1, 8), 8 + np.arange(104) % 8 << np.arange(104) // 8).astype("u2")
BIAS_UNIT = 16  # of the biases of hidden units: finer ones would be lost in the weights' rounding

_ENDS = 3  # bins that there are in any case: the values' range, and what is beyond it
_GRAINS = 8  # to the width that a bin has around the middle: its edges are multiples of a grain
_MOST_GAPS = 2  # that bins stop at
_GAP = 50  # times the width of half of the values: a hole in which nothing lies
_FURTHEST = 0.002  # of the values, on either side, do not shape the bins
_FAR = 96  # powers of two within which no sum leaves float32's normal numbers
_BIAS = 127  # of a float32's exponent
_MANTISSA = 23
_SLOTS = 15  # log2 of the slots of probability one, about: networks give nearly normalised weights
_LOWEST = np.float32((_BIAS + 3) * 2.0**_MANTISSA)  # groups have from 2 slots a part ...
_HIGHEST = np.float32((_BIAS + _SLOTS + 1) * 2.0**_MANTISSA)  # ... to twice those of certainty
_MOST_GROUPS = 128  # so that a row has fewer than 2^24 slots
_SHARE = 8  # log2 of the units of a bin's share of its group
_PRODUCT = 950_000  # multiplications at a time: matrix libraries are quick with small products


@dataclass(frozen=True)
class Bins:
    """Ranges of integers, each ``edges[i]`` to below ``edges[i + 1]``; the outer two are endless.

    Attributes:
        edges: increasing, shape (k + 1,), int64.
    """

    edges: Integers

    @classmethod
    def fit(cls, values: Integers, count: int, power: float) -> Bins:
        """At most ``count`` bins, or 9, that share the integral of density to a power equally.

        Power 1 gives quantiles; less gives the tails more bins, which costs nothing where the
        density is even and saves where it is not. The furthest values, often one odd number that
        stands for none, have a bin on each side to themselves.
        """
        ordered = np.sort(values)
        grid = min(512, max(len(ordered) // 40, count))
        last = len(ordered) - 1
        ranks = np.linspace(_FURTHEST * last, (1 - _FURTHEST) * last, grid + 1)
        fine = np.unique(ordered[np.rint(ranks).astype(np.int64)])
        fine = np.append(fine, fine[-1] + 1)
        # what lies very far from the rest has bins of its own, and what is between none
        half = ordered[last // 2 :] - ordered[: last - last // 2 + 1]
        spread = float(half.min())  # of the half of the values that lie closest together
        grain = 1 << max(0, int(np.log2(max(spread / (_GRAINS * count), 1))))
        distances = np.diff(ordered)
        gaps = np.argsort(distances)[-_MOST_GAPS:]
        gaps = gaps[distances[gaps] > _GAP * (spread + 1)]
        before, after = _above(ordered[gaps], grain), ordered[gaps + 1] // grain * grain
        fine = np.unique(np.concatenate([fine, before, after]))
        widths = np.diff(fine)
        density = np.maximum(np.diff(np.searchsorted(ordered, fine)) / widths, 1e-12)
        parts = np.where(np.isin(fine[:-1], before), 0.0, widths * density**power)
        shares = np.append(0.0, np.cumsum(parts))
        several = max(count - 3 - 2 * len(gaps), 2) if count > _ENDS else 0
        steps = np.linspace(0, 1, several) * shares[-1]
        inner = np.rint(np.interp(steps, shares, fine) / grain).astype(np.int64) * grain
        ends = [ordered[:1] // grain * grain, _above(ordered[-1:], grain), before, after]
        edges = np.unique(np.concatenate([inner, *ends]))
        return cls(np.concatenate([[-OUTERMOST], edges, [OUTERMOST]]).astype(np.int64))

    @cached_property
    def widths(self) -> Integers:
        """How many integers each bin has."""
        return np.diff(self.edges)

    def __len__(self) -> int:
        return len(self.edges) - 1

    def find(self, values: Integers) -> Integers:
        """The bin of each integer."""
        return np.searchsorted(self.edges[1:-1], values, side="right")

    def histogram(self, values: Integers) -> NDArray[np.uint16]:
        """Counts of the bins, none of them zero, rounded to ``SHARES``."""
        counts = np.bincount(self.find(values), minlength=len(self)) + 0.5
        middles = (SHARES[1:] + SHARES[:-1].astype(np.float64)) / 2
        places = np.searchsorted(middles, counts / counts.max() * SHARES[-1])
        shares: NDArray[np.uint16] = SHARES[places]
        return shares

    def code(self, coder: Coder, values: Integers | None, bins: Integers) -> Integers:
        """Code the offsets in bins already coded, and give the integers."""
        low = self.edges.take(bins)
        offsets = None if values is None else values - low
        low += coder.uniform(offsets, self.widths.take(bins))
        return low


def _above(values: Integers, grain: int) -> Integers:
    """The next multiples of a grain above integers."""
    return (values // grain + 1) * grain


def basis(order: int, bins: int) -> Integers:
    """Smooth functions of the bin in units of 1/512, shape (order, bins).

    Chebyshev polynomials of a cubic map of the bins onto -1 to 1, by their recurrence in integers.
    A network that speaks in these needs few weights and cannot fit noise from bin to bin.
    """
    one = 1 << 20
    t = (2 * np.arange(bins, dtype=np.int64) - (bins - 1)) * one // max(bins - 1, 1)
    u = t * (3 * one - (t * t >> 20)) >> 21
    functions = [np.full(bins, one, np.int64), u]
    for _ in range(order - 2):
        functions.append((2 * u * functions[-1] >> 20) - functions[-2])
    return np.stack([(function + (1 << 10)) >> 11 for function in functions])


@dataclass(frozen=True)
class IntegerNetwork:
    """Two hidden layers of integers, then weights of groups.

    Hidden units are ``rint(clip(2^scale (weight . input + 16 bias), 0, 255))``; the logits of the
    groups, in units of 2^-12 octaves, are ``basis`` functions mixed by the last layer, and a bias.

    Attributes:
        weights: two matrices (units, inputs), int8.
        biases: two vectors (units,), int32.
        scales: two vectors (units,), int8: powers of two.
        mixing: (units, order of the basis), int16.
        mixing_shift: power of two the mixing is divided by.
        logits: bias of each group in 2^-4 octaves, int16.
    """

    weights: tuple[NDArray[np.int8], NDArray[np.int8]]
    biases: tuple[NDArray[np.int32], NDArray[np.int32]]
    scales: tuple[NDArray[np.int8], NDArray[np.int8]]
    mixing: NDArray[np.int16]
    mixing_shift: int
    logits: NDArray[np.int16]

    def compile(self) -> CompiledNetwork:
        """The matrices to multiply, with every bound checked that makes the sums exact.

        Raises:
            DamagedFileError: a sum could leave the whole numbers that float32 holds.
        """
        layers = []
        for weight, bias, scale, limit in zip(
            self.weights, self.biases, self.scales, (INPUT_LIMIT, HIDDEN_LIMIT), strict=True
        ):
            offset = bias.astype(np.int64) * BIAS_UNIT
            whole = np.abs(weight.astype(np.int64)).sum(axis=1) * limit + np.abs(offset)
            _check(whole.max(initial=0) < EXACT and np.abs(scale.astype(int)).max() < _FAR)
            both = np.concatenate([offset[:, None], weight], axis=1).astype(np.float64)
            layers.append((both * 2.0 ** scale.astype(np.float64)[:, None]).astype(np.float32))
        shift = self.mixing_shift
        _check(1 <= shift <= 40 and self.mixing.shape[1] >= 2)
        _check(1 <= len(self.logits) <= _MOST_GROUPS)
        mixed = self.mixing.astype(np.int64) @ basis(self.mixing.shape[1], len(self.logits))
        last = (mixed + (1 << (shift - 1))) >> shift
        bias = (self.logits.astype(np.int64) << 8) + (_BIAS + _SLOTS) * OCTAVE
        _check((np.abs(last).sum(axis=0) * HIDDEN_LIMIT + np.abs(bias)).max() < EXACT)
        unit = 2.0**_MANTISSA / OCTAVE
        return CompiledNetwork(
            layers[0],
            layers[1],
            np.ascontiguousarray((np.concatenate([bias[None], last]) * unit).T, np.float32),
        )


def _check(holds: bool | np.bool_) -> None:
    if not holds:
        raise DamagedFileError("a stored network is damaged: its sums would not be exact")


@dataclass(frozen=True)
class CompiledNetwork:
    """An IntegerNetwork as three matrices whose first column is the bias."""

    first: Array
    second: Array
    last: Array

    def ends(self, inputs: Array) -> Slots:
        """Where the slots of the groups end, after a row of zeros, shape (groups + 1, n).

        Args:
            inputs: shape (1 + features, n), the first row one.
        """
        layers = (self.first, self.second, self.last)
        size = max(_PRODUCT // max(layer.size for layer in layers), 1)
        ends = np.empty((1 + len(self.last), inputs.shape[1]), np.int32)
        ends[0] = 0
        for start in range(0, inputs.shape[1], size):
            rows = slice(start, start + size)
            hidden = _hidden(self.second, _hidden(self.first, inputs[:, rows]))
            exponents = self.last @ hidden
            exponents.clip(_LOWEST, _HIGHEST, out=exponents)
            # 2^z, piecewise linear
            ends[1:, rows] = exponents.astype(np.int32).view(np.float32)
            for i in range(2, len(ends)):
                ends[i, rows] += ends[i - 1, rows]
        return ends


def _hidden(layer: Array, inputs: Array) -> Array:
    """Units of a layer, below a row of ones."""
    kept = np.empty((1 + len(layer), inputs.shape[1]), np.float32)
    kept[0] = 1
    units = np.matmul(layer, inputs, out=kept[1:])
    units.clip(0, HIDDEN_LIMIT, out=units)
    np.rint(units, out=units)
    return kept


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

    def code(self, coder: Coder, values: Integers | None, inputs: Array) -> Integers:
        """Code one integer a column of ``inputs`` (1 + features, n), and give them."""
        known = None if values is None else self.bins.find(values)
        if self.network is None:
            bins = coder.table(known, inputs.shape[1], self.table.astype(np.float32))
        else:
            bins = coder.choose(known, self, inputs[: 1 + self.inputs])
        return self.bins.code(coder, values, bins)

    def shares(self, inputs: Array) -> NDArray[np.float64]:
        """Probabilities of the bins for one column of inputs; the sum is exact in any order."""
        weights = self.table.astype(np.float64)
        if self.network is not None:
            bins = np.arange(len(self.bins))
            slotted = self.choice(np.repeat(inputs[: 1 + self.inputs], len(bins), axis=1))
            weights = slotted.span(bins)[1].astype(np.float64)
        shares: NDArray[np.float64] = weights / weights.sum()
        return shares

    def bits(self, values: Integers, inputs: Array) -> float:
        """Cross-entropy of integers, in bits summed over them: what coding them should take."""
        bins = self.bins.find(values)
        if self.network is None:
            weights = self.table.astype(np.float64)
            share = weights[bins] / weights.sum()
        else:
            slotted = self.choice(inputs[: 1 + self.inputs])
            share = slotted.span(bins)[1] / slotted.totals()
        return float(np.log2(self.bins.widths[bins] / share).sum())

    def choice(self, inputs: Array) -> Slotted:
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
