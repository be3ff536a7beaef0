"""How far a decoded value may lie from the original, feature by feature."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from atlasae.errors import InputError, MissingNameError, require_choice
from atlasae.jets.names import role

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = ("relative", "absolute", "lossless")
_RELATIVE_BELOW = 0.5  # from here on a cell would reach from a value to its double and beyond


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputError(f"a tolerance is a number, not {value!r}")
    number = float(value)
    if not math.isfinite(number) or number < 0:
        raise InputError(f"a tolerance is finite and not negative, not {number:g}")
    return number


@dataclass(frozen=True)
class Tolerance:
    """The largest error one feature may have. ``rel``, ``abs_`` and ``LOSSLESS`` make it.

    Attributes:
        kind: ``relative`` (``value * max(abs(original), floor)``), ``absolute`` (``value``), or
            ``lossless`` (every bit comes back).
        value: the bound, without unit where relative, else in the feature's own unit; 0 where
            lossless.
        floor: for relative ones, the size below which the error counts against the floor.

    Raises:
        InputError: the kind is unknown, or a number is negative, not finite or too large.
    """

    kind: Literal["relative", "absolute", "lossless"]
    value: float
    floor: float = 0.0

    def __post_init__(self) -> None:
        require_choice("kind of tolerance", self.kind, KINDS)
        for name in ("value", "floor"):
            object.__setattr__(self, name, _number(getattr(self, name)))
        if (self.value == 0) != (self.kind == "lossless"):
            raise InputError(f"a tolerance of {self.value:g} cannot be {self.kind}")
        if self.floor and self.kind != "relative":
            raise InputError(f"only a relative tolerance has a floor, not an {self.kind} one")
        if self.kind == "relative" and self.value >= _RELATIVE_BELOW:
            raise InputError(f"a relative tolerance is below {_RELATIVE_BELOW}, not {self.value:g}")

    def bound(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The largest allowed abs(decoded - original) of each original value, float64."""
        if self.kind == "relative":
            return np.maximum(np.abs(values), self.floor) * self.value
        return np.full(np.shape(values), self.value)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, config: Mapping[str, Any]) -> Tolerance:
        """The inverse of ``to_json``.

        Raises:
            InputError: it is not what ``to_json`` gives.
        """
        try:
            return cls(**config)
        except TypeError as error:
            raise InputError(f"not a stored tolerance: {config!r}") from error


LOSSLESS = Tolerance("lossless", 0.0)

#: What ``tolerances`` takes.
Spec: TypeAlias = "float | str | Tolerance | Mapping[str, float | Tolerance]"


def rel(value: float, floor: float = 0.0) -> Tolerance:
    """A relative tolerance: the error is at most ``value * max(abs(original), floor)``.

    0 means lossless. With the floor at 0, zero comes back as zero.

    Raises:
        InputError: value is not in [0, 0.5), or floor is negative or not finite.
    """
    return Tolerance("relative", value, floor) if _number(value) else LOSSLESS


def abs_(value: float) -> Tolerance:
    """An absolute tolerance, in the feature's own unit. 0 means lossless.

    Raises:
        InputError: value is negative or not finite.
    """
    return Tolerance("absolute", value) if _number(value) else LOSSLESS


#: Preset name to the tolerance of angles (eta, phi), and of every other feature. ``nanoaod`` is
#: what rounding to 12 bits of mantissa for angles and 10 for the rest does in CMS NanoAOD.
PRESETS: dict[str, tuple[Tolerance, Tolerance]] = {
    "default": (abs_(1e-3), rel(1e-3)),
    "nanoaod": (rel(2.0**-13), rel(2.0**-11)),
    "lossless": (LOSSLESS, LOSSLESS),
}


