"""The numbers of a buffer as integers in their order, and back, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from atlasae.types import DType, Integers, Integers32, Values


@dataclass(frozen=True)
class IntegerCode:
    """How numbers of a dtype become integers.

    An integer stands for itself. A float stands for its bit pattern, as sign and size; a negative
    one is the complement of its size, so that the order stays.

    Attributes:
        dtype: of the numbers.
        shift: low bits of the size that are zero in all numbers, as in rounded mantissas.

    Example:
        >>> code = IntegerCode.of(np.array([1.0, -2.0], np.float32))
        >>> code.shift, code.whole(np.array([1.0, -2.0], np.float32))
        (23, array([ 127, -129]))
        >>> code.values(np.array([127, -129]))
        array([ 1., -2.], dtype=float32)
    """

    dtype: DType
    shift: int = 0

    @classmethod
    def of(cls, values: Values) -> IntegerCode:
        """The code with the largest shift that holds these numbers."""
        code = cls(values.dtype)
        if values.dtype.kind != "f":
            return code
        used = int(np.bitwise_or.reduce(code._sizes(values), initial=0))
        return cls(values.dtype, (used & -used).bit_length() - 1 if used else 0)

    def holds(self, values: Values) -> bool:
        """Whether numbers come back bit for bit."""
        if not self.shift:
            return True
        return not int(np.bitwise_or.reduce(self._sizes(values), initial=0)) & (1 << self.shift) - 1

    def whole(self, values: Values) -> Integers:
        """The integers of numbers, int64; those of uint64 from 2^63 on are negative."""
        if self.dtype.kind == "f":
            patterns = self._patterns(values)
            sizes = self._sizes(values) >> self.shift
            sizes ^= patterns >> self._bits - 1  # all bits of a negative one: its complement
            whole: Integers = sizes.astype(np.int64, copy=False)
            return whole
        return values.astype(np.int64)

    def whole_of_other(self, values: Values) -> Integers:
        """The integers of numbers of another dtype: of those next to them in this one."""
        with np.errstate(over="ignore", invalid="ignore"):  # infinite ones, NaN
            return self.whole(values.astype(self.dtype, copy=False))

    def values(self, whole: Integers | Integers32) -> Values:
        """The numbers of integers, int64; or int32 if they take no more."""
        if self.dtype.kind != "f":
            return whole.astype(self.dtype)
        patterns = whole.astype(f"i{self.dtype.itemsize}", copy=False)
        if len(patterns) and int(patterns.min()) < 0:
            signs = patterns >> self._bits - 1  # all bits of a negative one
            patterns = (patterns ^ signs) << self.shift | signs << self._bits - 1
        else:
            patterns = patterns << self.shift
        return patterns.view(self.dtype)

    def exponents(self, whole: Integers) -> Integers:
        """The biased exponents of floats, from their integers."""
        mantissa = 23 if self.dtype.itemsize == 4 else 52
        return (whole ^ whole >> 63) >> max(mantissa - self.shift, 0)

    @property
    def _bits(self) -> int:
        return 8 * self.dtype.itemsize

    def _patterns(self, values: Values) -> Integers:
        patterns: Integers = values.view(f"i{self.dtype.itemsize}")
        return patterns

    def _sizes(self, values: Values) -> Integers:
        patterns = self._patterns(values)
        sizes: Integers = patterns & np.iinfo(patterns.dtype).max
        return sizes

    def differences(self, whole: Integers, reference: Integers) -> Integers:
        """What ``sums`` takes from a reference to integers; int32 holds it, but for 64-bit dtypes."""
        differences = whole - reference
        return differences if self._is_wide else differences.astype(np.int32).astype(np.int64)

    def sums(self, sums: Integers) -> Integers:
        """Sums of a reference and differences as integers of the dtype, as ``whole`` gives them."""
        if self._is_wide:
            return sums
        return sums.astype(np.uint32 if self.dtype.kind == "u" else np.int32).astype(np.int64)

    @property
    def _is_wide(self) -> bool:
        return self.dtype.itemsize == 8
