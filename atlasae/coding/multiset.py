"""Coding events, or jets without events, whose order does not matter (a multiset).

The leading jets of a block fall into cells: a bin of pt and a range of phi. As phi is uniform, the
number of events per cell follows a Poisson distribution. Coding these numbers instead of one cell
per event saves log2(n!) bits, except for the order of events within one cell. There are several
cells for each event, however fine the steps of phi are; the position in a cell is plain bits.

Source: C. Steinruecken, Compressing Sets and Multisets of Sequences, DCC 2014.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.coding.rans import MOST_SYMBOLS, Tables
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.coding.entropy import EntropyCoder
    from atlasae.types import Classes, Integers, Integers32

_CELLS_PER_EVENT = 32  # more would take longer and save at most 0.02 bits per event
_UNIT = 1 << 30  # the largest weight


def order_of(classes: Integers, bins: Classes, values: Integers32) -> Integers:
    """The order that ``code_cells`` requires: by falling class, then bin, then value.

    Example:
        >>> import numpy as np
        >>> order_of(np.array([1, 2, 1]), np.zeros(3, np.uint8), np.array([5, 0, -5], np.int32))
        array([1, 2, 0])
    """
    return np.lexsort((values, bins, -classes))


def code_cells(
    coder: EntropyCoder,
    bins: Classes | None,
    values: Integers32 | None,
    number: int,
    shares: NDArray[np.float64],
    circle: int,
) -> tuple[Classes, Integers32]:
    """Code how many of ``number`` events fall into each cell.

    Args:
        coder: encoder or decoder.
        bins: bin of each event, ascending, shape (number,); None to decode.
        values: value of each event, in [-(circle // 2), circle // 2], ascending within a bin;
            None to decode.
        number: number of events.
        shares: expected share of the events in each bin; they sum to one, exactly.
        circle: number of possible values.

    Returns:
        Bins and values of the events.

    Raises:
        DamagedFileError: the decoded cells have another number of events.

    Example:
        >>> import numpy as np
        >>> from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
        >>> encoder, shares = EntropyEncoder(), np.array([0.5, 0.5])
        >>> bins, values = np.array([0, 0, 1], np.uint8), np.array([-1, 1, 0], np.int32)
        >>> _ = code_cells(encoder, bins, values, 3, shares, circle=3)
        >>> code_cells(EntropyDecoder(encoder.to_bytes()), None, None, 3, shares, circle=3)
        (array([0, 0, 1], dtype=uint8), array([-1,  1,  0], dtype=int32))
    """
    half = circle // 2
    coded_bins, coded_values = [], []
    for i, share in enumerate(shares.tolist()):
        expected = number * share
        width = _cell_width(circle, expected)
        cells = ((circle - 1) >> width) + 1
        counts = position = None
        if bins is not None and values is not None:
            position = values[bins == i] + half
            counts = np.bincount(position >> width, minlength=cells)
            position &= (1 << width) - 1
        counts = _code_counts(coder, counts, cells, expected / cells, number)
        total = int(counts.sum())
        position = coder.uniform(width, total, position)
        coded_bins.append(np.full(total, i, np.uint8))
        first = np.repeat((np.arange(cells) << width) - half, counts)
        coded_values.append((first + position).astype(np.int32))
    total = sum(map(len, coded_bins))
    if total != number:
        raise DamagedFileError(f"the events in all cells sum to {total}, header says {number}")
    return np.concatenate(coded_bins), np.concatenate(coded_values)


def _cell_width(circle: int, expected: float) -> int:
    """Log2 of the values in a cell, so that there are several cells for each event."""
    width = 0
    while circle >> width > _CELLS_PER_EVENT * expected and circle >> width > 1:
        width += 1
    return width


def _code_counts(
    coder: EntropyCoder, counts: Integers | None, cells: int, mean: float, most: int
) -> Integers:
    """Code Poisson counts, the low bits of large ones as plain bits; so is what exceeds the last."""
    weights, low = poisson_weights(mean)
    last, bits = len(weights) - 1, most.bit_length()
    known = None if counts is None else np.minimum(counts >> low, last).astype(np.uint8)
    symbols = coder.table(Tables.of(weights[None]), cells, known)
    large = np.flatnonzero(symbols == last)
    rest = None if counts is None else (counts - (symbols.astype(np.int64) << low)).astype(np.int32)
    excess = coder.uniform(bits, len(large), None if rest is None else rest[large])
    small = np.flatnonzero(symbols < last)
    position = coder.uniform(low, len(small), None if rest is None else rest[small])
    coded = symbols.astype(np.int64) << low
    coded[large] += excess
    coded[small] += position
    total = int(coded.sum())
    if total > most:
        raise DamagedFileError(f"the events in the cells of a bin sum to {total}, at most {most}")
    return coded


def poisson_weights(mean: float) -> tuple[Integers, int]:
    """Weights of Poisson counts without their low bits, and the number of these bits.

    The last weight is that of all larger counts too. They are products of ratios from the mode up
    and down, so they round alike on every machine.

    Example:
        >>> poisson_weights(1.0)[0][:4] / (1 << 30)
        array([1.        , 1.        , 0.5       , 0.16666667])
    """
    mean = max(mean, 1e-12)
    mode = int(mean)
    top = int(mean + 6 * mean**0.5 + 3)
    up = np.cumprod(mean / np.arange(mode + 1, top + 1, dtype=np.float64))
    down = np.cumprod(np.arange(mode, 0, -1, dtype=np.float64) / mean)
    weights = np.concatenate([down[::-1], [1.0], up])
    low = max(top.bit_length() - (MOST_SYMBOLS // 2).bit_length() + 1, 0)
    weights = np.add.reduceat(weights, np.arange(0, len(weights), 1 << low))
    return np.maximum(weights * _UNIT, 1).astype(np.int64), low
