"""Columns of a tree as bytes, every bit kept.

A column is taken apart into flat buffers: the counts of its lists, which of its values are there,
its numbers. Equal buffers, such as the counts of all columns of a collection, stand once. pcodec
codes a buffer alone; the rest, most of them small, go through LZMA with all others of their word
size, which costs no head for each and finds what columns share.
"""

from __future__ import annotations

import lzma
from dataclasses import dataclass
from functools import lru_cache
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
    f"float{8 * width}" for width in _WIDTHS[1:]
}
_COUNT, _BOOL, _BITS = np.dtype("<u4"), np.dtype(bool), np.dtype(np.uint8)
_CONSTANT, _SOLID, _ALONE, _AGAIN = range(4)  # how a buffer is stored; from _AGAIN on, which it is
_LONGEST = 12  # bytes of the index for a buffer, at most
_CHUNK = 1 << 20  # numbers that pcodec codes at once
_SAMPLE = 1 << 21  # bytes of all buffers together on which the ways to code them are compared
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
    stored: list[_Stored] = []
    places: dict[tuple[bool, int, bytes], int] = {}
    room = LARGEST
    for name, array in arrays.items():
        if not can_pack(str(array.type.content)):
            raise InputError(f"column {name!r} has a type that cannot be packed: {array.type}")
        for values in _split(array.layout):
            room -= values.nbytes
            if room < 0:
                raise InputError(f"the columns of a block have more than {LARGEST} bytes")
            one = _Stored.of(values)
            place = places.setdefault(one.key(), len(stored))
            if place == len(stored):
                stored.append(one)
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

    names = [name for name in types if wanted is None or name in wanted]
    try:
        reader = _Reader(data, {name: _dtypes(datashape) for name, datashape in types.items()})
        return {
            name: ak.Array(_build(_parsed(types[name]), entries, reader.column(name)))
            for name in names
        }
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # awkward and lzma raise what they like, pcodec panics
        raise DamagedFileError(f"packed columns are damaged: {error}") from error


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
        case ak.types.RecordType():
            for content in entry.contents:
                yield from _dtypes_of(content)
        case ak.types.UnknownType():  # of lists that are all empty
            pass
        case _:
            raise InputError(f"{entry} cannot be packed")


def _split(layout: Any) -> Iterator[Buffer]:
    """The buffers of a column."""
    layout = layout.to_packed()
    if layout.is_numpy:
        layout = layout.to_RegularArray()  # which changes those of one dimension not at all
    if layout.is_numpy:
        yield layout.data
    elif layout.is_option:
        yield layout.mask_as_bool(valid_when=True)
        yield from _split(layout.project())
    elif layout.is_regular:
        yield from _split(layout.content)
    elif layout.is_list:
        lists = layout.to_ListOffsetArray64(True)
        yield np.diff(lists.offsets.data).astype(_COUNT)
        yield from _split(lists.content)
    elif layout.is_record:
        for content in layout.contents:
            yield from _split(content)


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


@dataclass(frozen=True)
class _Stored:
    """A buffer as it is stored.

    Attributes:
        words: its numbers, little-endian; eight booleans a word.
        constant: whether there is one word, for all that the buffer has.
    """

    words: Buffer
    constant: bool

    @classmethod
    def of(cls, values: Buffer) -> _Stored:
        words = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        patterns = words.view(f"<u{words.itemsize}")
        constant = len(words) > 0 and bool((patterns == patterns[0]).all())
        if words.dtype == _BOOL:
            words = patterns if constant else np.packbits(words)
        return cls(words[:1] if constant else words, constant)

    def key(self) -> tuple[bool, int, bytes]:
        """What equal buffers have in common, whatever the type of their numbers."""
        return self.constant, self.words.itemsize, self.words.tobytes()


def _write(slots: Sequence[int], stored: Sequence[_Stored]) -> bytes:
    """A block, given which buffer each slot of its columns has.

    It has pcodec's head, the sizes of what follows, the index, the solid streams by width, and the
    buffers coded alone. The index says how the buffer of each slot is stored, then how many bytes
    each buffer has: raw if it is solid, coded if it is alone.
    """
    from pcodec import wrapped

    configs = _configs([one.words for one in stored])
    solid: dict[int, list[bytes]] = {width: [] for width in _WIDTHS}
    alone: list[bytes] = []
    kinds: list[int] = []
    sizes: list[int] = []
    for place in slots:
        if place < len(sizes):
            kinds.append(_AGAIN + place)
            continue
        words = stored[place].words
        if place in configs:
            coded = _pcodec(words, configs[place])
            alone.append(coded)
            kinds.append(_ALONE)
            sizes.append(len(coded))
        else:
            solid[words.itemsize].append(words.tobytes())
            kinds.append(_CONSTANT if stored[place].constant else _SOLID)
            sizes.append(words.nbytes)
    index = b"".join(map(number, kinds + sizes))
    streams = [_lzma(index, 1), *(_lzma(b"".join(solid[width]), width) for width in _WIDTHS)]
    head = b"".join(map(number, (len(index), *map(len, streams))))
    return b"".join([wrapped.FileCompressor().write_header(), head, *streams, *alone])


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
        ratios[place] = len(_lzma(sample.tobytes(), width)) / sizes[place]

    def total(cut: float) -> int:
        solid = b"".join(samples[place].tobytes() for place in samples if ratios[place] <= cut)
        return len(_lzma(solid, width)) + sum(sizes[p] for p in samples if ratios[p] > cut)

    cut = min(_CUTS, key=total)
    return {place: best[place] for place in samples if ratios[place] > cut}


