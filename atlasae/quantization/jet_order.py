"""Keeps the order of jets within their events, and which of them are equal, when they are decoded.

Decoded values that lie within twice the tolerance of one another may have changed places, or have
become equal. Where the originals descend, as those of sorted collections do, the decoded ones are
sorted, and made to differ by steps of their dtype. By the sorting no value comes further from its
original than the worst was before: the k-th largest of values that are each within a bound of an
original is within that bound of the k-th largest original.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.coding.adaptive import Contexts, decode, encode
from atlasae.coding.varint import decode_varint, encode_varint
from atlasae.errors import DamagedFileError
from atlasae.jets.per_event import follows_another
from atlasae.quantization.arithmetic import sort_runs
from atlasae.quantization.corrections import Coded, Correction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Integers, Values

_WINDOW = 2 * (1 + 2.0**-20)  # tolerances: further apart, the originals differ
_PASSES = 64  # equal neighbors that are told apart
_PLACES = 16  # in a window, which the probabilities depend on
_MOST_RISES = 1 / 8  # of the neighbors, in a collection that counts as sorted


@dataclass(frozen=True)
class JetOrder(Correction):
    """Keeps the order of a feature, usually pt, among jets of an event where it descends.

    Attributes:
        tolerance: of the feature.

    Example:
        >>> from atlasae.quantization.tolerance import abs_
        >>> order, counts = JetOrder(abs_(0.5)), np.array([3, 1])
        >>> values, decoded = np.array([9.0, 8.9, 8.8, 7.0]), np.array([9.0, 9.1, 9.0, 7.2])
        >>> _ = order.code(values, decoded, counts)
        >>> np.diff(decoded) < 0
        array([ True,  True,  True])
    """

    tolerance: Tolerance

    def code(self, values: Values, decoded: Values, counts: Integers | None) -> Coded:
        """No bytes for jets without events, which have no order."""
        if counts is None:
            return Coded(b"", lambda _: np.zeros(0, np.int64))
        follows = follows_another(counts)
        rises = _rises(values, follows)
        steps = np.diff(rises, prepend=0).astype("<u4").tobytes()
        packed = zlib.compress(steps, 9) if len(rises) else b""
        head = encode_varint(len(rises) + 1) + encode_varint(len(packed)) + packed
        follows[rises] = False
        near = self._sort(decoded, follows)
        is_tie, ties = values[near] == values[near - 1], b""
        if is_tie.any():
            ties = encode(is_tie.astype(np.uint8), 1, self._contexts(decoded, near))
        self._tell_apart(decoded, follows, near, ties)
        return Coded(head + ties, lambda now: _broken(values, now, follows))

    def move(self, decoded: Values, counts: Integers | None, coded: bytes) -> None:
        if counts is not None and coded:
            follows, ties = _runs(counts, coded)
            self._tell_apart(decoded, follows, self._sort(decoded, follows), ties)

    def _sort(self, values: Values, follows: NDArray[np.bool_]) -> Integers:
        """Make each run descend, in place; the rows whose originals may equal the one before.

        A row that does not follow begins a new run.
        """
        rows = np.empty(len(values), np.int32)
        sort = sort_runs if values.dtype == np.float32 else sort_runs.reference
        return rows[: sort(values, follows, *self._window, rows)].astype(np.int64)

    @property
    def _window(self) -> tuple[float, float, float]:
        """How far below the one before a value can be whose original is equal; see ``sort_runs``."""
        reach = _WINDOW * self.tolerance.value
        if self.tolerance.kind == "relative":
            return reach / (1 - self.tolerance.value), self.tolerance.floor, 0.0
        return 0.0, 0.0, reach

    def _tell_apart(
        self, falling: Values, follows: NDArray[np.bool_], near: Integers, ties: bytes
    ) -> None:
        """Make each value lower than the one that it follows, or equal where it is a tie, in place.

        Where more in a row are equal than ``_PASSES``, some stay so.
        """
        tied = np.zeros(0, np.int64)
        if ties:
            tied = near[decode(ties, 1, self._contexts(falling, near)) > 0]
        rows = near
        for _ in range(_PASSES):
            before, values = falling[rows - 1], falling[rows]
            wrong = values >= before
            if len(tied):
                is_tie = np.isin(rows, tied, assume_unique=True)
                wrong = np.where(is_tie, values != before, wrong)
                is_tie = is_tie[wrong]
            rows, before = rows[wrong], before[wrong]
            if not len(rows):
                break
            lower = np.nextafter(before, falling.dtype.type(-np.inf))
            falling[rows] = np.where(is_tie, before, lower) if len(tied) else lower
            after = rows[rows < len(falling) - 1] + 1
            rows = np.union1d(rows, after[follows[after]])

    def _contexts(self, falling: Values, near: Integers) -> Contexts:
        """What the probability of a tie depends on: the distance."""
        with np.errstate(all="ignore"):
            before, exact = falling[near - 1].astype(np.float64), falling[near].astype(np.float64)
            places = np.floor((before - exact) / self.tolerance.bound(before) * (_PLACES / 3))
        cells = np.fmin(np.fmax(places, 0), _PLACES - 1).astype(np.int32)  # NaN becomes 0
        return Contexts.known(cells[np.newaxis], [_PLACES])


def descends(values: Values, counts: NDArray[np.integer[Any]] | None) -> bool:
    """Whether the values of most jets are at most those of the jets before them in their events.

    Args:
        values: shape (n,).
        counts: number of jets of each event, shape (events,); None for jets without events.

    Example:
        >>> descends(np.array([50.0, 30.0, 20.0, 40.0]), np.array([2, 2]))
        False
    """
    if counts is None:
        return False
    follows = follows_another(counts)
    return len(_rises(values, follows)) <= _MOST_RISES * int(follows.sum())


def _rises(values: Values, follows: NDArray[np.bool_]) -> Integers:
    """Rows that are not at most the one that they follow; NaN never is."""
    rises: Integers = np.flatnonzero(follows[1:] & ~(values[1:] <= values[:-1])) + 1
    return rises


def _runs(counts: Integers, coded: bytes) -> tuple[NDArray[np.bool_], bytes]:
    """Whether each jet has to be at most the one before it, and the bytes that say which are equal.

    Raises:
        DamagedFileError: the bytes are those of other jets.
    """
    follows = follows_another(counts)
    try:
        number, at = decode_varint(coded, 0)
        size, start = decode_varint(coded, at)
        at = start + size
        steps = b""
        if number > 1:
            steps = zlib.decompressobj().decompress(coded[start:at], 4 * len(follows) + 1)
        rises = np.frombuffer(steps, "<u4").cumsum(dtype=np.int64)
        follows[rises] = False
    except (zlib.error, ValueError, LookupError) as error:
        raise DamagedFileError("the order of jets is damaged") from error
    if len(rises) != number - 1:
        raise DamagedFileError("the order of jets is damaged")
    return follows, coded[at:]


def _broken(values: Values, moved: Values, follows: NDArray[np.bool_]) -> Integers:
    """Rows of the runs in which two neighbors that descended, or were equal, do not now."""
    falls = moved[1:] < moved[:-1]
    bad = follows[1:] & (
        ((values[1:] < values[:-1]) != falls) | ~(falls | (moved[1:] == moved[:-1]))
    )
    rows = np.flatnonzero(bad) + 1
    if not len(rows):
        return rows
    runs = np.cumsum(~follows)
    return np.flatnonzero(np.isin(runs, runs[rows]))
