"""Trees and branches that read like those of uproot, compressed or not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from uproot.behaviors.TBranch import Report

from atlasae.errors import FileError, InputError, MissingNameError, require_choice
from atlasae.root.container.restored_tree import open_trees
from atlasae.root.io.file import open_root
from atlasae.root.io.tree import STEP_SIZE, TreeReader, check_step_size
from atlasae.root.io.typenames import interpretation, typename
from atlasae.root.reading.expressions import LIBRARIES, NameFilter, Request, name_filter
from atlasae.root.reading.jets import read_collection
from atlasae.root.reading.named_items import NamedItems
from atlasae.root.reading.paths import absolute_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from typing import TextIO

    import awkward as ak
    from typing_extensions import Self

    from atlasae.root.io.branch import BranchInfo

_COLUMNS = ("name", "typename", "interpretation")


class Tree(NamedItems["Branch"]):
    """A tree whose branches read like those of uproot, compressed or not.

    ``atlasae.open`` gives it. A tree can be pickled and sent to workers: the pickle holds the path
    and the options, and unpickling opens the file again.

    Args:
        reader: reads the values of the branches.

    Example:
        >>> import atlasae, os, tempfile
        >>> jets = atlasae.read_jets(atlasae.sample(), entry_stop=200)
        >>> codec = atlasae.Codec.bounded().fit(jets)
        >>> small = os.path.join(tempfile.mkdtemp(), "small.root")
        >>> _ = atlasae.compress(atlasae.sample(), small, codec=codec)
        >>> with atlasae.open(small) as file:
        ...     tree = file["Events"]
        ...     tree.show(filter_name="*pt")
        ...     tree["nJet"].typename, tree.arrays("nJet", "nJet > 1", entry_stop=4).nJet.tolist()
        name                 | typename                 | interpretation
        ---------------------+--------------------------+-------------------------------
        Jet_pt               | float[]                  | AsJagged(AsDtype('>f4'))
        ('int32_t', [2, 2])
    """

    def __init__(self, reader: TreeReader) -> None:
        self._reader = reader

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.object_path!r}, {self.num_entries} entries>"

    def __reduce__(self) -> tuple[Any, ...]:
        path = absolute_path(self._reader.file_path)
        return _open_tree, (path, self.object_path, self._reader.threads, self.file.options)

    @property
    def name(self) -> str:
        """Name of the tree, without its directory."""
        return self._reader.path.rpartition("/")[2]

    @property
    def object_path(self) -> str:
        """Path of the tree in the file."""
        return self._reader.path

    @property
    def title(self) -> str:
        """Title of the tree; for an RNTuple, its description."""
        return self._reader.title

    @property
    def num_entries(self) -> int:
        """Number of entries."""
        return self._reader.num_entries

    @property
    def file(self) -> Any:
        """The file as uproot opened it."""
        return self._reader.tree.file

    @property
    def tree(self) -> Tree:
        """The tree itself: the reports of ``iterate`` ask for it."""
        return self

    @property
    def branches(self) -> list[Branch]:
        """All branches."""
        return self.values()

    def keys(
        self, *, filter_name: NameFilter = None, filter_typename: NameFilter = None
    ) -> list[str]:
        """Names of the branches that pass the filters.

        Args:
            filter_name: glob, ``/regex/i``, function, or several of them.
            filter_typename: the same, for the C++ type.
        """
        names = filter(name_filter(filter_name), self._reader.schema.names)
        if filter_typename is None:
            return list(names)
        passes = name_filter(filter_typename)
        return [name for name in names if passes(self[name].typename)]

    def typenames(self, **filters: Any) -> dict[str, str]:
        """C++ type of each branch of the original by name; the filters are those of ``keys``."""
        return {name: branch.typename for name, branch in self.iteritems(**filters)}

    def show(
        self,
        *,
        filter_name: NameFilter = None,
        filter_typename: NameFilter = None,
        name_width: int = 20,
        typename_width: int = 24,
        interpretation_width: int = 30,
        stream: TextIO | None = None,
    ) -> None:
        """Print a table of the branches, as uproot does for a TTree.

        Args:
            filter_name: as in ``keys``.
            filter_typename: as in ``keys``.
            name_width: characters in the column of names, at least 3.
            typename_width: characters in the column of C++ types, at least 3.
            interpretation_width: characters in the column of interpretations, at least 3.
            stream: where to print; by default the standard output.

        Raises:
            InputError: a column is too narrow.
        """
        widths = (name_width, typename_width, interpretation_width)
        if min(widths) < 3:
            raise InputError(f"columns are at least 3 characters wide, not {min(widths)}")
        branches = self.itervalues(filter_name=filter_name, filter_typename=filter_typename)
        rows = [
            [title[:width] for title, width in zip(_COLUMNS, widths, strict=True)],
            *((branch.name, branch.typename, repr(branch.interpretation)) for branch in branches),
        ]
        lines = [" | ".join(map(_fitted, row, widths)).rstrip() for row in rows]
        lines.insert(1, "-+-".join("-" * width for width in widths))
        print(*lines, sep="\n", file=stream or sys.stdout)

    def __contains__(self, name: object) -> bool:
        return name in self._reader.schema.names

    def __getitem__(self, name: str) -> Branch:
        """A branch by its name.

        Raises:
            MissingNameError: there is no such branch; the message names the nearest.
        """
        if name not in self:
            raise MissingNameError.of("branch", name, self._reader.where, self)
        schema = self._reader.schema
        return Branch(self, schema[name], self._reader.kind, schema.names)

    def arrays(
        self,
        expressions: str | Iterable[str] | None = None,
        cut: str | None = None,
        *,
        filter_name: NameFilter = None,
        aliases: Mapping[str, str] | None = None,
        entry_start: int | None = None,
        entry_stop: int | None = None,
        library: str = "ak",
        how: Any = None,
        **unsupported: Any,
    ) -> Any:
        """Read branches, or expressions of them, as uproot does.

        Only the blocks with the requested entries are decoded.

        Args:
            expressions: names, aliases, or Python expressions such as ``Jet_pt/1000``; by default
                all branches that pass the filter.
            cut: an expression, such as ``nJet > 1``; entries that fail it are left out.
            filter_name: glob, ``/regex/i``, function, or several of them.
            aliases: expressions by the names that stand for them.
            entry_start: the first entry; a negative one counts from the end.
            entry_stop: the entry after the last.
            library: ``ak`` for awkward records, ``np`` for a dict of numpy arrays, ``pd`` for a
                DataFrame.
            how: ``tuple``, ``list``, ``dict`` or, with awkward, ``"zip"``.
            unsupported: other options of uproot; each raises InputError.

        Raises:
            MissingNameError: there is no such branch; the message names the nearest.
            InputError: an expression, library or option cannot be used.
            DamagedFileError: the message names the file, the tree and the block.
            FileError: the file is closed.
            MissingPackageError: jagged branches in pandas need awkward-pandas.

        Example:
            >>> import atlasae
            >>> with atlasae.open(f"{atlasae.sample()}:Events") as tree:
            ...     tree.arrays(["nJet", "Jet_pt/1000"], "nJet > 2", entry_stop=100).fields
            ['nJet', 'Jet_pt/1000']
        """
        self._check(library, unsupported)
        request = Request(self._reader, expressions, cut, filter_name, aliases)
        start, stop = self._reader.span(entry_start, entry_stop)
        return request.evaluate(self._reader.read(request.names, start, stop), library, how, start)

    def iterate(
        self,
        expressions: str | Iterable[str] | None = None,
        cut: str | None = None,
        *,
        filter_name: NameFilter = None,
        aliases: Mapping[str, str] | None = None,
        entry_start: int | None = None,
        entry_stop: int | None = None,
        step_size: int | str = STEP_SIZE,
        library: str = "ak",
        how: Any = None,
        report: bool = False,
        **unsupported: Any,
    ) -> Iterator[Any]:
        """Read branches in chunks of entries. Other options are those of ``arrays``.

        Args:
            expressions: as in ``arrays``.
            cut: as in ``arrays``.
            filter_name: as in ``arrays``.
            aliases: as in ``arrays``.
            entry_start: as in ``arrays``.
            entry_stop: as in ``arrays``.
            step_size: number of entries per chunk, or its size such as ``100 MB``.
            library: as in ``arrays``.
            how: as in ``arrays``.
            report: give pairs of a chunk and a report of its entries.
            unsupported: as in ``arrays``.

        Raises:
            InputError: as ``arrays``, or the step size cannot be used.
            MissingNameError, DamagedFileError, FileError, MissingPackageError: as ``arrays``.
        """
        self._check(library, unsupported)
        check_step_size(step_size)
        request = Request(self._reader, expressions, cut, filter_name, aliases)
        span = self._reader.span(entry_start, entry_stop)
        for start, branches in self._reader.iterate(request.names, step_size, *span):
            stop = start + len(next(iter(branches.values())))
            chunk = request.evaluate(branches, library, how, start)
            yield (chunk, Report(self, start, stop)) if report else chunk

    def collection(
        self,
        name: str,
        *,
        entry_start: int | None = None,
        entry_stop: int | None = None,
        all_features: bool = False,
    ) -> ak.Array:
        """The momenta of a collection, as awkward records that behave as ``vector`` momenta.

        Args:
            name: name of the collection, ``Jet`` for branches such as ``Jet_pt``, or of a branch of
                objects such as TLorentzVector.
            entry_start: the first entry; a negative one counts from the end.
            entry_stop: the entry after the last.
            all_features: add the other features of the collection; see
                :func:`atlasae.root.reading.jets.read_collection`.

        Raises:
            MissingNameError: there is no such collection; the message names the nearest.
            DamagedFileError: the message names the file, the tree and the block.
            FileError: the file is closed.
        """
        self._check("ak", {})
        return read_collection(
            self._reader,
            name,
            entry_start=entry_start,
            entry_stop=entry_stop,
            all_features=all_features,
        )

    def close(self) -> None:
        """Close the file; its trees can no longer be read."""
        self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self, library: str, unsupported: Mapping[str, Any]) -> None:
        """Check that the file is open and the options are known."""
        if self.file.closed:
            raise FileError(f"{self._reader.where}: the file is closed")
        require_choice("library", library, LIBRARIES)
        if unsupported:
            raise InputError(
                f"{self._reader.where}: atlasae has no option {', '.join(unsupported)}"
            )


class Branch:
    """A branch of a tree.

    It describes the branch of the original file, whatever holds its values now.

    Attributes:
        tree: the tree that the branch belongs to.
        name: name of the branch.
        type: awkward type of an entry: ``float32`` or ``var * float32``.
        typename: C++ type of the original branch: ``float`` or ``float[]``.
        interpretation: how uproot interprets the original branch of a TTree; None for branches of
            objects and for RNTuples.
    """

    def __init__(self, tree: Tree, info: BranchInfo, kind: str, names: Collection[str]) -> None:
        self.tree = tree
        self.name = info.name
        self.type = info.type
        self.typename = typename(info, kind, names)
        self.interpretation = interpretation(info, kind, names)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}, {self.num_entries} * {self.type}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Tree.__getitem__, (self.tree, self.name)

    @property
    def parent(self) -> Tree:
        """The tree: branches are not nested."""
        return self.tree

    @property
    def num_entries(self) -> int:
        """Number of entries of the tree."""
        return self.tree.num_entries

    def array(
        self,
        *,
        entry_start: int | None = None,
        entry_stop: int | None = None,
        library: str = "ak",
        **unsupported: Any,
    ) -> Any:
        """Read the branch; the options are those of ``Tree.arrays``.

        Raises:
            InputError, DamagedFileError, FileError, MissingPackageError: as ``Tree.arrays``.
        """
        (values,) = self.tree.arrays(
            [self.name],
            entry_start=entry_start,
            entry_stop=entry_stop,
            library=library,
            how=list,
            **unsupported,
        )
        return values


def _open_tree(
    file_path: str, object_path: str, threads: int | None, options: Mapping[str, Any]
) -> Tree:
    """Open the tree of a file, as unpickling does."""
    file = open_root(file_path, **options)
    try:
        return Tree(open_trees(file, threads)[object_path])
    except BaseException:
        file.close()
        raise


def _fitted(text: str, width: int) -> str:
    """A text as a column of this width, cut with dots if it is too long."""
    return (text if len(text) <= width else f"{text[: width - 3]}...").ljust(width)
