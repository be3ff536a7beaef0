"""Compression of flat buffers: one by one with pcodec, or joined by word size with LZMA."""

from __future__ import annotations

import lzma
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.coding.varint import decode_varint, encode_varint
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlasae.types import DType, Values


# What a block may unpack to: memory in proportion to its size. Only constant columns, and a single
# entry of more than LARGEST bytes, could come near the ratio.
LARGEST = 1 << 27  # bytes of the buffers of a small block
_LARGEST_RATIO = 1 << 10
WIDTHS = (1, 2, 4, 8)  # bytes of a word
BOOL, _BITS = np.dtype(bool), np.dtype(np.uint8)
# how a buffer is stored; _AGAIN + i: equal to buffer i
_CONSTANT, _SOLID, _ALONE, _LEARNED, _AGAIN = range(5)
_INDEX_BYTES = 12  # of the index per buffer, at most
_CHUNK = 1 << 20  # numbers per chunk of pcodec
_SAMPLE = 1 << 20  # bytes, of all buffers, on which the compressors are compared
_THRESHOLDS = (0.0, 1.0, 1.05, 1.1, 1.3, 2.0)  # tried: size by LZMA alone over size by pcodec


def reduce_buffer(values: Values) -> tuple[bool, Values]:
    """Reduce a buffer to what is stored of it.

    Returns:
        Whether all values are the same, and that one value or all of them, little-endian; eight
        booleans per byte.

    Example:
        >>> reduce_buffer(np.array([7, 7, 7], np.int32))
        (True, array([7], dtype=int32))
        >>> reduce_buffer(np.array([True, False]))
        (False, array([128], dtype=uint8))
    """
    words = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    patterns = words.view(f"<u{words.itemsize}")  # they differ for -0.0 and 0.0
    constant = len(words) > 0 and bool((patterns == patterns[0]).all())
    if words.dtype == BOOL:
        words = patterns if constant else np.packbits(words)
    return constant, words[:1] if constant else words


def largest_unpacked(packed: bytes) -> int:
    """Bytes that the buffers of a block may take when they are unpacked."""
    return max(LARGEST, _LARGEST_RATIO * len(packed))


def write_buffers(slots: Sequence[int], stored: Sequence[tuple[bool, Values] | bytes]) -> bytes:
    """Write buffers: pcodec's header, the index, one LZMA stream per word size, then all others.

    The index says how the buffer of each slot is stored, then the size of each stored buffer: before
    compression with LZMA, after any other.

    Args:
        slots: for each buffer of the columns, its index in ``stored``.
        stored: distinct buffers as ``reduce_buffer`` returns them, or as they are coded elsewhere.
    """
    from pcodec import wrapped

    configs = _configs({i: one[1] for i, one in enumerate(stored) if not isinstance(one, bytes)})
    solid: dict[int, list[bytes]] = {width: [] for width in WIDTHS}
    alone: list[bytes] = []
    kinds: list[int] = []
    sizes: list[int] = []
    for index in slots:
        if index < len(sizes):
            kinds.append(_AGAIN + index)
            continue
        one = stored[index]
        if isinstance(one, bytes):
            kinds.append(_LEARNED)
            alone.append(one)
            sizes.append(len(one))
            continue
        constant, words = one
        if index in configs:
            kinds.append(_ALONE)
            pieces, piece = alone, _pcodec(words, configs[index])
        else:
            kinds.append(_CONSTANT if constant else _SOLID)
            pieces, piece = solid[words.itemsize], words.tobytes()
        pieces.append(piece)
        sizes.append(len(piece))
    numbers = _stream(b"".join(map(encode_varint, kinds + sizes)), 1)
    streams = [_stream(b"".join(pieces), width) for width, pieces in solid.items()]
    return b"".join([wrapped.FileCompressor().write_header(), numbers, *streams, *alone])


