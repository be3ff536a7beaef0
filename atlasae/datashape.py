"""Awkward types of the entries of branches, from their names."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import awkward as ak

_NUMBERS = {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)} | {
    "bool",
    "float32",
    "float64",
}


@lru_cache(maxsize=1024)  # a tree has a thousand branches of few types
def parse_datashape(name: str) -> ak.types.Type:
    """The type with a name such as ``var * float32``: ``str(array.type.content)``.

    Raises:
        Exception: there is no such type; the exceptions of awkward's parser have no public name.

    Example:
        >>> parse_datashape("var * 3 * float32").content.size
        3
    """
    import awkward as ak

    *dimensions, number = name.split(" * ")
    if number in _NUMBERS and all(d == "var" or _is_size(d) for d in dimensions):
        entry = ak.types.NumpyType(number)  # awkward's parser would take 20 ms at its first use
        for size in reversed(dimensions):
            is_jagged = size == "var"
            entry = (
                ak.types.ListType(entry) if is_jagged else ak.types.RegularType(entry, int(size))
            )
        return entry
    return ak.types.from_datashape(name, highlevel=False)


def contents_of(entry: ak.types.Type) -> list[ak.types.Type]:
    """The types directly inside a type: that of the elements, those of the members; or none.

    Example:
        >>> [str(one) for one in contents_of(parse_datashape("var * 3 * float32"))]
        ['3 * float32']
    """
    inside = getattr(entry, "contents", None) or [getattr(entry, "content", None)]
    return [one for one in inside if one is not None]


def _is_size(text: str) -> bool:
    return text.isascii() and text.isdecimal()