def tolerances(spec: Spec, names: Sequence[str]) -> dict[str, Tolerance]:
    """The tolerance of each feature.

    A plain number is absolute for angles (eta and phi, told by their names) and relative for
    everything else: energies, and features that atlasae knows nothing of.

    Args:
        spec: a number; a Tolerance, for all features; a key of PRESETS; a string such as
            ``1e-3`` or ``pt=1e-3,eta=1e-4``; or a mapping from feature to number or Tolerance. A
            feature is named as it is, or by another name of the same quantity (``m`` for
            ``mass``). Features not named have the ``default`` preset.
        names: the features.

    Raises:
        MissingNameError: the spec names a feature that is not there.
        InputError: the spec is none of these, or a number in it is out of range.
    """
    if isinstance(spec, str):
        spec = _parsed(spec.strip())
    if isinstance(spec, str):
        return {name: PRESETS[spec][not _is_angle(name)] for name in names}
    if not isinstance(spec, Mapping):
        return {name: _tolerance(spec, name) for name in names}
    found: dict[str, Tolerance] = {}
    for key, value in spec.items():
        called = _called(key, names)
        if not called:
            raise MissingNameError.of("feature", str(key), "these jets", names)
        for name in called:
            if name in found:
                raise InputError(f"the tolerance of feature {name!r} is given twice")
            found[name] = _tolerance(value, name)
    return {name: found.get(name, PRESETS["default"][not _is_angle(name)]) for name in names}


def restricted(spec: Spec, names: Sequence[str], *, strict: bool = False) -> Spec:
    """A spec without the features that are not there.

    Raises:
        MissingNameError: ``strict`` is true, and one is not there.
    """
    if isinstance(spec, str):
        spec = _parsed(spec.strip())
    if not isinstance(spec, Mapping):
        return spec
    missing = [key for key in spec if not _called(key, names)]
    if missing and strict:
        raise MissingNameError.of("feature", str(missing[0]), "these jets", names)
    return {key: value for key, value in spec.items() if key not in missing}


def check_spec(spec: Spec) -> None:
    """Check what of a spec can be checked before the features are known.

    Raises:
        InputError: the spec is none that ``tolerances`` takes, or a number in it is out of range.
    """
    if isinstance(spec, str):
        spec = _parsed(spec.strip())
    if isinstance(spec, Mapping):
        for name, value in spec.items():
            if role(str(name)):
                _tolerance(value, str(name))
            elif not isinstance(value, Tolerance):  # of a name that may not be a feature's
                _number(value)
    elif not isinstance(spec, (str, Tolerance)):
        _number(spec)


def spec_to_json(spec: Spec) -> Any:
    """A spec in JSON-ready form; a Tolerance for all features stands under an empty name."""
    if isinstance(spec, Tolerance):
        return {"": spec.to_json()}
    if isinstance(spec, Mapping):
        return {
            name: value.to_json() if isinstance(value, Tolerance) else value
            for name, value in spec.items()
        }
    return spec


def spec_from_json(value: Any) -> Any:
    """The inverse of ``spec_to_json``."""
    if not isinstance(value, Mapping):
        return value
    given = {
        name: Tolerance.from_json(number) if isinstance(number, dict) else number
        for name, number in value.items()
    }
    return given.get("", given)


def _is_angle(name: str) -> bool:
    return role(name) in ("eta", "phi")


def _tolerance(value: Any, name: str) -> Tolerance:
    if isinstance(value, Tolerance):
        return value
    return abs_(value) if _is_angle(name) else rel(value)


def _called(key: Any, names: Sequence[str]) -> list[str]:
    """The features that ``key`` means: the one of this name, else those of the same role."""
    if key in names:
        return [key]
    what = role(str(key))
    return [name for name in names if what and role(name) == what]


def _parsed(text: str) -> str | float | dict[str, float]:
    """A preset's name, a number, or numbers by feature, from a string."""
    if text in PRESETS:
        return text
    if "=" not in text:
        try:
            return float(text)
        except ValueError:
            require_choice("tolerance", text, PRESETS)
    found: dict[str, float] = {}
    for item in text.split(","):
        name, _, number = (part.strip() for part in item.partition("="))
        if name in found:
            raise InputError(f"the tolerance of feature {name!r} is given twice")
        try:
            found[name] = float(number)
        except ValueError:
            raise InputError(
                f"cannot read {item.strip()!r} in tolerance {text!r}; write it as pt=1e-3,eta=1e-4"
            ) from None
    return found
