"""The interface of readers and writers of trees, TTrees and RNTuples."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any

import awkward as ak

from atlasae.errors import InputError
from atlasae.root.io.branch import awkward_type
from atlasae.root.io.errors import read_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from atlasae.root.io.branch import Arrays, TreeSchema

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
    """

    kind: str

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
    @abstractmethod
    def title(self) -> str:
        """Title of a TTree, description of an RNTuple."""

    @cached_property
    def schema(self) -> TreeSchema:
        """Its branches, and what cannot be read or written of them."""
        with read_errors(self.where):
            return self._read_schema()

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
        with read_errors(self.where):
            chunks = self._iterate(names, step_size, start, stop)
        while True:
            with read_errors(self.where):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk

    def read(self, names: Sequence[str], start: int, stop: int) -> Arrays:
        """Read a range of entries of branches in one chunk; the range may be empty."""
        chunks = [arrays for _, arrays in self.iterate(names, max(stop - start, 1), start, stop)]
        if chunks:
            return chunks[0]
        forms = {name: ak.forms.from_type(awkward_type(self.schema[name].type)) for name in names}
        return {name: ak.Array(form.length_zero_array()) for name, form in forms.items()}

    def span(self, start: int | None, stop: int | None) -> tuple[int, int]:
        """First and last + 1 of a range of entries, with the meaning of a Python slice."""
        first, last, _ = slice(start, stop).indices(self.num_entries)
        return first, max(first, last)

    def entries_for(self, step_size: str | int) -> int:
        """Number of entries per chunk."""
        if isinstance(step_size, int):
            return step_size
        return max(int(self.tree.num_entries_for(step_size)), 1)

    @abstractmethod
    def _read_schema(self) -> TreeSchema: ...

    @abstractmethod
    def _iterate(
        self, names: Sequence[str], step_size: str | int, start: int, stop: int | None
    ) -> Iterator[tuple[int, Arrays]]: ...


class TreeWriter(ABC):
    """Writes a TTree or RNTuple, chunk by chunk."""

    @abstractmethod
    def extend(self, arrays: Mapping[str, Any]) -> None:
        """Append entries; arrays that are not branches of the tree are ignored."""


def check_step_size(step_size: str | int) -> None:
    """Raise InputError unless this is a chunk size that uproot accepts."""
    valid = step_size > 0 if isinstance(step_size, int) else _MEMORY_SIZE.fullmatch(step_size)
    if not valid:
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
