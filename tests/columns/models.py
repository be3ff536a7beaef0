"""Models of any kind for the columns of a small block, whose values are any bits."""

from __future__ import annotations

import awkward as ak
import numpy as np

from atlasae.columns.block_model import BlockModel, KnownColumns
from atlasae.columns.column_model import Adaptive, ColumnModel, Feature, Tabulated, term_integers
from atlasae.columns.coordinates import Against, Coordinate
from atlasae.columns.integers import IntegerCode
from atlasae.columns.low_bits import LowBits
from atlasae.columns.terms import Kind, Term
from atlasae.density.bins import Bins
from atlasae.density.fitting import fit_conditional
from tests.columns.blocks import SPECIAL, buffers_of

DTYPES = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "?"]
# slots of: an entry's number; a jet's index, two numbers of it; a generator jet's number
EVENT, INDEX, FIRST, SECOND, GEN = 0, 2, 4, 6, 8
BINS = Bins(np.array([-320, -1, 0, 1, 8, 256, 1 << 20]), np.array([5, 0, 0, 0, 3, 8, 20], np.uint8))


def any_numbers(rng, dtype, count):
    """Numbers of all bits, of few, or near each other."""
    kind = rng.integers(4)
    if dtype == bool:
        return rng.random(count) < 0.3
    if kind == 0:
        return np.frombuffer(rng.bytes(count * dtype.itemsize), dtype)
    if kind == 1 and dtype.kind == "f":
        return rng.choice(np.array([*SPECIAL, 1.5], dtype), count)
    if kind == 1:
        limits = np.iinfo(dtype)
        return rng.choice(np.array([limits.min, limits.max, 0], dtype), count)
    return (100 * rng.random(count)).astype(dtype)


def any_columns(rng, entries):
    """Columns of dtypes of their own, many numbers equal to those of another column."""
    jets, gens = rng.integers(0, 4, entries), rng.integers(0, 4, entries)
    index = rng.integers(-1, 4, jets.sum()).astype(rng.choice(["i1", "i4", "u8"]))
    event, first, second, gen = (
        any_numbers(rng, np.dtype(rng.choice(DTYPES)), n)
        for n in (entries, jets.sum(), jets.sum(), gens.sum())
    )
    if rng.random() < 0.7:
        with np.errstate(all="ignore"):
            near = rng.choice(gen, len(first)) if len(gen) else first
            first = np.where(rng.random(len(first)) < 0.7, near.astype(first.dtype), first)
            second = np.where(rng.random(len(first)) < 0.7, first.astype(second.dtype), second)
    return {
        "event": ak.Array(event),
        "index": ak.unflatten(index, jets),
        "first": ak.unflatten(first, jets),
        "second": ak.unflatten(second, jets),
        "gen": ak.unflatten(gen, gens),
    }


def any_term(rng, kinds):
    """What a jet's second number may be given."""
    kind = kinds[rng.integers(len(kinds))]
    slot = {Kind.LINKED: [GEN], Kind.SAME: [EVENT, FIRST, INDEX]}.get(kind, [-1])
    index = INDEX if kind in (Kind.LINKED, Kind.OWN_LINKED) else -1
    return Term(kind, slot[rng.integers(len(slot))], index)


def known_model(slot, values):
    """The model of a column that is packed."""
    code, bins = IntegerCode.of(values), BINS
    return ColumnModel(slot, code, LowBits(), Coordinate(), bins, None, None)


def any_model(rng, arrays):
    """The models of columns, of which the second one of jets is learned, in any way."""
    block = buffers_of(arrays)
    models = {slot: known_model(slot, block.buffer(slot)) for slot in (EVENT, INDEX, GEN, FIRST)}
    values = block.buffer(SECOND)
    coordinate = Coordinate()
    references = [Kind.SAME, Kind.PREVIOUS, Kind.LINKED, Kind.OWN_LINKED]
    if rng.random() < 0.8:
        against = Against(int(rng.integers(1, 3)))
        term = any_term(rng, references)
        is_float = term.slot >= 0 and block.slots[term.slot].dtype.kind == "f"
        if term.is_own or is_float == (values.dtype.kind == "f"):
            equal = int(rng.integers(-9, 0)) if against == Against.EQUALITY else 0
            coordinate = Coordinate(against, term, equal)
    code = IntegerCode.of(values)
    exponent = 0 if coordinate.is_own or values.dtype.kind != "f" else int(rng.integers(0, 200))
    fixed = int(rng.choice([0, 3, 16 if exponent else 32]))
    model = ColumnModel(SECOND, code, LowBits(fixed, exponent), coordinate, BINS, None, None)
    cells = BINS if rng.random() < 0.5 else None
    models[SECOND] = model
    known = KnownColumns(models, block)
    own = [Kind.PREVIOUS, Kind.OWN_LINKED]
    places = [Kind.RANK, Kind.COUNT, Kind.SAME, Kind.LINKED]
    if rng.random() < 0.5:
        contexts = tuple(
            tuple(
                Feature(any_term(rng, [*places, *own]), int(rng.integers(0, 4)))
                for _ in range(rng.integers(0, 3))
            )
            for _ in range(rng.integers(1, 4))
        )
        coder = Adaptive(contexts, escapes=bool(rng.random() < 0.8))
    else:
        terms = [any_term(rng, places) for _ in range(rng.integers(0, 3))]
        high = model.split(values, known)
        high = np.zeros(0, np.int32) if high is None else high[0]
        rows = [term_integers(term, known.rows(SECOND), known)[: len(high)] for term in terms]
        inputs = np.array(rows, np.int32).reshape(len(terms), len(high))
        if not len(high):
            high, inputs = np.zeros(9, np.int32), np.zeros((len(terms), 9), np.int32)
        coder = Tabulated(terms, fit_conditional(high, inputs))
        model = ColumnModel(SECOND, code, model.low, coordinate, coder.density.bins, None, None)
    models[SECOND] = ColumnModel(SECOND, code, model.low, coordinate, model.bins, cells, coder)
    return BlockModel(models)
