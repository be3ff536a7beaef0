"""The momenta of an event in the transverse plane, in the exact arithmetic of all machines.

Angles are measured from the leading jet and momenta in units of its pt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae import exact_math

if TYPE_CHECKING:
    from atlasae.types import Float32s, Integers32

SMALL = np.float32(1e-6)
PER_RADIAN = np.float32(4096)


def add_jets(
    angle: Float32s,
    ratio: Float32s,
    x_before: Float32s,
    y_before: Float32s,
    x: Float32s,
    y: Float32s,
    axis: Float32s,
    square: Float32s,
) -> None:
    """Add a jet to the summed momentum of each event, and find the recoil of the sum.

    Args:
        angle: of the jets, in radians, shape (n,), float32; so are the others.
        ratio: their pt.
        x_before: the sum of the jets before, along the leading jet.
        y_before: the sum across it.
        x: to be filled: the new sum, along the leading jet.
        y: to be filled: the sum across it.
        axis: to be filled: the angle opposite to the sum.
        square: to be filled: its squared size.
    """
    cosine, sine = exact_math.cos_sin(angle)
    x[:] = x_before + ratio * cosine
    y[:] = y_before + ratio * sine
    axis[:] = exact_math.arctan2(-y, -x)
    square[:] = x * x + y * y + SMALL


def relative_angles(angle: Float32s, origin: Float32s, found: Float32s) -> None:
    """Angles from others, wrapped to within half a turn, all of shape (n,), float32."""
    found[:] = exact_math.wrap(angle - origin)


def steps(angle: Float32s) -> Integers32:
    """Angles in steps of 1/4096 of a radian.

    Example:
        >>> steps(np.array([0.5], np.float32))
        array([2048], dtype=int32)
    """
    return (angle * PER_RADIAN).astype(np.int32)


def wrap_steps(values: Integers32, circle: int) -> Integers32:
    """Integer angles less than a circle from zero, wrapped to within half a circle.

    Example:
        >>> import numpy as np
        >>> wrap_steps(np.array([-3, 5, 8], np.int32), 9)
        array([-3, -4, -1], dtype=int32)
    """
    half = np.int32(circle // 2)
    wrapped = values - np.int32(circle) * (values > half)
    wrapped += np.int32(circle) * (values < -half)
    return wrapped.astype(np.int32, copy=False)
