"""Choosing how each column of a block is coded: what it is compared with and what it is given."""

from __future__ import annotations

import lzma
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlasae.coding import adaptive
from atlasae.coding.adaptive import MOST_CELLS
from atlasae.columns.block_model import BlockModel, KnownColumns
from atlasae.columns.candidates import Candidates, linked_term
from atlasae.columns.column_model import (
    LEAST,
    MOST,
    Adaptive,
    ColumnModel,
    Feature,
    depth_of,
    feature_cells,
    make_contexts,
)
from atlasae.columns.coordinates import Against, Coordinate
from atlasae.columns.integers import IntegerCode
from atlasae.columns.scores import adaptive_bits
from atlasae.columns.terms import NO_ROW, Kind, Term
from atlasae.density.bin_fitting import fit_bins

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlasae.density.bins import Bins
    from atlasae.lossless.slots import BlockBuffers
    from atlasae.types import Classes, Integers, Values

_MOST_BINS = 250
_BIN = 14.0  # bits that a bin costs to store and to learn
_CELL_BINS, _CELL_BIN = 24, 60.0  # of columns that others know and that are coded as differences
_FEWEST = 16  # numbers of a column that is learned
_COLUMN = 40.0  # bits that a model takes without its bins,
_STORED_BIN = 8.0  # each bin,
_FEATURE = 12.0  # and each feature
_MOST_TRIED = 12  # features that are tried together with the best
_COARSER = (2, 4)  # shifts of cells that are tried


def fit_block_model(names: Sequence[str], block: BlockBuffers, uses: float = 1.0) -> BlockModel:
    """Choose how the columns of a block are coded.

    Args:
        names: of the branch of each slot.
        block: the buffers, all of them or a sample.
        uses: how many numbers will be coded for each number here.
    """
    slots = [slot for slot in range(len(block.slots)) if _may_learn(block, slot)]
    candidates = Candidates(names, block, slots)
    models: dict[int, ColumnModel] = {}
    known = KnownColumns(models, block)
    for slot in candidates:
        models[slot] = _Fit(slot, block, known, candidates, uses).best()
    return BlockModel(models)


def _may_learn(block: BlockBuffers, slot: int) -> bool:
    values = block.buffer(slot)
    if block.source(slot) != slot or len(values) < _FEWEST:
        return False
    words = np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")
    return bool((words != words[0]).any())


@dataclass
class _Choice:
    """A way of coding a column, and what it takes."""

    bits: float
    model: ColumnModel


