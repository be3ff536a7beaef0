"""Names of jet features: the quantity that each one stands for, and its unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import MissingNameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


FOUR_VECTOR = ("m", "pt", "phi", "eta")  #: roles, in the order of the original study

_ROLES = {"m": "m", "mass": "m", "pt": "pt", "phi": "phi", "eta": "eta", "e": "e", "energy": "e"}
_VECTOR_NAMES = ("m", "mass", "pt", "phi", "eta", "e", "energy", "E", "px", "py", "pz")

#: names that ``vector`` takes as coordinates
COORDINATES = {*_VECTOR_NAMES, "x", "y", "z", "t", "rho", "theta", "tau", "M"}

_MIN_MEDIAN_PT_IN_MEV = 1000.0


def role(name: str) -> str | None:
    """The quantity that a feature name stands for: m, pt, phi, eta, e, or None for others.

    Example:
        >>> role("mass"), role("PT"), role("btag")
        ('m', 'pt', None)
    """
    return _ROLES.get(name.lower())


def plain_name(name: str) -> str:
    """The name that ``vector`` knows for a feature; other names are returned unchanged.

    Example:
        >>> plain_name("PT"), plain_name("mass"), plain_name("btag")
        ('pt', 'mass', 'btag')
    """
    return name if name in _VECTOR_NAMES else role(name) or name


def is_energy(name: str) -> bool:
    """Whether the feature is a mass, momentum or energy, whose errors are relative.

    Example:
        >>> is_energy("mass"), is_energy("phi")
        (True, False)
    """
    return role(name) in ("m", "pt", "e")


def four_vector(names: Sequence[str]) -> tuple[str, ...] | None:
    """The names that stand for (m, pt, phi, eta), in this order; None if one is missing.

    Example:
        >>> four_vector(["pt", "eta", "phi", "mass", "btag"])
        ('mass', 'pt', 'phi', 'eta')
    """
    by_role = {role(name): name for name in reversed(names)}
    components = tuple(by_role[wanted] for wanted in FOUR_VECTOR if wanted in by_role)
    return components if len(components) == len(FOUR_VECTOR) else None


def matching_features(name: str, names: Iterable[str]) -> list[str]:
    """The features that a name stands for: the one of this name, else those of the same role.

    Example:
        >>> matching_features("m", ["pt", "mass"]), matching_features("btag", ["pt", "mass"])
        (['mass'], [])
    """
    names = list(names)
    if name in names:
        return [name]
    return [other for other in names if role(other) == role(name) is not None]


def find_feature(name: str, names: Iterable[str], where: str) -> str:
    """The member of ``names`` that equals ``name``, or else the first with the same role.

    Args:
        name: of the feature.
        names: to choose from.
        where: what has these names, for the error message.

    Raises:
        MissingNameError: there is none; the message suggests the nearest names.

    Example:
        >>> find_feature("m", ["pt", "mass"], "these jets")
        'mass'
    """
    names = list(names)
    matching = matching_features(name, names)
    if not matching:
        raise MissingNameError.of("feature", name, where, names)
    return matching[0]


def energy_unit(pt: NDArray[Any]) -> str:
    """``GeV`` or ``MeV``, guessed from transverse momenta: MeV if their median exceeds 1000.

    Args:
        pt: transverse momenta, shape (n,).

    Example:
        >>> import numpy as np
        >>> energy_unit(np.array([20.0, 50.0])), energy_unit(np.array([20e3, 50e3]))
        ('GeV', 'MeV')
    """
    finite = pt[np.isfinite(pt)]
    return "MeV" if finite.size and np.median(np.abs(finite)) > _MIN_MEDIAN_PT_IN_MEV else "GeV"
