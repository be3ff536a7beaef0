"""Tolerances: the allowed error of decoded values, by feature."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from atlasae.errors import InputError, MissingNameError, require_choice, suggestion
from atlasae.jets.names import is_energy, matching_features, role
from atlasae.quantization.kinds import RESOLUTIONS, of_kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ATTRIBUTES = {"kind", "value", "floor"}
KINDS = ("relative", "absolute", "lossless")
_RELATIVE_LIMIT = 0.5  # from here on, the cell of a value would contain its double


def _number(value: Any, what: str = "tolerance") -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputError(f"a {what} must be a number, not {value!r}")
    number = float(value)
    if not math.isfinite(number) or number < 0:
        raise InputError(f"a {what} must be finite and not negative, not {number:g}")
    return number


@dataclass(frozen=True)
class Tolerance:
    """The allowed error of one feature. Make one with ``rel``, ``abs_`` or ``LOSSLESS``.

    Attributes:
        kind: ``relative`` (the error is at most ``value * max(abs(original), floor)``),
            ``absolute`` (at most ``value``), or ``lossless`` (every bit is restored).
        value: the bound; without unit if relative, in the feature's unit if absolute, 0 if lossless.
        floor: of a relative tolerance, the magnitude below which the allowed error stays constant.

    Raises:
        InputError: the kind is unknown, or a number is negative, not finite or too large.

    Example:
        >>> Tolerance("absolute", 0.01)
        abs_(0.01)
    """

    kind: Literal["relative", "absolute", "lossless"]
    value: float
    floor: float = 0.0

    def __post_init__(self) -> None:
        require_choice("kind", self.kind, KINDS)
        object.__setattr__(self, "value", _number(self.value))
        object.__setattr__(self, "floor", _number(self.floor, "floor"))
        if (self.value == 0) != (self.kind == "lossless"):
            raise InputError(f"a tolerance of {self.value:g} cannot be {self.kind}")
        if self.floor and self.kind != "relative":
            raise InputError(f"only a relative tolerance has a floor; this one is {self.kind}")
        if self.kind == "relative" and self.value >= _RELATIVE_LIMIT:
            raise InputError(
                f"a relative tolerance must be below {_RELATIVE_LIMIT}, not {self.value:g}"
            )

    def __repr__(self) -> str:
        if self.kind == "absolute":
            return f"abs_({self.value})"
        return f"rel({self.value}, floor={self.floor})" if self.floor else f"rel({self.value})"

    def bound(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The largest allowed abs(decoded - original) of each original value, float64.

        Example:
            >>> rel(0.01, floor=10).bound(np.array([200.0, 1.0]))
            array([2. , 0.1])
        """
        if self.kind == "relative":
            return np.maximum(np.abs(values), self.floor) * self.value
        return np.full(np.shape(values), self.value)

    def to_json(self) -> dict[str, Any]:
        """The attributes as a dict.

        Example:
            >>> rel(0.01).to_json()
            {'kind': 'relative', 'value': 0.01, 'floor': 0.0}
        """
        return asdict(self)

    @classmethod
    def from_json(cls, config: Mapping[str, Any]) -> Tolerance:
        """The inverse of ``to_json``.

        Raises:
            InputError: ``config`` does not come from ``to_json``.
        """
        try:
            return cls(**config)
        except TypeError as error:
            raise InputError(f"not a stored tolerance: {config!r}") from error


LOSSLESS = Tolerance("lossless", 0.0)

#: Types that ``tolerances`` accepts.
ToleranceSpec: TypeAlias = "float | str | Tolerance | Mapping[str, Any]"


def rel(value: float, floor: float = 0.0) -> Tolerance:
    """A relative tolerance: the error is at most ``value * max(abs(original), floor)``.

    A value of 0 means lossless. If the floor is 0, zeros are restored exactly.

    Args:
        value: in [0, 0.5).
        floor: in the feature's unit.

    Raises:
        InputError: ``value`` is not in [0, 0.5), or ``floor`` is negative or not finite.

    Example:
        >>> rel(1e-3)
        rel(0.001)
        >>> rel(0) == LOSSLESS
        True
    """
    return Tolerance("relative", value, floor) if _number(value) else LOSSLESS


