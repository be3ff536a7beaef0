"""Symbols with probabilities that both sides learn as they go: nothing is stored but the symbols.

A symbol is coded bit by bit from the top: a path through a binary tree. Every context of the symbol
leads to a cell, and a cell has, for each node of the tree, the probability of a one and how often it
was seen. The probabilities of all contexts are mixed in the logistic domain, with weights that are
learned too, and the bit is coded with the mixture by binary arithmetic coding. All of it is
arithmetic of integers, so it is the same on every machine.

Sources: R. Krichevsky and V. Trofimov, IEEE Trans. Inf. Theory 27 (1981) 199, for counts; M. Mahoney,
"Adaptive weighing of context models for lossless data compression", Florida Tech. CS-2005-16, for
mixing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from atlasae.compiled import accelerated, expect
from atlasae.errors import DamagedFileError
from atlasae.exact_math import exp2, log2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from atlasae.types import Classes, Integers, Integers32

OCTAVE = 128  # of odds, in the logistic domain
CENTER = 2048  # its numbers lie from -2047 to 2047
COUNT_BITS = 8  # of a node
MOST_COUNT = (1 << COUNT_BITS) - 1
MOST_DEPTH = 8  # bits of a symbol
LEARNING, EARLY_LEARNING, EARLY = 14, 30, 100  # rate of the weights; more in the first symbols
MOST_CELLS = 1 << 21  # nodes of all cells of all contexts
NO_ORIGIN = -1
_MOST_WEIGHT = 39_322  # that a context starts with, 0.6; of several 1.2 together, in 2^-16
_ALL_WEIGHTS = 78_643
_SECONDS = 2.5e-6  # that the reference takes for a context of a bit, about


class LogisticTables(NamedTuple):
    """What probabilities, logarithms of odds and counts become.

    Attributes:
        squash: probability of a one in 2^-16 by logarithm of the odds plus ``CENTER``, uint16.
        stretch: the logarithm by probability in 2^-12, int16.
        rates: how far a probability moves after so many bits, in 2^-16, uint16.
        confidences: factor of the logarithm after so many bits, in 2^-8, uint16.
    """

    squash: NDArray[np.uint16]
    stretch: NDArray[np.int16]
    rates: NDArray[np.uint16]
    confidences: NDArray[np.uint16]


@cache
def logistic_tables() -> LogisticTables:
    """The tables, computed once."""
    logarithms = (np.arange(2 * CENTER) - CENTER) / OCTAVE
    squash = np.clip(np.rint(65536 / (1 + exp2(-logarithms))), 16, 65520)
    middles = np.arange(0.5, 4096)
    stretch = np.clip(np.rint(OCTAVE * (log2(middles) - log2(4096 - middles))), -2047, 2047)
    counts = np.arange(MOST_COUNT + 1)
    rates, confidences = 655_360 // (10 * counts + 14), 1280 * counts // (5 * counts + 1)
    return LogisticTables(
        squash.astype(np.uint16),
        stretch.astype(np.int16),
        rates.astype(np.uint16),
        confidences.astype(np.uint16),
    )


@dataclass(frozen=True)
class Contexts:
    """What the probabilities of ``n`` symbols depend on.

    Attributes:
        cells: what is known of each symbol, from 0 to below ``sizes``, shape (contexts, n), int32.
        sizes: of each context, shape (contexts,).
        origins: index in ``rows`` of the earlier symbol that a context has too, or ``NO_ORIGIN``,
            shape (contexts,).
        shifts: low bits of that symbol that do not count, shape (contexts,).
        rows: the place of earlier symbols, below that of the symbol itself; -1 where there is none,
            shape (origins, n), int32.

    Example:
        >>> contexts = Contexts.plain(4)
        >>> coded = encode(np.array([1, 1, 0, 1], np.uint8), 1, contexts)
        >>> decode(coded, 1, contexts)
        array([1, 1, 0, 1], dtype=uint8)
    """

    cells: Integers32
    sizes: Integers
    origins: Integers
    shifts: Integers
    rows: Integers32

    @classmethod
    def plain(cls, count: int) -> Contexts:
        """The one context of symbols of which nothing is known."""
        return cls.known(np.zeros((1, count), np.int32), [1])

    @classmethod
    def known(cls, cells: Integers32, sizes: Sequence[int]) -> Contexts:
        """Contexts of what is known of symbols, without those of earlier symbols."""
        number, count = cells.shape
        zeros = np.zeros(number, np.int64)
        cells = np.ascontiguousarray(cells)
        return cls(cells, np.array(sizes), zeros - 1, zeros, np.zeros((0, count), np.int32))

    def __len__(self) -> int:
        return len(self.sizes)

    def first(self, contexts: int, symbols: int) -> Contexts:
        """The first contexts, of the first symbols."""
        cells, rows = self.cells[:contexts, :symbols], self.rows[:, :symbols]
        return Contexts(
            np.ascontiguousarray(cells),
            self.sizes[:contexts],
            self.origins[:contexts],
            self.shifts[:contexts],
            np.ascontiguousarray(rows),
        )

    def own_sizes(self, depth: int) -> Integers:
        """Number of values of the earlier symbol in each context, none among them."""
        sizes = ((1 << depth) - 1 >> self.shifts) + 2
        return np.where(self.origins == NO_ORIGIN, 1, sizes)

    def bases(self, depth: int) -> Integers:
        """The first cell of each context, and the number of cells of all, shape (contexts + 1,).

        Raises:
            DamagedFileError: they are too many.
        """
        ends = np.cumsum(self.sizes * self.own_sizes(depth))
        if not len(ends) or int(ends[-1]) << depth > MOST_CELLS:
            raise DamagedFileError("the contexts of a column have too many cells")
        return np.concatenate([[0], ends])


class _State(NamedTuple):
    """What is learned, and room for what is known of the symbol under way.

    Attributes:
        nodes: of all cells: the probability of a one in the upper 16 bits of 24, and the count.
        weights: by bit and context.
        room: the first node of each context, and its logarithm, shape (2 * contexts,).
    """

    nodes: NDArray[np.uint32]
    weights: Integers
    room: Integers

    @classmethod
    def start(cls, contexts: Contexts, depth: int) -> _State:
        number = int(contexts.bases(depth)[-1]) << depth
        weight = min(_MOST_WEIGHT, _ALL_WEIGHTS // len(contexts)) if len(contexts) > 1 else 1 << 16
        weights = np.full(depth * len(contexts), weight, np.int64)
        nodes = np.full(number, 1 << 15 + COUNT_BITS, np.uint32)
        return cls(nodes, weights, np.zeros(2 * len(contexts), np.int64))


def encode(symbols: Classes, depth: int, contexts: Contexts) -> bytes:
    """Encode symbols.

    Args:
        symbols: shape (n,), below 2^depth.
        depth: bits of a symbol, at most ``MOST_DEPTH``.
        contexts: of the symbols.

    Raises:
        DamagedFileError: the contexts have more than ``MOST_CELLS`` nodes.
    """
    expect(_SECONDS * len(symbols) * depth * len(contexts))
    coded = np.empty(2 * len(symbols) * depth + 8, np.uint8)  # a bit costs at most 12
    size = encode_bits(symbols, depth, *_arguments(contexts, depth, coded))
    return coded[:size].tobytes()


def decode(coded: bytes | memoryview, depth: int, contexts: Contexts) -> Classes:
    """Decode what ``encode`` gave, from untrusted bytes: other bytes give other symbols.

    Args:
        coded: the bytes.
        depth: bits of a symbol, at most ``MOST_DEPTH``.
        contexts: of the symbols.

    Raises:
        DamagedFileError: the contexts have more than ``MOST_CELLS`` nodes.
    """
    count = contexts.cells.shape[1]
    expect(_SECONDS * count * depth * len(contexts))
    symbols = np.zeros(count, np.uint8)
    padded = np.zeros(len(coded) + 4, np.uint8)  # what is read beyond the end is zero
    padded[: len(coded)] = np.frombuffer(coded, np.uint8)
    decode_bits(symbols, depth, *_arguments(contexts, depth, padded))
    return symbols


def _arguments(contexts: Contexts, depth: int, coded: Classes) -> tuple[Any, ...]:
    return (
        contexts.cells,
        contexts.bases(depth),
        contexts.own_sizes(depth),
        contexts.origins,
        contexts.shifts,
        contexts.rows,
        *logistic_tables(),
        *_State.start(contexts, depth),
        coded,
    )


@accelerated("atlasae.coding.adaptive_kernels")
def encode_bits(
    symbols: Classes,
    depth: int,
    cells: Integers32,
    bases: Integers,
    own_sizes: Integers,
    origins: Integers,
    shifts: Integers,
    rows: Integers32,
    squash: NDArray[np.uint16],
    stretch: NDArray[np.int16],
    rates: NDArray[np.uint16],
    confidences: NDArray[np.uint16],
    nodes: NDArray[np.uint32],
    weights: Integers,
    room: Integers,
    coded: Classes,
) -> int:
    """Code all bits of all symbols into ``coded``; the number of bytes.

    The interval from ``low`` to ``high`` is cut in two at each bit; bytes on which its ends agree
    are written.
    """
    mixer = _Mixer(
        LogisticTables(squash, stretch, rates, confidences),
        _State(nodes, weights, room),
    )
    find = _CellFinder(cells, bases, own_sizes, origins, shifts, rows)
    low, high, size = 0, 0xFFFFFFFF, 0
    for i, symbol in enumerate(symbols.tolist()):
        mixer.enter(i, [cell << depth for cell in find(i, symbols)])
        for place in range(depth):
            bit = symbol >> depth - 1 - place & 1
            middle = low + ((high - low) * mixer.mixed(place) >> 16)
            low, high = (low, middle) if bit else (middle + 1, high)
            mixer.learn(place, bit)
            while (low ^ high) < 1 << 24:
                coded[size] = high >> 24
                low, high, size = low << 8 & 0xFFFFFFFF, high << 8 & 0xFFFFFFFF | 255, size + 1
    return _finish(low, high, coded, size)


def _finish(low: int, high: int, coded: Classes, size: int) -> int:
    """Write the shortest number in the interval; zeros at the end need not be stored."""
    for shift in (32, 24, 16, 8, 0):
        number = low + (1 << shift) - 1 >> shift << shift
        if number <= high:
            coded[size : size + 4] = np.array([number], ">u4").view(np.uint8)
            size += 4 - shift // 8
            break
    while size and not coded[size - 1]:
        size -= 1
    return size


@accelerated("atlasae.coding.adaptive_kernels")
def decode_bits(
    symbols: Classes,
    depth: int,
    cells: Integers32,
    bases: Integers,
    own_sizes: Integers,
    origins: Integers,
    shifts: Integers,
    rows: Integers32,
    squash: NDArray[np.uint16],
    stretch: NDArray[np.int16],
    rates: NDArray[np.uint16],
    confidences: NDArray[np.uint16],
    nodes: NDArray[np.uint32],
    weights: Integers,
    room: Integers,
    coded: Classes,
) -> None:
    """Undo ``encode_bits``, into ``symbols``; ``coded`` has four zeros more."""
    mixer = _Mixer(
        LogisticTables(squash, stretch, rates, confidences),
        _State(nodes, weights, room),
    )
    find = _CellFinder(cells, bases, own_sizes, origins, shifts, rows)
    data = iter(coded.tolist())
    low, high, number = 0, 0xFFFFFFFF, 0
    for _ in range(4):
        number = number << 8 | next(data, 0)
    for i in range(len(symbols)):
        mixer.enter(i, [cell << depth for cell in find(i, symbols)])
        symbol = 0
        for place in range(depth):
            middle = low + ((high - low) * mixer.mixed(place) >> 16)
            bit = int(number <= middle)
            low, high = (low, middle) if bit else (middle + 1, high)
            mixer.learn(place, bit)
            symbol = symbol << 1 | bit
            while (low ^ high) < 1 << 24:
                low, high = low << 8 & 0xFFFFFFFF, high << 8 & 0xFFFFFFFF | 255
                number = number << 8 & 0xFFFFFFFF | next(data, 0)
        symbols[i] = symbol


class _CellFinder:
    """The cells of a symbol, one for each context."""

    def __init__(
        self,
        cells: Integers32,
        bases: Integers,
        own_sizes: Integers,
        origins: Integers,
        shifts: Integers,
        rows: Integers32,
    ) -> None:
        self._known = cells.astype(np.int64) * own_sizes[:, None] + bases[:-1, None]
        self._own = [
            (context, rows[origin], shift)
            for context, (origin, shift) in enumerate(
                zip(origins.tolist(), shifts.tolist(), strict=True)
            )
            if origin != NO_ORIGIN
        ]

    def __call__(self, i: int, symbols: Classes) -> list[int]:
        found: list[int] = self._known[:, i].tolist()
        for context, rows, shift in self._own:
            if rows[i] >= 0:
                found[context] += 1 + (int(symbols[rows[i]]) >> shift)
        return found


class _Mixer:
    """Predicts bits and learns from them.

    Views of memory give Python's integers, in half the time of numpy's.
    """

    def __init__(self, tables: LogisticTables, state: _State) -> None:
        views: list[Any] = [each.data for each in (*tables, *state)]
        self._squash, self._stretch, self._rates, self._confidences, *views = views
        self._nodes, self._weights, self._room = views
        self._contexts = len(state.room) // 2
        self._mixed = 0

    def enter(self, i: int, firsts: list[int]) -> None:
        """Start with a symbol: the first nodes of its cells."""
        for context, first in enumerate(firsts):
            self._room[context] = first
        self._node = 1
        self._rate = LEARNING + EARLY_LEARNING * EARLY // (EARLY + i)

    def mixed(self, place: int) -> int:
        """The probability that the next bit is one, in 2^-16."""
        stretch, confidences, room = self._stretch, self._confidences, self._room
        number, total = self._contexts, 0
        self._known = [self._nodes[room[context] + self._node] for context in range(number)]
        for context, known in enumerate(self._known):
            own = stretch[known >> COUNT_BITS + 4] * confidences[known & MOST_COUNT] >> 8
            room[number + context] = own
            total += self._weights[place * number + context] * own
        self._mixed = int(self._squash[min(max(total >> 16, -2047), 2047) + CENTER])
        return self._mixed

    def learn(self, place: int, bit: int) -> None:
        """Move weights and probabilities towards a bit, and go to the node below."""
        nodes, weights, room, number = self._nodes, self._weights, self._room, self._contexts
        step = ((bit << 16) - self._mixed) * self._rate
        for context, known in enumerate(self._known):
            weights[place * number + context] += room[number + context] * step >> 18
            probability, count = known >> COUNT_BITS, known & MOST_COUNT
            far = (65535 - probability if bit else probability) * self._rates[count] >> 16
            probability += far if bit else -far
            nodes[room[context] + self._node] = probability << COUNT_BITS | min(
                count + 1, MOST_COUNT
            )
        self._node = self._node << 1 | bit
