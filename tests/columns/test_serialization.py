"""The stored form of models of columns: read as written, damage and malice refused."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasae.coding.number_stack import split_stacks
from atlasae.columns import column_model, serialization
from atlasae.columns.block_model import BlockModel
from atlasae.columns.column_model import Adaptive, Feature
from atlasae.columns.serialization import (
    MAGIC,
    is_block_model,
    read_block_model,
    write_block_model,
)
from atlasae.columns.terms import Kind, Term
from atlasae.errors import DamagedFileError
from tests.columns.blocks import assert_comes_back, buffers_of, events, fitted
from tests.columns.models import SECOND, any_columns, any_model

START = len(MAGIC) + 8


def dtypes_of(arrays):
    return [slot.dtype for slot in buffers_of(arrays).slots]


def resealed(data):
    """Stored models whose digest is right again."""
    return data[: len(MAGIC)] + hashlib.sha256(data[START:]).digest()[:8] + data[START:]


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1))
def test_models_are_read_as_written(seed):
    rng = np.random.default_rng(seed)
    arrays = any_columns(rng, 12)
    model = any_model(rng, arrays)
    stored = write_block_model(model)
    assert is_block_model(stored)
    read = read_block_model(stored, dtypes_of(arrays))
    assert write_block_model(read) == stored
    assert list(read.by_slot) == list(model.by_slot)
    block = buffers_of(arrays)
    assert read.encode(block) == model.encode(block)
    for slot, own in model.by_slot.items():
        other = read.by_slot[slot]
        assert (own.code, own.low, own.coordinate) == (other.code, other.low, other.coordinate)
        if isinstance(own.coder, Adaptive):
            assert own.coder == other.coder


@pytest.fixture(scope="module")
def arrays():
    return events(1, 40)


@pytest.fixture(scope="module")
def model(arrays):
    return fitted(arrays)


def test_fitted_models_code_as_those_that_are_stored(arrays, model):
    again = read_block_model(write_block_model(model), dtypes_of(arrays))
    assert again.encode(buffers_of(arrays)) == model.encode(buffers_of(arrays))


def test_no_columns():
    assert not read_block_model(write_block_model(BlockModel({})), []).by_slot


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_damaged_models_are_refused_and_forged_ones_do_no_harm(seed, sealed):
    """Without a right digest none is read; with one, they code, or raise DamagedFileError."""
    rng = np.random.default_rng(seed)
    arrays = any_columns(rng, 10)
    stored = bytearray(write_block_model(any_model(rng, arrays)))
    before = bytes(stored)
    for at in rng.integers(START if sealed else 0, len(stored), rng.integers(1, 4)):
        stored[at] ^= 1 << int(rng.integers(8))
    if rng.random() < 0.2:
        del stored[int(rng.integers(len(stored))) :]
    data = bytes(stored)
    if sealed and len(data) > START:
        data = resealed(data)
    elif data != before:
        with pytest.raises(DamagedFileError):
            read_block_model(data, dtypes_of(arrays))
        return
    try:
        model = read_block_model(data, dtypes_of(arrays))
        list(model.by_slot.values())
    except DamagedFileError:
        return
    assert_comes_back(arrays, model, wanted=["second"])


def test_models_of_other_columns_are_refused(arrays, model):
    stored = write_block_model(model)
    with pytest.raises(DamagedFileError, match="other columns"):
        read_block_model(stored, dtypes_of(arrays)[:3])


@pytest.mark.parametrize("number", [0, 1, 2, -1])
def test_missing_stacks_are_refused(number, arrays, model):
    data = write_block_model(model)
    stacks = split_stacks(data[START:])
    assert len(stacks) > 2
    cut = serialization.join_stacks(stacks[:number])
    with pytest.raises(DamagedFileError):
        read_block_model(resealed(data[:START] + cut), dtypes_of(arrays))


@pytest.mark.parametrize("most", ["MOST_CONTEXTS", "MOST_FEATURES"])
def test_more_contexts_than_ever_pay_are_refused(most):
    arrays = any_columns(np.random.default_rng(1), 10)
    model = any_model(np.random.default_rng(1), arrays)
    number = getattr(column_model, most) + 1
    feature = Feature(Term(Kind.RANK))
    contexts = ((feature,),) * number if most == "MOST_CONTEXTS" else ((feature,) * number,)
    own = model.by_slot[SECOND]
    models = model.by_slot | {
        SECOND: column_model.ColumnModel(
            own.slot, own.code, own.low, own.coordinate, own.bins, None, Adaptive(contexts)
        )
    }
    stored = write_block_model(BlockModel(models))
    with pytest.raises(DamagedFileError, match="too many contexts"):
        read_block_model(stored, dtypes_of(arrays))
