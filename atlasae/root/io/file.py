"""Files opened to read, and the trees in them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import uproot

from atlasae.errors import DamagedFileError, FileError, MissingFileError, MissingNameError
from atlasae.optional import missing_for_address
from atlasae.root.io.branch import RNTUPLE, BranchInfo
from atlasae.root.io.errors import first_line, read_errors
from atlasae.root.io.rntuple import RNTupleReader, RNTupleWriter, refused_by_rntuple
from atlasae.root.io.tree import TreeReader, TreeWriter
from atlasae.root.io.ttree import TTreeReader, TTreeWriter, refused_by_ttree

if TYPE_CHECKING:
    from atlasae.types import PathLike

_SOURCES: dict[str, type[TreeReader]] = {"TTree": TTreeReader, "ROOT::RNTuple": RNTupleReader}


def open_root(path: PathLike, **options: Any) -> Any:
    """Open a ROOT file to read; it closes at the end of a ``with``.

    Args:
        path: of the file, or an address that uproot reads from.
        options: of ``uproot.open``.

    Raises:
        MissingFileError: it is not there.
        FileError: it may not be read, or is a directory.
        DamagedFileError: it is not a ROOT file, or is cut short.
        MissingPackageError: reading this kind of address needs a package that is not installed.
    """
    name = os.fspath(path)
    try:
        file = uproot.open(name, **{"custom_classes": _own_classes()} | options)
    except FileNotFoundError as error:
        raise MissingFileError(f"no file {name!r}") from error
    except (IsADirectoryError, PermissionError) as error:
        raise FileError(f"cannot read {name!r}: {error.strerror}") from error
    except ImportError as error:
        raise missing_for_address(name, error) from error
    except Exception as error:  # uproot has no exception of its own for this
        raise DamagedFileError(
            f"{name} cannot be opened as a ROOT file: {first_line(error)}"
        ) from error
    if not isinstance(file, uproot.ReadOnlyDirectory):
        raise FileError(
            f"{name!r} names an object in a file; give the file, and the tree as an option"
        )
    try:
        _check_whole(file)
    except BaseException:
        file.close()
        raise
    return file


def _own_classes() -> dict[str, Any]:
    """Uproot's classes, to be changed by one file alone.

    uproot adds the versions of classes that a file tells of to those of the process, where those of
    a damaged one would be written for ever after.
    """
    return {
        name: type(kind.__name__, (kind,), {"known_versions": dict(kind.known_versions)})
        if issubclass(kind, uproot.model.DispatchByVersion)
        else kind
        for name, kind in uproot.classes.items()
    }


def _check_whole(file: Any) -> None:
    """Raise DamagedFileError where a file is cut short, or its directories cannot be read."""
    with read_errors(f"{file.file_path}: what it holds"):
        size = file.file.source.num_bytes
        file.keys()  # goes through all directories
    if size < file.file.fEND:
        raise DamagedFileError(
            f"{file.file_path} is cut short: it has {size} bytes, and its header says"
            f" {file.file.fEND}"
        )


def tree_reader(tree: Any, path: str) -> TreeReader | None:
    """A TTree or RNTuple of uproot's as one to read; None for any other object."""
    made = _SOURCES.get(tree.classname) if isinstance(tree, uproot.Model) else None
    return made(tree, path) if made else None


class Trees(Mapping[str, TreeReader]):
    """The TTrees and RNTuples of a file by path, each opened when it is first asked for.

    Args:
        file: by uproot.
        hidden: paths that do not count.
    """

    def __init__(self, file: Any, hidden: Iterable[str] = ()) -> None:
        classes = file.classnames(cycle=False)
        self.file = file
        self.hidden = frozenset(hidden)
        self._classes = {
            path: name
            for path, name in classes.items()
            if name in _SOURCES and path not in self.hidden
        }
        self._opened: dict[str, TreeReader] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)

    def __getitem__(self, path: str) -> TreeReader:
        """A tree by its path.

        Raises:
            MissingNameError: there is none of this name; the message names the nearest.
        """
        if path not in self._classes:
            raise MissingNameError.of("tree", path, self.file.file_path, self)
        if path not in self._opened:
            with read_errors(f"{self.file.file_path}: tree {path!r}"):
                self._opened[path] = self._open(path)
        return self._opened[path]

    def _open(self, path: str) -> TreeReader:
        return _SOURCES[self._classes[path]](self.file[path], path)


def older_cycles(file: Any) -> list[str]:
    """Keys of a file, such as ``Events;1``, that a later cycle of the same name has replaced."""
    latest: dict[str, str] = {}
    older = []
    for key in sorted(file.keys(), key=lambda key: int(key.rpartition(";")[2])):
        name = key.rpartition(";")[0]
        if name in latest:
            older.append(latest[name])
        latest[name] = key
    return older


def why_unwritable(branch: BranchInfo, kind: str) -> str:
    """Why a tree of a kind cannot hold a branch; empty where it can."""
    if kind != RNTUPLE:
        return refused_by_ttree(branch)
    return "" if branch.dtype is not None else refused_by_rntuple(branch)


def make_tree(
    out: Any, kind: str, path: str, title: str, branches: Sequence[BranchInfo]
) -> TreeWriter:
    """Make an empty tree of a kind in a file being written."""
    make = RNTupleWriter.make if kind == RNTUPLE else TTreeWriter.make
    return make(out, path, title, branches)
