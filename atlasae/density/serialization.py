"""The stored form of a jet density; each part is written and read by a pair of functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.coding.entropy import EntropyEncoder
from atlasae.coding.stored_numbers import (
    BIT_LENGTHS,
    read_array,
    read_integer,
    read_limited,
    read_range,
    read_signed,
    read_unsigned,
    write_array,
    write_integer,
    write_limited,
    write_range,
    write_signed,
    write_unsigned,
)
from atlasae.density.bins import OUTERMOST, SHARES, Bins
from atlasae.density.conditional import Conditional
from atlasae.density.input_scale import InputScale
from atlasae.density.jet_density import MOST_COUNTS, JetDensity, count_bins, count_density
from atlasae.density.networks import IntegerNetwork
from atlasae.density.visitor import ALL_GROUPS, OTHERS, RANK_GROUPS, SIGN
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from atlasae.coding.entropy import EntropyDecoder
    from atlasae.density.feature_layout import FeatureLayout
    from atlasae.types import Integers

_LIMIT = 1 << 12  # above the number of bins, or of inputs, of any conditional
_UNIT_LIMIT = 1 << 8  # above the number of units, basis functions or groups of any network
_ZERO = -64  # stands for the exponent of a factor of 0
_EXPONENTS = 128  # possible exponents of factors, from _ZERO on


def write_jet_density(encoder: EntropyEncoder, density: JetDensity) -> None:
    """Write a density without its layout."""
    keys = _keys(density.layout)
    flags = [density.in_events, *(key in density.conditionals for key in keys)]
    encoder.encode_uniform(np.array(flags, np.int64), np.full(len(flags), 2))
    for key in keys:
        if key in density.conditionals:
            write_conditional(encoder, density.conditionals[key])
    for group in _input_counts(density.conditionals):
        _write_scale(encoder, density.scales[group])
    if density.in_events:
        _write_count_density(encoder, density.jets_per_event)


def read_jet_density(decoder: EntropyDecoder, layout: FeatureLayout) -> JetDensity:
    """Read a density with this layout.

    Raises:
        DamagedFileError: the bytes are not such a density.
    """
    keys = _keys(layout)
    in_events, *stored = decoder.decode_uniform(np.full(1 + len(keys), 2)).tolist()
    conditionals = {
        key: read_conditional(decoder)
        for key, is_stored in zip(keys, stored, strict=True)
        if is_stored
    }
    scales = {
        group: _read_scale(decoder, rows) for group, rows in _input_counts(conditionals).items()
    }
    counts = _read_count_density(decoder) if in_events else count_density(None)
    return JetDensity(layout, scales, conditionals, counts, bool(in_events))


def _keys(layout: FeatureLayout) -> list[tuple[str, str]]:
    """Groups and features that can have a conditional, in the order of storing."""
    keys = [(group, feature) for group in RANK_GROUPS for feature in layout.momentum]
    keys += [(RANK_GROUPS[0], SIGN)] if layout.eta else []
    return keys + [(OTHERS, feature) for feature in layout.others]


def _input_counts(conditionals: Mapping[tuple[str, str], Conditional]) -> dict[str, int]:
    """Number of inputs of each group that has networks."""
    counts = {
        group: max((c.inputs for (of, _), c in conditionals.items() if of == group), default=0)
        for group in ALL_GROUPS
    }
    return {group: count for group, count in counts.items() if count}


def _write_scale(encoder: EntropyEncoder, scale: InputScale) -> None:
    exponents = np.where(scale.factors == 0, _ZERO, np.frexp(scale.factors)[1] - 1)
    write_range(encoder, exponents, _EXPONENTS, _ZERO)
    write_signed(encoder, scale.centers.astype(np.int64))


def _read_scale(decoder: EntropyDecoder, rows: int) -> InputScale:
    exponents = read_range(decoder, rows, _EXPONENTS, _ZERO)
    powers = np.ldexp(np.float32(1), exponents.astype(np.int32))
    factors = np.where(exponents == _ZERO, np.float32(0), powers)
    return InputScale(factors, read_signed(decoder, rows).astype(np.float32))


def _write_count_density(encoder: EntropyEncoder, conditional: Conditional) -> None:
    """Write the distribution of the number of jets per event; its bins follow from their number."""
    write_integer(encoder, len(conditional.bins) - len(count_bins(0)), MOST_COUNTS + 1)
    _write_table(encoder, conditional.table)


def _read_count_density(decoder: EntropyDecoder) -> Conditional:
    bins = count_bins(read_integer(decoder, MOST_COUNTS + 1))
    return Conditional(bins, _read_table(decoder, len(bins)))


def stored_bits(conditional: Conditional) -> int:
    """Size of a conditional in the stored form, in bits."""
    encoder = EntropyEncoder()
    write_conditional(encoder, conditional)
    return 8 * len(encoder.to_bytes())


def write_conditional(encoder: EntropyEncoder, conditional: Conditional) -> None:
    """Write one conditional distribution.

    Example:
        >>> from atlasae.coding.entropy import EntropyDecoder
        >>> bins = Bins.fit(np.arange(100), count=9, power=0.5)
        >>> encoder = EntropyEncoder()
        >>> write_conditional(encoder, Conditional(bins, bins.histogram(np.arange(100))))
        >>> stored = read_conditional(EntropyDecoder(encoder.to_bytes()))
        >>> np.array_equal(stored.bins.edges, bins.edges)
        True
    """
    _write_edges(encoder, conditional.bins.edges[1:-1])
    _write_table(encoder, conditional.table)
    write_integer(encoder, conditional.inputs, _LIMIT)
    if conditional.network is not None:
        _write_network(encoder, conditional.network)


def read_conditional(decoder: EntropyDecoder) -> Conditional:
    """Read what ``write_conditional`` wrote.

    Raises:
        DamagedFileError: the bytes are not such a distribution.
    """
    bins = Bins(np.concatenate([[-OUTERMOST], _read_edges(decoder), [OUTERMOST]]))
    if not (bins.widths > 0).all():
        raise DamagedFileError("the stored density is damaged: its bins are out of order")
    table = _read_table(decoder, len(bins))
    inputs = read_integer(decoder, _LIMIT)
    network = _read_network(decoder, inputs) if inputs else None
    return Conditional(bins, table, network, inputs)


def _write_edges(encoder: EntropyEncoder, edges: Integers) -> None:
    """Write the inner edges of bins: the first, then the steps, without common low zero bits."""
    write_integer(encoder, len(edges), _LIMIT)
    bits = int(np.bitwise_or.reduce(edges))
    shift = (bits & -bits).bit_length() - 1 if bits else 0
    write_integer(encoder, shift, BIT_LENGTHS)
    write_signed(encoder, edges[:1] >> shift)
    write_unsigned(encoder, (np.diff(edges) >> shift) - 1)


def _read_edges(decoder: EntropyDecoder) -> Integers:
    count = read_integer(decoder, _LIMIT)
    shift = read_integer(decoder, BIT_LENGTHS)
    first = read_signed(decoder, 1)
    steps = read_unsigned(decoder, count - 1) + 1
    return np.append(first, first + np.cumsum(steps)) << shift


def _write_table(encoder: EntropyEncoder, table: NDArray[np.uint16]) -> None:
    """Write the weights of bins; the outer ones are mostly far smaller than the inner ones."""
    ranks = len(SHARES) - 1 - np.searchsorted(SHARES, table)  # 0 is the largest weight
    encoder.encode_uniform(ranks[[0, -1]], np.full(2, len(SHARES)))
    write_limited(encoder, ranks[1:-1], len(SHARES))


def _read_table(decoder: EntropyDecoder, bins: int) -> NDArray[np.uint16]:
    outer = decoder.decode_uniform(np.full(2, len(SHARES)))
    inner = read_limited(decoder, bins - 2, len(SHARES))
    ranks = np.concatenate([outer[:1], inner, outer[1:]])
    table: NDArray[np.uint16] = SHARES[len(SHARES) - 1 - ranks]
    return table


def _write_network(encoder: EntropyEncoder, network: IntegerNetwork) -> None:
    sizes = np.array([*network.mixing.shape, len(network.logits)])
    encoder.encode_uniform(sizes, np.full(3, _UNIT_LIMIT))
    for weights, biases, scales in zip(
        network.weights, network.biases, network.scales, strict=True
    ):
        write_array(encoder, weights)
        write_signed(encoder, biases.astype(np.int64))
        write_array(encoder, scales)
    write_array(encoder, network.mixing)
    write_integer(encoder, network.mixing_shift, BIT_LENGTHS)
    write_array(encoder, network.logits)


def _read_network(decoder: EntropyDecoder, inputs: int) -> IntegerNetwork:
    units, order, groups = decoder.decode_uniform(np.full(3, _UNIT_LIMIT)).tolist()
    weights, biases, scales = [], [], []
    for width in (inputs, units):
        weights.append(read_array(decoder, (units, width), "i1"))
        biases.append(read_signed(decoder, units).astype(np.int32))
        scales.append(read_array(decoder, (units,), "i1"))
    return IntegerNetwork(
        (weights[0], weights[1]),
        (biases[0], biases[1]),
        (scales[0], scales[1]),
        read_array(decoder, (units, order), "i2"),
        read_integer(decoder, BIT_LENGTHS),
        read_array(decoder, (groups,), "i2"),
    )
