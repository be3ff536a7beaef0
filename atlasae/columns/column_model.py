"""How one column is coded, given the columns before it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from atlasae.coding import adaptive
from atlasae.coding.adaptive import MOST_CELLS, NO_ORIGIN, Contexts
from atlasae.coding.entropy import NO_SYMBOLS, EntropyDecoder, EntropyEncoder
from atlasae.coding.varint import decode_varint, encode_varint
from atlasae.columns.low_bits import KINDS, LowBits
from atlasae.columns.terms import LEAST, MOST, NO_ROW, Kind, Rows, Term
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.columns.coordinates import Coordinate
    from atlasae.columns.integers import IntegerCode
    from atlasae.density.bins import Bins
    from atlasae.density.conditional import Conditional
    from atlasae.types import Classes, Integers, Integers32, Values

MOST_CONTEXTS, MOST_FEATURES = 8, 4  # of a column, and of a context
MOST_ADAPTIVE = 1 << 18  # numbers in a block that are coded with contexts
MOST_PLACES = 16  # ranks and counts that contexts tell apart


class Known(Protocol):
    """What is known of the other columns of a block."""

    def rows(self, slot: int) -> Rows:
        """The rows of a slot."""

    def integers(self, slot: int) -> Integers32:
        """The integers of a column that questions are about."""

    def cells(self, slot: int) -> tuple[Classes, int]:
        """The bins of a column that contexts are about, and how many there are."""

    def values(self, slot: int) -> Values:
        """The numbers of a column."""


@dataclass(frozen=True)
class Feature:
    """A term of a context: its cell, without some low bits."""

    term: Term
    shift: int = 0


@dataclass(frozen=True)
class Adaptive:
    """Bins are coded with probabilities that are learned on the way.

    Attributes:
        contexts: the features of each.
        escapes: whether there can be integers that no bin but the last has.
    """

    contexts: tuple[tuple[Feature, ...], ...]
    escapes: bool = False

    @property
    def terms(self) -> list[Term]:
        """All terms."""
        return [feature.term for context in self.contexts for feature in context]


@dataclass(frozen=True)
class Tabulated:
    """Bins are coded with stored tables, found by questions.

    Attributes:
        terms: what is asked about.
        density: of the coordinates, given the terms.
    """

    terms: list[Term]
    density: Conditional


@dataclass(frozen=True)
class ColumnModel:
    """How one column is coded.

    Attributes:
        slot: of the column.
        code: its numbers as integers.
        low: low bits of the coordinates, which are plain.
        coordinate: the integers, or what they are compared with.
        bins: of the coordinates.
        cell_bins: of the integers, for contexts of other columns; None if those of the coordinates
            are.
        coder: of the bins; None if the column is only known to others, and packed.
    """

    slot: int
    code: IntegerCode
    low: LowBits
    coordinate: Coordinate
    bins: Bins
    cell_bins: Bins | None
    coder: Adaptive | Tabulated | None

    @cached_property
    def slots(self) -> frozenset[int]:
        """The slots of all columns that it needs."""
        terms = [] if self.coder is None else list(self.coder.terms)
        if self.coordinate.reference is not None:
            terms.append(self.coordinate.reference)
        return frozenset(slot for term in terms for slot in term.slots)

    def encode(self, values: Values, known: Known) -> bytes | None:
        """Encode numbers; None if they cannot be coded so."""
        split = self.split(values, known)
        if split is None or self.coder is None:
            return None
        high, low, widths = split
        if isinstance(self.coder, Tabulated):
            encoder = EntropyEncoder()
            inputs = _Questions(self.coder.terms, known.rows(self.slot), known)
            self.coder.density.code(encoder, high, len(high), inputs)
            if self.low.is_any:
                encoder.bits(widths, KINDS, low)
            return encoder.to_bytes()
        symbols = self.bins.find(high)
        depth = depth_of(self.bins, escapes=self.coder.escapes)
        if len(symbols) and int(symbols.max()) >> depth:
            return None
        coded = adaptive.encode(symbols, depth, self.contexts(known))
        plain = EntropyEncoder()
        plain.bits(symbols, self.bins.kinds, high)
        if self.low.is_any:
            plain.bits(widths, KINDS, low)
        return encode_varint(len(coded)) + coded + plain.to_bytes()[len(NO_SYMBOLS) :]

    def decode(
        self, coded: bytes, length: int, known: Known
    ) -> tuple[Values, Integers | Integers32]:
        """Decode numbers and their integers, from untrusted bytes.

        Raises:
            DamagedFileError: the bytes are not those of ``encode``.
        """
        if self.coder is None:
            raise DamagedFileError("a column is coded that its model does not code")
        reference = self._reference(known)
        if isinstance(self.coder, Tabulated):
            decoder = EntropyDecoder(coded)
            inputs = _Questions(self.coder.terms, known.rows(self.slot), known)
            high = self.coder.density.code(decoder, None, length, inputs)
        else:
            try:
                size, at = decode_varint(coded, 0)
            except IndexError as error:
                raise DamagedFileError("a column is cut off") from error
            depth = depth_of(self.bins, escapes=self.coder.escapes)
            symbols = adaptive.decode(coded[at : at + size], depth, self.contexts(known))
            if len(symbols) and int(symbols.max()) >= len(self.bins):
                raise DamagedFileError("a column is damaged: it has a bin that is not there")
            decoder = EntropyDecoder(NO_SYMBOLS + coded[at + size :])
            high = decoder.bits(symbols, self.bins.kinds, None)
        coordinates: Integers | Integers32 = high
        if self.low.is_any:
            widths = self._widths(length, reference)
            coordinates = self.low.joined(high, decoder.bits(widths, KINDS, None), widths)
        if not decoder.is_done:
            raise DamagedFileError("a column is damaged: it is longer than its rows")
        if reference is not None:
            whole = coordinates.astype(np.int64, copy=False)
            coordinates = self.coordinate.whole(whole, *reference, self.code)
        return self.code.values(coordinates), coordinates

    def split(self, values: Values, known: Known) -> tuple[Integers32, Integers32, Classes] | None:
        """The coordinates of numbers, their low bits, and how many these are.

        None if they cannot be coded so.
        """
        if not self.code.holds(values):
            return None
        whole = self.code.whole(values)
        coordinates: Integers | None = whole
        reference = self._reference(known)
        widths = self._widths(len(values), reference)
        if reference is not None:
            rows, numbers = reference
            known_numbers = whole if numbers is None else numbers
            coordinates = self.coordinate.of(whole, rows, known_numbers, self.code)
        if coordinates is None:
            return None
        high, low = self.low.split(coordinates, widths)
        if len(high) and not LEAST <= int(high.min()) <= int(high.max()) <= MOST:
            return None
        return high.astype(np.int32), low, widths

    def _widths(self, length: int, reference: tuple[Integers, Integers | None] | None) -> Classes:
        """The number of low bits of each coordinate."""
        if reference is None or reference[1] is None:
            return self.low.widths(length)
        return self.low.widths_by(reference[1], reference[0], self.code)

    def _reference(self, known: Known) -> tuple[Integers, Integers | None] | None:
        """The rows of the reference and its integers, None if it is the column itself."""
        reference = self.coordinate.reference
        if reference is None:
            return None
        rows = known.rows(self.slot).of(reference)
        if reference.is_own:
            return rows, None
        values = known.values(reference.slot)
        if (values.dtype.kind == "f") != (self.code.dtype.kind == "f"):
            raise DamagedFileError("a column is compared with one of another kind")
        return rows, self.code.whole_of_other(values)

    def contexts(self, known: Known) -> Contexts:
        """What the probabilities of the bins depend on."""
        assert isinstance(self.coder, Adaptive)
        return make_contexts(self.coder.contexts, known.rows(self.slot), known)


def depth_of(bins: Bins, *, escapes: bool) -> int:
    """Bits of the number of a bin; with ``escapes`` also of the last, which all other integers share."""
    return max((len(bins) - 1 - (not escapes)).bit_length(), 1)


def make_contexts(contexts: Sequence[Sequence[Feature]], rows: Rows, known: Known) -> Contexts:
    """Contexts of features, of all rows of a column.

    Raises:
        DamagedFileError: there are too many rows or cells to be decoded safely.
    """
    if rows.count > MOST_ADAPTIVE:
        raise DamagedFileError(f"{rows.count:,} numbers are too many to be coded with contexts")
    cells = np.zeros((len(contexts), rows.count), np.int32)
    sizes, origins = np.ones(len(contexts), np.int64), np.full(len(contexts), NO_ORIGIN)
    shifts = np.zeros(len(contexts), np.int64)
    own: dict[Term, Integers] = {}
    for i, features in enumerate(contexts):
        for feature in features:
            if feature.term.is_own:
                own.setdefault(feature.term, rows.of(feature.term))
                origins[i], shifts[i] = list(own).index(feature.term), feature.shift
            else:
                more, size = feature_cells(feature, rows, known)
                if sizes[i] * size > MOST_CELLS:
                    raise DamagedFileError("a context of a column has too many cells")
                cells[i] = cells[i] * size + more
                sizes[i] *= size
    places = np.zeros((len(own), rows.count), np.int32)
    for place, each in zip(places, own.values(), strict=True):
        place[:] = each
    return Contexts(cells, sizes, origins, shifts, places)


def feature_cells(feature: Feature, rows: Rows, known: Known) -> tuple[Integers, int]:
    """The cells of a feature that is not of the column itself, and how many there are."""
    term = feature.term
    if term.kind in (Kind.RANK, Kind.COUNT):
        places = rows.ranks if term.kind == Kind.RANK else rows.counts
        cells, size = np.minimum(places, MOST_PLACES - 1), MOST_PLACES
    else:
        own, size = known.cells(term.slot)
        if term.kind == Kind.SAME and rows.are_those_of(term.slot):
            return own.astype(np.int64) >> feature.shift, (size - 1 >> feature.shift) + 1
        at = rows.of(term)
        cells = own[np.maximum(at, 0)].astype(np.int64) if len(own) else np.zeros(rows.count, int)
        if term.kind == Kind.LINKED:
            cells[at == NO_ROW] = size
            size += 1
    return cells >> feature.shift, (size - 1 >> feature.shift) + 1


class _Questions:
    """What the questions of a tree are about."""

    def __init__(self, terms: Sequence[Term], rows: Rows, known: Known) -> None:
        self._terms, self._rows, self._known = terms, rows, known

    def __len__(self) -> int:
        return len(self._terms)

    def row(self, index: int) -> Integers32:
        return term_integers(self._terms[index], self._rows, self._known)


def term_integers(term: Term, rows: Rows, known: Known) -> Integers32:
    """The integers of a term that is not of the column itself; the least where there is no row."""
    if term.kind in (Kind.RANK, Kind.COUNT):
        places = rows.ranks if term.kind == Kind.RANK else rows.counts
        return places.astype(np.int32)
    integers = known.integers(term.slot)
    if term.kind == Kind.SAME and rows.are_those_of(term.slot):
        return integers
    return rows.taken(term, integers)
