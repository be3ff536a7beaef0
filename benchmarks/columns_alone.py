"""What a column takes that is compressed alone: the least of pcodec, LZMA and OpenZL."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.tools import lzma_trials, openzl_trials, package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from atlasae.types import Values

    Packs = Iterator[Callable[[], bytes]]

_SAMPLE = 1 << 16  # numbers that the settings are compared on
_WHOLE = 3  # settings that the whole column is compressed with: the best of the sample


def size_alone(values: Values) -> int:
    """Bytes of a flat buffer in the best setting of the best tool.

    The settings are compared on the first numbers, and the best ones on all.
    """
    if not len(values) or (values == values[0]).all():
        return values.itemsize
    if len(values) <= _SAMPLE:
        return min(len(pack()) for pack in _packs(values))
    sizes = [len(pack()) for pack in _packs(values[:_SAMPLE])]
    best = set(np.argsort(sizes)[:_WHOLE].tolist())
    return min(len(pack()) for i, pack in enumerate(_packs(values)) if i in best)


def _packs(values: Values) -> Packs:
    """Every setting of every tool."""
    if values.dtype == bool:
        yield from (trial.pack for trial in lzma_trials(np.packbits(values)))
    words = values.view(f"u{values.itemsize}")
    numbers = words if values.dtype == bool else values
    trials = chain(lzma_trials(words), openzl_trials(words))
    yield from chain(_pcodec(numbers), (trial.pack for trial in trials))


def _pcodec(values: Values) -> Packs:
    pcodec = package("pcodec")
    auto, plain = pcodec.ModeSpec.auto(), pcodec.ModeSpec.classic()
    delta, lookback = pcodec.DeltaSpec.auto(), pcodec.DeltaSpec.try_lookback()
    for choice in ((8, auto, delta), (12, auto, delta), (12, plain, delta), (8, auto, lookback)):
        config = pcodec.ChunkConfig(*choice, enable_8_bit=True)
        yield partial(pcodec.standalone.simple_compress, values, config)
