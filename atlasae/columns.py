"""Columns of a tree as bytes, every bit kept.

A column is taken apart into flat buffers: the counts of its lists, which of its values are there,
its numbers. Equal buffers, such as the counts of all columns of a collection, stand once. pcodec
codes a buffer alone; the rest, most of them small, go through LZMA with all others of their word
size, which costs no head for each and finds what columns share.
"""

from __future__ import annotations

import lzma
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.blocks import number, read_number
from atlasae.errors import DamagedFileError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    import awkward as ak
    from numpy.typing import NDArray

    Buffer = NDArray[Any]
    DType = np.dtype[Any]

LARGEST = 1 << 31  # bytes that the buffers of one block may have
_WIDTHS = (1, 2, 4, 8)  # bytes of a word
_NUMBERS = {f"{kind}{8 * width}" for kind in ("int", "uint") for width in _WIDTHS} | {
    "float32",
    "float64",
}
_COUNT, _BOOL, _BITS = np.dtype("<u4"), np.dtype(bool), np.dtype(np.uint8)
_CONSTANT, _SOLID, _ALONE, _AGAIN = range(4)  # how a buffer is stored; from _AGAIN on, which it is
_LONGEST = 12  # bytes of the index for a buffer, at most
_CHUNK = 1 << 20  # numbers that pcodec codes at once
_SAMPLE = 1 << 20  # bytes of all buffers together on which the ways to code them are compared
_CUTS = (0.0, 1.0, 1.05, 1.1, 1.3, 2.0)  # tried: how much more LZMA alone may take than pcodec


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
    stored: list[tuple[bool, Buffer]] = []
    places: dict[tuple[bool, int, bytes], int] = {}
    room = LARGEST
    for name, array in arrays.items():
        if not can_pack(str(array.type.content)):
            raise InputError(f"column {name!r} has a type that cannot be packed: {array.type}")
        for values in buffers(array.layout):
            room -= values.nbytes
            if room < 0:
                raise InputError(f"the columns of a block have more than {LARGEST} bytes")
            constant, words = _reduced(values)
            key = constant, words.itemsize, words.tobytes()  # of whatever type the numbers are
            place = places.setdefault(key, len(stored))
            if place == len(stored):
                stored.append((constant, words))
            slots.append(place)
    return _write(slots, stored)


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
        reader = _Reader(data, [dtype for column in dtypes for dtype in column])
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


def buffers(layout: Any) -> Iterator[Buffer]:
    """The flat buffers that make a column: of whatever lies outside first, its numbers last."""
    layout = layout.to_packed()
    if layout.is_numpy:
        layout = layout.to_RegularArray()  # which changes those of one dimension not at all
    if layout.is_numpy:
        yield layout.data
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
            yield _BOOL
        case ak.types.NumpyType() if entry.primitive in _NUMBERS:
            yield np.dtype(entry.primitive).newbyteorder("<")
        case ak.types.ListType():
            yield _COUNT
            yield from _dtypes_of(entry.content)
        case ak.types.OptionType():
            yield _BOOL
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


def _build(entry: Any, length: int, take: Callable[[int], Buffer]) -> Any:
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


def _reduced(values: Buffer) -> tuple[bool, Buffer]:
    """Whether a buffer has one value only; it or all, little-endian, eight booleans a byte."""
    words = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    patterns = words.view(f"<u{words.itemsize}")  # which tell -0.0 from 0.0
    constant = len(words) > 0 and bool((patterns == patterns[0]).all())
    if words.dtype == _BOOL:
        words = patterns if constant else np.packbits(words)
    return constant, words[:1] if constant else words


