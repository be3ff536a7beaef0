"""Functions of arrays that give the same bits on every machine.

They use only elementwise + - * /, square roots and the bits of floats, which IEEE 754 defines
exactly. The sin, cos, atan2, log and exp of maths libraries differ from each other in the last bit.
The float32 functions here need not be accurate; their error is about 1e-5. They are written for
arrays in numpy and for the scalars of a compiled loop alike.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from atlasae.types import Float32s, Floats


PI = np.float32(np.pi)
LN2 = 0.6931471805599453
# ln(2)^k / k!, the Taylor series of 2^f; for abs(f) <= 1/2 the remainder is below 2e-16. Each
# product and quotient is correctly rounded, so these numbers are the same everywhere.
_POWERS = tuple(accumulate(range(1, 13), lambda power, k: power * LN2 / k, initial=1.0))[::-1]
# the first of them; the remainder is 2e-7
_NARROW_POWERS = tuple(np.float32(power) for power in _POWERS[-7:])
# 2 / ln(2) / (2 k + 1), highest first; for mantissas from sqrt(1/2) to sqrt(2) the rest is 1e-17
_LOG2 = tuple(2 / LN2 / (2 * k + 1) for k in range(10, -1, -1))
SQRT_BITS = 0x3FE6A09E667F3BCD  # of the float64 sqrt(1/2)
_TURN = np.float32(2 * np.pi)
_PER_TURN = np.float32(0.5 / np.pi)
TO_WHOLE = np.float32(1.5 * 2.0**23)  # a sum with it has no fraction,
WHOLE_BITS = 0x4B400000  # and bits that are those of it plus the integer
TANH_LIMIT = np.float32(10)  # the tangent of all that is larger is 1
TANH_SCALE = np.float32(-2 / LN2)
_HALF, _ONE, _TWO, _TINY = (np.float32(x) for x in (0.5, 1, 2, 1e-30))
_SIN = tuple(np.float32(c) for c in (-1 / 39916800, 1 / 362880, -1 / 5040, 1 / 120, -1 / 6, 1))
_COS = tuple(np.float32(c) for c in (-1 / 3628800, 1 / 40320, -1 / 720, 1 / 24, -1 / 2, 1))
# minimax polynomial for atan on [0, 1]: Abramowitz and Stegun, 4.4.49, with refitted coefficients
_ATAN = tuple(
    np.float32(c)
    for c in (-0.01172120, 0.05265332, -0.11643287, 0.19354346, -0.33262347, 0.99997726)
)


def cos_sin(angle: Float32s) -> tuple[Float32s, Float32s]:
    """Cosine and sine of angles from about -2 pi to 2 pi, float32.

    Example:
        >>> cosine, sine = cos_sin(np.array([0.0, np.pi / 2], np.float32))
        >>> cosine.round(3), sine.round(3)
        (array([1., 0.], dtype=float32), array([0., 1.], dtype=float32))
    """
    half = angle * _HALF
    square = half * half
    sine, cosine = _SIN[0] * square + _SIN[1], _COS[0] * square + _COS[1]
    for coefficient in _SIN[2:]:
        sine = sine * square + coefficient
    for coefficient in _COS[2:]:
        cosine = cosine * square + coefficient
    sine = half * sine
    return _ONE - _TWO * sine * sine, _TWO * sine * cosine


def arctan2(y: Float32s, x: Float32s) -> Float32s:
    """The angle of (x, y), from -pi to pi, float32.

    Source: M. Abramowitz and I. Stegun, Handbook of Mathematical Functions, 4.4.49.

    Example:
        >>> arctan2(np.array([1.0], np.float32), np.array([-1.0], np.float32)).round(3)
        array([2.356], dtype=float32)
    """
    width, height = np.abs(x), np.abs(y)
    slope = np.minimum(width, height) / np.maximum(np.maximum(width, height), _TINY)
    square = slope * slope
    angle = _ATAN[0] * square + _ATAN[1]
    for coefficient in _ATAN[2:]:
        angle = angle * square + coefficient
    angle = slope * angle
    is_steep, is_left = np.float32(height > width), np.float32(x < 0)
    angle = angle + is_steep * (PI * _HALF - _TWO * angle)
    angle = angle + is_left * (PI - _TWO * angle)
    signed: Float32s = np.copysign(angle, y)
    return signed


def tanh(x: Float32s) -> Float32s:
    """Hyperbolic tangents, float32, to an error of 2e-7.

    With p = exp(-2 abs(x)) it is (1 - p) / (1 + p), of the sign of x.

    Example:
        >>> tanh(np.array([-0.5, 100.0], np.float32)).round(4)
        array([-0.4621,  1.    ], dtype=float32)
    """
    size = np.abs(x)
    exponent = np.where(size > TANH_LIMIT, TANH_LIMIT, size) * TANH_SCALE
    shifted = exponent + TO_WHOLE
    scale = ((shifted.view(np.int32) - (WHOLE_BITS - 127)) << 23).view(np.float32)
    power = narrow_exp2_of_fraction(exponent - (shifted - TO_WHOLE)) * scale
    result = (_ONE - power) / (_ONE + power)
    return np.where(x < 0, -result, result)


def wrap(angle: Float32s) -> Float32s:
    """Angles wrapped to [-pi, pi], float32.

    Example:
        >>> wrap(np.array([4.0], np.float32)).round(3)
        array([-2.283], dtype=float32)
    """
    wrapped: Float32s = angle - np.rint(angle * _PER_TURN) * _TURN
    return wrapped


def exp2(exponents: Floats) -> Floats:
    """2 to the power of each exponent, float64, to a relative error of 1e-15.

    The results must be normal numbers: the exponents lie in [-1022, 1024).

    Example:
        >>> exp2(np.array([3.0, -0.5]))
        array([8.        , 0.70710678])
    """
    whole = np.rint(exponents)
    powers = exp2_of_fraction(exponents - whole)
    # add the integer part to the exponent bits
    powers.view(np.int64)[...] += whole.astype(np.int64) << 52
    return powers


def exp2_of_fraction(fraction: Floats) -> Floats:
    """2 to the power of numbers from -1/2 to 1/2, float64; also of the scalars of a kernel."""
    power = fraction * _POWERS[0] + _POWERS[1]
    for coefficient in _POWERS[2:]:
        power = power * fraction + coefficient
    return power


def narrow_exp2_of_fraction(fraction: Float32s) -> Float32s:
    """The same in float32, to a relative error of 3e-7."""
    power = fraction * _NARROW_POWERS[0] + _NARROW_POWERS[1]
    for coefficient in _NARROW_POWERS[2:]:
        power = power * fraction + coefficient
    return power


def log2(numbers: Floats) -> Floats:
    """Logarithm to base 2 of normal positive numbers, float64, to an error of 1e-14.

    Example:
        >>> log2(np.array([8.0, 0.5]))
        array([ 3., -1.])
    """
    bits = numbers.view(np.int64)
    exponents = (bits - SQRT_BITS) >> 52
    mantissas = (bits - (exponents << 52)).view(np.float64)
    return exponents + log2_of_mantissa(mantissas)


def log2_of_mantissa(mantissa: Floats) -> Floats:
    """Logarithm to base 2 of numbers from 0.7 to 1.42, float64; also of the scalars of a kernel.

    By the series of the inverse hyperbolic tangent of (m - 1) / (m + 1).
    """
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    square = ratio * ratio
    total = square * _LOG2[0] + _LOG2[1]
    for coefficient in _LOG2[2:]:
        total = total * square + coefficient
    return total * ratio
