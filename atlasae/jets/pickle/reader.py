"""Read jets from pickles of pandas and numpy, which may be untrusted.

``atlasae.jets.pickle.machine`` records what a pickle would build; this module reads numbers and
column names from that record.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import (
    DamagedFileError,
    InputError,
    UnsafePickleError,
)
from atlasae.jets.pickle.arrays import column_names, read_array
from atlasae.jets.pickle.frames import read_frame
from atlasae.jets.pickle.machine import run_opcodes
from atlasae.jets.pickle.recorded import describe, kind_of
from atlasae.jets.table import to_records, to_table
from atlasae.source_files import PICKLE, path_name, read_whole_file, require_kind
from atlasae.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import awkward as ak

    from atlasae.types import PathLike, Values

_MAX_EXPANSION = 4  # bytes of columns per byte of the file; bounds memory if arrays are repeated
_LONGEST_REASON = 200  # characters, as some errors show what they could not read
_PARSE_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


def read_pickle(path: PathLike) -> ak.Array:
    """Read a table of jets from a pickle, which may be untrusted: nothing in it is executed.

    Accepted are DataFrames with named columns of numbers (pandas 0.14 to 3, except 1.3, whose
    pickles call functools.partial; protocols 2 to 5; not compressed), dicts of one-dimensional
    numpy arrays, and structured numpy arrays, of at most 5,000 columns. The row index of a
    DataFrame is left out.

    Args:
        path: of the pickle file.

    Returns:
        Flat awkward records, one per row, with the column names, order, units and dtypes (in
        native byte order) of the pickle. With the features of a 4-vector they behave as
        ``vector`` Momentum4D.

    Raises:
        MissingFileError: there is no such file.
        FileError: it cannot be read.
        UnsafePickleError: the pickle names something that a table does not need.
        InputError: a column has no unique name, or does not hold numbers; there are too many.
        DamagedFileError: it is not a pickle, is cut short, or does not hold a table.

    Example:
        >>> import pickle, tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "jets.pkl"
        ...     size = path.write_bytes(pickle.dumps({"pt": np.array([50.0, 30.0])}))
        ...     jets = read_pickle(path)
        >>> jets.pt.tolist()
        [50.0, 30.0]
    """
    file_name = path_name(path)
    require_kind(path, PICKLE)
    data = read_whole_file(path, "pickle")
    try:
        names, columns = _columns(run_opcodes(data))
        table = to_table(_ordered(names, columns, max_bytes=_MAX_EXPANSION * len(data)))
        return to_records(table)
    except (UnsafePickleError, DamagedFileError, InputError) as error:
        raise type(error)(f"{file_name}: {error}") from error
    except _PARSE_ERRORS as error:
        reason = shortened(str(error), _LONGEST_REASON)
        raise DamagedFileError(
            f"{file_name}: not a pickle of jets, or damaged: {reason}"
        ) from error


def _columns(value: Any) -> tuple[list[str], Iterator[tuple[str, Values]]]:
    """The column names in order, and pairs of name and values in any order."""
    match kind_of(value):
        case "frame":
            return read_frame(value.state)
        case "dict":
            names = column_names(list(value))
            return names, ((name, read_array(value[name], f"column {name!r}")) for name in names)
        case "array" | "buffer" if (array := read_array(value, "this array")).dtype.names:
            names = list(array.dtype.names)
            return names, ((name, array[name]) for name in names)
        case "array" | "buffer":
            raise InputError("the pickled array does not say which column is which")
        case _:
            raise DamagedFileError(
                f"the pickle holds {describe(value)}; atlasae reads a DataFrame, a dict of arrays"
                " or a structured array"
            )


def _ordered(
    names: Sequence[str], columns: Iterator[tuple[str, Values]], max_bytes: int
) -> dict[str, Values]:
    """Copies of the columns in the order of ``names``, of at most ``max_bytes`` in all."""
    copies: dict[str, Values] = {}
    for name, values in columns:
        if name in copies:
            raise DamagedFileError(f"column {name!r} has values twice")
        max_bytes -= values.nbytes
        if max_bytes < 0:
            raise DamagedFileError(
                f"the columns repeat the same data: more than {_MAX_EXPANSION} times the file size"
            )
        copies[name] = np.array(values, values.dtype.newbyteorder("="), order="C")
    if missing := [name for name in names if name not in copies]:
        raise DamagedFileError(f"no values for column {missing[0]!r} (of {len(missing)})")
    return {name: copies[name] for name in names}
