"""Coding a feature for all ranks of a group at once, by kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.coding.entropy import EntropyDecoder
from atlasae.coding.rans import MOST_LANES
from atlasae.compiled import kernel_in_use
from atlasae.density.event_inputs import Input, inputs_of
from atlasae.quantization.quantizers import AbsoluteQuantizer, FloatQuantizer

if TYPE_CHECKING:
    from atlasae.coding.entropy import EntropyCoder
    from atlasae.density.conditional import Conditional
    from atlasae.density.event_context import EventContext
    from atlasae.density.trees import Cut
    from atlasae.density.visitor import Visit
    from atlasae.types import Integers

CHUNK = 4096  # events at a time
# entries of the array that tells a kernel the roles of the features, and what phi is
PT, MASS, ETA, PHI, LINEAR, CIRCLE, PHI_KIND, SHIFT, LOW_BITS = range(9)
NONE, ABSOLUTE, FLOAT = range(3)  # kinds of phi
_KERNEL = "atlasae.density.rank_kernels:code_ranks"
_NO_STREAM = (
    np.zeros(1, np.uint64),
    np.zeros(MOST_LANES, np.uint32),
    np.zeros(2, np.uint32),
    np.zeros(3, np.int64),
)


def code_ranks(coder: EntropyCoder, conditional: Conditional, visit: Visit) -> bool:
    """Code a feature for the jets of some ranks, and add it to the context.

    Args:
        coder: encoder or decoder.
        conditional: distribution of the feature in the group.
        visit: the feature and the jets.

    Returns:
        False if nothing was done, as kernels are not in use or do not know this kind of phi.
    """
    context, members, given = visit.context, visit.members, visit.given
    kernel, phi = kernel_in_use(_KERNEL), _phi(context)
    if kernel is None or phi is None:
        return False
    layout, cuts, bins = context.layout, conditional.tree.cuts, conditional.bins
    tables = conditional.leaves.tables
    row = context.row_of(visit.feature)
    inputs = inputs_of(layout, context.ranks.counts is not None, visit.feature, visit.group)
    asked = [_cut(context, inputs[cut.input], cut) for cut in cuts]
    start, stop = context.ranks.offsets[members.start], context.ranks.offsets[members.stop]
    described = CHUNK if given is None else stop - start
    coordinates, leaves = np.empty(described, np.int32), np.empty(described, np.uint8)
    model = (
        row,
        members.start,
        members.stop,
        phi[1],
        context.integers,
        context.floats,
        np.array(context.ranks.offsets),
        _roles(context, *phi),
        np.array(asked, np.int64).reshape(len(cuts), 5),
        *conditional.tree.links,
        tables.entries,
        tables.slots,
        bins.kinds.lows,
        bins.kinds.widths,
    )
    scratch = (
        np.empty(CHUNK, np.int32),
        np.empty(CHUNK, np.int32),
        np.empty((len(cuts) + 1, CHUNK), np.uint8),
        coordinates,
        leaves,
    )
    if given is None:
        assert isinstance(coder, EntropyDecoder)
        coder.decode_with(lambda *stream: kernel(True, *model, *stream, *scratch), stop - start)
        return True
    own = context.integers[row, start:stop]
    own[:] = given[start:stop]
    kernel(False, *model, *_NO_STREAM, *scratch)
    if not np.array_equal(own, given[start:stop]):
        raise AssertionError(
            f"{visit.feature} is not restored from its coordinate: please report this"
        )
    found = bins.find(coordinates)
    coder.symbols(tables, leaves, found)
    coder.bits(found, bins.kinds, coordinates)
    return True


def _cut(context: EventContext, known: Input, cut: Cut) -> tuple[int, ...]:
    """An input and how it is cut, as numbers."""
    row = context.row_of(context.layout.momentum[known.feature])
    return known.kind, row, known.jet, cut.start, cut.shift


def _phi(context: EventContext) -> tuple[int, float, int, int] | None:
    """Kind, step, shift and low bits of phi; None if kernels do not know it."""
    layout = context.layout
    if not context.has_directions:
        return NONE, 1.0, 0, 0
    assert layout.phi is not None
    lattice = layout.lattices[layout.phi]
    quantizer = lattice.quantizer
    is_usual = quantizer.dtype in ("float32", "float64") and not lattice.low_bits
    if isinstance(quantizer, AbsoluteQuantizer) and is_usual:
        return ABSOLUTE, quantizer.step, 0, 0
    if isinstance(quantizer, FloatQuantizer) and quantizer.dtype == "float32":
        return FLOAT, 1.0, quantizer.shift, lattice.low_bits
    return None


def _roles(context: EventContext, kind: int, _step: float, shift: int, low_bits: int) -> Integers:
    layout = context.layout

    def index(feature: str | None) -> int:
        return -1 if feature is None else context.row_of(feature)

    roles = np.zeros(9, np.int64)
    roles[PT], roles[ETA] = index(layout.pt), index(layout.eta)
    roles[MASS] = index(layout.mass if layout.ratio else None)
    roles[PHI] = index(layout.phi if kind != NONE else None)
    roles[LINEAR] = layout.linear if layout.ratio else 0
    roles[CIRCLE], roles[PHI_KIND] = layout.circle, kind
    roles[SHIFT], roles[LOW_BITS] = shift, low_bits
    return roles
