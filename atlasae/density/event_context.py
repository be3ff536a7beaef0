"""What encoder and decoder both know of an event before they code the next feature of a jet.

Each feature becomes a coordinate that is easy to predict: the drop in pt from the jet before, the
angle from the recoil of the jets before. Each coded feature becomes inputs for the next. All of it
is exact (``atlasae.exact_math``), because the decoder has to repeat it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae import exact_math
from atlasae.density.directions import Direction, recoil_of, wrap_steps
from atlasae.density.visitor import SIGN, rank_group

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.density.feature_layout import FeatureLayout
    from atlasae.density.visitor import Inputs, Visitor
    from atlasae.types import Float32s, Integers


_LIGHT = 1 << 52  # beyond the difference of any two integers of a quantizer
_FLAG = np.float32(128)  # inputs are of about this size before they are scaled
_MOST_JETS = np.float32(9)


class EventContext:
    """The coded features of the jets of all events, by rank.

    Arrays of a rank have one element for each event with a jet of that rank. Events are sorted by
    falling number of jets, so those events come first. A feature is visited at all ranks before the
    next feature is.

    Args:
        layout: the features.
        counts: number of jets of each event, float32; None for jets without events.
    """

    def __init__(self, layout: FeatureLayout, counts: Float32s | None) -> None:
        self.layout = layout
        self.counts = counts
        self.integers: dict[str, list[Integers]] = {name: [] for name in layout.momentum}
        self.input_rows: dict[str, list[Float32s]] = {name: [] for name in layout.momentum}
        self.eta_sign = np.ones(0, np.int64)  # of the leading jet
        self.phi_sign = np.ones(0, np.int64)  # of delta phi from the leading to the second jet
        self.lead_phi = np.zeros(0, np.float32)
        self.lead_cos_sin: list[Float32s] = []
        self.lead_pt = np.zeros(0, np.float32)
        self.pt_ratios: list[Float32s] = []  # pt over the leading pt
        self.angles: list[tuple[Float32s, ...]] = []  # phi from the leading jet, cosine, sine
        self.momenta: list[tuple[Float32s, Float32s]] = []  # summed, over the leading pt
        self.recoils: list[Direction] = []  # of the jets up to each rank

    def visit(
        self,
        visitor: Visitor,
        feature: str,
        rank: int,
        chunk: slice,
        integers: Integers | None,
        inputs: Inputs,
    ) -> Integers:
        """Visit a feature of a chunk of the jets of one rank; ``integers`` is None to decode it."""
        layout, group = self.layout, rank_group(rank)
        inputs.add(self.new_inputs(feature, rank, chunk))
        if feature == layout.mass and layout.ratio:
            return self._visit_mass(visitor, group, rank, chunk, integers, inputs)
        sign: Integers | int
        origin: Integers | int
        if feature == layout.eta and rank == 0:
            negative = None if integers is None else (integers < 0).astype(np.int64)
            negative = visitor.visit(group, SIGN, negative, inputs)
            sign, origin = 1 - 2 * negative, -negative
        else:
            sign, origin = self._axis(feature, rank, chunk)
        circle = layout.circle if feature == layout.phi and rank else 0
        values = None if integers is None else sign * wrap_steps(integers - origin, circle)
        return wrap_steps(sign * visitor.visit(group, feature, values, inputs) + origin, circle)

    def _visit_mass(
        self,
        visitor: Visitor,
        group: str,
        rank: int,
        chunk: slice,
        integers: Integers | None,
        inputs: Inputs,
    ) -> Integers:
        """Code the mass as a ratio to pt, except for zeros and masses below the quantizer's floor.

        A ratio says nothing about those; they are moved far below all others.
        """
        layout, values = self.layout, None
        assert layout.mass is not None
        assert layout.pt is not None
        pt = self.integers[layout.pt][rank][chunk]
        if integers is not None:
            linear = getattr(layout.quantizers[layout.mass], "linear", 0)
            values = integers - np.where(np.abs(integers) <= linear, _LIGHT, pt)
        values = visitor.visit(group, layout.mass, values, inputs)
        return values + np.where(values < -_LIGHT // 2, _LIGHT, pt)

    def add(self, feature: str, rank: int, integers: Integers) -> None:
        """Add a feature of all jets of a rank."""
        layout, count = self.layout, len(integers)
        self.integers[feature].append(integers)
        if feature == layout.phi:
            self._add_phi(rank, integers)
            return
        same_rank = {
            name: ranks[rank] for name, ranks in self.integers.items() if len(ranks) > rank
        }
        row = layout.as_input(feature, same_rank)
        if feature == layout.eta:
            if rank == 0:
                self.eta_sign = np.where(integers < 0, -1, 1)
            row = row * self.eta_sign[:count].astype(np.float32)
        self.input_rows[feature].append(row)
        if feature == layout.pt and self.counts is not None:
            pt = layout.values(feature, same_rank)
            if rank == 0:
                self.lead_pt = np.maximum(pt, np.float32(1e-30))
            ratio = pt / self.lead_pt[:count]
            self.pt_ratios.append(np.clip(ratio, np.float32(-1e9), np.float32(1e9)))

    def _add_phi(self, rank: int, integers: Integers) -> None:
        """Rotate phi to the leading jet and sum the momenta."""
        layout, count = self.layout, len(integers)
        assert layout.phi is not None
        if self.counts is None or layout.pt is None:
            return
        phi = layout.values(layout.phi, {layout.phi: integers})
        angle = np.clip(phi, -exact_math.PI, exact_math.PI)
        if rank == 0:
            self.lead_phi, self.lead_cos_sin = angle, list(exact_math.cos_sin(angle))
            angle = np.zeros_like(angle)
        else:
            angle = exact_math.wrap(angle - self.lead_phi[:count])
        cosine, sine = exact_math.cos_sin(angle)
        if rank == 1:
            self.phi_sign = np.where(angle < 0, -1, 1)
        x, y = self.pt_ratios[rank] * cosine, self.pt_ratios[rank] * sine
        if rank:
            x, y = self.momenta[-1][0][:count] + x, self.momenta[-1][1][:count] + y
        self.angles.append((angle, cosine, sine))
        self.momenta.append((x, y))
        self.recoils.append(recoil_of(x, y, rank + 1))

    def _axis(self, feature: str, rank: int, chunk: slice) -> tuple[Integers | int, Integers | int]:
        """Sign and origin of the coordinate in which a feature is coded."""
        layout = self.layout
        if rank == 0:
            return 1, 0
        if feature == layout.pt:
            return -1, self.integers[feature][rank - 1][chunk]
        if feature == layout.eta:
            sign = self.eta_sign[chunk]
            return sign, (sign - 1) // 2  # mirrors a float's bit patterns, where -0.0 is -1
        if feature == layout.phi and layout.circle and self.recoils:
            step = np.float32(layout.quantizers[feature].step)  # type: ignore[attr-defined]
            recoil = exact_math.wrap(self.lead_phi[chunk] + self.recoils[rank - 1].angle[chunk])
            origin = np.rint(recoil / step).astype(np.int64)
            return self.phi_sign[chunk] if rank > 1 else 1, origin
        return 1, 0

    def new_inputs(self, feature: str, rank: int, chunk: slice) -> list[Float32s]:
        """Inputs that are new since the previous feature: of the event, the jet, other jets."""
        index = self.layout.momentum.index(feature)
        if index:
            rows = self._own_inputs(self.layout.momentum[index - 1], rank, chunk)
        else:
            rows = self._count_inputs(rank, chunk)
        if feature != self.layout.phi:
            return [
                *rows,
                *(self.input_rows[feature][earlier][chunk] for earlier in _earlier(rank)),
            ]
        return rows + (self._recoil_inputs(rank, chunk) if rank and self.recoils else [])

    def _count_inputs(self, rank: int, chunk: slice) -> list[Float32s]:
        """Inputs from the number of jets in the event."""
        if self.counts is None:
            return []
        counts = self.counts[chunk]
        if rank < 2:
            rows = [_flag(counts == n) for n in (1, 2, 3, 4)]
            return [*rows, np.minimum(counts, _MOST_JETS) * np.float32(32)]
        left = counts - np.float32(rank)
        rows = [_flag(left == 1), _flag(left == 2)]
        rows += [np.minimum(left, np.float32(6)) * np.float32(64)]
        rows += [np.full_like(left, min(rank, 6) * 64), np.full_like(left, 128 * (rank == 2))]
        return rows

    def _recoil_inputs(self, rank: int, chunk: slice) -> list[Float32s]:
        """Inputs from the recoil of the jets before."""
        rows: list[Float32s] = []
        recoil = self.recoils[rank - 1].at(chunk)
        if rank > 1:
            ratio: Float32s = np.maximum(self.pt_ratios[rank][chunk], np.float32(1e-9))
            rows = [exact_math.log2(recoil.square), exact_math.log2(ratio * ratio / recoil.square)]
            sign = self.phi_sign[chunk].astype(np.float32)
            for earlier in _earlier(rank):
                _, cosine, sine = self.angles[earlier]
                cosine, sine = recoil.relative(cosine[chunk], sine[chunk])
                rows += [cosine, sine * sign]
        if not self.layout.circle:
            cosine, sine = (column[chunk] for column in self.lead_cos_sin)
            rows.append(cosine * recoil.cosine - sine * recoil.sine)
            rows.append(sine * recoil.cosine + cosine * recoil.sine)
        return rows

    def _own_inputs(self, feature: str, rank: int, chunk: slice) -> list[Float32s]:
        """Inputs from a feature that is coded for this and all other jets."""
        if feature == self.layout.phi:
            return self._angle_inputs(rank, chunk) if rank and self.recoils else []
        by_rank = self.input_rows[feature]
        rows = [by_rank[rank][chunk]]
        if feature == self.layout.pt and self.counts is not None:
            if rank:
                rows.append(by_rank[rank - 1][chunk] - rows[0])
            rows.append(_drop_to_next(by_rank, rank, chunk))
        return rows

    def _angle_inputs(self, rank: int, chunk: slice) -> list[Float32s]:
        """Inputs from the jet's phi: its distance to the recoil, and to other jets."""
        recoil = self.recoils[rank - 1].at(chunk)
        angle, cosine, sine = (column[chunk] for column in self.angles[rank])
        from_recoil = np.abs(exact_math.wrap(angle - recoil.angle))
        if rank == 1:
            return [from_recoil]
        to_earlier = [
            np.minimum(
                np.abs(exact_math.wrap(angle - self.angles[earlier][0][chunk])), np.float32(1)
            )
            for earlier in _earlier(rank)
        ]
        return [recoil.relative(cosine, sine)[0], from_recoil, *to_earlier]


def _drop_to_next(by_rank: list[Float32s], rank: int, chunk: slice) -> Float32s:
    """The drop in pt to the jet of the next rank; 0 for the last jet."""
    own = by_rank[rank][chunk]
    drop = np.zeros_like(own)
    if rank + 1 < len(by_rank):
        after = by_rank[rank + 1][chunk]
        np.subtract(own[: len(after)], after, out=drop[: len(after)])
    return drop


def _earlier(rank: int) -> tuple[int, ...]:
    """Ranks of the earlier jets that give inputs; their number is the same within a rank group."""
    return (0,) if rank == 1 else (0, rank - 1, rank - 2) if rank > 1 else ()


def _flag(condition: NDArray[np.bool_]) -> Float32s:
    return condition.astype(np.float32) * _FLAG
