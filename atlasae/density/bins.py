"""Bins: ranges of integers. An integer is coded as its bin and its offset in the bin."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.coding.entropy import EntropyCoder
    from atlasae.types import Integers


OUTERMOST = 1 << 60  # beyond any integer of a quantizer

#: Possible weights of a bin, eight per factor of two: their rounding costs 0.0005 bits per value.
SHARES = np.append(np.arange(1, 8), 8 + np.arange(104) % 8 << np.arange(104) // 8).astype("u2")

_END_BINS = 3  # bins that are always there: the range of the values, and what lies beyond it
_GRAINS_PER_BIN = 8  # edges are multiples of a grain, this fraction of a bin near the median
_MOST_GAPS = 2  # empty ranges that get a bin of their own
_GAP_WIDTH = 50  # times the width of the central half of the values: from here on it is a gap
_TAIL = 0.002  # fraction of the values, on either side, that does not shape the bins


@dataclass(frozen=True)
class Bins:
    """Ranges of integers, each from ``edges[i]`` to below ``edges[i + 1]``.

    The first and the last bin reach to -``OUTERMOST`` and ``OUTERMOST``, so that every integer has
    a bin.

    Attributes:
        edges: increasing, shape (k + 1,), int64.

    Example:
        >>> import numpy as np
        >>> bins = Bins.fit(np.arange(1000), count=6, power=1.0)
        >>> bins.edges[1:-1]
        array([   0,  496, 1000])
        >>> bins.find(np.array([-5, 0, 600, 1000]))
        array([0, 1, 2, 3])
    """

    edges: Integers

    @classmethod
    def fit(cls, values: Integers, count: int, power: float) -> Bins:
        """At most ``count`` bins, or 9, that share the integral of density^power equally.

        Power 1 gives quantiles. A lower power gives the tails more bins, which costs nothing where
        the density is even, and saves where it is not. The outermost values, often one placeholder,
        get bins of their own on each side.

        Args:
            values: integers, shape (n,), n > 0.
            count: the most bins to use.
            power: of the density.
        """
        ordered = np.sort(values)
        spread = _spread(ordered)
        grain = 1 << max(0, int(np.log2(max(spread / (_GRAINS_PER_BIN * count), 1))))
        gap_starts, gap_stops = _gaps(ordered, spread, grain)
        equal = max(count - _END_BINS - 2 * len(gap_starts), 2) if count > _END_BINS else 0
        fine = np.unique(np.concatenate([_quantiles(ordered, count), gap_starts, gap_stops]))
        integral = _integral(ordered, fine, gap_starts, power)
        steps = np.linspace(0, 1, equal) * integral[-1]
        inner = np.rint(np.interp(steps, integral, fine) / grain).astype(np.int64) * grain
        ends = [ordered[:1] // grain * grain, _next_multiple(ordered[-1:], grain)]
        edges = np.unique(np.concatenate([inner, *ends, gap_starts, gap_stops]))
        return cls(np.concatenate([[-OUTERMOST], edges, [OUTERMOST]]).astype(np.int64))

    @cached_property
    def widths(self) -> Integers:
        """Number of integers in each bin."""
        return np.diff(self.edges)

    def __len__(self) -> int:
        return len(self.edges) - 1

    def find(self, values: Integers) -> Integers:
        """The bin of each integer."""
        return np.searchsorted(self.edges[1:-1], values, side="right")

    def histogram(self, values: Integers) -> NDArray[np.uint16]:
        """Weights of the bins from the counts of these values; none is zero, all are in ``SHARES``.

        Example:
            >>> import numpy as np
            >>> signs = Bins(np.array([-OUTERMOST, 0, OUTERMOST]))
            >>> signs.histogram(np.array([-1, 5, 6, 7]))  # each bin starts with half a count
            array([26624, 61440], dtype=uint16)
        """
        counts = np.bincount(self.find(values), minlength=len(self)) + 0.5
        middles = (SHARES[1:] + SHARES[:-1].astype(np.float64)) / 2
        weights: NDArray[np.uint16] = SHARES[
            np.searchsorted(middles, counts / counts.max() * SHARES[-1])
        ]
        return weights

    def code(self, coder: EntropyCoder, values: Integers | None, bins: Integers) -> Integers:
        """Code the offsets of integers in their bins; returns the integers."""
        low = self.edges.take(bins)
        offsets = None if values is None else values - low
        low += coder.uniform(offsets, self.widths.take(bins))
        return low


def _spread(ordered: Integers) -> float:
    """Width of the shortest range that holds half of the values."""
    last = len(ordered) - 1
    return float((ordered[last // 2 :] - ordered[: last - last // 2 + 1]).min())


def _quantiles(ordered: Integers, count: int) -> Integers:
    """Quantiles of the values without their tails, several per bin."""
    number = min(512, max(len(ordered) // 40, count))
    last = len(ordered) - 1
    ranks = np.linspace(_TAIL * last, (1 - _TAIL) * last, number + 1)
    quantiles = np.unique(ordered[np.rint(ranks).astype(np.int64)])
    return np.append(quantiles, quantiles[-1] + 1)


def _gaps(ordered: Integers, spread: float, grain: int) -> tuple[Integers, Integers]:
    """Edges of the widest empty ranges, if they are much wider than the spread of the values."""
    distances = np.diff(ordered)
    widest = np.argsort(distances)[-_MOST_GAPS:]
    widest = widest[distances[widest] > _GAP_WIDTH * (spread + 1)]
    return _next_multiple(ordered[widest], grain), ordered[widest + 1] // grain * grain


def _integral(
    ordered: Integers, fine: Integers, gap_starts: Integers, power: float
) -> NDArray[np.float64]:
    """Cumulative integral of density^power at each fine edge; gaps add nothing."""
    widths = np.diff(fine)
    density = np.maximum(np.diff(np.searchsorted(ordered, fine)) / widths, 1e-12)
    steps = np.where(np.isin(fine[:-1], gap_starts), 0.0, widths * density**power)
    return np.append(0.0, np.cumsum(steps))


def _next_multiple(values: Integers, grain: int) -> Integers:
    """The next multiples of a grain above integers."""
    return (values // grain + 1) * grain
