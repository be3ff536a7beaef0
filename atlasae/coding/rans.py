"""Interleaved rANS: symbols with tabulated probabilities to words of 32 bits, and back.

Range asymmetric numeral systems code a symbol that owns ``f`` of ``TOTAL`` slots, from slot ``c``
on, by the step of a state ``x -> (x // f) * TOTAL + c + x % f``. A state that grows too large gives
its low 32 bits to the words. Decoding undoes the steps, in the reverse order. Symbol ``i`` of a
stream steps the state of lane ``i % lanes``: the lanes do not depend on one another, so a processor,
or numpy, works on many at once. All lanes share the words.

Source: J. Duda, arXiv:1311.2540; F. Giesen, arXiv:1402.3392.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from atlasae.compiled import accelerated
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.types import Classes, Floats, Integers

PRECISION = 12
TOTAL = 1 << PRECISION  # slots of a table
LOWEST = 1 << 16  # a state lies in [2^16, 2^48) between steps
MOST_SYMBOLS = 256
MOST_LANES = 128
_WORD = np.uint64(32)
_STARTS, _COUNTS = np.uint64(0xFFFF), np.uint64(16)  # where they are in entries
_MASK = np.uint64(TOTAL - 1)
_SHIFT = np.uint64(PRECISION)
_ROOM = np.uint64(16 + 32 - PRECISION)  # a state from f << 36 on gives a word before the step


@dataclass(frozen=True)
class Tables:
    """Tables of symbols: each symbol owns at least one of the 4096 slots of each table.

    Attributes:
        cumulative: first slot of each symbol, and 4096, shape (tables, symbols + 1), uint16.

    Example:
        >>> import numpy as np
        >>> Tables.of(np.array([[3, 1]])).cumulative
        array([[   0, 3072, 4096]], dtype=uint16)
    """

    cumulative: NDArray[np.uint16]

    @classmethod
    def of(cls, weights: NDArray[np.integer]) -> Tables:
        """The tables nearest to these weights, shape (tables, symbols); the same everywhere.

        Args:
            weights: above 0, below 2^40.
        """
        weights = weights.astype(np.int64)
        symbols = weights.shape[1]
        spare = TOTAL - symbols  # each symbol has one slot; its weight beyond that earns others
        beyond = np.maximum(weights - weights.sum(axis=1, keepdims=True) // TOTAL, 0)
        beyond[:, -1] += (beyond.sum(axis=1) == 0).astype(np.int64)
        ends = np.cumsum(beyond, axis=1)
        shared = (ends * spare + ends[:, -1:] // 2) // ends[:, -1:]
        cumulative = np.zeros((len(weights), symbols + 1), np.uint16)
        cumulative[:, 1:] = shared + np.arange(1, symbols + 1)
        return cls(cumulative)

    def __post_init__(self) -> None:
        steps = np.diff(self.cumulative.astype(np.int64), axis=1)
        ends = self.cumulative[:, [0, -1]]
        if not (
            (steps > 0).all() and (ends == (0, TOTAL)).all() and steps.shape[1] <= MOST_SYMBOLS
        ):
            raise DamagedFileError("a table of probabilities is damaged")

    @cached_property
    def entries(self) -> NDArray[np.uint32]:
        """First slot of each symbol, and 2^16 times its number of slots, shape (tables * 256,)."""
        entries = np.zeros((len(self.cumulative), MOST_SYMBOLS), np.uint32)
        starts = self.cumulative[:, :-1].astype(np.uint32)
        entries[:, : starts.shape[1]] = starts | self.counts.astype(np.uint32) << 16
        return entries.reshape(-1)

    @cached_property
    def counts(self) -> Integers:
        """Number of slots of each symbol, shape (tables, symbols)."""
        ends = self.cumulative.astype(np.int64)
        return ends[:, 1:] - ends[:, :-1]

    @cached_property
    def slots(self) -> Classes:
        """The symbol that owns each slot, shape (tables * 4096,), uint8."""
        symbols = np.arange(self.cumulative.shape[1] - 1).astype(np.uint8)
        return np.repeat(np.tile(symbols, len(self.counts)), self.counts.ravel())

    def shares(self) -> Floats:
        """Probability of each symbol, exactly, shape (tables, symbols)."""
        shares: Floats = self.counts / TOTAL
        return shares


@accelerated("atlasae.coding.kernels")
def encode_symbols(
    symbols: Classes,
    rows: Classes,
    entries: NDArray[np.uint32],
    states: NDArray[np.uint64],
    first: int,
    words: NDArray[np.uint32],
    at: int,
) -> int:
    """Step the states by symbols, the last one first, and write words before ``words[at]``.

    Args:
        symbols: shape (n,), uint8.
        rows: the table of each symbol, shape (n,), uint8.
        entries: of ``Tables``.
        states: of the lanes, a power of two of them; changed in place.
        first: index in the stream of the first of these symbols.
        words: with at least n + 1 free places before ``at``.
        at: where the words written so far begin.

    Returns:
        The new ``at``.
    """
    own = entries.take(rows.astype(np.intp) * MOST_SYMBOLS + symbols).astype(np.uint64)
    starts, counts = own & _STARTS, own >> _COUNTS
    lanes = len(states)
    for start, stop in reversed(_steps(first, len(symbols), lanes)):
        lane = (first + start) % lanes
        state, count = states[lane : lane + stop - start], counts[start:stop]
        full = np.flatnonzero(state >= count << _ROOM)
        at -= len(full)
        words[at : at + len(full)] = state[full].astype(np.uint32)
        state[full] >>= _WORD
        quotient = state // count
        state -= quotient * count
        state += (quotient << _SHIFT) + starts[start:stop]
    return at


@accelerated("atlasae.coding.kernels")
def decode_symbols(
    rows: Classes,
    entries: NDArray[np.uint32],
    slots: Classes,
    states: NDArray[np.uint64],
    first: int,
    words: NDArray[np.uint32],
    at: int,
    symbols: Classes,
) -> int:
    """Undo ``encode_symbols``: the first symbol first, reading words from ``words[at]`` on.

    Args:
        rows: the table of each symbol, shape (n,), uint8.
        entries: of ``Tables``.
        slots: of ``Tables``.
        states: of the lanes; changed in place.
        first: index in the stream of the first of these symbols.
        words: all words of the stream, and ``MOST_LANES`` more.
        at: the next word.
        symbols: to be filled, shape (n,), uint8.

    Returns:
        The new ``at``; beyond the words of the stream if there were too few.
    """
    table, lanes = rows.astype(np.intp), len(states)
    for start, stop in _steps(first, len(rows), lanes):
        lane = (first + start) % lanes
        state = states[lane : lane + stop - start]
        slot = state & _MASK
        owner = slots.take(table[start:stop] * TOTAL + slot.view(np.int64))
        symbols[start:stop] = owner
        entry = entries.take(table[start:stop] * MOST_SYMBOLS + owner).astype(np.uint64)
        state >>= _SHIFT
        state *= entry >> _COUNTS
        state += slot
        state -= entry & _STARTS
        low = np.flatnonzero(state < LOWEST)
        if len(low):
            taken = words[at : at + len(low)]
            at += len(low)
            if at > len(words) - MOST_LANES:
                return at
            state[low] = (state[low] << _WORD) | taken
    return at


def _steps(first: int, count: int, lanes: int) -> list[tuple[int, int]]:
    """Ranges of symbols that step different lanes, in ascending order of the lanes."""
    if not count:  # there may be no lanes
        return []
    edges = range(lanes - first % lanes, count, lanes)
    return list(zip([0, *edges], [*edges, count], strict=True))
