"""From tables of jets to integers and back: a lattice for each column."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from atlasae.density.feature_layout import FeatureLayout, coding_order
from atlasae.errors import located
from atlasae.jets.table import Table
from atlasae.quantization.corrections import Corrected, overrides_of, restore
from atlasae.quantization.dither import key_of, seed_of
from atlasae.quantization.fitting import fit_quantizer
from atlasae.quantization.jet_order import JetOrder
from atlasae.quantization.lattices import Lattice
from atlasae.quantization.quantized import QuantizedJets, phi_origin
from atlasae.quantization.quantizer import bit_patterns
from atlasae.quantization.quantizers import StepQuantizer
from atlasae.quantization.sides import Sides

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlasae.quantization.corrections import Correction
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Values

_NO_EXCEPTIONS = (np.zeros(0, np.int64), None)


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
        quantizer = fit_quantizer(values, bounds[name], dither=dither)
        lattices[name] = Lattice.fit(quantizer, values)
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
) -> tuple[QuantizedJets, Table]:
    """Integers, the low bits of the widest, and the exceptions, without corrections.

    Args:
        table: the originals.
        layout: of the features, with their lattices.
        bounds: the tolerance of each feature.

    Returns:
        These, and the values that they stand for, without corrections.

    Raises:
        InputError: a feature has another dtype than that of its lattice.
    """
    integers, low, exceptions, decoded = {}, {}, {}, {}
    seed = seed_of(table.columns) if layout.has_dither else None
    for number, (name, lattice) in enumerate(layout.lattices.items()):
        values = table.columns[name]
        with located(f"feature {name!r}"):
            found = lattice.split(values, bounds[name], key_of(seed, number))
        high, bits, positions, decoded[name] = found
        if name == layout.phi and layout.circle:
            beyond = np.flatnonzero(np.abs(high) > layout.circle // 2)
            positions = np.union1d(positions, beyond)
            high[beyond] = 0
        integers[name] = high
        if bits is not None:
            low[name] = bits
        if len(positions):
            patterns = bit_patterns(lattice.quantizer.check_dtype(values))[positions]
            exceptions[name] = positions, patterns
            bit_patterns(decoded[name])[positions] = patterns
    counts = None if table.counts is None else table.counts.astype(np.int64)
    quantized = QuantizedJets(integers, low, exceptions, counts, seed)
    return quantized, Table(decoded, counts)


def corrections_of(
    layout: FeatureLayout,
    bounds: Mapping[str, Tolerance],
    cuts: Mapping[str, Sequence[float]],
    order_kept: str | None,
) -> dict[str, tuple[Correction, ...]]:
    """The corrections of the features that need any: those with steps, of which bits are lost.

    Args:
        layout: of the features.
        bounds: the tolerance of each feature.
        cuts: edges by feature, ascending, numbers of its dtype.
        order_kept: the feature whose order in events is kept; None if there is none.
    """
    corrections: dict[str, tuple[Correction, ...]] = {}
    for name, lattice in layout.lattices.items():
        if not isinstance(lattice.quantizer, StepQuantizer):
            continue
        order = (JetOrder(bounds[name]),) if name == order_kept else ()
        edges = np.array(cuts.get(name, ()), lattice.quantizer.dtype)
        sides = (Sides(edges, bounds[name]),) if len(edges) else ()
        if order or sides:
            corrections[name] = (*order, *sides)
    return corrections


def corrected(
    quantized: QuantizedJets,
    table: Table,
    decoded: Table,
    lattices: Mapping[str, Lattice],
    bounds: Mapping[str, Tolerance],
    corrections: Mapping[str, Sequence[Correction]],
) -> dict[str, Corrected]:
    """The corrected values of each feature.

    Args:
        quantized: the jets of the table, in its order.
        table: the originals.
        decoded: what the integers stand for.
        lattices: of all columns, in the order of coding.
        bounds: the tolerance of each column.
        corrections: by feature.
    """
    return {
        name: Corrected(
            corrections.get(name, ()),
            lattice.quantizer.check_dtype(table.columns[name]),
            decoded.columns[name],
            quantized.counts,
            bounds[name],
            quantized.exceptions.get(name, _NO_EXCEPTIONS)[0],
        )
        for name, lattice in lattices.items()
    }


def with_corrections(quantized: QuantizedJets, found: Mapping[str, Corrected]) -> QuantizedJets:
    """The same jets with what their corrections need to know, and the values that these do not mend."""
    return replace(
        quantized,
        corrections={name: one.data for name, one in found.items() if one.data},
        overrides=overrides_of(found),
    )


def _joined(quantized: QuantizedJets, name: str, number: int, lattice: Lattice) -> Values:
    """What the integers of a feature stand for; it has this number in the order of coding."""
    key = key_of(quantized.seed, number)
    return lattice.join(quantized.integers[name], quantized.low.get(name), key)


def restore_table(
    quantized: QuantizedJets,
    lattices: Mapping[str, Lattice],
    features: Sequence[str],
    corrections: Mapping[str, Sequence[Correction]],
) -> Table:
    """The values of integers, corrected, and the exceptions.

    Args:
        quantized: all columns, or those up to some in the order of coding.
        lattices: of all columns, in that order.
        features: all columns, in the order of the table.
        corrections: by feature.

    Raises:
        DamagedFileError: what is stored for a correction is that of other jets.
        InputError: an exception lies outside the jets.
    """
    columns = {}
    for number, (name, lattice) in enumerate(lattices.items()):
        if name not in quantized.integers:
            continue
        columns[name] = restore(
            corrections.get(name, ()),
            quantized.corrections.get(name, ()),
            _joined(quantized, name, number, lattice),
            quantized.counts,
            quantized.exceptions.get(name),
            quantized.overrides.get(name),
        )
    decoded = {name: columns[name] for name in features if name in columns}
    return Table(decoded, quantized.counts)
