"""The kernels of ``adaptive``; their references are there."""

from __future__ import annotations

from numba import int64, njit, uint8, uint16, uint64

from atlasae.coding.adaptive import (
    CENTER,
    EARLY,
    EARLY_LEARNING,
    LEARNING,
    MOST_COUNT,
    NO_ORIGIN,
)
from atlasae.kernel_compiler import kernel

_CODE = (
    "(uint8[::1], int64, int32[:, ::1], int64[::1], int64[::1], int64[::1], int64[::1],"
    " int32[:, ::1], uint16[::1], int16[::1], uint16[::1], uint16[::1], uint16[::1], uint8[::1],"
    " int64[::1], uint8[::1])"
)


@njit
def _first_node(i, context, symbols, depth, cells, bases, own_sizes, origins, shifts, rows):
    """The first node of the cell of a symbol in a context."""
    cell = bases[context] + int64(cells[context, i]) * own_sizes[context]
    if origins[context] != NO_ORIGIN:
        row = int64(rows[origins[context], i])
        if row >= 0:
            cell += 1 + (int64(symbols[row]) >> shifts[context])
    return cell << depth


@njit
def _mixed(
    i, symbols, depth, place, node, cells, bases, own_sizes, origins, shifts, rows,
    squash, stretch, confidences, probabilities, counts, weights,
):  # fmt: skip
    """The probability of a one, in 2^-16."""
    contexts = len(origins)
    total = int64(0)
    for context in range(contexts):
        at = node + _first_node(
            i, context, symbols, depth, cells, bases, own_sizes, origins, shifts, rows
        )
        own = int64(stretch[probabilities[at] >> 4]) * int64(confidences[counts[at]]) >> 8
        total += weights[place * contexts + context] * own
    return int64(squash[min(max(total >> 16, -2047), 2047) + CENTER])


@njit
def _learn(
    i, symbols, depth, place, node, bit, mixed, cells, bases, own_sizes, origins, shifts, rows,
    stretch, rates, confidences, probabilities, counts, weights,
):  # fmt: skip
    """Move weights and probabilities towards a bit."""
    contexts = len(origins)
    step = ((bit << 16) - mixed) * (LEARNING + EARLY_LEARNING * EARLY // (EARLY + i))
    for context in range(contexts):
        at = node + _first_node(
            i, context, symbols, depth, cells, bases, own_sizes, origins, shifts, rows
        )
        known, count = int64(probabilities[at]), int64(counts[at])
        own = int64(stretch[known >> 4]) * int64(confidences[count]) >> 8
        weights[place * contexts + context] += own * step >> 18
        if bit:
            known += (65535 - known) * int64(rates[count]) >> 16
        else:
            known -= known * int64(rates[count]) >> 16
        probabilities[at] = uint16(known)
        counts[at] = uint8(min(count + 1, MOST_COUNT))


@kernel("int64" + _CODE)
def encode_bits(
    symbols, depth, cells, bases, own_sizes, origins, shifts, rows,
    squash, stretch, rates, confidences, probabilities, counts, weights, coded,
):  # fmt: skip
    low, high, size = uint64(0), uint64(0xFFFFFFFF), 0
    for i in range(len(symbols)):
        node = int64(1)
        for place in range(depth):
            bit = int64(symbols[i]) >> (depth - 1 - place) & 1
            mixed = _mixed(
                i, symbols, depth, place, node, cells, bases, own_sizes, origins, shifts, rows,
                squash, stretch, confidences, probabilities, counts, weights,
            )  # fmt: skip
            middle = low + ((high - low) * uint64(mixed) >> uint64(16))
            if bit:
                high = middle
            else:
                low = middle + uint64(1)
            _learn(
                i, symbols, depth, place, node, bit, mixed, cells, bases, own_sizes, origins,
                shifts, rows, stretch, rates, confidences, probabilities, counts, weights,
            )  # fmt: skip
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
    squash, stretch, rates, confidences, probabilities, counts, weights, coded,
):  # fmt: skip
    low, high, number, at = uint64(0), uint64(0xFFFFFFFF), uint64(0), 0
    while at < 4:
        number = number << uint64(8) | uint64(coded[at])
        at += 1
    for i in range(len(symbols)):
        node = int64(1)
        for place in range(depth):
            mixed = _mixed(
                i, symbols, depth, place, node, cells, bases, own_sizes, origins, shifts, rows,
                squash, stretch, confidences, probabilities, counts, weights,
            )  # fmt: skip
            middle = low + ((high - low) * uint64(mixed) >> uint64(16))
            bit = int64(number <= middle)
            if bit:
                high = middle
            else:
                low = middle + uint64(1)
            _learn(
                i, symbols, depth, place, node, bit, mixed, cells, bases, own_sizes, origins,
                shifts, rows, stretch, rates, confidences, probabilities, counts, weights,
            )  # fmt: skip
            node = node << 1 | bit
            while (low ^ high) < uint64(1 << 24):
                low = low << uint64(8) & uint64(0xFFFFFFFF)
                high = high << uint64(8) & uint64(0xFFFFFFFF) | uint64(255)
                number = number << uint64(8) & uint64(0xFFFFFFFF)
                if at < len(coded):
                    number |= uint64(coded[at])
                at += 1
        symbols[i] = uint8(node - (1 << depth))
