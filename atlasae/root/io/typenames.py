"""C++ type names and uproot interpretations of branches, from their awkward types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import uproot

from atlasae.datashape import parse_datashape
from atlasae.root.io.branch import RNTUPLE, BranchInfo

if TYPE_CHECKING:
    from collections.abc import Collection

VECTOR_HEADER = 10  # bytes before the elements of a std::vector in a TTree


def typename(branch: BranchInfo, kind: str, names: Collection[str]) -> str:
    """The C++ type of a branch, as uproot spells it.

    A branch does not know whether a string was a ``char*`` or a ``std::string``, or which
    container held a list in an RNTuple: this gives the usual one.

    Args:
        branch: the branch.
        kind: the kind of its tree, ``ttree`` or ``rntuple``.
        names: the branches of its tree.

    Example:
        >>> typename(BranchInfo("Jet_pt", "var * float32", "nJet"), "ttree", ["nJet", "Jet_pt"])
        'float[]'
        >>> typename(BranchInfo("Jet_pt", "var * float32", "nJet"), "rntuple", ["nJet", "Jet_pt"])
        'std::vector<float>'
    """
    entry_type = parse_datashape(branch.type)
    if kind == RNTUPLE:
        return _standard_typename(entry_type, "std::")
    if _is_string(entry_type):
        return "char*"
    dimensions = ""
    if isinstance(entry_type, ak.types.ListType) and not _is_vector(branch, names):
        entry_type, dimensions = entry_type.content, "[]"
    while isinstance(entry_type, ak.types.RegularType):
        entry_type, dimensions = entry_type.content, f"{dimensions}[{entry_type.size}]"
    return _standard_typename(entry_type, "") + dimensions


def interpretation(branch: BranchInfo, kind: str, names: Collection[str]) -> Any:
    """How uproot interprets the bytes of a branch of a TTree.

    Args:
        branch: the branch.
        kind: the kind of its tree, ``ttree`` or ``rntuple``.
        names: the branches of its tree.

    Returns:
        An interpretation of uproot for numbers, arrays of numbers and strings in a TTree; None for
        anything else.

    Example:
        >>> interpretation(BranchInfo("Jet_pt", "var * float32", "nJet"), "ttree", ["nJet"])
        AsJagged(AsDtype('>f4'))
    """
    entry_type = parse_datashape(branch.type)
    if kind == RNTUPLE:
        return None
    if _is_string(entry_type):
        return uproot.AsStrings()
    jagged = isinstance(entry_type, ak.types.ListType)
    content = entry_type.content if jagged else entry_type
    shape = []
    while isinstance(content, ak.types.RegularType):
        shape.append(content.size)
        content = content.content
    if not isinstance(content, ak.types.NumpyType):
        return None
    dtype = np.dtype(content.primitive).newbyteorder(">")
    values = uproot.AsDtype(np.dtype((dtype, tuple(shape))) if shape else dtype)
    if not jagged:
        return values
    return uproot.AsJagged(values, VECTOR_HEADER if _is_vector(branch, names) else 0)


def _is_vector(branch: BranchInfo, names: Collection[str]) -> bool:
    """Whether a list in a TTree is a std::vector, and not an array with a counter."""
    content = parse_datashape(branch.type).content
    return branch.counter not in names and not isinstance(content, ak.types.RegularType)


def _is_string(entry_type: Any) -> bool:
    return bool(entry_type.parameters.get("__array__") == "string")


def _standard_typename(entry_type: Any, prefix: str) -> str:
    """The C++ type of an awkward type; the prefix is that of integers: ``std::`` or nothing."""
    if _is_string(entry_type):
        return "std::string"
    if isinstance(entry_type, ak.types.NumpyType):
        names = {"float32": "float", "float64": "double", "bool": "bool"}
        return names.get(entry_type.primitive, f"{prefix}{entry_type.primitive}_t")
    if isinstance(entry_type, ak.types.ListType):
        return f"std::vector<{_standard_typename(entry_type.content, prefix)}>"
    if isinstance(entry_type, ak.types.RegularType):
        return f"std::array<{_standard_typename(entry_type.content, prefix)},{entry_type.size}>"
    if isinstance(entry_type, ak.types.OptionType):
        return f"std::optional<{_standard_typename(entry_type.content, prefix)}>"
    return entry_type.parameters.get("__record__") or str(entry_type)
