"""Scalings: features to numbers of order one, and back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae import exact_math
from atlasae.errors import InputError
from atlasae.jets.metrics import wrap
from atlasae.jets.names import FOUR_VECTOR, is_energy, role
from atlasae.jets.table import typical_pt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from atlasae.jets.table import Table
    from atlasae.types import Floats


SCALINGS = ("physics", "standard", "log", "lund")

_SMALLEST = 1e-30  # smaller sizes mean nothing, and dividing by them overflows
_MOST_POWER = 1023.0  # of two, that is a float64
_LN10 = float(np.log(10.0))
_OTHER_UNIT = 300.0  # ratio of typical pt that tells another unit: MeV against GeV is 1000
_ENOUGH_FOR_MEDIAN = 10  # jets
_SAMPLED = 1000  # jets whose median is compared, at least, if there are as many


def require_same_unit(table: Table, trained_pt: float, unit: str) -> None:
    """Raise InputError for jets in MeV where the codec was trained in GeV, or the reverse.

    Args:
        table: the jets.
        trained_pt: median pt of the training jets; 0 if they have none.
        unit: of ``trained_pt``.
    """
    some = np.arange(0, len(table), max(len(table) // _SAMPLED, 1))
    pt = typical_pt(table.rows(some))
    if len(table) < _ENOUGH_FOR_MEDIAN or not pt or not trained_pt:
        return
    if not 1 / _OTHER_UNIT < pt / trained_pt < _OTHER_UNIT:
        raise InputError(
            f"the median pt of these jets is {pt:,.4g}, that of the training jets was"
            f" {trained_pt:,.4g} {unit}: are they in another unit?"
        )


def cast_feature(x: NDArray[np.float64], name: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Clip decoded values to the range of the dtype, and phi to -pi to pi, and cast them."""
    if role(name) == "phi":
        x = np.clip(x, -np.pi, np.pi)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        # the largest int64 is not a float64, and the next float64 above it is out of range
        most = np.nextafter(float(limits.max), 0) if dtype.itemsize == 8 else limits.max
        x = np.clip(np.rint(x), limits.min, most)
    elif dtype.kind == "b":
        x = np.rint(np.clip(x, 0, 1))
    return x.astype(dtype)


@dataclass(frozen=True)
class Axis:
    """How one feature is scaled: ``(f(x) - center) / scale``, where f is the transform.

    ``symlog`` is sign(x) log(1 + abs(x)/unit), a logarithm that also takes zero and negative
    values, such as the masses of some reconstructed jets. ``angle`` wraps to [-pi, pi); a network
    gives it back as a direction, so that the two ends are the same place.
    """

    transform: str
    center: float
    scale: float
    unit: float = 1.0

    def forward(self, x: Floats) -> Floats:
        return (self._transformed(x) - self.center) / self.scale

    def _transformed(self, x: Floats) -> Floats:
        if self.transform == "symlog":
            return np.sign(x) * np.log1p(np.abs(x) / self.unit)
        return wrap(x) if self.transform == "angle" else x

    def inverse(self, y: Floats) -> Floats:
        y = y * self.scale + self.center
        if self.transform == "symlog":
            powers = np.fmin(np.abs(y) / exact_math.LN2, _MOST_POWER)
            y = np.sign(y) * (exact_math.exp2(powers) - 1) * self.unit
        return y

    def standardized(self, x: Floats) -> Axis:
        """The same transform, centered and scaled by mean and standard deviation of ``x``."""
        transformed = self._transformed(x)
        spread = float(transformed.std())
        return Axis(
            self.transform, float(transformed.mean()), spread if spread > 0 else 1.0, self.unit
        )


