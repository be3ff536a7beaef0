"""The side of cuts and bin edges that values lie on, which decoding keeps.

A value decoded to within its tolerance of an edge may have come from the other side. Where that is so,
what is stored beside the integers says on which side the original was: below the edge, at it, or above
it. The decoded value is then moved to the nearest number of that side. As the original lies there too,
this never makes the error larger: ``abs(moved - original) <= abs(decoded - original)``. Encoder and decoder
find from the decoded values alone which rows are concerned.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from atlasae.coding.adaptive import MOST_DEPTH, Contexts, decode, encode
from atlasae.errors import DamagedFileError
from atlasae.quantization.arithmetic import MARK_BITS, find_in_windows
from atlasae.quantization.corrections import Coded, Correction

if TYPE_CHECKING:
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Classes, Float32s, Floats, Integers, Values

_SLACK = 1 + 2.0**-20  # of windows: no rounding makes one too narrow
_PLACES = 16  # in a window, which the probabilities depend on


def sides_of(values: Values, edges: Values) -> Integers:
    """The side of each value: how many edges are below it, and how many it is not below.

    Of *m* edges, 2i is the side between the edges *i* - 1 and *i*, 2i + 1 the value of the edge *i*. NaN
    is beyond all.

    Args:
        values: shape (n,).
        edges: shape (edges,), ascending, in the dtype of the values.

    Returns:
        Shape (n,), int64, from 0 to 2 * len(edges).

    Example:
        >>> sides_of(np.array([29.9, 30.0, 44.0]), np.array([30.0, 40.0])).tolist()
        [0, 1, 4]
    """
    sides: Integers = np.searchsorted(edges, values)
    sides += np.searchsorted(edges, values, "right")
    return sides


class _Windows(NamedTuple):
    """Ranges of decoded values, as far as the tolerance allows a value beyond an edge to come.

    Attributes:
        starts, ends: of the range of each edge, float64, ascending; the ends belong to it.
        depth: bits that tell the side of a value.
    """

    starts: Floats
    ends: Floats
    depth: int


@dataclass(frozen=True, eq=False)
class Sides(Correction):
    """Keeps the sides of the edges of one feature.

    Attributes:
        edges: finite, ascending, shape (edges,), in the dtype of the feature.
        tolerance: of the feature.

    Example:
        >>> from atlasae.quantization.tolerance import abs_
        >>> sides = Sides(np.array([30.0]), abs_(0.5))
        >>> values, decoded = np.array([29.9, 30.0, 44.0]), np.array([30.3, 29.8, 44.2])
        >>> _ = sides.code(values, decoded, None)
        >>> (decoded < 30).tolist(), (decoded == 30).tolist(), float(decoded[2])
        ([True, False, False], [False, True, False], 44.2)
    """

    edges: Values
    tolerance: Tolerance

    def code(
        self,
        values: Values,
        decoded: Values,
        counts: Integers | None,  # noqa: ARG002
    ) -> Coded:
        rows, first, number = self._unsure(decoded)
        if not len(rows):
            return Coded(b"", lambda _: rows)
        sides = sides_of(values[rows], self.edges)
        lowest, highest = self._lowest[sides], self._highest[sides]
        most = np.minimum(2 * number, (1 << MOST_DEPTH) - 1)
        symbols = np.clip(sides - 2 * first, 0, most).astype(np.uint8)
        contexts = self._contexts(decoded[rows], first)
        data = encode(symbols, self._windows.depth, contexts)
        self._move(decoded, rows, first, number, data, contexts)
        return Coded(data, lambda now: rows[(now[rows] < lowest) | (now[rows] > highest)])

    def move(self, decoded: Values, counts: Integers | None, coded: bytes) -> None:  # noqa: ARG002
        rows, first, number = self._unsure(decoded)
        if len(rows):
            contexts = self._contexts(decoded[rows], first)
            self._move(decoded, rows, first, number, coded, contexts)

    def _move(
        self,
        decoded: Values,
        rows: Integers,
        first: Integers,
        number: Integers,
        coded: bytes,
        contexts: Contexts,
    ) -> None:
        """Move the values of some rows to their sides, in place; see ``_unsure``."""
        near = decoded[rows]
        symbols = decode(coded, self._windows.depth, contexts)
        if np.any(symbols > 2 * number):
            raise DamagedFileError("the sides of cuts are damaged")
        sides = 2 * first + symbols
        lowest, highest = self._lowest[sides], self._highest[sides]
        decoded[rows] = np.minimum(np.maximum(near, lowest), highest)

    @cached_property
    def _windows(self) -> _Windows:
        exact = self.edges.astype(np.float64)
        with np.errstate(over="ignore"):
            reach = self.tolerance.bound(exact) * _SLACK
            starts = np.minimum.accumulate((exact - reach)[::-1])[::-1].copy()
            ends = np.maximum.accumulate(exact + reach)
        most = 2 * int((np.searchsorted(starts, ends, "right") - np.arange(len(ends))).max())
        return _Windows(starts, ends, min(most.bit_length(), MOST_DEPTH))

    @cached_property
    def _lowest(self) -> Values:
        """The least value of each side; not a subnormal one, which some programs flush to zero."""
        infinity, limits = self.edges.dtype.type(np.inf), np.finfo(self.edges.dtype)
        above, next_edge = np.nextafter(self.edges, infinity), np.append(self.edges[1:], infinity)
        above[(above > 0) & (above < limits.tiny) & (next_edge > limits.tiny)] = limits.tiny
        least = np.append(-limits.max, above)
        return self._interleaved(least)

    @cached_property
    def _highest(self) -> Values:
        """The largest value of each side."""
        mirrored = Sides(-self.edges[::-1], self.tolerance)
        return -mirrored._lowest[::-1]

    def _interleaved(self, between: Values) -> Values:
        """A value for each side, from those of the sides between the edges."""
        values = np.empty(2 * len(self.edges) + 1, self.edges.dtype)
        values[::2], values[1::2] = between, self.edges
        return values

    def _unsure(self, decoded: Values) -> tuple[Integers, Integers, Integers]:
        """The rows of decoded values that may have come from beyond an edge.

        Returns:
            The rows, the first edge that each is near to, and the number of these edges.
        """
        narrow = rows, first, number = [np.empty(len(decoded), np.int32) for _ in range(3)]
        find = find_in_windows if decoded.dtype == np.float32 else find_in_windows.reference
        windows = self._marks, self._windows.starts, self._windows.ends
        found = slice(find(decoded, *windows, rows, first, number))
        rows_found, firsts, numbers = (of[found].astype(np.int64) for of in narrow)
        return rows_found, firsts, numbers

    @cached_property
    def _marks(self) -> Classes:
        """Of the upper bits of float32, those that a value in a window can have: 1, else 0."""
        with np.errstate(over="ignore"):
            starts, ends = (
                _ordered(np.asarray(of, np.float32))
                for of in (self._windows.starts, self._windows.ends)
            )
        changes = np.zeros((1 << MARK_BITS) + 1, np.int32)
        np.add.at(changes, starts, 1)
        np.add.at(changes, ends + 1, -1)
        negative, positive = np.split(np.cumsum(changes[:-1]) > 0, 2)
        return np.concatenate([positive, negative[::-1]]).astype(np.uint8)

    def _contexts(self, near: Values, first: Integers) -> Contexts:
        """What the probabilities of symbols depend on: the place in the window of the edge."""
        starts, ends = self._windows.starts[first], self._windows.ends[first]
        with np.errstate(all="ignore"):
            places = np.floor((near - starts) / (ends - starts) * _PLACES)
        places = np.fmin(np.fmax(places, 0), _PLACES - 1).astype(np.int32)  # NaN becomes 0
        return Contexts.known(places[np.newaxis], [_PLACES])


def _ordered(values: Float32s) -> Integers:
    """The upper bits of values as numbers in the order of the values, from 0 on."""
    upper = values.view(np.int32).astype(np.int64) >> 32 - MARK_BITS
    half = 1 << MARK_BITS - 1
    return np.where(upper < 0, -upper - 1, upper + half)
