"""What encoder and decoder both know of an event before they code the next feature of a jet.

Each coded feature of a rank is added for the features and the ranks that come after it. All of it
is exact (``atlasae.exact_math``), because the decoder has to repeat it. The arrays are those that
kernels take.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from atlasae import exact_math
from atlasae.compiled import accelerated
from atlasae.density.directions import add_jets, relative_angles

if TYPE_CHECKING:
    from atlasae.density.feature_layout import FeatureLayout
    from atlasae.density.jet_ranks import JetRanks
    from atlasae.types import Float32s, Integers, Integers32

# rows of ``EventContext.integers`` before those of the features, by event
COUNT, ETA_MASK, PHI_MASK = range(3)
_FEATURES = 3
# rows of ``EventContext.floats``, by jet and by event
RATIO, ANGLE, X, Y, AXIS, SQUARE, LEAD_PHI, SUM = range(8)

SMALLEST_PT = np.float32(1e-30)
LARGEST_RATIO = np.float32(1e9)


class EventContext:
    """The coded features of the jets of all events, in the order by rank.

    Args:
        layout: the features.
        ranks: the order of the jets.

    Attributes:
        integers: the number of jets; a mask of bits where the leading eta is negative, and one
            where the second jet is at a smaller phi, by event; then the integers of the momentum,
            by jet. Shape (3 + features, jets), int32, filled rank by rank.
        floats: pt over the leading pt; phi from the leading jet; the momentum summed up to each
            jet, along and across the leading jet; the angle opposite to that sum, the recoil, and
            the squared size of the sum, by jet but an event's last. Then the leading phi, and the summed pt over the
            leading pt, by event. Shape (8, jets), float32.
    """

    def __init__(self, layout: FeatureLayout, ranks: JetRanks) -> None:
        self.layout = layout
        self.ranks = ranks
        self.integers = np.empty((_FEATURES + len(layout.momentum), ranks.jets), np.int32)
        self.floats = np.empty((8, ranks.jets if self.has_directions else 0), np.float32)
        if not ranks.number:
            return
        events = ranks.count(0)
        self.integers[:_FEATURES, :events] = 0
        if self.has_directions:
            self.floats[SUM, :events] = 0
            self.floats[X : Y + 1, :events] = 0
        if ranks.counts is not None:
            self.integers[COUNT, :events] = ranks.counts[:events]

    @property
    def has_directions(self) -> bool:
        """Whether phi is measured from the recoil of the jets before."""
        return self.ranks.counts is not None and self.layout.has_directions

    def of(self, feature: str) -> Integers32:
        """The integers of a feature, shape (jets,)."""
        row: Integers32 = self.integers[self.row_of(feature)]
        return row

    def row_of(self, feature: str) -> int:
        """The row of a feature in ``integers``."""
        return _FEATURES + self.layout.momentum.index(feature)

    def add(self, feature: str, rank: int, integers: Integers32) -> None:
        """Add a feature of all jets of a rank."""
        self.of(feature)[self.ranks.at(rank)] = integers
        if self.has_directions and feature == self.layout.phi:
            self._add_phi(rank, self.layout.values(feature, integers))

    def complete(self, feature: str) -> None:
        """Note that a feature of all jets was added."""
        if self.has_directions and self.ranks.number and feature == self.layout.pt:
            pt, total = self.layout.values(feature, self.of(feature)), self.floats[SUM]
            offsets = np.array(self.ranks.offsets)
            add_ratios(pt, offsets, self.floats[RATIO], total[: self.ranks.count(0)])

    def _add_phi(self, rank: int, phi: Float32s) -> None:
        at, jets = self.ranks.at(rank), self.floats
        if rank == 0:
            jets[LEAD_PHI, : len(phi)] = np.clip(phi, -exact_math.PI, exact_math.PI)
        relative_angles(phi, jets[LEAD_PHI, : len(phi)], jets[ANGLE, at])
        if rank == 1:
            self.integers[PHI_MASK, : len(phi)] = -(jets[ANGLE, at] < 0).astype(np.int32)
        if rank + 1 == self.ranks.number:
            return
        # nothing asks for the sum with an event's last jet
        at, before = self.ranks.at(rank, rank + 1), self.ranks.at(max(rank - 1, 0), rank + 1)
        add_jets(
            jets[ANGLE, at],
            jets[RATIO, at],
            jets[X, before],
            jets[Y, before],
            jets[X, at],
            jets[Y, at],
            jets[AXIS, at],
            jets[SQUARE, at],
        )

    def recoil(self, rank: int) -> Float32s:
        """The phi opposite to the jets before a rank."""
        recoil = np.empty(self.ranks.count(rank), np.float32)
        axis = self.floats[AXIS, self.ranks.at(rank - 1, rank)]
        relative_angles(axis, -self.floats[LEAD_PHI, : len(recoil)], recoil)
        return recoil


@accelerated("atlasae.density.kernels")
def add_ratios(pt: Float32s, offsets: Integers, ratios: Float32s, total: Float32s) -> None:
    """Fill in pt over the leading pt, and add it up.

    Args:
        pt: of the jets in the order by rank, shape (jets,), float32.
        offsets: where the jets of each rank start, and the number of jets.
        ratios: to be filled, shape (jets,).
        total: of each event that has jets; 0 where the sum is negative.
    """
    leading = np.maximum(pt[: len(total)], SMALLEST_PT)
    for start, stop in pairwise(offsets.tolist()):
        own = np.clip(pt[start:stop] / leading[: stop - start], -LARGEST_RATIO, LARGEST_RATIO)
        ratios[start:stop] = own
        total[: stop - start] += own
    np.maximum(total, 0, out=total)
