"""Reads and writes TTrees with uproot."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import uproot

from atlasae.root.io.branch import TTREE, Arrays, BranchInfo, TreeSchema, free_name
from atlasae.root.io.clusters import ClusterReader
from atlasae.root.io.errors import first_line, read_errors
from atlasae.root.io.interpretations import (
    correct_interpretations,
)
from atlasae.root.io.new_ttree import NewTTree
from atlasae.root.io.reduced_floats import AsReducedFloat
from atlasae.root.io.tree import TreeReader, TreeWriter
from atlasae.root.io.tree_metadata import TreeMetadata, not_written, read_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

_PROBED = 16  # entries to read of a branch whose type is not known
_GROUP = uproot.interpretation.grouped.AsGrouped


class _UnreadableError(Exception):
    """A branch cannot be read; the message says why."""


class TTreeReader(TreeReader):
    """Reads a TTree."""

    kind = TTREE

    @property
    def title(self) -> str:
        return str(self.tree.title)

    @property
    def names(self) -> list[str]:
        if any(branch.branches for branch in self.tree.branches):
            return list(self._branches)
        return [str(branch.name) for branch in self.tree.branches]

    @property
    def holders(self) -> set[str]:
        is_flat = not any(branch.branches for branch in self.tree.branches)
        return set() if is_flat else {n for n, b in self._branches.items() if b.branches}

    def place_of(self, name: str) -> tuple[int, ...]:
        """Where a branch stands: its number in the tree, or in the branch that it is in, and so on."""
        places: list[int] = []
        branch = self._branches[name]
        while branch is not self.tree:
            places.insert(0, next(i for i, b in enumerate(branch.parent.branches) if b is branch))
            branch = branch.parent
        return tuple(places)

    @cached_property
    def metadata(self) -> TreeMetadata:
        with read_errors(self.where):
            return read_metadata(self.tree, self._branches)

    def correct(self) -> None:
        correct_interpretations(self.tree)

    def not_carried(self) -> list[str]:
        return not_written(self.tree, self.path)

    @cached_property
    def num_entries(self) -> int:
        """Number of entries of its branches: some programs fill them one by one, and not the tree."""
        with read_errors(self.where):
            counted = int(self.tree.num_entries)
            counts = Counter(filter(None, (b.num_entries for b in self._branches.values())))
            return counted if counted in counts or not counts else counts.most_common(1)[0][0]

    @cached_property
    def _all_branches(self) -> list[uproot.TBranch]:
        """All branches but split objects, whose members are branches of their own."""
        correct_interpretations(self.tree)
        return [
            branch
            for branch in self.tree.itervalues(recursive=True)
            if not (branch.branches and isinstance(branch.interpretation, (_GROUP, type(None))))
        ]

    @cached_property
    def _branches(self) -> dict[str, uproot.TBranch]:
        """The branches by name; of several of a name, all but the outermost by their paths.

        Those of one path are numbered: ``x``, ``x_2``.
        """
        branches: dict[str, uproot.TBranch] = {}
        outermost = {branch.name for branch in self._all_branches if branch.parent is self.tree}
        every = {name for one in self._all_branches for name in (one.name, _path(one))}
        for branch in self._all_branches:
            inside = branch.parent is not self.tree
            is_taken = branch.name in branches or (inside and branch.name in outermost)
            name = _path(branch) if is_taken else branch.name
            if name in branches:
                numbered = (f"{name}_{number}" for number in count(2))
                name = next(one for one in numbered if one not in branches and one not in every)
            branches[name] = branch
        return branches

    @cached_property
    def _names(self) -> dict[int, str]:
        """The names of the branches by their identity in Python."""
        return {id(branch): name for name, branch in self._branches.items()}

    def _read_schema(self) -> TreeSchema:
        readable: dict[str, tuple[uproot.TBranch, BranchInfo]] = {}
        left_out: dict[str, str] = {}
        for name, branch in self._branches.items():
            if branch.num_entries != self.num_entries:
                left_out[name] = (
                    f"holds {branch.num_entries:,} entries, its tree {self.num_entries:,}"
                )
                continue
            try:
                readable[name] = branch, self._branch_info(name, branch)
            except _UnreadableError as error:
                left_out[name] = str(error)
            except Exception as error:  # of the interpretation: one branch, not all
                left_out[name] = f"cannot be interpreted: {first_line(error)}"
        infos = [info for _, info in readable.values()]
        changed = {
            name: note
            for name, (branch, info) in readable.items()
            if (note := _change(info, branch))
        }
        if note := self._own_change():
            changed[""] = note
        return TreeSchema(
            tuple(infos),
            changed,
            _new_counters(readable.values(), self._branches.keys()) | _changed_counters(infos),
            left_out,
        )

    def _own_change(self) -> str:
        """How the tree itself changes when it is written; empty if it does not."""
        name, counted = self.tree.classname, self.tree.num_entries
        notes = [f"{name} becomes TTree"] if name != "TTree" else []
        if counted != self.num_entries:
            notes.append(f"it counts {counted:,} entries, its branches hold {self.num_entries:,}")
        return "; ".join(notes)

    def _branch_info(self, name: str, branch: uproot.TBranch) -> BranchInfo:
        interpretation, size = branch.interpretation, int(branch.compressed_bytes)
        jagged = isinstance(interpretation, uproot.AsJagged)
        content = interpretation.content if jagged else interpretation
        if branch.parent is self.tree and _holds_numbers(content):
            entry_type = self._type_by_interpretation(branch)
        else:
            entry_type = self._type_of_first_entries(branch)  # uproot misjudges the type of some
        if isinstance(interpretation, uproot.AsStrings):
            cpp_type = "" if branch.typename == "char*" else branch.typename
            return BranchInfo(name, "string", source_bytes=size, cpp_type=cpp_type)
        if refused := _refused(branch, content, jagged):
            counter = self._counter_of(branch) if jagged else None
            return BranchInfo(name, entry_type, counter, False, size, refused, branch.typename)
        if not jagged:
            return BranchInfo(name, entry_type, source_bytes=size)
        found = self._counter_of(branch)
        counter = found or free_name(f"n{name}", self._branches)
        # as in files written by decompress
        own = counter not in self._branches or counter.rstrip("_") == f"n{name}"
        cpp_type = "" if found else branch.typename
        return BranchInfo(name, entry_type, counter, own, size, cpp_type=cpp_type)

    def _counter_of(self, branch: uproot.TBranch) -> str | None:
        """The branch with the number of elements per entry; None if there is none.

        A std::vector has none; for the members of a split object uproot may name another member,
        such as a string.
        """
        counter = branch.count_branch
        if counter is None or not _holds_numbers(counter.interpretation):
            return None
        return self._names.get(id(counter))

    def _type_by_interpretation(self, branch: uproot.TBranch) -> str:
        """The awkward type of an entry, from the interpretation by uproot."""
        try:
            return str(branch.interpretation.awkward_form(self.tree.file).type)
        except Exception as error:
            raise _UnreadableError(f"unknown type: {first_line(error)}") from error

    def _type_of_first_entries(self, branch: uproot.TBranch) -> str:
        """The awkward type of an entry, from reading some."""
        try:
            first, second = (branch.array(entry_stop=_PROBED) for _ in range(2))
        except Exception as error:
            raise _UnreadableError(f"cannot be read: {first_line(error)}") from error
        if _buffers_of(first) != _buffers_of(second):
            raise _UnreadableError("cannot be read: uproot reads other values each time")
        return str(first.type).partition(" * ")[2]

    def _bytes_of(self, names: Sequence[str]) -> float:
        # uproot would ask all branches, damaged ones too
        return sum(int(self._branches[name].uncompressed_bytes) for name in names)

    def _range_reader(self, names: Sequence[str], end: int) -> Callable[[int, int], Arrays]:
        offsets = [self._branches[name].entry_offsets for name in names]

        def end_of_cluster(entry: int) -> int:
            ends = (edges[bisect_right(edges, entry) :] for edges in offsets)
            return max((end[0] for end in ends if end), default=entry + 1)

        return ClusterReader(names, self._arrays, end_of_cluster, end).read

    def _arrays(self, names: Sequence[str], start: int, stop: int) -> Arrays:
        # uproot would evaluate names as expressions, and find the first branch of a name
        return {
            name: self._branches[name].array(entry_start=start, entry_stop=stop, array_cache=None)
            for name in names
        }


def _path(branch: uproot.TBranch) -> str:
    """The names of a branch and of those that it is in, as in ``jets/pt``."""
    inside = isinstance(branch.parent, uproot.TBranch)
    return f"{_path(branch.parent)}/{branch.name}" if inside else str(branch.name)


def _buffers_of(array: ak.Array) -> list[bytes]:
    """The bytes of all that makes an array."""
    return [buffer.tobytes() for buffer in ak.to_buffers(ak.to_packed(array))[2].values()]


def _holds_numbers(interpretation: Any) -> bool:
    """Whether the values are numbers, or arrays of a fixed size."""
    return (
        type(interpretation) in (uproot.AsDtype, AsReducedFloat)
        and interpretation.to_dtype.names is None
    )


def _change(info: BranchInfo, branch: uproot.TBranch) -> str:
    """How a branch changes when it is written; empty if it does not."""
    path = _path(branch)
    again = "" if info.name in (branch.name, path) else f"another branch of the path {path!r}"
    return "; ".join(filter(None, [again, _change_of_type(info, branch)]))


def _change_of_type(info: BranchInfo, branch: uproot.TBranch) -> str:
    interpretation = branch.interpretation
    content = getattr(interpretation, "content", interpretation)
    if isinstance(content, AsReducedFloat):
        return f"{content.name} becomes {content.became}"
    if info.type == "string" and branch.typename != "char*":
        return f"{branch.typename} becomes a string"
    if "[" in info.type:
        return f"{branch.typename} becomes records without a class"
    return ""


def _new_counters(
    branches: Iterable[tuple[uproot.TBranch, BranchInfo]], names: Collection[str]
) -> dict[str, str]:
    """The branches that get a counter when they are written into a TTree."""
    return {
        info.name: f"{branch.typename} becomes a jagged array with the counter {info.counter}"
        for branch, info in branches
        if info.has_own_counter and info.counter not in names
    }


def _changed_counters(infos: Sequence[BranchInfo]) -> dict[str, str]:
    """The counters that change dtype: uproot writes each as int32 into a TTree."""
    counters = {info.counter for info in infos if not info.refused}
    return {
        info.name: f"counter, {info.dtype} becomes int32"
        for info in infos
        if info.name in counters and info.dtype != "int32"
    }


def _refused(branch: uproot.TBranch, content: Any, jagged: bool) -> str:
    """Why uproot cannot write a branch into a TTree in a readable form; empty if it can."""
    if not isinstance(content, uproot.AsDtype) or content.to_dtype.fields:
        return f"{branch.typename} cannot be written"
    value, shape = content.to_dtype.base, content.to_dtype.shape
    if value.kind not in "fiub" or value.itemsize not in (1, 2, 4, 8):
        return f"{branch.typename} cannot be written"
    if jagged and shape:
        return f"{branch.typename}, fixed-size arrays in a jagged branch, cannot be read back"
    return ""


def refused_by_ttree(branch: BranchInfo) -> str:
    """Why a branch cannot be written into a TTree; empty if it can."""
    if "[" in branch.name:  # uproot would read it as the shape
        return "a name with brackets cannot be read back"
    if branch.refused or branch.type == "string" or branch.dtype is not None:
        return branch.refused
    *_, number = branch.type.split(" * ")
    fixed_size = branch.type.replace(" * ", "").removesuffix(number).isdigit()
    writable = fixed_size and number.isalnum() and number != "string"
    return "" if writable else f"type {branch.type}"


@dataclass
class TTreeWriter(TreeWriter):
    """Writes a TTree."""

    tree: NewTTree
    names: list[str]

    @classmethod
    def make(
        cls,
        out: Any,
        path: str,
        title: str,
        branches: Iterable[BranchInfo],
        metadata: TreeMetadata,
    ) -> TTreeWriter:
        """Create an empty TTree with these branches in a file being written."""
        counters = {b.name: b.counter for b in branches if b.counter is not None}
        written = [branch for branch in branches if branch.name not in counters.values()]
        types = {branch.name: _mktree_type(branch.type) for branch in written}
        tree = NewTTree(out, path, types, title, counters.__getitem__)
        tree.describe(metadata)
        return cls(tree, list(types))

    def extend(self, arrays: Mapping[str, Any]) -> None:
        chunk = {name: arrays[name] for name in self.names}
        # uproot would write baskets for an empty chunk too
        if chunk and len(next(iter(chunk.values()))):
            self.tree.extend(chunk)

    def finish(self) -> None:
        self.tree.finish()


def _mktree_type(name: str) -> Any:
    """An awkward type in the form that ``mktree`` takes."""
    if name == "string" or name.startswith("var * "):
        return name
    *shape, number = name.split(" * ")
    return np.dtype((number, tuple(map(int, shape))))
