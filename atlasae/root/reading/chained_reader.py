"""Reads the trees of several files as one tree, entry after entry."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import FileError, InputError, MissingNameError
from atlasae.root.container.restored_tree import open_trees
from atlasae.root.io.branch import Arrays, concatenated
from atlasae.root.io.file import Trees, open_root
from atlasae.root.io.tree import TreeReader
from atlasae.root.known_layouts import PREFERRED_TREE
from atlasae.root.reading.paths import Files, same_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from typing_extensions import Self

    from atlasae.root.io.branch import TreeSchema
    from atlasae.root.io.tree_metadata import TreeMetadata

_MOST_OPEN = 100  # files at a time, fewer than a process may have


class OpenFiles:
    """Files that are opened where they are read; of many, those read last stay open.

    Args:
        paths: of the files.
        threads: that decode blocks; see ``thread_count``.
        options: options of ``uproot.open``.
    """

    def __init__(
        self, paths: Sequence[str], threads: int | None = None, options: Mapping[str, Any] = {}
    ) -> None:
        self.paths = tuple(paths)
        self.threads = threads
        self.options = dict(options)
        self.closed = False
        self._opened: dict[int, Trees] = {}

    @property
    def where(self) -> str:
        """The files, for error messages."""
        others = len(self.paths) - 1
        return self.paths[0] + (f" and {others:,} more" if others else "")

    def trees(self, number: int) -> Trees:
        """The trees of a file.

        Raises:
            FileError: the files were closed; or as ``open_root``.
        """
        if self.closed:
            raise FileError(f"{self.where}: the files are closed")
        trees = self._opened.pop(number, None)
        if trees is None:
            while len(self._opened) >= _MOST_OPEN:
                self._opened.pop(next(iter(self._opened))).file.close()
            file = open_root(self.paths[number], **self.options)
            try:
                trees = open_trees(file, self.threads)
            except BaseException:
                file.close()
                raise
        self._opened[number] = trees  # after those that were used earlier
        return trees

    def close(self) -> None:
        """Close all files; nothing can be read from them any more."""
        self.closed = True
        while self._opened:
            self._opened.popitem()[1].file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def closed_after_errors(files: OpenFiles) -> Iterator[OpenFiles]:
    """Close files at the end of a ``with`` block that an error ends."""
    try:
        yield files
    except BaseException:
        files.close()
        raise


class ChainedReader(TreeReader):
    """Reads the trees of several files as one, compressed or not.

    The branches are those of the first file. Others must have those that are read, with the same
    types, and may have more.

    Args:
        files: that hold the trees.
        paths: of the tree in each file.
    """

    def __init__(self, files: OpenFiles, paths: Sequence[str]) -> None:
        self.files = files
        self.paths = tuple(paths)
        self.path = paths[0]
        self.threads = files.threads
        first = self.reader(0)
        self.kind = first.kind
        self._title, self._metadata = first.title, first.metadata
        entries = [self.reader(number).num_entries for number in range(len(paths))]
        self.edges = np.array([0, *accumulate(entries)], np.int64)

    def reader(self, number: int) -> TreeReader:
        """The tree of one file."""
        return self.files.trees(number)[self.paths[number]]

    @property
    def file_path(self) -> str:
        return self.files.where

    @property
    def num_entries(self) -> int:
        return int(self.edges[-1])

    @property
    def title(self) -> str:
        return self._title

    @property
    def names(self) -> list[str]:
        return list(self.schema.names)

    @cached_property
    def metadata(self) -> TreeMetadata:
        return self._metadata

    def _read_schema(self) -> TreeSchema:
        return self.reader(0).schema

    def _bytes_of(self, names: Sequence[str]) -> float:
        """As if all entries were as large as those of the first file that has any."""
        number = int(np.searchsorted(self.edges, 0, side="right")) - 1
        if number == len(self.paths):
            return 0.0
        own = float(self.edges[number + 1])
        return self.reader(number)._bytes_of(names) * self.num_entries / own  # noqa: SLF001

    def _range_reader(self, names: Sequence[str], end: int) -> Callable[[int, int], Arrays]:
        last: dict[int, Callable[[int, int], Arrays]] = {}  # the reader of the file read last

        def read(start: int, stop: int) -> Arrays:
            nonlocal last
            pieces = []
            first = int(np.searchsorted(self.edges, start, side="right")) - 1
            for number in range(first, int(np.searchsorted(self.edges, stop, side="left"))):
                begin, end_of_file = map(int, self.edges[number : number + 2])
                if begin == end_of_file:
                    continue
                last = {number: last.get(number) or self._part_reader(number, names, end)}
                span = max(start, begin) - begin, min(stop, end_of_file) - begin
                pieces.append(last[number](*span))
            return {name: concatenated([piece[name] for piece in pieces]) for name in names}

        return read

    def _part_reader(
        self, number: int, names: Sequence[str], end: int
    ) -> Callable[[int, int], Arrays]:
        """What reads branches from one of the files."""
        reader = self.reader(number)
        require_alike(reader, self, names)
        begin, stop = map(int, self.edges[number : number + 2])
        return reader.range_reader(names, min(end, stop) - begin)


def require_alike(reader: TreeReader, first: TreeReader, names: Sequence[str]) -> None:
    """Raise an error unless a tree has branches of the first one, with the same types.

    Raises:
        MissingNameError: it lacks one.
        InputError: one has another type.
    """
    for name in names:
        if name not in reader.schema:
            raise MissingNameError.of("branch", name, reader.where, reader.schema.names)
        found, expected = reader.schema[name].type, first.schema[name].type
        if found != expected:
            raise InputError(
                f"{reader.where}: branch {name!r} is {found}, and {expected} in {first.file_path}"
            )


def open_trees_of(files: Files, threads: int | None = None) -> tuple[OpenFiles, list[str]]:
    """Open files, one or several, and find the path of a tree in each.

    Args:
        files: as ``open`` takes them. Where no tree is named, it is ``Events``, else the only one of
            the first file.
        threads: as in ``open``.

    Raises:
        InputError: there are several other trees, and none is named.
        AtlasaeError: as ``open``.
    """
    paths, objects = same_objects(files)
    with closed_after_errors(OpenFiles(paths, threads)) as opened:
        if objects is None:
            objects = [tree_to_open(opened.trees(0), paths[0])] * len(paths)
        return opened, objects


def tree_to_open(trees: Iterable[str], name: str) -> str:
    """The path of the tree where none is named: ``Events``, else the only one.

    Args:
        trees: the paths of those of a file.
        name: of the file.

    Raises:
        InputError: there are several others, or there is none.

    Example:
        >>> tree_to_open(["Runs", "Events"], "small.root")
        'Events'
    """
    paths = list(trees)
    if not paths:
        raise InputError(f"{name}: no TTree or RNTuple in the file")
    if PREFERRED_TREE not in paths and len(paths) != 1:
        raise InputError(
            f"{name}: {len(paths)} trees ({', '.join(paths)}); name one, as in {name}:{paths[0]}"
        )
    return PREFERRED_TREE if PREFERRED_TREE in paths else paths[0]