def _write(slots: Sequence[int], stored: Sequence[tuple[bool, Buffer]]) -> bytes:
    """A block, given which buffer each slot of its columns has.

    It has pcodec's head, the index, a solid stream for each width, and the buffers coded alone. The
    index says how the buffer of each slot is stored, then how many bytes each buffer has: raw if it
    is solid, coded if it is alone.
    """
    from pcodec import wrapped

    configs = _configs([words for _, words in stored])
    solid: dict[int, list[bytes]] = {width: [] for width in _WIDTHS}
    alone: list[bytes] = []
    kinds: list[int] = []
    sizes: list[int] = []
    for place in slots:
        if place < len(sizes):
            kinds.append(_AGAIN + place)
            continue
        constant, words = stored[place]
        if place in configs:
            kinds.append(_ALONE)
            pieces, piece = alone, _pcodec(words, configs[place])
        else:
            kinds.append(_CONSTANT if constant else _SOLID)
            pieces, piece = solid[words.itemsize], words.tobytes()
        pieces.append(piece)
        sizes.append(len(piece))
    index = _stream(b"".join(map(number, kinds + sizes)), 1)
    streams = [_stream(b"".join(pieces), width) for width, pieces in solid.items()]
    return b"".join([wrapped.FileCompressor().write_header(), index, *streams, *alone])


