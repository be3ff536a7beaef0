"""What the columns of a tree are, whether a TTree or an RNTuple holds them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Arrays = dict[str, ak.Array]
TTREE, RNTUPLE = "ttree", "rntuple"
KINDS = (TTREE, RNTUPLE)


@dataclass(frozen=True)
class BranchInfo:
    """One branch of a TTree, or field of an RNTuple.

    Attributes:
        name: of the branch.
        type: of one entry as awkward writes it: ``float32``, ``3 * float64``, ``string``,
            ``var * float32``, or something deeper.
        counter: the branch that holds the lengths of a jagged one in a TTree; None where it is not
            jagged, or stands in an RNTuple.
        has_own_counter: whether that counter is for it alone, as for a std::vector.
        source_bytes: what it takes, compressed, in the file it came from.
        refused: why uproot cannot write it into a TTree; empty where it can.
    """

    name: str
    type: str
    counter: str | None = None
    has_own_counter: bool = False
    source_bytes: int = 0
    refused: str = ""

    @property
    def jagged(self) -> bool:
        """Whether an entry has any number of elements, each a single number."""
        return self.type.startswith("var * ") and self.dtype is not None

    @property
    def dtype(self) -> str | None:
        """Name of the dtype where an entry is a number or a list of numbers, else None."""
        name = self.type.removeprefix("var * ")
        try:
            return np.dtype(name).name if name.isalnum() and name != "string" else None
        except TypeError:
            return None

    @property
    def is_float(self) -> bool:
        """Whether it holds float32 or float64, one or a list an entry."""
        return self.dtype in ("float32", "float64")

    def to_json(self) -> dict[str, Any]:
        """Its attributes, without those that are as by default."""
        values = {own.name: (getattr(self, own.name), own.default) for own in fields(self)}
        return {name: value for name, (value, default) in values.items() if value != default}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> BranchInfo:
        return cls(**values)


@dataclass(frozen=True)
class TreeSchema:
    """The branches of a tree.

    Attributes:
        branches: those that can be read, in the order of the source.
        changed: branch name to what becomes different when it is written, though no value does.
        changed_in_ttree: the same, where a TTree is written.
        left_out: branch name to why it cannot be read.
    """

    branches: tuple[BranchInfo, ...]
    changed: dict[str, str] = field(default_factory=dict)
    changed_in_ttree: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> BranchInfo:
        return next(branch for branch in self.branches if branch.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(branch.name for branch in self.branches)

    def changes(self, kind: str, names: Iterable[str]) -> dict[str, str]:
        """What becomes different in some branches, written as a tree of a kind."""
        changed = self.changed | (self.changed_in_ttree if kind == TTREE else {})
        wanted = {*names, *(self.changed.keys() - set(self.names))}
        return {name: note for name, note in changed.items() if name in wanted}


def free_name(name: str, taken: Iterable[str]) -> str:
    """The name, with underscores behind it until it is not one of those taken."""
    taken = set(taken)
    while name in taken:
        name += "_"
    return name


@cache  # reading one takes milliseconds, and a tree has a thousand branches of few types
def awkward_type(kind: str) -> ak.types.Type:
    """The type that awkward writes so."""
    return ak.types.from_datashape(kind, highlevel=False)


def grouped_alike(one: ak.Array, other: ak.Array) -> bool:
    """Whether two columns have the same number of elements in each entry."""
    if one.ndim != other.ndim or len(one) != len(other):
        return False
    return one.ndim == 1 or bool(ak.all(ak.num(one) == ak.num(other)))
