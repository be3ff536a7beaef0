"""Reads and writes RNTuples with uproot."""

from __future__ import annotations

import io
from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import awkward as ak
import uproot

from atlasae.datashape import contents_of, parse_datashape
from atlasae.root.io.branch import RNTUPLE, Arrays, BranchInfo, TreeSchema, free_name
from atlasae.root.io.clusters import ClusterReader
from atlasae.root.io.errors import first_line
from atlasae.root.io.new_rntuple import new_rntuple
from atlasae.root.io.rntuple_fields import (
    CARDINALITY,
    FieldRecords,
    field_names,
    is_field_name,
)
from atlasae.root.io.tree import TreeReader, TreeWriter
from atlasae.root.io.tree_metadata import TreeMetadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


class RNTupleReader(TreeReader):
    """Reads an RNTuple."""

    kind = RNTUPLE

    @property
    def title(self) -> str:
        return str(self.tree.description)

    @property
    def names(self) -> list[str]:
        return [str(record.field_name) for record in self.tree.field_records]

    @cached_property
    def metadata(self) -> TreeMetadata:
        fields = self.tree.itervalues(recursive=False)
        described = {field.name: str(field.description) for field in fields if field.description}
        return TreeMetadata(described)

    def not_carried(self) -> list[str]:
        described = list(FieldRecords(self.tree).described_below())
        return [f"descriptions of {', '.join(described)}"] if described else []

    def written_names(self, names: Sequence[str]) -> dict[str, str]:
        return field_names(names)

    def _read_schema(self) -> TreeSchema:
        projections, records = _Projections.of(self.tree), FieldRecords(self.tree)
        names = set(self._fields)
        branches: list[BranchInfo] = []
        changed: dict[str, str] = {}
        changed_in_ttree: dict[str, str] = {}
        left_out: dict[str, str] = {}
        for name, field in self._fields.items():
            shown = projections.values_of.get(field.field_id)
            if shown and records.all_shown(field.field_id):
                changed[name] = f"written as {', '.join(shown)}, which show what it holds"
                continue
            try:
                entry_type = self._entry_type(field)
            except Exception as error:
                left_out[name] = f"unknown type: {first_line(error)}"
                continue
            branch = BranchInfo(name, entry_type)
            if branch.dtype is None:
                branch = replace(branch, cpp_type=records.typename(field.field_id))
            if branch.jagged:
                counter = projections.counter_of(field)
                new = None if counter else free_name(f"n{name}", names)
                branch = BranchInfo(name, entry_type, counter or new, counter is None)
                if new:
                    changed_in_ttree[name] = f"gets the counter {new}"
            if note := records.change(field.field_id, branch):
                changed[name] = note
            branches.append(branch)
        return TreeSchema(tuple(branches), changed, changed_in_ttree, left_out)

    def _entry_type(self, field: Any) -> str:
        """The awkward type of an entry of a field."""
        form, _ = _OneField(self.tree, field).to_akform()
        return str(form.content(field.name).type)

    def _bytes_of(self, names: Sequence[str]) -> float:
        fields = (_OneField(self.tree, self._fields[name]) for name in names)
        return sum(field.uncompressed_bytes for field in fields)

    def _range_reader(self, names: Sequence[str], end: int) -> Callable[[int, int], Arrays]:
        clusters = self.tree.ntuple.cluster_summaries
        edges = [*(int(cluster.num_first_entry) for cluster in clusters), self.num_entries]

        def end_of_cluster(entry: int) -> int:
            return edges[bisect_right(edges, entry)]

        return ClusterReader(names, self._arrays, end_of_cluster, end).read

    def _arrays(self, names: Sequence[str], start: int, stop: int) -> Arrays:
        cache: dict[str, Any] = {}  # of the columns that several fields show
        return {
            name: _OneField(self.tree, self._fields[name]).arrays(
                entry_start=start, entry_stop=stop, array_cache=cache
            )[name]
            for name in names
        }

    @cached_property
    def _fields(self) -> dict[str, Any]:
        """The top-level fields by name."""
        _find_subfields(self.tree)
        return {field.name: field for field in self.tree.fields}


def _find_subfields(ntuple: Any) -> None:
    """Find the fields under each field of an RNTuple, for which uproot searches all every time."""
    children: dict[int, list[Any]] = {}
    for field, record in zip(ntuple.all_fields, ntuple.field_records, strict=True):
        if record.parent_field_id != field.field_id:
            children.setdefault(record.parent_field_id, []).append(field)
    for field in reversed(ntuple.all_fields):  # subfields come after their field
        own = children.get(field.field_id, [])
        nested = [child.fields if child.is_anonymous else [child] for child in own]
        field._fields = list(chain.from_iterable(nested))


