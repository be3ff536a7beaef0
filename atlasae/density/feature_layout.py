"""The roles that features play in the density, and the order in which they are coded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from atlasae.jets.names import role
from atlasae.quantization.lattices import HIGH_BITS
from atlasae.quantization.quantizers import AbsoluteQuantizer, FloatQuantizer, RelativeQuantizer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlasae.quantization.lattices import Lattice
    from atlasae.types import Float32s, Integers32

LARGEST = np.float32(3e38)
_CODING_ORDER = ("pt", "m", "e", "phi", "eta")  # each helps to predict those after it


@dataclass(frozen=True, eq=False)
class FeatureLayout:
    """How the integers of the features relate to one another.

    Attributes:
        lattices: by feature, in the order of coding.
        pt, mass, phi, eta: the features with these roles; None where there is none.
        ratio: whether the mass is coded relative to pt, as both have the same logarithmic step.
        circle: number of steps of phi in a full turn; 0 where the steps are not equal.

    Example:
        >>> from atlasae.quantization.lattices import Lattice
        >>> from atlasae.quantization.quantizers import AbsoluteQuantizer
        >>> step = Lattice(AbsoluteQuantizer("float32", 0.01))
        >>> layout = FeatureLayout.of({"score": step, "pt": step, "phi": step})
        >>> layout.momentum, layout.others, layout.circle
        (('pt', 'phi'), ('score',), 631)
    """

    lattices: dict[str, Lattice]
    pt: str | None
    mass: str | None
    phi: str | None
    eta: str | None
    ratio: bool
    circle: int

    @classmethod
    def of(cls, lattices: Mapping[str, Lattice]) -> FeatureLayout:
        """The layout of features with these lattices; their names tell the roles."""
        roles = {what: name for name in reversed(list(lattices)) if (what := role(name))}
        pt, mass, phi = roles.get("pt"), roles.get("m") or roles.get("e"), roles.get("phi")
        ratio = pt is not None and mass is not None and _same_steps(lattices[pt], lattices[mass])
        circle = 0 if phi is None else _circle(lattices[phi])
        return cls(dict(lattices), pt, mass, phi, roles.get("eta"), ratio, circle)

    @cached_property
    def momentum(self) -> tuple[str, ...]:
        """The features of the momentum, in the order of coding."""
        roles = (self.pt, self.mass, self.phi, self.eta)
        return tuple(name for name in self.lattices if name in roles)

    @cached_property
    def others(self) -> tuple[str, ...]:
        """The other features, which are coded after the momenta of all jets."""
        return tuple(name for name in self.lattices if name not in self.momentum)

    @property
    def order(self) -> tuple[str, ...]:
        """All features, in the order of coding."""
        return self.momentum + self.others

    @cached_property
    def linear(self) -> int:
        """The largest integer of a mass whose cell is linear: such a mass says nothing of pt."""
        assert self.mass is not None
        lattice = self.lattices[self.mass]
        return getattr(lattice.quantizer, "linear", 0) >> lattice.low_bits

    @cached_property
    def has_dither(self) -> bool:
        """Whether the lattice of a feature is dithered."""
        return any(lattice.exact is not None for lattice in self.lattices.values())

    @property
    def has_directions(self) -> bool:
        """Whether there are a pt and a phi, so that the momenta of an event can be summed."""
        return self.pt is not None and self.phi is not None

    @property
    def phi_has_steps(self) -> bool:
        """Whether phi has equal steps, so that it can be measured from a direction.

        The bit patterns of floats lie closer the smaller they are; they are better left alone.
        """
        return self.phi is not None and isinstance(
            self.lattices[self.phi].quantizer, AbsoluteQuantizer
        )

    def values(self, feature: str, integers: Integers32) -> Float32s:
        """Dequantized values of a feature, as finite float32; phi from the lattice's origin."""
        lattice = self.lattices[feature]
        whole = integers.astype(np.int64) << lattice.low_bits if lattice.low_bits else integers
        values = lattice.quantizer.to_values(whole).astype(np.float32, copy=False)
        np.fmin(values, LARGEST, out=values)
        return np.fmax(values, -LARGEST, out=values)

    def nearest(self, feature: str, values: Float32s) -> Integers32:
        """The integers of values; exact for quantizers with equal steps."""
        lattice = self.lattices[feature]
        own = values.astype(lattice.quantizer.dtype, copy=False)
        return (lattice.quantizer.to_integers(own) >> lattice.low_bits).astype(np.int32)


def _same_steps(first: Lattice, second: Lattice) -> bool:
    """Whether a difference of the integers is the logarithm of a ratio."""
    if first.low_bits != second.low_bits:
        return False
    one, other = first.quantizer, second.quantizer
    if isinstance(one, RelativeQuantizer) and isinstance(other, RelativeQuantizer):
        return one.step == other.step
    return isinstance(one, FloatQuantizer) and one == other


def _circle(lattice: Lattice) -> int:
    if isinstance(lattice.quantizer, AbsoluteQuantizer) and not lattice.low_bits:
        half = float(np.ceil(np.pi / lattice.quantizer.step)) + (lattice.exact is not None)
        return 2 * int(half) + 1 if half < 1 << HIGH_BITS else 0
    return 0


def coding_order(names: Sequence[str]) -> list[str]:
    """The 4-vector in the order of coding, then the other features in their own order.

    Example:
        >>> coding_order(["tag", "eta", "pt"])
        ['pt', 'eta', 'tag']
    """
    last = len(_CODING_ORDER)
    return sorted(names, key=lambda n: _CODING_ORDER.index(r) if (r := role(n)) else last)
