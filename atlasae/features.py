"""Jets as tables of features: taking them in, handing them back, and their scalings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from atlasae.errors import InputError, MissingNameError
from atlasae.files import whole_file

if TYPE_CHECKING:
    import awkward as ak
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

FOUR_VECTOR = ("m", "pt", "phi", "eta")
SCALINGS = ("standard", "log", "lund")

_ROLES = {"m": "m", "mass": "m", "pt": "pt", "phi": "phi", "eta": "eta", "e": "e", "energy": "e"}
_VECTOR_NAMES = ("m", "mass", "pt", "phi", "eta", "e", "energy", "E", "px", "py", "pz")
_MOMENTA = ({"pt", "phi", "eta"}, {"px", "py", "pz"})  # what a mass or an energy makes a 4-vector
COORDINATES = {*_VECTOR_NAMES, "x", "y", "z", "t", "rho", "theta", "tau", "M"}
_MEV_FROM = 1000.0  # a table whose median jet has more than this is in MeV, not in GeV
_SMALLEST = 1e-30  # sizes below do not stand for anything, and dividing by them overflows
_LN10 = float(np.log(10.0))


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


@dataclass(frozen=True)
class Table:
    """Jets as columns.

    Attributes:
        columns: feature name to values, each of shape (n,) and of its own dtype.
        counts: numbers of jets an event, shape (events,), summing to n; None for flat jets.
    """

    columns: dict[str, NDArray[Any]]
    counts: NDArray[np.integer[Any]] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def select(self, names: Sequence[str]) -> Table:
        """Only these columns, in this order and under these names.

        A column is found by its name, or as the same quantity: ``m`` is ``mass``.

        Raises:
            MissingNameError: one is not there; the message names the nearest.
        """
        found = {name: find_feature(name, self.columns, "these jets") for name in names}
        return Table({name: self.columns[own] for name, own in found.items()}, self.counts)

    def flat(self) -> Table:
        """The same jets, not divided into events."""
        return Table(self.columns)

    def rows(self, index: NDArray[np.integer[Any]]) -> Table:
        """The flat jets at these positions."""
        return Table({name: values[index] for name, values in self.columns.items()})

    def events(self, index: NDArray[np.integer[Any]]) -> Table:
        """The events at these positions, or the jets where they stand in no events."""
        if self.counts is None:
            return self.rows(index)
        starts = np.cumsum(self.counts) - self.counts
        counts = self.counts[index]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return Table(self.rows(np.repeat(starts[index], counts) + within).columns, counts)

    def span(self, start: int, stop: int) -> Table:
        """The events, or jets where they stand in no events, from ``start`` to below ``stop``."""
        if self.counts is None:
            return Table({name: values[start:stop] for name, values in self.columns.items()})
        ends = np.append(0, np.cumsum(self.counts))
        jets = slice(ends[start], ends[stop])
        columns = {name: values[jets] for name, values in self.columns.items()}
        return Table(columns, self.counts[start:stop])

    def matrix(self) -> NDArray[np.float64]:
        """The columns side by side, shape (n, features), float64.

        Raises:
            InputError: a value is NaN or infinite.
        """
        values = np.stack([np.asarray(c, np.float64) for c in self.columns.values()], axis=1)
        finite = np.isfinite(values)
        if not finite.all():
            for name, good in zip(self.columns, finite.T, strict=True):
                if bad := len(good) - np.count_nonzero(good):
                    raise InputError(
                        f"feature {name!r} is NaN or infinite in {bad} of {len(good)} jets"
                        " (the autoencoder takes finite values only)"
                    )
        return values


def joined(tables: Sequence[Table]) -> Table:
    """Tables of the same features, one after another."""
    columns = {
        name: np.concatenate([table.columns[name] for table in tables])
        for name in tables[0].columns
    }
    counts = [table.counts for table in tables if table.counts is not None]
    return Table(columns, np.concatenate(counts) if counts else None)


def to_table(jets: Any) -> Table:
    """Take in jets in any of the accepted forms.

    Args:
        jets: awkward records (flat, or jagged by event), a pandas DataFrame, a dict of arrays
            (numpy, or awkward and jagged alike), a structured numpy array, or a Table.

    Raises:
        InputError: it is something else, has columns of unequal lengths, missing values, or
            columns that are not numbers.
    """
    if isinstance(jets, Table):
        return jets
    if isinstance(jets, np.ndarray):
        if jets.dtype.names is None:
            raise InputError(
                f"an array of shape {jets.shape} does not say which column is which;"
                " give a dict such as {'m': x[:, 0], 'pt': x[:, 1]}, or a structured array"
            )
        fields: Mapping[str, Any] = {name: jets[name] for name in jets.dtype.names}
    elif isinstance(jets, Mapping) or (hasattr(jets, "columns") and hasattr(jets, "to_numpy")):
        fields = {
            str(name): jets[name] for name in (jets if isinstance(jets, Mapping) else jets.columns)
        }
    elif getattr(jets, "fields", None):
        fields = {name: jets[name] for name in jets.fields}
    else:
        raise InputError(
            f"jets must be awkward records, a DataFrame, a dict of arrays or a structured array,"
            f" not {type(jets).__name__}"
        )
    if not fields:
        raise InputError("these jets have no features")
    return _table_of(fields)


def _table_of(fields: Mapping[str, Any]) -> Table:
    columns: dict[str, NDArray[Any]] = {}
    counts: NDArray[Any] | None = None
    for i, (name, values) in enumerate(fields.items()):
        columns[name], own_counts = _column(name, values)
        if i and not _same(own_counts, counts):
            raise InputError(
                f"feature {name!r} has other numbers of jets an event than {next(iter(columns))!r}"
            )
        counts = own_counts
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        raise InputError(f"the features differ in length: {sorted(lengths)} jets")
    return Table(columns, counts)


def _same(a: NDArray[Any] | None, b: NDArray[Any] | None) -> bool:
    return (a is None) == (b is None) and (a is None or np.array_equal(a, cast("NDArray[Any]", b)))


def _column(name: str, values: Any) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """One feature as flat values and, where it is jagged, the counts."""
    counts = None
    if hasattr(values, "layout"):
        import awkward as ak

        if values.ndim > 2:
            raise InputError(
                f"feature {name!r} is nested {values.ndim - 1} deep; one level (jets in events) is the most"
            )
        if values.ndim == 2:
            counts = ak.to_numpy(ak.num(values, axis=1))
            values = ak.flatten(values, axis=1)
        values = ak.to_numpy(values)
    column = np.asarray(values)
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise InputError(f"feature {name!r} has missing values")
    if column.ndim != 1 or column.dtype.kind not in "fiub":
        raise InputError(
            f"feature {name!r} is not a column of numbers ({column.dtype}, shape {column.shape})"
        )
    return column, counts


def to_records(table: Table) -> ak.Array:
    """The jets as awkward records, jagged where the table has counts.

    With the features of a momentum, under names that ``vector`` knows, they behave as Momentum4D,
    or without a mass or energy as Momentum3D.
    """
    import awkward as ak
    import vector

    known = COORDINATES.intersection(table.columns)
    with_name, behavior = None, None
    for momentum in _MOMENTA:
        more = known - momentum
        if momentum <= known and len(more) <= 1 and all(role(name) in ("m", "e") for name in more):
            with_name = "Momentum4D" if more else "Momentum3D"
            behavior = vector.backends.awkward.behavior
    records = ak.zip(table.columns, with_name=with_name, behavior=behavior)
    return records if table.counts is None else ak.unflatten(records, table.counts)


def column_of(what: str, table: Table) -> NDArray[Any] | None:
    """The column that plays a part, such as ``pt``, or None."""
    return next((values for name, values in table.columns.items() if role(name) == what), None)


def typical_pt(table: Table) -> float:
    """The median pt of jets; 0 where there is none."""
    pt = column_of("pt", table)
    finite = () if pt is None else np.abs(pt[np.isfinite(pt)])
    return float(np.median(finite)) if len(finite) else 0.0


def as_stored(x: NDArray[np.float64], name: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Decoded values within what the feature can be: its dtype, and for phi its circle."""
    if role(name) == "phi":
        x = np.clip(x, -np.pi, np.pi)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        # the largest int64 is no float64, and the next one above it is out of range
        most = np.nextafter(float(limits.max), 0) if dtype.itemsize == 8 else limits.max
        x = np.clip(np.rint(x), limits.min, most)
    elif dtype.kind == "b":
        x = np.rint(np.clip(x, 0, 1))
    return x.astype(dtype)


