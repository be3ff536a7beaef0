"""Entropy coder: integers with known distributions to bytes and back, by constriction's ANS stack.

``EntropyEncoder`` and ``EntropyDecoder`` share the interface ``EntropyCoder``, so that a density
visits its symbols in the same way for both: the encoder is given symbols and returns them, the
decoder is given None and returns the decoded symbols. Where writing and reading are separate
functions, ``encode_uniform`` and ``decode_uniform`` do the same without that symmetry.

Rows of a ``Choice`` each have a distribution of their own. To decode them, one uniform slot per row
is popped from the stack, for all rows at once; numpy finds the symbols that own these slots; and the
position of each slot within its symbol is pushed back (bits-back coding). A symbol costs its
information content, but all rows borrow bits from what is decoded after them. Near the end of the
bytes there is little to borrow, so the last choices are coded in ever smaller pieces.

Source: J. Duda, arXiv:1311.2540; R. Bamler, arXiv:2201.01741.
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


CODER = "constriction 0.5 stack"  # stored with codecs; changes whenever the bytes change

_UNIFORM = constriction.stream.model.Uniform()
_PIECE_BITS = 16  # of a uniform integer coded at a time: the coder resolves 24
_PIECE = 1 << _PIECE_BITS
_MOST_BORROWED_BITS = 24  # by one row of a choice


class Choice(Protocol):
    """One categorical distribution per row: each symbol owns a range of the row's slots.

    A symbol has at least two slots. Its probability is its share of the row's slots.
    """

    def __len__(self) -> int:
        """Number of rows."""

    def __getitem__(self, rows: slice) -> Choice:
        """Some of the rows."""

    def totals(self) -> Slots:
        """Number of slots of each row, at most 2^24. Fewer slots waste less."""

    def find(self, slots: Slots) -> tuple[Integers, Slots, Slots]:
        """The symbol that owns one slot of each row, and its ``span``."""

    def span(self, symbols: Integers) -> tuple[Slots, Slots]:
        """First slot, and number of slots, of one symbol of each row."""


class ChoiceModel(Protocol):
    """Makes choices; equal inputs must give equal choices on every machine."""

    def choice(self, inputs: Float32s) -> Choice:
        """The distributions given inputs, shape (features, rows)."""


RecordedChoice = tuple[ChoiceModel, Float32s, Choice]


class EntropyCoder(ABC):
    """The symmetric interface of encoder and decoder, as a density uses it."""

    @abstractmethod
    def choose(self, symbols: Integers | None, model: ChoiceModel, inputs: Float32s) -> Integers:
        """Code one symbol per row, with the distributions that ``model`` makes of the inputs."""

    @abstractmethod
    def uniform(self, values: Integers | None, sizes: Integers) -> Integers:
        """Code integers of which each is uniform on [0, size), shape (n,)."""

    def table(self, symbols: Integers | None, count: int, weights: Float32s) -> Integers:
        """Code ``count`` symbols of one distribution with these weights, shape (k,)."""
        if not count or len(weights) == 1:
            return np.zeros(count, np.int64)
        shares = weights / weights.sum()
        model = constriction.stream.model.Categorical(shares, perfect=False)
        return self._code(symbols, count, model)

    @abstractmethod
    def _code(self, symbols: Integers | None, count: int, model: Any) -> Integers:
        """Code ``count`` symbols of one of constriction's models."""


class EntropyEncoder(EntropyCoder):
    """Encodes integers into bytes.

    A stack is read in the reverse order of writing, so symbols are kept until ``to_bytes``.

    Attributes:
        choices: every choice made, for a decoder that verifies the bytes.

    Example:
        >>> import numpy as np
        >>> encoder = EntropyEncoder()
        >>> encoder.encode_uniform(np.array([3, 1, 2]), np.array([4, 4, 1000]))
        >>> decoder = EntropyDecoder(encoder.to_bytes())
        >>> decoder.decode_uniform(np.array([4, 4, 1000]))
        array([3, 1, 2])
        >>> decoder.is_done
        True
    """

    def __init__(self) -> None:
        self._pending: list[Callable[[Any], None] | tuple[Slots, Slots, Slots]] = []
        self.choices: list[RecordedChoice] = []

    def choose(self, symbols: Integers | None, model: ChoiceModel, inputs: Float32s) -> Integers:
        assert symbols is not None
        choice = model.choice(inputs)
        self.choices.append((model, inputs, choice))
        self._pending.append((*choice.span(symbols), choice.totals()))
        return symbols

    def uniform(self, values: Integers | None, sizes: Integers) -> Integers:
        assert values is not None
        self.encode_uniform(values, sizes)
        return values

    def encode_uniform(self, values: Integers, sizes: Integers) -> None:
        """Encode integers of which each is uniform on [0, size), shape (n,).

        Values of large sizes are split into pieces of 16 bits, the lowest first: a size near the
        coder's resolution would waste bits.
        """
        if not len(sizes):
            return
        if sizes.max() > _PIECE:
            large = np.flatnonzero(sizes > _PIECE)
            low = values.copy()
            low[large] &= _PIECE - 1
            self.encode_uniform(low, np.minimum(sizes, _PIECE))
            self.encode_uniform(values[large] >> _PIECE_BITS, _high_sizes(sizes[large]))
            return
        rows = _undetermined(sizes)
        self._push(values[rows], _UNIFORM, sizes[rows].astype(np.int32))

    def to_bytes(self) -> bytes:
        """The bytes of all that was encoded.

        They start with the number of choices that are coded in one piece; the stack follows.
        """
        whole, possible = -1, sum(isinstance(each, tuple) for each in self._pending)
        while whole != possible:
            whole = possible
            stack, possible = self._stack(whole)
        data = stack.get_compressed().astype("<u4").tobytes().rstrip(b"\0")
        return encode_varint(whole) + data if data else b""

    def _code(self, symbols: Integers | None, count: int, model: Any) -> Integers:
        assert symbols is not None
        assert len(symbols) == count
        self._push(symbols, model)
        return symbols

    def _push(self, symbols: Integers, model: Any, *parameters: Any) -> None:
        if len(symbols):
            narrow = symbols.astype(np.int32)
            self._pending.append(lambda stack: stack.encode_reverse(narrow, model, *parameters))

    def _stack(self, whole: int) -> tuple[Any, int]:
        """The stack with the first ``whole`` choices in one piece each.

        Returns also how many of them can be: fewer where a choice had too few bits to borrow. The
        stack is then incomplete.
        """
        stack = constriction.stream.stack.AnsCoder()
        left = sum(isinstance(each, tuple) for each in self._pending)
        for each in reversed(self._pending):
            if not isinstance(each, tuple):
                each(stack)
                continue
            left -= 1
            first, counts, totals = each
            if left < whole:
                available = stack.num_valid_bits()
                most = _MOST_BORROWED_BITS * len(counts)
                if available < most and available < np.log2(counts).sum():
                    return stack, left
            pieces = [slice(None)] if left < whole else [*_pieces(len(first))][::-1]
            for rows in pieces:
                slots = first[rows] + stack.decode(_UNIFORM, counts[rows])
                stack.encode_reverse(slots, _UNIFORM, totals[rows])
        return stack, whole


