"""Flat buffers as bytes: alone through pcodec, or with others of their word size through LZMA."""

from __future__ import annotations

import lzma
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.coding.varint import decode_varint, encode_varint
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from atlasae.types import DType, Values


LARGEST = 1 << 31  # bytes that the buffers of one block may have
WIDTHS = (1, 2, 4, 8)  # bytes of a word
BOOL, _BITS = np.dtype(bool), np.dtype(np.uint8)
_CONSTANT, _SOLID, _ALONE, _AGAIN = range(4)  # how a buffer is stored; from _AGAIN on, which it is
_LONGEST = 12  # bytes of the index for a buffer, at most
_CHUNK = 1 << 20  # numbers that pcodec codes at once
_SAMPLE = 1 << 20  # bytes of all buffers together on which the ways to code them are compared
_CUTS = (0.0, 1.0, 1.05, 1.1, 1.3, 2.0)  # tried: how much more LZMA alone may take than pcodec


def reduce_buffer(values: Values) -> tuple[bool, Values]:
    """Whether a buffer has one value only; it or all, little-endian, eight booleans a byte."""
    words = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    patterns = words.view(f"<u{words.itemsize}")  # which tell -0.0 from 0.0
    constant = len(words) > 0 and bool((patterns == patterns[0]).all())
    if words.dtype == BOOL:
        words = patterns if constant else np.packbits(words)
    return constant, words[:1] if constant else words


def write_buffers(slots: Sequence[int], stored: Sequence[tuple[bool, Values]]) -> bytes:
    """A block, given which buffer each slot of its columns has.

    It has pcodec's head, the index, a solid stream for each width, and the buffers coded alone. The
    index says how the buffer of each slot is stored, then how many bytes each buffer has: raw if it
    is solid, coded if it is alone.
    """
    from pcodec import wrapped

    configs = _configs([words for _, words in stored])
    solid: dict[int, list[bytes]] = {width: [] for width in WIDTHS}
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
    index = _stream(b"".join(map(encode_varint, kinds + sizes)), 1)
    streams = [_stream(b"".join(pieces), width) for width, pieces in solid.items()]
    return b"".join([wrapped.FileCompressor().write_header(), index, *streams, *alone])


class BufferReader:
    """The buffers of a block whose slots have these dtypes."""

    def __init__(self, data: bytes, dtypes: Sequence[DType]) -> None:
        from pcodec import wrapped

        self._room = LARGEST
        self._decoder, at = wrapped.FileDecompressor.new(data)
        index, at = _read_stream(data, at, 1, _LONGEST * len(dtypes))
        solid, room = {}, LARGEST
        for width in WIDTHS:
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
                words = _BITS if dtype == BOOL else dtype
                pieces = alone if kind == _ALONE else solid[words.itemsize]
                stored.append((kind, words, pieces.read(sizes[place])))
            self._slots.append((dtype, *stored[place]))
        if at != len(index) or any(pieces.read(1) for pieces in (alone, *solid.values())):
            raise DamagedFileError("there is more than the index says")

    def column(self, slots: range) -> Callable[[int], Values]:
        """What gives the buffers of a column one after another, told how long each is."""
        places = iter(slots)
        return lambda length: self._buffer(next(places), length)

    def _buffer(self, slot: int, length: int) -> Values:
        dtype, kind, stored, piece = self._slots[slot]
        self._room -= length * dtype.itemsize
        as_words = _BITS if dtype == BOOL else dtype
        if self._room < 0 or stored.itemsize != as_words.itemsize:
            raise DamagedFileError("there is more than any block has, or words of another size")
        in_bits = dtype == BOOL and kind != _CONSTANT
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
        return words.astype(bool) if dtype == BOOL else words


def _configs(buffers: Sequence[Values]) -> dict[int, Any]:
    """How pcodec codes best the buffers that are to be coded alone, by their places."""
    share = max(_SAMPLE // max(len(buffers), 1), 1024)
    found: dict[int, Any] = {}
    for width in WIDTHS:
        samples = {
            place: words[: share // width]
            for place, words in enumerate(buffers)
            if words.itemsize == width and len(words) > 1
        }
        found |= _alone(samples, width)
    return found


def _alone(samples: Mapping[int, Values], width: int) -> dict[int, Any]:
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


def _pcodec(words: Values, config: Any) -> bytes:
    from pcodec import wrapped

    pieces = []
    for start in range(0, len(words), _CHUNK):
        coder = wrapped.FileCompressor().chunk_compressor(words[start : start + _CHUNK], config)
        pieces += [coder.write_meta(), coder.write_page(0)]
    return b"".join(pieces)


def _unpcodec(decoder: Any, coded: bytes, words: Values) -> Values:
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
    return encode_varint(len(raw)) + encode_varint(len(coded)) + coded


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
        value, at = decode_varint(data, at)
        numbers.append(value)
    return numbers, at
