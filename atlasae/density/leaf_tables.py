"""The tables of the leaves of a tree, in few numbers: logarithms of the probabilities of the bins.

Each bin has a level for all leaves, in eighths of an octave, and a difference from it at each leaf,
in quarters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from atlasae.coding.rans import Tables
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.types import Floats

LEVELS = 129  # from a share of 2^-16 to one
MOST_DIFFERENCE = 63
_OCTAVE = 8  # levels in a factor of two
_STEP = 2  # levels in a difference of one
# powers of two by eighths of an octave, rounded
_POWERS = np.array([round(2 ** (i / _OCTAVE) * 65536) for i in range(_OCTAVE)])


@dataclass(frozen=True)
class LeafTables:
    """Probabilities of bins at each leaf.

    Attributes:
        levels: of the bins, shape (bins,), int64.
        differences: shape (leaves, bins), int64.

    Example:
        >>> import numpy as np
        >>> tables = LeafTables.of(np.array([[0.5, 0.5], [0.25, 0.75]]))
        >>> tables.differences
        array([[ 2, -1],
               [-2,  1]])
        >>> tables.tables.shares().round(2)
        array([[0.5 , 0.5 ],
               [0.26, 0.74]])
    """

    levels: NDArray[np.int64]
    differences: NDArray[np.int64]

    @classmethod
    def of(cls, shares: Floats) -> LeafTables:
        """The tables nearest to probabilities, shape (leaves, bins)."""
        exact = np.maximum(_OCTAVE * np.log2(np.maximum(shares, 1e-9)) + LEVELS - 1, 0)
        levels = np.rint(np.median(exact, axis=0))
        differences = (exact - levels) / _STEP if len(shares) > 1 else np.zeros_like(exact)
        limited = np.clip(np.rint(differences), -MOST_DIFFERENCE, MOST_DIFFERENCE)
        return cls(levels.astype(np.int64), limited.astype(np.int64))

    def __post_init__(self) -> None:
        low, high = self.levels.min(), self.levels.max()
        if low < 0 or high >= LEVELS or np.abs(self.differences).max() > MOST_DIFFERENCE:
            raise DamagedFileError("the stored density is damaged: a probability is out of range")

    @cached_property
    def tables(self) -> Tables:
        """The tables that code the bins."""
        levels = np.clip(self.levels + _STEP * self.differences, 0, LEVELS - 1)
        return Tables.of(_POWERS[levels % _OCTAVE] << levels // _OCTAVE)

    def mean(self) -> LeafTables:
        """The levels of the bins, as the one table of all leaves."""
        return LeafTables(self.levels, np.zeros((1, len(self.levels)), np.int64))
