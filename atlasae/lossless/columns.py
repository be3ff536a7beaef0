"""Columns of a tree as bytes, every bit kept.

A column is taken apart into flat buffers: the counts of its lists, which of its values are there,
its numbers. Equal buffers, such as the counts of all columns of a collection, stand once. pcodec
codes a buffer alone; the rest, most of them small, go through LZMA with all others of their word
size, which costs no head for each and finds what columns share.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import DamagedFileError, InputError
from atlasae.lossless.streams import (
    BOOL,
    LARGEST,
    WIDTHS,
    BufferReader,
    reduce_buffer,
    write_buffers,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    import awkward as ak

    from atlasae.types import DType, Values


_NUMBERS = {f"{kind}{8 * width}" for kind in ("int", "uint") for width in WIDTHS} | {
    "float32",
    "float64",
}
_COUNT = np.dtype("<u4")


def can_pack(datashape: str) -> bool:
    """Whether entries of this type can be packed: anything but unions, categories and times."""
    try:
        _dtypes(datashape)
    except InputError:
        return False
    return True


def pack(arrays: Mapping[str, ak.Array]) -> bytes:
    """Columns of one length as bytes, without their names and types.

    Raises:
        InputError: a column has a type that cannot be packed, or another length than the others,
            or they are too large for one block.
    """
    if len({len(array) for array in arrays.values()}) > 1:
        raise InputError("the columns of a block have different lengths")
    slots: list[int] = []
    stored: list[tuple[bool, Values]] = []
    places: dict[tuple[bool, int, bytes], int] = {}
    room = LARGEST
    for name, array in arrays.items():
        if not can_pack(str(array.type.content)):
            raise InputError(f"column {name!r} has a type that cannot be packed: {array.type}")
        for values in buffers(array.layout):
            room -= values.nbytes
            if room < 0:
                raise InputError(f"the columns of a block have more than {LARGEST} bytes")
            constant, words = reduce_buffer(values)
            key = constant, words.itemsize, words.tobytes()  # of whatever type the numbers are
            place = places.setdefault(key, len(stored))
            if place == len(stored):
                stored.append((constant, words))
            slots.append(place)
    return write_buffers(slots, stored)


def unpack(
    data: bytes, types: Mapping[str, str], entries: int, wanted: Collection[str] | None = None
) -> dict[str, ak.Array]:
    """The inverse of ``pack``, from bytes nobody vouches for.

    Args:
        data: what ``pack`` made.
        types: of the entries of each column packed, in their order: ``str(array.type.content)``.
        entries: how many each column has.
        wanted: the columns to decode; None for all.

    Raises:
        DamagedFileError: the bytes are no such columns.
    """
    import awkward as ak

    try:
        dtypes = [_dtypes(datashape) for datashape in types.values()]
        reader = BufferReader(data, [dtype for column in dtypes for dtype in column])
        columns, first = {}, 0
        for (name, datashape), column in zip(types.items(), dtypes, strict=True):
            if wanted is None or name in wanted:
                take = reader.column(range(first, first + len(column)))
                columns[name] = ak.Array(_build(_parsed(datashape), entries, take))
            first += len(column)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # awkward and lzma raise what they like, pcodec panics
        raise DamagedFileError(f"packed columns are damaged: {error}") from error
    return columns


def buffers(layout: Any) -> Iterator[Values]:
    """The flat buffers that make a column: of whatever lies outside first, its numbers last."""
    layout = layout.to_packed()
    if layout.is_numpy:
        layout = layout.to_RegularArray()  # which changes those of one dimension not at all
    if layout.is_numpy:
        data = layout.data  # where true may be any byte but zero
        yield data.view(np.uint8) != 0 if data.dtype == BOOL else data
    elif layout.is_option:
        yield layout.mask_as_bool(valid_when=True)
        yield from buffers(layout.project())
    elif layout.is_regular:
        yield from buffers(layout.content)
    elif layout.is_list:
        lists = layout.to_ListOffsetArray64(True)
        yield np.diff(lists.offsets.data).astype(_COUNT)
        yield from buffers(lists.content)
    elif layout.is_union:
        yield layout.tags.data
        for content in layout.contents:
            yield from buffers(content)
    elif layout.is_record:
        for content in layout.contents:
            yield from buffers(content)


@lru_cache(maxsize=1024)
def _parsed(datashape: str) -> Any:
    import awkward as ak

    return ak.types.from_datashape(datashape, highlevel=False)


@lru_cache(maxsize=1024)
def _dtypes(datashape: str) -> tuple[DType, ...]:
    """Of the buffers of a column, in their order."""
    try:
        return tuple(_dtypes_of(_parsed(datashape)))
    except Exception as error:  # the parser's exceptions have no public name
        raise InputError(f"a type that cannot be packed: {datashape}") from error


def _dtypes_of(entry: Any) -> Iterator[DType]:
    import awkward as ak

    if entry.parameter("__categorical__"):
        raise InputError("categories cannot be packed")
    match entry:
        case ak.types.NumpyType(primitive="bool"):
            yield BOOL
        case ak.types.NumpyType() if entry.primitive in _NUMBERS:
            yield np.dtype(entry.primitive).newbyteorder("<")
        case ak.types.ListType():
            yield _COUNT
            yield from _dtypes_of(entry.content)
        case ak.types.OptionType():
            yield BOOL
            yield from _dtypes_of(entry.content)
        case ak.types.RegularType():
            yield from _dtypes_of(entry.content)
        case ak.types.RecordType() if entry.contents:  # else it reads as a tuple, named or not
            for content in entry.contents:
                yield from _dtypes_of(content)
        case ak.types.UnknownType():  # of lists that are all empty
            pass
        case _:
            raise InputError(f"{entry} cannot be packed")


def _build(entry: Any, length: int, take: Callable[[int], Values]) -> Any:
    """The layout of so many entries, from the buffers that ``take`` gives one after another."""
    import awkward as ak

    parameters = entry.parameters
    match entry:
        case ak.types.NumpyType():
            return ak.contents.NumpyArray(take(length), parameters=parameters)
        case ak.types.ListType():
            offsets = np.zeros(length + 1, np.int64)
            np.cumsum(take(length), out=offsets[1:])
            content = _build(entry.content, int(offsets[-1]), take)
            index = ak.index.Index64(offsets)
            return ak.contents.ListOffsetArray(index, content, parameters=parameters)
        case ak.types.OptionType():
            there = take(length)
            content = _build(entry.content, int(there.sum()), take)
            index = ak.index.Index64(np.where(there, np.cumsum(there) - 1, -1))
            return ak.contents.IndexedOptionArray(index, content, parameters=parameters)
        case ak.types.RegularType():
            content = _build(entry.content, length * entry.size, take)
            return ak.contents.RegularArray(content, entry.size, length, parameters=parameters)
        case ak.types.RecordType():
            contents = [_build(content, length, take) for content in entry.contents]
            fields = None if entry.is_tuple else entry.fields
            return ak.contents.RecordArray(contents, fields, length, parameters=parameters)
        case _:
            if length:
                raise DamagedFileError("a list of unknown type has members")
            return ak.contents.EmptyArray()
