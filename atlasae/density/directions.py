"""Azimuthal angles in the exact arithmetic that encoder and decoder share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from atlasae import exact_math

if TYPE_CHECKING:
    from atlasae.types import Float32s, Integers


class Direction(NamedTuple):
    """The direction of momenta in the transverse plane, one per event.

    Attributes:
        angle: from the leading jet, in radians.
        cosine, sine: of the angle.
        square: squared size of the momentum, in units of the leading pt.
    """

    angle: Float32s
    cosine: Float32s
    sine: Float32s
    square: Float32s

    def at(self, chunk: slice) -> Direction:
        """The directions of some of the events."""
        return Direction(*(column[chunk] for column in self))

    def relative(self, cosine: Float32s, sine: Float32s) -> tuple[Float32s, Float32s]:
        """Cosine and sine of other angles measured from this direction."""
        return cosine * self.cosine + sine * self.sine, sine * self.cosine - cosine * self.sine


def recoil_of(x: Float32s, y: Float32s, jets: int) -> Direction:
    """The direction opposite to the summed momentum of the first ``jets`` jets of each event.

    The x axis points along the leading jet.
    """
    if jets == 1:  # opposite to the leading jet, without rounding
        one = np.ones_like(x)
        return Direction(np.full_like(x, exact_math.PI), -one, np.zeros_like(x), one)
    square = x * x + y * y + np.float32(1e-6)
    size: Float32s = np.sqrt(square)
    return Direction(exact_math.arctan2(-y, -x), -x / size, -y / size, square)


def wrap_steps(values: Integers, circle: int) -> Integers:
    """Integer angles wrapped to within half a circle of zero; unchanged if the circle is 0.

    Example:
        >>> import numpy as np
        >>> wrap_steps(np.array([-3, 4, 9]), 9)
        array([-3,  4,  0])
    """
    half = circle // 2
    return (values + half) % circle - half if circle else values
