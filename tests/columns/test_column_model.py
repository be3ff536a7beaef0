"""Every way of coding a column, of any numbers: they come back bit for bit, or it is packed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasae.columns.block_model import BlockModel, KnownColumns
from atlasae.columns.column_model import (
    MOST_ADAPTIVE,
    Adaptive,
    ColumnModel,
    Feature,
    feature_cells,
    make_contexts,
)
from atlasae.columns.coordinates import Coordinate
from atlasae.columns.integers import IntegerCode
from atlasae.columns.low_bits import LowBits
from atlasae.columns.terms import Kind, Rows, Term
from atlasae.density.bins import Bins
from atlasae.errors import DamagedFileError
from atlasae.lossless.slots import GivenBuffers, Slot
from tests.columns.blocks import assert_comes_back, buffers_of
from tests.columns.models import BINS, GEN, INDEX, SECOND, any_columns, any_model, known_model


@settings(max_examples=300)
@given(st.integers(0, 2**32 - 1), st.integers(0, 12))
def test_every_column_comes_back(seed, entries):
    rng = np.random.default_rng(seed)
    arrays = any_columns(rng, entries)
    model = any_model(rng, arrays)
    assert_comes_back(arrays, model, wanted=["second"])
    other = any_columns(rng, int(rng.integers(0, 20)))
    dtypes = [array.type.content for array in arrays.values()]
    if dtypes == [array.type.content for array in other.values()]:
        assert_comes_back(other, model, wanted=["second"])


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1))
def test_damaged_bytes_of_a_column_give_numbers_or_an_error(seed):
    rng = np.random.default_rng(seed)
    arrays = any_columns(rng, 10)
    model, block = any_model(rng, arrays), buffers_of(arrays)
    coded = bytearray(model.encode(block).get(SECOND, b"\0" * 20))
    for at in rng.integers(0, max(len(coded), 1), 3 * bool(coded)):
        coded[at] ^= 1 << int(rng.integers(8))
    del coded[int(rng.integers(len(coded) + 1)) :]
    try:
        values = model.decoder(block)(SECOND, bytes(coded), block.length(SECOND))
    except DamagedFileError:
        return
    assert values.dtype == block.buffer(SECOND).dtype
    assert len(values) == block.length(SECOND)


def test_most_kinds_of_models_code_their_column():
    """What is tested above is not packed."""
    coded = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        arrays = any_columns(rng, 12)
        coded += SECOND in any_model(rng, arrays).encode(buffers_of(arrays))
    assert coded > 40


def test_a_column_that_is_not_coded_is_refused():
    arrays = any_columns(np.random.default_rng(1), 10)
    block = buffers_of(arrays)
    model = BlockModel({GEN: known_model(GEN, block.buffer(GEN))})
    assert not model.encode(block)
    for slot in (GEN, SECOND):
        with pytest.raises(DamagedFileError, match="coded that its model"):
            model.decoder(block)(slot, b"", block.length(slot))


def numbers(values):
    """A block of one column of as many entries."""
    return GivenBuffers([Slot(values.dtype)], len(values), [values], [0])


def adaptive(code, escapes=False, contexts=((),), bins=BINS):
    coder = Adaptive(contexts, escapes=escapes)
    return ColumnModel(0, code, LowBits(), Coordinate(), bins, None, coder)


def test_numbers_that_no_bin_has_need_an_escape():
    values = np.array([1 << 30, 0, 1], np.int32)
    block = numbers(values)
    code, bins = IntegerCode.of(values), Bins(np.arange(4), np.zeros(4, np.uint8))
    assert not BlockModel({0: adaptive(code, bins=bins)}).encode(block)
    model = BlockModel({0: adaptive(code, escapes=True, bins=bins)})
    coded = model.encode(block)[0]
    assert model.decoder(block)(0, coded, 3).tolist() == values.tolist()
    with pytest.raises(DamagedFileError):
        model.decoder(block)(0, coded + b"\0", 3)


def test_trailing_zeros_that_are_not_there_are_not_coded():
    code = IntegerCode.of(np.array([1.0, 2.0], np.float32))
    model = BlockModel({0: adaptive(code, escapes=True)})
    assert model.encode(numbers(np.array([4.0], np.float32)))
    assert not model.encode(numbers(np.array([1.1], np.float32)))


def test_too_many_cells_or_numbers_are_refused_before_memory_is_taken():
    arrays = any_columns(np.random.default_rng(1), 10)
    block = buffers_of(arrays)
    models = {slot: known_model(slot, block.buffer(slot)) for slot in (INDEX, GEN)}
    known, feature = KnownColumns(models, block), Feature(Term(Kind.SAME, INDEX))
    with pytest.raises(DamagedFileError, match="too many cells"):
        make_contexts([[feature] * 20], known.rows(SECOND), known)

    class Many(Rows):
        def __init__(self):
            self.count = MOST_ADAPTIVE + 1

    with pytest.raises(DamagedFileError, match="too many to be coded"):
        make_contexts([[]], Many(), known)


def test_cells_of_features():
    arrays = any_columns(np.random.default_rng(3), 10)
    block = buffers_of(arrays)
    models = {slot: known_model(slot, block.buffer(slot)) for slot in (INDEX, GEN)}
    known = KnownColumns(models, block)
    rows = known.rows(SECOND)
    for term in (Term(Kind.RANK), Term(Kind.SAME, INDEX), Term(Kind.LINKED, GEN, INDEX)):
        for shift in (0, 1, 3):
            cells, size = feature_cells(Feature(term, shift), rows, known)
            assert len(cells) == rows.count
            assert 0 <= cells.min() <= cells.max() < size
