"""What ``atlasae.open`` gives of several files: trees that read as one, entry after entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlasae.errors import MissingNameError
from atlasae.root.reading.chained_reader import ChainedReader, OpenFiles, closed_after_errors
from atlasae.root.reading.expressions import NameFilter, name_filter
from atlasae.root.reading.named_items import NamedItems, without_cycles
from atlasae.root.reading.paths import absolute_path
from atlasae.root.reading.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typing_extensions import Self


class ChainedTree(Tree):
    """A tree of several files that reads as one; ``atlasae.open`` of several files gives it.

    It is a ``Tree``, whose branches are those of the first file.

    Args:
        reader: reads the trees as one.

    Example:
        >>> import atlasae, os, shutil, tempfile
        >>> data = tempfile.mkdtemp()
        >>> copies = [shutil.copy(atlasae.sample(), os.path.join(data, n)) for n in ("a.root", "b.root")]
        >>> with atlasae.open({f"{data}/*.root": "Events"}) as tree:
        ...     print(tree)
        ...     len(tree.collection("Jet", entry_start=19_990, entry_stop=20_010))
        <ChainedTree 'Events' of 2 files, 40000 entries>
        20
    """

    _reader: ChainedReader

    def __repr__(self) -> str:
        files = f"{len(self._reader.paths):,} file" + "s" * (len(self._reader.paths) > 1)
        name = f"<{type(self).__name__} {self.object_path!r} of {files}"
        return f"{name}, {self.num_entries} entries>"

    def __reduce__(self) -> tuple[Any, ...]:
        files = self._reader.files
        paths = tuple(map(absolute_path, files.paths))
        return chained_tree, (paths, self._reader.paths, files.threads, files.options)

    @property
    def file(self) -> Any:
        """The files, which are closed together."""
        return self._reader.files


class ChainedFiles(NamedItems[Any]):
    """Several files whose trees read as one each; ``atlasae.open`` of several files gives it.

    It holds the trees of the first file. Other objects are read from one file at a time.

    Args:
        files: the files.

    Example:
        >>> import atlasae
        >>> with atlasae.open([atlasae.sample()]) as files:
        ...     files.keys(), files["Events"].num_entries
        (['Events'], 20000)
    """

    def __init__(self, files: OpenFiles) -> None:
        self.file = files
        self._names = list(files.trees(0))
        self._opened: dict[str, ChainedTree] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.file.where!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        paths = tuple(map(absolute_path, self.file.paths))
        return chained_files, (paths, self.file.threads, self.file.options)

    def keys(self, *, filter_name: NameFilter = None) -> list[str]:
        """Paths of the trees.

        Args:
            filter_name: glob, ``/regex/i``, function, or several of them.
        """
        return list(filter(name_filter(filter_name), self._names))

    def __contains__(self, where: object) -> bool:
        return where in self._names

    def __getitem__(self, where: str) -> Any:
        """A tree by its path, or a branch such as ``Events/Jet_pt``.

        Raises:
            MissingNameError: there is no such tree; the message names the nearest.
            FileError: a file cannot be opened, or the files are closed.
        """
        path = without_cycles(where).strip("/")
        tree_path = next((t for t in self._names if f"{path}/".startswith(f"{t}/")), "")
        if not tree_path:
            raise MissingNameError.of("tree", where, self.file.where, self._names)
        if tree_path not in self._opened:
            reader = ChainedReader(self.file, [tree_path] * len(self.file.paths))
            self._opened[tree_path] = ChainedTree(reader)
        tree = self._opened[tree_path]
        branch = path.removeprefix(tree_path).removeprefix("/")
        return tree[branch] if branch else tree

    @property
    def closed(self) -> bool:
        """Whether the files are closed."""
        return self.file.closed

    def close(self) -> None:
        """Close the files; their trees can no longer be read."""
        self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def chained_files(
    paths: Sequence[str], threads: int | None, options: Mapping[str, Any]
) -> ChainedFiles:
    """Open several files, whose trees read as one each."""
    with closed_after_errors(OpenFiles(paths, threads, options)) as files:
        return ChainedFiles(files)


def chained_tree(
    paths: Sequence[str],
    tree_paths: Sequence[str],
    threads: int | None,
    options: Mapping[str, Any],
) -> ChainedTree:
    """Open a tree in each of several files, which read as one."""
    with closed_after_errors(OpenFiles(paths, threads, options)) as files:
        return ChainedTree(ChainedReader(files, tree_paths))
