"""Observables of events that an analysis derives from jets: dijet mass, opening angles, sums."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import InputError, MissingNameError
from atlasae.jets.dijet_masses import changed_events
from atlasae.jets.metrics import wrap
from atlasae.jets.names import energy_unit, plain_name, role
from atlasae.jets.per_event import largest_two, reduced
from atlasae.jets.table import Table, column_of, to_records, to_table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray

    from atlasae.jets.dijet_masses import Jets
    from atlasae.types import Floats, Integers


@dataclass(frozen=True)
class Momenta:
    """The momenta of jets, grouped by event; float64, each of shape (n,).

    Attributes:
        pt: transverse momenta.
        eta: pseudorapidities.
        phi: azimuthal angles.
        mass: zeros for jets without a mass or energy.
        counts: number of jets of each event, shape (events,).
    """

    pt: Floats
    eta: Floats
    phi: Floats
    mass: Floats
    counts: Integers

    @classmethod
    def of(cls, table: Table) -> Momenta:
        """Those of a table with events. What a table lacks is zero.

        Polar coordinates are taken as they are, others are converted.
        """
        assert table.counts is not None
        columns: dict[str, NDArray[Any] | None] = {
            name: column_of(name, table) for name in ("pt", "eta", "phi", "m")
        }
        if columns["pt"] is None or (columns["m"] is None and column_of("e", table) is not None):
            records = to_records(Table({plain_name(k): v for k, v in table.columns.items()}))
            names = {"pt": "pt", "eta": "eta", "phi": "phi", "m": "mass"}
            columns = {own: getattr(records, name, None) for own, name in names.items()}
        pt, eta, phi, mass = (
            np.zeros(len(table)) if column is None else np.asarray(column).astype(np.float64)
            for column in columns.values()
        )
        return cls(pt, eta, phi, mass, table.counts.astype(np.int64))

    @cached_property
    def leading_two(self) -> tuple[Momenta, Momenta]:
        """The two jets of each event with the largest pt; NaN where there are fewer than two."""
        positions = largest_two(self.pt, self.counts)
        lacks_two, one_each = np.flatnonzero(positions[1] < 0), np.ones_like(self.counts)

        def at(values: Floats, rank: int) -> Floats:
            if len(lacks_two) == len(self.counts):
                return np.full(len(self.counts), np.nan)
            found: Floats = values.take(positions[rank], mode="wrap")
            found[lacks_two] = np.nan
            return found

        first, second = (
            Momenta(
                at(self.pt, rank),
                at(self.eta, rank),
                at(self.phi, rank),
                at(self.mass, rank),
                one_each,
            )
            for rank in range(2)
        )
        return first, second

    def sum(self, values: Floats) -> Floats:
        """The sums of values of the jets, over the jets of each event."""
        return reduced(np.add, values, self.counts, 0.0)


def _delta_phi(jets: Momenta) -> Floats:
    first, second = jets.leading_two
    return np.abs(wrap(first.phi - second.phi))


def _delta_r(jets: Momenta) -> Floats:
    first, second = jets.leading_two
    return np.hypot(first.eta - second.eta, _delta_phi(jets))


def _missing_h_t(jets: Momenta) -> Floats:
    along_x, along_y = (jets.sum(jets.pt * of(jets.phi)) for of in (np.cos, np.sin))
    return np.hypot(along_x, along_y)


def _mass(jets: Momenta) -> Floats:
    """Invariant mass from transverse masses and rapidities, without cancellation at large eta."""
    first, second = jets.leading_two
    transverse = [np.hypot(jet.pt, jet.mass) for jet in (first, second)]
    rapidity = [
        np.arcsinh(jet.pt * np.sinh(jet.eta) / m_t)
        for jet, m_t in zip((first, second), transverse, strict=True)
    ]
    squared = (
        first.mass**2
        + second.mass**2
        + 2 * transverse[0] * transverse[1] * np.cosh(rapidity[0] - rapidity[1])
        - 2 * first.pt * second.pt * np.cos(first.phi - second.phi)
    )
    return np.asarray(np.sqrt(np.maximum(squared, 0)))


def _changed_masses(
    before: Table, after: Table, relative: float, floor: float, absolute: float
) -> Integers | None:
    """The events whose masses may differ by more than a bound; None where there is no quick way."""
    assert before.counts is not None
    jets, decoded = _polar(before), _polar(after)
    if jets is None or decoded is None:
        return None
    counts = before.counts.astype(np.int64)
    return changed_events(jets, decoded, counts, relative, floor, absolute)


def _polar(table: Table) -> Jets | None:
    """pt, eta, phi and mass, where these are float32; else None."""
    pt, eta, phi, mass = (column_of(name, table) for name in ("pt", "eta", "phi", "m"))
    if pt is None or eta is None or phi is None or mass is None:
        return None
    jets = pt, eta, phi, mass
    return jets if {values.dtype for values in jets} == {np.dtype(np.float32)} else None


@dataclass(frozen=True)
class Observable:
    """A number derived from the jets of an event.

    Attributes:
        title: in TeX, without its unit.
        energy: whether it is an energy or a mass, in GeV, with relative residuals.
        description: in words, for captions.
        roles: the features that it is derived from.
        of: what derives it from the jets of all events, in their unit; NaN where it is undefined.
        changed: what finds quickly the events in which it may differ, after decoding, by more than
            ``relative * max(abs(value), floor) + absolute``: given the tables before and after and
            these numbers, it gives the events, or None where it cannot tell. None if nothing does.
    """

    title: str
    energy: bool
    description: str
    roles: tuple[str, ...]
    of: Callable[[Momenta], Floats]
    changed: Callable[[Table, Table, float, float, float], Integers | None] | None = None

    def features(self, names: Sequence[str], where: str) -> tuple[str, ...]:
        """The features that it is derived from, among existing ones.

        Args:
            names: the existing features.
            where: what has them, for the error message.

        Raises:
            MissingNameError: one that it needs is missing.

        Example:
            >>> OBSERVABLES["m_jj"].features(["pt", "eta", "phi", "mass", "btag"], "these jets")
            ('pt', 'eta', 'phi', 'mass')
        """
        by_role = {role(name) or name.lower(): name for name in reversed(names)}
        cartesian = {"px", "py", "pz"}
        wanted: list[str] = list(self.roles)
        if "pt" not in by_role and cartesian <= by_role.keys():
            wanted = [*sorted(cartesian), "m"]
        if "m" in wanted and "m" not in by_role:
            wanted[wanted.index("m") :] = ["e"] if "e" in by_role else []
        for name in wanted:
            if name not in by_role:
                raise MissingNameError.of("feature", name, where, names)
        return tuple(by_role[name] for name in wanted)


_MASSIVE = ("pt", "eta", "phi", "m")
#: observables by the names that ``observables`` gives them
OBSERVABLES = {
    "m_jj": Observable(
        "$m_{jj}$",
        True,
        "the invariant mass of the two leading jets",
        _MASSIVE,
        _mass,
        _changed_masses,
    ),
    "delta_phi": Observable(
        r"$\Delta\phi_{jj}$",
        False,
        "the azimuthal angle between the two leading jets",
        ("pt", "phi"),
        _delta_phi,
    ),
    "delta_r": Observable(
        r"$\Delta R_{jj}$",
        False,
        "the distance in eta and phi between the two leading jets",
        ("pt", "eta", "phi"),
        _delta_r,
    ),
    "h_t": Observable(
        r"$H_{\mathrm{T}}$",
        True,
        "the scalar sum of the transverse momenta of the jets",
        ("pt",),
        lambda jets: jets.sum(jets.pt),
    ),
    "missing_h_t": Observable(
        r"$H_{\mathrm{T}}^{\mathrm{miss}}$",
        True,
        "the vector sum of the transverse momenta of the jets",
        ("pt", "phi"),
        _missing_h_t,
    ),
    "leading_pt": Observable(
        r"leading jet $p_{\mathrm{T}}$",
        True,
        "the largest transverse momentum of an event",
        ("pt",),
        lambda jets: reduced(np.maximum, jets.pt, jets.counts, np.nan),
    ),
}
#: other names of observables
SYNONYMS = {"HT": "h_t", "MHT": "missing_h_t"}


def find_observable(name: str, features: Collection[str]) -> Observable | None:
    """The observable of a name, unless a feature has the same name; None if there is none.

    Example:
        >>> find_observable("HT", ["pt"]) is OBSERVABLES["h_t"]
        True
    """
    return None if name in features else OBSERVABLES.get(SYNONYMS.get(name, name))


def observables(jets: Any, *, unit: str | None = None) -> dict[str, Floats]:
    """The observables of all events with at least two jets, by the names in ``OBSERVABLES``.

    The two leading jets are those with the largest pt in the sample given, as in an analysis.

    Args:
        jets: grouped by event, with a momentum; without a mass or energy they are massless.
        unit: ``GeV`` or ``MeV``, the unit of the jets; by default guessed from pt.

    Returns:
        Name to values, shape (events,), float64. Energies are in GeV, angles in radians.

    Raises:
        InputError: the jets are not grouped by event, have no momentum, or no event has two.

    Example:
        >>> import awkward as ak
        >>> jets = ak.Array({"pt": [[50.0, 50.0]], "eta": [[0.0, 0.0]], "phi": [[0.0, 3.14159]]})
        >>> round(float(observables(jets)["m_jj"][0]), 3)
        100.0
    """
    table = to_table(jets)
    if table.counts is None:
        raise InputError("these jets are not grouped by event: observables need events")
    try:
        OBSERVABLES["m_jj"].features(list(table.columns), "these jets")
    except MissingNameError as error:
        raise InputError(
            f"no momentum such as pt, eta, phi among the features: {', '.join(table.columns)}"
        ) from error
    table = table.events(np.flatnonzero(table.counts > 1))
    if not len(table):
        raise InputError("no event has two jets")
    momenta = Momenta.of(table)
    to_gev = 1e-3 if (unit or energy_unit(momenta.pt)) == "MeV" else 1.0
    return {
        name: (to_gev if observable.energy else 1.0) * observable.of(momenta)
        for name, observable in OBSERVABLES.items()
    }


def jet_energy_resolution(pt: Floats) -> Floats:
    """Relative resolution of a jet's pt: noise, sampling and constant term in quadrature.

    The form is that of ATLAS, arXiv:2007.02645. The numbers (3 GeV, 0.7 sqrt(GeV), 3 %) are
    rounded, typical of ATLAS and CMS. Use the resolution of your experiment where it matters.

    Args:
        pt: in GeV, shape (n,).

    Example:
        >>> import numpy as np
        >>> float(jet_energy_resolution(np.array(100.0)).round(3))
        0.082
    """
    return np.asarray(np.sqrt((3 / pt) ** 2 + 0.7**2 / pt + 0.03**2))


def dijet_mass_resolution(
    mass: Floats, resolution: Callable[[Floats], Floats] = jet_energy_resolution
) -> Floats:
    """Relative resolution of a dijet mass: that of two equal jets of pt = mass / 2.

    The mass is proportional to sqrt(pt1 * pt2), so its relative resolution is that of one jet
    divided by sqrt(2).

    Args:
        mass: in GeV, shape (n,).
        resolution: relative resolution of a jet as a function of its pt in GeV.

    Example:
        >>> import numpy as np
        >>> float(dijet_mass_resolution(np.array(200.0)).round(3))
        0.058
    """
    return np.asarray(resolution(mass / 2) / np.sqrt(2))
