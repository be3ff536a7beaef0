"""Dask collections of the entries of files: partitions end with blocks, columns are read as needed."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from atlasae.errors import DamagedFileError, InputError, MissingNameError, located
from atlasae.jets.table import to_records, to_table
from atlasae.optional import needs_extra
from atlasae.root.io.tree import STEP_SIZE, TreeReader, check_step_size
from atlasae.root.known_layouts import find_collections
from atlasae.root.reading.chained_reader import OpenFiles, open_trees_of, require_alike
from atlasae.root.reading.expressions import NameFilter, name_filter
from atlasae.root.reading.jets import branches_of
from atlasae.root.reading.paths import Files, absolute_path

with needs_extra("dask", "atlasae.dask"):
    from dask_awkward import from_map
    from dask_awkward.lib.io.columnar import ColumnProjectionMixin
    from dask_awkward.lib.unproject_layout import unproject_layout

if TYPE_CHECKING:
    from collections.abc import Mapping

Partition = tuple[
    str, str, str, int, int
]  # file, its uuid, tree, first entry, the one after the last


def open_dask(
    files: Files,
    *,
    collection: str | None = None,
    all_features: bool = False,
    filter_name: NameFilter = None,
    step_size: int | str = STEP_SIZE,
) -> Any:
    """A Dask collection of the entries of files, compressed or not.

    Each task opens its file, and reads the branches that the graph needs, in its entries. So it works
    on any cluster whose workers see the files under the same names.

    Args:
        files: as ``open`` takes them: one or several. Where no tree is named, it is ``Events``, else
            the only one of the first file.
        collection: name of a collection; by default the entries have a field for each branch.
        all_features: the other features of the collection too.
        filter_name: the branches to offer: glob, ``/regex/i``, function, or several of them.
        step_size: most entries of a partition, or their size, such as ``100 MB``. Partitions of a
            compressed file end where one of its blocks ends, so few blocks are decoded twice.

    Returns:
        A ``dask_awkward.Array``, whose partitions and their lengths are known. With ``collection``,
        of records that behave as ``vector`` momenta.

    Raises:
        MissingFileError, FileError, DamagedFileError: a file is missing or cannot be read.
        MissingNameError: there is no such tree or collection, or a file lacks a branch of the first.
        InputError: a branch has another type than in the first file, or the step size cannot be
            used.
        MissingPackageError: dask-awkward is not installed.

    Example:
        >>> import atlasae
        >>> jets = atlasae.dask(atlasae.sample(), collection="Jet", step_size=8000)
        >>> jets.npartitions
        3
        >>> leading = jets[jets.pt > 300]  # nothing is read before compute
        >>> len(leading.pt.compute(scheduler="synchronous"))
        20000
    """
    check_step_size(step_size)
    if collection is not None and filter_name is not None:
        raise InputError("filter_name chooses branches; leave it out where you give a collection")
    partitions: list[Partition] = []
    opened, trees = open_trees_of(files, threads=1)
    with opened:
        first = opened.trees(0)[trees[0]]
        if collection is None:
            passes = name_filter(filter_name)
            columns = {name: name for name in first.schema.names if passes(name)}
        else:
            found = find_collections(first.schema)
            if collection not in found:
                raise MissingNameError.of("collection", collection, first.where, found)
            columns = branches_of(found[collection], all_features)
        reader = PartitionReader(_form(first, columns, collection is not None), columns)
        for number, (path, tree) in enumerate(zip(opened.paths, trees, strict=True)):
            part = opened.trees(number)[tree]
            require_alike(part, first, list(columns.values()))
            for start, stop in pairwise(partition_edges(part, step_size)):
                partitions.append((absolute_path(path), _uuid(part), tree, start, stop))
    lengths = [stop - start for *_, start, stop in partitions]
    divisions = (0, *np.cumsum(lengths).tolist())
    return from_map(reader, partitions, label="from-atlasae", divisions=divisions)


def partition_edges(reader: TreeReader, step_size: int | str) -> list[int]:
    """Where the partitions of a tree start and end, at least one: at the ends of blocks."""
    step = reader.entries_for(step_size, reader.schema.names)
    ends, entries = reader.block_ends, reader.num_entries
    edges = [0]
    while edges[-1] < entries:
        edge = edges[-1] + step
        if len(ends):
            within = int(np.searchsorted(ends, edge, side="right")) - 1
            after = int(np.searchsorted(ends, edges[-1], side="right"))
            edge = int(ends[max(within, after)])
        edges.append(min(edge, entries))
    return edges if entries else [0, 0]


class PartitionReader(ColumnProjectionMixin):  # type: ignore[misc]  # has no types
    """Reads the columns of a partition that a graph needs; the others are there by name.

    Args:
        form: of the entries.
        columns: names of the branches, by field.
        fields: to read; None for all.
    """

    use_optimization = True
    attrs = None

    def __init__(
        self, form: Any, columns: Mapping[str, str], fields: frozenset[str] | None = None
    ) -> None:
        self.form = form
        self.columns = dict(columns)
        self.fields = frozenset(columns) if fields is None else fields

    def __dask_tokenize__(self) -> Any:
        return type(self).__name__, self.form.to_json(), self.columns, sorted(self.fields)

    @property
    def behavior(self) -> Any:
        """That of momenta, for the records of a collection."""
        if self.form.purelist_parameter("__record__") is None:
            return None
        import vector

        return vector.backends.awkward.behavior

    def necessary_columns(self, report: Any, state: Any) -> frozenset[str]:
        """The paths of the columns that a graph needs.

        Awkward reads the values of a mask such as ``jets.isTight``, and reports that its shape is
        needed alone: so booleans are read where their shape is needed.
        """
        keys = [key.removesuffix("-data") for key in report.shape_touched if key.endswith("-data")]
        masks = [
            k for k in keys if getattr(state["form_key_to_form"][k], "primitive", "") == "bool"
        ]
        paths = {".".join(state["form_key_to_path"][key]) for key in masks}
        return frozenset(paths | super().necessary_columns(report, state))

    def project_columns(self, columns: frozenset[str]) -> PartitionReader:
        """The reader of fewer fields; ``columns`` are paths, as ``field.member``."""
        needed = {
            name
            for name in self.columns
            if any(path == name or path.startswith(f"{name}.") for path in columns)
        }
        return PartitionReader(self.form, self.columns, frozenset(needed))

    def __call__(self, partition: Partition) -> ak.Array:
        """The entries of a partition.

        Raises:
            DamagedFileError: the file was written anew after the collection was made.
        """
        path, uuid, tree, start, stop = partition
        wanted = {name: branch for name, branch in self.columns.items() if name in self.fields}
        with OpenFiles([path], threads=1) as files:
            reader = files.trees(0)[tree]
            if _uuid(reader) != uuid:
                raise DamagedFileError(f"{path} is another file now; call atlasae.dask again")
            arrays = reader.read(list(dict.fromkeys(wanted.values())), start, stop)
            columns = {name: arrays[branch].layout for name, branch in wanted.items()}
            build = _entries if self.form.is_record else _lists
            with located(reader.where):
                return ak.Array(build(self.form, columns, stop - start), behavior=self.behavior)


def _form(reader: TreeReader, columns: Mapping[str, str], as_collection: bool) -> Any:
    """The form of the entries: of records with a field for each column, or of lists of them."""
    arrays = reader.read(list(dict.fromkeys(columns.values())), 0, 0)
    fields = {name: arrays[branch] for name, branch in columns.items()}
    if as_collection:
        return to_records(to_table(fields)).layout.form
    return ak.forms.RecordForm([array.layout.form for array in fields.values()], list(fields))


def _entries(form: Any, columns: Mapping[str, Any], length: int) -> Any:
    """The layout of records with the fields of a form; those without a column have no values."""
    others = [name for name in form.fields if name not in columns]
    absent = ak.forms.RecordForm([form.content(name) for name in others], others)
    nothing = ak.contents.RecordArray([], [], length)
    contents = {**columns, **_contents(unproject_layout(absent, nothing))}
    return ak.contents.RecordArray(
        [contents[name] for name in form.fields], form.fields, length, parameters=form.parameters
    )


def _lists(form: Any, columns: Mapping[str, Any], length: int) -> Any:
    """The layout of lists of records with the fields of a form.

    Raises:
        InputError: columns have other numbers of elements in an entry.
    """
    if not columns:  # the number of entries is all that is needed
        return _entries(ak.forms.RecordForm([form], ["entries"]), {}, length).content("entries")
    lists = {name: layout.to_ListOffsetArray64(True) for name, layout in columns.items()}
    first = next(iter(lists))
    offsets = lists[first].offsets
    for name, one in lists.items():
        if not np.array_equal(one.offsets.data, offsets.data):
            raise InputError(f"{name!r} and {first!r} have other numbers of elements in an entry")
    contents = {name: one.content[: offsets[-1]] for name, one in lists.items()}
    return ak.contents.ListOffsetArray(offsets, _entries(form.content, contents, int(offsets[-1])))


def _contents(record: Any) -> dict[str, Any]:
    return dict(zip(record.fields, record.contents, strict=True))


def _uuid(reader: TreeReader) -> str:
    """What ROOT tells a file from others by."""
    return str(reader.tree.file.uuid)
