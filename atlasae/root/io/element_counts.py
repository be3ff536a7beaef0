"""Keeps uproot from making room for more elements than a branch can hold."""

from __future__ import annotations

from typing import Any

import uproot.containers
from uproot.source.cursor import Cursor

_read_field = Cursor.field
_SIZE = getattr(uproot.containers, "_stl_container_size", None)  # how sizes are stored


def bound_element_counts() -> None:
    """Let uproot refuse a container that claims more elements than bytes are left of its entry.

    uproot makes room for the elements before it reads the first. Of a branch that it misreads, 17 kB
    in a file, it would take 9 GB. It lets nothing come between but its cursor.
    """
    Cursor.field = _bounded_field


def _bounded_field(
    cursor: Any, chunk: Any, kind: Any, context: dict[str, Any], move: bool = True
) -> Any:
    """Read one number, as ``Cursor.field`` does."""
    value = _read_field(cursor, chunk, kind, context, move)
    if kind is _SIZE:
        left = chunk.stop - cursor.index
        if value > left:
            raise ValueError(f"a container of {value:,} elements has {left:,} bytes left")
    return value
