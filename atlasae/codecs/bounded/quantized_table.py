"""From tables of jets to integers and back: a lattice for each column."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from atlasae.density.feature_layout import FeatureLayout, coding_order
from atlasae.errors import located
from atlasae.jets.table import Table
from atlasae.quantization.dither import key_of, seed_of
from atlasae.quantization.exceptions import restore_exceptions
from atlasae.quantization.fitting import fit_quantizer
from atlasae.quantization.lattices import Lattice
from atlasae.quantization.quantized import QuantizedJets, phi_origin
from atlasae.quantization.quantizer import bit_patterns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlasae.quantization.tolerance import Tolerance


def fit_lattices(
    table: Table, bounds: Mapping[str, Tolerance], *, dither: bool
) -> dict[str, Lattice]:
    """Choose the lattices of columns, in the order of coding.

    Args:
        table: a sample of the jets.
        bounds: the tolerance of each column.
        dither: shift the lattices that have steps.
    """
    lattices = {}
    for name in coding_order(list(table.columns)):
        values = table.columns[name]
        lattices[name] = Lattice.fit(fit_quantizer(values, bounds[name]), values)
    layout = FeatureLayout.of(lattices)
    if layout.circle and layout.phi:
        lattice = lattices[layout.phi]
        integers = lattice.quantizer.to_integers(table.columns[layout.phi])
        lattices[layout.phi] = replace(lattice, origin=phi_origin(integers, layout.circle))
    if not dither:
        return lattices
    return {name: lattice.dithered(table.columns[name]) for name, lattice in lattices.items()}


def quantize_table(
    table: Table, layout: FeatureLayout, bounds: Mapping[str, Tolerance]
) -> QuantizedJets:
    """Integers, the low bits of the widest, and the exceptions."""
    integers, low, exceptions = {}, {}, {}
    seed = seed_of(table.columns) if layout.has_dither else None
    for number, (name, lattice) in enumerate(layout.lattices.items()):
        values = table.columns[name]
        with located(f"feature {name!r}"):
            high, bits, positions = lattice.split(values, bounds[name], key_of(seed, number))
            patterns = bit_patterns(lattice.quantizer.check_dtype(values))
        if name == layout.phi and layout.circle:
            beyond = np.flatnonzero(np.abs(high) > layout.circle // 2)
            positions = np.union1d(positions, beyond)
            high[beyond] = 0
        integers[name] = high
        if bits is not None:
            low[name] = bits
        if len(positions):
            exceptions[name] = positions, patterns[positions]
    counts = None if table.counts is None else table.counts.astype(np.int64)
    return QuantizedJets(integers, low, exceptions, counts, seed)


def restore_table(
    quantized: QuantizedJets, lattices: Mapping[str, Lattice], features: Sequence[str]
) -> Table:
    """The values of integers, and the exceptions.

    Args:
        quantized: all columns, or those up to some in the order of coding.
        lattices: of all columns, in that order.
        features: all columns, in the order of the table.
    """
    columns = {}
    for number, (name, lattice) in enumerate(lattices.items()):
        if name not in quantized.integers:
            continue
        key = key_of(quantized.seed, number)
        values = lattice.join(quantized.integers[name], quantized.low.get(name), key)
        if name in quantized.exceptions:
            values = restore_exceptions(values, *quantized.exceptions[name])
        columns[name] = values
    decoded = {name: columns[name] for name in features if name in columns}
    return Table(decoded, quantized.counts)
