"""The kernels of ``rans`` and ``plain_bits``; their references are there."""

from __future__ import annotations

from numba import float64, int32, int64, njit, uint32, uint64

from atlasae.coding.rans import LOWEST, MOST_LANES, PRECISION, TOTAL
from atlasae.kernel_compiler import kernel

_LOWEST = uint64(LOWEST)
_MASK = uint64(TOTAL - 1)
_SHIFT = uint64(PRECISION)
_ROOM = uint64(16 + 32 - PRECISION)
_WORD = uint64(32)
_ONE = uint64(1)
_SYMBOLS = uint64(8)
_STARTS, _COUNTS = uint64(0xFFFF), uint64(16)


@njit
def _negative(number):
    """All bits where a number is negative: a choice without a branch, as few would be predicted."""
    return uint64(number >> 63)


@kernel("int64(uint8[::1], uint8[::1], uint32[::1], uint64[::1], int64, uint32[::1], int64)")
def encode_symbols(symbols, rows, entries, states, first, words, at):
    mask = uint64(len(states) - 1)
    place = uint64(at)
    for k in range(len(symbols)):
        i = uint64(len(symbols) - 1 - k)
        lane = (uint64(first) + i) & mask
        entry = uint64(entries[(uint64(rows[i]) << _SYMBOLS) | uint64(symbols[i])])
        start, count = entry & _STARTS, entry >> _COUNTS
        state = states[lane]
        words[place - _ONE] = uint32(state)
        full = _negative(int64((count << _ROOM) - _ONE - state))
        place += full
        state >>= full & _WORD
        # exact: the quotient is below 2^36, and its fraction at least 2^-12 from the next integer
        quotient = uint64(int64(float64(int64(state)) / float64(int64(count))))
        states[lane] = (quotient << _SHIFT) + start + (state - quotient * count)
    return int64(place)


@njit
def decode_some(rows, entries, slots, states, first, words, at, symbols, count):
    """Decode ``count`` symbols; states, words and ``at`` as in ``decode_symbols``."""
    lanes = len(states)
    place, limit = uint64(at), uint64(len(words) - MOST_LANES)
    done = 0
    while done < count and place <= limit:  # a symbol of each lane takes a word at most
        lane = (first + done) & (lanes - 1)
        some = min(lanes - lane, count - done)
        for k in range(some):
            i = uint64(done + k)
            j = uint64(lane + k)
            state = states[j]
            slot = state & _MASK
            row = uint64(rows[i])
            symbol = slots[(row << _SHIFT) | slot]
            entry = uint64(entries[(row << _SYMBOLS) | uint64(symbol)])
            state = (entry >> _COUNTS) * (state >> _SHIFT) + slot - (entry & _STARTS)
            low = _negative(int64(state - _LOWEST))
            states[j] = (state << (low & _WORD)) | (uint64(words[place]) & low)
            place -= low
            symbols[i] = symbol
        done += some
    return int64(place)


@kernel(
    "int64(uint8[::1], uint32[::1], uint8[::1], uint64[::1], int64, uint32[::1], int64, uint8[::1])"
)
def decode_symbols(rows, entries, slots, states, first, words, at, symbols):
    return decode_some(rows, entries, slots, states, first, words, at, symbols, len(symbols))


@kernel("int64(uint8[::1], int32[::1], int64[::1], uint8[::1], uint64[::1], int64)")
def write_bits(classes, values, lows, widths, words, position):
    index = uint64(position >> 6)
    used = uint64(position & 63)
    word = words[index]
    for i in range(len(classes)):
        width = uint64(widths[classes[i]])
        offset = uint64(int64(values[i]) - lows[classes[i]])
        word |= offset << used
        used += width
        if used >= uint64(64):
            words[index] = word
            index += _ONE
            used -= uint64(64)
            word = offset >> (width - used) if used else uint64(0)
    words[index] = word
    return int64((index << uint64(6)) + used)


@njit
def read_some(classes, lows, widths, words, position, values, count):
    """Read ``count`` integers; reads no word beyond the last."""
    at = uint64(position)
    last = uint64(len(words) - 2)
    for k in range(count):
        i = uint64(k)
        width = uint64(widths[classes[i]])
        index = min(at >> uint64(5), last)
        both = uint64(words[index]) | (uint64(words[index + _ONE]) << _WORD)
        offset = (both >> (at & uint64(31))) & ((_ONE << width) - _ONE)
        values[i] = int32(lows[classes[i]] + int64(offset))
        at += width
    return int64(at)


@kernel("int64(uint8[::1], int64[::1], uint8[::1], uint32[::1], int64, int32[::1])")
def read_bits(classes, lows, widths, words, position, values):
    return read_some(classes, lows, widths, words, position, values, len(classes))
