"""Opens files for analysis: a compressed file reads like its original."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import uproot

from atlasae.errors import FileError, MissingNameError
from atlasae.root.container.restored_tree import CompressedTrees, open_trees
from atlasae.root.io.branch import RNTUPLE, TTREE
from atlasae.root.io.errors import read_errors
from atlasae.root.io.file import Trees, open_root, tree_reader
from atlasae.root.io.mark import require_unmarked
from atlasae.root.reading.chain import chained_files, chained_tree
from atlasae.root.reading.expressions import NameFilter, name_filter
from atlasae.root.reading.jets import read_collection
from atlasae.root.reading.named_items import NamedItems, without_cycles
from atlasae.root.reading.paths import Files, absolute_path, one_file, same_objects
from atlasae.root.reading.tree import Tree
from atlasae.threads import thread_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

#: C++ class of each kind of tree.
CLASSNAMES = {TTREE: "TTree", RNTUPLE: "ROOT::RNTuple"}


class File(NamedItems[Any]):
    """A ROOT file, or a directory in one, that reads like that of uproot.

    A compressed tree is a ``Tree`` with the branches of its original. Any other object is that of
    uproot; TTrees and RNTuples have ``collection`` as one more method. A file can be pickled and
    sent to workers: the pickle holds the path and the options, and unpickling opens it again.

    Args:
        directory: the directory as uproot opened it.
        trees: readers of all trees of the file.

    Example:
        >>> import atlasae
        >>> with atlasae.open(atlasae.sample()) as file:
        ...     file.classnames(), file.get("Runs"), file["Events"].num_entries
        ({'Events;1': 'TTree'}, None, 20000)
    """

    def __init__(self, directory: Any, trees: Trees) -> None:
        self._directory = directory
        self._trees = trees
        segments = trees.container.segments if isinstance(trees, CompressedTrees) else {}
        self._kinds = {path: of_tree[0].manifest.kind for path, of_tree in segments.items()}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.file_path!r}, {self._path('')!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        path = absolute_path(self.file_path)
        return _open_directory, (path, self._path(""), self._trees.threads, self.file.options)

    @property
    def file_path(self) -> str:
        """Path or address of the file."""
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
        """C++ class of each object by its key; for a compressed tree, that of the original.

        Args:
            recursive: list the objects of subdirectories too.
            cycle: end keys with the cycle, as in ``Events;1``.
            filter_name: glob, ``/regex/i``, function, or several of them.
            filter_classname: the same, for the class.

        Raises:
            FileError: the file is closed.
        """
        self._require_open()
        stored = self._directory.classnames(
            recursive=recursive, cycle=cycle, filter_name=filter_name
        )
        passes = name_filter(filter_classname)
        classes = {
            key: CLASSNAMES[kind] if (kind := self._kinds.get(self._path(key))) else name
            for key, name in stored.items()
            if self._path(key) not in self._trees.hidden
        }
        return {key: name for key, name in classes.items() if passes(name)}

    def keys(self, **filters: Any) -> list[str]:
        """Keys such as ``Events;1``; the options are those of ``classnames``."""
        return list(self.classnames(**filters))

    def __contains__(self, where: str) -> bool:
        try:
            self[where]
        except KeyError:
            return False
        return True

    def __getitem__(self, where: str) -> Any:
        """An object by its path, with or without a cycle, or a branch such as ``Events/Jet_pt``.

        Raises:
            MissingNameError: there is no such object; the message names the nearest.
            FileError: the file is closed.
            DamagedFileError: the object cannot be read.
        """
        self._require_open()
        path = self._path(where)
        tree_path = next((t for t in self._trees if f"{path}/".startswith(f"{t}/")), "")
        if tree_path in self._kinds:
            tree = Tree(self._trees[tree_path])
            branch = path.removeprefix(tree_path).removeprefix("/")
            return tree[branch] if branch else tree
        with read_errors(f"{self.file_path}: {where!r}"):
            if tree_path:
                require_unmarked(self._trees.raw(tree_path))
            try:
                item = self._directory[where]
            except uproot.KeyInFileError as error:
                names = [without_cycles(key) for key in error.keys or self]
                raise MissingNameError.of("object", error.key, self.file_path, names) from error
        if isinstance(item, uproot.ReadOnlyDirectory):
            return File(item, self._trees)
        if reader := tree_reader(getattr(item, "tree", item), path):  # the item may be a branch
            with read_errors(f"{self.file_path}: {where!r}"):
                reader.correct()
            if item is reader.tree:
                item.collection = partial(read_collection, reader)
        return item

    def _require_open(self) -> None:
        if self.closed:
            raise FileError(f"{self.file_path} is closed")

    def _path(self, where: str) -> str:
        """The path from the root of the file, without cycles."""
        parts = [*self._directory.path, *without_cycles(where).split("/")]
        return "/".join(filter(None, parts))

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        return bool(self._directory.closed)

    def close(self) -> None:
        """Close the file; its trees can no longer be read."""
        self._directory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_file(files: Files, *, threads: int | None = None, **options: Any) -> Any:
    """Open a ROOT file, or several, compressed or not, and read it as with uproot.

    Args:
        files: path of the file, or an address that uproot reads from. ``file.root:Events``, or
            ``{"file.root": "Events"}``, opens an object in the file. A list, a pattern such as
            ``data/*.root``, or a directory, which stands for the ``.root`` files in it at any
            depth, opens several files, whose trees read as one.
        threads: how many decode blocks at a time, where several are read; by default one for each
            core, fewer where there is little memory.
        options: options of ``uproot.open``.

    Returns:
        A ``File``, or the object named in the path. Objects that atlasae did not compress are those
        of uproot; TTrees and RNTuples have ``collection`` as one more method, and are read as ROOT
        reads them where uproot would give other values, such as those of a Double32_t with a range.
        Of several files, ``ChainedFiles``, or a ``ChainedTree`` where each names its tree.

    Raises:
        MissingFileError: the file does not exist, or no file matches.
        FileError: the file may not be read.
        DamagedFileError: it is not a ROOT file, or it is damaged.
        MissingNameError: the object is not in the file; the message names the nearest.
        InputError: a tree is named for some of the files only, or fewer threads than one.
        MissingPackageError: reading this kind of address needs a package that is not installed.

    Example:
        >>> import atlasae
        >>> with atlasae.open(atlasae.sample()) as file:
        ...     arrays = file["Events"].arrays(["Jet_pt", "nJet"], "nJet > 1", entry_stop=100)
        ...     jets = file["Events"].collection("Jet", entry_stop=100)
        >>> len(jets), jets.mass.ndim
        (100, 2)
    """
    thread_count(threads)  # raises if it is below one
    if (one := one_file(files)) is None:
        paths, objects = same_objects(files)
        if objects is None:
            return chained_files(paths, threads, options)
        return chained_tree(paths, objects, threads, options)
    file_path, object_path = one
    directory = open_root(file_path, **options)
    try:
        file = File(directory, open_trees(directory, threads))
        return file if object_path is None else file[object_path]
    except BaseException:
        directory.close()
        raise


def _open_directory(
    file_path: str, object_path: str, threads: int | None, options: Mapping[str, Any]
) -> Any:
    """Open a file, or a directory in it, as unpickling does."""
    return open_file({file_path: object_path or None}, threads=threads, **options)
