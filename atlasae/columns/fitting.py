"""Choosing how each column of a block is coded: what it is compared with and what it is given."""

from __future__ import annotations

import lzma
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from atlasae.columns.block_model import BlockModel, KnownColumns, depth_given
from atlasae.columns.candidates import Candidates, linked_term
from atlasae.columns.coder_fitting import Given, fit_adaptive, fit_tabulated
from atlasae.columns.column_model import ColumnModel
from atlasae.columns.coordinates import Against, Coordinate
from atlasae.columns.feature_pool import FeaturePool
from atlasae.columns.integers import IntegerCode
from atlasae.columns.low_bits import MOST_FINE, MOST_LOW, LowBits
from atlasae.columns.terms import LEAST, MOST, NO_ROW, Kind, Term
from atlasae.density.bin_fitting import fit_bins
from atlasae.density.bins import Bins

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlasae.lossless.slots import BlockBuffers
    from atlasae.types import Integers, Integers32, Values

MOST_DEPTH = 6  # columns that have to be decoded before a column, one after another; see the design
_MOST_BINS = 250
_BIN = 8.0  # bits that a bin costs to store and to learn
_CELL_BINS, _CELL_BIN = 24, 60.0  # of columns that others know and that are coded as differences
_FEW = 8  # different numbers that each get a bin
_FEWEST = 16  # numbers of a column that is learned
_COLUMN = 40.0  # bits that a model takes without its bins,
_STORED_BIN = 8.0  # and each bin
_MOST_ADAPTIVE = 150_000  # numbers of a column that is learned on the way, which takes longer
_MOST_ADAPTIVE_ENTRIES = 40_000  # and has less to gain, as earlier rows say little of an entry
_MOST_ALONE = 1 << 14  # numbers that are coded alone, to compare
_MOST_REFERENCES = 80
_MODELLED = 5  # bits of a difference that are not plain, where its reference says how fine it is
_WORTH_COMPARING = 0.2  # bits a number that a difference saves,
_WORTH_EQUALITY = 0.05  # and share of numbers that are equal


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
    pools: dict[tuple[int, ...], FeaturePool] = {}
    depths: dict[int, int] = {}
    for slot in candidates:
        domain = block.domain(slot)
        if domain not in pools:
            pools[domain] = FeaturePool(known.rows(slot), known)
        pool, own = pools[domain], [Term(Kind.PREVIOUS)]
        for other in candidates.same(slot):
            pool.add(Term(Kind.SAME, other))
        for index, columns in candidates.links(slot):
            for other in columns:
                term = linked_term(other, slot, index)
                own.append(term) if term.is_own else pool.add(term)
        given = Given(known.rows(slot), known, pool, own)
        models[slot] = model = _Fit(slot, block, given, candidates, uses).best()
        depths[slot] = depth_given(model, depths)
        if depths[slot] < MOST_DEPTH:
            candidates.offer(slot)
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
        self, slot: int, block: BlockBuffers, given: Given, candidates: Candidates, uses: float
    ) -> None:
        self.slot, self.block, self.given = slot, block, given
        self.candidates, self.uses = candidates, uses
        self.values = block.buffer(slot)
        self.code = IntegerCode.of(self.values)
        self.whole = self.code.whole(self.values)

    def best(self) -> ColumnModel:
        """The model that takes least; one that codes nothing if the column takes less alone."""
        first, *others = (self._choice(*coded) for coded in self._coordinates())
        assert first is not None
        best = min((first, *filter(None, others)), key=lambda choice: choice.bits)
        if best.bits > 8 * bytes_alone(self.values):
            return replace(first.model, coder=None)
        return self._with_cell_bins(best.model)

    def _with_cell_bins(self, model: ColumnModel) -> ColumnModel:
        """A model with bins of its integers, where those of its coordinates are of differences."""
        if model.coordinate.against != Against.DIFFERENCE:
            return model
        wide = np.clip(self.whole >> model.low.fixed, LEAST, MOST).astype(np.int32)
        return replace(model, cell_bins=fit_bins(wide, _CELL_BINS, _CELL_BIN))

    def _coordinates(self) -> Iterator[tuple[Coordinate, int]]:
        """The plain one, then those with the references that promise most; each with an exponent."""
        yield Coordinate(), 0
        promises = [promise for term in self._references() if (promise := self._promise(term))]
        for _, gain, equal, term in sorted(promises, key=lambda p: -p[0])[:2]:
            if gain > _WORTH_COMPARING:
                yield Coordinate(Against.DIFFERENCE, term), 0
                if exponent := self._exponent(term):
                    yield Coordinate(Against.DIFFERENCE, term), exponent
            least, most = int(self.whole.min()) - 1, int(self.whole.max())
            if equal > _WORTH_EQUALITY and LEAST <= least <= most <= MOST:
                yield Coordinate(Against.EQUALITY, term, least), 0

    def _promise(self, term: Term) -> tuple[float, float, float, Term] | None:
        """What a reference promises: bits of a difference a number, and the share that is equal."""
        judged = self._judged(term)
        if judged is None:
            return None
        own, other, share = judged
        equal = float(np.mean(own == other)) * share
        gain = (_log_spread(own, np.median(own)) - _log_spread(own, other)) * share
        return float(max(gain, 6 * equal)), float(gain), float(equal), term

    def _references(self) -> Iterator[Term]:
        if self.values.dtype == bool:
            return
        feature = self.candidates.feature(self.slot)
        for index, columns in self.candidates.links(self.slot):
            for other in columns:
                if other == self.slot or self.candidates.feature(other) == feature:
                    yield linked_term(other, self.slot, index)
        if self.values.dtype.kind in "iu" or len(self.block.domain(self.slot)) > 1:
            yield Term(Kind.PREVIOUS)
        if self.values.dtype.kind == "f":
            for other in self.candidates.same(self.slot)[-_MOST_REFERENCES:]:
                if self.block.slots[other].dtype.kind == "f":
                    yield Term(Kind.SAME, other)

    def _judged(self, term: Term) -> tuple[Integers, Integers, float] | None:
        """The integers of judged rows and of a reference, and the share of rows that have one."""
        numbers, judged = self._numbers(term), self.given.pool.judged
        rows = self.given.rows.of(term)[judged]
        there = rows != NO_ROW
        if numbers is None or not there.any():
            return None
        return self.whole[judged[there]], numbers[rows[there]], float(np.mean(there))

    def _numbers(self, term: Term) -> Integers | None:
        """The integers of a reference in the code of the column; None for another kind."""
        if term.is_own:
            return self.whole
        values = self.block.buffer(term.slot)
        if (values.dtype.kind == "f") != (self.code.dtype.kind == "f"):
            return None
        return self.code.whole_of_other(values)

    def _exponent(self, term: Term) -> int:
        """The exponent of a reference below which differences have more low bits; 0 for none.

        The larger half of differences has this many bits more, at every exponent, if those of values
        with different exponents are alike.
        """
        if self.code.dtype.kind != "f" or term.is_own:
            return 0
        judged = self._judged(term)
        assert judged is not None
        own, other, _ = judged
        exponents = self.code.exponents(other)
        bits = np.log2(1 + np.abs(own.astype(np.float64) - other))
        return max(int(np.median(exponents + bits)) - _MODELLED, 0)

    def _choice(self, coordinate: Coordinate, exponent: int) -> _Choice | None:
        coordinates: Integers | None = self.whole
        rows = numbers = None
        if coordinate.reference is not None:
            rows = self.given.rows.of(coordinate.reference)
            numbers = self._numbers(coordinate.reference)
            assert numbers is not None
            coordinates = coordinate.of(self.whole, rows, numbers, self.code)
        if coordinates is None:
            return None
        low = LowBits(_low_bits(coordinates), exponent)
        if low.fixed + (MOST_FINE if exponent else 0) > MOST_LOW:
            return None
        widths = low.widths(len(coordinates))
        if rows is not None and numbers is not None:
            widths = low.widths_by(numbers, rows, self.code)
        high = low.split(coordinates, widths)[0].astype(np.int32)
        model = ColumnModel(self.slot, self.code, low, coordinate, _NO_BINS, None, None)
        in_lists = len(self.block.domain(self.slot)) > 1
        most = _MOST_ADAPTIVE if in_lists else _MOST_ADAPTIVE_ENTRIES
        fit = self._tabulated if len(high) * self.uses > most else self._adaptive
        choice = fit(model, high)
        choice.bits += int(widths.sum(dtype=np.int64)) + _COLUMN / self.uses
        return choice

    def _adaptive(self, model: ColumnModel, high: Integers32) -> _Choice:
        bins = _bins(high)
        symbols = bins.find(high)
        coder, bits = fit_adaptive(symbols, bins, self.given, escapes=self.uses > 1)
        bits += int(bins.kinds.widths[symbols].sum(dtype=np.int64))
        bits += _STORED_BIN * len(bins) / self.uses
        return _Choice(bits, replace(model, bins=bins, coder=coder))

    def _tabulated(self, model: ColumnModel, high: Integers32) -> _Choice:
        coder, bits = fit_tabulated(high, self.given, self.uses)
        return _Choice(bits, replace(model, bins=coder.density.bins, coder=coder))


