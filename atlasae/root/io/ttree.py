"""Reads and writes TTrees with uproot."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import uproot

from atlasae.root.io.branch import TTREE, Arrays, BranchInfo, TreeSchema, free_name
from atlasae.root.io.clusters import ClusterReader
from atlasae.root.io.errors import first_line, read_errors
from atlasae.root.io.new_ttree import NewTTree
from atlasae.root.io.tree import TreeReader, TreeWriter
from atlasae.root.io.tree_metadata import TreeMetadata, not_written, read_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_NARROW = {"AsDouble32": "Double32_t becomes double", "AsFloat16": "Float16_t becomes float"}
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
        return [str(branch.name) for branch in self.tree.branches]

    @cached_property
    def metadata(self) -> TreeMetadata:
        with read_errors(self.where):
            return read_metadata(self.tree)

    def not_carried(self) -> list[str]:
        return not_written(self.tree, self.path)

    def _read_schema(self) -> TreeSchema:
        names = {branch.name for branch in self.tree.itervalues(recursive=True)}
        readable: dict[str, tuple[uproot.TBranch, BranchInfo]] = {}
        left_out: dict[str, str] = {}
        for branch in self.tree.itervalues(recursive=True):
            if _is_split(branch):
                continue  # its members are branches of their own
            name = branch.name
            if name in readable or name in left_out:
                left_out[f"{name} (again)"] = "a second branch of the same name"
                continue
            try:
                readable[name] = branch, self._branch_info(branch, names)
            except _UnreadableError as error:
                left_out[name] = str(error)
            except Exception as error:  # of the interpretation: one branch, not all
                left_out[name] = f"cannot be interpreted: {first_line(error)}"
        infos = [info for _, info in readable.values()]
        return TreeSchema(
            tuple(infos),
            {
                info.name: note
                for branch, info in readable.values()
                if (note := _change(branch, info))
            },
            _new_counters(readable.values(), names) | _changed_counters(infos),
            left_out,
        )

    def _branch_info(self, branch: uproot.TBranch, names: set[str]) -> BranchInfo:
        interpretation, size = branch.interpretation, int(branch.compressed_bytes)
        jagged = isinstance(interpretation, uproot.AsJagged)
        content = interpretation.content if jagged else interpretation
        if branch.parent is not self.tree or type(content) is not uproot.AsDtype:
            entry_type = self._type_of_first_entry(branch)  # uproot misjudges the type of some
        else:
            entry_type = self._type_by_interpretation(branch)
        if isinstance(interpretation, uproot.AsStrings):
            return BranchInfo(branch.name, "string", source_bytes=size)
        if refused := _refused(branch, content, jagged):
            return BranchInfo(branch.name, entry_type, source_bytes=size, refused=refused)
        if not jagged:
            return BranchInfo(branch.name, entry_type, source_bytes=size)
        counter = branch.count_branch
        # a std::vector has no counter; for a split object uproot names another member instead
        own = counter is None or isinstance(counter.interpretation, uproot.AsJagged)
        name = free_name(f"n{branch.name}", names) if own else counter.name
        own = own or name.rstrip("_") == f"n{branch.name}"  # as in files written by decompress
        return BranchInfo(branch.name, entry_type, name, own, size)

    def _type_by_interpretation(self, branch: uproot.TBranch) -> str:
        """The awkward type of an entry, from the interpretation by uproot."""
        try:
            return str(branch.interpretation.awkward_form(self.tree.file).type)
        except Exception as error:
            raise _UnreadableError(f"unknown type: {first_line(error)}") from error

    def _type_of_first_entry(self, branch: uproot.TBranch) -> str:
        """The awkward type of an entry, from reading one."""
        try:
            return str(branch.array(entry_stop=1).type).partition(" * ")[2]
        except Exception as error:
            raise _UnreadableError(f"cannot be read: {first_line(error)}") from error

    def _bytes_of(self, names: Sequence[str]) -> float:
        branches = self._branches(names)  # uproot would ask all branches, damaged ones too
        return sum(int(branch.uncompressed_bytes) for branch in branches.values())

    def _range_reader(self, names: Sequence[str], end: int) -> Callable[[int, int], Arrays]:
        branches = self._branches(names)
        offsets = [branch.entry_offsets for branch in branches.values()]

        def read(names: Sequence[str], start: int, stop: int) -> Arrays:
            return self._arrays({name: branches[name] for name in names}, start, stop)

        def end_of_cluster(entry: int) -> int:
            ends = (edges[bisect_right(edges, entry) :] for edges in offsets)
            return max((end[0] for end in ends if end), default=entry + 1)

        return ClusterReader(names, read, end_of_cluster, end).read

    def _branches(self, names: Sequence[str]) -> dict[str, uproot.TBranch]:
        """The branches of these names; the first of a name, as in the schema."""
        branches: dict[str, uproot.TBranch] = {}
        for branch in self.tree.itervalues(recursive=True):
            if branch.name in names:
                branches.setdefault(branch.name, branch)
        return branches

    def _arrays(self, branches: Mapping[str, uproot.TBranch], start: int, stop: int) -> Arrays:
        arrays = self.tree.arrays(
            filter_branch=_among(branches),
            entry_start=start,
            entry_stop=stop,
            how=dict,
            array_cache=None,
        )
        by_name = {name.rpartition("/")[2]: array for name, array in arrays.items()}
        for name in branches.keys() - by_name.keys():  # members that uproot passes over
            by_name[name] = branches[name].array(entry_start=start, entry_stop=stop)
        return {name: by_name[name] for name in branches}


def _is_split(branch: uproot.TBranch) -> bool:
    """Whether a branch is an object whose members are branches of their own."""
    if not branch.branches:
        return False
    try:
        return isinstance(branch.interpretation, (_GROUP, type(None)))
    except Exception:  # it cannot be interpreted as a whole, its members may
        return True


def _among(branches: Mapping[str, uproot.TBranch]) -> Callable[[uproot.TBranch], bool]:
    """A filter that passes these branches, and no others of their names."""
    return lambda branch: branch is branches.get(branch.name)


def _change(branch: uproot.TBranch, info: BranchInfo) -> str:
    """How a branch changes when it is written; empty if it does not."""
    if note := _NARROW.get(type(branch.interpretation).__name__):
        return note
    if info.type == "string" and branch.typename != "char*":
        return f"{branch.typename} becomes a string"
    if "[" in info.type:
        return f"{branch.typename} becomes records without a class"
    return ""


def _new_counters(
    branches: Iterable[tuple[uproot.TBranch, BranchInfo]], names: set[str]
) -> dict[str, str]:
    """The branches that get a counter when they are written into a TTree."""
    return {
        info.name: f"{branch.typename} becomes a jagged array with the counter {info.counter}"
        for branch, info in branches
        if info.has_own_counter and info.counter not in names
    }


def _changed_counters(infos: Sequence[BranchInfo]) -> dict[str, str]:
    """The counters that change dtype: uproot writes each as int32 into a TTree."""
    counters = {info.counter for info in infos}
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