def abs_(value: float) -> Tolerance:
    """An absolute tolerance, in the feature's unit. A value of 0 means lossless.

    Raises:
        InputError: ``value`` is negative or not finite.

    Example:
        >>> abs_(1e-4)
        abs_(0.0001)
    """
    return Tolerance("absolute", value) if _number(value) else LOSSLESS


#: Presets by name: the tolerance of angles (eta, phi), and that of all other features. ``nanoaod``
#: is the rounding error of CMS NanoAOD, which keeps 12 bits of mantissa for angles and 10 for others.
PRESETS: dict[str, tuple[Tolerance, Tolerance]] = {
    "default": (abs_(1e-3), rel(1e-3)),
    "nanoaod": (rel(2.0**-13), rel(2.0**-11)),
    "lossless": (LOSSLESS, LOSSLESS),
}
#: The preset that depends on the kind of particle: a tenth of the best resolution of pt for masses,
#: momenta and energies, the ``nanoaod`` preset for all else; see ``RESOLUTIONS``.
RESOLUTION = "resolution"
_SHARE_OF_RESOLUTION = 0.1
_NAMED = (*PRESETS, RESOLUTION)


def of_collection(spec: ToleranceSpec, collection: str, names: Sequence[str]) -> ToleranceSpec:
    """A spec that depends on the kind of particle, made into that of a collection.

    Args:
        spec: as ``tolerances`` accepts it.
        collection: its name, which tells the kind.
        names: its features.

    Example:
        >>> of_collection("resolution", "Muon", ["pt"])
        {'pt': rel(0.001)}
        >>> of_collection({"jet": 1e-2, "": "lossless"}, "Muon", ["pt"])
        'lossless'
    """
    if isinstance(spec, Mapping) and _is_by_kind(spec):
        chosen = of_kind(spec, collection)
        return of_collection("default" if chosen is None else chosen, collection, names)
    if isinstance(spec, str) and spec.strip() == RESOLUTION:
        best = of_kind(RESOLUTIONS, collection)
        kept = tolerances("nanoaod", names)
        measured = [name for name in names if best and is_energy(name)]
        return kept | dict.fromkeys(measured, rel(_SHARE_OF_RESOLUTION * (best or 0)))
    return spec


def _is_by_kind(spec: Mapping[str, Any]) -> bool:
    """Whether the keys of a mapping are kinds of particles, and not features."""
    several = any(isinstance(value, (str, Mapping)) for value in spec.values())
    return several and not any(role(str(name)) for name in spec)


def tolerances(spec: ToleranceSpec, names: Sequence[str]) -> dict[str, Tolerance]:
    """The tolerance of each feature.

    A plain number is absolute for angles (features named like eta or phi) and relative for all
    others.

    Args:
        spec: a number; a Tolerance, for all features; a key of ``PRESETS``, or ``resolution``; a
            string such as ``1e-3`` or ``pt=1e-3,eta=1e-4``; or a mapping from feature to number or
            Tolerance. A feature can be given by another name of the same quantity (``m`` for
            ``mass``). Features that are not named have the ``default`` preset. A mapping from kinds
            of particles to any of these, some of them strings or mappings, such as
            ``{"muon": "pt=1e-4", "jet": "resolution", "": "nanoaod"}``: the first key that is part
            of the name of a collection counts, an empty one for all others.
        names: the features; jets, for a spec that depends on the kind of particle.

    Raises:
        MissingNameError: the spec names a feature that does not exist.
        InputError: the spec is none of these, or a number in it is out of range; an angle's is, if
            it is absolute and above pi.

    Example:
        >>> tolerances("mass=1e-2", ["mass", "eta"])["mass"]
        rel(0.01)
        >>> tolerances(1e-4, ["mass", "eta"])["eta"]
        abs_(0.0001)
    """
    spec = of_collection(spec, "Jet", names)
    if isinstance(spec, str):
        spec = _parsed(spec.strip())
    if isinstance(spec, str):
        return {name: PRESETS[spec][not _is_angle(name)] for name in names}
    if not isinstance(spec, Mapping):
        return {name: _tolerance(spec, name) for name in names}
    given: dict[str, Tolerance] = {}
    for key, value in spec.items():
        matching = matching_features(str(key), names)
        if not matching:
            raise MissingNameError.of("feature", str(key), "these jets", names)
        for name in matching:
            if name in given:
                raise InputError(f"the tolerance of feature {name!r} is given twice")
            given[name] = _tolerance(value, name)
    return {name: given.get(name, PRESETS["default"][not _is_angle(name)]) for name in names}


