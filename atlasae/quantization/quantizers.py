"""Quantizers: maps from the values of a column to integers in the same order, and back.

Integers and values come from additions, multiplications, divisions and shifts alone, which every
machine rounds alike (``atlasae.exact_math``).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from atlasae import exact_math
from atlasae.quantization.arithmetic import (
    absolute_integers,
    absolute_values,
    dithered_absolute_integers,
    dithered_absolute_values,
    dithered_relative_integers,
    dithered_relative_values,
    just_below,
    relative_integers,
    relative_values,
)
from atlasae.quantization.quantizer import (
    INTEGER_DTYPES,
    Quantizer,
    bit_patterns,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Float32s, Floats, Integers, Integers32, Values


LARGEST_INTEGER = 2.0**53  # integers up to here are exact in float64
_SLACK = 1 - 2.0**-22  # so that a check of the bound in float32 passes as well
_NOISE = 2.0**-40  # relative error of a logarithm there and back in float64, rounded up
EXCEPTION_BITS = 64  # cost of an exception, roughly
_ITERATIONS = 40  # of a fixed point, each of which divides the error by more than 3
_MANY_STEPS = 32  # up to a value: meeting it makes the step at most 3 % smaller
_MANY_EXCEPTIONS = (
    0.1  # fraction of the values: a quantizer never leaves more of them as exceptions
)


@dataclass(frozen=True)
class StepQuantizer(Quantizer):
    """A quantizer with steps: it rounds levels, numbers that ascend with the values, to integers.

    A level need not be an integer to have a value, so steps can be shifted; see
    ``DitheredQuantizer``.
    """

    @abstractmethod
    def levels(self, values: Values) -> Floats:
        """The levels of a chunk of values, in steps; float64."""

    @abstractmethod
    def values_at(self, levels: Floats) -> Floats:
        """The values at levels, not yet rounded to the dtype; the inverse, up to the bound."""

    @abstractmethod
    def dithered_integers(self, values: Float32s, key: int) -> Integers32:
        """Integers of float32 values, after shifts of their levels, which the key gives."""

    @abstractmethod
    def dithered_values(self, integers: Integers32, key: int) -> Float32s:
        """The inverse of ``dithered_integers``, within the bound."""

    def _quantize(self, values: Values) -> Values:
        whole = self.levels(values)
        np.rint(whole, out=whole)
        return np.clip(whole, -LARGEST_INTEGER, LARGEST_INTEGER, out=whole)

    def _dequantize(self, integers: Integers) -> Values:
        return self.values_at(integers.astype(np.float64))


@dataclass(frozen=True)
class RelativeQuantizer(StepQuantizer):
    """Cells of equal width in log2, mirrored for negative values; linear cells below a floor.

    A cell from a to b has b/a = (1 + r)/(1 - r). Its value a(1 + r) = b(1 - r) has the same relative
    distance r from both ends, where r is the tolerance less the rounding to the dtype. An unbiased
    quantizer has cells that are narrower by a share of about r/3 at the upper end, so that the mean of the relative
    errors of values that are uniform in log2 is 0. Values are never restored as subnormal numbers, which some programs flush to zero.

    Attributes:
        step: width of a cell, in log2.
        origin: log2 of the value of integer 0, if the logarithmic cells went on so far.
        nudge: log2 of a cell's value, from the middle of the cell.
        linear: the largest integer whose cell is linear; 0 without a floor.
        width: width of a linear cell, in the values' own unit; 0 without a floor.

    Example:
        >>> from atlasae.quantization.tolerance import rel
        >>> quantizer = RelativeQuantizer.fit("float32", rel(0.01))
        >>> values = np.array([30.0, -450.0, 0.0], np.float32)
        >>> restored = quantizer.to_values(quantizer.to_integers(values))
        >>> bool((abs(restored - values) <= 0.01 * abs(values)).all())
        True
    """

    kind: ClassVar[str] = "relative"
    step: float
    origin: float
    nudge: float
    linear: int = 0
    width: float = 0.0

    @classmethod
    def fit(
        cls, dtype: str, tolerance: Tolerance, *, unbiased: bool = False
    ) -> RelativeQuantizer | None:
        """The quantizer of a tolerance; None if the dtype is too coarse for it."""
        info = np.finfo(dtype)
        rounding = 2.0 ** -(info.nmant + 1) * (1 + tolerance.value) + _NOISE
        if tolerance.value <= 2 * rounding:
            return None
        bound = tolerance.value * _SLACK - rounding
        up, down = math.log1p(bound), math.log1p(-bound)
        half = (up - down) / 2  # of a cell, in natural logarithms
        if unbiased:  # exp(nudge) * sinh(half) / half, the mean of decoded over original, is 1
            for _ in range(_ITERATIONS):
                half = up + math.log(math.sinh(half) / half)
        step, nudge = 2 * half / exact_math.LN2, (up - half) / exact_math.LN2
        floor = min(tolerance.floor, float(info.max) / 4)
        if floor * bound < float(info.tiny):
            # below log2 of the smallest subnormal, so that every value has an integer from 1 on
            return cls(dtype, step, float(info.minexp - info.nmant) - 1, nudge)
        linear, width = math.floor(0.5 / bound), 2 * bound * floor
        edge = math.log2((linear + 0.5) * width)
        return cls(dtype, step, edge + nudge - (linear + 0.5) * step, nudge, linear, width)

    def aligned_to(self, magnitudes: Sequence[float]) -> Quantizer:
        if self.linear:
            return self  # the logarithmic cells have to start where the linear ones end
        step, levels = self.step, [math.log2(magnitude) for magnitude in magnitudes]
        distance = abs(levels[0] - levels[-1])
        if distance >= _MANY_STEPS * step:
            step = distance / math.ceil(distance / step)
        steps = math.ceil((levels[0] - self.origin) / step)
        return replace(self, step=step, origin=levels[0] - steps * step)

    def levels(self, values: Values) -> Floats:
        info = np.finfo(self.dtype)
        signed = values.astype(np.float64)
        levels = np.abs(signed)
        is_linear = levels < (self.linear + 0.5) * self.width if self.linear else None
        np.clip(levels, 2.0 ** (info.minexp - info.nmant), float(info.max), out=levels)
        levels = exact_math.log2(levels)
        levels *= 1 / self.step
        levels += (self.nudge - self.origin) / self.step
        levels *= np.sign(signed)
        if is_linear is not None:
            limit = just_below(self.linear + 0.5)
            signed /= self.width
            np.clip(signed, -limit, limit, out=signed)
            np.copyto(levels, signed, where=is_linear)
        return levels

    def values_at(self, levels: Floats) -> Floats:
        info = np.finfo(self.dtype)
        exponent = np.abs(levels)
        is_linear = exponent <= self.linear + 0.5
        exponent *= self.step
        exponent += self.origin
        # log2 of the dtype's largest value, as precise as float64 allows
        top = int(info.maxexp) - 0.75 * 2.0 ** -min(info.nmant, 42)
        np.clip(exponent, int(info.minexp), top, out=exponent)
        values = exact_math.exp2(exponent)
        np.copysign(values, levels, out=values)
        np.copyto(values, levels * self.width, where=is_linear)
        return values

    def _quantize_narrow(self, values: Values) -> Integers32:
        integers = np.empty(len(values), np.int32)
        cells = self.linear, self.width
        relative_integers(values, self.step, self.origin, self.nudge, *cells, integers)
        return integers

    def _dequantize_narrow(self, integers: Integers32) -> Values:
        values = np.empty(len(integers), np.float32)
        relative_values(integers, self.step, self.origin, self.linear, self.width, values)
        return values

    def dithered_integers(self, values: Float32s, key: int) -> Integers32:
        integers = np.empty(len(values), np.int32)
        steps = self.step, self.origin, self.nudge, self.linear, self.width
        dithered_relative_integers(values, *steps, key, integers)
        return integers

    def dithered_values(self, integers: Integers32, key: int) -> Float32s:
        values = np.empty(len(integers), np.float32)
        steps = self.step, self.origin, self.linear, self.width
        dithered_relative_values(integers, *steps, key, values)
        return values


@dataclass(frozen=True)
class AbsoluteQuantizer(StepQuantizer):
    """Integer multiples of a step.

    Attributes:
        step: distance of neighboring values, in their own unit: twice the tolerance, less rounding.

    Example:
        >>> quantizer = AbsoluteQuantizer("float32", step=0.5)
        >>> quantizer.to_integers(np.array([1.2, -0.6], np.float32))
        array([ 2, -1])
        >>> quantizer.to_values(np.array([2, -1]))
        array([ 1. , -0.5], dtype=float32)
    """

    kind: ClassVar[str] = "absolute"
    step: float

    @classmethod
    def fit(cls, values: Values, bound: float) -> AbsoluteQuantizer | None:
        """The cheapest quantizer for finite values; None if the dtype is too coarse for the bound.

        Larger values are rounded more, which makes the step smaller for all values. So a few far
        outliers are left as exceptions.
        """
        info = np.finfo(values.dtype)
        bound = min(bound, float(info.max) / 4)  # the step and its multiples stay finite
        # restored values stay below these powers of two; halves cannot overflow
        exponents = np.frexp(np.abs(values.astype(np.float64)) / 2 + bound / 2)[1] + 1
        np.clip(exponents, info.minexp + 1, None, out=exponents)  # subnormals round no finer
        largest, counts = np.unique(exponents, return_counts=True)
        if not len(largest):
            largest, counts = np.array([math.frexp(bound)[1]]), np.array([1])
        above = 1 - np.cumsum(counts) / counts.sum()
        # half a unit in the last place, and the rounding of both ways in float64
        rounding = np.ldexp(2.0 ** -(info.nmant + 2) + 2.0**-51, largest)
        usable = (bound > 2 * rounding) & (above <= _MANY_EXCEPTIONS)
        if not usable.any():
            return None
        steps = 2 * (bound * _SLACK - rounding[usable])
        cost = EXCEPTION_BITS * above[usable] - np.log2(steps)
        return cls(values.dtype.name, float(steps[np.argmin(cost)]))

    def aligned_to(self, magnitudes: Sequence[float]) -> Quantizer:
        steps = magnitudes[0] / self.step
        if not _MANY_STEPS <= steps <= LARGEST_INTEGER:
            return self
        return replace(self, step=magnitudes[0] / math.ceil(steps))

    def levels(self, values: Values) -> Floats:
        levels: Floats = values.astype(np.float64)
        levels /= self.step
        return levels

    def values_at(self, levels: Floats) -> Floats:
        largest = float(np.finfo(self.dtype).max)
        return np.clip(levels * self.step, -largest, largest)

    def _quantize_narrow(self, values: Values) -> Integers32:
        integers = np.empty(len(values), np.int32)
        absolute_integers(values, self.step, integers)
        return integers

    def _dequantize_narrow(self, integers: Integers32) -> Values:
        values = np.empty(len(integers), np.float32)
        absolute_values(integers, self.step, values)
        return values

    def dithered_integers(self, values: Float32s, key: int) -> Integers32:
        integers = np.empty(len(values), np.int32)
        dithered_absolute_integers(values, self.step, key, integers)
        return integers

    def dithered_values(self, integers: Integers32, key: int) -> Float32s:
        values = np.empty(len(integers), np.float32)
        dithered_absolute_values(integers, self.step, key, values)
        return values


@dataclass(frozen=True)
class FloatQuantizer(Quantizer):
    """The bit pattern of a float as an integer, in the order of the values; lossless.

    Without the sign, bit patterns are in the order of the magnitudes. A negative value becomes -1
    minus its pattern, so -0.0 becomes -1. Low bits that are zero in all values are shifted out:
    published mantissas are often truncated.

    Attributes:
        shift: number of low bits that are shifted out.

    Example:
        >>> quantizer = FloatQuantizer("float32")
        >>> integers = quantizer.to_integers(np.array([0.0, -0.0, 0.1], np.float32))
        >>> integers
        array([         0,         -1, 1036831949])
        >>> quantizer.to_values(integers)
        array([ 0. , -0. ,  0.1], dtype=float32)
    """

    kind: ClassVar[str] = "float"
    shift: int = 0

    @classmethod
    def fit(cls, values: Values) -> FloatQuantizer:
        """The quantizer of finite values. A few with more mantissa bits are left as exceptions."""
        mantissa = int(np.finfo(values.dtype).nmant)
        patterns = bit_patterns(values).astype(np.uint64)
        lowest = (patterns & -patterns).astype(np.float64)  # the lowest set bit
        zeros = np.where(lowest > 0, np.frexp(lowest)[1] - 1, mantissa)
        ending = np.bincount(np.minimum(zeros, mantissa), minlength=mantissa + 1)
        exceptions = np.concatenate([[0], np.cumsum(ending)[:-1]])  # by the shift
        saved = np.arange(mantissa + 1) * len(values) - EXCEPTION_BITS * exceptions
        return cls(values.dtype.name, int(np.argmax(saved)))

    def _quantize(self, values: Values) -> Values:
        size = values.dtype.itemsize
        patterns = values.view(f"i{size}").astype(np.int64)
        patterns ^= (patterns >> 63) & ((1 << (8 * size - 1)) - 1)
        patterns >>= self.shift
        return patterns

    def _dequantize(self, integers: Integers) -> Values:
        size = np.dtype(self.dtype).itemsize
        patterns = integers.astype(f"i{size}")  # only damaged integers are too wide
        negative = patterns >> (8 * size - 1)
        patterns ^= negative
        patterns <<= self.shift
        patterns ^= negative << (8 * size - 1)
        return patterns.view(self.dtype)


@dataclass(frozen=True)
class IntegerQuantizer(Quantizer):
    """Integers and booleans, unchanged.

    uint64 values from 2^63 on wrap to negative integers: they are restored, but out of order.

    Example:
        >>> IntegerQuantizer("bool").to_integers(np.array([True, False]))
        array([1, 0])
    """

    kind: ClassVar[str] = "integer"
    dtypes: ClassVar[tuple[str, ...]] = INTEGER_DTYPES

    def _quantize(self, values: Values) -> Values:
        return values.astype(np.int64)

    def _dequantize(self, integers: Integers) -> Values:
        return integers.astype(self.dtype)


#: Classes by kind. Their order is part of the stored form.
QUANTIZERS: dict[str, type[Quantizer]] = {
    quantizer.kind: quantizer
    for quantizer in (RelativeQuantizer, AbsoluteQuantizer, FloatQuantizer, IntegerQuantizer)
}
