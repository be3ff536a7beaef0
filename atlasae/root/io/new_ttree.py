"""TTrees being written by uproot, whose descriptions are written once, at the end, and compressed.

uproot writes the description of a TTree, its branches and the places of its baskets, before the
first basket, uncompressed, and again where it grows. In a file of many branches it takes more bytes
than what they hold. ROOT writes it once, compressed, when the tree is complete.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import uproot
from uproot.writing._cascade import RawStreamerInfo
from uproot.writing._cascadetree import Tree

from atlasae.datashape import parse_datashape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from atlasae.root.io.tree_metadata import TreeMetadata

_BASKETS, _GROWTH = 10, 10.0  # as uproot's
_CLUSTER_BYTES = 30_000_000  # of values, as the AutoFlush of ROOT
_MODELS = [
    uproot.classes[name].known_versions[version]
    for name, version in (
        *((f"TLeaf{letter}", 1) for letter in "BSILFDCO"), ("TBranch", 13), ("TTree", 20),
    )
]  # fmt: skip
_TOBJECT = [b"\0\1", b"\0\0\0\0", b"\3\0\0\0"]  # version, identity, bits
_NO_MORE = bytes(28)  # no aliases, index, friends, user info, references: the end of a TTree


class NewTTree:
    """An empty TTree in a file being written, which holds it when ``finish`` was called.

    Args:
        out: the file.
        path: of the tree.
        types: of the branches: types of numpy, or names of types of awkward.
        title: of the tree.
        counter_name: gives the name of the counter of a jagged branch.

    Example:
        >>> import io, numpy as np, uproot
        >>> with uproot.recreate(io.BytesIO()) as out:
        ...     tree = NewTTree(out, "more/Events", {"x": np.dtype("f4")})
        ...     tree.extend({"x": np.ones(3, "f4")})
        ...     tree.finish()
        ...     out.keys(cycle=False)
        ['more', 'more/Events']
    """

    def __init__(
        self,
        out: Any,
        path: str,
        types: Mapping[str, Any],
        title: str = "",
        counter_name: Callable[[str], str] = "n{}".format,
    ) -> None:
        folder, _, name = path.rpartition("/")
        directory = out.mkdir(folder) if folder else out
        self._file = directory.file
        place = directory._cascading  # noqa: SLF001  (uproot offers no other way)
        self._tree = _LateTree(
            place,
            name,
            title,
            # uproot would build a parser for each type that it gets as text
            {n: parse_datashape(t) if isinstance(t, str) else t for n, t in types.items()},
            place.freesegments,
            counter_name,
            "{}_{}".format,
            _BASKETS,
            _GROWTH,
        )
        streamers = [RawStreamerInfo(*raw) for model in _MODELS for raw in model.class_rawstreamers]
        known = self._file._cascading.streamers  # noqa: SLF001
        known.update_streamers(self._file.sink, streamers)

    def extend(self, arrays: Mapping[str, Any]) -> None:
        """Append entries, in a basket for each branch and cluster.

        ROOT's clusters are of about as many bytes; LZMA takes longer for larger baskets.
        """
        entries = min(map(len, arrays.values()), default=0)
        size = sum(each.nbytes for each in arrays.values())
        number = max(min(-(-size // _CLUSTER_BYTES), entries), 1)
        for i in range(number):
            cluster = slice(entries * i // number, entries * (i + 1) // number)
            part = {name: each[cluster] for name, each in arrays.items()} if number > 1 else arrays
            self._tree.extend(self._file, self._file.sink, part)

    def compress_branch(
        self, name: str, compression: uproot.compression.Compression | None
    ) -> None:
        """Compress the baskets of a branch in another way than the file; None to leave them."""
        self._tree.branch(name)["compression"] = compression

    def describe(self, metadata: TreeMetadata) -> None:
        """Give the tree aliases and a weight, its branches titles and ways of compression."""
        self._tree.aliases = metadata.aliases
        self._tree._metadata["fWeight"] = metadata.weight  # noqa: SLF001
        for name in self._tree.names & metadata.titles.keys():
            self._tree.branch(name)["fTitle"] = metadata.titles[name]
        for name in self._tree.names & metadata.compression.keys():
            with suppress(ValueError):  # uproot does not know these settings
                code = metadata.compression[name]
                self.compress_branch(name, uproot.compression.Compression.from_code(code))

    def finish(self) -> None:
        """Write the description of the tree; it cannot be extended any more."""
        self._tree.finish(self._file.sink)


class _LateTree(Tree):  # type: ignore[misc]  # uproot has no types
    """What uproot writes TTrees with, but nothing of the description before it is complete."""

    aliases: Mapping[str, str] = MappingProxyType({})

    @property
    def names(self) -> set[str]:
        """Names of the branches, counters among them."""
        return {data["fName"] for data in self._branch_data if data["kind"] != "record"}

    def write_anew(self, sink: Any) -> None:
        """Nothing yet."""

    def write_updates(self, sink: Any) -> None:
        """Nothing yet."""

    def _relocate(self, file: Any, sink: Any) -> None:
        """There is nothing to move yet."""

    def branch(self, name: str) -> dict[str, Any]:
        """What uproot writes of a branch."""
        found: dict[str, Any] = self._branch_data[self._branch_lookup[name]]
        return found

    def _build_out(self) -> list[bytes]:
        header, *members, end = super()._build_out()
        if not self.aliases:
            return [header, *members, end]
        assert end == _NO_MORE
        return _versioned([*members, *_named_list(self.aliases), end[4:]], 20)

    def finish(self, sink: Any) -> None:
        """Write the description."""
        description = _Description(b"".join(self._build_out()))
        self._key = _START
        super().write_updates(description)  # what is known after the last basket only
        self._key = self._directory.add_object(
            sink,
            "TTree",
            self._name,
            self._title,
            uproot.compression.compress(bytes(description.data), uproot.LZMA(9)),
            len(description.data),
            big=True,  # as _build_out counts
        )


class _Start:
    """Where a description starts, in place of a key of a file."""

    seek_location = num_bytes = 0


_START = _Start()


class _Description:
    """The bytes of a description, in place of a file."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)

    def write(self, location: int, data: bytes) -> None:
        self.data[location : location + len(data)] = data

    def flush(self) -> None:
        pass


def _named_list(named: Mapping[str, str]) -> list[bytes]:
    """A TList of a TNamed for each name and title, as a pointer to an object of its class."""
    items = []
    for name, title in named.items():
        item = [*_TOBJECT, uproot.serialization.string(name), uproot.serialization.string(title)]
        items += [*_pointer("TNamed", _versioned(item, 1)), b"\0"]  # no option
    members = [*_TOBJECT, uproot.serialization.string(""), struct.pack(">i", len(named)), *items]
    return _pointer("TList", _versioned(members, 5))


def _versioned(members: list[bytes], version: int) -> list[bytes]:
    return [uproot.serialization.numbytes_version(sum(map(len, members)), version), *members]


def _pointer(classname: str, members: list[bytes]) -> list[bytes]:
    body = [classname.encode() + b"\0", *members]
    size = sum(map(len, body)) + 4  # and the tag
    return [
        struct.pack(">II", size | uproot.const.kByteCountMask, uproot.const.kNewClassTag),
        *body,
    ]
