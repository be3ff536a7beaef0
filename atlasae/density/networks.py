"""Small neural networks in integers, which give the same bits on every machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.types import Float32s, Integers, Slots


INPUT_LIMIT = 511  # largest input
HIDDEN_LIMIT = 255  # largest value of a hidden unit
EXACT = 1 << 24  # integers up to here are exact in float32
OCTAVE = 1 << 12  # units of a logit per factor of two
BIAS_UNIT = 16  # of the hidden units' biases: finer ones would be lost in the weights' rounding
_LARGEST_SCALE = 96  # powers of two within which no sum leaves float32's normal numbers
_EXPONENT_BIAS = 127  # of a float32
_MANTISSA = 23  # bits of a float32's mantissa
_SLOTS = 15  # log2 of the slots of probability one, about: the weights are nearly normalised
# a group has at least 2 slots per bin, and at most twice those of probability one
_LOWEST = np.float32((_EXPONENT_BIAS + 3) * 2.0**_MANTISSA)
_HIGHEST = np.float32((_EXPONENT_BIAS + _SLOTS + 1) * 2.0**_MANTISSA)
_MOST_GROUPS = 128  # so that a row has fewer than 2^24 slots
_PRODUCT = 950_000  # multiplications at a time: matrix libraries are fast with small products


def basis(order: int, bins: int) -> Integers:
    """Smooth functions of the bin in units of 1/512, shape (order, bins).

    Chebyshev polynomials of a cubic map of the bins onto [-1, 1], by their recurrence in integers.
    A network whose output mixes these needs few weights and cannot fit noise from bin to bin.

    Example:
        >>> basis(3, 5)
        array([[ 512,  512,  512,  512,  512],
               [-512, -352,    0,  352,  512],
               [ 512,  -28, -512,  -28,  512]])
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
    """Two hidden layers of integers, then the weights of groups of bins.

    Hidden units are ``rint(clip(2^scale (weight . input + 16 bias), 0, 255))``; the logits of the
    groups, in units of 2^-12 octaves, are ``basis`` functions mixed by the last layer, and a bias.

    Attributes:
        weights: two matrices (units, inputs), int8.
        biases: two vectors (units,), int32.
        scales: two vectors (units,), int8: powers of two.
        mixing: (units, order of the basis), int16.
        mixing_shift: power of two by which the mixing is divided.
        logits: bias of each group in 2^-4 octaves, int16.
    """

    weights: tuple[NDArray[np.int8], NDArray[np.int8]]
    biases: tuple[NDArray[np.int32], NDArray[np.int32]]
    scales: tuple[NDArray[np.int8], NDArray[np.int8]]
    mixing: NDArray[np.int16]
    mixing_shift: int
    logits: NDArray[np.int16]

    def compile(self) -> CompiledNetwork:
        """The matrices to multiply, after checks of all bounds that make the sums exact.

        Raises:
            DamagedFileError: a sum could exceed the integers that are exact in float32.
        """
        layers = []
        for weight, bias, scale, limit in zip(
            self.weights, self.biases, self.scales, (INPUT_LIMIT, HIDDEN_LIMIT), strict=True
        ):
            offset = bias.astype(np.int64) * BIAS_UNIT
            largest = np.abs(weight.astype(np.int64)).sum(axis=1) * limit + np.abs(offset)
            require_exact(
                largest.max(initial=0) < EXACT and np.abs(scale.astype(int)).max() < _LARGEST_SCALE
            )
            both = np.concatenate([offset[:, None], weight], axis=1).astype(np.float64)
            layers.append((both * 2.0 ** scale.astype(np.float64)[:, None]).astype(np.float32))
        shift = self.mixing_shift
        require_exact(1 <= shift <= 40 and self.mixing.shape[1] >= 2)
        require_exact(1 <= len(self.logits) <= _MOST_GROUPS)
        mixed = self.mixing.astype(np.int64) @ basis(self.mixing.shape[1], len(self.logits))
        last = (mixed + (1 << (shift - 1))) >> shift
        bias = (self.logits.astype(np.int64) << 8) + (_EXPONENT_BIAS + _SLOTS) * OCTAVE
        require_exact((np.abs(last).sum(axis=0) * HIDDEN_LIMIT + np.abs(bias)).max() < EXACT)
        unit = 2.0**_MANTISSA / OCTAVE
        return CompiledNetwork(
            layers[0],
            layers[1],
            np.ascontiguousarray((np.concatenate([bias[None], last]) * unit).T, np.float32),
        )


def require_exact(holds: bool | np.bool_) -> None:
    """Raise DamagedFileError unless a bound of a stored network holds."""
    if not holds:
        raise DamagedFileError("the stored network is damaged: its sums would not be exact")


@dataclass(frozen=True)
class CompiledNetwork:
    """An IntegerNetwork as three matrices whose first column is the bias."""

    first: Float32s
    second: Float32s
    last: Float32s

    def ends(self, inputs: Float32s) -> Slots:
        """End of the slots of each group, after a row of zeros, shape (groups + 1, n).

        Args:
            inputs: shape (1 + features, n); the first row is ones.
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


def _hidden(layer: Float32s, inputs: Float32s) -> Float32s:
    """Units of a layer, below a row of ones."""
    hidden = np.empty((1 + len(layer), inputs.shape[1]), np.float32)
    hidden[0] = 1
    units = np.matmul(layer, inputs, out=hidden[1:])
    units.clip(0, HIDDEN_LIMIT, out=units)
    np.rint(units, out=units)
    return hidden
