"""The stored form of the models of columns.

One stack of numbers says what each column is compared with and given, kind by kind, so that what is
usual takes little. Stacks of a few columns each hold bins and tables; they are read when one of their
columns is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from atlasae.coding.number_stack import NumberReader, NumberWriter, join_stacks, split_stacks
from atlasae.columns.block_model import BlockModel
from atlasae.columns.column_model import (
    MOST_CONTEXTS,
    MOST_FEATURES,
    Adaptive,
    ColumnModel,
    Feature,
    Tabulated,
)
from atlasae.columns.coordinates import Against, Coordinate
from atlasae.columns.integers import IntegerCode
from atlasae.columns.low_bits import MOST_FINE, MOST_LOW, LowBits
from atlasae.columns.terms import Kind, Term
from atlasae.density.serialization import (
    read_bins,
    read_conditional,
    write_bins,
    write_conditional,
)
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.types import DType

MAGIC = b"ats\x01"  # the last byte is the version of the format
_DIGEST_BYTES = 8  # of SHA-256: protects against damage, not against forgery
_MOST_COLUMNS = 1 << 20
_SMALL = 64  # size of the numbers that are written by their shares
_FAR = _SMALL - 1  # stands for a step to a slot that is not a small number
_PACKED, _ADAPTIVE, _TABULATED = range(3)
_EXPONENTS = 1 << 11  # of floats
_PER_STACK = 16  # a large stack takes long to read


def write_block_model(model: BlockModel) -> bytes:
    """The bytes of the models of the columns of a block."""
    columns = list(model.by_slot.values())
    heads = NumberWriter()
    _write_heads(heads, columns)
    stacks = [heads.to_bytes()]
    for places in _in_stacks([_kind_of(column) for column in columns]):
        writer = NumberWriter()
        for place in places:
            _write_body(writer, columns[place])
        stacks.append(writer.to_bytes())
    data = join_stacks(stacks)
    return MAGIC + _digest(data) + data


def read_block_model(stored: bytes, dtypes: Sequence[DType]) -> BlockModel:
    """Read what ``write_block_model`` wrote.

    Args:
        stored: the bytes.
        dtypes: of all slots.

    Raises:
        DamagedFileError: the bytes are no such models, or those of other columns.
    """
    start = len(MAGIC) + _DIGEST_BYTES
    data = stored[start:]
    if stored[: len(MAGIC)] != MAGIC or stored[len(MAGIC) : start] != _digest(data):
        raise DamagedFileError("the stored models of columns are damaged")
    stacks = split_stacks(data)
    with _damaged():
        heads = _Heads(NumberReader(stacks[0]), dtypes)
    models = _StoredModels(heads, stacks[1:])
    if len(stacks) - 1 != len(models.in_stacks):
        raise DamagedFileError("the stored models of columns are damaged: some are missing")
    return BlockModel(models)


def _in_stacks(kinds: Sequence[int]) -> list[range]:
    """The places of the models of each stack: models with tables, which are large, have their own."""
    starts = [
        place
        for place, kind in enumerate(kinds)
        if place == 0 or kind == _TABULATED or kinds[place - 1] == _TABULATED
    ]
    spans = pairwise([*starts, len(kinds)])
    return [
        range(first, min(first + _PER_STACK, stop))
        for start, stop in spans
        for first in range(start, stop, _PER_STACK)
    ]


def is_block_model(stored: bytes) -> bool:
    """Whether bytes are those of ``write_block_model``, as they begin."""
    return stored[: len(MAGIC)] == MAGIC


@contextmanager
def _damaged() -> Iterator[None]:
    """Numbers that say nothing are damage."""
    try:
        yield
    except DamagedFileError:
        raise
    except (ValueError, IndexError, ZeroDivisionError, StopIteration) as error:
        raise DamagedFileError("the stored models of columns are damaged") from error


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:_DIGEST_BYTES]


def _write_heads(writer: NumberWriter, columns: Sequence[ColumnModel]) -> None:
    places = {column.slot: place for place, column in enumerate(columns)}
    writer.integer(len(columns), _MOST_COLUMNS)
    _write_slots(writer, [column.slot for column in columns])

    def write(values: Iterable[int]) -> None:
        if listed := list(values):
            writer.integers(np.array(listed), _SMALL)

    write(column.code.shift for column in columns)
    write(column.low.fixed for column in columns)
    write(int(column.low.exponent > 0) for column in columns)
    write(int(column.coordinate.against) for column in columns)
    write(int(column.cell_bins is not None) for column in columns)
    write(_kind_of(column) for column in columns)
    adaptive = [column.coder for column in columns if isinstance(column.coder, Adaptive)]
    write(int(coder.escapes) for coder in adaptive)
    write(len(coder.contexts) for coder in adaptive)
    write(len(context) for coder in adaptive for context in coder.contexts)
    write(f.shift for coder in adaptive for context in coder.contexts for f in context)
    tabulated = [column.coder for column in columns if isinstance(column.coder, Tabulated)]
    write(len(coder.terms) for coder in tabulated)
    write(int(term.kind) for column in columns for term in _terms(column))
    for place, column in enumerate(columns):
        for slot in (slot for term in _terms(column) for slot in term.slots):
            writer.integer(places[slot], place)


def _kind_of(column: ColumnModel) -> int:
    if column.coder is None:
        return _PACKED
    return _ADAPTIVE if isinstance(column.coder, Adaptive) else _TABULATED


def _terms(column: ColumnModel) -> list[Term]:
    """All terms of a column, that of the reference first."""
    reference = column.coordinate.reference
    return [
        *([reference] if reference is not None else []),
        *(column.coder.terms if column.coder is not None else []),
    ]


def _write_slots(writer: NumberWriter, slots: Sequence[int]) -> None:
    """Write slots as steps from one to the next, large and negative ones apart."""
    steps = np.diff(slots, prepend=-1)
    is_far = (steps < 0) | (steps >= _FAR)
    if len(steps):
        writer.integers(np.where(is_far, _FAR, steps), _SMALL)
    for step in steps[is_far].tolist():
        writer.signed(step)


class _Heads:
    """What each column is compared with and given."""

    def __init__(self, reader: NumberReader, dtypes: Sequence[DType]) -> None:
        count = reader.integer(_MOST_COLUMNS)
        if count > len(dtypes):
            raise DamagedFileError("the stored models are of other columns")

        def read(number: int) -> list[int]:
            return reader.integers(number, _SMALL).tolist() if number else []

        steps = read(count)
        self.slots = np.cumsum(
            [reader.signed() if step == _FAR else step for step in steps], dtype=np.int64
        )
        self.slots = self.slots - 1 if count else self.slots
        if len(set(self.slots.tolist())) < count or (
            count and not 0 <= self.slots.min() <= self.slots.max() < len(dtypes)
        ):
            raise DamagedFileError("the stored models are of other columns")
        self.dtypes = [dtypes[slot] for slot in self.slots.tolist()]
        self.shifts, self.lows, self.has_exponents = read(count), read(count), read(count)
        self.againsts = read(count)
        self.has_cell_bins, self.kinds = read(count), read(count)
        adaptive = self.kinds.count(_ADAPTIVE)
        escapes, contexts = iter(read(adaptive)), read(adaptive)
        features = read(sum(contexts))
        if max([0, *contexts]) > MOST_CONTEXTS or max([0, *features]) > MOST_FEATURES:
            raise DamagedFileError("the stored models of columns are damaged: too many contexts")
        feature_shifts = iter(read(sum(features)))
        questions = iter(read(self.kinds.count(_TABULATED)))
        sizes, shapes = iter(features), iter(contexts)
        self.shapes: list[tuple[bool, list[list[int]], int]] = []  # escapes, shifts, questions
        for kind in self.kinds:
            if kind == _ADAPTIVE:
                shifts = [
                    [next(feature_shifts) for _ in range(next(sizes))] for _ in range(next(shapes))
                ]
                self.shapes.append((bool(next(escapes)), shifts, 0))
            else:
                self.shapes.append((False, [], next(questions) if kind == _TABULATED else 0))
        self._read_terms(reader, read)

    def _read_terms(self, reader: NumberReader, read: Callable[[int], list[int]]) -> None:
        numbers = [
            (against != Against.NOTHING) + sum(map(len, shifts)) + questions
            for against, (_, shifts, questions) in zip(self.againsts, self.shapes, strict=True)
        ]
        kinds = iter(read(sum(numbers)))
        self.terms: list[list[Term]] = []
        for place, number in enumerate(numbers):
            of_column = []
            for _ in range(number):
                kind = Kind(next(kinds))
                has_slot = kind in (Kind.SAME, Kind.LINKED)
                has_index = kind in (Kind.LINKED, Kind.OWN_LINKED)
                slot = int(self.slots[reader.integer(place)]) if has_slot else -1
                index = int(self.slots[reader.integer(place)]) if has_index else -1
                of_column.append(Term(kind, slot, index))
            self.terms.append(of_column)


def _write_body(writer: NumberWriter, column: ColumnModel) -> None:
    if column.coordinate.against == Against.EQUALITY:
        writer.signed(column.coordinate.equal)
    if column.low.exponent:
        writer.integer(column.low.exponent, _EXPONENTS)
    if column.cell_bins is not None:
        write_bins(writer, column.cell_bins)
    if isinstance(column.coder, Tabulated):
        write_conditional(writer, column.coder.density)
    else:
        write_bins(writer, column.bins)


class _StoredModels(Mapping[int, ColumnModel]):
    """The models by slot, in the order of coding; a stack is read when one of its models is.

    Attributes:
        in_stacks: the places of the models of each stack.
    """

    def __init__(self, heads: _Heads, stacks: Sequence[bytes]) -> None:
        self._heads, self._stacks = heads, stacks
        self.in_stacks = _in_stacks(heads.kinds)
        self._stack_of = [number for number, own in enumerate(self.in_stacks) for _ in own]
        self._places = {slot: place for place, slot in enumerate(heads.slots.tolist())}
        self._read: dict[int, ColumnModel] = {}

    def __iter__(self) -> Iterator[int]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, slot: object) -> bool:  # without reading it
        return slot in self._places

    def __getitem__(self, slot: int) -> ColumnModel:
        place = self._places[slot]
        if place not in self._read:
            number = self._stack_of[place]
            reader = NumberReader(self._stacks[number])
            with _damaged():
                for each in self.in_stacks[number]:
                    self._read[each] = self._model(reader, each)
        return self._read[place]

    def _model(self, reader: NumberReader, place: int) -> ColumnModel:
        heads = self._heads
        terms = list(heads.terms[place])
        against = Against(heads.againsts[place])
        reference = terms.pop(0) if against != Against.NOTHING else None
        equal = reader.signed() if against == Against.EQUALITY else 0
        exponent = reader.integer(_EXPONENTS) if heads.has_exponents[place] else 0
        cell_bins = read_bins(reader) if heads.has_cell_bins[place] else None
        escapes, shifts, _ = heads.shapes[place]
        coder: Adaptive | Tabulated | None = None
        if heads.kinds[place] == _TABULATED:
            coder = Tabulated(terms, read_conditional(reader))
            if any(cut.input >= len(terms) for cut in coder.density.tree.cuts):
                raise DamagedFileError(
                    "the stored models of columns are damaged: unknown questions"
                )
            bins = coder.density.bins
        else:
            bins = read_bins(reader)
            if heads.kinds[place] == _ADAPTIVE:
                features = iter(terms)
                coder = Adaptive(
                    tuple(tuple(Feature(next(features), s) for s in of) for of in shifts), escapes
                )
        code = IntegerCode(heads.dtypes[place], heads.shifts[place])
        low = LowBits(heads.lows[place], exponent)
        if (
            low.fixed + (MOST_FINE if exponent else 0) > MOST_LOW
            or code.shift >= 8 * code.dtype.itemsize
        ):
            raise DamagedFileError("the stored models of columns are damaged: bits beyond a number")
        slot = int(heads.slots[place])
        coordinate = Coordinate(against, reference, equal)
        return ColumnModel(slot, code, low, coordinate, bins, cell_bins, coder)