def _pcodec(words: Buffer, config: Any) -> bytes:
    from pcodec import wrapped

    pieces = []
    for start in range(0, len(words), _CHUNK):
        coder = wrapped.FileCompressor().chunk_compressor(words[start : start + _CHUNK], config)
        pieces += [coder.write_meta(), coder.write_page(0)]
    return b"".join(pieces)


def _filters(length: int, width: int) -> list[dict[str, int]]:
    """LZMA for so many bytes of words; what a byte is depends most on its place in the word."""
    place = width.bit_length() - 1
    return [
        {
            "id": lzma.FILTER_LZMA1,
            "preset": 9 | lzma.PRESET_EXTREME,
            "dict_size": min(max(length, 1 << 12), 1 << 26),
            "lc": 0,
            "lp": place,
            "pb": place,
        }
    ]


def _lzma(raw: bytes, width: int) -> bytes:
    return lzma.compress(raw, lzma.FORMAT_RAW, filters=_filters(len(raw), width)) if raw else b""


def _unlzma(coded: bytes, length: int, width: int) -> bytes:
    if not length:
        return b""
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_filters(length, width))
    raw = decoder.decompress(coded, length)
    if len(raw) != length:
        raise DamagedFileError("a compressed stream ends early")
    return raw


@dataclass(frozen=True)
class _Piece:
    """A buffer in a block: how it is stored, its words, and where in its stream its bytes are."""

    kind: int
    dtype: DType
    start: int
    stop: int


class _Reader:
    """The buffers of a block, decoded when they are asked for."""

    def __init__(self, data: bytes, columns: Mapping[str, Sequence[DType]]) -> None:
        from pcodec import wrapped

        self._room = LARGEST
        self._decoder, at = wrapped.FileDecompressor.new(data)
        head = []
        for _ in range(2 + len(_WIDTHS)):
            size, at = read_number(data, at)
            head.append(size)
        length, *sizes = head
        streams = []
        for size in sizes:
            streams.append(data[at : at + size])
            at += size
        if length > _LONGEST * sum(map(len, columns.values())):
            raise DamagedFileError("the index is longer than any that is written")
        self._coded = dict(zip(_WIDTHS, streams[1:], strict=True))
        self._alone = data[at:]
        self._solid: dict[int, Buffer] = {}
        self._read_index(_unlzma(streams[0], length, 1), columns)

    def _read_index(self, index: bytes, columns: Mapping[str, Sequence[DType]]) -> None:
        at = 0
        self._slots: dict[str, list[tuple[int, DType]]] = {}
        new: list[tuple[int, DType]] = []
        for name, dtypes in columns.items():
            self._slots[name] = []
            for dtype in dtypes:
                kind, at = read_number(index, at)
                if kind < _AGAIN:
                    new.append((kind, _BITS if dtype == _BOOL else dtype))
                    place = len(new) - 1
                else:
                    place = kind - _AGAIN
                self._slots[name].append((place, dtype))
        self._pieces = []
        self._ends = dict.fromkeys((0, *_WIDTHS), 0)
        for kind, dtype in new:
            size, at = read_number(index, at)
            stream = 0 if kind == _ALONE else dtype.itemsize
            start = self._ends[stream]
            self._ends[stream] = start + size
            self._pieces.append(_Piece(kind, dtype, start, start + size))
        if at != len(index) or self._ends[0] != len(self._alone):
            raise DamagedFileError("the index does not agree with what follows")
        if sum(self._ends.values()) > LARGEST:
            raise DamagedFileError("a block is larger than any that is written")

    def column(self, name: str) -> Callable[[int], Buffer]:
        """What gives the buffers of a column one after another, given their lengths."""
        slots = iter(self._slots[name])
        return lambda length: self._buffer(*next(slots), length)

    def _buffer(self, place: int, dtype: DType, length: int) -> Buffer:
        self._room -= length * dtype.itemsize
        if self._room < 0:
            raise DamagedFileError("a block is larger than any that is written")
        piece = self._pieces[place]
        if piece.kind == _CONSTANT:
            words = np.repeat(self._take_solid(piece), length)
            return words.astype(bool) if dtype == _BOOL else words.view(dtype)
        count = -(-length // 8) if dtype == _BOOL else length
        words = self._take_alone(piece, count) if piece.kind == _ALONE else self._take_solid(piece)
        if len(words) != count:
            raise DamagedFileError("a buffer has another length than its column")
        if dtype == _BOOL:
            return np.unpackbits(words.view(_BITS), count=length).view(bool)
        return words.view(dtype)

    def _take_solid(self, piece: _Piece) -> Buffer:
        width = piece.dtype.itemsize
        if width not in self._solid:
            raw = _unlzma(self._coded[width], self._ends[width], width)
            self._solid[width] = np.frombuffer(raw, np.uint8)
        return self._solid[width][piece.start : piece.stop].copy().view(piece.dtype)

    def _take_alone(self, piece: _Piece, length: int) -> Buffer:
        coded = self._alone[piece.start : piece.stop]
        words = np.empty(length, piece.dtype)
        name = f"{piece.dtype.kind}{8 * piece.dtype.itemsize}"
        for start in range(0, length, _CHUNK):
            part = words[start : start + _CHUNK]
            decoder, used = self._decoder.chunk_decompressor(coded, name)
            coded = coded[used:]
            progress, used = decoder.read_page_into(coded, len(part), part)
            coded = coded[used:]
            if progress.n_processed != len(part):
                raise DamagedFileError("a buffer ends early")
        if coded:
            raise DamagedFileError("a buffer has more than its column")
        return words
