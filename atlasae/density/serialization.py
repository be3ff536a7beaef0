"""The stored form of densities; see ``atlasae.coding.stored_numbers``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.coding.entropy import EntropyEncoder
from atlasae.coding.stored_numbers import LENGTHS, code_array, code_integers, code_up_to, one, part
from atlasae.density.bins import OUTERMOST, SHARES, Bins
from atlasae.density.conditional import Conditional
from atlasae.density.networks import IntegerNetwork
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.coding.entropy import EntropyCoder

_MOST = 1 << 12  # bins or inputs: above any that are made
_MOST_UNITS = 1 << 8


def stored_bits(conditional: Conditional) -> int:
    """What a conditional takes in the stored form."""
    writer = EntropyEncoder()
    code_conditional(writer, conditional)
    return 8 * len(writer.to_bytes())


def code_conditional(coder: EntropyCoder, known: Conditional | None) -> Conditional:
    """Write a density, or read it."""
    inner = None if known is None else known.bins.edges[1:-1]
    count = one(coder, inner if inner is None else len(inner), _MOST)
    grain = None
    if inner is not None:  # the low digits that are zero in all edges
        bits = int(np.bitwise_or.reduce(inner))
        grain = (bits & -bits).bit_length() - 1 if bits else 0
    grain = one(coder, grain, LENGTHS)
    first = code_integers(coder, inner if inner is None else inner[:1] >> grain, 1)
    steps = None if inner is None else (np.diff(inner) >> grain) - 1
    steps = code_integers(coder, steps, count - 1, signed=False) + 1
    inner = np.append(first, first + np.cumsum(steps)) << grain
    edges = np.concatenate([[-OUTERMOST], inner, [OUTERMOST]])
    if not (np.diff(edges) > 0).all():
        raise DamagedFileError("the stored density is damaged: its bins are out of order")
    table = code_table(coder, part(known, "table"), count + 1)
    inputs = one(coder, part(known, "inputs"), _MOST)
    network = _code_network(coder, part(known, "network"), inputs) if inputs else None
    return Conditional(Bins(edges), table, network, inputs)


def code_table(
    coder: EntropyCoder, table: NDArray[np.uint16] | None, count: int
) -> NDArray[np.uint16]:
    """Write the weights of so many bins, or read them."""
    below = None if table is None else len(SHARES) - 1 - np.searchsorted(SHARES, table)
    # the outer bins are mostly empty, far less than the others
    outer = coder.uniform(below if below is None else below[[0, -1]], np.full(2, len(SHARES)))
    inner = code_up_to(coder, below if below is None else below[1:-1], count - 2, len(SHARES))
    places = len(SHARES) - 1 - np.concatenate([outer[:1], inner, outer[1:]])
    found: NDArray[np.uint16] = SHARES[places]
    return found


def _code_network(coder: EntropyCoder, known: IntegerNetwork | None, inputs: int) -> IntegerNetwork:
    sizes = None if known is None else np.array([*known.mixing.shape, len(known.logits)])
    units, order, bins = coder.uniform(sizes, np.full(3, _MOST_UNITS)).tolist()
    weights, biases, scales = [], [], []
    for i, width in enumerate((inputs, units)):
        weights.append(code_array(coder, part(known, "weights", i), (units, width), "i1"))
        bias = None if known is None else known.biases[i].astype(np.int64)
        biases.append(code_integers(coder, bias, units).astype(np.int32))
        scales.append(code_array(coder, part(known, "scales", i), (units,), "i1"))
    return IntegerNetwork(
        (weights[0], weights[1]),
        (biases[0], biases[1]),
        (scales[0], scales[1]),
        code_array(coder, part(known, "mixing"), (units, order), "i2"),
        one(coder, part(known, "mixing_shift"), LENGTHS),
        code_array(coder, part(known, "logits"), (bins,), "i2"),
    )