_NO_BINS = Bins(np.zeros(1, np.int64), np.zeros(1, np.uint8))


def _low_bits(coordinates: Integers) -> int:
    """How many low bits have to be plain, so that the others fit int32."""
    most = max(int(coordinates.max()), -int(coordinates.min()) - 1)
    return max(most.bit_length() - 31, 0)


def _bins(high: Integers32) -> Bins:
    distinct = np.unique(high[:: len(high) // 1000 + 1])
    if len(distinct) <= _FEW:
        distinct = np.unique(high)
        if len(distinct) <= _FEW:
            return Bins(distinct.astype(np.int64), np.zeros(len(distinct), np.uint8))
    return fit_bins(high, _MOST_BINS, _BIN)


def _log_spread(own: Integers, other: Integers | np.floating) -> float:
    return float(np.mean(np.log2(1 + np.abs(own.astype(np.float64) - other))))


def bytes_alone(values: Values) -> float:
    """What a buffer takes without others, about: by pcodec, or by LZMA together with its like."""
    from pcodec import ChunkConfig, standalone

    part = values[:_MOST_ALONE]
    words = np.packbits(part) if part.dtype == bool else np.ascontiguousarray(part)
    bits = words.itemsize.bit_length() - 1
    window = max(words.nbytes, 1 << 12)  # to make a large one takes a tenth of a second
    preset = {"id": lzma.FILTER_LZMA1, "preset": 6, "dict_size": window}
    filters = [preset | {"lc": 0, "lp": bits, "pb": bits}]
    size = len(lzma.compress(words.tobytes(), lzma.FORMAT_RAW, filters=filters)) - 5
    if words.itemsize > 1:
        size = min(size, len(standalone.simple_compress(words, ChunkConfig(8))) - 20)
    return size * len(values) / len(part)
