"""Inputs of the networks in integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlasae.density.networks import INPUT_LIMIT

if TYPE_CHECKING:
    from atlasae.types import Float32s

_LARGEST_SPREAD = 150.0  # standard deviation of scaled inputs, at most
_LARGEST_CENTER = 2.0**60


@dataclass(frozen=True)
class InputScale:
    """Scale of the inputs of a group of jets: floor(row * factor - center), clipped.

    Attributes:
        factors: powers of two, or 0, shape (rows,).
        centers: integers, shape (rows,).

    Example:
        >>> import numpy as np
        >>> scale = InputScale.fit(np.array([[0.0, 1.0, 2.0]], np.float32))
        >>> inputs = ScaledInputs(scale, 2)
        >>> inputs.add([np.array([0.0, 2.0], np.float32)])
        >>> inputs.matrix
        array([[   1.,    1.],
               [-128.,  128.]], dtype=float32)
    """

    factors: Float32s
    centers: Float32s

    @classmethod
    def none(cls) -> InputScale:
        """The scale of no inputs."""
        return cls(np.zeros(0, np.float32), np.zeros(0, np.float32))

    @classmethod
    def fit(cls, rows: Float32s) -> InputScale:
        """Scale each row to a standard deviation between 75 and 150, shape (rows, n)."""
        spread = rows.std(axis=1, dtype=np.float64) if rows.size else np.ones(len(rows))
        powers = np.floor(np.log2(_LARGEST_SPREAD / np.maximum(spread, 1e-20)))
        factors = np.where(spread > 0, 2.0 ** np.clip(powers, -60, 60), 0)
        mean = rows.mean(axis=1, dtype=np.float64) if rows.size else np.zeros(len(rows))
        factors[np.abs(mean) * factors > _LARGEST_CENTER] = 0  # the spread is rounding alone
        return cls(factors.astype(np.float32), np.rint(mean * factors).astype(np.float32))

    def first(self, count: int) -> InputScale:
        """The scale of the first rows alone."""
        return InputScale(self.factors[:count], self.centers[:count])

    def apply(self, rows: list[Float32s], start: int, out: Float32s) -> None:
        """Scale rows, of which the first has index ``start``, into ``out``."""
        for row, factor, scaled in zip(rows, self.factors[start:], out, strict=False):
            np.multiply(row, factor, out=scaled)
        out -= self.centers[start : start + len(out), None]
        np.floor(out, out=out)
        np.clip(out, -INPUT_LIMIT, INPUT_LIMIT, out=out)


class ScaledInputs:
    """The inputs of some jets in integers, below a row of ones.

    Attributes:
        matrix: shape (1 + rows, count), float32.
    """

    def __init__(self, scale: InputScale, count: int) -> None:
        self.scale = scale
        self.matrix = np.empty((1 + len(scale.factors), count), np.float32)
        self.matrix[0] = 1
        self.filled = 0

    def add(self, rows: list[Float32s]) -> None:
        """Scale and add rows; those beyond the scale's are ignored."""
        out = self.matrix[1 + self.filled :][: len(rows)]
        if len(out):
            self.scale.apply(rows, self.filled, out)
            self.filled += len(out)
