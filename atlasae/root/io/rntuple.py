"""RNTuples by uproot: what their fields are, read and written in chunks."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import awkward as ak
import uproot

from atlasae.root.io.branch import RNTUPLE, Arrays, BranchInfo, TreeSchema, awkward_type, free_name
from atlasae.root.io.errors import first_line
from atlasae.root.io.tree import TreeReader, TreeWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_CARDINALITY = "ROOT::RNTupleCardinality"


class RNTupleReader(TreeReader):
    """An RNTuple being read."""

    kind = RNTUPLE

    @property
    def title(self) -> str:
        return str(self.tree.description)

    def entries_for(self, step_size: str | int) -> int:
        if isinstance(step_size, int):
            return step_size
        return max(int(self.tree.num_entries_for(step_size)), 1)

    def _read_schema(self) -> TreeSchema:
        top = list(self.tree.values(recursive=False))
        records = self.tree.field_records
        names = {field.name for field in top}
        sources = {field.name: records[field.field_id].source_field_id for field in top}
        # one that holds what others show under names of their own, as CMS and RDataFrame write it
        stores = {
            field.name: [name for name, source in sources.items() if source == field.field_id]
            for field in top
        }
        counters = {
            sources[field.name]: field.name
            for field in top
            if field.typename.startswith(_CARDINALITY)
        }
        branches: list[BranchInfo] = []
        changed: dict[str, str] = {}
        as_ttree: dict[str, str] = {}
        left_out: dict[str, str] = {}
        for field in top:
            name = field.name
            if shown := [other for other in stores[name] if other not in counters.values()]:
                changed[name] = f"written as {', '.join(shown)}, which show what it holds"
                continue
            try:
                kind = str(self.tree.arrays(filter_field=_only([name]), entry_stop=0)[name].type)
            except Exception as error:
                left_out[name] = f"unknown type: {first_line(error)}"
                continue
            branch = BranchInfo(name, kind.partition(" * ")[2])
            if branch.jagged:
                known = counters.get(sources[name]) if sources[name] is not None else None
                counter = known or free_name(f"n{name}", names)
                branch = BranchInfo(name, branch.type, counter, known is None)
                if known is None:
                    as_ttree[name] = f"gets the counter {counter}"
            if name in counters.values():
                changed[name] = f"{field.typename} becomes {branch.type}"
            branches.append(branch)
        return TreeSchema(tuple(branches), changed, as_ttree, left_out)

    def _iterate(
        self, names: Sequence[str], step_size: str | int, start: int, stop: int | None
    ) -> Iterator[tuple[int, Arrays]]:
        stop = self.num_entries if stop is None else min(stop, self.num_entries)
        step, only = self.entries_for(step_size), _only(names)
        for first in range(start, stop, step):
            last = min(first + step, stop)
            chunk = self.tree.arrays(filter_field=only, entry_start=first, entry_stop=last)
            yield first, {name: chunk[name] for name in names}


def _only(names: Sequence[str]) -> Any:
    """What lets pass the fields of these names, and no part of another."""
    wanted = frozenset(names)
    return lambda field: field.path in wanted


def refused_by_rntuple(branch: BranchInfo) -> str:
    """Why uproot cannot write a branch into an RNTuple; empty where it can."""
    try:
        with uproot.recreate(io.BytesIO()) as file:
            file.mkrntuple("x", _form([branch]))
    except Exception as error:
        return f"type {branch.type}: {first_line(error)}"
    return ""


def _form(branches: Sequence[BranchInfo]) -> ak.forms.RecordForm:
    """The form of entries with these branches."""
    contents = [ak.forms.from_type(awkward_type(branch.type)) for branch in branches]
    return ak.forms.RecordForm(contents, [branch.name for branch in branches])


@dataclass
class RNTupleWriter(TreeWriter):
    """An RNTuple being written."""

    ntuple: Any
    types: dict[str, str]

    @classmethod
    def make(cls, out: Any, path: str, title: str, branches: Sequence[BranchInfo]) -> RNTupleWriter:
        """Make an empty RNTuple of these branches in a file being written."""
        made = out.mkrntuple(path, _form(branches), description=title)
        return cls(made, {branch.name: branch.type for branch in branches})

    def extend(self, arrays: Mapping[str, Any]) -> None:
        columns = {
            name: ak.enforce_type(ak.to_packed(ak.Array(arrays[name])), awkward_type(kind))
            for name, kind in self.types.items()
        }
        if columns and len(next(iter(columns.values()))):
            self.ntuple.extend(ak.zip(columns, depth_limit=1))
