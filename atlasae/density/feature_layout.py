"""The roles that features play in the density, and the order in which they are coded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from atlasae.jets.names import is_energy, role
from atlasae.quantization.quantizers import (
    AbsoluteQuantizer,
    FloatQuantizer,
    Quantizer,
    RelativeQuantizer,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlasae.types import Columns, Float32s

_LARGEST = np.float32(3e38)
_FINEST_CIRCLE = 1e-12  # finer steps of phi are not counted around the circle


@dataclass(frozen=True)
class FeatureLayout:
    """How the integers of the features relate to one another.

    Attributes:
        quantizers: by feature, in the order of coding.
        pt, mass, phi, eta: the features with these roles; None where there is none.
        ratio: whether the mass is coded relative to pt, as both have the same logarithmic step.
        circle: number of steps of phi in a full turn; 0 where the steps are not equal.

    Example:
        >>> from atlasae.quantization.quantizers import AbsoluteQuantizer
        >>> step = AbsoluteQuantizer("float32", 0.01)
        >>> layout = FeatureLayout.of({"score": step, "pt": step, "phi": step})
        >>> layout.momentum, layout.others, layout.circle
        (('pt', 'phi'), ('score',), 631)
    """

    quantizers: dict[str, Quantizer]
    pt: str | None
    mass: str | None
    phi: str | None
    eta: str | None
    ratio: bool
    circle: int

    @classmethod
    def of(cls, quantizers: Mapping[str, Quantizer]) -> FeatureLayout:
        """The layout of features with these quantizers; their names tell the roles."""
        roles = {what: name for name in reversed(list(quantizers)) if (what := role(name))}
        pt, mass, phi = roles.get("pt"), roles.get("m") or roles.get("e"), roles.get("phi")
        ratio = (
            pt is not None and mass is not None and _same_steps(quantizers[pt], quantizers[mass])
        )
        circle = _circle(quantizers[phi]) if phi is not None else 0
        return cls(dict(quantizers), pt, mass, phi, roles.get("eta"), ratio, circle)

    @cached_property
    def momentum(self) -> tuple[str, ...]:
        """The features of the momentum, in the order of coding."""
        roles = (self.pt, self.mass, self.phi, self.eta)
        return tuple(name for name in self.quantizers if name in roles)

    @cached_property
    def others(self) -> tuple[str, ...]:
        """The other features, which are coded after the momenta of all jets."""
        return tuple(name for name in self.quantizers if name not in self.momentum)

    @property
    def order(self) -> tuple[str, ...]:
        """All features, in the order of coding."""
        return self.momentum + self.others

    def values(self, feature: str, integers: Columns) -> Float32s:
        """Dequantized values of a feature, as finite float32."""
        values = self.quantizers[feature].to_values(integers[feature]).astype(np.float32)
        np.fmin(values, _LARGEST, out=values)
        return np.fmax(values, -_LARGEST, out=values)

    def as_input(self, feature: str, integers: Columns) -> Float32s:
        """A feature as an input of later ones: energies on a logarithmic axis, a mass over pt."""
        own = integers[feature]
        if feature == self.mass and self.ratio:
            assert self.pt is not None
            return (own - integers[self.pt]).astype(np.float32)
        if is_energy(feature) or not isinstance(self.quantizers[feature], FloatQuantizer):
            return own.astype(np.float32)
        return self.values(feature, integers)


def _same_steps(first: Quantizer, second: Quantizer) -> bool:
    """Whether a difference of the integers is the logarithm of a ratio."""
    if isinstance(first, RelativeQuantizer) and isinstance(second, RelativeQuantizer):
        return first.step == second.step
    return isinstance(first, FloatQuantizer) and first == second


def _circle(quantizer: Quantizer) -> int:
    if isinstance(quantizer, AbsoluteQuantizer) and quantizer.step > _FINEST_CIRCLE:
        return 2 * int(np.ceil(np.pi / quantizer.step)) + 1
    return 0
