"""What the features of a jet are called, and what each name means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import MissingNameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


FOUR_VECTOR = ("m", "pt", "phi", "eta")


_ROLES = {"m": "m", "mass": "m", "pt": "pt", "phi": "phi", "eta": "eta", "e": "e", "energy": "e"}


_VECTOR_NAMES = ("m", "mass", "pt", "phi", "eta", "e", "energy", "E", "px", "py", "pz")


COORDINATES = {*_VECTOR_NAMES, "x", "y", "z", "t", "rho", "theta", "tau", "M"}


_MEV_FROM = 1000.0  # a table whose median jet has more than this is in MeV, not in GeV


def role(name: str) -> str | None:
    """What a feature is by its name: m, pt, phi, eta, e, or None for anything else."""
    return _ROLES.get(name.lower())


def plain_name(name: str) -> str:
    """The name itself where ``vector`` knows it, else that of what it is: ``pt`` for ``PT``."""
    return name if name in _VECTOR_NAMES else role(name) or name


def is_energy(name: str) -> bool:
    """Whether the feature is a mass, momentum or energy, whose errors are relative."""
    return role(name) in ("m", "pt", "e")


def four_vector(names: Sequence[str]) -> tuple[str, ...] | None:
    """The names that mean (m, pt, phi, eta), in this order, or None where one is missing."""
    by_role = {role(name): name for name in reversed(names)}
    found = tuple(by_role[wanted] for wanted in FOUR_VECTOR if wanted in by_role)
    return found if len(found) == len(FOUR_VECTOR) else None


def find_feature(name: str, names: Iterable[str], where: str) -> str:
    """The feature of this name, or else of the same role.

    Raises:
        MissingNameError: there is none; the message names the nearest.
    """
    names = list(names)
    same = [other for other in names if role(other) == role(name) is not None]
    if name in names:
        return name
    if not same:
        raise MissingNameError.of("feature", name, where, names)
    return same[0]


def energy_unit(pt: NDArray[Any]) -> str:
    """GeV or MeV, told from the size of the transverse momenta."""
    finite = pt[np.isfinite(pt)]
    return "MeV" if finite.size and np.median(np.abs(finite)) > _MEV_FROM else "GeV"
