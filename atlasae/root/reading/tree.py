"""Trees and branches that read like those of uproot, whatever holds their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uproot.behaviors.TBranch import Report

from atlasae.errors import FileError, InputError, MissingNameError, require_choice
from atlasae.root.io.tree import STEP_SIZE, TreeReader, check_step_size
from atlasae.root.reading.expressions import LIBRARIES, NameFilter, Request, name_filter
from atlasae.root.reading.jets import read_collection

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import awkward as ak
    from typing_extensions import Self


class Tree:
    """A tree whose branches read like those of uproot, compressed or not.

    Args:
        source: where its values come from.
    """

    def __init__(self, source: TreeReader) -> None:
        self._source = source

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.object_path!r}, {self.num_entries} entries>"

    @property
    def name(self) -> str:
        return self._source.path.rpartition("/")[2]

    @property
    def object_path(self) -> str:
        return self._source.path

    @property
    def title(self) -> str:
        return self._source.title

    @property
    def num_entries(self) -> int:
        return self._source.num_entries

    @property
    def file(self) -> Any:
        """The file as uproot opened it."""
        return self._source.tree.file

    @property
    def tree(self) -> Tree:
        """The tree itself, as the reports of ``iterate`` name it."""
        return self

    def keys(self, *, filter_name: NameFilter = None) -> list[str]:
        """Names of the branches, or of those that a glob, ``/regex/`` or function lets pass."""
        return list(filter(name_filter(filter_name), self._source.schema.names))

    def __iter__(self) -> Iterator[str]:
        return iter(self._source.schema.names)

    def __len__(self) -> int:
        return len(self._source.schema.names)

    def __contains__(self, name: object) -> bool:
        return name in self._source.schema.names

    def __getitem__(self, name: str) -> Branch:
        """A branch by its name.

        Raises:
            MissingNameError: there is none; the message names the nearest.
        """
        if name not in self:
            raise MissingNameError.of("branch", name, self._source.where, self)
        return Branch(self, name, self._source.schema[name].type)

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
        """Read branches, or expressions of them, as uproot does; only the blocks needed are decoded.

        Args:
            expressions: names, aliases, or Python expressions such as ``Jet_pt/1000``; by default
                all branches that the filter lets pass.
            cut: an expression, such as ``nJet > 1``, that entries have to pass.
            filter_name: glob, ``/regex/i``, function, or several of them.
            aliases: names for expressions.
            entry_start: the first entry, counted from the end where it is negative.
            entry_stop: the entry to stop before.
            library: ``ak`` for awkward records, ``np`` for a dict of numpy arrays, ``pd`` for a
                DataFrame.
            how: ``tuple``, ``list``, ``dict`` or, of awkward arrays, ``"zip"``.
            unsupported: what uproot takes beside; none of it can be used.

        Raises:
            MissingNameError: no such branch; the message names the nearest.
            InputError: an expression, library or option that cannot be used.
            DamagedFileError: the message names the file, the tree and the block.
            FileError: the file is closed.
            MissingPackageError: jagged branches in pandas need awkward-pandas.
        """
        self._check(library, unsupported)
        request = Request(self._source, expressions, cut, filter_name, aliases)
        start, stop = self._source.span(entry_start, entry_stop)
        return request.answer(self._source.read(request.names, start, stop), library, how, start)

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
        """Read some entries at a time, and otherwise like ``arrays``, which says what all means.

        ``step_size`` is a number of entries, or a size such as ``100 MB``; with ``report`` each
        array comes in a pair with where it stood.
        """
        self._check(library, unsupported)
        check_step_size(step_size)
        request = Request(self._source, expressions, cut, filter_name, aliases)
        span = self._source.span(entry_start, entry_stop)
        for start, arrays in self._source.iterate(request.names, step_size, *span):
            stop = start + len(next(iter(arrays.values())))
            answer = request.answer(arrays, library, how, start)
            yield (answer, Report(self, start, stop)) if report else answer

    def collection(
        self,
        name: str,
        *,
        entry_start: int | None = None,
        entry_stop: int | None = None,
        all_features: bool = False,
    ) -> ak.Array:
        """The momenta of a collection; see :func:`atlasae.root.reading.jets.read_collection`."""
        self._check("ak", {})
        return read_collection(
            self._source,
            name,
            entry_start=entry_start,
            entry_stop=entry_stop,
            all_features=all_features,
        )

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self, library: str, unsupported: Mapping[str, Any]) -> None:
        """Raise unless the file is open, and what is asked of it is there."""
        if self.file.closed:
            raise FileError(f"{self._source.where}: the file is closed")
        require_choice("library", library, LIBRARIES)
        if unsupported:
            raise InputError(
                f"{self._source.where}: atlasae reads without {', '.join(unsupported)}"
            )


class Branch:
    """A branch of a tree.

    Attributes:
        tree: that it is in.
        name: of the branch.
        type: of an entry, as awkward writes it: ``float32`` or ``var * float32``.
    """

    def __init__(self, tree: Tree, name: str, type: str) -> None:  # noqa: A002  (as awkward has it)
        self.tree = tree
        self.name = name
        self.type = type

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}, {self.num_entries} * {self.type}>"

    @property
    def num_entries(self) -> int:
        return self.tree.num_entries

    def array(self, **options: Any) -> Any:
        """Its values; options are entry_start, entry_stop and library of ``Tree.arrays``."""
        return self.tree.arrays([self.name], how=list, **options)[0]
