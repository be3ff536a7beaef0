"""The kernels that code a feature for all ranks of a group: what traversal does rank by rank.

Their references are ``RankByRank`` with ``event_inputs``, ``coordinates`` and ``event_context``. The
events of a rank are treated in chunks, so that what is known of them stays in the cache.
"""

from __future__ import annotations

from numba import float32, int32, int64, njit, uint8

from atlasae.coding.kernels import decode_some, read_some
from atlasae.density.coordinates import IS_LIGHT, LIGHT
from atlasae.density.directions import PER_RADIAN, SMALL
from atlasae.density.event_context import (
    ANGLE,
    AXIS,
    COUNT,
    ETA_MASK,
    LEAD_PHI,
    PHI_MASK,
    RATIO,
    SQUARE,
    SUM,
    X,
    Y,
)
from atlasae.density.event_inputs import (
    DISTANCE,
    DISTANCE_TO_RECOIL,
    DROP,
    DROP_TO_NEXT,
    FROM_RECOIL,
    JETS_LEFT,
    LARGEST_DROP,
    OWN,
    PT_OVER_RECOIL,
    RANK,
    RECOIL,
    SIZE_OF_RECOIL,
    SUM_OF_EVENT,
    VALUE,
)
from atlasae.density.feature_layout import LARGEST
from atlasae.density.group_coding import (
    ABSOLUTE,
    CHUNK,
    CIRCLE,
    ETA,
    LINEAR,
    LOW_BITS,
    MASS,
    PHI,
    PHI_KIND,
    PT,
    SHIFT,
)
from atlasae.density.kernels import find_some
from atlasae.exact_math import PI
from atlasae.kernel_compiler import kernel
from atlasae.kernel_math import arctan2, bits_of_float32, cos_sin, float32_of_bits, wrap
from atlasae.quantization.kernels import absolute_integer, absolute_value


@njit
def _fill_row(kind, feature, jet, rank, event, count, integers, floats, offsets, roles, row):
    """Fill in an input of ``count`` events from ``event`` on; see ``event_inputs.KINDS``."""
    own = offsets[rank] + event
    before = offsets[max(rank - 1, 0)] + event
    earlier = 0 if jet == 0 else rank - jet
    other = own if jet == OWN else offsets[earlier] + event
    if kind == VALUE and feature == roles[ETA]:
        for i in range(count):
            row[i] = integers[feature, other + i] ^ integers[ETA_MASK, event + i]
    elif kind == DROP or (kind == VALUE and feature == roles[MASS]):
        high, at = (feature, before) if kind == DROP else (feature, other)
        low, below = (feature, own) if kind == DROP else (roles[PT], other)
        for i in range(count):
            row[i] = integers[high, at + i] - integers[low, below + i]
    elif kind in (VALUE, JETS_LEFT, RANK):
        source, at = (feature, other) if kind == VALUE else (int64(COUNT), event)
        factor = int32(kind != RANK)
        shift = int32(0 if kind == VALUE else rank if kind == RANK else -rank)
        for i in range(count):
            row[i] = integers[source, at + i] * factor + shift
    elif kind == DROP_TO_NEXT:
        start = offsets[min(rank + 1, len(offsets) - 1)] + event
        stop = offsets[min(rank + 2, len(offsets) - 1)]
        last = integers.shape[1] - 1
        for i in range(count):
            drop = integers[feature, own + i] - integers[feature, min(start + i, last)]
            row[i] = drop if start + i < stop else LARGEST_DROP
    elif kind in (SUM_OF_EVENT, SIZE_OF_RECOIL):
        source, at = (SUM, event) if kind == SUM_OF_EVENT else (SQUARE, before)
        for i in range(count):
            row[i] = bits_of_float32(floats[source, at + i])
    elif kind == PT_OVER_RECOIL:
        for i in range(count):
            ratio = floats[RATIO, own + i]
            row[i] = bits_of_float32(ratio * ratio / floats[SQUARE, before + i])
    else:
        _fill_angles(kind, own, before, other, event, count, integers, floats, row)