class BufferReader:
    """Reads what ``write_buffers`` wrote, given the dtype of each slot.

    Raises:
        DamagedFileError: the bytes are not such buffers. Errors of lzma and pcodec are possible too.
    """

    def __init__(self, data: bytes, dtypes: Sequence[DType]) -> None:
        from pcodec import wrapped

        self._largest = self._remaining = largest_unpacked(data)
        self._decoder, at = wrapped.FileDecompressor.new(data)
        index, at = _read_stream(data, at, 1, _INDEX_BYTES * len(dtypes))
        solid, remaining = {}, self._largest
        self._stream_sizes = {}
        for width in WIDTHS:
            start = at
            raw, at = _read_stream(data, at, width, remaining)
            remaining -= len(raw)
            solid[width] = BytesIO(raw)
            self._stream_sizes[width] = at - start
        alone = BytesIO(data[at:])
        kinds, at = _read_numbers(index, 0, len(dtypes))
        sizes, at = _read_numbers(index, at, sum(kind < _AGAIN for kind in kinds))
        stored: list[tuple[int, DType, bytes]] = []
        firsts: list[int] = []
        self._slots = []
        self.sources: list[int] = []
        for slot, (kind, dtype) in enumerate(zip(kinds, dtypes, strict=True)):
            source = kind - _AGAIN
            if kind < _AGAIN:
                source = len(stored)
                words = _BITS if dtype == BOOL and kind != _LEARNED else dtype
                pieces = alone if kind in (_ALONE, _LEARNED) else solid[words.itemsize]
                stored.append((kind, words, pieces.read(sizes[source])))
                firsts.append(slot)
            self._slots.append((dtype, *stored[source]))
            self.sources.append(firsts[source])
        if at != len(index) or any(pieces.read(1) for pieces in (alone, *solid.values())):
            raise DamagedFileError("the block is longer than its index says")

    def require(self, slot: int, size: int) -> None:
        """Raise DamagedFileError if a buffer would take more bytes than the block may unpack to."""
        dtype, _, stored, _ = self._slots[slot]
        self._remaining -= size
        if self._remaining < 0:
            raise DamagedFileError(f"{size:,} bytes are more than a block of this size holds")
        if stored.itemsize != (_BITS if dtype == BOOL else dtype).itemsize:
            raise DamagedFileError(f"a buffer has words of {stored.itemsize} bytes, not {dtype}")

    def sizes(self) -> list[float]:
        """Bytes that the buffer of each slot takes; none where an earlier one is the same.

        The size of a stream is shared out by what zlib makes of each of its buffers.
        """
        sizes = [0.0] * len(self._slots)
        shares: dict[int, dict[int, int]] = {width: {} for width in WIDTHS}
        for slot, (_, kind, words, piece) in enumerate(self._slots):
            if self.sources[slot] != slot:
                continue
            if kind in (_ALONE, _LEARNED):
                sizes[slot] = len(piece)
            else:
                shares[words.itemsize][slot] = len(zlib.compress(piece, 1))
        for width, of_slots in shares.items():
            unit = self._stream_sizes[width] / max(sum(of_slots.values()), 1)
            for slot, share in of_slots.items():
                sizes[slot] = share * unit
        return sizes

    def is_constant(self, slot: int) -> bool:
        """Whether all numbers of a buffer are the same one, so that its length is not stored."""
        return self._slots[slot][1] == _CONSTANT

    def learned(self, slot: int) -> bytes | None:
        """The bytes of a buffer that is coded elsewhere."""
        _, kind, _, piece = self._slots[slot]
        return piece if kind == _LEARNED else None

    def buffer(self, slot: int, length: int) -> Values:
        """A buffer of this length."""
        dtype, kind, stored, piece = self._slots[slot]
        as_words = _BITS if dtype == BOOL else dtype
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
            raise DamagedFileError(f"a buffer has {len(words)} words, its column has {count}")
        if in_bits:
            words = np.unpackbits(words, count=length)
        return words.astype(bool) if dtype == BOOL else words


