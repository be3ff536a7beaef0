"""Numbers in the stored form of codecs: each kind is written and read by a pair of functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
    from atlasae.types import Integers, Values


BIT_LENGTHS = 64  # possible bit lengths of an integer, 0 among them
_POWERS = 1 << np.arange(63)  # the bit length of n is the number of these that are <= n


def write_integer(encoder: EntropyEncoder, value: int, size: int) -> None:
    """Write one integer from [0, size).

    Example:
        >>> from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
        >>> encoder = EntropyEncoder()
        >>> write_integer(encoder, 5, size=8)
        >>> read_integer(EntropyDecoder(encoder.to_bytes()), size=8)
        5
    """
    encoder.encode_uniform(np.array([value], np.int64), np.array([size]))


def read_integer(decoder: EntropyDecoder, size: int) -> int:
    """Read one integer from [0, size)."""
    return int(decoder.decode_uniform(np.array([size]))[0])


def write_float(encoder: EntropyEncoder, value: float) -> None:
    """Write a float64 as words of 16 bits, high ones first, without zeros at the low end.

    Example:
        >>> from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
        >>> encoder = EntropyEncoder()
        >>> write_float(encoder, 0.1)
        >>> read_float(EntropyDecoder(encoder.to_bytes()))
        0.1
    """
    words = np.array([value], ">f8").view(">u2").astype(np.int64)
    count = int(np.max(np.flatnonzero(words) + 1, initial=0))
    write_integer(encoder, count, 5)
    encoder.encode_uniform(words[:count], np.full(count, 1 << 16))


def read_float(decoder: EntropyDecoder) -> float:
    """Read what ``write_float`` wrote."""
    words = np.zeros(4, ">u2")
    count = read_integer(decoder, 5)
    words[:count] = decoder.decode_uniform(np.full(count, 1 << 16))
    return float(words.view(">f8")[0])


def write_array(encoder: EntropyEncoder, values: Values) -> None:
    """Write an array of integers of one of numpy's dtypes, without its shape and dtype.

    Example:
        >>> from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
        >>> encoder = EntropyEncoder()
        >>> write_array(encoder, np.array([[1, -2]], np.int8))
        >>> read_array(EntropyDecoder(encoder.to_bytes()), (1, 2), "i1")
        array([[ 1, -2]], dtype=int8)
    """
    info = np.iinfo(values.dtype)
    write_range(encoder, values.ravel().astype(np.int64), 1 << info.bits, int(info.min))


def read_array(decoder: EntropyDecoder, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """Read an array of this shape and dtype."""
    info = np.iinfo(dtype)
    flat = read_range(decoder, int(np.prod(shape)), 1 << info.bits, int(info.min))
    return flat.astype(dtype).reshape(shape)


def write_range(encoder: EntropyEncoder, values: Integers, size: int, lowest: int) -> None:
    """Write integers from [lowest, lowest + size): their minimum, then each above it."""
    low = int(values.min()) - lowest
    write_integer(encoder, low, size)
    write_limited(encoder, values - (lowest + low), size - low)


def read_range(decoder: EntropyDecoder, count: int, size: int, lowest: int) -> Integers:
    """Read ``count`` integers from [lowest, lowest + size)."""
    low = read_integer(decoder, size)
    return read_limited(decoder, count, size - low) + (lowest + low)


def write_limited(encoder: EntropyEncoder, values: Integers, size: int) -> None:
    """Write integers from [0, size): their maximum, then each up to it."""
    if not len(values):
        return
    largest = int(values.max())
    write_integer(encoder, largest, size)
    if len(values) > 1:
        encoder.encode_uniform(values, np.full(len(values), largest + 1))


def read_limited(decoder: EntropyDecoder, count: int, size: int) -> Integers:
    """Read ``count`` integers from [0, size)."""
    if not count:
        return np.zeros(0, np.int64)
    largest = read_integer(decoder, size)
    if count == 1:
        return np.array([largest])
    return decoder.decode_uniform(np.full(count, largest + 1))


def write_unsigned(encoder: EntropyEncoder, values: Integers) -> None:
    """Write integers from [0, 2^63): their bit lengths, then the bits below the leading one.

    Example:
        >>> from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
        >>> encoder = EntropyEncoder()
        >>> write_unsigned(encoder, np.array([3, 1 << 40, 0]))
        >>> read_unsigned(EntropyDecoder(encoder.to_bytes()), 3)
        array([            3, 1099511627776,             0])
    """
    lengths = np.searchsorted(_POWERS, values, side="right")
    leading = _leading_bits(lengths)
    write_limited(encoder, lengths, BIT_LENGTHS)
    encoder.encode_uniform(values - leading, np.maximum(leading, 1))


def read_unsigned(decoder: EntropyDecoder, count: int) -> Integers:
    """Read ``count`` integers from [0, 2^63)."""
    leading = _leading_bits(read_limited(decoder, count, BIT_LENGTHS))
    return decoder.decode_uniform(np.maximum(leading, 1)) + leading


def _leading_bits(lengths: Integers) -> Integers:
    """The leading bit of integers of these bit lengths; 0 for 0."""
    return _POWERS[np.maximum(lengths - 1, 0)] * (lengths > 0)


def write_signed(encoder: EntropyEncoder, values: Integers) -> None:
    """Write integers from [-2^62, 2^62); the sign becomes the lowest bit.

    Example:
        >>> from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
        >>> encoder = EntropyEncoder()
        >>> write_signed(encoder, np.array([-3, 200]))
        >>> read_signed(EntropyDecoder(encoder.to_bytes()), 2)
        array([ -3, 200])
    """
    write_unsigned(encoder, (values << 1) ^ (values >> 63))


def read_signed(decoder: EntropyDecoder, count: int) -> Integers:
    """Read ``count`` integers from [-2^62, 2^62)."""
    values = read_unsigned(decoder, count)
    return (values >> 1) ^ -(values & 1)