@njit
def _fill_angles(kind, own, before, other, event, count, integers, floats, row):
    """Fill in an angle between two directions of each event."""
    one, at = (AXIS, before) if kind == RECOIL else (ANGLE, other)
    two, start, sign = AXIS, before, float32(1)
    if kind == RECOIL:
        two, start, sign = LEAD_PHI, event, float32(-1)
    elif kind == DISTANCE:
        one, at, two, start = ANGLE, own, ANGLE, other
    is_distance = kind in (DISTANCE, DISTANCE_TO_RECOIL)
    use_mask = int32(kind == FROM_RECOIL)
    for i in range(count):
        angle = int32(wrap(floats[one, at + i] - sign * floats[two, start + i]) * PER_RADIAN)
        angle = abs(angle) if is_distance else angle
        row[i] = angle ^ (integers[PHI_MASK, event + i] * use_mask)


# The loops below take each row as an array of its own: a compiler then sees that they do not overlap,
# and treats several events at once.


@njit
def _origins(axis, lead, step, origin):
    """The integers of phi opposite to the jets before; see ``FeatureLayout.nearest``."""
    for i in range(len(axis)):
        origin[i] = absolute_integer(wrap(axis[i] + lead[i]), step)


@njit
def _wrapped(value, circle, half):
    value = int32(value - (circle if value > half else int32(0)))
    return int32(value + (circle if value < -half else int32(0)))


