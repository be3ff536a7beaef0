"""DataFrames, which pandas stores as a ``BlockManager``: blocks of columns of one dtype."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import DamagedFileError, InputError
from atlasae.jets.pickle.arrays import UNNAMED_COLUMNS, column_names, read_array, read_bytes
from atlasae.jets.pickle.recorded import kind_of, parts, require, require_call

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlasae.types import Values


def read_frame(state: Any) -> tuple[list[str], Iterator[tuple[str, Values]]]:
    """The column names of a DataFrame in order, and pairs of name and values in any order.

    Args:
        state: what the pickle sets on the DataFrame.

    Raises:
        InputError: the columns have no unique names.
        DamagedFileError: it is not laid out as pandas 0.14 to 3 do.
    """
    content = require(state, dict)
    manager = require_call(content["_mgr"] if "_mgr" in content else content["_data"], "manager")
    if manager.args:  # since pandas 1.3
        stored, axes = parts(manager.args, 2)[:2]
        blocks = [parts(require_call(block, "block").args, 2)[:2] for block in _items(stored)]
    else:
        layout = require(require(parts(manager.state, 4)[3], dict)["0.14.1"], dict)
        stored, axes = layout["blocks"], layout["axes"]
        blocks = [(require(block, dict)["values"], block["mgr_locs"]) for block in _items(stored)]
    labels = column_names(_labels(_items(axes)[0]))
    return labels, _columns_of_blocks(blocks, labels)


def _items(value: Any) -> Sequence[Any]:
    """The items of a list or tuple."""
    items: Sequence[Any] = value if type(value) is tuple else require(value, list)
    return items


def _columns_of_blocks(
    blocks: Sequence[tuple[Any, ...]], labels: Sequence[str]
) -> Iterator[tuple[str, Values]]:
    for values, places in blocks:
        names = [labels[i] for i in _column_positions(places, len(labels))]
        shown = ", ".join(map(repr, names[:3])) + (", ..." if len(names) > 3 else "")
        rows = np.atleast_2d(read_array(values, f"column {shown}"))
        yield from zip(names, rows, strict=True)


def _column_positions(value: Any, count: int) -> Sequence[int]:
    """The positions of a block's columns among the ``count`` of the frame."""
    if kind_of(value) == "slice":
        bounds = parts(require_call(value).args, 1)
        return range(*slice(*bounds).indices(count))
    found = read_array(value, "the array of column positions")
    if found.ndim != 1 or len(found) > count:
        raise DamagedFileError(f"a block has positions of other than its {count} columns")
    positions: list[int] = found.tolist()
    if any(type(at) is not int or not 0 <= at < count for at in positions):
        raise DamagedFileError(f"a column position is not between 0 and {count - 1}")
    return positions


def _labels(axis: Any) -> Sequence[Any]:
    """The column names, from an array of objects or either kind of string array."""
    data: Any = require(parts(require_call(axis, "index").args, 2)[1], dict).get("data")
    if kind_of(data) == "arrow strings":
        return _arrow_strings(require(data.state, dict)["_pa_array"])
    if kind_of(data) == "strings":
        data = next((item for item in parts(data.state, 1) if kind_of(item) == "array"), None)
    if kind_of(data) == "array" and type(items := parts(data.state, 1)[-1]) is list:
        return items
    raise InputError(UNNAMED_COLUMNS)


def _arrow_strings(value: Any) -> list[str]:
    """Strings as pyarrow stores them: one text, and the offset at which each string ends."""
    if kind_of(value) == "arrow chunks":
        (value,) = _items(parts(value.args, 1)[0])
    content = parts(require_call(value, "arrow array").args, 1)[0]
    type_, length, _, start, buffers = parts(content, 5)[:5]
    _, offsets, text = (
        read_bytes(require_call(buffer, "arrow buffer").args[0]) if buffer is not None else b""
        for buffer in _items(buffers)
    )
    alias = require(parts(require_call(type_, "arrow type").args, 1)[0], str)
    dtype = {"string": "<i4", "large_string": "<i8"}[alias]
    wanted = slice(require(start, int), start + require(length, int) + 1)
    bounds = np.frombuffer(offsets, dtype)[wanted].tolist()
    if len(bounds) != length + 1 or bounds != sorted(bounds) or not 0 <= bounds[0] <= len(text):
        raise DamagedFileError("the column names are damaged")
    return [text[a:b].decode() for a, b in pairwise(bounds)]
