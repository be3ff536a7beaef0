"""The arithmetic of quantizers on float32 and int32, which most columns have.

The functions in numpy are the references of kernels; wider types take the general way of
``quantizers``. Integers beyond 2^30 in size become 2^30: no lattice uses them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from atlasae import exact_math
from atlasae.compiled import accelerated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.types import Classes, Float32s, Floats, Integers32, Values

LARGEST = float(np.finfo(np.float32).max)
SMALLEST = 2.0**-149  # the smallest subnormal
TOP = 128 - 0.75 * 2.0**-23  # log2 of the largest value, as precise as float64 allows
BEYOND = float(1 << 30)
GOLDEN, FIRST_FACTOR, SECOND_FACTOR = 0x9E3779B9, 0x85EBCA6B, 0xC2B2AE35  # of ``shifts``
SHIFT_UNIT = 2.0**-24
MARK_BITS = 19  # of a float32, so that marks are narrower than most tolerances


@accelerated("atlasae.quantization.kernels")
def relative_values(
    integers: Integers32, step: float, origin: float, linear: int, width: float, values: Float32s
) -> None:
    """Fill in the values of integers; see ``RelativeQuantizer`` for the parameters."""
    values[:] = _relative_at(integers.astype(np.float64), step, origin, linear, width)


@accelerated("atlasae.quantization.kernels")
def relative_integers(
    values: Float32s,
    step: float,
    origin: float,
    nudge: float,
    linear: int,
    width: float,
    integers: Integers32,
) -> None:
    """Fill in the integers of values; see ``RelativeQuantizer`` for the parameters."""
    levels = _relative_levels(values, step, origin, nudge, linear, width)
    integers[:] = np.clip(np.rint(levels), -BEYOND, BEYOND)


@accelerated("atlasae.quantization.kernels")
def absolute_values(integers: Integers32, step: float, values: Float32s) -> None:
    """Fill in the values of integers: multiples of the step."""
    values[:] = np.clip(integers * step, -LARGEST, LARGEST)


@accelerated("atlasae.quantization.kernels")
def absolute_integers(values: Float32s, step: float, integers: Integers32) -> None:
    """Fill in the integers of values: the nearest multiples of the step."""
    integers[:] = np.clip(np.rint(values.astype(np.float64) / step), -BEYOND, BEYOND)


@accelerated("atlasae.quantization.kernels")
def dithered_relative_values(
    integers: Integers32,
    step: float,
    origin: float,
    linear: int,
    width: float,
    key: int,
    values: Float32s,
) -> None:
    """Fill in the values of integers that have ``shifts``; see ``DitheredQuantizer``."""
    levels = without_zero(integers) - shifts(key, len(integers))
    found = _relative_at(levels, step, origin, linear, width)
    values[:] = np.where(integers == 0, 0.0, found)


@accelerated("atlasae.quantization.kernels")
def dithered_relative_integers(
    values: Float32s,
    step: float,
    origin: float,
    nudge: float,
    linear: int,
    width: float,
    key: int,
    integers: Integers32,
) -> None:
    """Fill in the integers of values, with ``shifts``; see ``DitheredQuantizer``."""
    levels = _relative_levels(values, step, origin, nudge, linear, width)
    levels += shifts(key, len(values))
    integers[:] = with_zero(np.clip(np.rint(levels), -BEYOND, BEYOND), values)


@accelerated("atlasae.quantization.kernels")
def dithered_absolute_values(integers: Integers32, step: float, key: int, values: Float32s) -> None:
    """Fill in the values of integers that have ``shifts``; see ``DitheredQuantizer``."""
    levels = without_zero(integers) - shifts(key, len(integers))
    found = np.clip(levels * step, -LARGEST, LARGEST)
    values[:] = np.where(integers == 0, 0.0, found)


@accelerated("atlasae.quantization.kernels")
def dithered_absolute_integers(
    values: Float32s, step: float, key: int, integers: Integers32
) -> None:
    """Fill in the integers of values, with ``shifts``; see ``DitheredQuantizer``."""
    levels = values.astype(np.float64) / step + shifts(key, len(values))
    integers[:] = with_zero(np.clip(np.rint(levels), -BEYOND, BEYOND), values)


def shifts(key: int, number: int) -> Floats:
    """Pseudo-random shifts of rows, multiples of 2^-24 from -1/2 to below 1/2; float64.

    A row is counted in steps of 2^32 over the golden ratio, from the key on, and mixed by the last
    step of MurmurHash3 (A. Appleby, 2011, in the public domain). Such a counter needs no row before
    it: Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011.

    Args:
        key: 32 bits.
        number: of rows.

    Example:
        >>> shifts(key=0, number=3).round(4)
        array([ 0.    , -0.4266,  0.2377])
    """
    bits = np.arange(number, dtype=np.uint32)
    bits *= np.uint32(GOLDEN)
    bits += np.uint32(key)
    bits = mixed(bits)
    found = (bits.view(np.int32) >> 8).astype(np.float64)
    found *= SHIFT_UNIT
    return found


def mixed(bits: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Numbers of 32 bits in each of which every bit depends on every bit given."""
    bits = (bits ^ (bits >> np.uint32(16))) * np.uint32(FIRST_FACTOR)
    bits = (bits ^ (bits >> np.uint32(13))) * np.uint32(SECOND_FACTOR)
    return bits ^ (bits >> np.uint32(16))


def with_zero(whole: Floats, values: Values) -> Floats:
    """Integers from 0 on are counted from 1 on, so that zero has an integer of its own, 0."""
    whole += whole >= 0
    whole[values == 0] = 0
    return whole


