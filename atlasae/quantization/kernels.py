"""The kernels of ``arithmetic``; their references are there."""

from __future__ import annotations

import numpy as np
from numba import float32, float64, int32, int64, njit, uint64

from atlasae import exact_math
from atlasae.kernel_compiler import kernel
from atlasae.kernel_math import (
    bits_of_float32,
    bits_of_float64,
    exp2_of_fraction,
    float64_of_bits,
    folded32,
    log2_of_mantissa,
    product32,
    sum32,
)
from atlasae.quantization.arithmetic import (
    BEYOND,
    FIRST_FACTOR,
    GOLDEN,
    LARGEST,
    MARK_BITS,
    SECOND_FACTOR,
    SHIFT_UNIT,
    SMALLEST,
    TOP,
)

_BIAS = 1023  # of the exponent bits of a float64
# the same 32 bits, as signed numbers
_GOLDEN, _FIRST_FACTOR, _SECOND_FACTOR = (
    factor - (1 << 32) for factor in (GOLDEN, FIRST_FACTOR, SECOND_FACTOR)
)
_UNMARKED, _MARKS = 32 - MARK_BITS, (1 << MARK_BITS) - 1
_AT_ONCE = 32  # values in which few rare ones are looked for: a loop without branches
_FROM_BIAS = int64((_BIAS << 52) - exact_math.SQRT_BITS)  # so that exponents count from 1023


@njit
def fill_shifts(key, shifts):
    """Fill in the shifts of rows, in units; in a loop of its own, which has numbers of 32 bits only."""
    for row in range(len(shifts)):
        bits = sum32(product32(int32(row), int32(_GOLDEN)), int32(key))
        bits = product32(folded32(bits, int32(16)), int32(_FIRST_FACTOR))
        bits = product32(folded32(bits, int32(13)), int32(_SECOND_FACTOR))
        shifts[row] = int32(folded32(bits, int32(16)) >> 8)


@njit
def with_zero(whole, value):
    """The integer of a value, where zero has one of its own."""
    integer = int32(min(max(whole, -BEYOND), BEYOND))
    counted = int32(integer + int32(integer >= 0))
    return int32(0) if value == 0 else counted


@njit
def level_of(integer, shift):
    """Where the value of an integer lies."""
    return float64(int32(integer - int32(integer > 0))) - float64(shift) * SHIFT_UNIT


@njit
def relative_at(level, step, origin, edge, width):
    """The value at an integer, or at a number between them; linear up to the edge."""
    size = abs(level)
    exponent = min(max(size * step + origin, -126.0), TOP)
    whole = np.rint(exponent)
    scale = float64_of_bits(int64(int32(whole) + int32(_BIAS)) << 52)
    power = exp2_of_fraction(exponent - whole) * scale
    signed = power if level >= 0 else -power
    return float32(level * width if size <= edge else signed)


@njit
def relative_level(value, inverse, shift):
    """The number, before rounding, whose nearest integer is that of a value, if it has no floor."""
    bits = bits_of_float64(min(max(abs(value), SMALLEST), LARGEST))
    biased = (bits + _FROM_BIAS) >> 52
    mantissa = float64_of_bits(bits - (biased << 52) + int64(_BIAS << 52))
    logarithm = float64(int32(biased) - int32(_BIAS)) + log2_of_mantissa(mantissa)
    size = logarithm * inverse + shift
    signed = size if value > 0 else -size
    return 0.0 if value == 0 else signed


@njit
def linear_level(value, width, limit, edge, otherwise):
    """The number before rounding of a value below the edge."""
    cell = min(max(value / width, -limit), limit)
    return cell if abs(value) < edge else otherwise


@kernel("void(int32[::1], float64, float64, int64, float64, float32[::1])")
def relative_values(integers, step, origin, linear, width, values):
    edge = linear + 0.5
    for i in range(len(values)):
        values[i] = relative_at(float64(integers[i]), step, origin, edge, width)


@kernel("void(int32[::1], float64, float64, int64, float64, int64, float32[::1])")
def dithered_relative_values(integers, step, origin, linear, width, key, values):
    fill_shifts(key, values)  # replaced one by one
    edge = linear + 0.5
    for i in range(len(values)):
        level = level_of(integers[i], values[i])
        value = relative_at(level, step, origin, edge, width)
        values[i] = float32(0) if integers[i] == 0 else value


@kernel("void(float32[::1], float64, float64, float64, int64, float64, int32[::1])")
def relative_integers(values, step, origin, nudge, linear, width, integers):
    inverse, shift, edge = 1 / step, (nudge - origin) / step, (linear + 0.5) * width
    limit = float64_of_bits(bits_of_float64(linear + 0.5) - 1)
    for i in range(len(values)):
        value = float64(values[i])
        level = relative_level(value, inverse, shift)
        if linear > 0:
            level = linear_level(value, width, limit, edge, level)
        integers[i] = int32(min(max(np.rint(level), -BEYOND), BEYOND))


