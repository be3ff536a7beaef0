"""Lattices: the integers of a quantizer in a range that the density models, and their low bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.quantization.exceptions import quantize, replace_exceptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.quantization.quantizer import Quantizer
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Integers, Integers32, Values

HIGH_BITS = 28  # integers that are modelled are below 2^28 in size: differences fit int32
_MOST_BEYOND = 0.001  # fraction of the values that may become exceptions,
_ENOUGH = 100  # but one of as many values may in any case


@dataclass(frozen=True)
class Lattice:
    """A quantizer whose integers are split into a modelled high part and plain low bits.

    Attributes:
        quantizer: of the values.
        low_bits: number of low bits; 0 for most lattices.
        origin: the integer that the high part counts from.

    Example:
        >>> from atlasae.quantization.quantizers import IntegerQuantizer
        >>> lattice = Lattice(IntegerQuantizer("int64"), low_bits=4)
        >>> lattice.join(np.array([2], np.int32), np.array([1]))
        array([33])
    """

    quantizer: Quantizer
    low_bits: int = 0
    origin: int = 0

    @classmethod
    def fit(cls, quantizer: Quantizer, values: Values) -> Lattice:
        """The lattice with the fewest low bits for nearly all of these values."""
        finite = values[np.isfinite(values)]
        sizes = np.abs(quantizer.to_integers(finite).astype(np.float64))
        beyond = max(int(_MOST_BEYOND * len(sizes)), int(len(sizes) >= _ENOUGH))
        largest = np.partition(sizes, -1 - beyond)[-1 - beyond] if len(sizes) else 0
        return cls(quantizer, max(int(largest).bit_length() - HIGH_BITS, 0))

    def split(
        self, values: Values, tolerance: Tolerance
    ) -> tuple[Integers32, Integers | None, Integers]:
        """Quantize values, shape (n,).

        Returns:
            The high part, the low bits if there are any, and the positions of the exceptions:
            values that the quantizer cannot hold, and integers beyond the range.
        """
        if not self.low_bits:
            high = self.quantizer.to_narrow_integers(values)
            positions = replace_exceptions(self.quantizer, values, high, tolerance)
            if self.origin:
                high -= np.int32(self.origin)
            return high, None, self._without_beyond(high, positions)
        whole, positions = quantize(self.quantizer, values, tolerance)
        whole -= self.origin
        high = whole >> self.low_bits
        positions = self._without_beyond(high, positions)
        return high.astype(np.int32), whole & ((1 << self.low_bits) - 1), positions

    @staticmethod
    def _without_beyond(high: NDArray[Any], positions: Integers) -> Integers:
        """Replace integers beyond the range by 0 and add their positions."""
        limit = 1 << HIGH_BITS
        if len(high) and -limit < high.min() and high.max() < limit:
            return positions
        beyond = np.flatnonzero((high <= -limit) | (high >= limit))
        high[beyond] = 0
        return np.union1d(positions, beyond)

    def join(self, high: Integers32, low: Integers | None) -> Values:
        """The values of high parts and low bits."""
        if low is None:
            return self.quantizer.to_values(high + np.int32(self.origin) if self.origin else high)
        return self.quantizer.to_values(
            ((high.astype(np.int64) << self.low_bits) | low) + self.origin
        )