def without_zero(integers: NDArray[np.signedinteger]) -> Floats:
    """The inverse of ``with_zero``."""
    lowered: Floats = integers.astype(np.float64)
    lowered -= integers > 0
    return lowered


def _relative_at(levels: Floats, step: float, origin: float, linear: int, width: float) -> Floats:
    """Values at integers, or at numbers between them."""
    size = np.abs(levels)
    power = exact_math.exp2(np.clip(size * step + origin, -126.0, TOP))
    found: Floats = np.where(size <= linear + 0.5, levels * width, np.copysign(power, levels))
    return found


def _relative_levels(
    values: Float32s, step: float, origin: float, nudge: float, linear: int, width: float
) -> Floats:
    """The numbers, before rounding, whose nearest integers are those of the values."""
    signed = values.astype(np.float64)
    size = np.abs(signed)
    logarithms = exact_math.log2(np.clip(size, SMALLEST, LARGEST))
    levels: Floats = (logarithms * (1 / step) + (nudge - origin) / step) * np.sign(signed)
    if linear:
        limit = just_below(linear + 0.5)
        cells = np.clip(signed / width, -limit, limit)
        levels = np.where(size < (linear + 0.5) * width, cells, levels)
    return levels


def just_below(number: float) -> float:
    """The float64 before a positive one: half an integer is not rounded up."""
    return math.nextafter(number, 0)


@accelerated("atlasae.quantization.kernels")
def find_breaks(
    values: Float32s,
    restored: Float32s,
    relative: float,
    floor: float,
    absolute: float,
    breaks: NDArray[np.bool_],
) -> int:
    """Find the values that are not finite, or restored with too large an error or a lost sign.

    The largest error allowed is ``relative * max(abs(value), floor) + absolute``.

    Returns:
        How many there are.
    """
    originals = values.astype(np.float64)
    error = np.abs(restored.astype(np.float64) - originals)
    bound = relative * np.maximum(np.abs(originals), floor) + absolute
    breaks[:] = ~(error <= bound) | ~np.isfinite(values) | is_zero_of_other_sign(values, restored)
    return int(np.count_nonzero(breaks))


def is_zero_of_other_sign(values: Values, restored: Values) -> NDArray[np.bool_]:
    """Which values are zero, and restored with the other sign: -0.0 as 0.0."""
    turned = np.signbit(values) != np.signbit(restored)
    other: NDArray[np.bool_] = (values == 0) & turned
    return other


@accelerated("atlasae.quantization.kernels")
def sum_of(integers: Integers32) -> int:
    """The sum of integers."""
    return int(integers.sum(dtype=np.int64))


@accelerated("atlasae.quantization.kernels")
def find_in_windows(
    values: Float32s,
    marks: Classes,
    starts: Floats,
    ends: Floats,
    rows: Integers32,
    first: Integers32,
    number: Integers32,
) -> int:
    """Find the values that are in windows, ranges that may overlap.

    Args:
        values: shape (n,).
        marks: 1 for each pattern of the upper ``MARK_BITS`` bits that a value in a window can have,
            else 0: sign, exponent and some of the mantissa; shape (2^MARK_BITS,).
        starts: of the windows, ascending, shape (windows,).
        ends: of the windows, ascending, which belong to them.
        rows: filled in with the places of the values found, ascending, shape (n,).
        first: filled in with the first window of each.
        number: filled in with the number of its windows.

    Returns:
        How many there are.
    """
    upper = np.asarray(values, np.float32).view(np.uint32) >> np.uint32(32 - MARK_BITS)
    found = np.flatnonzero(marks[upper])
    begins = np.searchsorted(ends, values[found])
    within = np.searchsorted(starts, values[found], "right") - begins
    is_in = within > 0
    count = int(np.count_nonzero(is_in))
    rows[:count], first[:count], number[:count] = found[is_in], begins[is_in], within[is_in]
    return count


@accelerated("atlasae.quantization.kernels")
def sort_runs(
    values: Float32s,
    follows: NDArray[np.bool_],
    relative: float,
    floor: float,
    absolute: float,
    rows: Integers32,
) -> int:
    """Sort each run of values in place, so that it descends, and find those near the one before.

    Near is at most ``relative * max(abs(before), floor) + absolute`` below it, or NaN.

    Args:
        values: shape (n,). NaN stays where it is, and parts a run in two.
        follows: whether each is in the run of the one before it, shape (n,).
        relative: share of the value before.
        floor: of that value.
        absolute: distance.
        rows: filled in with the places of the values found, ascending, shape (n,).

    Returns:
        How many there are.
    """
    parted = np.isnan(values)
    begins = ~follows | parted
    begins[1:] |= parted[:-1]
    rises = np.flatnonzero(~begins[1:] & (values[1:] > values[:-1])) + 1
    if len(rises):
        runs = np.cumsum(begins)
        unsorted = np.flatnonzero(np.isin(runs, runs[rises]))
        order = np.lexsort((-values[unsorted], runs[unsorted]))
        values[unsorted] = values[unsorted][order]
    near = _is_near(values[:-1], values[1:], relative, floor, absolute)
    found = np.flatnonzero(follows[1:] & near) + 1
    rows[: len(found)] = found
    return len(found)


def _is_near(
    before: Values, values: Values, relative: float, floor: float, absolute: float
) -> NDArray[np.bool_]:
    """Which values are not far below those before them, or NaN; see ``sort_runs``."""
    exact = before.astype(np.float64)
    window = relative * np.maximum(np.abs(exact), floor) + absolute
    near: NDArray[np.bool_] = ~(exact - values.astype(np.float64) > window)
    return near