def save_matrix(jets: Any, path: str | os.PathLike[str], *, force: bool) -> Table:
    """Write jets with ``np.save``, a row a jet, shape (n, features), float64.

    Returns:
        The jets as a table, whose columns are those of the file in order.

    Raises:
        TargetExistsError: the file is there and ``force`` is false.
    """
    table = to_table(jets).flat()
    with whole_file(path, force=force) as beside, beside.open("wb") as file:
        np.save(file, table.matrix())
    return table


@dataclass(frozen=True)
class Axis:
    """How one feature is scaled: ``(f(x) - center) / scale``, where f is the transform.

    ``symlog`` is sign(x) log(1 + abs(x)/unit): a logarithm that also takes zero and below, as
    masses from a detector are.
    """

    transform: str
    center: float
    scale: float
    unit: float = 1.0

    def forward(self, x: Floats) -> Floats:
        return (self._transformed(x) - self.center) / self.scale

    def _transformed(self, x: Floats) -> Floats:
        return np.sign(x) * np.log1p(np.abs(x) / self.unit) if self.transform == "symlog" else x

    def inverse(self, y: Floats) -> Floats:
        y = y * self.scale + self.center
        if self.transform == "symlog":
            y = np.sign(y) * np.expm1(np.abs(y)) * self.unit
        return y

    def standardised(self, x: Floats) -> Axis:
        """The same transform with mean and standard deviation of ``x`` taken out."""
        transformed = self._transformed(x)
        spread = float(transformed.std())
        return Axis(
            self.transform, float(transformed.mean()), spread if spread > 0 else 1.0, self.unit
        )


