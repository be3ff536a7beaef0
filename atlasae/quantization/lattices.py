"""Lattices: the integers of a quantizer in a range that the density models, and their low bits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from atlasae.quantization.dither import DitheredQuantizer
from atlasae.quantization.exceptions import quantize, replace_exceptions
from atlasae.quantization.fitting import frequent_magnitudes
from atlasae.quantization.quantizers import EXCEPTION_BITS, StepQuantizer
from atlasae.quantization.tolerance import LOSSLESS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.quantization.quantizer import Quantizer
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Integers, Integers32, Values

HIGH_BITS = 28  # integers that are modelled are below 2^28 in size: differences fit int32


class Split(NamedTuple):
    """Values as integers.

    Attributes:
        high: the high part, shape (n,).
        low: the low bits, if there are any, shape (n,).
        exceptions: positions of the values that the integers do not hold, ascending.
        values: what the integers of all others stand for, shape (n,).
    """

    high: Integers32
    low: Integers | None
    exceptions: Integers
    values: Values


@dataclass(frozen=True)
class Lattice:
    """A quantizer whose integers are split into a modelled high part and plain low bits.

    Attributes:
        quantizer: of the values.
        low_bits: number of low bits; 0 for most lattices.
        origin: the integer that the high part counts from.
        exact: magnitudes that dither leaves alone, ascending; None for a lattice without dither.

    Example:
        >>> from atlasae.quantization.quantizers import IntegerQuantizer
        >>> lattice = Lattice(IntegerQuantizer("int64"), low_bits=4)
        >>> lattice.join(np.array([2], np.int32), np.array([1]))
        array([33])
    """

    quantizer: Quantizer
    low_bits: int = 0
    origin: int = 0
    exact: tuple[float, ...] | None = None

    @classmethod
    def fit(cls, quantizer: Quantizer, values: Values) -> Lattice:
        """The lattice whose low bits and exceptions take the fewest bits for these values."""
        finite = values[np.isfinite(values)]
        _, lengths = np.frexp(quantizer.to_integers(finite).astype(np.float64))
        low_bits = np.arange(max(int(lengths.max(initial=0)) - HIGH_BITS, 0) + 1)
        beyond = [np.count_nonzero(lengths > HIGH_BITS + bits) for bits in low_bits]
        cost = len(finite) * low_bits + EXCEPTION_BITS * np.array(beyond)
        return cls(quantizer, int(np.argmin(cost)))

    def dithered(self, values: Values) -> Lattice:
        """The same lattice with dither, where it has steps; values that many share are left alone."""
        if not isinstance(self.quantizer, StepQuantizer):
            return self
        magnitudes = frequent_magnitudes(values[np.isfinite(values)])
        return replace(self, exact=tuple(sorted(magnitudes)))

    def quantizer_of(self, key: int) -> Quantizer:
        """The quantizer of a column whose shifts the key gives."""
        if self.exact is None:
            return self.quantizer
        assert isinstance(self.quantizer, StepQuantizer)
        return DitheredQuantizer(self.quantizer.dtype, self.quantizer, key, self.exact)

    def split(self, values: Values, tolerance: Tolerance, key: int = 0) -> Split:
        """Quantize values, shape (n,), with the shifts of a key if there is dither.

        Exceptions are the values that the quantizer cannot hold, and integers beyond the range. A
        quantizer without steps holds a value exactly, or not at all: only errors of steps have no
        mean, and are corrected where they would pass a cut.
        """
        quantizer = self.quantizer_of(key)
        if not isinstance(quantizer, StepQuantizer | DitheredQuantizer):
            tolerance = LOSSLESS
        if not self.low_bits:
            values = quantizer.check_dtype(values)
            high = quantizer.to_narrow_integers(values)
            positions, restored = replace_exceptions(quantizer, values, high, tolerance)
            if self.origin:
                high -= np.int32(self.origin)
            return Split(high, None, self._without_beyond(high, positions), restored)
        whole, positions, restored = quantize(quantizer, values, tolerance)
        whole -= self.origin
        wide = whole >> self.low_bits
        positions = self._without_beyond(wide, positions)
        low = whole & ((1 << self.low_bits) - 1)
        return Split(wide.astype(np.int32), low, positions, restored)

    def nearest(self, values: Values, key: int = 0) -> Integers32:
        """High parts of finite values, the nearest ones that there are, with the shifts of a key."""
        quantizer, limit = self.quantizer_of(key), (1 << HIGH_BITS) - 1
        if not self.low_bits:
            whole = quantizer.to_narrow_integers(values).astype(np.int64)
        else:
            whole = quantizer.to_integers(values)
        high: Integers = np.clip((whole - self.origin) >> self.low_bits, -limit, limit)
        return high.astype(np.int32)

    @staticmethod
    def _without_beyond(high: NDArray[Any], positions: Integers) -> Integers:
        """Replace integers beyond the range by 0 and add their positions."""
        limit = 1 << HIGH_BITS
        if len(high) and -limit < high.min() and high.max() < limit:
            return positions
        beyond = np.flatnonzero((high <= -limit) | (high >= limit))
        high[beyond] = 0
        return np.union1d(positions, beyond)

    def join(self, high: Integers32, low: Integers | None, key: int = 0) -> Values:
        """The values of high parts and low bits, with the shifts of a key if there is dither."""
        quantizer = self.quantizer_of(key)
        if low is None:
            return quantizer.to_values(high + np.int32(self.origin) if self.origin else high)
        return quantizer.to_values(((high.astype(np.int64) << self.low_bits) | low) + self.origin)
