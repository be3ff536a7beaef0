"""Columns of blocks as flat buffers, and the arrays that these make one after another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from atlasae.datashape import parse_datashape
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from atlasae.types import Integers, Values


@dataclass(frozen=True)
class UnpackedColumns:
    """Columns of a block in some of its entries.

    Attributes:
        types: of the entries of each column, by name.
        buffers: of each column, outer levels first; equal ones may be one and the same array.
        length: entries of the block.
        start: the first entry that is meant.
        stop: the entry after the last.
    """

    types: Mapping[str, str]
    buffers: Mapping[str, Sequence[Values]]
    length: int
    start: int
    stop: int

    def cut(self, start: int, stop: int) -> UnpackedColumns:
        """The same columns in other entries of the block."""
        return replace(self, start=start, stop=min(stop, self.length))


def joined(pieces: Sequence[UnpackedColumns]) -> dict[str, ak.Array]:
    """The arrays of columns whose entries follow one another.

    Buffers are joined rather than arrays: an array takes awkward longer to make than a short block to
    be decoded. Lists of the same lengths share their offsets.

    Args:
        pieces: of the same columns; at least one.

    Example:
        >>> counts, numbers = np.array([2, 0]), np.array([1, 2])
        >>> one = UnpackedColumns({"x": "var * int64"}, {"x": [counts, numbers]}, 2, 0, 2)
        >>> joined([one, one.cut(0, 1)])["x"].to_list()
        [[1, 2], [], [1, 2]]
    """
    pieces = [piece for piece in pieces if piece.start < piece.stop] or list(pieces[:1])
    is_run = all(not b.start and a.stop == a.length for a, b in pairwise(pieces))
    if not is_run:
        of_each = [joined([piece]) for piece in pieces]
        return {name: ak.concatenate([one[name] for one in of_each]) for name in pieces[0].types}
    builder = _Builder()
    length = sum(piece.length for piece in pieces)
    first, last = pieces[0].start, length - pieces[-1].length + pieces[-1].stop
    arrays = {}
    for name, datashape in pieces[0].types.items():
        of_pieces = zip(*(piece.buffers[name] for piece in pieces), strict=True)
        layout = builder.layout(parse_datashape(datashape), length, map(builder.joined, of_pieces))
        if (first, last) != (0, length):
            layout = layout[first:last].to_packed()  # its content is that of these entries
        arrays[name] = ak.Array(layout)
    return arrays


class _Builder:
    """Makes layouts of buffers; what equal columns share is made once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], tuple[tuple[Values, ...], Values]] = {}
        self._offsets: dict[int, tuple[Values, Integers]] = {}

    def joined(self, buffers: tuple[Values, ...]) -> Values:
        """Buffers one after another."""
        if len(buffers) == 1:
            return buffers[0]
        key = tuple(map(id, buffers))  # they are kept, so that no other gets the name of one
        if key not in self._known:
            self._known[key] = buffers, np.concatenate(buffers)
        return self._known[key][1]

    def layout(self, entry: Any, length: int, buffers: Iterator[Values]) -> Any:
        """The layout of ``length`` entries of a type, from its buffers in their order."""
        parameters = entry.parameters
        match entry:
            case ak.types.NumpyType():
                return ak.contents.NumpyArray(next(buffers), parameters=parameters)
            case ak.types.ListType():
                offsets = self._offsets_of(next(buffers))
                content = self.layout(entry.content, int(offsets[-1]), buffers)
                index = ak.index.Index64(offsets)
                return ak.contents.ListOffsetArray(index, content, parameters=parameters)
            case ak.types.OptionType():
                valid = next(buffers)
                content = self.layout(entry.content, int(valid.sum()), buffers)
                index = ak.index.Index64(np.where(valid, np.cumsum(valid) - 1, -1))
                return ak.contents.IndexedOptionArray(index, content, parameters=parameters)
            case ak.types.RegularType():
                content = self.layout(entry.content, length * entry.size, buffers)
                return ak.contents.RegularArray(content, entry.size, length, parameters=parameters)
            case ak.types.RecordType():
                contents = [self.layout(content, length, buffers) for content in entry.contents]
                fields = None if entry.is_tuple else entry.fields
                return ak.contents.RecordArray(contents, fields, length, parameters=parameters)
            case _:
                if length:
                    raise DamagedFileError("a list of unknown type is not empty")
                return ak.contents.EmptyArray()

    def _offsets_of(self, counts: Values) -> Integers:
        if id(counts) not in self._offsets:
            offsets = np.zeros(len(counts) + 1, np.int64)
            np.cumsum(counts, out=offsets[1:])
            offsets.flags.writeable = False  # other columns have them too
            self._offsets[id(counts)] = counts, offsets
        return self._offsets[id(counts)][1]
