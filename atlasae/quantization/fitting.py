"""The quantizer for a column and its tolerance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.errors import InputError

if TYPE_CHECKING:
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Values

from atlasae.quantization.quantizers import (
    _FLOATS,
    _WHOLE,
    AbsoluteQuantizer,
    FloatQuantizer,
    IntegerQuantizer,
    Quantizer,
    RelativeQuantizer,
)

_ENOUGH = 100_000  # values tell which is frequent


_OFTEN = 0.02  # of the values


def fit_quantizer(values: Values, tolerance: Tolerance) -> Quantizer:
    """The lattice for a column.

    Integers and booleans, and floats whose dtype is no finer than the tolerance, get a lossless
    one.

    Args:
        values: the column, or a sample of it, shape (n,); NaN and infinities are passed over.
        tolerance: the largest error.

    Raises:
        InputError: the values are not floats of at most 64 bits, integers or booleans.
    """
    values = np.asarray(values)
    dtype = values.dtype.name
    if dtype in _WHOLE:
        return IntegerQuantizer(dtype)
    if dtype not in _FLOATS:
        raise InputError(f"a column of dtype {dtype} cannot be quantised")
    finite = np.asarray(values[np.isfinite(values)], dtype)
    lattice: Quantizer | None = None
    if tolerance.kind == "relative":
        lattice = RelativeQuantizer.fit(dtype, tolerance)
    elif tolerance.kind == "absolute":
        lattice = AbsoluteQuantizer.fit(finite, tolerance.value)
    if lattice is None:
        return FloatQuantizer.fit(finite)
    sizes = _frequent(finite)
    return lattice.through(sizes) if sizes else lattice


def _frequent(values: Values) -> list[float]:
    """The sizes, at most two, that many values have, as scores that were not computed; not 0."""
    some = np.abs(values[:: max(len(values) // _ENOUGH, 1)])
    found, counts = np.unique(some[some != 0], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:2]
    often = order[counts[order] >= max(_OFTEN * len(some), 2)]
    return [float(size) for size in found[often]]
