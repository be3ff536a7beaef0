"""Choosing the quantizer of a column, given its tolerance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.errors import InputError
from atlasae.quantization.quantizer import FLOAT_DTYPES, INTEGER_DTYPES, Quantizer
from atlasae.quantization.quantizers import (
    AbsoluteQuantizer,
    FloatQuantizer,
    IntegerQuantizer,
    RelativeQuantizer,
)

if TYPE_CHECKING:
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Values

_SAMPLE = 100_000  # values on which frequent ones are looked for
_FREQUENT = 0.02  # fraction of the values
_MOST_FREQUENT = 2


def fit_quantizer(values: Values, tolerance: Tolerance, *, dither: bool = False) -> Quantizer:
    """Choose the quantizer of a column.

    Integers and booleans are quantized without loss, and so are floats whose dtype is no finer than
    the tolerance. Values that many jets share, such as a placeholder of -1, are restored exactly
    where that is possible.

    Args:
        values: the column, or a sample of it, shape (n,); NaN and infinities are ignored.
        tolerance: the allowed error.
        dither: choose one whose errors have no mean when it is dithered. Values that many jets share
            are restored exactly by the dither.

    Raises:
        InputError: the values are not floats of at most 64 bits, integers or booleans.

    Example:
        >>> from atlasae.quantization.tolerance import abs_
        >>> fit_quantizer(np.array([0.1, 2.0], np.float32), abs_(0.25)).kind
        'absolute'
        >>> fit_quantizer(np.array([1, 2]), abs_(0.25)).kind
        'integer'
    """
    values = np.asarray(values)
    dtype = values.dtype.name
    if dtype in INTEGER_DTYPES:
        return IntegerQuantizer(dtype)
    if dtype not in FLOAT_DTYPES:
        raise InputError(f"a column of dtype {dtype} cannot be quantized")
    finite = np.asarray(values[np.isfinite(values)], dtype)
    quantizer: Quantizer | None = None
    if tolerance.kind == "relative":
        quantizer = RelativeQuantizer.fit(dtype, tolerance, unbiased=dither)
    elif tolerance.kind == "absolute":
        quantizer = AbsoluteQuantizer.fit(finite, tolerance.value)
    if quantizer is None:
        return FloatQuantizer.fit(finite)
    magnitudes = [] if dither else frequent_magnitudes(finite)
    return quantizer.aligned_to(magnitudes) if magnitudes else quantizer


def frequent_magnitudes(values: Values) -> list[float]:
    """At most two magnitudes other than 0 that many finite values share, the most frequent first."""
    sample = np.abs(values[:: max(len(values) // _SAMPLE, 1)])
    magnitudes, counts = np.unique(sample[sample != 0], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_MOST_FREQUENT]
    frequent = order[counts[order] >= max(_FREQUENT * len(sample), 2)]
    return [float(magnitude) for magnitude in magnitudes[frequent]]
