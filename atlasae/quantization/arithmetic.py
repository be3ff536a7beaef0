"""The arithmetic of quantizers on float32 and int32, which most columns have.

The functions in numpy are the references of kernels; wider types take the general way of
``quantizers``. Integers beyond 2^30 in size become 2^30: no lattice uses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae import exact_math
from atlasae.compiled import accelerated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.types import Float32s, Integers32, Values

LARGEST = float(np.finfo(np.float32).max)
SMALLEST = 2.0**-149  # the smallest subnormal
TOP = 128 - 0.75 * 2.0**-23  # log2 of the largest value, as precise as float64 allows
BEYOND = float(1 << 30)


@accelerated("atlasae.quantization.kernels")
def relative_values(
    integers: Integers32, step: float, origin: float, linear: int, width: float, values: Float32s
) -> None:
    """Fill in the values of integers; see ``RelativeQuantizer`` for the parameters."""
    signed = integers.astype(np.float64)
    size = np.abs(signed)
    power = exact_math.exp2(np.clip(size * step + origin, -126.0, TOP))
    values[:] = np.where(size <= linear, signed * width, np.copysign(power, signed))


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
    signed = values.astype(np.float64)
    size = np.abs(signed)
    levels = exact_math.log2(np.clip(size, SMALLEST, LARGEST))
    whole = np.rint(levels * (1 / step) + (nudge - origin) / step) * np.sign(signed)
    if linear:
        cells = np.clip(np.rint(signed / width), -linear, linear)
        whole = np.where(size < (linear + 0.5) * width, cells, whole)
    integers[:] = np.clip(whole, -BEYOND, BEYOND)


@accelerated("atlasae.quantization.kernels")
def absolute_values(integers: Integers32, step: float, values: Float32s) -> None:
    """Fill in the values of integers: multiples of the step."""
    values[:] = np.clip(integers * step, -LARGEST, LARGEST)


@accelerated("atlasae.quantization.kernels")
def absolute_integers(values: Float32s, step: float, integers: Integers32) -> None:
    """Fill in the integers of values: the nearest multiples of the step."""
    integers[:] = np.clip(np.rint(values.astype(np.float64) / step), -BEYOND, BEYOND)


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
