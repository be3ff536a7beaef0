"""Columns of jets in the forms they come in: lists, numpy, awkward and pandas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import InputError

if TYPE_CHECKING:
    import awkward as ak
    from numpy.typing import NDArray

    from atlasae.types import Values


def fields_of(jets: Any) -> Mapping[str, Any]:
    """Feature name to values in the form they come in.

    Raises:
        InputError: this is not a table, or two of its columns have one name.

    Example:
        >>> import numpy as np
        >>> list(fields_of(np.zeros(2, [("pt", "f4"), ("m", "f4")])))
        ['pt', 'm']
    """
    if isinstance(jets, np.ndarray):
        if jets.dtype.names is None:
            raise InputError(
                f"an array of shape {jets.shape} does not say which column is which;"
                " give a dict such as {'m': x[:, 0], 'pt': x[:, 1]}, or a structured array"
            )
        return {name: jets[name] for name in jets.dtype.names}
    if isinstance(jets, Mapping):
        return _by_text(jets, jets)
    if hasattr(jets, "columns") and hasattr(jets, "to_numpy"):
        return _by_text(jets, jets.columns)
    if getattr(jets, "fields", None):
        return {name: jets[name] for name in jets.fields}
    raise InputError(
        "jets must be awkward records, a DataFrame, a dict of arrays or a structured array,"
        f" not {type(jets).__name__}"
    )


def _flat(name: str, values: ak.Array) -> tuple[Any, NDArray[Any] | None]:
    """The values of an awkward array and, if it is jagged, the number of jets per event."""
    import awkward as ak

    if values.ndim > 2:
        raise InputError(
            f"feature {name!r} has {values.ndim - 1} levels of nesting; at most one is accepted,"
            " jets grouped by event"
        )
    try:
        if values.ndim == 1:
            return ak.to_numpy(values), None
        missing, counts = _plain(ak.to_numpy(ak.num(values, axis=1)))
        flat = ak.to_numpy(ak.flatten(values, axis=1))
    except TypeError as error:  # of a union
        raise InputError(f"feature {name!r} is not a column of numbers ({values.type})") from error
    if missing:
        raise InputError(
            f"feature {name!r} is missing in {missing} of {len(counts)} events: make their lists"
            " empty (ak.fill_none(jets, [], axis=0)) or drop these events (ak.drop_none)"
        )
    return flat, counts


def _by_text(jets: Any, names: Iterable[Any]) -> dict[str, Any]:
    """The columns by their names as text, such as those that pandas numbers."""
    fields: dict[str, Any] = {}
    for name in names:
        if str(name) in fields:
            raise InputError(f"two columns have the name {str(name)!r}; rename one of them")
        fields[str(name)] = jets[name]
    return fields


def read_column(name: str, values: Any) -> tuple[Values, NDArray[Any] | None]:
    """One feature as flat values and, if it is jagged, the number of jets per event.

    Raises:
        InputError: it does not hold numbers, or some are missing.

    Example:
        >>> read_column("n", [3, 4])
        (array([3, 4]), None)
    """
    counts = None
    if hasattr(values, "layout"):
        values, counts = _flat(name, values)
    missing, column = _plain(values)
    if missing:
        raise InputError(
            f"feature {name!r} has missing values, {missing} of {len(column)}: fill them"
            " (fillna of pandas, ak.fill_none) or drop these jets (dropna, ak.drop_none)"
        )
    if column.ndim != 1 or column.dtype.kind not in "fiub":
        raise InputError(
            f"feature {name!r} is not a column of numbers ({column.dtype}, shape {column.shape})"
        )
    return column, counts


def _plain(values: Any) -> tuple[int, Values]:
    """The number of missing values, and the others as a numpy array."""
    if isinstance(values, np.ma.MaskedArray):
        return int(np.count_nonzero(np.ma.getmaskarray(values))), np.asarray(values)
    dtype = getattr(values, "dtype", np.dtype(object))
    if isinstance(dtype, np.dtype) or not hasattr(values, "isna"):
        return 0, np.asarray(values)
    # of pandas, whose own dtypes know missing values, which numpy would turn to NaN
    missing, numbers = int(values.isna().sum()), getattr(dtype, "numpy_dtype", None)
    return missing, np.asarray(values) if missing or not numbers else values.to_numpy(numbers)
