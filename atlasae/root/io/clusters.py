"""Reads ranges of entries of a tree whose data is compressed in longer pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlasae.root.io.branch import Arrays


class ClusterReader:
    """Reads ascending ranges of entries, and decompresses long clusters once.

    Baskets of a TTree and clusters of an RNTuple are decompressed whole, whatever part of them is
    asked for. A file written in one go has a single one: read in n steps, it would be decompressed
    n times. So a cluster with much more than the range is held until a range after it.

    Args:
        names: the branches to read.
        read: reads branches from one entry to below another.
        end_of_cluster: the entry after the cluster of an entry.
        end: the entry after the last that will be asked for.

    Example:
        >>> entries = ak.Array([0, 1, 2, 3, 4, 5])
        >>> def read(names, start, stop):
        ...     print(f"reads {start} to {stop}")
        ...     return {name: entries[start:stop] for name in names}
        >>> reader = ClusterReader(["x"], read, end_of_cluster=lambda entry: 6, end=6)
        >>> [reader.read(start, start + 2)["x"].tolist() for start in (0, 2, 4)]
        reads 0 to 6
        [[0, 1], [2, 3], [4, 5]]
    """

    def __init__(
        self,
        names: Sequence[str],
        read: Callable[[Sequence[str], int, int], Arrays],
        end_of_cluster: Callable[[int], int],
        end: int,
    ) -> None:
        self._names = names
        self._read = read
        self._end_of_cluster = end_of_cluster
        self._end = end
        self._held: Arrays = {}
        self._start = self._stop = 0

    def read(self, start: int, stop: int) -> Arrays:
        """The entries from ``start`` to below ``stop``, at least one."""
        if self._start <= start and stop <= self._stop:
            return self._held_entries(start, stop)
        if self._start <= start < self._stop:
            held = self._held_entries(start, self._stop)
            first = {name: ak.to_packed(array) for name, array in held.items()}
            del held  # with it goes the cluster, before the next one is read
            rest = self.read(self._stop, stop)
            return {name: ak.concatenate([first[name], rest[name]]) for name in first}
        self._held, self._start, self._stop = {}, 0, 0
        end = min(self._end_of_cluster(stop - 1), self._end)
        if end - stop < stop - start:
            return self._read(self._names, start, stop)
        self._held, self._start, self._stop = self._whole(start, end), start, end
        return self._held_entries(start, stop)

    def _whole(self, start: int, stop: int) -> Arrays:
        """Entries to hold: branches are read one at a time, which takes less memory."""
        arrays: Arrays = {}
        known: list[ak.index.Index] = []
        for name in self._names:
            arrays[name] = _sharing_offsets(self._read([name], start, stop)[name], known)
        return arrays

    def _held_entries(self, start: int, stop: int) -> Arrays:
        entries = slice(start - self._start, stop - self._start)
        return {name: array[entries] for name, array in self._held.items()}


def _sharing_offsets(array: ak.Array, known: list[ak.index.Index]) -> ak.Array:
    """A jagged array with the offsets of another that are equal; new ones are added to them.

    The branches of a collection have equal offsets, which take as much memory as their numbers.
    """
    layout = array.layout
    if not isinstance(layout, ak.contents.ListOffsetArray):
        return array
    for offsets in known:
        if offsets[-1] == layout.offsets[-1] and np.array_equal(offsets.data, layout.offsets.data):
            shared = layout.copy(offsets=offsets)
            return ak.Array(shared, behavior=array.behavior, attrs=array.attrs)
    known.append(layout.offsets)
    return array
