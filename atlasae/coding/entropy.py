"""Entropy coder: symbols with tabulated probabilities, and plain bits, to bytes and back.

``EntropyEncoder`` and ``EntropyDecoder`` share the interface ``EntropyCoder``, so that a density
visits its symbols in the same way for both: the encoder is given symbols and returns them, the
decoder is given None and returns the decoded symbols.

The bytes are: one byte with the number of lanes; the number of words of the symbols (varint); the
states of the lanes, 6 bytes each; the words, 4 bytes each; the plain bits. Both streams are read
from their beginning on, so a reader can stop after any symbol.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.coding.plain_bits import MOST_BITS, read_bits, write_bits
from atlasae.coding.rans import LOWEST, MOST_LANES, Tables, decode_symbols, encode_symbols
from atlasae.coding.varint import decode_varint, encode_varint
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from atlasae.types import Classes, Integers32

CODER = "rans 1"  # stored with codecs; changes whenever the bytes change

_SYMBOLS_PER_LANE = 8192  # at least: a lane takes 16 bits
_STATE_BYTES = 6


NO_SYMBOLS = b"\0\0"  # how the bytes of an encoder that coded plain bits alone begin


@dataclass(frozen=True)
class BitClasses:
    """Classes of integers: those of one class share their least value and their number of bits.

    Attributes:
        lows: least value of each class, int64.
        widths: number of bits, at most 32, uint8.

    Example:
        >>> BitClasses.of_width(3)
        BitClasses(lows=array([0]), widths=array([3], dtype=uint8))
    """

    lows: NDArray[np.int64]
    widths: Classes

    @classmethod
    def of_width(cls, bits: int) -> BitClasses:
        """The one class of integers from 0 to below 2^bits."""
        return cls(np.zeros(1, np.int64), np.array([bits], np.uint8))


class EntropyCoder(ABC):
    """The symmetric interface of encoder and decoder, as a density uses it."""

    @abstractmethod
    def symbols(self, tables: Tables, rows: Classes, symbols: Classes | None) -> Classes:
        """Code symbols with the probabilities of a row of the tables each.

        Args:
            tables: the probabilities.
            rows: the table of each symbol, shape (n,).
            symbols: shape (n,); None to decode them.
        """

    @abstractmethod
    def bits(self, classes: Classes, kinds: BitClasses, values: Integers32 | None) -> Integers32:
        """Code integers as plain bits.

        Args:
            classes: the class of each integer, shape (n,).
            kinds: of the classes.
            values: shape (n,); None to decode them.
        """

    def table(self, table: Tables, count: int, symbols: Classes | None) -> Classes:
        """Code ``count`` symbols with the probabilities of a single table."""
        return self.symbols(table, np.zeros(count, np.uint8), symbols)

    def uniform(self, width: int, count: int, values: Integers32 | None) -> Integers32:
        """Code ``count`` integers from 0 to below 2^width, width <= 31."""
        return self.bits(np.zeros(count, np.uint8), BitClasses.of_width(width), values)


class EntropyEncoder(EntropyCoder):
    """Encodes integers into bytes.

    Example:
        >>> import numpy as np
        >>> tables = Tables.of(np.array([[8, 1, 1]]))
        >>> encoder = EntropyEncoder()
        >>> _ = encoder.table(tables, 3, np.array([0, 0, 2], np.uint8))
        >>> _ = encoder.uniform(10, 1, np.array([1000], np.int32))
        >>> decoder = EntropyDecoder(encoder.to_bytes())
        >>> decoder.table(tables, 3, None), decoder.uniform(10, 1, None)
        (array([0, 0, 2], dtype=uint8), array([1000], dtype=int32))
        >>> decoder.is_done
        True
    """

    def __init__(self) -> None:
        self._symbols: list[tuple[Tables, Classes, Classes]] = []
        self._bits: list[tuple[BitClasses, Classes, Integers32]] = []

    def symbols(self, tables: Tables, rows: Classes, symbols: Classes | None) -> Classes:
        assert symbols is not None
        self._symbols.append((tables, rows, symbols))
        return symbols

    def bits(self, classes: Classes, kinds: BitClasses, values: Integers32 | None) -> Integers32:
        assert values is not None
        self._bits.append((kinds, classes, values))
        return values

    def to_bytes(self) -> bytes:
        """The bytes of all that was encoded; they are decoded and compared before they are given."""
        total = sum(len(symbols) for _, _, symbols in self._symbols)
        lanes = lane_count(total)
        states, words = np.full(lanes, LOWEST, np.uint64), np.empty(total + 1, np.uint32)
        at, first = total + 1, total
        for tables, rows, symbols in reversed(self._symbols):
            first -= len(symbols)
            at = encode_symbols(symbols, rows, tables.entries, states, first, words, at)
        head = bytes([lanes.bit_length()]) + encode_varint(total + 1 - at)
        words = words[at:].astype("<u4", copy=False)
        data = b"".join([head, _pack_states(states), words.tobytes(), self._plain_bits()])
        self._verify(EntropyDecoder(data))
        return data

    def _plain_bits(self) -> bytes:
        most = sum(len(classes) for _, classes, _ in self._bits) * MOST_BITS
        words, position = np.zeros(most // 64 + 2, np.uint64), 0
        for kinds, classes, values in self._bits:
            position = write_bits(classes, values, kinds.lows, kinds.widths, words, position)
        return words.astype("<u8", copy=False).tobytes()[: -(-position // 8)]

    def _verify(self, decoder: EntropyDecoder) -> None:
        same = all(
            np.array_equal(decoder.symbols(tables, rows, None), symbols)
            for tables, rows, symbols in self._symbols
        ) and all(
            np.array_equal(decoder.bits(classes, kinds, None), values)
            for kinds, classes, values in self._bits
        )
        if not (same and decoder.is_done):
            raise AssertionError("bytes did not decode to what was coded: please report this")


class EntropyDecoder(EntropyCoder):
    """Decodes the bytes of an EntropyEncoder, when asked in the same order.

    Args:
        data: the bytes.

    Raises:
        DamagedFileError: the bytes are not those of an encoder, here or while decoding.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        try:
            lanes = (1 << data[0]) >> 1
            count, start = decode_varint(data, 1)
        except IndexError as error:
            raise DamagedFileError("the coded symbols are cut off") from error
        middle = start + lanes * _STATE_BYTES
        stop = middle + 4 * count
        if lanes > MOST_LANES or stop > len(data):
            raise DamagedFileError(f"{len(data)} bytes cannot hold {count} words of symbols")
        self._states = _unpack_states(data[start:middle])
        self._word_count = count
        self._words = np.zeros(count + MOST_LANES, np.uint32)
        self._words[:count] = np.frombuffer(data, "<u4", count, middle)
        self._bytes_left = len(data) - stop
        plain = np.zeros(self._bytes_left // 4 + 3, "<u4")  # no word is read beyond them
        plain.view(np.uint8)[: self._bytes_left] = np.frombuffer(data, np.uint8, offset=stop)
        self._plain = plain.astype(np.uint32, copy=False)
        self._positions = np.zeros(3, np.int64)  # the next symbol, word and plain bit

    @property
    def is_done(self) -> bool:
        """Whether all that was encoded has been decoded."""
        _, word, bit = self._positions.tolist()
        return (
            word == self._word_count
            and bool((self._states == LOWEST).all())
            and -(-bit // 8) == self._bytes_left
        )

    def symbols(self, tables: Tables, rows: Classes, symbols: Classes | None) -> Classes:
        assert symbols is None
        decoded = np.empty(len(rows), np.uint8)
        first, word, _ = self._positions.tolist()
        self._require_lanes(len(rows))
        self._positions[1] = decode_symbols(
            rows, tables.entries, tables.slots, self._states, first, self._words, word, decoded
        )
        self._positions[0] += len(rows)
        self._check()
        return decoded

    def bits(self, classes: Classes, kinds: BitClasses, values: Integers32 | None) -> Integers32:
        assert values is None
        decoded = np.empty(len(classes), np.int32)
        self._positions[2] = read_bits(
            classes, kinds.lows, kinds.widths, self._plain, int(self._positions[2]), decoded
        )
        self._check()
        return decoded

    def decode_with(self, kernel: Callable[..., Any], count: int) -> None:
        """Decode ``count`` symbols and their plain bits by a kernel.

        Args:
            kernel: takes the states, words, plain bits and positions.
            count: number of symbols.
        """
        self._require_lanes(count)
        kernel(self._states, self._words, self._plain, self._positions)
        self._check()

    def _require_lanes(self, count: int) -> None:
        if count and not len(self._states):
            raise DamagedFileError("the coded symbols end too early")

    def _check(self) -> None:
        _, word, bit = self._positions.tolist()
        if word > self._word_count:
            raise DamagedFileError("the coded symbols end too early")
        if bit > 8 * self._bytes_left:
            raise DamagedFileError("the plain bits end too early")


def lane_count(symbols: int) -> int:
    """Lanes for this many symbols: a power of two, 0 for none.

    Example:
        >>> [lane_count(n) for n in (0, 10, 5000, 10_000_000)]
        [0, 1, 1, 128]
    """
    if not symbols:
        return 0
    return min(1 << max(symbols // _SYMBOLS_PER_LANE, 1).bit_length() - 1, MOST_LANES)


def _pack_states(states: NDArray[np.uint64]) -> bytes:
    return states.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :_STATE_BYTES].tobytes()


def _unpack_states(data: bytes | memoryview) -> NDArray[np.uint64]:
    padded = np.zeros((len(data) // _STATE_BYTES, 8), np.uint8)
    padded[:, :_STATE_BYTES] = np.frombuffer(data, np.uint8).reshape(-1, _STATE_BYTES)
    return padded.view("<u8").astype(np.uint64).reshape(-1)
