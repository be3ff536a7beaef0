"""Lossless packing of the columns of a tree into bytes.

A column is split into flat buffers: the counts of its lists, the mask of its missing values, its
numbers. Equal buffers, such as the counts of all columns of a collection, are stored once. Large
buffers are compressed one by one with pcodec. The others, most of them small, are compressed with
LZMA together with all buffers of their word size: that needs no header for each, and exploits what
columns have in common.
"""

from __future__ import annotations

import hashlib
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from atlasae.errors import CannotPackError, DamagedFileError
from atlasae.lossless.slots import (
    COUNT,
    NO_PARENT,
    BlockBuffers,
    GivenBuffers,
    Slot,
    can_pack,
    slots_of,
)
from atlasae.lossless.streams import (
    BOOL,
    BufferReader,
    largest_unpacked,
    reduce_buffer,
    write_buffers,
)
from atlasae.lossless.unpacked import UnpackedColumns, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    import awkward as ak

    from atlasae.types import DType, Values

    Decoder: TypeAlias = Callable[[int, bytes, int], Values]


class Learned(Protocol):
    """Codes buffers, given others of their block."""

    def encode(self, block: BlockBuffers) -> Mapping[int, bytes]:
        """The bytes of the buffers that it codes, by slot."""

    def decoder(self, block: BlockBuffers) -> Decoder:
        """What gives a buffer of ``block``, from its slot, its bytes and its length.

        It raises DamagedFileError if the bytes are not those of ``encode``.
        """


class _NothingLearned:
    """Codes no buffer."""

    def encode(self, block: BlockBuffers) -> Mapping[int, bytes]:  # noqa: ARG002
        return {}

    def decoder(self, block: BlockBuffers) -> Decoder:  # noqa: ARG002
        def decode(slot: int, coded: bytes, length: int) -> Values:  # noqa: ARG001
            raise DamagedFileError("a buffer is coded in a way that its part does not know")

        return decode


NOTHING_LEARNED = _NothingLearned()