class _Reader:
    """The buffers of a block whose slots have these dtypes."""

    def __init__(self, data: bytes, dtypes: Sequence[DType]) -> None:
        from pcodec import wrapped

        self._room = LARGEST
        self._decoder, at = wrapped.FileDecompressor.new(data)
        index, at = _read_stream(data, at, 1, _LONGEST * len(dtypes))
        solid, room = {}, LARGEST
        for width in _WIDTHS:
            raw, at = _read_stream(data, at, width, room)
            room -= len(raw)
            solid[width] = BytesIO(raw)
        alone = BytesIO(data[at:])
        kinds, at = _read_numbers(index, 0, len(dtypes))
        sizes, at = _read_numbers(index, at, sum(kind < _AGAIN for kind in kinds))
        stored: list[tuple[int, DType, bytes]] = []
        self._slots = []
        for kind, dtype in zip(kinds, dtypes, strict=True):
            place = kind - _AGAIN
            if kind < _AGAIN:
                place = len(stored)
                words = _BITS if dtype == _BOOL else dtype
                pieces = alone if kind == _ALONE else solid[words.itemsize]
                stored.append((kind, words, pieces.read(sizes[place])))
            self._slots.append((dtype, *stored[place]))
        if at != len(index) or any(pieces.read(1) for pieces in (alone, *solid.values())):
            raise DamagedFileError("there is more than the index says")

    def column(self, slots: range) -> Callable[[int], Buffer]:
        """What gives the buffers of a column one after another, told how long each is."""
        places = iter(slots)
        return lambda length: self._buffer(next(places), length)

    def _buffer(self, slot: int, length: int) -> Buffer:
        dtype, kind, stored, piece = self._slots[slot]
        self._room -= length * dtype.itemsize
        as_words = _BITS if dtype == _BOOL else dtype
        if self._room < 0 or stored.itemsize != as_words.itemsize:
            raise DamagedFileError("there is more than any block has, or words of another size")
        in_bits = dtype == _BOOL and kind != _CONSTANT
        count = -(-length // 8) if in_bits else length
        if kind == _ALONE:
            words = _unpcodec(self._decoder, piece, np.empty(count, stored))
        else:
            words = np.frombuffer(piece, stored)
        if kind == _CONSTANT:
            words = np.repeat(words[:1], length)
        words = words.view(as_words)
        if len(words) != count:
            raise DamagedFileError("a buffer has another length than its column")
        if in_bits:
            words = np.unpackbits(words, count=length)
        return words.astype(bool) if dtype == _BOOL else words


def _configs(buffers: Sequence[Buffer]) -> dict[int, Any]:
    """How pcodec codes best the buffers that are to be coded alone, by their places."""
    share = max(_SAMPLE // max(len(buffers), 1), 1024)
    found: dict[int, Any] = {}
    for width in _WIDTHS:
        samples = {
            place: words[: share // width]
            for place, words in enumerate(buffers)
            if words.itemsize == width and len(words) > 1
        }
        found |= _alone(samples, width)
    return found


def _alone(samples: Mapping[int, Buffer], width: int) -> dict[int, Any]:
    """Of buffers of one width, those to be coded alone, and how.

    They are those for which pcodec is better than LZMA by a factor; what factor is best is tried,
    for buffers are worth more together than LZMA makes of each.
    """
    from pcodec import ChunkConfig, DeltaSpec, ModeSpec, PagingSpec

    pages = PagingSpec.equal_pages_up_to(_CHUNK)
    configs = [
        ChunkConfig(8, paging_spec=pages, enable_8_bit=True),
        ChunkConfig(12, paging_spec=pages, enable_8_bit=True),
        ChunkConfig(12, ModeSpec.classic(), paging_spec=pages, enable_8_bit=True),
        ChunkConfig(8, ModeSpec.auto(), DeltaSpec.try_lookback(), pages, enable_8_bit=True),
    ]
    best, sizes, ratios = {}, {}, {}
    for place, sample in samples.items():
        trials = [len(_pcodec(sample, config)) for config in configs]
        sizes[place] = min(trials)
        best[place] = configs[trials.index(sizes[place])]
        ratios[place] = len(_stream(sample.tobytes(), width)) / sizes[place]

    def total(cut: float) -> int:
        solid = b"".join(samples[place].tobytes() for place in samples if ratios[place] <= cut)
        return len(_stream(solid, width)) + sum(sizes[p] for p in samples if ratios[p] > cut)

    cut = min(_CUTS, key=total)
    return {place: best[place] for place in samples if ratios[place] > cut}


def _pcodec(words: Buffer, config: Any) -> bytes:
    from pcodec import wrapped

    pieces = []
    for start in range(0, len(words), _CHUNK):
        coder = wrapped.FileCompressor().chunk_compressor(words[start : start + _CHUNK], config)
        pieces += [coder.write_meta(), coder.write_page(0)]
    return b"".join(pieces)


def _unpcodec(decoder: Any, coded: bytes, words: Buffer) -> Buffer:
    """The inverse, into ``words``."""
    name = f"{words.dtype.kind}{8 * words.itemsize}"
    for start in range(0, len(words), _CHUNK):
        chunk = words[start : start + _CHUNK]
        page, used = decoder.chunk_decompressor(coded, name)
        coded = coded[used:]
        progress, used = page.read_page_into(coded, len(chunk), chunk)
        coded = coded[used:]
        if progress.n_processed != len(chunk):
            raise DamagedFileError("a buffer ends early")
    if coded:
        raise DamagedFileError("a buffer has more than its column")
    return words


def _filters(length: int, width: int) -> list[dict[str, int]]:
    """LZMA for so many bytes of words; what a byte is depends most on its place in the word."""
    place = width.bit_length() - 1
    window = min(max(length, 1 << 12), 1 << 26)
    preset = {"id": lzma.FILTER_LZMA1, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": window}
    return [preset | {"lc": 0, "lp": place, "pb": place}]


def _stream(raw: bytes, width: int) -> bytes:
    """Bytes of words through LZMA, after their sizes raw and coded."""
    coded = lzma.compress(raw, lzma.FORMAT_RAW, filters=_filters(len(raw), width))
    return number(len(raw)) + number(len(coded)) + coded


def _read_stream(data: bytes, at: int, width: int, largest: int) -> tuple[bytes, int]:
    (length, size), at = _read_numbers(data, at, 2)
    if length > largest:
        raise DamagedFileError("a stream is larger than any that is written")
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_filters(length, width))
    raw = decoder.decompress(data[at : at + size], length)
    if len(raw) != length:
        raise DamagedFileError("a stream ends early")
    return raw, at + size


def _read_numbers(data: bytes, at: int, count: int) -> tuple[list[int], int]:
    numbers = []
    for _ in range(count):
        value, at = read_number(data, at)
        numbers.append(value)
    return numbers, at
