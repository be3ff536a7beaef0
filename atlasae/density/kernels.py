"""The kernels of ``bins`` and ``trees``; their references are there."""

from __future__ import annotations

from numba import int32, int64, njit, uint8, uint64

from atlasae.kernel_compiler import kernel


@kernel("void(int32[::1], int64[::1], uint8[::1], int64[::1], uint8[::1])")
def find_bins(values, lows, widths, padded, found):
    last = uint64(len(lows) - 1)
    for i in range(len(values)):
        value = int64(values[i])
        index = uint64(0)
        half = uint64(128)
        while half:  # the same steps for every value, without a branch to predict
            index += half * uint64(padded[index + half] <= value)
            half >>= uint64(1)
        is_outside = uint64((value - lows[index]) >> widths[index] != 0)
        found[i] = uint8(index + is_outside * (last - index))


@kernel("void(int32[::1], int64, int64, uint8[::1])")
def cut_row(row, start, shift, cells):
    base = int32(start)
    for i in range(len(row)):
        cells[i] = uint8(min(max((row[i] - base) >> shift, 0), 255))


@njit
def find_some(cells, asking, inputs, thresholds, no, yes, leaves, found, count):
    """Find ``count`` leaves; the arguments as in ``find_leaves``."""
    for i in range(count):
        found[i] = 0
    for node in asking:
        index, threshold = inputs[node], thresholds[node]
        below, above = no[node], yes[node]
        for i in range(count):
            answer = above if cells[index, i] > threshold else below
            found[i] = answer if found[i] == node else found[i]
    for i in range(count):
        found[i] = leaves[found[i]]


@kernel(f"void(uint8[:,::1], {', '.join(['uint8[::1]'] * 7)})")
def find_leaves(cells, asking, inputs, thresholds, no, yes, leaves, found):
    find_some(cells, asking, inputs, thresholds, no, yes, leaves, found, len(found))