@dataclass(frozen=True)
class Scaling:
    """Scales features of shape (n, k) to numbers of order one, and back; an axis per feature.

    What comes back is wider than what goes in: an angle goes in as one number, and comes back as
    its cosine, in the place of the angle, and its sine, in a column after all features.

    Example:
        >>> import numpy as np
        >>> x = np.array([[10.0], [20.0], [30.0]])
        >>> scaling = Scaling.fit("standard", ["pt"], x, "GeV")
        >>> scaling.forward(x).ravel().round(2).tolist()
        [-1.2200000286102295, 0.0, 1.2200000286102295]
        >>> scaling.inverse(scaling.forward(x)).round(3).ravel().tolist()
        [10.0, 20.0, 30.0]
    """

    axes: tuple[Axis, ...]

    @classmethod
    def fit(cls, kind: str, names: Sequence[str], x: NDArray[np.float64], unit: str) -> Scaling:
        """Learn a scaling from jets.

        Args:
            kind: ``physics`` (the natural logarithm of momenta and energies, half of that of
                masses, phi and eta as they are: an error of 0.01 is 1 % of pt, 2 % of m,
                0.01 rad), ``standard`` (mean and standard deviation), ``log`` (those of the
                logarithm of masses, momenta and energies), or ``lund`` (log10(m + 1)/1.8,
                (log10 pt - 1.3)/1.2, phi/3, eta/5 for m and pt in GeV). With ``physics`` and
                ``lund`` other features are standard.
            names: of the k features.
            x: their values, shape (n, k).
            unit: ``GeV`` or ``MeV``, of the energies in ``x``.
        """
        return cls(tuple(_axis(kind, name, x[:, i], unit) for i, name in enumerate(names)))

    def forward(self, x: NDArray[np.float64]) -> NDArray[np.float32]:
        """Features (n, k) to scaled features, float32."""
        scaled = [axis.forward(x[:, i]) for i, axis in enumerate(self.axes)]
        return np.stack(scaled, axis=1).astype(np.float32)

    @property
    def angles(self) -> tuple[int, ...]:
        """The columns of angles."""
        return tuple(i for i, axis in enumerate(self.axes) if axis.transform == "angle")

    @property
    def outputs(self) -> int:
        """Number of columns that come back."""
        return len(self.axes) + len(self.angles)

    def scaled(self, y: NDArray[np.float32]) -> NDArray[np.float64]:
        """What a network gives, shape (n, outputs), to scaled features (n, k), float64.

        The same numbers give the same bits on every machine.
        """
        scaled = y[:, : len(self.axes)].astype(np.float64)
        for sine, angle in enumerate(self.angles, len(self.axes)):
            scaled[:, angle] = exact_math.arctan2(y[:, sine], y[:, angle])
        return scaled

    def inverse(self, y: NDArray[np.float32]) -> NDArray[np.float64]:
        """What a network gives, shape (n, outputs), to features (n, k), float64.

        The same numbers give the same bits on every machine.
        """
        scaled = self.scaled(y)
        return np.stack([axis.inverse(scaled[:, i]) for i, axis in enumerate(self.axes)], axis=1)

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(axis) for axis in self.axes]

    @classmethod
    def from_json(cls, axes: list[dict[str, Any]]) -> Scaling:
        return cls(tuple(Axis(**axis) for axis in axes))


def _axis(kind: str, name: str, x: NDArray[np.float64], unit: str) -> Axis:
    gev = 1000.0 if unit == "MeV" else 1.0
    what = role(name)
    if kind == "lund" and what in FOUR_VECTOR:
        return {
            "m": Axis("symlog", 0.0, 1.8 * _LN10, gev),
            # 1 MeV inside the logarithm moves a 20 GeV jet by 2e-5 of a scaled unit
            "pt": Axis("symlog", (1.3 + 3.0) * _LN10, 1.2 * _LN10, 1e-3 * gev),
            "phi": Axis("linear", 0.0, 3.0),
            "eta": Axis("linear", 0.0, 5.0),
        }[what]
    if kind == "physics" and what in ("phi", "eta"):
        return Axis("angle" if what == "phi" else "linear", 0.0, 1.0)
    if kind in ("physics", "log") and is_energy(name):
        size = float(np.median(np.abs(x)))
        axis = Axis("symlog", 0.0, 1.0, 0.01 * size if size > _SMALLEST else 1.0).standardized(x)
        if kind == "physics":
            axis = replace(axis, scale=2.0 if what == "m" else 1.0)
        return axis
    return Axis("linear", 0.0, 1.0).standardized(x)
