"""How far decoded jets are from the originals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import InputError
from atlasae.features import Table, is_energy, role, to_table

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Residuals:
    """Differences between decoded and original values of one feature.

    Attributes:
        feature: its name.
        relative: whether they are divided by the original: masses, momenta and energies.
        values: one for each jet that has one, shape (n,), float64.
        undefined: jets left out: the original is zero, or one of the two is not finite.
    """

    feature: str
    relative: bool
    values: NDArray[np.float64]
    undefined: int

    @property
    def mean(self) -> float:
        return float(self.values.mean()) if self.values.size else float("nan")

    @property
    def sigma(self) -> float:
        """Standard deviation about the mean."""
        return float(self.values.std()) if self.values.size else float("nan")

    @property
    def mean_error(self) -> float:
        """Standard error of the mean, sigma / sqrt(n)."""
        return self.sigma / float(np.sqrt(max(self.values.size, 1)))

    @property
    def sigma_error(self) -> float:
        """Standard error of sigma, sqrt((m4 - sigma^4) / n) / (2 sigma), for any distribution.

        Source: Kendall and Stuart, The Advanced Theory of Statistics, volume 1, section 10.
        """
        if not self.values.size or self.sigma == 0:
            return 0.0
        fourth = float(((self.values - self.mean) ** 4).mean())
        return float((max(fourth - self.sigma**4, 0) / self.values.size) ** 0.5 / (2 * self.sigma))

    @property
    def half_width(self) -> float:
        """Half the width of the central 68.3 %, which outliers do not move."""
        if not self.values.size:
            return float("nan")
        low, high = np.quantile(self.values, (0.1587, 0.8413))
        return float(high - low) / 2


def wrap(angle: NDArray[Any]) -> NDArray[Any]:
    """An angle in radians brought into [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def matched(original: Any, decoded: Any) -> tuple[Table, Table]:
    """Both as tables with the same columns and the same jets in the same events.

    Raises:
        InputError: they share no feature, or have other numbers of jets.
    """
    first, second = to_table(original), to_table(decoded)
    shared = [name for name in first.columns if name in second.columns]
    if not shared:
        raise InputError(
            f"no feature in common: {', '.join(first.columns)} and {', '.join(second.columns)}"
        )
    if len(first) != len(second):
        raise InputError(f"not the same jets: {len(first)} and {len(second)}")
    both = first.counts is not None and second.counts is not None
    if both and not np.array_equal(first.counts, second.counts):  # type: ignore[arg-type]
        raise InputError("not the same events: the numbers of jets an event differ")
    return first.select(shared), second.select(shared)


def residuals(original: Any, decoded: Any) -> dict[str, Residuals]:
    """Residuals by feature: relative for energies, wrapped for phi, differences for the rest.

    Args:
        original: jets in any form ``atlasae.features.to_table`` takes.
        decoded: the same jets, decoded.

    Raises:
        InputError: the two are not the same jets.
    """
    first, second = matched(original, decoded)
    return {
        name: _residuals(name, first.columns[name], second.columns[name]) for name in first.columns
    }


def _residuals(name: str, original: NDArray[Any], decoded: NDArray[Any]) -> Residuals:
    before, after = original.astype(np.float64), decoded.astype(np.float64)
    relative = is_energy(name)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = after - before
        if relative:
            values = values / np.abs(before)
        elif role(name) == "phi":
            values = wrap(values)
    good = np.isfinite(values)
    return Residuals(name, relative, values[good], int(np.count_nonzero(~good)))


def standard_rmse(original: Any, decoded: Any, reference: Any) -> float:
    """Root mean square error over all features, each in units of its standard deviation.

    Args:
        original: jets.
        decoded: the same jets, decoded.
        reference: the jets whose standard deviations are the units, such as those trained on.
    """
    first, second = matched(original, decoded)
    units = to_table(reference).select(list(first.columns)).matrix().std(axis=0)
    return float(np.sqrt((((second.matrix() - first.matrix()) / units) ** 2).mean()))
