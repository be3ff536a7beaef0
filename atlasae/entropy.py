"""Integers and their distributions to bytes and back, by constriction's range coder.

``Writer`` and ``Reader`` have the same methods, so that a model walks through its symbols in one
way whether it writes them or reads them: the writer is given the symbols and gives them back, the
reader is given None in their place. Source of the coder: Bamler, arXiv:2201.01741.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import constriction
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Weights = NDArray[np.float32]

CODER = "constriction 0.5 range"  # what the bytes depend on; its version moves when they change

_CATEGORICAL = constriction.stream.model.Categorical(perfect=False)
_UNIFORM = constriction.stream.model.Uniform()
_PIECE = 16  # bits of a uniform integer coded at a time: the coder resolves 24


class Coder(ABC):
    """What a model needs of a writer or a reader."""

    def categorical(self, symbols: Integers | None, weights: Weights) -> Integers:
        """Code one symbol a row, of a probability proportional to its weight.

        Args:
            symbols: shape (n,), from 0 to below k; None to read them.
            weights: shape (n, k), positive; they need not sum to one.
        """
        if not len(weights):
            return np.zeros(0, np.int64)
        return self._code(symbols, len(weights), _CATEGORICAL, weights)

    def table(self, symbols: Integers | None, count: int, weights: Weights) -> Integers:
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
        found = np.zeros(len(sizes), np.int64)
        top = sizes - 1
        shift = np.zeros(len(sizes), np.int64)
        while (wide := np.flatnonzero(top >> shift >= 1 << _PIECE)).size:
            piece = None if values is None else (values[wide] >> shift[wide]) & ((1 << _PIECE) - 1)
            full = np.full(len(wide), 1 << _PIECE, np.int32)
            found[wide] |= self._code(piece, len(wide), _UNIFORM, full) << shift[wide]
            shift[wide] += _PIECE
        top = top >> shift
        several = np.flatnonzero(top)  # the coder refuses a choice among one
        if several.size:
            piece = None if values is None else values[several] >> shift[several]
            above = (top[several] + 1).astype(np.int32)
            found[several] |= self._code(piece, len(several), _UNIFORM, above) << shift[several]
        return found

    @abstractmethod
    def _code(self, symbols: Integers | None, count: int, model: Any, *each: Any) -> Integers:
        """Code ``count`` symbols of a model, with parameters for each where it takes some."""


class Writer(Coder):
    """Codes integers into bytes."""

    def __init__(self) -> None:
        self._coder = constriction.stream.queue.RangeEncoder()

    def _code(self, symbols: Integers | None, count: int, model: Any, *each: Any) -> Integers:  # noqa: ARG002
        assert symbols is not None
        self._coder.encode(symbols.astype(np.int32), model, *each)
        return symbols

    def to_bytes(self) -> bytes:
        """All that was coded; the reader takes what is missing to a whole word as zeros."""
        return bytes(self._coder.get_compressed().astype("<u4").tobytes().rstrip(b"\0"))


class Reader(Coder):
    """Decodes what a Writer wrote, asked in the same order."""

    def __init__(self, data: bytes) -> None:
        words = np.frombuffer(data + bytes(-len(data) % 4), "<u4").astype(np.uint32)
        self._coder = constriction.stream.queue.RangeDecoder(words)

    def _code(self, symbols: Integers | None, count: int, model: Any, *each: Any) -> Integers:
        assert symbols is None
        found = self._coder.decode(model, *each) if each else self._coder.decode(model, count)
        return np.asarray(found, np.int64)
