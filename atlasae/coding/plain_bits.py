"""Integers as plain bits: each takes the number of bits of its class, without gaps.

Bits fill words of 64 bits from the low end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.compiled import accelerated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.types import Classes, Integers32, Words

_WORD, _HALF = 64, 32
MOST_BITS = 32  # of an integer


@accelerated("atlasae.coding.kernels")
def write_bits(
    classes: Classes,
    values: Integers32,
    lows: NDArray[np.int64],
    widths: Classes,
    words: Words,
    position: int,
) -> int:
    """Write ``values - lows[classes]`` with ``widths[classes]`` bits each.

    Args:
        classes: shape (n,), uint8.
        values: shape (n,), int32.
        lows: least value of each class, int64.
        widths: bits of each class, uint8, at most 32.
        words: zeros from ``position`` on, uint64, with a spare word at the end.
        position: number of bits written so far.

    Returns:
        The number of bits written.
    """
    bits = widths[classes].astype(np.int64)
    ends = position + np.cumsum(bits)
    starts = (ends - bits).astype(np.uint64)
    offsets = (values - lows[classes]).astype(np.uint64)
    at, low = starts >> np.uint64(6), starts & np.uint64(63)
    np.bitwise_or.at(words, at.astype(np.intp), offsets << low)
    spill = np.flatnonzero(low.astype(np.int64) + bits > _WORD)
    rest = offsets[spill] >> (np.uint64(_WORD) - low[spill])
    np.bitwise_or.at(words, at[spill].astype(np.intp) + 1, rest)
    return int(ends[-1]) if len(ends) else position


@accelerated("atlasae.coding.kernels")
def read_bits(
    classes: Classes,
    lows: NDArray[np.int64],
    widths: Classes,
    words: NDArray[np.uint32],
    position: int,
    values: Integers32,
) -> int:
    """Read what ``write_bits`` wrote into ``values``.

    Args:
        classes: shape (n,), uint8.
        lows: least value of each class, int64.
        widths: bits of each class, uint8, at most 32.
        words: the words in halves, the low ones first, with two more at the end, uint32.
        position: number of bits read so far.
        values: to be filled, shape (n,), int32.

    Returns:
        The new position; above ``32 * (len(words) - 2)`` if there were too few bits.
    """
    bits = widths[classes].astype(np.int64)
    ends = position + np.cumsum(bits)
    end = int(ends[-1]) if len(ends) else position
    if end > _HALF * (len(words) - 2):
        return end
    starts = ends - bits
    at, low = starts >> 5, (starts & 31).astype(np.uint64)
    offsets = words[at] | words[at + 1].astype(np.uint64) << np.uint64(_HALF)
    offsets >>= low
    offsets &= (np.uint64(1) << bits.astype(np.uint64)) - np.uint64(1)
    values[:] = lows[classes] + offsets.astype(np.int64)
    return end
