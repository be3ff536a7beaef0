"""Distributions of integers given others, the same to the last bit on every machine.

A decoder has to compute the very probabilities that the encoder used, or the stream decodes to
nonsense (Balle, Johnston and Minnen, Integer Networks for Data Compression, ICLR 2019). So the
networks here work on integers, carried in float32 and below 2^24 in every sum, which makes them
exact in whatever order a machine adds them; and probabilities are powers of two, piecewise linear
in the exponent, made by reading the bits of an integer as those of a float. No function of a maths
library takes part.

An integer is coded as a bin, whose distribution the network gives, and an offset in the bin,
uniform.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.entropy import Coder

    Integers = NDArray[np.int64]
    Array = NDArray[np.float32]

CHUNK = 4096  # rows at a time: part of the format, since it orders the symbols
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
_LOWEST = np.float32((_BIAS - 16) * 2.0**_MANTISSA)  # weights from 2^-16 ...
_HIGHEST = np.float32((_BIAS + 1) * 2.0**_MANTISSA)  # ... to 2: their sum cannot overflow


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
        low = self.edges[bins]
        offsets = None if values is None else values - low
        return low + coder.uniform(offsets, self.edges[bins + 1] - low)


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
    """Two hidden layers of integers, then weights of bins.

    Hidden units are ``rint(clip(2^scale (weight . input + 16 bias), 0, 255))``; the logits of the
    bins, in units of 2^-12 octaves, are ``basis`` functions mixed by the last layer, and a bias.

    Attributes:
        weights: two matrices (units, inputs), int8.
        biases: two vectors (units,), int32.
        scales: two vectors (units,), int8: powers of two.
        mixing: (units, order of the basis), int16.
        mixing_shift: power of two the mixing is divided by.
        logits: bias of each bin in 2^-4 octaves, int16.
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
        mixed = self.mixing.astype(np.int64) @ basis(self.mixing.shape[1], len(self.logits))
        last = (mixed + (1 << (shift - 1))) >> shift
        bias = (self.logits.astype(np.int64) << 8) + _BIAS * OCTAVE
        _check((np.abs(last).sum(axis=0) * HIDDEN_LIMIT + np.abs(bias)).max() < EXACT)
        unit = 2.0**_MANTISSA / OCTAVE
        return CompiledNetwork(
            layers[0],
            layers[1],
            (np.concatenate([bias[None], last]) * unit).astype(np.float32),
        )


def _check(holds: bool | np.bool_) -> None:
    if not holds:
        raise DamagedFileError("a stored network is damaged: its sums would not be exact")


@dataclass(frozen=True)
class CompiledNetwork:
    """An IntegerNetwork as three matrices whose first column, or row, is the bias."""

    first: Array
    second: Array
    last: Array

    def weigh(self, inputs: Array) -> Array:
        """Weights of the bins, shape (n, bins), from inputs (1 + features, n), the first row one."""
        hidden = inputs
        for layer in (self.first, self.second):
            units = np.empty((len(layer) + 1, inputs.shape[1]), np.float32)
            units[0] = 1
            np.matmul(layer, hidden, out=units[1:])
            np.clip(units[1:], 0, HIDDEN_LIMIT, out=units[1:])
            np.rint(units[1:], out=units[1:])
            hidden = units
        exponents = hidden.T @ self.last
        np.clip(exponents, _LOWEST, _HIGHEST, out=exponents)
        return exponents.astype(np.int32).view(np.float32)  # 2^z, piecewise linear


@dataclass(frozen=True)
class Conditional:
    """The distribution of one integer: bins, and a network or one table for their weights.

    Attributes:
        bins: of the integer.
        table: weights of the bins where no input tells anything, uint16.
        network: where inputs do.
        inputs: how many of the rows of inputs it takes.
    """

    bins: Bins
    table: NDArray[np.uint16]
    network: IntegerNetwork | None = None
    inputs: int = 0

    def __post_init__(self) -> None:
        compiled = None if self.network is None else self.network.compile()
        object.__setattr__(self, "_compiled", compiled)

    def code(self, coder: Coder, values: Integers | None, inputs: Array) -> Integers:
        """Code one integer a column of ``inputs`` (1 + features, n), and give them."""
        compiled: CompiledNetwork | None = self._compiled  # type: ignore[attr-defined]
        known = None if values is None else self.bins.find(values)
        if compiled is None:
            bins = coder.table(known, inputs.shape[1], self.table.astype(np.float32))
        else:
            bins = coder.categorical(known, compiled.weigh(inputs[: 1 + self.inputs]))
        return self.bins.code(coder, values, bins)

    def shares(self, inputs: Array) -> NDArray[np.float64]:
        """Probabilities of the bins for one column of inputs; the sum is exact in any order."""
        compiled: CompiledNetwork | None = self._compiled  # type: ignore[attr-defined]
        weights = self.table.astype(np.float64)
        if compiled is not None:
            weights = compiled.weigh(inputs[: 1 + self.inputs])[0].astype(np.float64)
        shares: NDArray[np.float64] = weights / weights.sum()
        return shares

    def bits(self, values: Integers, inputs: Array) -> float:
        """Cross-entropy of integers, in bits summed over them: what coding them should take."""
        compiled: CompiledNetwork | None = self._compiled  # type: ignore[attr-defined]
        bins = self.bins.find(values)
        width = np.diff(self.bins.edges)[bins]
        if compiled is None:
            weights = self.table.astype(np.float64)
            share = weights[bins] / weights.sum()
        else:
            weights = compiled.weigh(inputs[: 1 + self.inputs]).astype(np.float64)
            share = weights[np.arange(len(bins)), bins] / weights.sum(axis=1)
        return float(np.log2(width / share).sum())
