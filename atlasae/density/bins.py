"""Bins: ranges of integers. An integer is coded as its bin and its offset in the bin.

The width of a bin is a power of two, so an offset is plain bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from atlasae.coding.entropy import BitClasses
from atlasae.compiled import accelerated
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.types import Classes, Integers, Integers32

MOST_BINS = 255  # and the bin of all other integers
_CELL_BITS = 13
_CELLS = 1 << _CELL_BITS
_LEAST, _ALL = -(1 << 31), 32  # the last bin holds any int32


@dataclass(frozen=True)
class Bins:
    """Ranges of integers, in ascending order; integers in none of them share a last bin.

    Attributes:
        lows: least integer of each bin but the last, shape (k,), int64.
        widths: log2 of the number of integers in each bin but the last, shape (k,), uint8.

    Example:
        >>> import numpy as np
        >>> bins = Bins(np.array([0, 8, 100]), np.array([3, 1, 0], np.uint8))
        >>> bins.find(np.array([7, 9, 10, 100, -1], np.int32))
        array([0, 1, 3, 2, 3], dtype=uint8)
    """

    lows: Integers
    widths: Classes

    def __post_init__(self) -> None:
        ends = self.lows + (1 << self.widths.astype(np.int64))
        inside = len(ends) and self.lows[0] >= _LEAST and ends[-1] <= -_LEAST
        ascending = (ends[:-1] <= self.lows[1:]).all()
        if not (inside and ascending and len(ends) <= MOST_BINS and self.widths.max() < _ALL):
            raise DamagedFileError("the stored density is damaged: its bins are out of order")

    def __len__(self) -> int:
        return len(self.lows) + 1

    @cached_property
    def kinds(self) -> BitClasses:
        """The bins, the last one too, as classes of plain bits."""
        return BitClasses(np.append(self.lows, _LEAST), np.append(self.widths, np.uint8(_ALL)))

    def find(self, values: Integers32) -> Classes:
        """The bin of each integer, shape (n,)."""
        found = np.empty(len(values), np.uint8)
        find_bins(values, self._starts, self.kinds.widths, *self._cells, found)
        return found

    @cached_property
    def _starts(self) -> Integers:
        """Least integer of each bin, and one above all integers."""
        return np.append(self.lows, 1 << _ALL)

    @cached_property
    def _cells(self) -> tuple[Classes, int, int]:
        """Cells of as many integers each, where bins are closest: see ``find_bins``."""
        number = len(self.lows)
        tried = [self._cells_around(most) for most in (number // 2, 3 * number // 4, number - 1)]

        def steps(cells: tuple[Classes, int, int]) -> int:
            firsts, base, shift = cells
            own = np.clip((self.lows - base) >> shift, 0, len(firsts) - 1)
            return int((np.arange(number) - firsts[own]).sum())

        return min(tried, key=steps)

    def _cells_around(self, most: int) -> tuple[Classes, int, int]:
        """Cells around the bins that are closest, one more than ``most`` of them."""
        spans = self.lows[most:] - self.lows[: len(self.lows) - most] + 1
        first = int(spans.argmin())
        shift = max(int(spans[first] - 1).bit_length() - _CELL_BITS, 0)
        room = (_CELLS << shift) - int(spans[first])
        base = max(int(self.lows[first]) - room // 2, int(self.lows[0]))
        cells = min((int(self.lows[-1]) - base >> shift) + 1, _CELLS)
        starts = base + (np.arange(cells) << shift)
        firsts = np.searchsorted(self.lows, starts, side="right") - 1
        firsts[0] = 0  # also the cell of all integers below
        return firsts.astype(np.uint8), base, shift

    def histogram(self, values: Integers32) -> NDArray[np.int64]:
        """Number of integers in each bin."""
        return np.bincount(self.find(values), minlength=len(self))


@accelerated("atlasae.density.kernels")
def find_bins(
    values: Integers32,
    starts: Integers,
    widths: Classes,
    firsts: Classes,  # noqa: ARG001  of the kernel
    base: int,  # noqa: ARG001
    shift: int,  # noqa: ARG001
    found: Classes,
) -> None:
    """Find the bin of each integer.

    Args:
        values: shape (n,), int32.
        starts: least integer of each bin, and one above all integers.
        widths: of the bins and the last one.
        firsts: a bin at or before the first integer of each cell. The first and the last cell also
            have the integers beyond.
        base: the first integer of the first cell.
        shift: log2 of the integers in a cell.
        found: to be filled, shape (n,), uint8.
    """
    last = len(widths) - 1
    index = np.searchsorted(starts[:-1], values, side="right") - 1
    offsets = values - starts[index]
    inside = (index >= 0) & (offsets >> widths[index].astype(np.int64) == 0)
    found[:] = np.where(inside, index, last)