def pack(arrays: Mapping[str, ak.Array], learned: Learned = NOTHING_LEARNED) -> bytes:
    """Pack columns of the same length into bytes, without their names and types.

    Args:
        arrays: awkward arrays by name.
        learned: codes the buffers that it can.

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
    block = CollectedBuffers(arrays)
    packed = write_buffers(block.indices, block.stored(learned.encode(block.buffers)))
    if block.size > largest_unpacked(packed):
        raise CannotPackError(
            f"the columns of a block take {block.size:,} bytes, packed {len(packed):,}: more than"
            " can be unpacked safely; use fewer entries, or keep these columns as they are"
        )
    return packed


class CollectedBuffers:
    """The buffers of columns, equal ones once.

    Attributes:
        indices: for each slot, the index of its buffer among the distinct ones.
        buffers: by slot.
        size: bytes that all of them take when they are unpacked.
    """

    def __init__(self, arrays: Mapping[str, ak.Array]) -> None:
        types = {name: str(array.type.content) for name, array in arrays.items()}
        for name, datashape in types.items():
            if not can_pack(datashape):
                raise CannotPackError(
                    f"column {name!r} has a type that cannot be packed: {arrays[name].type}"
                )
        slots = list(chain.from_iterable(slots_of(types.values())))
        values = [one for array in arrays.values() for one in buffers(array.layout)]
        self.size = _unpacked_size(slots, values)
        self.indices: list[int] = []
        self._distinct: list[tuple[bool, Values]] = []
        self._firsts: list[int] = []
        known: dict[tuple[bool, int, int, bytes], int] = {}
        for slot, one in enumerate(values):
            constant, words = reduce_buffer(one)
            bits = len(one) if one.dtype == BOOL and not constant else 0  # of the last byte too
            content = hashlib.blake2b(np.ascontiguousarray(words).data, digest_size=16).digest()
            key = constant, bits, words.itemsize, content  # whatever the type of the numbers
            index = known.setdefault(key, len(self._distinct))
            if index == len(self._distinct):
                self._distinct.append((constant, words))
                self._firsts.append(slot)
            self.indices.append(index)
        entries = len(next(iter(arrays.values()))) if arrays else 0
        sources = [self._firsts[index] for index in self.indices]
        self.buffers = GivenBuffers(slots, entries, values, sources)

    def stored(self, coded: Mapping[int, bytes]) -> list[tuple[bool, Values] | bytes]:
        """What is stored of each distinct buffer, given what is coded of slots.

        Constants are stored as such: their buffers can have different lengths.
        """
        return [
            reduced if reduced[0] else coded.get(first, reduced)
            for first, reduced in zip(self._firsts, self._distinct, strict=True)
        ]


def size_of(arrays: Mapping[str, ak.Array]) -> int:
    """Bytes that columns take when they are unpacked; any columns up to ``LARGEST`` can be packed."""
    slots = chain.from_iterable(slots_of(str(array.type.content) for array in arrays.values()))
    return _unpacked_size(
        slots, (one for array in arrays.values() for one in buffers(array.layout))
    )


def _unpacked_size(slots: Iterable[Slot], values: Iterable[Values]) -> int:
    return sum(slot.unpacked_size(len(one)) for slot, one in zip(slots, values, strict=True))


def unpack(
    data: bytes,
    types: Mapping[str, str],
    entries: int,
    wanted: Collection[str] | None = None,
    learned: Learned = NOTHING_LEARNED,
) -> dict[str, ak.Array]:
    """The arrays of packed columns, from untrusted bytes; as ``unpack_buffers``."""
    return joined([unpack_buffers(data, types, entries, wanted, learned)])


def unpack_buffers(
    data: bytes,
    types: Mapping[str, str],
    entries: int,
    wanted: Collection[str] | None = None,
    learned: Learned = NOTHING_LEARNED,
) -> UnpackedColumns:
    """Unpack columns, from untrusted bytes.

    Args:
        data: bytes that ``pack`` made.
        types: type of the entries of each packed column, in the same order:
            ``str(array.type.content)``.
        entries: number of entries of each column.
        wanted: names of the columns to decode; None for all.
        learned: what ``pack`` was given.

    Raises:
        DamagedFileError: the bytes are not packed columns of these types and this length.
    """
    try:
        slots = slots_of(types.values())
        block = _StoredBuffers(data, list(chain.from_iterable(slots)), entries, learned)
        columns, first = {}, 0
        for name, column in zip(types, slots, strict=True):
            if wanted is None or name in wanted:
                columns[name] = list(block.given(range(first, first + len(column))))
            first += len(column)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # lzma raises anything, pcodec panics
        raise DamagedFileError(f"packed columns are damaged: {error}") from error
    return UnpackedColumns({name: types[name] for name in columns}, columns, entries, 0, entries)


def packed_sizes(data: bytes, types: Mapping[str, str]) -> dict[str, list[float]]:
    """Bytes that each buffer of each column takes in packed columns, from untrusted bytes.

    Equal buffers count once, in the first column. The header and the index of the block count in none.

    Args:
        data: bytes that ``pack`` made.
        types: as for ``unpack``.

    Raises:
        DamagedFileError: the bytes are not packed columns of these types.

    Example:
        >>> import awkward as ak
        >>> data = pack({"pt": ak.Array([[1.5], [2.5, 3.5]]), "n": ak.Array([1, 2])})
        >>> {name: len(s) for name, s in packed_sizes(data, {"pt": "var * float64", "n": "int64"}).items()}
        {'pt': 2, 'n': 1}
    """
    slots = slots_of(types.values())
    try:
        reader = BufferReader(data, [slot.dtype for slot in chain.from_iterable(slots)])
    except Exception as error:  # pcodec and lzma raise anything
        raise DamagedFileError(f"packed columns are damaged: {error}") from error
    sizes = iter(reader.sizes())
    return {name: list(islice(sizes, len(own))) for name, own in zip(types, slots, strict=True)}


class _StoredBuffers(BlockBuffers):
    """The buffers of a packed block; each is decoded at its first use."""

    def __init__(self, data: bytes, slots: Sequence[Slot], entries: int, learned: Learned) -> None:
        super().__init__(slots, entries)
        self._reader = BufferReader(data, [slot.dtype for slot in slots])
        self._decode_learned = learned.decoder(self)
        self._parents = {slot.parent for slot in slots} - {NO_PARENT}
        self._given = set(map(self.source, self._parents))
        self._decoded: dict[int, Values] = {}
        self._shared: dict[tuple[int, DType], Values] = {}

    def buffer(self, slot: int) -> Values:
        if slot not in self._decoded:
            self._decoded[slot] = self._decode(slot, self.length(slot))
        return self._decoded[slot]

    def _decode(self, slot: int, length: int) -> Values:
        self._reader.require(slot, self.slots[slot].unpacked_size(length))
        source, dtype = self.source(slot), self.slots[slot].dtype
        if source != slot and not self._reader.is_constant(slot):
            values = self._viewed(source, dtype)
        elif (coded := self._reader.learned(slot)) is not None:
            values = self._decode_learned(slot, coded, length)
        else:
            values = self._reader.buffer(slot, length)
        if len(values) != length:
            raise DamagedFileError(f"a buffer has {len(values)} numbers, its column has {length}")
        return values

    def _viewed(self, source: int, dtype: DType) -> Values:
        """A decoded buffer as one of another dtype; the same array each time."""
        values = self.buffer(source)
        if values.dtype == dtype:
            return values
        if len(values) and BOOL in (values.dtype, dtype):  # a bit is no byte
            raise DamagedFileError("a buffer of flags is said to be one of numbers")
        return self._shared.setdefault((source, dtype), values.view(dtype))

    def source(self, slot: int) -> int:
        return self._reader.sources[slot]

    def given(self, slots: Iterable[int]) -> Iterator[Values]:
        """The buffers of a column for its reader, who may write to its numbers.

        Equal counts and masks are one array: arrays are made of them, which hold others.
        """
        for slot in slots:
            values, source = self.buffer(slot), self.source(slot)
            is_shared = source in self._given and not self._reader.is_constant(slot)
            is_own = values.flags.writeable and not is_shared
            yield values if is_own or slot in self._parents else values.copy()
            self._given.add(source)


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
        yield np.diff(lists.offsets.data).astype(COUNT)
        yield from buffers(lists.content)
    elif layout.is_union:
        yield layout.tags.data
        for content in layout.contents:
            yield from buffers(content)
    elif layout.is_record:
        for content in layout.contents:
            yield from buffers(content)
