"""Bins whose migrations are shown: those given, or else those of promised cuts and common ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.jets.names import energy_unit, role
from atlasae.quantization.cuts import cuts_of, require_cuts, rounded_edges
from atlasae.quantization.quantizer import FLOAT_DTYPES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlasae.jets.table import Table
    from atlasae.quantization.cuts import CutSpec
    from atlasae.types import Values

    Bins = dict[str, tuple[float, ...]]

# edges that analyses of jets often have; energies in GeV
_COMMON = {"pt": (30, 50, 100, 200, 500), "eta": (-2.4, -1.3, 1.3, 2.4)}


def bins_of(spec: CutSpec, collection: str, jets: Table) -> Bins:
    """The edges of each feature of these jets that has any, ascending.

    Args:
        spec: as ``atlasae.quantization.cuts.parse_cuts`` accepts it.
        collection: name of the collection.
        jets: the original jets.

    Raises:
        MissingNameError: the jets have no such feature.
        InputError: the spec cannot be read.

    Example:
        >>> from atlasae.jets.table import to_table
        >>> bins_of({"m": [20, 10]}, "Jet", to_table({"mass": [5.0]}))
        {'mass': (10.0, 20.0)}
    """
    require_cuts(spec, {collection: list(jets.columns)})
    return cuts_of(spec, collection, list(jets.columns))


def common_bins(jets: Table) -> Bins:
    """Common edges of pt and eta, those that have jets on both sides.

    Args:
        jets: the original jets.

    Example:
        >>> from atlasae.jets.table import to_table
        >>> common_bins(to_table({"pt": [25.0, 60.0, 120.0]}))
        {'pt': (30.0, 50.0, 100.0)}
    """
    found: Bins = {}
    for name, values in jets.columns.items():
        finite = values[np.isfinite(values)]
        unit = 1000.0 if role(name) == "pt" and energy_unit(values) == "MeV" else 1.0
        edges = tuple(unit * edge for edge in _COMMON.get(role(name) or "", ()))
        if finite.size:
            edges = tuple(edge for edge in edges if finite.min() < edge <= finite.max())
            found |= {name: edges} if edges else {}
    return found


def edges_for(values: Values, edges: Iterable[float]) -> Values:
    """Edges as values are compared with them: the nearest numbers of their dtype, shape (edges,).

    Example:
        >>> edges_for(np.zeros(1, np.float32), [0.1]).tolist()
        [0.10000000149011612]
    """
    if values.dtype.name not in FLOAT_DTYPES:
        return np.array([*edges])
    return np.array(rounded_edges(edges, values.dtype), values.dtype)
