"""Exceptions: values that no quantizer holds, which are stored apart and restored bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import InputError
from atlasae.quantization.arithmetic import find_breaks, is_zero_of_other_sign
from atlasae.quantization.quantizer import Quantizer, bit_patterns, chunks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import BitPatterns, Integers, Values


def quantize(
    quantizer: Quantizer, values: Values, tolerance: Tolerance
) -> tuple[Integers, Integers, Values]:
    """Quantize a column and find its exceptions.

    Args:
        quantizer: as ``atlasae.quantization.fitting.fit_quantizer`` gives it.
        values: the column, shape (n,).
        tolerance: the largest error.

    Returns:
        The integers, shape (n,), and the positions of the exceptions, ascending: values that are
        NaN or infinite, zeros whose sign would be lost, and those whose restored value breaks the
        tolerance. The integer of an exception
        is the median of the others, which costs few bits; its ``bit_patterns`` are to be stored
        for ``restore_exceptions``. And what the integers of the others stand for, shape (n,).

    Raises:
        InputError: the values have another dtype than the quantizer.

    Example:
        >>> import numpy as np
        >>> from atlasae import abs_
        >>> from atlasae.quantization.fitting import fit_quantizer
        >>> values = np.array([1.0, 2.0, np.nan])
        >>> integers, positions, _ = quantize(fit_quantizer(values, abs_(0.1)), values, abs_(0.1))
        >>> positions.tolist()
        [2]
    """
    values = quantizer.check_dtype(values)
    integers = quantizer.to_integers(values)
    return integers, *replace_exceptions(quantizer, values, integers, tolerance)


def replace_exceptions(
    quantizer: Quantizer, values: Values, integers: NDArray[Any], tolerance: Tolerance
) -> tuple[Integers, Values]:
    """Find the exceptions among quantized values, and replace their integers by the median.

    Args:
        quantizer: of the values.
        values: shape (n,).
        integers: of the values; changed in place.
        tolerance: the largest error.

    Returns:
        The positions of the exceptions, ascending, and what the integers of all others stand for.
    """
    restored = quantizer.to_values(integers)
    is_exception = np.empty(len(values), bool)
    if tolerance.kind != "lossless" and values.dtype == restored.dtype == np.float32:
        is_relative = tolerance.kind == "relative"
        relative, absolute = (tolerance.value, 0.0) if is_relative else (0.0, tolerance.value)
        arguments = (np.ascontiguousarray(values), restored, relative, tolerance.floor, absolute)
        with np.errstate(all="ignore"):
            number = find_breaks(*arguments, is_exception)
    else:
        with np.errstate(all="ignore"):
            for rows in chunks(len(values)):
                is_exception[rows] = breaks(values[rows], restored[rows], tolerance)
        number = int(np.count_nonzero(is_exception))
    if not number:
        return np.zeros(0, np.int64), restored
    positions = np.flatnonzero(is_exception).astype(np.int64)
    others = integers[~is_exception]
    middle = len(others) // 2
    integers[positions] = np.partition(others, middle)[middle] if len(others) else 0
    return positions, restored


def restore_exceptions(values: Values, positions: Integers, bits: BitPatterns) -> Values:
    """Put exceptions back, bit for bit, and return the values; they are changed in place.

    Raises:
        InputError: a position is out of range, or the numbers of positions and bit patterns
            differ.

    Example:
        >>> import numpy as np
        >>> values, nan = np.array([1.0, 2.0]), bit_patterns(np.array([np.nan]))
        >>> restore_exceptions(values, np.array([1]), nan).tolist()
        [1.0, nan]
    """
    _check(values, positions, bits)
    bit_patterns(values)[positions] = bits
    return values


def differences(exact: BitPatterns, near: BitPatterns) -> BitPatterns:
    """How bit patterns differ from others near them, as numbers that are small for both signs.

    Example:
        >>> import numpy as np
        >>> differences(np.array([7, 8, 9], np.uint32), np.array([8, 8, 8], np.uint32))
        array([1, 0, 2], dtype=uint32)
    """
    size = exact.dtype.itemsize
    signed = (exact - near).view(f"i{size}")
    return ((signed << 1) ^ (signed >> 8 * size - 1)).view(f"u{size}")


def add_differences(values: Values, positions: Integers, found: BitPatterns) -> Values:
    """Put back what differs as ``differences`` says, and return the values, changed in place.

    Raises:
        InputError: as of ``restore_exceptions``.

    Example:
        >>> import numpy as np
        >>> values, exact = np.array([1.0, 2.0]), np.array([1.1])
        >>> found = differences(bit_patterns(exact), bit_patterns(values[:1]))
        >>> add_differences(values, np.array([0]), found).tolist()
        [1.1, 2.0]
    """
    _check(values, positions, found)
    signed = found >> 1 ^ -(found & 1)
    return restore_exceptions(values, positions, bit_patterns(values)[positions] + signed)


def _check(values: Values, positions: Integers, bits: BitPatterns) -> None:
    if len(positions) != len(bits):
        raise InputError(f"{len(positions)} exceptions have {len(bits)} bit patterns")
    if len(positions) and not 0 <= positions.min() <= positions.max() < len(values):
        raise InputError(f"an exception lies outside the {len(values)} values")


def breaks(values: Values, restored: Values, tolerance: Tolerance) -> NDArray[np.bool_]:
    """Which values are not restored within the tolerance, or not finite."""
    if tolerance.kind == "lossless" or values.dtype.kind != "f":
        broken: NDArray[np.bool_] = bit_patterns(values) != bit_patterns(restored)
    else:
        originals = values.astype(np.float64)
        error = restored.astype(np.float64)
        error -= originals
        # written so that NaN breaks it
        broken = ~(np.abs(error, out=error) <= tolerance.bound(originals))
        broken |= is_zero_of_other_sign(values, restored)
    broken |= ~np.isfinite(values)
    return broken
