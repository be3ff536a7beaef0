"""The kernels of ``bins``, ``trees``, ``jet_ranks`` and ``event_context``; their references are there."""

from __future__ import annotations

from numba import float32, int32, int64, njit, uint8, uint64

from atlasae.density.event_context import LARGEST_RATIO, SMALLEST_PT
from atlasae.kernel_compiler import kernel


@kernel("void(int32[::1], int64[::1], uint8[::1], uint8[::1], int64, int64, uint8[::1])")
def find_bins(values, starts, widths, firsts, base, shift, found):
    last = uint64(len(widths) - 1)
    cells = int64(len(firsts) - 1)
    for i in range(len(values)):
        value = int64(values[i])
        index = uint64(firsts[uint64(min(max((value - base) >> shift, 0), cells))])
        while starts[index + uint64(1)] <= value:  # rarely
            index += uint64(1)
        is_outside = uint64((value - starts[index]) >> widths[index] != 0)
        found[i] = uint8(index + is_outside * (last - index))


@kernel("void(int64[::1], int64[::1], int64[::1], int32[::1], int32[::1])")
def rank_jets(counts, offsets, places, ordered, rows):
    first = int32(0)
    for event in range(len(counts)):
        count = counts[event]
        place = places[count]
        places[count] += 1
        ordered[place] = count
        if count:
            rows[place] = first
        first += int32(count)
    for rank in range(1, len(offsets) - 1):
        start = offsets[rank]
        for i in range(offsets[rank + 1] - start):
            rows[start + i] = rows[i] + int32(rank)


@kernel("void(int32[::1], int32[::1], int32[::1])")
def gather(column, rows, gathered):
    for i in range(len(rows)):
        gathered[i] = column[uint64(rows[i])]


@kernel("void(int32[::1], int32[::1], int32[::1])")
def scatter(column, rows, scattered):
    for i in range(len(rows)):
        scattered[uint64(rows[i])] = column[i]


@kernel("void(float32[::1], int64[::1], float32[::1], float32[::1])")
def add_ratios(pt, offsets, ratios, total):
    for rank in range(len(offsets) - 1):
        start = offsets[rank]
        for i in range(offsets[rank + 1] - start):
            ratio = pt[start + i] / max(pt[i], SMALLEST_PT)
            ratio = min(max(ratio, -LARGEST_RATIO), LARGEST_RATIO)
            ratios[start + i] = ratio
            total[i] += ratio
    for i in range(len(total)):
        total[i] = max(total[i], float32(0))


@kernel("void(int32[::1], int64, int64, uint8[::1])")
def cut_row(row, start, shift, cells):
    base = int32(start)
    for i in range(len(row)):
        cells[i] = uint8(min(max((row[i] - base) >> shift, 0), 255))


@njit
def find_some(cells, inputs, thresholds, no, yes, found, count):
    """Find ``count`` leaves; the arguments as in ``find_leaves``."""
    leaves = len(inputs) + 1
    root = uint8(leaves if len(inputs) else 0)
    for i in range(count):
        found[i] = root
    for question in range(len(inputs)):
        index, threshold, place = inputs[question], thresholds[question], uint8(leaves + question)
        below, above = no[question], yes[question]
        for i in range(count):
            answer = above if cells[index, i] > threshold else below
            found[i] = answer if found[i] == place else found[i]


@kernel(f"void(uint8[:,::1], {', '.join(['uint8[::1]'] * 5)})")
def find_leaves(cells, inputs, thresholds, no, yes, found):
    find_some(cells, inputs, thresholds, no, yes, found, len(found))
