"""The interface of readers and writers of trees, TTrees and RNTuples."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from atlasae.datashape import parse_datashape
from atlasae.errors import InputError
from atlasae.root.io.errors import read_errors
from atlasae.root.io.tree_metadata import TreeMetadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from atlasae.root.io.branch import Arrays, TreeSchema
    from atlasae.types import Integers

STEP_SIZE = "100 MB"
_MEMORY_SIZE = re.compile(
    r"\s*(?P<number>(?=[\d.]*[1-9])\d+(\.\d+)?)\s*(?P<power>[kMGTkmgt]?)(?P<binary>i?)[Bb]\s*"
)


class TreeReader(ABC):
    """Reads a TTree or RNTuple.

    Attributes:
        kind: ``ttree`` or ``rntuple``.
        tree: the tree as uproot opened it.
        path: its path in the file.
        threads: that decode blocks, where there are any; see ``thread_count``.
    """

    kind: str
    threads: int | None = None

    def __init__(self, tree: Any, path: str) -> None:
        self.tree = tree
        self.path = path

    @property
    def file_path(self) -> str:
        """Path of the file."""
        return str(self.tree.file.file_path)

    @property
    def where(self) -> str:
        """The file and the tree, for error messages."""
        return f"{self.file_path}: tree {self.path!r}"

    @property
    def num_entries(self) -> int:
        """Number of entries."""
        return int(self.tree.num_entries)

    @property
    def represented_entries(self) -> int:
        """Number of entries that it stands for: more than its own, if it is a sample."""
        return self.num_entries

    @property
    def block_ends(self) -> Integers:
        """The entries where blocks end, in ascending order; none where there are no blocks."""
        return np.empty(0, np.int64)

    @property
    @abstractmethod
    def title(self) -> str:
        """Title of a TTree, description of an RNTuple."""

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """Names of the branches or fields, whether they can be read or not."""

    @cached_property
    def metadata(self) -> TreeMetadata:
        """Its titles, aliases and weight."""
        return TreeMetadata()

    @property
    def holders(self) -> set[str]:
        """Names of the branches that hold others, and stand in the tree as long as one of these."""
        return set()

    def correct(self) -> None:  # noqa: B027  (most are right)
        """Let uproot read the values of ROOT from the tree, where it would read others."""

    def written_names(self, names: Sequence[str]) -> dict[str, str]:
        """Names that branches have in a tree of this kind, if atlasae wrote all of them."""
        return {name: name for name in names}

    def not_carried(self) -> list[str]:
        """What it has that no tree written by uproot has."""
        return []

    @cached_property
    def schema(self) -> TreeSchema:
        """Its branches, and what cannot be read or written of them."""
        with read_errors(self.where):
            return self._read_schema()

    def leave_out(self, reasons: Mapping[str, str]) -> None:
        """Treat branches as ones that cannot be read, for the reasons given by name."""
        self.schema = self.schema.without(reasons)

    def iterate(
        self,
        names: Sequence[str],
        step_size: str | int = STEP_SIZE,
        start: int = 0,
        stop: int | None = None,
    ) -> Iterator[tuple[int, Arrays]]:
        """Read branches in chunks: pairs of the first entry, and arrays by branch name."""
        if not names:
            return
        step = self.entries_for(step_size, names)
        stop = self.num_entries if stop is None else min(stop, self.num_entries)
        firsts = range(start, stop, step)
        yield from self.ranges(names, [(first, min(first + step, stop)) for first in firsts])

    def ranges(
        self, names: Sequence[str], ranges: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[int, Arrays]]:
        """Read ascending ranges of entries: pairs of the first entry, and arrays by branch name."""
        read = self.range_reader(names, ranges[-1][1] if ranges else 0)
        for start, stop in ranges:
            yield start, read(start, stop)  # in no name that would outlive the chunk

    def read(self, names: Sequence[str], start: int, stop: int) -> Arrays:
        """Read a range of entries of branches in one chunk; the range may be empty."""
        return self.range_reader(names, stop)(start, stop)

    def range_reader(self, names: Sequence[str], end: int) -> Callable[[int, int], Arrays]:
        """What reads branches from one entry to below another, in ascending order up to ``end``."""
        with read_errors(self.where):
            read_some = self._range_reader(names, end) if names else None

        def read(start: int, stop: int) -> Arrays:
            if read_some is None or start == stop:
                return self._no_entries(names)
            with read_errors(self.where):
                return read_some(start, stop)

        return read

    def _no_entries(self, names: Sequence[str]) -> Arrays:
        forms = {
            name: ak.forms.from_type(parse_datashape(self.schema[name].type)) for name in names
        }
        return {name: ak.Array(form.length_zero_array()) for name, form in forms.items()}

    def span(self, start: int | None, stop: int | None) -> tuple[int, int]:
        """First and last + 1 of a range of entries, with the meaning of a Python slice."""
        first, last, _ = slice(start, stop).indices(self.num_entries)
        return first, max(first, last)

    def entries_for(self, step_size: str | int, names: Sequence[str]) -> int:
        """Number of entries per chunk of these branches."""
        if isinstance(step_size, int):
            return step_size
        with read_errors(self.where):
            return max(self._entries_in(step_size, names), 1)

    @abstractmethod
    def _read_schema(self) -> TreeSchema: ...

    def _entries_in(self, memory: str, names: Sequence[str]) -> int:
        """Number of entries of these branches that take about this much memory, ``100 MB``."""
        size = self._bytes_of(names)
        return int(memory_size(memory) * self.num_entries / size) if size else self.num_entries

    @abstractmethod
    def _bytes_of(self, names: Sequence[str]) -> float:
        """Size of these branches in memory, about."""

    @abstractmethod
    def _range_reader(self, names: Sequence[str], end: int) -> Callable[[int, int], Arrays]:
        """``range_reader`` for at least one branch and ranges of at least one entry."""


class TreeWriter(ABC):
    """Writes a TTree or RNTuple, chunk by chunk."""

    @abstractmethod
    def extend(self, arrays: Mapping[str, Any]) -> None:
        """Append entries; arrays that are not branches of the tree are ignored."""

    @abstractmethod
    def finish(self) -> None:
        """Complete the tree, which is in the file from then on."""


def check_step_size(step_size: str | int) -> None:
    """Raise InputError unless this is a chunk size that uproot accepts."""
    is_size = isinstance(step_size, str) and _MEMORY_SIZE.fullmatch(step_size)
    if not (is_size or (isinstance(step_size, int) and step_size > 0)):
        raise InputError(
            f"step size {step_size!r} is neither a number of entries nor a size such as '50 MB'"
        )


def memory_size(step_size: str) -> float:
    """Number of bytes of a size such as ``100 MB``.

    Example:
        >>> memory_size("100 MB"), memory_size("2 kiB")
        (100000000.0, 2048.0)
    """
    match = _MEMORY_SIZE.fullmatch(step_size)
    assert match is not None  # check_step_size has raised otherwise
    base = 1024.0 if match["binary"] else 1000.0
    return float(match["number"]) * base ** " kmgt".index(match["power"].lower() or " ")
