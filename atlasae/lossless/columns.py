"""Lossless packing of the columns of a tree into bytes.

A column is split into flat buffers: the counts of its lists, the mask of its missing values, its
numbers. Equal buffers, such as the counts of all columns of a collection, are stored once. Large
buffers are compressed one by one with pcodec. The others, most of them small, are compressed with
LZMA together with all buffers of their word size: that needs no header for each, and exploits what
columns have in common.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.datashape import parse_datashape
from atlasae.errors import CannotPackError, DamagedFileError, InputError
from atlasae.lossless.streams import (
    BOOL,
    WIDTHS,
    BufferReader,
    largest_unpacked,
    reduce_buffer,
    unpacked_size,
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
    """Whether entries of this type can be packed: all but unions, categories and times.

    Args:
        datashape: ``str(array.type.content)`` of a column.

    Example:
        >>> can_pack("var * float32"), can_pack("union[int32, bool]")
        (True, False)
    """
    try:
        _dtypes(datashape)
    except InputError:
        return False
    return True


def pack(arrays: Mapping[str, ak.Array]) -> bytes:
    """Pack columns of the same length into bytes, without their names and types.

    Args:
        arrays: awkward arrays by name.

    Raises:
        CannotPackError: a column has a type that cannot be packed, the lengths differ, or the columns
            are too large for one block.

    Example:
        >>> import awkward as ak
        >>> arrays = {"n": ak.Array([1, 2]), "pt": ak.Array([[1.5], [2.5, 3.5]])}
        >>> types = {name: str(array.type.content) for name, array in arrays.items()}
        >>> unpack(pack(arrays), types, entries=2)["pt"].to_list()
        [[1.5], [2.5, 3.5]]
    """
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise CannotPackError(f"the columns of a block have different lengths: {lengths}")
    slots: list[int] = []
    stored: list[tuple[bool, Values]] = []
    indices: dict[tuple[bool, int, bytes], int] = {}
    size = 0
    for name, array in arrays.items():
        if not can_pack(str(array.type.content)):
            raise CannotPackError(f"column {name!r} has a type that cannot be packed: {array.type}")
        for values in buffers(array.layout):
            size += unpacked_size(len(values), values.dtype)
            constant, words = reduce_buffer(values)
            key = constant, words.itemsize, words.tobytes()  # whatever the type of the numbers
            index = indices.setdefault(key, len(stored))
            if index == len(stored):
                stored.append((constant, words))
            slots.append(index)
    packed = write_buffers(slots, stored)
    if size > largest_unpacked(packed):
        raise CannotPackError(
            f"the columns of a block take {size:,} bytes, packed {len(packed):,}: more than can be"
            " unpacked safely; use fewer entries, or keep these columns as they are"
        )
    return packed


def size_of(arrays: Mapping[str, ak.Array]) -> int:
    """Bytes that columns take when they are unpacked; any columns up to ``LARGEST`` can be packed."""
    return sum(
        unpacked_size(len(values), values.dtype)
        for array in arrays.values()
        for values in buffers(array.layout)
    )


def unpack(
    data: bytes, types: Mapping[str, str], entries: int, wanted: Collection[str] | None = None
) -> dict[str, ak.Array]:
    """Unpack columns, from untrusted bytes.

    Args:
        data: bytes that ``pack`` made.
        types: type of the entries of each packed column, in the same order:
            ``str(array.type.content)``.
        entries: number of entries of each column.
        wanted: names of the columns to decode; None for all.

    Raises:
        DamagedFileError: the bytes are not packed columns of these types and this length.
    """
    import awkward as ak

    try:
        dtypes = [_dtypes(datashape) for datashape in types.values()]
        reader = BufferReader(data, [dtype for column in dtypes for dtype in column])
        columns, first = {}, 0
        for (name, datashape), column in zip(types.items(), dtypes, strict=True):
            if wanted is None or name in wanted:
                next_buffer = reader.column(range(first, first + len(column)))
                columns[name] = ak.Array(_build(parse_datashape(datashape), entries, next_buffer))
            first += len(column)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # awkward and lzma raise anything, pcodec panics
        raise DamagedFileError(f"packed columns are damaged: {error}") from error
    return columns


def same_bits(column: ak.Array, other: ak.Array) -> bool:
    """Whether two columns have the same dtypes, the same numbers of elements and the same bits.

    Example:
        >>> import awkward as ak
        >>> same_bits(ak.Array([[0.0]]), ak.Array([[-0.0]]))
        False
    """
    pairs = zip_longest(
        *([values for values in buffers(one.layout) if values.size] for one in (column, other))
    )
    return all(
        one is not None
        and other is not None
        and one.dtype == other.dtype
        and np.ascontiguousarray(one).tobytes() == np.ascontiguousarray(other).tobytes()
        for one, other in pairs
    )


def buffers(layout: Any) -> Iterator[Values]:
    """The flat buffers of a column's layout, outer levels first."""
    layout = layout.to_packed()
    if layout.is_numpy:
        layout = layout.to_RegularArray()  # no change to arrays of one dimension
    if layout.is_numpy:
        data = layout.data  # a true value may be any byte but zero
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
def _dtypes(datashape: str) -> tuple[DType, ...]:
    """Dtypes of the buffers of a column, in their order."""
    try:
        return tuple(_dtypes_of(parse_datashape(datashape)))
    except Exception as error:  # the parser's exceptions have no public name
        raise InputError(f"columns of type {datashape} cannot be packed") from error


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
        case ak.types.RecordType() if entry.contents:  # its type without fields reads as a tuple's
            for content in entry.contents:
                yield from _dtypes_of(content)
        case ak.types.UnknownType():  # content of lists that are all empty
            pass
        case _:
            raise InputError(f"{entry} cannot be packed")


def _build(entry: Any, length: int, next_buffer: Callable[[int], Values]) -> Any:
    """The layout of ``length`` entries; ``next_buffer`` returns its buffers in their order."""
    import awkward as ak

    parameters = entry.parameters
    match entry:
        case ak.types.NumpyType():
            return ak.contents.NumpyArray(next_buffer(length), parameters=parameters)
        case ak.types.ListType():
            counts = next_buffer(length)
            offsets = np.zeros(length + 1, np.int64)
            np.cumsum(counts, out=offsets[1:])
            content = _build(entry.content, int(offsets[-1]), next_buffer)
            index = ak.index.Index64(offsets)
            return ak.contents.ListOffsetArray(index, content, parameters=parameters)
        case ak.types.OptionType():
            valid = next_buffer(length)
            content = _build(entry.content, int(valid.sum()), next_buffer)
            index = ak.index.Index64(np.where(valid, np.cumsum(valid) - 1, -1))
            return ak.contents.IndexedOptionArray(index, content, parameters=parameters)
        case ak.types.RegularType():
            content = _build(entry.content, length * entry.size, next_buffer)
            return ak.contents.RegularArray(content, entry.size, length, parameters=parameters)
        case ak.types.RecordType():
            contents = [_build(content, length, next_buffer) for content in entry.contents]
            fields = None if entry.is_tuple else entry.fields
            return ak.contents.RecordArray(contents, fields, length, parameters=parameters)
        case _:
            if length:
                raise DamagedFileError("a list of unknown type is not empty")
            return ak.contents.EmptyArray()
