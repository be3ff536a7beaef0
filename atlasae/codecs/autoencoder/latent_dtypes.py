"""Dtypes that latents are stored in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from atlasae.types import Float32s, Values

#: What an array of latents has as its dtype, by the name of the latents' dtype.
LATENT_DTYPES = {"float32": "float32", "float16": "float16", "bfloat16": "float32"}


def rounded_latents(latents: Float32s, dtype: str) -> Values:
    """Latents in a dtype of ``LATENT_DTYPES``, rounded to the nearest, ties to even.

    numpy has no bfloat16: its values are float32 whose lower 16 bits are zero.

    Args:
        latents: finite, of any shape.
        dtype: name of the dtype.

    Example:
        >>> import numpy as np
        >>> rounded_latents(np.array([1.001, 0.3], np.float32), "bfloat16").tolist()
        [1.0, 0.30078125]
    """
    if dtype != "bfloat16":
        return latents.astype(LATENT_DTYPES[dtype])
    bits = np.ascontiguousarray(latents).view(np.uint32)
    bits = bits + (((bits >> np.uint32(16)) & np.uint32(1)) + np.uint32(0x7FFF))
    return (bits & np.uint32(0xFFFF0000)).view(np.float32)
