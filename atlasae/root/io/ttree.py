"""TTrees by uproot: what their branches are, read and written in chunks."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import uproot

from atlasae.errors import DamagedFileError
from atlasae.root.io.branch import TTREE, Arrays, BranchInfo, TreeSchema, free_name
from atlasae.root.io.errors import first_line
from atlasae.root.io.tree import TreeReader, TreeWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_NARROW = {"AsDouble32": "Double32_t becomes double", "AsFloat16": "Float16_t becomes float"}


_GROUP = uproot.interpretation.grouped.AsGrouped


class _UnreadableError(Exception):
    """Why a branch cannot be read."""


class TTreeReader(TreeReader):
    """A TTree being read."""

    kind = TTREE

    @property
    def title(self) -> str:
        return str(self.tree.title)

    def entries_for(self, step_size: str | int) -> int:
        if isinstance(step_size, int):
            return step_size
        return max(int(self.tree.num_entries_for(step_size)), 1)

    def _read_schema(self) -> TreeSchema:
        branches: dict[str, BranchInfo] = {}
        changed: dict[str, str] = {}
        as_ttree: dict[str, str] = {}
        left_out: dict[str, str] = {}
        taken = {source.name for source in self.tree.itervalues(recursive=True)}
        for source in self.tree.itervalues(recursive=True):
            if source.branches and isinstance(source.interpretation, (_GROUP, type(None))):
                continue  # a split object: its parts follow
            name = source.name
            if name in branches or name in left_out:
                left_out[f"{name} (again)"] = "a second branch of the same name"
                continue
            try:
                branches[name] = branch = self._branch(source, taken)
            except _UnreadableError as error:
                left_out[name] = str(error)
                continue
            if (kind := type(source.interpretation).__name__) in _NARROW:
                changed[name] = _NARROW[kind]
            elif branch.type == "string" and source.typename != "char*":
                changed[name] = f"{source.typename} becomes a string"
            elif "[" in branch.type:
                changed[name] = f"{source.typename} becomes records without a class"
            if branch.has_own_counter and branch.counter not in taken:
                as_ttree[name] = (
                    f"{source.typename} becomes a jagged array with the counter {branch.counter}"
                )
        for counter in {branch.counter for branch in branches.values()} & branches.keys():
            assert counter is not None
            if branches[counter].dtype != "int32":
                as_ttree[counter] = f"counter, {branches[counter].dtype} becomes int32"
        return TreeSchema(tuple(branches.values()), changed, as_ttree, left_out)

    def _branch(self, source: uproot.TBranch, taken: set[str]) -> BranchInfo:
        interpretation, size = source.interpretation, int(source.compressed_bytes)
        jagged = isinstance(interpretation, uproot.AsJagged)
        content = interpretation.content if jagged else interpretation
        if source.parent is not self.tree or type(content) is not uproot.AsDtype:
            kind = self._probe(source)  # of some uproot misjudges the type
        else:
            kind = self._told(source)
        if isinstance(interpretation, uproot.AsStrings):
            return BranchInfo(source.name, "string", source_bytes=size)
        if refused := _refused(source, content, jagged):
            return BranchInfo(source.name, kind, source_bytes=size, refused=refused)
        if not jagged:
            return BranchInfo(source.name, kind, source_bytes=size)
        counter = source.count_branch
        # a std::vector has none, and of a split object uproot names another part in its place
        own = counter is None or isinstance(counter.interpretation, uproot.AsJagged)
        name = free_name(f"n{source.name}", taken) if own else counter.name
        own = own or name.rstrip("_") == f"n{source.name}"  # as restored files have it
        return BranchInfo(source.name, kind, name, own, size)

    def _told(self, source: uproot.TBranch) -> str:
        """The type of an entry, as uproot tells it."""
        try:
            return str(source.interpretation.awkward_form(self.tree.file).type)
        except Exception as error:
            raise _UnreadableError(f"unknown type: {first_line(error)}") from error

    def _probe(self, source: uproot.TBranch) -> str:
        """The type of an entry, by reading one."""
        try:
            return str(source.array(entry_stop=1).type).partition(" * ")[2]
        except zlib.error as error:  # damage, which is not to be left out but said
            raise DamagedFileError(f"{self.where}: branch {source.name!r}: {error}") from error
        except Exception as error:
            raise _UnreadableError(f"cannot be read: {first_line(error)}") from error

    def _iterate(
        self, names: Sequence[str], step_size: str | int, start: int, stop: int | None
    ) -> Iterator[tuple[int, Arrays]]:
        wanted: dict[str, uproot.TBranch] = {}
        for branch in self.tree.itervalues(recursive=True):
            if branch.name in names:  # of several of one name the first, as in the plan
                wanted.setdefault(branch.name, branch)
        steps = self.tree.iterate(
            filter_branch=lambda branch: branch is wanted.get(branch.name),
            step_size=step_size,
            entry_start=start,
            entry_stop=stop,
            how=dict,
            report=True,
        )
        for arrays, report in steps:
            by_name = {name.rpartition("/")[2]: array for name, array in arrays.items()}
            for name in wanted.keys() - by_name.keys():  # a part that uproot passes over
                by_name[name] = wanted[name].array(entry_start=report.start, entry_stop=report.stop)
            yield report.start, {name: by_name[name] for name in wanted}


def _refused(source: uproot.TBranch, content: Any, jagged: bool) -> str:
    """Why uproot cannot write a branch into a TTree, or write it so that it can be read."""
    if not isinstance(content, uproot.AsDtype) or content.to_dtype.fields:
        return f"{source.typename} cannot be written"
    value, shape = content.to_dtype.base, content.to_dtype.shape
    if value.kind not in "fiub" or value.itemsize not in (1, 2, 4, 8):
        return f"{source.typename} cannot be written"
    if jagged and shape:
        return f"{source.typename}, fixed-size arrays in a jagged branch, cannot be read back"
    return ""


def refused_by_ttree(branch: BranchInfo) -> str:
    """Why a TTree cannot hold a branch, whatever it came from; empty where it can."""
    if "[" in branch.name:  # uproot would take it for the shape
        return "a name with brackets cannot be read back"
    if branch.refused or branch.type == "string" or branch.dtype is not None:
        return branch.refused
    *_, kind = branch.type.split(" * ")
    fixed = branch.type.replace(" * ", "").removesuffix(kind).isdigit()
    return "" if fixed and kind.isalnum() and kind != "string" else f"type {branch.type}"


@dataclass
class TTreeWriter(TreeWriter):
    """A TTree being written."""

    tree: Any
    names: list[str]

    @classmethod
    def make(cls, out: Any, path: str, title: str, branches: Iterable[BranchInfo]) -> TTreeWriter:
        """Make an empty tree of these branches in a file being written."""
        counters = {b.name: b.counter for b in branches if b.counter is not None}
        written = [branch for branch in branches if branch.name not in counters.values()]
        types = {branch.name: _written(branch.type) for branch in written}
        made = out.mktree(path, types, title=title, counter_name=counters.__getitem__)
        return cls(made, list(types))

    def extend(self, arrays: Mapping[str, Any]) -> None:
        chunk = {name: arrays[name] for name in self.names}
        if chunk and len(next(iter(chunk.values()))):  # an empty chunk would still write baskets
            self.tree.extend(chunk)


def _written(kind: str) -> Any:
    """What ``mktree`` takes as the type of a branch."""
    if kind == "string" or kind.startswith("var * "):
        return kind
    *shape, name = kind.split(" * ")
    return np.dtype((name, tuple(map(int, shape))))