class EntropyDecoder(EntropyCoder):
    """Decodes the bytes of an EntropyEncoder, when asked in the same order.

    Args:
        data: the bytes.
        choices: the encoder's choices. One whose model and inputs are the same as those asked for is
            taken from here: the result is the same, but sooner.

    Example:
        >>> import numpy as np
        >>> encoder = EntropyEncoder()
        >>> weights = np.array([8, 1, 1], np.float32)
        >>> encoder.table(np.array([0, 0, 2]), 3, weights)
        array([0, 0, 2])
        >>> EntropyDecoder(encoder.to_bytes()).table(None, 3, weights)
        array([0, 0, 2])
    """

    def __init__(self, data: bytes, choices: Sequence[RecordedChoice] = ()) -> None:
        self._choices = iter(choices)
        self._whole, at = decode_varint(data, 0) if data else (0, 0)
        words = np.frombuffer(data[at:] + bytes((at - len(data)) % 4), "<u4").astype(np.uint32)
        self._stack = constriction.stream.stack.AnsCoder(*[words] if len(words) else [])

    @property
    def is_done(self) -> bool:
        """Whether all that was encoded has been decoded."""
        return bool(self._stack.is_empty())

    def choose(self, symbols: Integers | None, model: ChoiceModel, inputs: Float32s) -> Integers:
        assert symbols is None
        recorded_model, recorded_inputs, choice = next(self._choices, (None, inputs, None))
        is_same = recorded_model is model and np.array_equal(recorded_inputs, inputs)
        if choice is None or not is_same:
            choice = model.choice(inputs)
        decoded = np.empty(len(choice), np.int64)
        for rows in _pieces(len(choice)) if self._whole <= 0 else [slice(None)]:
            piece = choice[rows]
            slots = self._stack.decode(_UNIFORM, piece.totals())
            decoded[rows], first, counts = piece.find(slots)
            self._stack.encode_reverse(slots - first, _UNIFORM, counts)
        self._whole -= 1
        return decoded

    def uniform(self, values: Integers | None, sizes: Integers) -> Integers:
        assert values is None
        return self.decode_uniform(sizes)

    def decode_uniform(self, sizes: Integers) -> Integers:
        """Decode integers of which each is uniform on [0, size), shape (n,)."""
        values = np.zeros(len(sizes), np.int64)
        if not len(sizes):
            return values
        if sizes.max() > _PIECE:
            large = np.flatnonzero(sizes > _PIECE)
            values = self.decode_uniform(np.minimum(sizes, _PIECE))
            values[large] |= self.decode_uniform(_high_sizes(sizes[large])) << _PIECE_BITS
            return values
        rows = _undetermined(sizes)
        limits = sizes[rows].astype(np.int32)
        if len(limits):
            values[rows] = self._stack.decode(_UNIFORM, limits)
        return values

    def _code(self, symbols: Integers | None, count: int, model: Any) -> Integers:
        assert symbols is None
        return np.asarray(self._stack.decode(model, count), np.int64)


def _high_sizes(sizes: Integers) -> Integers:
    """Sizes of what is left of large values without their lowest piece."""
    return ((sizes - 1) >> _PIECE_BITS) + 1


def _undetermined(sizes: Integers) -> Integers | slice:
    """Rows of sizes above one; constriction refuses a choice among one."""
    return slice(None) if sizes.min() > 1 else np.flatnonzero(sizes > 1)


def _pieces(rows: int) -> Iterator[slice]:
    """Slices of a quarter of the remaining rows each, so that later ones can lend bits."""
    start = 0
    while start < rows:
        stop = start + max((rows - start) // 4, 1)
        yield slice(start, stop)
        start = stop