@njit
def _around(back, given, origin, masks, use_mask, circle, found):
    """Fill in coordinates of phi, or, ``back``, integers of coordinates; see ``Around``."""
    half = int32(circle // 2 if circle else (1 << 31) - 1)  # without a circle nothing is wrapped
    if back:
        for i in range(len(given)):
            mask = int32(masks[i] & use_mask)
            turned = int32(int32(given[i] ^ mask) - mask)
            found[i] = _wrapped(int32(turned + origin[i]), circle, half)
    else:
        for i in range(len(given)):
            mask = int32(masks[i] & use_mask)
            turned = int32(int32(given[i] - origin[i]) ^ mask)
            found[i] = _wrapped(int32(turned - mask), circle, half)


@njit
def _mirrored(given, mask, found):
    for i in range(len(given)):
        found[i] = given[i] ^ mask[i]


@njit
def _below(high, given, found):
    for i in range(len(given)):
        found[i] = high[i] - given[i]


@njit
def _ratio(back, given, pt, linear, found):
    """Fill in coordinates of masses, or, ``back``, masses of coordinates; see ``Ratio``."""
    if back:
        for i in range(len(given)):
            found[i] = given[i] + (int32(LIGHT) if given[i] < IS_LIGHT else pt[i])
    else:
        for i in range(len(given)):
            found[i] = given[i] - (int32(LIGHT) if abs(given[i]) <= linear else pt[i])


@njit
def _map(
    back, feature, rank, event, count, integers, floats, offsets, roles, step, origin, given, found
):
    """Fill in the coordinates of ``count`` events, or, ``back``, the integers of coordinates."""
    own = offsets[rank] + event
    before = offsets[max(rank - 1, 0)] + event
    if feature == roles[MASS]:
        _ratio(back, given, integers[roles[PT], own : own + count], roles[LINEAR], found)
    elif feature == roles[ETA]:
        _mirrored(given, integers[ETA_MASK, event : event + count], found)
    elif rank > 0 and feature == roles[PT]:
        _below(integers[feature, before : before + count], given, found)
    elif rank > 0 and feature == roles[PHI] and roles[PHI_KIND] == ABSOLUTE:
        axis, lead = floats[AXIS, before : before + count], floats[LEAD_PHI, event : event + count]
        _origins(axis, lead, step, origin[:count])
        masks = integers[PHI_MASK, event : event + count]
        _around(back, given, origin[:count], masks, -int32(rank > 1), int32(roles[CIRCLE]), found)
    else:
        for i in range(count):
            found[i] = given[i]


@njit
def _phi_values(integers, roles, step, values):
    """Fill in phi as finite float32; see ``FeatureLayout.values``."""
    if roles[PHI_KIND] == ABSOLUTE:
        for i in range(len(values)):
            value = absolute_value(integers[i], step)
            values[i] = max(min(value, float32(LARGEST)), float32(-LARGEST))
    else:
        for i in range(len(values)):
            ordered = int32(integers[i] << roles[LOW_BITS])
            sign = ordered >> 31
            value = float32_of_bits(int32((ordered ^ sign) << roles[SHIFT]) ^ int32(sign << 31))
            value = float32(LARGEST) if value != value else value
            values[i] = max(min(value, float32(LARGEST)), float32(-LARGEST))


@njit
def _from_lead(phi, lead, angle):
    for i in range(len(phi)):
        angle[i] = wrap(phi[i] - lead[i])


@njit
def _turn(angle, cosine, sine):
    for i in range(len(angle)):
        cosine[i], sine[i] = cos_sin(angle[i])


@njit
def _add(before, ratio, part, total):
    for i in range(len(part)):
        total[i] = before[i] + ratio[i] * part[i]


@njit
def _find_axes(x, y, axis, square):
    for i in range(len(x)):
        axis[i] = arctan2(-y[i], -x[i])
        square[i] = x[i] * x[i] + y[i] * y[i] + SMALL


@njit
def _add_phi(feature, rank, event, count, integers, floats, offsets, roles, step):
    """Add the directions of jets; see ``EventContext``."""
    own = offsets[rank] + event
    before = offsets[max(rank - 1, 0)] + event
    phi, angle = floats[SQUARE, own : own + count], floats[ANGLE, own : own + count]
    lead = floats[LEAD_PHI, event : event + count]
    _phi_values(integers[feature, own : own + count], roles, step, phi)
    if rank == 0:
        for i in range(count):
            lead[i] = min(max(phi[i], float32(-PI)), float32(PI))
    _from_lead(phi, lead, angle)
    if rank == 1:
        for i in range(count):
            integers[PHI_MASK, event + i] = -int32(angle[i] < 0)
    following = offsets[min(rank + 2, len(offsets) - 1)] - offsets[rank + 1] - event
    some = min(max(following, 0), count)  # nothing asks for the sum with an event's last jet
    axis, square = floats[AXIS, own : own + some], floats[SQUARE, own : own + some]
    x, y = floats[X, own : own + some], floats[Y, own : own + some]
    ratio = floats[RATIO, own : own + some]
    _turn(angle[:some], axis, square)
    _add(floats[X, before : before + some], ratio, axis, x)
    _add(floats[Y, before : before + some], ratio, square, y)
    _find_axes(x, y, axis, square)


@kernel(
    "void(boolean, int64, int64, int64, float64, int32[:,::1], float32[:,::1], int64[::1],"
    f" int64[::1], int64[:,::1], {', '.join(['uint8[::1]'] * 4)}, uint32[::1], uint8[::1],"
    " int64[::1], uint8[::1], uint64[::1], uint32[::1], uint32[::1], int64[::1],"
    " int32[::1], int32[::1], uint8[:,::1], int32[::1], uint8[::1])"
)
def code_ranks(
    decode, feature, first, last, step, integers, floats, offsets,
    roles, cuts, inputs, thresholds, no, yes, entries, slots,
    lows, widths, states, words, plain, positions,
    row, origin, cells, coordinates, found,
):  # fmt: skip
    """Decode a feature of the jets of some ranks, or describe it; and add it to the context.

    To decode, ``states``, ``words`` and ``plain`` are read; ``positions`` are the index of the next
    symbol, the next word and the next plain bit. To describe, coordinates and leaves are filled in;
    to decode, those of a chunk are enough.
    """
    symbols = cells[len(cuts)]
    for rank in range(first, last):
        jets = offsets[rank + 1] - offsets[rank]
        for event in range(0, jets, CHUNK):
            count = min(CHUNK, jets - event)
            at = 0 if decode else offsets[rank] - offsets[first] + event
            for k in range(len(cuts)):
                _fill_row(
                    cuts[k, 0], cuts[k, 1], cuts[k, 2], rank, event, count,
                    integers, floats, offsets, roles, row,
                )  # fmt: skip
                start, shift = cuts[k, 3], cuts[k, 4]
                for i in range(count):
                    cells[k, i] = uint8(min(max((row[i] - start) >> shift, 0), 255))
            own_leaves, own = found[at : at + count], coordinates[at : at + count]
            own_integers = integers[feature, offsets[rank] + event : offsets[rank] + event + count]
            find_some(cells, inputs, thresholds, no, yes, own_leaves, count)
            if decode:
                positions[1] = decode_some(
                    own_leaves, entries, slots, states, positions[0], words, positions[1],
                    symbols, count,
                )  # fmt: skip
                positions[0] += count
                positions[2] = read_some(symbols, lows, widths, plain, positions[2], own, count)
            else:
                _map(
                    False, feature, rank, event, count, integers, floats, offsets, roles, step,
                    origin, own_integers, own,
                )  # fmt: skip
            _map(
                True, feature, rank, event, count, integers, floats, offsets, roles, step,
                origin, own, own_integers,
            )  # fmt: skip
            if feature == roles[PHI]:
                _add_phi(feature, rank, event, count, integers, floats, offsets, roles, step)