def _configs(buffers: Mapping[int, Values]) -> dict[int, Any]:
    """The best configuration of pcodec for each buffer that is compressed alone, by its index."""
    share = max(_SAMPLE // max(len(buffers), 1), 1024)
    configs: dict[int, Any] = {}
    for width in WIDTHS:
        samples = {
            index: words[: share // width]
            for index, words in buffers.items()
            if words.itemsize == width and len(words) > 1
        }
        configs |= _alone(samples, width)
    return configs


def _alone(samples: Mapping[int, Values], width: int) -> dict[int, Any]:
    """The buffers of one width to be compressed alone, with their best configurations.

    These are the buffers for which LZMA, each alone, takes more than pcodec by a factor. Several
    factors are tried, because LZMA compresses buffers better together than each alone.
    """
    from pcodec import ChunkConfig, DeltaSpec, ModeSpec, PagingSpec

    pages = PagingSpec.equal_pages_up_to(_CHUNK)
    candidates = [
        ChunkConfig(8, paging_spec=pages, enable_8_bit=True),
        ChunkConfig(12, paging_spec=pages, enable_8_bit=True),
        ChunkConfig(12, ModeSpec.classic(), paging_spec=pages, enable_8_bit=True),
        ChunkConfig(8, ModeSpec.auto(), DeltaSpec.try_lookback(), pages, enable_8_bit=True),
    ]
    best, sizes, ratios = {}, {}, {}
    for index, sample in samples.items():
        trials = [len(_pcodec(sample, config)) for config in candidates]
        sizes[index] = min(trials)
        best[index] = candidates[trials.index(sizes[index])]
        ratios[index] = len(_stream(sample.tobytes(), width)) / sizes[index]

    def total(threshold: float) -> int:
        joined = b"".join(samples[i].tobytes() for i in samples if ratios[i] <= threshold)
        return len(_stream(joined, width)) + sum(sizes[i] for i in samples if ratios[i] > threshold)

    threshold = min(_THRESHOLDS, key=total)
    return {index: best[index] for index in samples if ratios[index] > threshold}


def _pcodec(words: Values, config: Any) -> bytes:
    from pcodec import wrapped

    pieces = []
    for start in range(0, len(words), _CHUNK):
        coder = wrapped.FileCompressor().chunk_compressor(words[start : start + _CHUNK], config)
        pieces += [coder.write_meta(), coder.write_page(0)]
    return b"".join(pieces)


def _unpcodec(decoder: Any, coded: bytes, words: Values) -> Values:
    """The inverse of ``_pcodec``, into ``words``."""
    name = f"{words.dtype.kind}{8 * words.itemsize}"
    for start in range(0, len(words), _CHUNK):
        chunk = words[start : start + _CHUNK]
        page, used = decoder.chunk_decompressor(coded, name)
        coded = coded[used:]
        progress, used = page.read_page_into(coded, len(chunk), chunk)
        coded = coded[used:]
        if progress.n_processed != len(chunk):
            raise DamagedFileError("a buffer is truncated")
    if coded:
        raise DamagedFileError("a buffer is longer than its column")
    return words


def _filters(length: int, width: int) -> list[dict[str, int]]:
    """LZMA's filters for bytes of words: a byte depends most on its position in the word."""
    position_bits = width.bit_length() - 1
    window = min(max(length, 1 << 12), 1 << 26)
    preset = {"id": lzma.FILTER_LZMA1, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": window}
    return [preset | {"lc": 0, "lp": position_bits, "pb": position_bits}]


def _stream(raw: bytes, width: int) -> bytes:
    """Words compressed with LZMA, after their sizes before and after compression."""
    coded = lzma.compress(raw, lzma.FORMAT_RAW, filters=_filters(len(raw), width))
    return encode_varint(len(raw)) + encode_varint(len(coded)) + coded


def _read_stream(data: bytes, at: int, width: int, largest: int) -> tuple[bytes, int]:
    (length, size), at = _read_numbers(data, at, 2)
    if length > largest:
        raise DamagedFileError(f"a stream of {length} bytes is larger than the limit {largest}")
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_filters(length, width))
    raw = decoder.decompress(data[at : at + size], length)
    if len(raw) != length:
        raise DamagedFileError("a stream is truncated")
    return raw, at + size


def _read_numbers(data: bytes, at: int, count: int) -> tuple[list[int], int]:
    numbers = []
    for _ in range(count):
        value, at = decode_varint(data, at)
        numbers.append(value)
    return numbers, at
