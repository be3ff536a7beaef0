"""The kernels of ``arithmetic``; their references are there."""

from __future__ import annotations

import numpy as np
from numba import float32, float64, int32, int64, njit

from atlasae import exact_math
from atlasae.kernel_compiler import kernel
from atlasae.kernel_math import (
    bits_of_float32,
    bits_of_float64,
    exp2_of_fraction,
    float64_of_bits,
    log2_of_mantissa,
)
from atlasae.quantization.arithmetic import BEYOND, LARGEST, SMALLEST, TOP

_BIAS = 1023  # of the exponent bits of a float64
_FROM_BIAS = int64((_BIAS << 52) - exact_math.SQRT_BITS)  # so that exponents count from 1023


@kernel("void(int32[::1], float64, float64, int64, float64, float32[::1])")
def relative_values(integers, step, origin, linear, width, values):
    limit = int32(linear)
    for i in range(len(values)):
        integer = integers[i]
        exponent = min(max(abs(float64(integer)) * step + origin, -126.0), TOP)
        whole = np.rint(exponent)
        scale = float64_of_bits(int64(int32(whole) + int32(_BIAS)) << 52)
        power = exp2_of_fraction(exponent - whole) * scale
        signed = power if integer >= 0 else -power
        is_linear = integer <= limit and integer >= -limit
        values[i] = float32(float64(integer) * width if is_linear else signed)


@kernel("void(float32[::1], float64, float64, float64, int64, float64, int32[::1])")
def relative_integers(values, step, origin, nudge, linear, width, integers):
    inverse, shift, edge = 1 / step, (nudge - origin) / step, (linear + 0.5) * width
    most = float64(linear)
    for i in range(len(values)):
        value = float64(values[i])
        size = abs(value)
        bits = bits_of_float64(min(max(size, SMALLEST), LARGEST))
        biased = (bits + _FROM_BIAS) >> 52
        mantissa = float64_of_bits(bits - (biased << 52) + int64(_BIAS << 52))
        level = float64(int32(biased) - int32(_BIAS)) + log2_of_mantissa(mantissa)
        whole = np.rint(level * inverse + shift)
        signed = whole if value > 0 else -whole
        signed = 0.0 if value == 0 else signed
        if linear > 0:
            cell = min(max(np.rint(value / width), -most), most)
            signed = cell if size < edge else signed
        integers[i] = int32(min(max(signed, -BEYOND), BEYOND))


@njit
def absolute_value(integer, step):
    """The value of an integer: a multiple of the step."""
    return float32(min(max(float64(integer) * step, -LARGEST), LARGEST))


@njit
def absolute_integer(value, step):
    """The integer of a value: the nearest multiple of the step."""
    return int32(min(max(np.rint(float64(value) / step), -BEYOND), BEYOND))


@kernel("void(int32[::1], float64, float32[::1])")
def absolute_values(integers, step, values):
    for i in range(len(values)):
        values[i] = absolute_value(integers[i], step)


@kernel("void(float32[::1], float64, int32[::1])")
def absolute_integers(values, step, integers):
    for i in range(len(values)):
        integers[i] = absolute_integer(values[i], step)


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
