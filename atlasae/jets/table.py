"""Jets as tables of features: accept them in any common form, hand them back as records."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.atomic_write import atomic_write
from atlasae.errors import InputError
from atlasae.jets.columns import fields_of, read_column
from atlasae.jets.names import COORDINATES, find_feature, role

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import awkward as ak
    from numpy.typing import NDArray

    from atlasae.types import Floats, Integers, PathLike, Values


# with a mass or an energy beside them these are a 4-vector
_THREE_MOMENTA = ({"pt", "phi", "eta"}, {"px", "py", "pz"})


@dataclass(frozen=True)
class Table:
    """Jets as columns.

    Attributes:
        columns: feature name to values, each of shape (n,) and of its own dtype.
        counts: number of jets per event, shape (events,), summing to n; None for flat jets.

    Example:
        >>> import numpy as np
        >>> jets = Table({"pt": np.array([50.0, 30.0, 20.0])}, counts=np.array([2, 1]))
        >>> len(jets)
        3
    """

    columns: dict[str, Values]
    counts: NDArray[np.integer[Any]] | None = None

    def __len__(self) -> int:
        """Number of jets."""
        return len(next(iter(self.columns.values())))

    def select(self, names: Sequence[str]) -> Table:
        """Keep these columns, in this order and under these names.

        A column is found by its name, or else as the same quantity: ``m`` is ``mass``.

        Raises:
            MissingNameError: there is no such column; the message suggests the nearest names.

        Example:
            >>> import numpy as np
            >>> jets = Table({"pt": np.array([50.0]), "mass": np.array([8.0])})
            >>> list(jets.select(["m"]).columns)
            ['m']
        """
        own_names = {name: find_feature(name, self.columns, "these jets") for name in names}
        return Table({name: self.columns[own] for name, own in own_names.items()}, self.counts)

    def flat(self) -> Table:
        """The same jets, no longer grouped by event.

        Example:
            >>> import numpy as np
            >>> jets = Table({"pt": np.array([50.0, 30.0, 20.0])}, counts=np.array([2, 1]))
            >>> jets.flat().counts is None
            True
        """
        return Table(self.columns)

    def rows(self, index: NDArray[np.integer[Any]]) -> Table:
        """The jets at these positions, flat.

        Example:
            >>> import numpy as np
            >>> jets = Table({"pt": np.array([50.0, 30.0, 20.0])})
            >>> jets.rows(np.array([2, 0])).columns["pt"].tolist()
            [20.0, 50.0]
        """
        return Table({name: values[index] for name, values in self.columns.items()})

    def finite(self) -> Table:
        """The jets whose values are all finite, flat.

        Example:
            >>> import numpy as np
            >>> Table({"pt": np.array([50.0, np.nan])}).finite().columns["pt"].tolist()
            [50.0]
        """
        good = [np.isfinite(values) for values in self.columns.values()]
        return self.rows(np.flatnonzero(np.logical_and.reduce(good)))

    def events(self, index: NDArray[np.integer[Any]]) -> Table:
        """The events at these positions; of flat jets, the jets.

        Example:
            >>> import numpy as np
            >>> jets = Table({"pt": np.array([50.0, 30.0, 20.0])}, counts=np.array([2, 1]))
            >>> jets.events(np.array([1, 0])).columns["pt"].tolist()
            [20.0, 50.0, 30.0]
        """
        if self.counts is None:
            return self.rows(index)
        return Table(self.rows(self.rows_of(index)).columns, self.counts[index])

    def rows_of(self, index: NDArray[np.integer[Any]]) -> Integers:
        """The rows of the jets of some events, in the order of these; of flat jets, the index.

        Example:
            >>> import numpy as np
            >>> jets = Table({"pt": np.array([50.0, 30.0, 20.0])}, counts=np.array([2, 1]))
            >>> jets.rows_of(np.array([1, 0])).tolist()
            [2, 0, 1]
        """
        if self.counts is None:
            return index.astype(np.int64)
        return _spans(self.offsets[index], self.counts[index])

    def span(self, start: int, stop: int) -> Table:
        """The events from ``start`` to ``stop``, exclusive; of flat jets, the jets.

        Example:
            >>> import numpy as np
            >>> jets = Table({"pt": np.array([50.0, 30.0, 20.0])}, counts=np.array([2, 1]))
            >>> jets.span(0, 1).columns["pt"].tolist()
            [50.0, 30.0]
        """
        if self.counts is None:
            return Table({name: values[start:stop] for name, values in self.columns.items()})
        jets = slice(self.offsets[start], self.offsets[stop])
        columns = {name: values[jets] for name, values in self.columns.items()}
        return Table(columns, self.counts[start:stop])

    @cached_property
    def offsets(self) -> Integers:
        """The first jet of each event, and the number of all jets, shape (events + 1,)."""
        assert self.counts is not None
        return np.concatenate([[0], np.cumsum(self.counts, dtype=np.int64)])

    def array(self, name: str) -> ak.Array:
        """A column as an awkward array, grouped by event if the table has counts.

        Example:
            >>> import numpy as np
            >>> jets = Table({"pt": np.array([50.0, 30.0, 20.0])}, counts=np.array([2, 1]))
            >>> jets.array("pt").tolist()
            [[50.0, 30.0], [20.0]]
        """
        import awkward as ak

        values = ak.contents.NumpyArray(self.columns[name])
        if self.counts is None:
            return ak.Array(values)
        offsets = ak.index.Index64(self.offsets)
        return ak.Array(ak.contents.ListOffsetArray(offsets, values))

    def matrix(self) -> Floats:
        """The columns side by side, shape (n, features), float64.

        Raises:
            InputError: a value is NaN or infinite.

        Example:
            >>> import numpy as np
            >>> Table({"pt": np.array([50, 30]), "eta": np.array([0.5, -1.0])}).matrix()
            array([[50. ,  0.5],
                   [30. , -1. ]])
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
        counts: number of jets per event, shape (events,).
        index: positions of the events wanted.

    Example:
        >>> import numpy as np
        >>> rows_of_events(np.array([2, 1, 3]), np.array([2, 0])).tolist()
        [3, 4, 5, 0, 1]
    """
    return _spans((np.cumsum(counts) - counts)[index], counts[index])


def _spans(starts: NDArray[Any], sizes: NDArray[Any]) -> Integers:
    """Numbers from each start on, as many as its size, one after another."""
    ranks = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    rows: Integers = np.repeat(starts, sizes) + ranks
    return rows


def joined(tables: Sequence[Table]) -> Table:
    """Tables with the same features, one after another.

    Example:
        >>> import numpy as np
        >>> halves = [Table({"pt": np.array([50.0])}), Table({"pt": np.array([30.0])})]
        >>> joined(halves).columns["pt"].tolist()
        [50.0, 30.0]
    """
    if len(tables) == 1:
        return tables[0]
    columns = {
        name: np.concatenate([table.columns[name] for table in tables])
        for name in tables[0].columns
    }
    counts = [table.counts for table in tables if table.counts is not None]
    return Table(columns, np.concatenate(counts) if counts else None)


def assembled(tables: Iterable[Table], length: int) -> Table:
    """Tables with the same features and dtypes, one after another; each is needed no longer.

    Args:
        tables: at least one, all with events or all without.
        length: number of jets of all tables together.

    Example:
        >>> import numpy as np
        >>> halves = [Table({"pt": np.array([50.0])}), Table({"pt": np.array([30.0])})]
        >>> assembled(iter(halves), 2).columns["pt"].tolist()
        [50.0, 30.0]
    """
    columns: dict[str, Values] = {}
    counts: list[NDArray[np.integer[Any]]] = []
    start = 0
    for table in tables:
        for name, column in table.columns.items():
            if name not in columns:
                columns[name] = np.empty(length, column.dtype)
            columns[name][start : start + len(column)] = column
        counts += [] if table.counts is None else [table.counts]
        start += len(table)
    return Table(columns, np.concatenate(counts) if counts else None)


def to_table(jets: Any) -> Table:
    """Convert jets in any accepted form to a Table.

    Args:
        jets: awkward records (flat, or jagged by event), a pandas DataFrame, a dict of arrays
            (numpy, or awkward arrays of one jaggedness), a structured numpy array, or a Table.

    Raises:
        InputError: it is something else, has columns of unequal lengths, missing values, or
            columns that are not numbers.

    Example:
        >>> import awkward as ak
        >>> table = to_table(ak.Array({"pt": [[50.0, 30.0], [20.0]]}))
        >>> table.columns["pt"].tolist(), table.counts.tolist()
        ([50.0, 30.0, 20.0], [2, 1])
    """
    if isinstance(jets, Table):
        return jets
    fields = fields_of(jets)
    if not fields:
        raise InputError("these jets have no features")
    columns: dict[str, Values] = {}
    all_counts: dict[str, NDArray[Any] | None] = {}
    for name, values in fields.items():
        columns[name], all_counts[name] = read_column(name, values)
    first, *others = fields
    counts = all_counts[first]
    for name in others:
        if not _equal_counts(all_counts[name], counts):
            raise InputError(f"features {name!r} and {first!r} differ in jet counts per event")
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        raise InputError(f"the features differ in length: {sorted(lengths)} jets")
    return Table(columns, counts)


def _equal_counts(a: NDArray[Any] | None, b: NDArray[Any] | None) -> bool:
    if a is None or b is None:
        return a is b
    return np.array_equal(a, b)


def to_records(table: Table) -> ak.Array:
    """The jets as awkward records, jagged if the table has counts.

    With the features of a momentum, under names that ``vector`` knows, they behave as
    Momentum4D, or without a mass or energy as Momentum3D.

    Example:
        >>> import numpy as np
        >>> columns = {"pt": [50.0], "phi": [0.0], "eta": [0.0], "mass": [0.0]}
        >>> records = to_records(to_table(columns))
        >>> float(records.px[0])
        50.0
    """
    import awkward as ak
    import vector

    coordinates = COORDINATES.intersection(table.columns)
    with_name, behavior = None, None
    for momentum in _THREE_MOMENTA:
        fourth = coordinates - momentum
        if (
            momentum <= coordinates
            and len(fourth) <= 1
            and all(role(name) in ("m", "e") for name in fourth)
        ):
            with_name = "Momentum4D" if fourth else "Momentum3D"
            behavior = vector.backends.awkward.behavior
    records = ak.zip(table.columns, with_name=with_name, behavior=behavior)
    if table.counts is None:
        return records
    offsets = ak.index.Index64(table.offsets)
    layout = ak.contents.ListOffsetArray(offsets, records.layout)
    return ak.Array(layout, behavior=behavior)


def column_of(wanted_role: str, table: Table) -> Values | None:
    """The first column with a role such as ``pt``, or None.

    Example:
        >>> column_of("m", to_table({"mass": [8.0]})).tolist()
        [8.0]
    """
    return next((v for name, v in table.columns.items() if role(name) == wanted_role), None)


def typical_pt(table: Table) -> float:
    """The median pt of jets, in their unit; 0 without a finite pt.

    Example:
        >>> typical_pt(to_table({"pt": [20.0, 30.0, 90.0]}))
        30.0
    """
    pt = column_of("pt", table)
    finite = () if pt is None else np.abs(pt[np.isfinite(pt)])
    return float(np.median(finite)) if len(finite) else 0.0


def save_matrix(
    jets: Any, path: PathLike, *, force: bool, sources: Sequence[PathLike] = ()
) -> Table:
    """Write jets with ``np.save``: one row per jet, shape (n, features), float64.

    Args:
        jets: in any form that ``to_table`` accepts.
        path: of the file to write.
        force: overwrite an existing file.
        sources: that the jets were read from, which are never overwritten.

    Returns:
        The jets as a table, whose columns have the order of the file's.

    Raises:
        InputError: a value is NaN or infinite.
        TargetExistsError: the file exists and ``force`` is false.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "jets.npy"
        ...     table = save_matrix({"pt": [50.0, 30.0]}, path, force=False)
        ...     np.load(path).shape
        (2, 1)
    """
    table = to_table(jets).flat()
    written = atomic_write(path, force=force, sources=sources)
    with written as unfinished, unfinished.open("wb") as file:
        np.save(file, table.matrix())
    return table