class _OneField(uproot.behaviors.RNTuple.HasFields):  # type: ignore[misc]  # has no types
    """An RNTuple of which only one field is seen.

    uproot selects fields by comparing the names of all with those of all that are wanted. To read
    a field that is seen alone takes no longer where there are many.
    """

    def __init__(self, ntuple: Any, field: Any) -> None:
        self._whole = ntuple
        self._fields = [field]
        self._lookup = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    @property
    def ntuple(self) -> Any:
        return self

    @property
    def num_entries(self) -> int:
        return int(self._whole.num_entries)

    @property
    def uncompressed_bytes(self) -> float:
        """Size of the field in memory, about."""
        plenty = 1 << 60
        entries = self.num_entries_for(plenty)
        return plenty * self.num_entries / entries if entries > 1 else 0  # 1 for no bytes


@dataclass(frozen=True)
class _Projections:
    """Which top-level fields show the data of others, as CMS and RDataFrame write them.

    Attributes:
        source_ids: id of the field whose data a field shows, by name; None if they are its own.
        counters: name of the field that shows the sizes of a collection, by id of the collection.
        values_of: names of the fields that show the values of a field, by its id.
    """

    source_ids: dict[str, int | None]
    counters: dict[int | None, str]
    values_of: dict[int, list[str]]

    @classmethod
    def of(cls, ntuple: Any) -> _Projections:
        source_ids: dict[str, int | None] = {}
        counters: dict[int | None, str] = {}
        values_of: dict[int, list[str]] = {}
        for field in ntuple.itervalues(recursive=False):
            source = ntuple.field_records[field.field_id].source_field_id
            source_ids[field.name] = source
            if field.typename.startswith(CARDINALITY):
                counters[source] = field.name
            elif source is not None:
                values_of.setdefault(source, []).append(field.name)
        return cls(source_ids, counters, values_of)

    def counter_of(self, field: Any) -> str | None:
        """The field with the number of elements per entry; None if there is none."""
        source = self.source_ids[field.name]
        return None if source is None else self.counters.get(source)


def refused_by_rntuple(branch: BranchInfo) -> str:
    """Why uproot cannot write a branch into an RNTuple that ROOT reads; empty if it can."""
    members = _member_names(parse_datashape(branch.type))
    if refused := [name for name in members if not is_field_name(name)]:
        return f"type {branch.type}: ROOT takes no field {refused[0]!r}"
    try:
        with uproot.recreate(io.BytesIO()) as file:
            file.mkrntuple("x", _form([branch]))
    except Exception:  # it asks for a report to its developers
        return f"type {branch.type}"
    return ""


def _member_names(entry: Any) -> Iterator[str]:
    """Names of the members of the records in a type."""
    if isinstance(entry, ak.types.RecordType):
        yield from () if entry.is_tuple else entry.fields
    for content in contents_of(entry):
        yield from _member_names(content)


def _form(
    branches: Sequence[BranchInfo], titles: Mapping[str, str] = MappingProxyType({})
) -> ak.forms.RecordForm:
    """The awkward form of entries with these branches, with titles where there are any."""
    contents = [ak.forms.from_type(parse_datashape(branch.type)) for branch in branches]
    contents = [
        form.copy(parameters={**form.parameters, "__doc__": titles[branch.name]})
        if branch.name in titles
        else form
        for branch, form in zip(branches, contents, strict=True)
    ]
    names = field_names(branch.name for branch in branches)
    return ak.forms.RecordForm(contents, [names[branch.name] for branch in branches])


@dataclass
class RNTupleWriter(TreeWriter):
    """Writes an RNTuple."""

    ntuple: Any
    types: dict[str, str]

    @classmethod
    def make(
        cls,
        out: Any,
        path: str,
        title: str,
        branches: Sequence[BranchInfo],
        metadata: TreeMetadata,
    ) -> RNTupleWriter:
        """Create an empty RNTuple with these branches in a file being written."""
        ntuple = new_rntuple(out, path, _form(branches, metadata.titles), title)
        return cls(ntuple, {branch.name: branch.type for branch in branches})

    def extend(self, arrays: Mapping[str, Any]) -> None:
        names = field_names(self.types)
        columns = {
            names[name]: ak.enforce_type(
                ak.to_packed(ak.Array(arrays[name])), parse_datashape(entry_type)
            )
            for name, entry_type in self.types.items()
        }
        if columns and len(next(iter(columns.values()))):
            self.ntuple.extend(ak.zip(columns, depth_limit=1))

    def finish(self) -> None:
        """Nothing: uproot completes an RNTuple with each chunk."""
