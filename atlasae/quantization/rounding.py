"""Rounds floats to the fewest bits of mantissa that keep a tolerance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.quantization.tolerance import Tolerance

_FORMATS: dict[str, tuple[Any, int]] = {"float32": (np.uint32, 23), "float64": (np.uint64, 52)}


def rounded(values: NDArray[Any], tolerance: Tolerance) -> NDArray[Any]:
    """Each value rounded, to the nearest and to even, to the fewest bits that keep a tolerance.

    The others of its mantissa are zero, which any lossless compression makes use of. Zeros, NaN
    and infinities stay as they are, and so does what a lossless tolerance bounds.

    Args:
        values: float32 or float64, of any shape.
        tolerance: of each.

    Returns:
        The rounded values, of the same dtype.

    Example:
        >>> from atlasae.quantization.tolerance import rel
        >>> rounded(np.array([100.01, 33.3], np.float32), rel(0.01)).tolist()
        [100.0, 33.0]
    """
    kind, width = _FORMATS[values.dtype.name]
    bits = np.ascontiguousarray(values).view(kind)
    exact = values.astype(np.float64)
    finite = np.isfinite(exact)
    bound = tolerance.bound(np.where(finite, exact, 0.0))
    fewest = np.zeros(values.shape, kind)  # bits that are enough, as far as is known
    too_few, enough = fewest, np.full(values.shape, width, kind)
    while np.any(too_few < enough):  # fewer bits never give a smaller error
        middle = (too_few + enough) // kind(2)
        with np.errstate(over="ignore", invalid="ignore"):
            error = np.abs(_to_bits(bits, middle, width).view(values.dtype) - exact)
        is_enough = ~(error > bound) & finite
        enough = np.where(is_enough, middle, enough)
        too_few = np.where(is_enough, too_few, middle + kind(1))
    whole: NDArray[Any] = np.where(finite, _to_bits(bits, enough, width), bits)
    result: NDArray[Any] = whole.view(values.dtype)
    return result


def _to_bits(bits: NDArray[Any], kept: NDArray[Any], width: int) -> NDArray[Any]:
    """Bit patterns of floats, rounded to even to some of the bits of the mantissa."""
    one: Any = bits.dtype.type(1)
    dropped = (width - kept).astype(bits.dtype)
    last = (bits >> dropped) & one
    half = np.where(dropped > 0, (one << np.maximum(dropped, one) - one) - one + last, 0)
    whole: NDArray[Any] = (bits + half.astype(bits.dtype)) >> dropped << dropped
    return whole
