"""Subtractive dither: a lattice that is shifted by another share of a step for each value."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from atlasae.quantization.arithmetic import BEYOND, GOLDEN, mixed, shifts, with_zero, without_zero
from atlasae.quantization.quantizer import Quantizer
from atlasae.quantization.quantizers import LARGEST_INTEGER, StepQuantizer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from atlasae.types import Integers, Integers32, Values

FEATURE_STEP = 0x6C8E9CF5  # odd, of ``key_of``
SEED_VALUES = 4096  # of each column, about


@dataclass(frozen=True)
class DitheredQuantizer(Quantizer):
    """A quantizer whose lattice is shifted for each row, by a share of a step that the key gives.

    With shifts *u* from -1/2 to 1/2, a value at the level *l*, in steps, becomes the integer nearest to
    *l + u*, whose value is at that integer less *u*. The error is uniform within half a step
    whatever the value is, so it has no mean and a spectrum gets no comb: L. Schuchman, Dither signals
    and their effect on quantization noise, IEEE Trans. Commun. Technol. 12 (1964) 162.

    The bound is that without dither. A cell is as wide, and in a relative quantizer its value has the
    same relative distance from both ends wherever it lies. Where linear cells meet logarithmic ones, a
    cell can have a part of each kind; its value is of the kind that its middle has. Levels are
    continuous there, and beyond the edge both the step and the tolerance grow with the value, so the
    other part is as near as a whole cell would be.

    Zero has an integer of its own, 0; integers from 0 on are counted from 1 on. So have both signs of
    a magnitude that many values share. These values are restored bit for bit. Other integers are in
    the order of the values, up to a step.

    Attributes:
        steps: the quantizer without dither.
        key: 32 bits that the shifts come from; see ``arithmetic.shifts``.
        exact: magnitudes with integers of their own, ascending.

    Example:
        >>> from atlasae.quantization.quantizers import AbsoluteQuantizer
        >>> quantizer = DitheredQuantizer("float32", AbsoluteQuantizer("float32", 0.5), key=1)
        >>> values = np.array([0.0, 1.2, 1.2, 1.2], np.float32)
        >>> quantizer.to_integers(values)
        array([0, 3, 3, 3])
        >>> quantizer.to_values(quantizer.to_integers(values)).round(3)
        array([0.   , 1.206, 0.963, 1.205], dtype=float32)
    """

    kind: ClassVar[str] = "dithered"
    steps: StepQuantizer
    key: int
    exact: tuple[float, ...] = ()

    def from_row(self, row: int) -> DitheredQuantizer:
        return replace(self, key=(self.key + row * GOLDEN) % 2**32) if row else self

    def _quantize(self, values: Values) -> Values:
        levels = self.steps.levels(values)
        levels += shifts(self.key, len(values))
        whole = np.clip(np.rint(levels), -LARGEST_INTEGER, LARGEST_INTEGER)
        integers = with_zero(whole, values).astype(np.int64)
        self._set_exact(integers, values)
        return integers

    def _dequantize(self, integers: Integers) -> Values:
        others = self._without_exact(integers)
        values = self.steps.values_at(without_zero(others) - shifts(self.key, len(integers)))
        values[others == 0] = 0
        self._restore_exact(values, integers)
        return values

    def _quantize_narrow(self, values: Values) -> Integers32:
        integers = self.steps.dithered_integers(values, self.key)
        self._set_exact(integers, values)
        return integers

    def _dequantize_narrow(self, integers: Integers32) -> Values:
        values = self.steps.dithered_values(self._without_exact(integers), self.key)
        self._restore_exact(values, integers)
        return values

    @cached_property
    def _exact_integers(self) -> list[int]:
        """The sizes of the integers of the exact magnitudes, ascending."""
        if not self.exact:
            return []
        magnitudes = np.array(self.exact, self.dtype)
        nearest = np.clip(self.steps.to_integers(magnitudes), 1, int(BEYOND))
        return [int(integer) + i for i, integer in enumerate(nearest)]

    def _set_exact(self, integers: NDArray[np.signedinteger], values: Values) -> None:
        """Make room for the integers of exact magnitudes, and set those of values that have them."""
        for own in self._exact_integers:
            integers += np.sign(integers) * (np.abs(integers) >= own)
        for magnitude, own in zip(self.exact, self._exact_integers, strict=True):
            for signed in (magnitude, -magnitude):
                integers[values == signed] = int(np.copysign(own, signed))

    def _without_exact(self, integers: NDArray[np.signedinteger]) -> NDArray[np.signedinteger]:
        """The integers, where exact magnitudes have none."""
        for own in reversed(self._exact_integers):
            integers = integers - np.sign(integers) * (np.abs(integers) > own)
        return integers

    def _restore_exact(self, values: Values, integers: NDArray[np.signedinteger]) -> None:
        for magnitude, own in zip(self.exact, self._exact_integers, strict=True):
            values[integers == own] = magnitude
            values[integers == -own] = -magnitude


def key_of(seed: int | None, feature: int) -> int:
    """The key of the shifts of a feature in a block.

    Args:
        seed: 32 bits, of the block; None for one without dither, whose key is 0.
        feature: its index in the order of coding.

    Example:
        >>> key_of(seed=1, feature=0), key_of(seed=1, feature=1)
        (3800263606, 1321926173)
    """
    if seed is None:
        return 0
    return int(mixed(np.array([(seed + (feature + 1) * FEATURE_STEP) % 2**32], np.uint32))[0])


def seed_of(columns: Mapping[str, Values]) -> int:
    """A seed that depends on the values of a block: the CRC-32 of some of each column.

    The same values give the same seed, so the same file gives the same bytes.
    """
    seed = 0
    for values in columns.values():
        some = values[:: max(len(values) // SEED_VALUES, 1)]
        seed = zlib.crc32(some.astype(some.dtype.newbyteorder("<")).tobytes(), seed)
    return seed
