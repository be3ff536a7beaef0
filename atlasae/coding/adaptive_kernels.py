"""The kernels of ``adaptive``; their references are there."""

from __future__ import annotations

from numba import int64, njit, uint8, uint32, uint64

from atlasae.coding.adaptive import (
    CENTER,
    COUNT_BITS,
    EARLY,
    EARLY_LEARNING,
    LEARNING,
    MOST_COUNT,
    NO_ORIGIN,
)
from atlasae.kernel_compiler import kernel

_CODE = (
    "(uint8[::1], int64, int32[:, ::1], int64[::1], int64[::1], int64[::1], int64[::1],"
    " int32[:, ::1], uint16[::1], int16[::1], uint16[::1], uint16[::1], uint32[::1], int64[::1],"
    " int64[::1], uint8[::1])"
)


@njit
def _enter(i, symbols, depth, cells, bases, own_sizes, origins, shifts, rows, room):
    """Find the first node of the cell of a symbol in each context."""
    for context in range(len(origins)):
        cell = bases[context] + int64(cells[context, i]) * own_sizes[context]
        if origins[context] != NO_ORIGIN:
            row = int64(rows[origins[context], i])
            if row >= 0:
                cell += 1 + (int64(symbols[row]) >> shifts[context])
        room[context] = cell << depth


@njit
def _mixed(place, node, contexts, squash, stretch, confidences, nodes, weights, room):
    """The probability of a one, in 2^-16."""
    total = int64(0)
    for context in range(contexts):
        known = int64(nodes[uint64(room[context] + node)])
        own = int64(stretch[uint64(known >> COUNT_BITS + 4)])
        own = own * int64(confidences[uint64(known & MOST_COUNT)]) >> 8
        room[contexts + context] = own
        total += weights[uint64(place * contexts + context)] * own
    return int64(squash[uint64(min(max(total >> 16, -2047), 2047) + CENTER)])


@njit
def _learn(place, node, bit, step, contexts, rates, nodes, weights, room):
    """Move weights and probabilities towards a bit."""
    target = bit * 65535
    for context in range(contexts):
        at = uint64(room[context] + node)
        weights[uint64(place * contexts + context)] += room[contexts + context] * step >> 18
        known = int64(nodes[at])
        probability, count = known >> COUNT_BITS, known & MOST_COUNT
        far = abs(target - probability) * int64(rates[uint64(count)]) >> 16
        probability += far if bit else -far
        nodes[at] = uint32(probability << COUNT_BITS | min(count + 1, MOST_COUNT))


@kernel("int64" + _CODE)
def encode_bits(
    symbols, depth, cells, bases, own_sizes, origins, shifts, rows,
    squash, stretch, rates, confidences, nodes, weights, room, coded,
):  # fmt: skip
    low, high, size, contexts = uint64(0), uint64(0xFFFFFFFF), 0, len(origins)
    for i in range(len(symbols)):
        _enter(i, symbols, depth, cells, bases, own_sizes, origins, shifts, rows, room)
        rate = LEARNING + EARLY_LEARNING * EARLY // (EARLY + i)
        node = int64(1)
        for place in range(depth):
            bit = int64(symbols[i]) >> (depth - 1 - place) & 1
            mixed = _mixed(
                place, node, contexts, squash, stretch, confidences, nodes, weights, room
            )
            middle = low + ((high - low) * uint64(mixed) >> uint64(16))
            if bit:
                high = middle
            else:
                low = middle + uint64(1)
            step = ((bit << 16) - mixed) * rate
            _learn(place, node, bit, step, contexts, rates, nodes, weights, room)
            node = node << 1 | bit
            while (low ^ high) < uint64(1 << 24):
                coded[size] = uint8(high >> uint64(24))
                low = low << uint64(8) & uint64(0xFFFFFFFF)
                high = high << uint64(8) & uint64(0xFFFFFFFF) | uint64(255)
                size += 1
    for places in range(5):
        shift = uint64(32 - 8 * places)
        number = low + (uint64(1) << shift) - uint64(1) >> shift << shift
        if number <= high:
            for k in range(places):
                coded[size] = uint8(number >> uint64(24 - 8 * k))
                size += 1
            break
    while size and not coded[size - 1]:
        size -= 1
    return int64(size)


@kernel("none" + _CODE)
def decode_bits(
    symbols, depth, cells, bases, own_sizes, origins, shifts, rows,
    squash, stretch, rates, confidences, nodes, weights, room, coded,
):  # fmt: skip
    low, high, number, at = uint64(0), uint64(0xFFFFFFFF), uint64(0), 0
    contexts = len(origins)
    while at < 4:
        number = number << uint64(8) | uint64(coded[at])
        at += 1
    for i in range(len(symbols)):
        _enter(i, symbols, depth, cells, bases, own_sizes, origins, shifts, rows, room)
        rate = LEARNING + EARLY_LEARNING * EARLY // (EARLY + i)
        node = int64(1)
        for place in range(depth):
            mixed = _mixed(
                place, node, contexts, squash, stretch, confidences, nodes, weights, room
            )
            middle = low + ((high - low) * uint64(mixed) >> uint64(16))
            bit = int64(number <= middle)
            if bit:
                high = middle
            else:
                low = middle + uint64(1)
            step = ((bit << 16) - mixed) * rate
            _learn(place, node, bit, step, contexts, rates, nodes, weights, room)
            node = node << 1 | bit
            while (low ^ high) < uint64(1 << 24):
                low = low << uint64(8) & uint64(0xFFFFFFFF)
                high = high << uint64(8) & uint64(0xFFFFFFFF) | uint64(255)
                number = number << uint64(8) & uint64(0xFFFFFFFF)
                if at < len(coded):
                    number |= uint64(coded[at])
                at += 1
        symbols[i] = uint8(node - (1 << depth))
