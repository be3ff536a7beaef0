"""Bins: ranges of integers that share a table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.coding.entropy import EntropyCoder
    from atlasae.types import Integers


OUTERMOST = 1 << 60  # beyond any integer of a lattice


#: Weights that tables have, eight to a factor of two: their rounding costs 0.0005 bits a value.
SHARES = np.append(np.arange(1, 8), 8 + np.arange(104) % 8 << np.arange(104) // 8).astype("u2")


_ENDS = 3  # bins that there are in any case: the values' range, and what is beyond it


_GRAINS = 8  # to the width that a bin has around the middle: its edges are multiples of a grain


_MOST_GAPS = 2  # that bins stop at


_GAP = 50  # times the width of half of the values: a hole in which nothing lies


_FURTHEST = 0.002  # of the values, on either side, do not shape the bins


@dataclass(frozen=True)
class Bins:
    """Ranges of integers, each ``edges[i]`` to below ``edges[i + 1]``; the outer two are endless.

    Attributes:
        edges: increasing, shape (k + 1,), int64.
    """

    edges: Integers

    @classmethod
    def fit(cls, values: Integers, count: int, power: float) -> Bins:
        """At most ``count`` bins, or 9, that share the integral of density to a power equally.

        Power 1 gives quantiles; less gives the tails more bins, which costs nothing where the
        density is even and saves where it is not. The furthest values, often one odd number that
        stands for none, have a bin on each side to themselves.
        """
        ordered = np.sort(values)
        grid = min(512, max(len(ordered) // 40, count))
        last = len(ordered) - 1
        ranks = np.linspace(_FURTHEST * last, (1 - _FURTHEST) * last, grid + 1)
        fine = np.unique(ordered[np.rint(ranks).astype(np.int64)])
        fine = np.append(fine, fine[-1] + 1)
        # what lies very far from the rest has bins of its own, and what is between none
        half = ordered[last // 2 :] - ordered[: last - last // 2 + 1]
        spread = float(half.min())  # of the half of the values that lie closest together
        grain = 1 << max(0, int(np.log2(max(spread / (_GRAINS * count), 1))))
        distances = np.diff(ordered)
        gaps = np.argsort(distances)[-_MOST_GAPS:]
        gaps = gaps[distances[gaps] > _GAP * (spread + 1)]
        before, after = _above(ordered[gaps], grain), ordered[gaps + 1] // grain * grain
        fine = np.unique(np.concatenate([fine, before, after]))
        widths = np.diff(fine)
        density = np.maximum(np.diff(np.searchsorted(ordered, fine)) / widths, 1e-12)
        parts = np.where(np.isin(fine[:-1], before), 0.0, widths * density**power)
        shares = np.append(0.0, np.cumsum(parts))
        several = max(count - 3 - 2 * len(gaps), 2) if count > _ENDS else 0
        steps = np.linspace(0, 1, several) * shares[-1]
        inner = np.rint(np.interp(steps, shares, fine) / grain).astype(np.int64) * grain
        ends = [ordered[:1] // grain * grain, _above(ordered[-1:], grain), before, after]
        edges = np.unique(np.concatenate([inner, *ends]))
        return cls(np.concatenate([[-OUTERMOST], edges, [OUTERMOST]]).astype(np.int64))

    @cached_property
    def widths(self) -> Integers:
        """How many integers each bin has."""
        return np.diff(self.edges)

    def __len__(self) -> int:
        return len(self.edges) - 1

    def find(self, values: Integers) -> Integers:
        """The bin of each integer."""
        return np.searchsorted(self.edges[1:-1], values, side="right")

    def histogram(self, values: Integers) -> NDArray[np.uint16]:
        """Counts of the bins, none of them zero, rounded to ``SHARES``."""
        counts = np.bincount(self.find(values), minlength=len(self)) + 0.5
        middles = (SHARES[1:] + SHARES[:-1].astype(np.float64)) / 2
        places = np.searchsorted(middles, counts / counts.max() * SHARES[-1])
        shares: NDArray[np.uint16] = SHARES[places]
        return shares

    def code(self, coder: EntropyCoder, values: Integers | None, bins: Integers) -> Integers:
        """Code the offsets in bins already coded, and give the integers."""
        low = self.edges.take(bins)
        offsets = None if values is None else values - low
        low += coder.uniform(offsets, self.widths.take(bins))
        return low


def _above(values: Integers, grain: int) -> Integers:
    """The next multiples of a grain above integers."""
    return (values // grain + 1) * grain
