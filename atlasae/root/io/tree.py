"""Trees to read and trees to write, of whichever kind."""

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
    """A TTree or RNTuple being read.

    Attributes:
        kind: ``ttree`` or ``rntuple``.
        path: of it in its file.
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
        """What errors call it."""
        return f"{self.file_path}: tree {self.path!r}"

    @property
    def num_entries(self) -> int:
        return int(self.tree.num_entries)

    @property
    @abstractmethod
    def title(self) -> str:
        """Its title or description."""

    @cached_property
    def schema(self) -> TreeSchema:
        """Its branches."""
        with read_errors(self.where):
            return self._read_schema()

    def iterate(
        self,
        names: Sequence[str],
        step_size: str | int = STEP_SIZE,
        start: int = 0,
        stop: int | None = None,
    ) -> Iterator[tuple[int, Arrays]]:
        """Read branches in chunks; gives the first entry of each chunk and its arrays by name."""
        if not names:
            return
        with read_errors(self.where):
            steps = self._iterate(names, step_size, start, stop)
        while True:
            with read_errors(self.where):
                step = next(steps, None)
            if step is None:
                return
            yield step

    def read(self, names: Sequence[str], start: int, stop: int) -> Arrays:
        """Read some entries of branches at once; arrays of no entries where there are none."""
        chunks = [arrays for _, arrays in self.iterate(names, max(stop - start, 1), start, stop)]
        if chunks:
            return chunks[0]
        forms = {name: ak.forms.from_type(awkward_type(self.schema[name].type)) for name in names}
        return {name: ak.Array(form.length_zero_array()) for name, form in forms.items()}

    def span(self, start: int | None, stop: int | None) -> tuple[int, int]:
        """The entries that are meant, as by a slice of Python."""
        first, last, _ = slice(start, stop).indices(self.num_entries)
        return first, max(first, last)

    @abstractmethod
    def entries_for(self, step_size: str | int) -> int:
        """How many entries make a chunk."""

    @abstractmethod
    def _read_schema(self) -> TreeSchema: ...

    @abstractmethod
    def _iterate(
        self, names: Sequence[str], step_size: str | int, start: int, stop: int | None
    ) -> Iterator[tuple[int, Arrays]]: ...


class TreeWriter(ABC):
    """A TTree or RNTuple being written, chunk by chunk."""

    @abstractmethod
    def extend(self, arrays: Mapping[str, Any]) -> None:
        """Append entries; ``arrays`` may hold more than the branches."""


def check_step_size(step_size: str | int) -> None:
    """Raise InputError unless uproot takes this as the size of a chunk."""
    good = step_size > 0 if isinstance(step_size, int) else _MEMORY_SIZE.fullmatch(step_size)
    if not good:
        raise InputError(
            f"step size {step_size!r} is neither a number of entries nor a size such as '50 MB'"
        )


def memory_size(step_size: str) -> float:
    """The bytes that a size such as ``100 MB`` stands for."""
    match = _MEMORY_SIZE.fullmatch(step_size)
    assert match is not None  # see check_step_size
    base = 1024.0 if match["binary"] else 1000.0
    return float(match["number"]) * base ** " kmgt".index(match["power"].lower() or " ")
