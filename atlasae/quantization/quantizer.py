"""The contract of quantizers: maps from the values of a column to integers and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from atlasae.errors import InputError
from atlasae.quantization.arithmetic import BEYOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from atlasae.types import BitPatterns, Integers, Integers32, Values


CHUNK = 16384  # values at a time: intermediate arrays stay in the cache

FLOAT_DTYPES = ("float16", "float32", "float64")
INTEGER_DTYPES = ("bool", *(f"{sign}int{size}" for sign in ("", "u") for size in (8, 16, 32, 64)))


@dataclass(frozen=True)
class Quantizer(ABC):
    """A map from values of one dtype to int64 integers, in the same order, and back.

    Attributes:
        kind: name of the class, such as ``relative``.
        dtypes: dtypes that the class supports.
        dtype: name of the values' dtype, such as ``float32``.
    """

    kind: ClassVar[str]
    dtypes: ClassVar[tuple[str, ...]] = FLOAT_DTYPES
    dtype: str

    def to_integers(self, values: Values) -> Integers:
        """Quantize values, shape (n,), to int64. NaN and infinities give arbitrary integers.

        Raises:
            InputError: the values have another dtype.
        """
        values = self.check_dtype(values)
        integers = np.empty(len(values), np.int64)
        with np.errstate(all="ignore"):
            for rows in chunks(len(values)):
                part = self.from_row(rows.start)
                integers[rows] = part._quantize(values[rows])  # noqa: SLF001
        return integers

    def to_values(self, integers: NDArray[np.signedinteger]) -> Values:
        """Dequantize integers, shape (n,); the values are the same bits on every machine."""
        integers = np.asarray(integers)
        with np.errstate(all="ignore"):
            if integers.dtype == np.int32 and self.dtype == "float32":
                return self._dequantize_narrow(integers.astype(np.int32, copy=False))
            values = np.empty(len(integers), self.dtype)
            for rows in chunks(len(integers)):
                chunk = integers[rows].astype(np.int64, copy=False)
                part = self.from_row(rows.start)
                values[rows] = part._dequantize(chunk)  # noqa: SLF001
        return values

    def to_narrow_integers(self, values: Values) -> Integers32:
        """Quantize values to int32; integers beyond 2^30 in size become 2^30.

        Raises:
            InputError: the values have another dtype.
        """
        values = self.check_dtype(values)
        with np.errstate(all="ignore"):
            if self.dtype == "float32":
                return self._quantize_narrow(np.ascontiguousarray(values))
            return _narrow(self.to_integers(values))

    def aligned_to(self, magnitudes: Sequence[float]) -> Quantizer:  # noqa: ARG002
        """The same or a finer quantizer that restores values of these magnitudes exactly.

        That is possible for float32 and not for every quantizer; float64 values are restored to
        1e-14.

        Args:
            magnitudes: at most two, above 0, the more important one first.
        """
        return self

    def from_row(self, row: int) -> Quantizer:  # noqa: ARG002
        """The quantizer of the values from a row on; another one only if each row has its own."""
        return self

    def _quantize_narrow(self, values: Values) -> Integers32:
        """Integers of float32 values."""
        return _narrow(self.to_integers(values))

    def _dequantize_narrow(self, integers: Integers32) -> Values:
        """float32 values of integers."""
        return self.to_values(integers.astype(np.int64))

    @abstractmethod
    def _quantize(self, values: Values) -> Values:
        """Integers of a chunk of values."""

    @abstractmethod
    def _dequantize(self, integers: Integers) -> Values:
        """Values of a chunk of integers."""

    def check_dtype(self, values: Values) -> Values:
        """The values in this machine's byte order, if they have the quantizer's dtype.

        Raises:
            InputError: the values have another dtype.
        """
        values = np.asarray(values)
        self.require_dtype(values.dtype.name)
        return np.asarray(values, self.dtype)

    def require_dtype(self, dtype: str) -> None:
        """Raise InputError unless this is the name of the quantizer's dtype."""
        require_dtype(dtype, self.dtype)


def require_dtype(found: str, fitted: str) -> None:
    """Raise InputError unless values have the dtype that a codec was fitted to."""
    if found != fitted:
        raise InputError(
            f"the values are {found}, the codec was fitted to {fitted}: convert them with"
            f" .astype({fitted!r}), or fit a codec to {found} values, as atlasae fit does to"
            " those of a file"
        )


def _narrow(integers: Integers) -> Integers32:
    """Integers as int32; those beyond 2^30 in size become 2^30."""
    beyond = int(BEYOND)
    return np.clip(integers, -beyond, beyond).astype(np.int32)


def chunks(length: int) -> Iterator[slice]:
    """Slices of ``CHUNK`` values each."""
    return (slice(start, start + CHUNK) for start in range(0, length, CHUNK))


def bit_patterns(values: Values) -> BitPatterns:
    """The bit patterns of values, as unsigned integers of the same width; a view, not a copy.

    Example:
        >>> hex(bit_patterns(np.array([1.0], np.float32))[0])
        '0x3f800000'
    """
    return values.view(f"{values.dtype.byteorder}u{values.dtype.itemsize}")
