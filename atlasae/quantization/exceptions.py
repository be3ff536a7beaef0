"""Values that no quantizer holds: found, kept bit for bit, and restored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import BitPatterns, Integers, Values

from atlasae.quantization.quantizers import Quantizer, bit_patterns, chunks


def quantize(lattice: Quantizer, values: Values, tolerance: Tolerance) -> tuple[Integers, Integers]:
    """Quantise a column and find what the lattice does not hold.

    Args:
        lattice: as ``fit_lattice`` gives it.
        values: the column, shape (n,).
        tolerance: the largest error.

    Returns:
        The integers, shape (n,), and the positions, ascending, of all values that are NaN or
        infinite, or whose restored value breaks the tolerance. There the integer is the median
        of the others, which costs little; keep ``bits_of`` the values there for ``patch``.

    Raises:
        InputError: the values are of another dtype than the lattice.
    """
    values = lattice.check_dtype(values)
    integers = lattice.to_integers(values)
    broken = np.empty(len(values), bool)
    with np.errstate(all="ignore"):
        for rows in chunks(len(values)):
            restored = lattice.to_values(integers[rows])
            broken[rows] = _broken(values[rows], restored, tolerance)
    positions = np.flatnonzero(broken).astype(np.int64)
    if len(positions):
        good = integers[~broken]
        middle = len(good) // 2
        integers[positions] = np.partition(good, middle)[middle] if len(good) else 0
    return integers, positions


def restore_exceptions(values: Values, positions: Integers, bits: BitPatterns) -> Values:
    """The values with those at the positions replaced, bit for bit.

    Raises:
        InputError: a position is outside, or there are more or fewer bit patterns than positions.
    """
    if len(positions) != len(bits):
        raise InputError(f"{len(positions)} exceptions have {len(bits)} bit patterns")
    if len(positions) and not 0 <= positions.min() <= positions.max() < len(values):
        raise InputError(f"an exception lies outside the {len(values)} values")
    patched = values.copy()
    bit_patterns(patched)[positions] = bits
    return patched


def _broken(values: Values, restored: Values, tolerance: Tolerance) -> NDArray[np.bool_]:
    if tolerance.kind == "lossless" or values.dtype.kind != "f":
        broken: NDArray[np.bool_] = bit_patterns(values) != bit_patterns(restored)
    else:
        originals = values.astype(np.float64)
        error = restored.astype(np.float64)
        error -= originals
        # so written that NaN is broken
        broken = ~(np.abs(error, out=error) <= tolerance.bound(originals))
    broken |= ~np.isfinite(values)
    return broken