@kernel("void(float32[::1], float64, float64, float64, int64, float64, int64, int32[::1])")
def dithered_relative_integers(values, step, origin, nudge, linear, width, key, integers):
    fill_shifts(key, integers)  # replaced one by one
    inverse, shift, edge = 1 / step, (nudge - origin) / step, (linear + 0.5) * width
    limit = float64_of_bits(bits_of_float64(linear + 0.5) - 1)
    for i in range(len(values)):
        value = float64(values[i])
        level = relative_level(value, inverse, shift)
        if linear > 0:
            level = linear_level(value, width, limit, edge, level)
        integers[i] = with_zero(np.rint(level + float64(integers[i]) * SHIFT_UNIT), value)


@njit
def absolute_at(level, step):
    """The value at an integer, or at a number between them."""
    return float32(min(max(level * step, -LARGEST), LARGEST))


@njit
def absolute_value(integer, step):
    """The value of an integer: a multiple of the step."""
    return absolute_at(float64(integer), step)


@kernel("void(int32[::1], float64, float32[::1])")
def absolute_values(integers, step, values):
    for i in range(len(values)):
        values[i] = absolute_value(integers[i], step)


@kernel("void(int32[::1], float64, int64, float32[::1])")
def dithered_absolute_values(integers, step, key, values):
    fill_shifts(key, values)  # replaced one by one
    for i in range(len(values)):
        value = absolute_at(level_of(integers[i], values[i]), step)
        values[i] = float32(0) if integers[i] == 0 else value


@njit
def absolute_integer(value, step):
    """The integer of a value: the nearest multiple of the step."""
    return int32(min(max(np.rint(float64(value) / step), -BEYOND), BEYOND))


@kernel("void(float32[::1], float64, int32[::1])")
def absolute_integers(values, step, integers):
    for i in range(len(values)):
        integers[i] = absolute_integer(values[i], step)


@kernel("void(float32[::1], float64, int64, int32[::1])")
def dithered_absolute_integers(values, step, key, integers):
    fill_shifts(key, integers)  # replaced one by one
    for i in range(len(values)):
        value = float64(values[i])
        integers[i] = with_zero(np.rint(value / step + float64(integers[i]) * SHIFT_UNIT), value)


@kernel("int64(float32[::1], float32[::1], float64, float64, float64, boolean[::1])")
def find_breaks(values, restored, relative, floor, absolute, breaks):
    count = 0
    for i in range(len(values)):
        original = float64(values[i])
        error = abs(float64(restored[i]) - original)
        bound = relative * max(abs(original), floor) + absolute
        turned = (bits_of_float32(values[i]) ^ bits_of_float32(restored[i])) < 0
        broken = not (error <= bound) or not (abs(original) <= LARGEST)
        broken |= (original == 0) & turned
        breaks[i] = broken
        count += broken
    return count


@kernel("int64(int32[::1])")
def sum_of(integers):
    total = int64(0)
    for i in range(len(integers)):
        total += int64(integers[i])
    return total


@njit
def count_below(edges, value, or_at):
    """How many edges, which ascend, are below a value, or at it."""
    low, length = 0, len(edges)
    while length:
        half = length >> 1
        edge = edges[low + half]
        is_below = edge < value or (or_at and edge == value)
        low += half + 1 if is_below else 0
        length = length - half - 1 if is_below else half
    return low


@kernel(
    "int64(float32[::1], uint8[::1], float64[::1], float64[::1], int32[::1], int32[::1],"
    " int32[::1])"
)
def find_in_windows(values, marks, starts, ends, rows, first, number):
    count = int64(0)
    for i in range(len(values)):
        if marks[int64(bits_of_float32(values[i])) >> _UNMARKED & _MARKS]:
            value = float64(values[i])
            begins = count_below(ends, value, False)
            within = count_below(starts, value, True) - begins
            if within > 0:
                rows[count], first[count], number[count] = int32(i), int32(begins), int32(within)
                count += 1
    return count


@njit
def is_within(before, value, relative, floor, absolute):
    """Whether a value is not far below the one before it, or NaN."""
    exact = float64(before)
    return not exact - float64(value) > relative * max(abs(exact), floor) + absolute


@njit
def has_rise(values, follows, start, end):
    """Whether some value is above the one that it follows."""
    rises = int32(0)
    for i in range(start, end):
        rises |= int32(follows[i]) & int32(values[i] > values[i - uint64(1)])
    return rises


@njit
def has_near(values, follows, relative, floor, absolute, start, end):
    """Whether some value is near the one that it follows."""
    near = int32(0)
    for i in range(start, end):
        within = is_within(values[i - uint64(1)], values[i], relative, floor, absolute)
        near |= int32(follows[i]) & int32(within)
    return near


@kernel("int64(float32[::1], boolean[::1], float64, float64, float64, int32[::1])")
def sort_runs(values, follows, relative, floor, absolute, rows):
    number = len(values)
    for start in range(1, number, _AT_ONCE):
        end = min(start + _AT_ONCE, number)
        if has_rise(values, follows, uint64(start), uint64(end)):
            for i in range(start, end):
                moved, at = values[i], i
                while at > 0 and follows[at] and values[at - 1] < moved:
                    values[at] = values[at - 1]
                    at -= 1
                values[at] = moved
    count = int64(0)
    for start in range(1, number, _AT_ONCE):
        end = min(start + _AT_ONCE, number)
        if has_near(values, follows, relative, floor, absolute, uint64(start), uint64(end)):
            for i in range(start, end):
                if follows[i] and is_within(values[i - 1], values[i], relative, floor, absolute):
                    rows[count] = int32(i)
                    count += 1
    return count
