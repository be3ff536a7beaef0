"""Reads trees of several files as one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import uproot

from atlasae.errors import InputError, require_choice
from atlasae.root.io.file import tree_reader
from atlasae.root.io.tree import STEP_SIZE
from atlasae.root.reading.chained_reader import tree_to_open
from atlasae.root.reading.expressions import LIBRARIES
from atlasae.root.reading.file import CLASSNAMES, open_file
from atlasae.root.reading.paths import Files, expand_files
from atlasae.root.reading.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def iterate(
    files: Files,
    expressions: str | Iterable[str] | None = None,
    cut: str | None = None,
    *,
    step_size: int | str = STEP_SIZE,
    library: str = "ak",
    report: bool = False,
    threads: int | None = None,
    **options: Any,
) -> Iterator[Any]:
    """Read trees of several files, compressed or not, in chunks of entries.

    Args:
        files: ``"a*.root:Events"``, ``{"a*.root": "Events"}``, or a list of them; a directory stands
            for the ``.root`` files in it. Where no tree is named it is ``Events``, or the only one.
        expressions: names, or expressions of them; by default all branches.
        cut: an expression, such as ``nJet > 1``; entries that fail it are left out.
        step_size: number of entries per chunk, or its size such as ``100 MB``.
        library: ``ak``, ``np`` or ``pd``.
        report: give pairs of a chunk and a report of its entries.
        threads: as in ``open``.
        options: options of ``Tree.iterate``.

    Raises:
        MissingFileError: no file matches.
        InputError: a file has several trees, and none is named.
        AtlasaeError: any that ``open`` and ``Tree.iterate`` raise.

    Example:
        >>> import atlasae
        >>> files = f"{atlasae.sample()}:Events"
        >>> for chunk in atlasae.iterate(files, "Jet_pt", "nJet > 1", step_size=10_000):
        ...     print(len(chunk))
        7010
        7074
    """
    require_choice("library", library, LIBRARIES)
    offset = 0
    for name, path in expand_files(files):
        with _open_tree(name, path, threads) as tree:
            for chunk, entries in tree.iterate(
                expressions, cut, step_size=step_size, library=library, report=True, **options
            ):
                arrays = LIBRARIES[library].global_index(chunk, offset)
                yield (arrays, entries.to_global(offset)) if report else arrays
            offset += tree.num_entries


def concatenate(
    files: Files,
    expressions: str | Iterable[str] | None = None,
    cut: str | None = None,
    *,
    entry_start: int | None = None,
    entry_stop: int | None = None,
    library: str = "ak",
    threads: int | None = None,
    **options: Any,
) -> Any:
    """Read trees of several files, compressed or not, as one array.

    Args:
        files: as in ``iterate``.
        expressions: names, or expressions of them; by default all branches.
        cut: an expression, such as ``nJet > 1``; entries that fail it are left out.
        entry_start: the first entry of all files together; a negative one counts from the end.
        entry_stop: the entry after the last.
        library: ``ak``, ``np`` or ``pd``.
        threads: as in ``open``.
        options: options of ``Tree.arrays``.

    Raises:
        MissingFileError: no file matches.
        InputError: a file has several trees, and none is named.
        AtlasaeError: any that ``open`` and ``Tree.arrays`` raise.

    Example:
        >>> import atlasae
        >>> files = [f"{atlasae.sample()}:Events"]
        >>> len(atlasae.concatenate(files, ["Jet_pt", "Jet_eta"], entry_stop=100))
        100
    """
    require_choice("library", library, LIBRARIES)
    named = expand_files(files)
    entries = sys.maxsize
    if min(entry_start or 0, entry_stop or 0) < 0:  # counted from the end of the last file
        entries = sum(_entries(name, path) for name, path in named)
    start, stop, _ = slice(entry_start, entry_stop).indices(entries)
    offset = 0
    pieces: list[Any] = []
    for name, path in named:
        if offset >= stop and pieces:
            break
        with _open_tree(name, path, threads) as tree:
            first, last = (min(max(edge - offset, 0), tree.num_entries) for edge in (start, stop))
            if first < last or ((name, path) == named[-1] and not pieces):  # one empty array
                arrays = tree.arrays(
                    expressions, cut, entry_start=first, entry_stop=last, library=library, **options
                )
                pieces.append(LIBRARIES[library].global_index(arrays, offset))
            offset += tree.num_entries
    return LIBRARIES[library].concatenate(pieces)


def _entries(name: str, path: str | None) -> int:
    """Number of entries of a tree of a file."""
    with _open_tree(name, path, None) as tree:
        return int(tree.num_entries)


def _open_tree(name: str, path: str | None, threads: int | None) -> Any:
    """Open a tree of a file; without a path, ``Events`` or the only one."""
    file = open_file({name: path}, threads=threads)
    if path is not None:
        tree = file
    else:
        trees = file.keys(cycle=False, filter_classname=list(CLASSNAMES.values()))
        try:
            path = tree_to_open(trees, name)
        except InputError:
            file.close()
            raise
        tree = file[path]
    # uproot evaluates no expressions on an RNTuple, and ignores a cut without a warning
    if isinstance(tree, uproot.behaviors.RNTuple.HasFields) and (reader := tree_reader(tree, path)):
        return Tree(reader)
    return tree
