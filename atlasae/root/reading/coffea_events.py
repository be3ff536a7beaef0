"""NanoEvents of coffea over files: columns are read, and decoded, when an analysis uses them."""

from __future__ import annotations

import inspect
import logging
import weakref
from typing import TYPE_CHECKING, Any

import awkward as ak

from atlasae.datashape import parse_datashape
from atlasae.errors import InputError, MissingPackageError
from atlasae.optional import needs_extra
from atlasae.root.io.typenames import typename
from atlasae.root.reading.chained_reader import ChainedReader, closed_after_errors, open_trees_of
from atlasae.text import printable

with needs_extra("coffea", "atlasae.nanoevents"):
    import coffea
    from coffea.nanoevents import BaseSchema, NanoAODSchema, NanoEventsFactory
    from coffea.nanoevents.mapping import UprootSourceMapping
    from coffea.nanoevents.util import quote, tuple_to_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlasae.root.reading.paths import Files

_logger = logging.getLogger(__name__)

_KINDS = {"IndexedOptionArray", "ListOffsetArray", "NumpyArray", "RecordArray", "RegularArray"}
# what is used of coffea, beside the names that are imported
_USED: dict[Any, set[str]] = {
    NanoEventsFactory: {"schema", "mapping", "partition_key", "mode"},
    UprootSourceMapping: {"fileopener", "start", "stop", "cache", "access_log", "virtual"},
    UprootSourceMapping.extract_column: {"columnhandle", "start", "stop", "allow_missing"},
    UprootSourceMapping.get_column_handle: {"columnsource", "name", "allow_missing"},
}


def nanoevents(
    files: Files,
    *,
    schemaclass: Any = NanoAODSchema,
    entry_start: int | None = None,
    entry_stop: int | None = None,
    metadata: Mapping[str, Any] | None = None,
    access_log: list[Any] | None = None,
    threads: int | None = None,
) -> Any:
    """The events of files, compressed or not, as NanoEvents of coffea.

    A column is read when it is used: ``events.Jet.pt`` takes the numbers of jets and their pt.

    Args:
        files: as ``open`` takes them: one or several, whose entries follow one another. Where no tree
            is named, it is ``Events``, else the only one of the first file; that of PHYSLITE is named
            as ``file.root:CollectionTree``.
        schemaclass: a schema of coffea, such as ``NanoAODSchema`` or ``PHYSLITESchema``.
        entry_start: the first entry; a negative one counts from the end.
        entry_stop: the entry after the last.
        metadata: to find in ``events.metadata``.
        access_log: a list that takes what is read, as in coffea.
        threads: as in ``open``.

    Returns:
        NanoEvents, as ``NanoEventsFactory.from_root(...).events()`` gives them. The files are closed
        when nothing needs them any more.

    Raises:
        MissingFileError, FileError, DamagedFileError: a file is missing or cannot be read.
        MissingNameError: there is no such tree.
        InputError: the schema is none, or no tree is named and there are several.
        MissingPackageError: coffea is not installed, or is a version with another interface.

    Example:
        >>> import atlasae
        >>> from coffea.nanoevents import BaseSchema
        >>> events = atlasae.nanoevents(atlasae.sample(), schemaclass=BaseSchema, entry_stop=100)
        >>> len(events), events.Jet_pt.ndim
        (100, 2)
    """
    _require_known_coffea()
    opened, trees = open_trees_of(files, threads)
    with closed_after_errors(opened):
        reader = ChainedReader(opened, trees)
        schema = schemaclass(_base_form(reader, metadata)) if callable(schemaclass) else None
        if not isinstance(schema, BaseSchema):
            raise InputError(f"schemaclass={schemaclass!r} is no schema, such as NanoAODSchema")
        start, stop = reader.span(entry_start, entry_stop)
        source = opened.where, f"/{reader.path}"
        mapping = Columns(reader, source, start, stop, access_log)
    key = tuple_to_key((*source, f"{start}-{stop}"))
    return NanoEventsFactory(schema, mapping, key, mode="virtual").events()


