"""Units, ranges and titles that values are drawn with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.jets.names import energy_unit, is_energy, role

if TYPE_CHECKING:
    from atlasae.jets.table import Table
    from atlasae.types import Floats


def to_gev(feature: str, jets: Table) -> float:
    """The factor to the unit that a feature is drawn in: GeV for energies, judged by pt."""
    if not is_energy(feature):
        return 1.0
    pt = [values for name, values in jets.columns.items() if role(name) == "pt"]
    return 1e-3 if energy_unit((pt or [jets.columns[feature]])[0]) == "MeV" else 1.0


def counted(what: str, weights: Floats | None) -> str:
    """The title of an axis of counts, such as ``Jets``.

    Example:
        >>> counted("Jets", None), counted("Jets", np.ones(3))
        ('Jets', 'Sum of weights of jets')
    """
    return what if weights is None else f"Sum of weights of {what.lower()}"


def limits_of(feature: str, values: Floats) -> tuple[float, float]:
    """The range to draw a feature in, without its extreme tails."""
    if role(feature) == "phi":  # some files have 0 to 2 pi
        return (0, 2 * np.pi) if np.nanmax(values, initial=0) > np.pi + 0.01 else (-np.pi, np.pi)
    return spread_of(values, from_zero=is_energy(feature))


def spread_of(values: Floats, *, from_zero: bool) -> tuple[float, float]:
    """The range of the values without the extreme 0.1 % at either end.

    With ``from_zero`` it starts at the lowest value, or at 0 if that is close.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = map(float, np.quantile(finite, (0.0 if from_zero else 0.001, 0.999)))
    if from_zero and 0 <= low < 0.05 * high:
        low = 0.0
    return low, high if high > low else low + 1
