"""Several files as one."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import uproot

from atlasae.errors import InputError, require_choice
from atlasae.root.io.file import tree_reader
from atlasae.root.io.tree import STEP_SIZE
from atlasae.root.reading.expressions import LIBRARIES
from atlasae.root.reading.file import _CLASSNAMES, open_file
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
    **options: Any,
) -> Iterator[Any]:
    """Read trees of several files, compressed or not, some entries at a time.

    Args:
        files: ``"a*.root:Events"``, ``{"a*.root": "Events"}`` or a list of such; the tree need not
            be named where a file has only one.
        expressions: names, or expressions of them; by default all branches.
        cut: an expression that entries have to pass.
        step_size: number of entries, or a size such as ``100 MB``.
        library: ``ak``, ``np`` or ``pd``.
        report: whether to give pairs, of arrays and of where they stood.
        options: of ``Tree.iterate``.

    Raises:
        MissingFileError: no file matches.
        AtlasaeError: any that ``open`` and ``Tree.iterate`` raise.
    """
    require_choice("library", library, LIBRARIES)
    before = 0
    for name, path in expand_files(files):
        with _tree(name, path) as tree:
            for chunk, where in tree.iterate(
                expressions, cut, step_size=step_size, library=library, report=True, **options
            ):
                arrays = LIBRARIES[library].global_index(chunk, before)
                yield (arrays, where.to_global(before)) if report else arrays
            before += tree.num_entries


def concatenate(
    files: Files,
    expressions: str | Iterable[str] | None = None,
    cut: str | None = None,
    *,
    entry_start: int | None = None,
    entry_stop: int | None = None,
    library: str = "ak",
    **options: Any,
) -> Any:
    """Read trees of several files, compressed or not, as one array.

    Args:
        files: as in ``iterate``.
        expressions: names, or expressions of them; by default all branches.
        cut: an expression that entries have to pass.
        entry_start: the first entry of all, counted from the end where it is negative.
        entry_stop: the entry to stop before.
        library: ``ak``, ``np`` or ``pd``.
        options: of ``Tree.arrays``.

    Raises:
        MissingFileError: no file matches.
        AtlasaeError: any that ``open`` and ``Tree.arrays`` raise.
    """
    require_choice("library", library, LIBRARIES)
    with ExitStack() as stack:
        trees = [stack.enter_context(_tree(name, path)) for name, path in expand_files(files)]
        entries = sum(tree.num_entries for tree in trees)
        start, stop, _ = slice(entry_start, entry_stop).indices(entries)
        before = 0
        pieces: list[Any] = []
        for tree in trees:
            first, last = (min(max(edge - before, 0), tree.num_entries) for edge in (start, stop))
            if first < last or (tree is trees[-1] and not pieces):  # of none an array of none
                arrays = tree.arrays(
                    expressions, cut, entry_start=first, entry_stop=last, library=library, **options
                )
                pieces.append(LIBRARIES[library].global_index(arrays, before))
            before += tree.num_entries
        return LIBRARIES[library].concatenate(pieces)


def _tree(name: str, path: str | None) -> Any:
    """The tree of a file that is meant."""
    file = open_file({name: path})
    if path is not None:
        found = file
    else:
        trees = file.keys(cycle=False, filter_classname=list(_CLASSNAMES.values()))
        if len(trees) != 1:
            file.close()
            raise InputError(
                f"{name}: {len(trees)} trees ({', '.join(trees)}); name one, as in {name}:Events"
            )
        path, found = trees[0], file[trees[0]]
    # uproot evaluates no expressions on an RNTuple, and passes over a cut without a word
    if isinstance(found, uproot.behaviors.RNTuple.HasFields) and (
        source := tree_reader(found, path)
    ):
        return Tree(source)
    return found
