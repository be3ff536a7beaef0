"""Integers and their distributions to bytes and back, by constriction's stack coder.

``Writer`` and ``Reader`` have the same methods, so that a model walks through its symbols in one
way whether it writes them or reads them: the writer is given the symbols and gives them back, the
reader is given None in their place. Source of the coder: Duda, arXiv:1311.2540; Bamler,
arXiv:2201.01741.

A stack takes back what was read, and that makes many distributions cheap to tell apart: symbols of
a ``Choice`` are read as uniform numbers, all rows at once, numpy finds whose they are, and what
each number says beyond its symbol is put back. A symbol costs its information all the same, but
the rows borrow bits from what is read after them. Near the end of the bytes there are few to
borrow, so the last choices go in ever smaller pieces.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

import constriction
import numpy as np

from atlasae.coding.varint import decode_varint, encode_varint
from atlasae.types import Float32s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from atlasae.types import Integers, Slots


CODER = "constriction 0.5 stack"  # what the bytes depend on; its version moves when they change

_UNIFORM = constriction.stream.model.Uniform()
_PIECE = 16  # bits of a uniform integer coded at a time: the coder resolves 24
_FULL = 1 << _PIECE
_MOST_BITS = 24  # that a row of a choice borrows


class Choice(Protocol):
    """Rows of symbols, each with a share of its row's slots, at least two."""

    def __len__(self) -> int:
        """How many rows there are."""

    def __getitem__(self, rows: slice) -> Choice:
        """Some of the rows."""

    def totals(self) -> Slots:
        """How many slots each row has, at most 2^24; the fewer, the less the coder wastes."""

    def find(self, slots: Slots) -> tuple[Integers, Slots, Slots]:
        """The symbols that a slot of each row belongs to, and their ``span``."""

    def span(self, symbols: Integers) -> tuple[Slots, Slots]:
        """The first slot of a symbol of each row, and how many it has."""


class ChoiceModel(Protocol):
    """What makes choices: the same of the same inputs, always."""

    def choice(self, inputs: Float32s) -> Choice:
        """The choice that inputs make, shape (features, n)."""


RecordedChoice = tuple[ChoiceModel, Float32s, Choice]


class EntropyCoder(ABC):
    """What a model needs of a writer or a reader."""

    @abstractmethod
    def choose(self, symbols: Integers | None, source: ChoiceModel, inputs: Float32s) -> Integers:
        """Code one symbol a row of a choice."""

    def table(self, symbols: Integers | None, count: int, weights: Float32s) -> Integers:
        """Code ``count`` symbols of one distribution, weights of shape (k,)."""
        if not count:
            return np.zeros(0, np.int64)
        if len(weights) == 1:
            return np.zeros(count, np.int64)
        shares = weights / weights.sum()
        model = constriction.stream.model.Categorical(shares, perfect=False)
        return self._code(symbols, count, model)

    def uniform(self, values: Integers | None, sizes: Integers) -> Integers:
        """Code integers from 0 to below ``sizes``, shape (n,), each equally likely.

        Wide ones go in pieces of 16 bits, the lowest first: of a size near the coder's resolution
        it would waste a part.
        """
        if not len(sizes):
            return np.zeros(0, np.int64)
        if sizes.max() > _FULL:
            return self._wide(values, sizes)
        if sizes.min() > 1:
            return self._code(values, len(sizes), _UNIFORM, sizes.astype(np.int32))
        several = np.flatnonzero(sizes > 1)  # the coder refuses a choice among one
        some = None if values is None else values[several]
        found = np.zeros(len(sizes), np.int64)
        above = sizes[several].astype(np.int32)
        found[several] = self._code(some, several.size, _UNIFORM, above)
        return found

    def _wide(self, values: Integers | None, sizes: Integers) -> Integers:
        wide = np.flatnonzero(sizes > _FULL)
        low = high = None
        if values is not None:
            low, high = values.copy(), values[wide] >> _PIECE
            low[wide] &= _FULL - 1
        found = self.uniform(low, np.minimum(sizes, _FULL))
        found[wide] |= self.uniform(high, ((sizes[wide] - 1) >> _PIECE) + 1) << _PIECE
        return found

    @abstractmethod
    def _code(self, symbols: Integers | None, count: int, model: Any, *each: Any) -> Integers:
        """Code ``count`` symbols of a model, with parameters for each where it takes some."""


