"""Trees of a file reduced to a sample of their entries, to see what compression would do."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.root.io.branch import concatenated
from atlasae.root.io.file import Trees
from atlasae.root.io.tree import TreeReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlasae.root.io.branch import Arrays, TreeSchema
    from atlasae.root.io.tree_metadata import TreeMetadata

_WINDOWS = 4  # of neighboring entries, spread over a tree: more would read more of its baskets


class SampledTrees(Trees):
    """Readers of the trees of a file that give a sample of the entries.

    Args:
        file: the file as uproot opened it.
        sample: how much of each tree: a number of entries, or a size such as ``2 MB``.

    Example:
        >>> import atlasae
        >>> from atlasae.root.io.file import open_root
        >>> with open_root(atlasae.sample()) as file:
        ...     tree = SampledTrees(file, 1000)["Events"]
        ...     tree.num_entries, tree.represented_entries
        (1000, 20000)
    """

    def __init__(self, file: Any, sample: str | int) -> None:
        super().__init__(file)
        self._sample = sample

    def _open(self, path: str) -> TreeReader:
        return _SampledTree(super()._open(path), self._sample)


class _SampledTree(TreeReader):
    """Windows of the entries of a tree, one after another."""

    def __init__(self, whole: TreeReader, sample: str | int) -> None:
        super().__init__(whole.tree, whole.path)
        self.kind = whole.kind
        self._whole = whole
        self._sample = sample

    @property
    def title(self) -> str:
        return self._whole.title

    @property
    def names(self) -> list[str]:
        return self._whole.names

    @cached_property
    def metadata(self) -> TreeMetadata:
        return self._whole.metadata

    def not_carried(self) -> list[str]:
        return self._whole.not_carried()

    @property
    def num_entries(self) -> int:
        return sum(stop - start for start, stop in self._windows)

    @property
    def represented_entries(self) -> int:
        return self._whole.num_entries

    @cached_property
    def _windows(self) -> list[tuple[int, int]]:
        """First and last + 1 of the entries of each window."""
        total = self._whole.num_entries
        wanted = self._whole.entries_for(self._sample, self.schema.names)
        length = -(-wanted // _WINDOWS)
        if _WINDOWS * length >= total:
            return [(0, total)]
        starts = np.linspace(0, total - length, _WINDOWS).astype(int).tolist()
        return [(start, start + length) for start in starts]

    def _read_schema(self) -> TreeSchema:
        return self._whole.schema

    def _bytes_of(self, names: Sequence[str]) -> float:
        share = self.num_entries / max(self._whole.num_entries, 1)
        return self._whole._bytes_of(names) * share  # noqa: SLF001  (of the same family)

    def _range_reader(
        self,
        names: Sequence[str],
        end: int,  # noqa: ARG002  (the last window is small)
    ) -> Callable[[int, int], Arrays]:
        edges = np.cumsum([0, *(stop - start for start, stop in self._windows)]).tolist()
        read_whole = self._whole.range_reader(names, self._windows[-1][1])

        def read(start: int, stop: int) -> Arrays:
            pieces = [
                read_whole(first + max(start - edge, 0), first + min(stop - edge, last - first))
                for edge, (first, last) in zip(edges, self._windows, strict=False)
                if start < edge + last - first and stop > edge
            ]
            return {name: concatenated([piece[name] for piece in pieces]) for name in names}

        return read
