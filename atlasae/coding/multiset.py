"""Coding events, or jets without events, whose order does not matter (a multiset).

The leading jets of a block fall into cells: a bin of pt and a value of phi. As phi is uniform, the
number of events per cell follows a Poisson distribution. Coding these numbers instead of one cell
per event saves log2(n!) bits, except for the order of events within one cell.

Source: C. Steinruecken, Compressing Sets and Multisets of Sequences, DCC 2014.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from atlasae.coding.entropy import EntropyCoder
    from atlasae.types import Float32s, Floats, Integers


def order_of(classes: Integers, bins: Integers, values: Integers) -> Integers:
    """The order that ``code_cells`` requires: by falling class, then bin, then value.

    Example:
        >>> import numpy as np
        >>> order_of(np.array([1, 2, 1]), np.array([0, 0, 0]), np.array([5, 0, -5]))
        array([1, 2, 0])
    """
    return np.lexsort((values, bins, -classes))


def code_cells(
    coder: EntropyCoder,
    bins: Integers | None,
    values: Integers | None,
    number: int,
    shares: Floats,
    circle: int,
) -> tuple[Integers, Integers]:
    """Code how many of ``number`` events fall into each cell.

    Args:
        coder: encoder or decoder.
        bins: bin of each event, ascending, shape (number,); None to decode.
        values: value of each event, in [-(circle // 2), circle // 2], ascending within a bin;
            None to decode.
        number: number of events.
        shares: expected share of the events in each bin; they sum to one.
        circle: number of possible values.

    Returns:
        Bins and values of the events.

    Raises:
        DamagedFileError: the decoded cells have another number of events.

    Example:
        >>> import numpy as np
        >>> from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
        >>> encoder, shares = EntropyEncoder(), np.array([0.5, 0.5])
        >>> bins, values = np.array([0, 0, 1]), np.array([-1, 1, 0])
        >>> _ = code_cells(encoder, bins, values, 3, shares, circle=3)
        >>> code_cells(EntropyDecoder(encoder.to_bytes()), None, None, 3, shares, circle=3)
        (array([0, 0, 1]), array([-1,  1,  0]))
    """
    half = circle // 2
    coded_bins, coded_values = [], []
    for i, share in enumerate(shares.tolist()):
        counts = None
        if bins is not None and values is not None:
            counts = np.bincount(values[bins == i] + half, minlength=circle)
        counts = _code_counts(coder, counts, circle, number * share / circle, number)
        coded_bins.append(np.full(int(counts.sum()), i))
        coded_values.append(np.repeat(np.arange(circle) - half, counts))
    total = sum(map(len, coded_bins))
    if total != number:
        raise DamagedFileError(f"the events in all cells sum to {total}, header says {number}")
    return np.concatenate(coded_bins), np.concatenate(coded_values)


def _code_counts(
    coder: EntropyCoder, counts: Integers | None, cells: int, mean: float, most: int
) -> Integers:
    """Code Poisson counts; what exceeds the last one that has a weight is coded as uniform."""
    weights = poisson_weights(mean)
    last = len(weights) - 1
    clipped = None if counts is None else np.minimum(counts, last)
    coded = coder.table(clipped, cells, weights)
    large = np.flatnonzero(coded == last)
    if large.size:
        excess = None if counts is None else counts[large] - last
        coded[large] += coder.uniform(excess, np.full(large.size, most + 1))
    total = int(coded.sum())
    if total > most:
        raise DamagedFileError(f"the events in the cells of a bin sum to {total}, at most {most}")
    return coded


def poisson_weights(mean: float) -> Float32s:
    """Poisson probabilities of 0, 1, 2, ... to well above the mean, divided by the largest.

    They are products of ratios from the mode up and down, so they round alike on every machine.

    Example:
        >>> poisson_weights(1.0)[:4]
        array([1.        , 1.        , 0.5       , 0.16666667], dtype=float32)
    """
    mean = max(mean, 1e-12)
    mode = int(mean)
    top = int(mean + 10 * mean**0.5 + 10)
    up = np.cumprod(mean / np.arange(mode + 1, top + 1, dtype=np.float64))
    down = np.cumprod(np.arange(mode, 0, -1, dtype=np.float64) / mean)
    return np.concatenate([down[::-1], [1.0], up]).astype(np.float32)