class _Fit:
    """The choice for one column."""

    def __init__(
        self,
        slot: int,
        block: BlockBuffers,
        known: KnownColumns,
        candidates: Candidates,
        uses: float,
    ) -> None:
        self.uses = uses
        self.slot, self.block, self.known, self.candidates = slot, block, known, candidates
        self.values = block.buffer(slot)
        self.code = IntegerCode.of(self.values)
        self.whole = self.code.whole(self.values)
        self.rows = known.rows(slot)

    def best(self) -> ColumnModel:
        choices = [self._choice(coordinate) for coordinate in self._coordinates()]
        best = min((c for c in choices if c is not None), key=lambda c: c.bits)
        if best.bits > 8 * bytes_alone(self.values):
            first = choices[0]
            assert first is not None
            plain = first.model
            return ColumnModel(
                self.slot, plain.code, plain.low, plain.coordinate, plain.bins, None, None
            )
        return best.model

    def _coordinates(self) -> Iterator[Coordinate]:
        yield Coordinate()
        spread = _log_spread(self.whole, np.median(self.whole))
        gains = []
        for term in self._references():
            rows = self.rows.of(term)
            numbers = self._numbers(term)
            if numbers is None:
                continue
            there = rows != NO_ROW
            if not there.any():
                continue
            other = numbers[rows[there]]
            own = self.whole[there]
            equal = float(np.mean(own == other)) * float(there.mean())
            gain = (_log_spread(own, np.median(own)) - _log_spread(own, other)) * there.mean()
            gains.append((max(float(gain), 6 * equal), equal, float(gain), term))
        gains.sort(key=lambda g: -g[0])
        for _, equal, gain, term in gains[:2]:
            if gain > 0.2:
                yield Coordinate(Against.DIFFERENCE, term)
            if equal > 0.05:
                yield Coordinate(Against.EQUALITY, term, int(self.whole.min()) - 1)

    def _numbers(self, term: Term) -> Integers | None:
        if term.is_own:
            return self.whole
        values = self.block.buffer(term.slot)
        if (values.dtype.kind == "f") != (self.code.dtype.kind == "f"):
            return None
        return self.code.whole(values.astype(self.code.dtype, copy=False))

    def _references(self) -> Iterator[Term]:
        if self.values.dtype == bool:
            return
        feature = self.candidates.feature(self.slot)
        for index, columns in self.candidates.links(self.slot):
            for other in columns:
                if other == self.slot or self.candidates.feature(other) == feature:
                    yield linked_term(other, self.slot, index)
        if self.values.dtype.kind in "iu":
            yield Term(Kind.PREVIOUS)
        if self.values.dtype.kind == "f":
            for other in self.candidates.same(self.slot)[-80:]:
                if self.block.slots[other].dtype.kind == "f":
                    yield Term(Kind.SAME, other)

    def _choice(self, coordinate: Coordinate) -> _Choice | None:
        coordinates = self._coordinates_of(coordinate)
        if coordinates is None:
            return None
        width = max(int(coordinates.max()), -int(coordinates.min()) - 1).bit_length()
        low = max(width - 31, 0)
        if low and coordinate.against == Against.EQUALITY:
            return None
        high = (coordinates >> low).astype(np.int32)
        bins = fit_bins(high, _MOST_BINS, _BIN)
        symbols = bins.find(high)
        plain = int(bins.kinds.widths[symbols].sum(dtype=np.int64)) + low * len(high)
        contexts, bits = self._contexts(symbols, bins)
        total = bits + plain + _COLUMN + _STORED_BIN * len(bins)
        cell_bins = None
        if coordinate.against == Against.DIFFERENCE:
            wide = np.clip(self.whole >> low, LEAST, MOST).astype(np.int32)
            cell_bins = fit_bins(wide, _CELL_BINS, _CELL_BIN)
        model = ColumnModel(
            self.slot,
            self.code,
            low,
            coordinate,
            bins,
            cell_bins,
            Adaptive(contexts, self.uses > 1),
        )
        return _Choice(total, model)

    def _coordinates_of(self, coordinate: Coordinate) -> Integers | None:
        if coordinate.reference is None:
            return self.whole
        numbers = self._numbers(coordinate.reference)
        assert numbers is not None
        rows = self.rows.of(coordinate.reference)
        return coordinate.of(self.whole, rows, numbers, self.code)

    def _contexts(
        self, symbols: Classes, bins: Bins
    ) -> tuple[tuple[tuple[Feature, ...], ...], float]:
        """The contexts with which the bins take least, and the bits that they take with these."""
        kinds, classes = len(bins), symbols.astype(np.int64)
        depth = depth_of(bins, escapes=self.uses > 1)
        none = np.zeros(len(classes), np.int64)
        base = adaptive_bits(classes, kinds, none, 1)
        scored = []
        for features, cells, size in self._features(classes, kinds):
            if size << depth <= MOST_CELLS >> 3:
                scored.append((adaptive_bits(classes, kinds, cells, size), features, cells, size))
        scored.sort(key=lambda s: s[0])
        good = [one for one in scored if one[0] < base - 2 * _FEATURE][:_MOST_TRIED]
        contexts: list[tuple[Feature, ...]] = [()]
        if good:
            _, feature, cells, size = good[0]
            contexts.append((feature,))
            pairs = []
            for _, other, more, count in good[1:]:
                if size * count << depth > MOST_CELLS >> 2 or (
                    feature.term.is_own and other.term.is_own
                ):
                    continue
                joined = adaptive_bits(classes, kinds, cells * count + more, size * count)
                pairs.append((joined, other))
            pairs.sort(key=lambda p: p[0])
            for _, other in pairs[:2]:
                contexts += [(feature, other), (other,)]
        return self._tried(symbols, depth, contexts)

    def _tried(
        self, symbols: Classes, depth: int, contexts: Sequence[tuple[Feature, ...]]
    ) -> tuple[tuple[tuple[Feature, ...], ...], float]:
        best, best_bits = contexts[:1], np.inf
        for count in range(1, len(contexts) + 1):
            tried = contexts[:count]
            made = make_contexts(tried, self.rows, self.known)
            bits = 8 * len(adaptive.encode(symbols, depth, made))
            bits += _FEATURE * sum(map(len, tried))
            if bits < best_bits:
                best, best_bits = tried, bits
        return tuple(best), float(best_bits)

    def _features(self, classes: Integers, kinds: int) -> Iterator[tuple[Feature, Integers, int]]:
        """What the column may be given, with cells and their number."""
        own = [Term(Kind.PREVIOUS)]
        terms = [Term(Kind.RANK), Term(Kind.COUNT)] if len(self.block.domain(self.slot)) > 1 else []
        terms += [Term(Kind.SAME, other) for other in self.candidates.same(self.slot)]
        for index, columns in self.candidates.links(self.slot):
            for other in columns:
                term = linked_term(other, self.slot, index)
                (own if term.is_own else terms).append(term)
        for term in own:
            rows = self.rows.of(term)
            for shift in _shifts(kinds):
                found = np.where(rows == NO_ROW, 0, (classes[rows] >> shift) + 1)
                yield Feature(term, shift), found, (kinds - 1 >> shift) + 2
        for term in terms:
            cells, size = feature_cells(Feature(term), self.rows, self.known)
            for shift in _shifts(size):
                yield Feature(term, shift), cells >> shift, (size - 1 >> shift) + 1


def _shifts(size: int) -> list[int]:
    return [0, *(shift for shift in _COARSER if size > 3 << shift)]


def _log_spread(own: Integers, other: Integers | np.floating) -> float:
    return float(np.mean(np.log2(1 + np.abs(own.astype(np.float64) - other))))


def bytes_alone(values: Values) -> int:
    """What a buffer takes without others, about: by pcodec, or by LZMA together with its like."""
    from pcodec import ChunkConfig, standalone

    words = np.packbits(values) if values.dtype == bool else np.ascontiguousarray(values)
    bits = words.itemsize.bit_length() - 1
    window = min(
        max(words.nbytes, 1 << 12), 1 << 24
    )  # to make a large one takes a tenth of a second
    preset = {"id": lzma.FILTER_LZMA1, "preset": 6, "lc": 0, "lp": bits, "pb": bits}
    preset["dict_size"] = window
    joined = len(lzma.compress(words.tobytes(), lzma.FORMAT_RAW, filters=[preset])) - 5
    if words.itemsize == 1:
        return joined
    return min(joined, len(standalone.simple_compress(words, ChunkConfig(8))) - 20)
