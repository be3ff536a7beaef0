"""Lattices: from a column's values to integers in the same order, and back.

The way to the integers may differ in the last bit from machine to machine, as logarithms do. The
way back may not: it is additions, multiplications and shifts, each correctly rounded everywhere.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from atlasae import exact_math
from atlasae.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import BitPatterns, Integers, Values


CHUNK = 16384  # values at a time: the steps' outputs stay in a core's cache

_FLOATS = ("float16", "float32", "float64")
_WHOLE = ("bool", *(f"{sign}int{size}" for sign in ("", "u") for size in (8, 16, 32, 64)))
_EXACT = 2.0**53  # integers up to here are exact in float64
_SLACK = 1 - 2.0**-22  # so that a bound computed in float32 by the user holds as well
_NOISE = 2.0**-40  # relative error of a logarithm there and back in float64, rounded up
_EXCEPTION_BITS = 64  # what a value in the exceptions list costs, roughly
_MANY_STEPS = 32  # to a value: they are 3 % smaller at most to meet it
_MANY_EXCEPTIONS = 0.1  # of the values: a lattice that loses more than these is the wrong one


@dataclass(frozen=True)
class Quantizer(ABC):
    """A map from values of one dtype to int64 integers, in the same order, and back.

    Attributes:
        dtype: numpy's name of the values' type, such as ``float32``.
        dtypes: those that this kind can have.
    """

    kind: ClassVar[str]
    dtypes: ClassVar[tuple[str, ...]] = _FLOATS
    dtype: str

    def to_integers(self, values: Values) -> Integers:
        """Values, shape (n,), to integers. NaN and infinities give an arbitrary integer.

        Raises:
            InputError: the values are of another dtype.
        """
        values = self.own(values)
        integers = np.empty(len(values), np.int64)
        with np.errstate(all="ignore"):
            for rows in _chunks(len(values)):
                integers[rows] = self._quantised(values[rows])
        return integers

    def to_values(self, integers: Integers) -> Values:
        """Integers, shape (n,), to values of the dtype, bit for bit the same on every machine."""
        integers = np.asarray(integers, np.int64)
        values = np.empty(len(integers), self.dtype)
        with np.errstate(all="ignore"):
            for rows in _chunks(len(integers)):
                values[rows] = self._restored(integers[rows])
        return values

    def through(self, sizes: Sequence[float]) -> Quantizer:  # noqa: ARG002
        """A lattice no coarser that gives float32 of these sizes back as they are, if it can.

        They are above 0, the one that matters most first. Float64 come back to 1e-14.
        """
        return self

    @abstractmethod
    def _quantised(self, values: Values) -> Values:
        """The integers of a chunk."""

    @abstractmethod
    def _restored(self, integers: Integers) -> Values:
        """The values of a chunk."""

    def own(self, values: Values) -> Values:
        """The same values, in this machine's byte order.

        Raises:
            InputError: they are of another dtype.
        """
        values = np.asarray(values)
        if values.dtype.name != self.dtype:
            raise InputError(f"these values are {values.dtype.name}, not {self.dtype} as at fit")
        return np.asarray(values, self.dtype)


@dataclass(frozen=True)
class RelativeQuantizer(Quantizer):
    """Cells of equal width in log2, mirrored for negative values; linear cells below a floor.

    A cell from a to b has b/a = (1 + r)/(1 - r), and its value a(1 + r) = b(1 - r) is relatively
    as far from both ends: r, the tolerance less the rounding to the dtype. Subnormal numbers are
    never restored, since some processors are told to flush them to zero.

    Attributes:
        step: width of a cell, in log2.
        origin: log2 of the value of integer 0, were the logarithmic cells to go on so far.
        nudge: log2 of a cell's value, from the middle of the cell.
        linear: the largest integer whose cell is linear; 0 without a floor.
        width: width of a linear cell, in the values' own unit; 0 without a floor.
    """

    kind: ClassVar[str] = "relative"
    step: float
    origin: float
    nudge: float
    linear: int = 0
    width: float = 0.0

    @classmethod
    def fit(cls, dtype: str, tolerance: Tolerance) -> RelativeQuantizer | None:
        """The lattice of a tolerance; None where the dtype rounds too coarsely for it."""
        info = np.finfo(dtype)
        rounding = 2.0 ** -(info.nmant + 1) * (1 + tolerance.value) + _NOISE
        if tolerance.value <= 2 * rounding:
            return None
        bound = tolerance.value * _SLACK - rounding
        up, down = math.log1p(bound) / exact_math.LN2, math.log1p(-bound) / exact_math.LN2
        step, nudge = up - down, (up + down) / 2
        floor = min(tolerance.floor, float(info.max) / 4)
        if floor * bound < float(info.tiny):
            # below log2 of the smallest subnormal, so that every value has an integer from 1 on
            return cls(dtype, step, float(info.minexp - info.nmant) - 1, nudge)
        linear, width = math.floor(0.5 / bound), 2 * bound * floor
        edge = math.log2((linear + 0.5) * width)
        return cls(dtype, step, edge + nudge - (linear + 0.5) * step, nudge, linear, width)

    def through(self, sizes: Sequence[float]) -> Quantizer:
        if self.linear:
            return self  # its cells begin where the linear ones end
        step, levels = self.step, [math.log2(size) for size in sizes]
        apart = abs(levels[0] - levels[-1])
        if apart >= _MANY_STEPS * step:
            step = apart / math.ceil(apart / step)
        steps = math.ceil((levels[0] - self.origin) / step)
        return replace(self, step=step, origin=levels[0] - steps * step)

    def _quantised(self, values: Values) -> Values:
        info = np.finfo(self.dtype)
        signed = values.astype(np.float64)
        integers = np.abs(signed)
        near = integers < (self.linear + 0.5) * self.width if self.linear else None
        np.clip(integers, 2.0 ** (info.minexp - info.nmant), float(info.max), out=integers)
        np.log2(integers, out=integers)
        integers *= 1 / self.step
        integers += (self.nudge - self.origin) / self.step
        np.rint(integers, out=integers)
        integers *= np.sign(signed)
        if near is not None:
            signed /= self.width
            np.rint(signed, out=signed)
            np.clip(signed, -self.linear, self.linear, out=signed)
            np.copyto(integers, signed, where=near)
        return integers

    def _restored(self, integers: Integers) -> Values:
        info = np.finfo(self.dtype)
        signed = integers.astype(np.float64)
        exponent = np.abs(signed)
        near = exponent <= self.linear
        exponent *= self.step
        exponent += self.origin
        # the dtype's largest value, as near as float64 can say
        top = int(info.maxexp) - 0.75 * 2.0 ** -min(info.nmant, 42)
        np.clip(exponent, int(info.minexp), top, out=exponent)
        values = exact_math.exp2(exponent)
        np.copysign(values, signed, out=values)
        signed *= self.width
        np.copyto(values, signed, where=near)
        return values


@dataclass(frozen=True)
class AbsoluteQuantizer(Quantizer):
    """Whole multiples of a step.

    Attributes:
        step: distance of two values, in their own unit: twice the tolerance less the rounding.
    """

    kind: ClassVar[str] = "absolute"
    step: float

    @classmethod
    def fit(cls, values: Values, bound: float) -> AbsoluteQuantizer | None:
        """The lattice that is cheapest for finite values; None where none is of use.

        The larger the values for which rounding to the dtype is allowed for, the smaller the step
        for all. So a few far outliers are left to be exceptions.
        """
        info = np.finfo(values.dtype)
        bound = min(bound, float(info.max) / 4)  # the step and its multiples stay finite
        # the power of two that each restored value stays below; halves cannot overflow
        exponents = np.frexp(np.abs(values.astype(np.float64)) / 2 + bound / 2)[1] + 1
        np.clip(exponents, info.minexp + 1, None, out=exponents)  # subnormals round no finer
        largest, counts = np.unique(exponents, return_counts=True)
        if not len(largest):
            largest, counts = np.array([math.frexp(bound)[1]]), np.array([1])
        above = 1 - np.cumsum(counts) / counts.sum()
        # half a unit in the last place, and what float64 loses on the way there and back
        rounding = np.ldexp(2.0 ** -(info.nmant + 2) + 2.0**-51, largest)
        usable = (bound > 2 * rounding) & (above <= _MANY_EXCEPTIONS)
        if not usable.any():
            return None
        steps = 2 * (bound * _SLACK - rounding[usable])
        cost = _EXCEPTION_BITS * above[usable] - np.log2(steps)
        return cls(values.dtype.name, float(steps[np.argmin(cost)]))

    def through(self, sizes: Sequence[float]) -> Quantizer:
        steps = math.ceil(sizes[0] / self.step)
        return replace(self, step=sizes[0] / steps) if steps >= _MANY_STEPS else self

    def _quantised(self, values: Values) -> Values:
        integers = values.astype(np.float64)
        integers /= self.step
        np.rint(integers, out=integers)
        return np.clip(integers, -_EXACT, _EXACT, out=integers)

    def _restored(self, integers: Integers) -> Values:
        largest = float(np.finfo(self.dtype).max)
        values = integers.astype(np.float64)
        values *= self.step
        return np.clip(values, -largest, largest, out=values)


@dataclass(frozen=True)
class FloatQuantizer(Quantizer):
    """Every bit of a float, as an integer in the values' order.

    A bit pattern without its sign is in the order of the sizes; that of a negative value becomes
    -1 less its pattern, so that -0.0 is -1. Low bits that are zero are shifted out: published
    mantissas are often cut short.

    Attributes:
        shift: number of low bits left out.
    """

    kind: ClassVar[str] = "float"
    shift: int = 0

    @classmethod
    def fit(cls, values: Values) -> FloatQuantizer:
        """The lattice of finite values. A few that end in other bits are left to be exceptions."""
        mantissa = int(np.finfo(values.dtype).nmant)
        patterns = bit_patterns(values).astype(np.uint64)
        lowest = (patterns & -patterns).astype(np.float64)  # the lowest bit that is set
        zeros = np.where(lowest > 0, np.frexp(lowest)[1] - 1, mantissa)
        ending = np.bincount(np.minimum(zeros, mantissa), minlength=mantissa + 1)
        lost = np.concatenate([[0], np.cumsum(ending)[:-1]])  # by the shift
        saved = np.arange(mantissa + 1) * len(values) - _EXCEPTION_BITS * lost
        return cls(values.dtype.name, int(np.argmax(saved)))

    def _quantised(self, values: Values) -> Values:
        size = values.dtype.itemsize
        patterns = values.view(f"i{size}").astype(np.int64)
        patterns ^= (patterns >> 63) & ((1 << (8 * size - 1)) - 1)
        patterns >>= self.shift
        return patterns

    def _restored(self, integers: Integers) -> Values:
        size = np.dtype(self.dtype).itemsize
        patterns = integers.astype(f"i{size}")  # what is too wide for it is damage
        negative = patterns >> (8 * size - 1)
        patterns ^= negative
        patterns <<= self.shift
        patterns ^= negative << (8 * size - 1)
        return patterns.view(self.dtype)


@dataclass(frozen=True)
class IntegerQuantizer(Quantizer):
    """Integers and booleans as they are.

    Of uint64, values from 2^63 wrap around to negative integers; they come back all the same, but
    are out of order.
    """

    kind: ClassVar[str] = "integer"
    dtypes: ClassVar[tuple[str, ...]] = _WHOLE

    def _quantised(self, values: Values) -> Values:
        return values.astype(np.int64)

    def _restored(self, integers: Integers) -> Values:
        return integers.astype(self.dtype)


#: Kind of lattice to its class, in the order in which a stored one counts them.
QUANTIZERS: dict[str, type[Quantizer]] = {
    lattice.kind: lattice
    for lattice in (RelativeQuantizer, AbsoluteQuantizer, FloatQuantizer, IntegerQuantizer)
}


def _chunks(length: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, length, CHUNK))


def bit_patterns(values: Values) -> BitPatterns:
    """The values' bit patterns, as unsigned integers of their size; a view, not a copy."""
    return values.view(f"{values.dtype.byteorder}u{values.dtype.itemsize}")
