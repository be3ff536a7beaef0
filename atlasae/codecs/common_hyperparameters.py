"""The hyperparameters that all codecs have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from atlasae.errors import InputError


def check_common_hyperparameters(features: Any, seed: Any) -> None:
    """Check the hyperparameters that all codecs have; raises InputError."""
    if not (isinstance(seed, int) and 0 <= seed < 2**32):
        raise InputError(f"seed={seed!r} is not an integer from 0 to below 2^32")
    if features is None:
        return
    names = list(features) if isinstance(features, Iterable) else [features]
    is_names = all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
    if isinstance(features, str) or not is_names:
        raise InputError(f"features={features!r} must be a list of names without repetition")