class EntropyEncoder(EntropyCoder):
    """Codes integers into bytes; a stack is written from its end, so they are kept until then.

    Attributes:
        made: the choices, for a reader that is to check what was written.
    """

    def __init__(self) -> None:
        self._kept: list[Callable[[Any], None] | tuple[Slots, Slots, Slots]] = []
        self.made: list[RecordedChoice] = []

    def choose(self, symbols: Integers | None, source: ChoiceModel, inputs: Float32s) -> Integers:
        assert symbols is not None
        choice = source.choice(inputs)
        self.made.append((source, inputs, choice))
        self._kept.append((*choice.span(symbols), choice.totals()))
        return symbols

    def _code(self, symbols: Integers | None, count: int, model: Any, *each: Any) -> Integers:
        assert symbols is not None
        if count:
            narrow = symbols.astype(np.int32)
            self._kept.append(lambda stack: stack.encode_reverse(narrow, model, *each))
        return symbols

    def to_bytes(self) -> bytes:
        """All that was coded: how many choices are coded whole, then the stack."""
        whole, short = -1, sum(isinstance(kept, tuple) for kept in self._kept)
        while whole != short:
            whole = short
            stack, short = self._stacked(whole)
        data = stack.get_compressed().astype("<u4").tobytes().rstrip(b"\0")
        return encode_varint(whole) + data if data else b""

    def _stacked(self, whole: int) -> tuple[Any, int]:
        """The stack with so many choices whole; or fewer, up to one that had too little to borrow."""
        stack = constriction.stream.stack.AnsCoder()
        left = sum(isinstance(kept, tuple) for kept in self._kept)
        for kept in reversed(self._kept):
            if not isinstance(kept, tuple):
                kept(stack)
                continue
            left -= 1
            first, counts, totals = kept
            if left < whole:
                lent = stack.num_valid_bits()
                if lent < _MOST_BITS * len(counts) and lent < np.log2(counts).sum():
                    return stack, left
            pieces = [slice(None)] if left < whole else [*_pieces(len(first))][::-1]
            for rows in pieces:
                slots = first[rows] + stack.decode(_UNIFORM, counts[rows])
                stack.encode_reverse(slots, _UNIFORM, totals[rows])
        return stack, whole


class EntropyDecoder(EntropyCoder):
    """Decodes what a Writer wrote, asked in the same order.

    Args:
        data: what it wrote.
        made: choices that it made. Those whose inputs come out equal are not made again, which
            gives the same, sooner.
    """

    def __init__(self, data: bytes, made: Sequence[RecordedChoice] = ()) -> None:
        self._made = iter(made)
        self._whole, at = decode_varint(data, 0) if data else (0, 0)
        words = np.frombuffer(data[at:] + bytes((at - len(data)) % 4), "<u4").astype(np.uint32)
        self._stack = constriction.stream.stack.AnsCoder(*[words] if len(words) else [])

    @property
    def is_done(self) -> bool:
        """Whether nothing is left, as must be where all that was written was read."""
        return bool(self._stack.is_empty())

    def choose(self, symbols: Integers | None, source: ChoiceModel, inputs: Float32s) -> Integers:
        assert symbols is None
        by, given, choice = next(self._made, (None, inputs, None))
        if choice is None or by is not source or not np.array_equal(given, inputs):
            choice = source.choice(inputs)
        found = np.empty(len(choice), np.int64)
        for rows in _pieces(len(choice)) if self._whole <= 0 else [slice(None)]:
            part = choice[rows]
            slots = self._stack.decode(_UNIFORM, part.totals())
            found[rows], first, counts = part.find(slots)
            self._stack.encode_reverse(slots - first, _UNIFORM, counts)
        self._whole -= 1
        return found

    def _code(self, symbols: Integers | None, count: int, model: Any, *each: Any) -> Integers:
        assert symbols is None
        if not count:
            return np.zeros(0, np.int64)
        found = self._stack.decode(model, *each) if each else self._stack.decode(model, count)
        return np.asarray(found, np.int64)


def _pieces(rows: int) -> Iterator[slice]:
    """Each a quarter of the rows that are left, so that those after it can lend it bits."""
    start = 0
    while start < rows:
        stop = start + max((rows - start) // 4, 1)
        yield slice(start, stop)
        start = stop
