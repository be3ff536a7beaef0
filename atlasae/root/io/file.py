"""Opens ROOT files for reading, and finds the trees in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import uproot

from atlasae.errors import (
    AtlasaeError,
    DamagedFileError,
    FileError,
    MissingFileError,
    MissingNameError,
)
from atlasae.optional import missing_for_address
from atlasae.root.io.addresses import AddressSource, require_ranges
from atlasae.root.io.branch import RNTUPLE, BranchInfo
from atlasae.root.io.classes import private_classes
from atlasae.root.io.element_counts import bound_element_counts
from atlasae.root.io.errors import cause_of, first_line, read_errors
from atlasae.root.io.mark import require_unmarked
from atlasae.root.io.rntuple import RNTupleReader, RNTupleWriter, refused_by_rntuple
from atlasae.root.io.tree import TreeReader, TreeWriter
from atlasae.root.io.tree_metadata import TreeMetadata
from atlasae.root.io.ttree import TTreeReader, TTreeWriter, refused_by_ttree
from atlasae.source_files import (
    ROOT,
    beginning,
    local_status,
    path_name,
    require_kind,
    require_ordinary_file,
)

if TYPE_CHECKING:
    from atlasae.types import PathLike

_LARGE_FILE = (1_000_000).to_bytes(4, "big")  # versions from here on have addresses of 64 bits
_READERS: dict[str, type[TreeReader]] = {
    "TTree": TTreeReader,
    "TNtuple": TTreeReader,
    "TNtupleD": TTreeReader,
    "ROOT::RNTuple": RNTupleReader,
}


def open_root(path: PathLike, **options: Any) -> Any:
    """Open a ROOT file for reading; it closes at the end of a ``with`` block.

    Args:
        path: path of the file, or an address that uproot reads from.
        options: options of ``uproot.open``.

    Raises:
        MissingFileError: the file does not exist.
        FileError: the file may not be read, is a directory or not an ordinary file.
        DamagedFileError: it is empty, truncated, or not a ROOT file.
        MissingPackageError: reading this kind of address needs a package that is not installed.
    """
    name = path_name(path)
    bound_element_counts()
    require_ordinary_file(name)
    require_kind(name, ROOT)
    _require_whole(name)
    defaults: dict[str, Any] = {"custom_classes": private_classes()}
    if "://" in name and not name.startswith("file://"):
        defaults["handler"] = AddressSource
    try:
        require_ranges(name)
        file = uproot.open(name, **defaults | options)
    except AtlasaeError:
        raise
    except FileNotFoundError as error:
        raise MissingFileError(f"no file {name!r}") from error
    except PermissionError as error:
        raise FileError(f"cannot read {name!r}: {error.strerror}") from error
    except ImportError as error:
        raise missing_for_address(name, error) from error
    except Exception as error:  # uproot has no exception type for this
        raise _not_opened(name, error) from error
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


def _not_opened(name: str, error: Exception) -> FileError:
    """What to say of a file that uproot could not open."""
    if "://" in name and isinstance(error, OSError | ValueError):
        return FileError(f"cannot read {name!r}: {first_line(error)}")
    head = beginning(name, 8)
    if head and not head.startswith(ROOT.starts):
        return DamagedFileError(f"{name!r} is not a ROOT file: it begins with {head!r}")
    return DamagedFileError(f"{name} cannot be opened as a ROOT file: {first_line(error)}")


def _require_whole(name: str) -> None:
    """Raise DamagedFileError if a local ROOT file is shorter than its header says."""
    head, status = beginning(name, 20), local_status(name)
    if status and head.startswith(ROOT.starts):
        large = head[4:8] >= _LARGE_FILE
        end = int.from_bytes(head[12 : 20 if large else 16], "big")
        if status.st_size < end or len(head) < 20:
            raise _truncated(name, status.st_size, end)


def _truncated(name: str, size: int, end: int) -> DamagedFileError:
    return DamagedFileError(
        f"{name} is truncated: it has {size} bytes, its header says {end}; copy it again"
    )


def _check_whole(file: Any) -> None:
    """Raise DamagedFileError if a file is truncated, or its directories cannot be read."""
    with read_errors(f"{file.file_path}: its directories"):
        size = file.file.source.num_bytes
        file.keys()  # reads all directories
    if size < file.file.fEND:
        raise _truncated(file.file_path, size, file.file.fEND)


def tree_reader(tree: Any, path: str) -> TreeReader | None:
    """The reader of a TTree or RNTuple that uproot opened; None for any other object."""
    reader = _READERS.get(tree.classname) if isinstance(tree, uproot.Model) else None
    return reader(tree, path) if reader else None


class Trees(Mapping[str, TreeReader]):
    """Readers of the TTrees and RNTuples of a file, by path; each is opened at its first use.

    Args:
        file: the file as uproot opened it.
        hidden: paths to leave out.

    Attributes:
        threads: that decode blocks, where there are any; see ``thread_count``.

    Example:
        >>> import atlasae
        >>> with open_root(atlasae.sample()) as file:
        ...     list(Trees(file))
        ['Events']
    """

    threads: int | None = None

    def __init__(self, file: Any, hidden: Iterable[str] = ()) -> None:
        classes = file.classnames(cycle=False)
        self.file = file
        self.hidden = frozenset(hidden)
        self._classes = {
            path: name
            for path, name in classes.items()
            if name in _READERS and path not in self.hidden
        }
        self._opened: dict[str, TreeReader] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)

    def __getitem__(self, path: str) -> TreeReader:
        """A tree by its path.

        Raises:
            MissingNameError: there is no such tree; the message names the nearest.
            DamagedFileError: it cannot be read, or it was compressed and nothing says how.
        """
        if path not in self._classes:
            raise MissingNameError.of("tree", path, self.file.file_path, self)
        if path not in self._opened:
            with read_errors(f"{self.file.file_path}: tree {path!r}"):
                self._opened[path] = self._open(path)
        return self._opened[path]

    def leave_out_unreadable(self, paths: Iterable[str]) -> dict[str, str]:
        """Leave out those of these trees that cannot be read; gives the reasons by path."""
        left_out = {path: why for path in paths if (why := self._why_unreadable(path))}
        self._classes = {p: name for p, name in self._classes.items() if p not in left_out}
        return left_out

    def _why_unreadable(self, path: str) -> str:
        try:
            self[path].schema  # noqa: B018  read at its first use
        except DamagedFileError as error:
            return f"cannot be read: {first_line(cause_of(error))}"
        return ""

    def raw(self, path: str) -> TreeReader:
        """A tree as it is stored in the file, whether it was compressed or not."""
        return _READERS[self._classes[path]](self.file[path], path)

    def _open(self, path: str) -> TreeReader:
        tree = self.raw(path)
        require_unmarked(tree)
        return tree


def title_of(file: Any) -> str:
    """The title of a file, which stands in its first key."""
    inner = file.file
    with read_errors(f"{file.file_path}: its title"):
        chunk = inner.chunk(inner.fBEGIN, inner.fBEGIN + inner.fNbytesName)
        cursor = uproot.source.cursor.Cursor(inner.fBEGIN)
        key = uproot.reading.ReadOnlyKey(chunk, cursor, {}, inner, None, read_strings=True)
    return str(key.fTitle)


def older_cycles(file: Any) -> list[str]:
    """Keys of a file, such as ``Events;1``, for which a later cycle of the same name exists."""
    latest: dict[str, str] = {}
    older = []
    for key in sorted(file.keys(), key=lambda key: int(key.rpartition(";")[2])):
        name = key.rpartition(";")[0]
        if name in latest:
            older.append(latest[name])
        latest[name] = key
    return older


def why_unwritable(branch: BranchInfo, kind: str) -> str:
    """Why a branch cannot be written into a ``ttree`` or ``rntuple``; empty if it can."""
    if kind != RNTUPLE:
        return refused_by_ttree(branch)
    return "" if branch.dtype is not None else refused_by_rntuple(branch)


def make_tree(
    out: Any,
    kind: str,
    path: str,
    title: str,
    branches: Sequence[BranchInfo],
    metadata: TreeMetadata | None = None,
) -> TreeWriter:
    """Create an empty ``ttree`` or ``rntuple`` in a file being written."""
    writer = RNTupleWriter if kind == RNTUPLE else TTreeWriter
    return writer.make(out, path, title, branches, metadata or TreeMetadata())
