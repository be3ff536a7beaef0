"""Jets as tables of features: taking them in, handing them back, and their scalings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from atlasae.atomic_write import atomic_write
from atlasae.errors import InputError
from atlasae.jets.names import COORDINATES, find_feature, role

if TYPE_CHECKING:
    import awkward as ak
    from numpy.typing import NDArray

    from atlasae.types import Integers, PathLike


_MOMENTA = ({"pt", "phi", "eta"}, {"px", "py", "pz"})  # what a mass or an energy makes a 4-vector


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
        rows = rows_of_events(self.counts, index)
        return Table(self.rows(rows).columns, self.counts[index])

    def span(self, start: int, stop: int) -> Table:
        """The events, or jets where they stand in no events, from ``start`` to below ``stop``."""
        if self.counts is None:
            return Table({name: values[start:stop] for name, values in self.columns.items()})
        ends = np.append(0, np.cumsum(self.counts))
        jets = slice(ends[start], ends[stop])
        columns = {name: values[jets] for name, values in self.columns.items()}
        return Table(columns, self.counts[start:stop])

    def array(self, name: str) -> ak.Array:
        """A column as an awkward array, grouped by event where the table has counts."""
        import awkward as ak

        values = ak.Array(self.columns[name])
        return values if self.counts is None else ak.unflatten(values, self.counts)

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


def rows_of_events(counts: NDArray[Any], index: NDArray[Any]) -> Integers:
    """The rows of the jets of some events, in the order of these events.

    Args:
        counts: number of jets of each event.
        index: positions of the events wanted.
    """
    starts, wanted = np.cumsum(counts) - counts, counts[index]
    within = np.arange(wanted.sum()) - np.repeat(np.cumsum(wanted) - wanted, wanted)
    rows: Integers = np.repeat(starts[index], wanted) + within
    return rows


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


def save_matrix(jets: Any, path: PathLike, *, force: bool) -> Table:
    """Write jets with ``np.save``, a row a jet, shape (n, features), float64.

    Returns:
        The jets as a table, whose columns are those of the file in order.

    Raises:
        TargetExistsError: the file is there and ``force`` is false.
    """
    table = to_table(jets).flat()
    with atomic_write(path, force=force) as beside, beside.open("wb") as file:
        np.save(file, table.matrix())
    return table
