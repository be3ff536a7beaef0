"""Jets, or events, whose order means nothing: how many there are of each kind, not which comes when.

The leading jets of a block fall into cells, a bin of pt and a value of phi. The numbers in the
cells are Poisson, as phi is uniform; coding these numbers instead of a cell for each event saves
log2(n!) bits, but for what events of one cell still say by their order. Source: Steinruecken,
Compressing Sets and Multisets of Sequences, DCC 2014.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.coding.entropy import EntropyCoder
    from atlasae.types import Integers


def order_of(classes: Integers, bins: Integers, values: Integers) -> Integers:
    """The order in which ``code_cells`` gives events: by class downwards, bin, then value."""
    return np.lexsort((values, bins, -classes))


def code_cells(
    coder: EntropyCoder,
    bins: Integers | None,
    values: Integers | None,
    number: int,
    shares: NDArray[np.float64],
    circle: int,
) -> tuple[Integers, Integers]:
    """Code how many of ``number`` events fall into each cell.

    Args:
        coder: a writer, or a reader.
        bins: of each event, shape (number,), in ascending order; None to read.
        values: of each event, from -(circle // 2) to circle // 2, ascending in each bin.
        number: of events.
        shares: of the events in each bin, as expected; they sum to one.
        circle: how many values there are.

    Returns:
        Bins and values of the events.
    """
    half = circle // 2
    found_bins, found_values = [], []
    for i, share in enumerate(shares.tolist()):
        counts = None
        if bins is not None and values is not None:
            counts = np.bincount(values[bins == i] + half, minlength=circle)
        counts = _code_counts(coder, counts, circle, number * share / circle, number)
        found_bins.append(np.full(int(counts.sum()), i))
        found_values.append(np.repeat(np.arange(circle) - half, counts))
    if sum(map(len, found_bins)) != number:
        raise DamagedFileError("a block has other numbers of events in its cells than it says")
    return np.concatenate(found_bins), np.concatenate(found_values)


def _code_counts(
    coder: EntropyCoder, counts: Integers | None, cells: int, mean: float, most: int
) -> Integers:
    """Poisson numbers; from the last that has a weight of its own on, what is more is uniform."""
    weights = poisson_weights(mean)
    last = len(weights) - 1
    known = None if counts is None else np.minimum(counts, last)
    found = coder.table(known, cells, weights)
    many = np.flatnonzero(found == last)
    if many.size:
        more = None if counts is None else counts[many] - last
        found[many] += coder.uniform(more, np.full(many.size, most + 1))
    if found.sum() > most:
        raise DamagedFileError("a block has more events in its cells than it says")
    return found


def poisson_weights(mean: float) -> NDArray[np.float32]:
    """Weights of 0, 1, 2, ... to well above the mean, the largest of them one.

    Products of ratios, from the mode up and down, which round alike on every machine.
    """
    mean = max(mean, 1e-12)
    mode = int(mean)
    top = int(mean + 10 * mean**0.5 + 10)
    up = np.cumprod(mean / np.arange(mode + 1, top + 1, dtype=np.float64))
    down = np.cumprod(np.arange(mode, 0, -1, dtype=np.float64) / mean)
    return np.concatenate([down[::-1], [1.0], up]).astype(np.float32)