@dataclass(frozen=True)
class Scaling:
    """One axis a feature, from features (n, k) to numbers of order one and back."""

    axes: tuple[Axis, ...]

    @classmethod
    def fit(cls, kind: str, names: Sequence[str], x: NDArray[np.float64], unit: str) -> Scaling:
        """Learn a scaling from jets.

        Args:
            kind: ``standard`` (mean and standard deviation), ``log`` (the same of the logarithm
                of masses, momenta and energies), or ``lund`` (log10(m + 1)/1.8,
                (log10 pt - 1.3)/1.2, phi/3, eta/5 for m and pt in GeV; other features standard).
            names: the k features.
            x: their values, shape (n, k).
            unit: ``GeV`` or ``MeV``, of the energies in ``x``.
        """
        return cls(tuple(_axis(kind, name, x[:, i], unit) for i, name in enumerate(names)))

    def forward(self, x: NDArray[np.float64]) -> NDArray[np.float32]:
        """Features (n, k) to scaled features, float32."""
        scaled = [axis.forward(x[:, i]) for i, axis in enumerate(self.axes)]
        return np.stack(scaled, axis=1).astype(np.float32)

    def inverse(self, y: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scaled features (n, k) to features, float64."""
        wide = y.astype(np.float64)
        return np.stack([axis.inverse(wide[:, i]) for i, axis in enumerate(self.axes)], axis=1)

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(axis) for axis in self.axes]

    @classmethod
    def from_json(cls, axes: list[dict[str, Any]]) -> Scaling:
        return cls(tuple(Axis(**axis) for axis in axes))


def _axis(kind: str, name: str, x: NDArray[np.float64], unit: str) -> Axis:
    gev = 1000.0 if unit == "MeV" else 1.0
    if kind == "lund" and (what := role(name)) in FOUR_VECTOR:
        return {
            "m": Axis("symlog", 0.0, 1.8 * _LN10, gev),
            # 1 MeV inside the logarithm moves a 20 GeV jet by 2e-5 of a scaled unit
            "pt": Axis("symlog", (1.3 + 3.0) * _LN10, 1.2 * _LN10, 1e-3 * gev),
            "phi": Axis("linear", 0.0, 3.0),
            "eta": Axis("linear", 0.0, 5.0),
        }[what]
    if kind == "log" and is_energy(name):
        size = float(np.median(np.abs(x)))
        return Axis("symlog", 0.0, 1.0, 0.01 * size if size > _SMALLEST else 1.0).standardised(x)
    return Axis("linear", 0.0, 1.0).standardised(x)