def restricted(spec: ToleranceSpec, names: Sequence[str], *, strict: bool = False) -> ToleranceSpec:
    """A spec without the features that do not exist.

    Args:
        spec: as ``tolerances`` accepts it.
        names: the existing features.
        strict: raise an error instead.

    Raises:
        MissingNameError: ``strict`` is true, and the spec names a feature that does not exist.

    Example:
        >>> restricted("pt=1e-3,btag=0", ["pt", "eta"])
        {'pt': 0.001}
    """
    if isinstance(spec, str):
        spec = _parsed(spec.strip())
    if not isinstance(spec, Mapping):
        return spec
    if _is_by_kind(spec):
        return {kind: restricted(one, names, strict=strict) for kind, one in spec.items()}
    missing = [key for key in spec if not matching_features(str(key), names)]
    if missing and strict:
        raise MissingNameError.of("feature", str(missing[0]), "these jets", names)
    return {key: value for key, value in spec.items() if key not in missing}


def check_spec(spec: ToleranceSpec) -> None:
    """Check a spec as far as possible without the features.

    Raises:
        InputError: ``tolerances`` would not accept the spec, or a number in it is out of range.

    Example:
        >>> check_spec("pt=-1")
        Traceback (most recent call last):
            ...
        atlasae.errors.InputError: a tolerance must be finite and not negative, not -1
    """
    if isinstance(spec, str):
        spec = _parsed(spec.strip())
    if isinstance(spec, Mapping) and _is_by_kind(spec):
        for one in spec.values():
            check_spec(one)
    elif isinstance(spec, Mapping):
        for name, value in spec.items():
            if role(str(name)):
                _tolerance(value, str(name))
            elif not isinstance(value, Tolerance):  # whether it is an angle is not known
                _number(value)
    elif not isinstance(spec, (str, Tolerance)):
        _number(spec)


def spec_to_json(spec: ToleranceSpec) -> Any:
    """A spec in JSON-ready form; a Tolerance for all features is stored under an empty key."""
    if isinstance(spec, Tolerance):
        return {"": spec.to_json()}
    if isinstance(spec, Mapping):
        return {
            name: value.to_json() if isinstance(value, Tolerance) else spec_to_json(value)
            for name, value in spec.items()
        }
    return spec if isinstance(spec, str) else float(spec)  # of numpy, for example


def spec_from_json(value: Any) -> Any:
    """The inverse of ``spec_to_json``."""
    if not isinstance(value, Mapping):
        return value
    if value.keys() == _ATTRIBUTES:
        return Tolerance.from_json(value)
    given = {name: spec_from_json(one) for name, one in value.items()}
    return given[""] if given.keys() == {""} else given


def _is_angle(name: str) -> bool:
    return role(name) in ("eta", "phi")


def _tolerance(value: Any, name: str) -> Tolerance:
    if not _is_angle(name):
        return value if isinstance(value, Tolerance) else rel(value)
    tolerance = value if isinstance(value, Tolerance) else abs_(value)
    if tolerance.kind == "absolute" and tolerance.value > math.pi:
        raise InputError(
            f"a tolerance of {tolerance.value:g} for {name!r} lets all angles become one; give less"
            " than 3.14 (pi), such as 1e-3"
        )
    return tolerance


def _parsed(text: str) -> str | float | dict[str, float]:
    """A string as the name of a preset, a number, or numbers by feature."""
    if text in _NAMED:
        return text
    if "=" not in text:
        try:
            return float(text)
        except ValueError:
            raise InputError(
                f"tolerance {text!r} is not a number, a list such as pt=1e-3,eta=1e-4, or one of"
                f" {', '.join(_NAMED)}{suggestion(text, _NAMED, only_near=True)}"
            ) from None
    numbers: dict[str, float] = {}
    for item in text.split(","):
        name, _, number = (text.strip() for text in item.partition("="))
        if name in numbers:
            raise InputError(f"the tolerance of feature {name!r} is given twice")
        try:
            numbers[name] = float(number)
        except ValueError:
            raise InputError(
                f"cannot read {item.strip()!r} in tolerance {text!r}; write it as pt=1e-3,eta=1e-4"
            ) from None
    return numbers
