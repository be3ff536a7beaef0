"""Describes the branches of a tree, a TTree or an RNTuple."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Arrays = dict[str, ak.Array]
TTREE, RNTUPLE = "ttree", "rntuple"
KINDS = (TTREE, RNTUPLE)


@dataclass(frozen=True)
class BranchInfo:
    """A branch of a TTree, or a top-level field of an RNTuple.

    Attributes:
        name: name of the branch.
        type: awkward type of one entry: ``float32``, ``3 * float64``, ``string``,
            ``var * float32``, or a nested type.
        counter: name of the branch with the number of elements per entry; None if the branch is
            not jagged.
        has_own_counter: whether no other branch shares the counter, as for a std::vector.
        source_bytes: compressed size in the original file, in bytes.
        refused: why uproot cannot write the branch into a TTree; empty if it can.
        cpp_type: its C++ type in the source, if uproot may not write it as such into a TTree.

    Example:
        >>> branch = BranchInfo("Jet_pt", "var * float32", "nJet")
        >>> branch.jagged, branch.dtype
        (True, 'float32')
    """

    name: str
    type: str
    counter: str | None = None
    has_own_counter: bool = False
    source_bytes: int = 0
    refused: str = ""
    cpp_type: str = ""

    @property
    def jagged(self) -> bool:
        """Whether an entry is a list of numbers of any length."""
        return self.type.startswith("var * ") and self.dtype is not None

    @property
    def dtype(self) -> str | None:
        """Name of the dtype if an entry is a number or a list of numbers, else None."""
        name = self.type.removeprefix("var * ")
        try:
            return np.dtype(name).name if name.isalnum() and name != "string" else None
        except TypeError:
            return None

    @property
    def is_float(self) -> bool:
        """Whether an entry is a float32 or float64, or a list of them."""
        return self.dtype in ("float32", "float64")

    def to_json(self) -> dict[str, Any]:
        """The attributes that differ from their defaults."""
        values = {entry.name: (getattr(self, entry.name), entry.default) for entry in fields(self)}
        return {name: value for name, (value, default) in values.items() if value != default}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> BranchInfo:
        """The inverse of ``to_json``."""
        return cls(**values)


@dataclass(frozen=True)
class TreeSchema:
    """The branches of a tree.

    Attributes:
        branches: the branches that can be read, in the order of the file.
        changed: how a branch changes when it is written, by name; its values stay the same.
        changed_in_ttree: further changes when a TTree is written.
        left_out: why a branch cannot be read, by name.
    """

    branches: tuple[BranchInfo, ...]
    changed: dict[str, str] = field(default_factory=dict)
    changed_in_ttree: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> BranchInfo:
        """A branch by its name."""
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @cached_property
    def _by_name(self) -> dict[str, BranchInfo]:
        return {branch.name: branch for branch in self.branches}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the branches."""
        return tuple(branch.name for branch in self.branches)

    def without(self, reasons: Mapping[str, str]) -> TreeSchema:
        """The schema with some branches left out, for the reasons given by name."""
        return TreeSchema(
            tuple(branch for branch in self.branches if branch.name not in reasons),
            {name: note for name, note in self.changed.items() if name not in reasons},
            {name: note for name, note in self.changed_in_ttree.items() if name not in reasons},
            {**self.left_out, **reasons},
        )

    def changes(self, kind: str, names: Iterable[str]) -> dict[str, str]:
        """How branches change when they are written.

        Args:
            kind: the kind of tree to write, ``ttree`` or ``rntuple``.
            names: the branches to write.
        """
        changed = self.changed | (self.changed_in_ttree if kind == TTREE else {})
        written = {*names, *(self.changed.keys() - set(self.names))}
        return {name: note for name, note in changed.items() if name in written}


def free_name(name: str, taken: Iterable[str]) -> str:
    """A name that is not taken: the given one, followed by underscores if needed.

    Example:
        >>> free_name("nJet", ["nJet", "Jet_pt"])
        'nJet_'
    """
    taken = set(taken)
    while name in taken:
        name += "_"
    return name


def concatenated(pieces: Sequence[ak.Array]) -> ak.Array:
    """Arrays one after another; a single one is not copied.

    Example:
        >>> concatenated([ak.Array([[1], []]), ak.Array([[2, 3]])]).to_list()
        [[1], [], [2, 3]]
    """
    if len(pieces) == 1:
        return pieces[0]
    layouts = [piece.layout for piece in pieces]
    if all(map(_is_flat, layouts)):
        return ak.Array(np.concatenate([layout.data for layout in layouts]))
    if all(map(_is_flat_lists, layouts)):
        return _concatenated_lists([layout.to_ListOffsetArray64(True) for layout in layouts])
    return ak.concatenate(pieces)


def _is_flat(layout: Any) -> bool:
    """Whether a layout is of numbers, of one dimension and without a meaning of their own."""
    return layout.is_numpy and layout.data.ndim == 1 and not layout.parameters


def _is_flat_lists(layout: Any) -> bool:
    """Whether a layout is of lists of such numbers, as many as they like."""
    is_plain_list = layout.is_list and not layout.is_regular and not layout.parameters
    return is_plain_list and _is_flat(layout.content)


def _concatenated_lists(lists: Sequence[Any]) -> ak.Array:
    """Lists of numbers one after another; awkward takes ten times as long."""
    offsets, contents, first = [np.zeros(1, np.int64)], [], 0
    for each in lists:
        own = each.offsets.data
        contents.append(each.content.data[: own[-1]])
        offsets.append(own[1:] + first)
        first += int(own[-1])
    index = ak.index.Index64(np.concatenate(offsets))
    content = ak.contents.NumpyArray(np.concatenate(contents))
    return ak.Array(ak.contents.ListOffsetArray(index, content))


def grouped_alike(first: ak.Array, second: ak.Array) -> bool:
    """Whether two columns have the same number of elements in each entry.

    Example:
        >>> grouped_alike(ak.Array([[1, 2], [3]]), ak.Array([[4], [5, 6]]))
        False
    """
    if first.ndim != second.ndim or len(first) != len(second):
        return False
    return first.ndim == 1 or bool(ak.all(ak.num(first) == ak.num(second)))