class Columns(UprootSourceMapping):  # type: ignore[misc]  # has no types
    """The columns of a tree, read when coffea asks for them; the last one is remembered.

    Args:
        reader: of the tree.
        source: what the file and the tree are called in keys.
        start: the first entry.
        stop: the entry after the last.
        access_log: takes what is read.
    """

    def __init__(
        self,
        reader: ChainedReader,
        source: tuple[str, str],
        start: int,
        stop: int,
        access_log: list[Any] | None,
    ) -> None:
        super().__init__(None, start, stop, cache={}, access_log=access_log, virtual=True)
        self.preload_column_source(*source, reader)
        self._last: tuple[str, Any] = ("", None)
        weakref.finalize(self, reader.files.close)

    def get_column_handle(
        self, columnsource: ChainedReader, name: str, allow_missing: bool
    ) -> tuple[ChainedReader, str]:
        del allow_missing  # a schema knows the branches there are
        return columnsource, name

    def extract_column(
        self,
        columnhandle: tuple[ChainedReader, str],
        start: int,
        stop: int,
        allow_missing: bool,
        **_: Any,
    ) -> Any:
        del allow_missing
        reader, name = columnhandle
        last, array = self._last  # another thread may read another column meanwhile
        if last != name:
            array = ak.Array(_as_typed(reader.read([name], start, stop)[name].layout))
            self._last = name, array
        return array


def _require_known_coffea() -> None:
    """Raise MissingPackageError unless coffea has what is used of it."""
    for function, used in _USED.items():
        if not used <= inspect.signature(function).parameters.keys():
            raise MissingPackageError(
                f"atlasae.nanoevents works with coffea 2026.9, not with {coffea.__version__}, where"
                f" {function.__qualname__} is another; pip install 'coffea==2026.9.*', or give arrays"
                " to NanoEventsFactory.from_preloaded"
            )


def _base_form(reader: ChainedReader, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """The form of the entries as schemas take it, with what to read for each buffer."""
    forms = {}
    for branch in reader.schema.branches:
        form = ak.forms.from_type(parse_datashape(branch.type)).to_dict()
        if why := _why_unknown(branch.name, form):
            _logger.warning("%s: not in NanoEvents: %s", printable(branch.name), why)
            continue
        described = {
            "__doc__": reader.metadata.titles.get(branch.name, branch.name),
            "typename": typename(branch, reader.kind, reader.schema.names),
        }
        forms[branch.name] = _keyed(form, f"{branch.name},!load", described)
    return {
        "class": "RecordArray",
        "fields": list(forms),
        "contents": list(forms.values()),
        "parameters": {"__doc__": reader.title, "metadata": dict(metadata or {})},
        "form_key": None,
    }


def _why_unknown(name: str, form: Mapping[str, Any]) -> str:
    """Why coffea has no way to a branch, or to what is in it; empty if it has."""
    if {",", "!"} & set(name):
        return f"the name {name!r} has a comma or an exclamation mark"
    if form["class"] not in _KINDS:
        return f"it holds a {form['class'].removesuffix('Array').lower()}"
    if form["class"] == "RecordArray" and form["fields"] is None:
        return "it holds a tuple"
    inside = [(name, form["content"])] if "content" in form else []
    inside += zip(form.get("fields") or (), form.get("contents", ()), strict=True)
    return next(filter(None, (_why_unknown(*one) for one in inside)), "")


def _keyed(form: Mapping[str, Any], key: str, described: Mapping[str, str]) -> dict[str, Any]:
    """A form whose keys say how coffea finds its buffers: load the branch, then go into it."""
    kind = form["class"]
    is_list = kind == "ListOffsetArray"
    own = {} if is_list else described
    keyed = {**form, "parameters": {**form["parameters"], **own}}  # schemas change it in place
    if kind == "RecordArray":
        members = zip(form["fields"], form["contents"], strict=True)
        keyed["contents"] = [_keyed(one, f"{key},{name},!item", {}) for name, one in members]
    elif kind != "NumpyArray":
        keyed["content"] = _keyed(form["content"], f"{key},!content", described)
    if is_list or kind == "NumpyArray":  # coffea adds !offsets
        keyed["form_key"] = quote(key)
    elif kind == "IndexedOptionArray":
        keyed["form_key"] = quote(f"{key},!index")
    return keyed


def _as_typed(layout: Any) -> Any:
    """A layout in the form that ``ak.forms.from_type`` gives for its type."""
    if layout.is_numpy:
        return layout.to_RegularArray()
    if layout.is_record:
        contents = [_as_typed(content[: layout.length]) for content in layout.contents]
        return layout.copy(contents=contents)
    if layout.is_regular or layout.is_option or layout.is_list:
        if layout.is_option:
            layout = layout.to_IndexedOptionArray64()
        elif layout.is_list and not layout.is_regular:
            layout = layout.to_ListOffsetArray64(True)
        return layout.copy(content=_as_typed(layout.content))
    return layout
