"""Bins whose migrations are shown: those given, those of cuts that were kept, or common ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from atlasae.errors import InputError
from atlasae.jets.names import energy_unit, find_feature, role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlasae.jets.table import Table

    Bins = Mapping[str, Iterable[float]]

# edges that analyses of jets often have; energies in GeV
_COMMON = {"pt": (30, 50, 100, 200, 500), "eta": (-2.4, -1.3, 1.3, 2.4)}
_WAY = "write pt=30,50,100 or pt=30,50,eta=-2.4,2.4"


def parse_bins(text: str) -> dict[str, tuple[float, ...]]:
    """The edges by feature from a text.

    Raises:
        InputError: it does not have this form.

    Example:
        >>> parse_bins("pt=30,50,eta=-2.4,2.4")
        {'pt': (30.0, 50.0), 'eta': (-2.4, 2.4)}
    """
    bins: dict[str, list[float]] = {}
    name = ""
    for word in text.split(","):
        before, equals, number = word.rpartition("=")
        name = before.strip() if equals else name
        try:
            bins.setdefault(name, []).append(float(number))
        except ValueError:
            raise InputError(f"bins {text!r}: {number.strip()!r} is not a number; {_WAY}") from None
    if "" in bins:
        raise InputError(f"bins {text!r} do not begin with a feature; {_WAY}")
    return {name: tuple(edges) for name, edges in bins.items()}


def bins_text(bins: Bins) -> str:
    """The inverse of ``parse_bins``.

    Example:
        >>> bins_text({"pt": (30.0, 50.0), "eta": (-2.4,)})
        'pt=30,50,eta=-2.4'
    """
    words = {name: [repr(float(edge)).removesuffix(".0") for edge in bins[name]] for name in bins}
    return ",".join(f"{name}={','.join(edges)}" for name, edges in words.items())


def checked_bins(bins: Bins, jets: Table) -> dict[str, tuple[float, ...]]:
    """The edges of each feature of these jets, ascending, once each.

    Args:
        bins: edges by feature.
        jets: the original jets.

    Raises:
        MissingNameError: there is no such feature.
        InputError: edges are not finite numbers, or there are none.

    Example:
        >>> from atlasae.jets.table import to_table
        >>> checked_bins({"m": [20, 10]}, to_table({"mass": [5.0]}))
        {'mass': (10.0, 20.0)}
    """
    found: dict[str, tuple[float, ...]] = {}
    for name, edges in bins.items():
        feature = find_feature(name, jets.columns, "the jets compared")
        try:
            numbers = np.unique(np.array([*edges], np.float64))
        except (TypeError, ValueError):
            raise InputError(f"bins of {name!r} are not a list of numbers: {edges!r}") from None
        if not numbers.size or not np.isfinite(numbers).all():
            raise InputError(f"bins of {name!r} need finite edges, at least one, not {edges!r}")
        found[feature] = tuple(numbers.tolist())
    return found


def common_bins(jets: Table) -> dict[str, tuple[float, ...]]:
    """Common edges of pt and eta, those that have jets on both sides.

    Args:
        jets: the original jets.

    Example:
        >>> from atlasae.jets.table import to_table
        >>> common_bins(to_table({"pt": [25.0, 60.0, 120.0]}))
        {'pt': (30.0, 50.0, 100.0)}
    """
    found: dict[str, tuple[float, ...]] = {}
    for name, values in jets.columns.items():
        finite = values[np.isfinite(values)]
        unit = 1000.0 if role(name) == "pt" and energy_unit(values) == "MeV" else 1.0
        edges = tuple(unit * edge for edge in _COMMON.get(role(name) or "", ()))
        if finite.size:
            edges = tuple(edge for edge in edges if finite.min() < edge <= finite.max())
            found |= {name: edges} if edges else {}
    return found
