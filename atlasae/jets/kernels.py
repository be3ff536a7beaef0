"""The kernels of ``dijet_masses`` and ``per_event``; their references are there."""

from __future__ import annotations

from numba import float32, int64, njit, uint64

from atlasae.jets import dijet_masses
from atlasae.jets.dijet_masses import AT_ONCE
from atlasae.kernel_compiler import kernel
from atlasae.kernel_math import cos_sin, root32

growth = njit(dijet_masses.growth)
squared_mass = njit(dijet_masses.squared_mass)
is_sure = njit(dijet_masses.is_sure)
_AFTER = uint64(AT_ONCE)  # what is known of an event after decoding is so far from that before
_1, _2, _3, _4, _5, _6, _7, _SQUARE, _ERROR, _INSIDE, _EVENT, _SURE = (
    uint64(2 * AT_ONCE * k) for k in range(1, 13)
)
_LANES = uint64(32)  # that are computed at once: none is left for a slower loop


@njit
def leading_pair(pt, start, end):
    """The rows of the two largest values of some, ascending; the first of equal ones."""
    first, second = -1, -1
    for row in range(start, end):
        value = pt[row]
        is_number = abs(value) >= 0  # not NaN
        if is_number and (first < 0 or value > pt[first]):
            first, second = row, first
        elif is_number and (second < 0 or value > pt[second]):
            second = row
    return min(first, second), max(first, second)


@njit
def leads(pt, row, end):
    """Whether the first two of at most four values are the largest, the first of them first."""
    third, fourth = pt[min(row + 2, end - 1)], pt[min(row + 3, end - 1)]
    second = pt[row + 1]
    return (pt[row] >= second) & (second >= third) & (second >= fourth)


@njit
def put(room, at, pt, eta, phi, mass, i, k):
    """Put the numbers of two jets side by side with those of other events."""
    room[at] = pt[i]
    room[at + _1] = pt[k]
    room[at + _2] = eta[i]
    room[at + _3] = eta[k]
    room[at + _4] = phi[i]
    room[at + _5] = phi[k]
    room[at + _6] = mass[i]
    room[at + _7] = mass[k]


@njit
def square_at(room, at):
    """What ``squared_mass`` gives of two jets."""
    eta, other_eta, phi, other_phi = room[at + _2], room[at + _3], room[at + _4], room[at + _5]
    grown, other_grown = growth(abs(eta)), growth(abs(other_eta))
    cosine, _ = cos_sin(phi - other_phi)
    return squared_mass(
        room[at], room[at + _1], eta, other_eta, phi, other_phi, room[at + _6], room[at + _7],
        grown, other_grown, cosine, root32,
    )  # fmt: skip


@kernel("void(int64[::1], boolean[::1])")
def mark_firsts(counts, follows):
    start = uint64(0)
    for i in range(len(counts)):
        follows[start] = False
        start += uint64(counts[i])


@kernel(
    "void(float32[::1], float32[::1], float32[::1], float32[::1], float32[::1], float32[::1],"
    " float32[::1], float32[::1], int64[::1], float64, float64, float64, float32[::1], boolean[::1])"
)
def compare_masses(
    pt, eta, phi, mass, pt_after, eta_after, phi_after, mass_after,
    counts, relative, floor, absolute, room, found,
):  # fmt: skip
    bound, least, apart = float32(relative), float32(floor), float32(absolute)
    row = 0
    for start in range(0, len(counts), AT_ONCE):
        number, used = min(AT_ONCE, len(counts) - start), uint64(0)
        for i in range(number):
            size = counts[start + i]
            first, second, end, same = row, row + 1, row + size, size > 1
            if size > 4 or (size > 2 and not (leads(pt, row, end) and leads(pt_after, row, end))):
                first, second = leading_pair(pt, row, end)
                same = (first, second) == leading_pair(pt_after, row, end) and first >= 0
            found[start + i] = size > 1
            if same:
                one, other = uint64(first), uint64(second)
                put(room, used, pt, eta, phi, mass, one, other)
                put(room, used + _AFTER, pt_after, eta_after, phi_after, mass_after, one, other)
                room[used + _EVENT] = float32(i)
                used += uint64(1)
            row = end
        padded = (used + _LANES - uint64(1)) // _LANES * _LANES
        for side in range(2):
            first_one = _AFTER if side else uint64(0)
            for i in range(first_one, first_one + padded):
                square, error, inside = square_at(room, i)
                room[i + _SQUARE] = square
                room[i + _ERROR] = error
                room[i + _INSIDE] = float32(inside)
        for i in range(padded):
            k = i + _AFTER
            sure = is_sure(
                room[i + _SQUARE], room[i + _ERROR], room[i + _INSIDE] > 0,
                room[k + _SQUARE], room[k + _ERROR], room[k + _INSIDE] > 0,
                bound, least, apart, root32,
            )  # fmt: skip
            room[i + _SURE] = float32(sure)
        for i in range(used):
            found[start + int64(room[i + _EVENT])] = room[i + _SURE] == 0
    for i in range(len(room)):
        room[i] = 0
