"""Files opened to analyse: compressed ones read like the files they were made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import uproot

from atlasae.errors import FileError, InputError, MissingNameError
from atlasae.root.container.restored_tree import CompressedTrees, open_trees
from atlasae.root.io.branch import RNTUPLE, TTREE
from atlasae.root.io.errors import read_errors
from atlasae.root.io.file import Trees, open_root, tree_reader
from atlasae.root.reading.expressions import NameFilter, name_filter
from atlasae.root.reading.jets import read_collection
from atlasae.root.reading.paths import split_object
from atlasae.root.reading.tree import Tree

if TYPE_CHECKING:
    from typing_extensions import Self

    from atlasae.types import PathLike

_CLASSNAMES = {TTREE: "TTree", RNTUPLE: "ROOT::RNTuple"}
_CYCLE = re.compile(r";\d+(?=/|$)")


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
        segments = trees.container.segments if isinstance(trees, CompressedTrees) else {}
        self._kinds = {path: of_tree[0].manifest.kind for path, of_tree in segments.items()}

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
        with read_errors(f"{self.file_path}: {where!r}"):
            try:
                found = self._directory[where]
            except uproot.KeyInFileError as error:
                names = [_CYCLE.sub("", key) for key in error.keys or self]
                raise MissingNameError.of("object", error.key, self.file_path, names) from error
        if isinstance(found, uproot.ReadOnlyDirectory):
            return File(found, self._trees)
        if source := tree_reader(found, path):
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
    ((name, wanted),) = split_object(path)
    opened = open_root(name, **options)
    try:
        file = File(opened, open_trees(opened))
        return file if wanted is None else file[wanted]
    except BaseException:
        opened.close()
        raise
