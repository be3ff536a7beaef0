"""Files opened to analyse: compressed ones read like the files they were made of."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from glob import glob
from typing import TYPE_CHECKING, Any

import fsspec
import uproot

from atlasae.errors import FileError, InputError, MissingFileError, MissingNameError, choose
from atlasae.root.branches import RNTUPLE, TTREE
from atlasae.root.expressions import LIBRARIES, NameFilter, name_filter
from atlasae.root.jets import read_collection
from atlasae.root.opening import Trees, open_root, source_of
from atlasae.root.restored import CompressedTrees, trees_of
from atlasae.root.source import STEP_SIZE, reading
from atlasae.root.view import Tree

if TYPE_CHECKING:
    from typing_extensions import Self

PathLike = str | os.PathLike[str]
Files = PathLike | Mapping[str, str | None] | Iterable[Any]
_CLASSNAMES = {TTREE: "TTree", RNTUPLE: "ROOT::RNTuple"}
_WITH_OBJECT = re.compile(
    r"(?P<file>.+\.root(\.\d+)?):(?P<object>[^:]*)(?P<rest>::.*)?", re.IGNORECASE
)
_CYCLE = re.compile(r";\d+(?=/|$)")
_GLOB = re.compile(r"[*?\[]")


class File:
    """A ROOT file, or a directory in one, that reads like uproot's.

    Trees that atlasae compressed give what they were made of; anything else is uproot's own, trees
    with a method ``collection`` beside.

    Args:
        directory: of uproot.
        trees: of the whole file.
    """

    def __init__(self, directory: Any, trees: Trees) -> None:
        self._directory = directory
        self._trees = trees
        runs = trees.container.runs if isinstance(trees, CompressedTrees) else {}
        self._kinds = {path: of_tree[0].manifest.kind for path, of_tree in runs.items()}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.file_path!r}, {'/'.join(self._directory.path)!r}>"

    @property
    def file_path(self) -> str:
        return str(self._directory.file_path)

    @property
    def file(self) -> Any:
        """The file as uproot opened it."""
        return self._directory.file

    def classnames(
        self,
        *,
        recursive: bool = True,
        cycle: bool = True,
        filter_name: NameFilter = None,
        filter_classname: NameFilter = None,
    ) -> dict[str, str]:
        """C++ class of each object by its key; of a compressed tree that of the original."""
        found = self._directory.classnames(
            recursive=recursive, cycle=cycle, filter_name=filter_name
        )
        passes = name_filter(filter_classname)
        classes = {
            key: _CLASSNAMES[kind] if (kind := self._kinds.get(self._path(key))) else name
            for key, name in found.items()
            if self._path(key) not in self._trees.hidden
        }
        return {key: name for key, name in classes.items() if passes(name)}

    def keys(self, **options: Any) -> list[str]:
        """Keys such as ``Events;1``; options are those of ``classnames``."""
        return list(self.classnames(**options))

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __contains__(self, where: str) -> bool:
        try:
            self[where]
        except KeyError:
            return False
        return True

    def __getitem__(self, where: str) -> Any:
        """An object by its path, with a cycle or without, or a branch such as ``Events/Jet_pt``.

        Raises:
            MissingNameError: there is none; the message names the nearest.
            FileError: the file is closed.
            DamagedFileError: it cannot be read.
        """
        if self.closed:
            raise FileError(f"{self.file_path} is closed")
        path = self._path(where)
        for tree in self._kinds:
            if path == tree:
                return Tree(self._trees[tree])
            if path.startswith(f"{tree}/"):
                return Tree(self._trees[tree])[path.removeprefix(f"{tree}/")]
        with reading(f"{self.file_path}: {where!r}"):
            try:
                found = self._directory[where]
            except uproot.KeyInFileError as error:
                names = [_CYCLE.sub("", key) for key in error.keys or self]
                raise MissingNameError.of("object", error.key, self.file_path, names) from error
        if isinstance(found, uproot.ReadOnlyDirectory):
            return File(found, self._trees)
        if source := source_of(found, path):
            found.collection = partial(read_collection, source)
        return found

    def _path(self, where: str) -> str:
        """The path from the root of the file, without cycles."""
        parts = [*self._directory.path, *_CYCLE.sub("", where).split("/")]
        return "/".join(filter(None, parts))

    @property
    def closed(self) -> bool:
        return bool(self._directory.closed)

    def close(self) -> None:
        """Close the file; its trees can no longer be read."""
        self._directory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_file(path: PathLike | Mapping[str, str | None], **options: Any) -> Any:
    """Open a ROOT file, compressed or not, to read it as uproot does.

        with atlasae.open("small.root") as file:
            file["Events"].arrays(["Jet_pt", "MET_pt"], "nJet > 1")
            file["Events"].collection("Jet")  # vector's momenta

    Args:
        path: of the file or an address that uproot reads from; with ``:Events`` behind, or as
            ``{path: "Events"}``, what is given is that object.
        options: of ``uproot.open``.

    Returns:
        A ``File``. What atlasae did not compress is uproot's own, trees with a method
        ``collection`` beside.

    Raises:
        MissingFileError, FileError, DamagedFileError: it is missing or not readable.
        MissingNameError: there is no such object in it; the message names the nearest.
    """
    if isinstance(path, Mapping) and len(path) != 1:
        raise InputError(f"one file is opened at a time, not {len(path)}")
    ((name, wanted),) = _split(path)
    opened = open_root(name, **options)
    try:
        file = File(opened, trees_of(opened))
        return file if wanted is None else file[wanted]
    except BaseException:
        opened.close()
        raise


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
        Others as ``open`` and ``Tree.iterate`` do.
    """
    choose("library", library, LIBRARIES)
    before = 0
    for name, path in _expanded(files):
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
        Others as ``open`` and ``Tree.arrays`` do.
    """
    choose("library", library, LIBRARIES)
    with ExitStack() as stack:
        trees = [stack.enter_context(_tree(name, path)) for name, path in _expanded(files)]
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
    if isinstance(found, uproot.behaviors.RNTuple.HasFields) and (source := source_of(found, path)):
        return Tree(source)
    return found


def _expanded(files: Files) -> list[tuple[str, str | None]]:
    """The files that are meant, and the tree in each."""
    found = [(match, wanted) for name, wanted in _split(files) for match in _matching(name)]
    if not found:
        raise MissingFileError(f"no file matches {files!r}")
    return list(dict.fromkeys(found))


def _split(files: Files) -> Iterator[tuple[str, str | None]]:
    """Files, or patterns of them, and what is wanted in each."""
    if isinstance(files, Mapping):
        yield from ((os.fspath(name), wanted) for name, wanted in files.items())
    elif isinstance(files, str) and (match := _WITH_OBJECT.fullmatch(files)):
        yield match["file"] + (match["rest"] or ""), match["object"].strip("/ ") or None
    elif isinstance(files, (str, os.PathLike)):
        yield os.fspath(files), None
    else:
        for one in files:
            yield from _split(one)


def _matching(pattern: str) -> list[str]:
    """Paths or addresses that match a glob; the pattern itself where it is none."""
    if "://" in pattern:  # where ? and [ need be no glob
        return [f.full_name for f in fsspec.open_files(pattern)] if "*" in pattern else [pattern]
    if not _GLOB.search(pattern):
        return [pattern]
    return sorted(glob(os.path.expanduser(pattern)))  # noqa: PTH111, PTH207  (as it was given)
