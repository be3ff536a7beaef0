"""Functions of arrays that give the same bits on every machine.

They use only elementwise + - * /, square roots and the bits of floats, which IEEE 754 defines
exactly. The sin, cos, atan2, log and exp of maths libraries differ from each other in the last bit.
The float32 functions here need not be accurate; their error is about 1e-5.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from atlasae.types import Float32s, Floats


PI = np.float32(np.pi)
LN2 = 0.6931471805599453
# ln(2)^k / k!, the Taylor series of 2^f; for abs(f) <= 1/2 the remainder is below 2e-16. Each
# product and quotient is correctly rounded, so these numbers are the same everywhere.
_POWERS = tuple(accumulate(range(1, 13), lambda power, k: power * LN2 / k, initial=1.0))
_TWO_PI = np.float32(2 * np.pi)
_SIN = (1, -1 / 6, 1 / 120, -1 / 5040, 1 / 362880, -1 / 39916800)
_COS = (1, -1 / 2, 1 / 24, -1 / 720, 1 / 40320, -1 / 3628800)
# minimax polynomial for atan on [0, 1]: Abramowitz and Stegun, 4.4.49, with refitted coefficients
_ATAN = (0.99997726, -0.33262347, 0.19354346, -0.11643287, 0.05265332, -0.01172120)


def _polynomial(x: NDArray[Any], coefficients: Sequence[float]) -> Float32s:
    y = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        y *= x
        y += np.float32(coefficient)
    return y


def cos_sin(angle: Float32s) -> tuple[Float32s, Float32s]:
    """Cosine and sine of angles from about -2 pi to 2 pi, float32.

    Example:
        >>> cosine, sine = cos_sin(np.array([0.0, np.pi / 2], np.float32))
        >>> cosine.round(3), sine.round(3)
        (array([1., 0.], dtype=float32), array([0., 1.], dtype=float32))
    """
    half = angle * np.float32(0.5)
    square = half * half
    sine, cosine = half * _polynomial(square, _SIN), _polynomial(square, _COS)
    return np.float32(1) - np.float32(2) * sine * sine, np.float32(2) * sine * cosine


def arctan2(y: Float32s, x: Float32s) -> Float32s:
    """The angle of (x, y), from -pi to pi, float32.

    Source: M. Abramowitz and I. Stegun, Handbook of Mathematical Functions, 4.4.49.

    Example:
        >>> arctan2(np.array([1.0], np.float32), np.array([-1.0], np.float32)).round(3)
        array([2.356], dtype=float32)
    """
    width, height = np.abs(x), np.abs(y)
    larger = np.maximum(np.maximum(width, height), np.float32(1e-30))
    slope = np.minimum(width, height) / larger
    angle = slope * _polynomial(slope * slope, _ATAN)
    np.subtract(PI / np.float32(2), angle, out=angle, where=height > width)
    np.subtract(PI, angle, out=angle, where=x < 0)
    signed: Float32s = np.copysign(angle, y)
    return signed


def wrap(angle: Float32s) -> Float32s:
    """Angles wrapped to [-pi, pi], float32.

    Example:
        >>> wrap(np.array([4.0], np.float32)).round(3)
        array([-2.283], dtype=float32)
    """
    turns = angle * np.float32(0.5 / np.pi)
    np.rint(turns, out=turns)
    turns *= _TWO_PI
    return angle - turns


def log2(x: Float32s) -> Float32s:
    """Base-2 logarithm of positive numbers, linear between powers of two, float32.

    Example:
        >>> log2(np.array([8.0, 12.0], np.float32))
        array([3. , 3.5], dtype=float32)
    """
    return (x.view(np.int32) - np.int32(127 << 23)).astype(np.float32) * np.float32(2.0**-23)


def exp2(exponents: Floats) -> Floats:
    """2 to the power of each exponent, float64, to a relative error of 1e-15.

    The results must be normal numbers: the exponents lie in [-1022, 1024).

    Example:
        >>> exp2(np.array([3.0, -0.5]))
        array([8.        , 0.70710678])
    """
    whole = np.rint(exponents)
    fraction = exponents - whole
    powers = fraction * _POWERS[-1]
    for coefficient in _POWERS[-2:0:-1]:
        powers += coefficient
        powers *= fraction
    powers += _POWERS[0]
    # add the integer part to the exponent bits
    powers.view(np.int64)[...] += whole.astype(np.int64) << 52
    return powers
