"""Models of columns that are used for another set of branches."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from atlasae.columns.fitting import fit_block_model
from atlasae.columns.renumbering import renumbered
from atlasae.columns.serialization import read_block_model, write_block_model
from atlasae.lossless.columns import CollectedBuffers, pack, same_bits, unpack
from atlasae.lossless.slots import slots_of

EVENTS = 300


def columns(seed=0):
    """A collection that points to another, flags that are cuts, and sums of an event."""
    rng = np.random.default_rng(seed)
    gen, reco = rng.integers(1, 5, EVENTS), rng.integers(0, 5, EVENTS)
    true = rng.exponential(30, gen.sum()).astype(np.float32)
    index = np.concatenate([rng.integers(0, g, n) for g, n in zip(gen, reco, strict=True)])
    starts = np.repeat(np.cumsum(gen) - gen, reco)
    pt = true[starts + index] + rng.normal(0, 0.01, reco.sum()).astype(np.float32)
    sums = ak.sum(ak.unflatten(pt, reco), axis=1).to_numpy()
    arrays = {
        "nGen": gen,
        "Gen_pt": ak.unflatten(true, gen),
        "Jet_genIdx": ak.unflatten(index, reco),
        "Jet_pt": ak.unflatten(pt, reco),
        "Jet_tight": ak.unflatten(pt > 20, reco),
        "HT": sums,
        "trigger": sums > 60,
        "again": sums > 61,
    }
    return {name: ak.Array(values) for name, values in arrays.items()}


def types_of(arrays):
    return {name: str(array.type.content) for name, array in arrays.items()}


def numbers(arrays):
    """The slot of the last buffer of each column, and of all of them."""
    slots, first = {}, 0
    for name, column in zip(arrays, slots_of(types_of(arrays).values()), strict=True):
        slots[name] = list(range(first, first + len(column)))
        first += len(column)
    return slots


@pytest.fixture(scope="module")
def model():
    arrays = columns()
    names = [name for name, slots in numbers(arrays).items() for _ in slots]
    return fit_block_model(names, CollectedBuffers(arrays).buffers, uses=2.0)


def for_columns(model, arrays):
    own, other = numbers(columns()), numbers(arrays)
    shared = own.keys() & other.keys()
    return renumbered(
        model,
        {n: m for name in shared for n, m in zip(own[name], other[name], strict=True)},
    )


def assert_comes_back(arrays, model):
    dtypes = [slot.dtype for slots in slots_of(types_of(arrays).values()) for slot in slots]
    stored = write_block_model(model)
    read = read_block_model(stored, dtypes)
    packed = pack(arrays, read)
    assert packed == pack(arrays, model)
    back = unpack(packed, types_of(arrays), EVENTS, learned=read)
    assert all(same_bits(arrays[name], back[name]) for name in arrays)
    return packed


@pytest.mark.parametrize("seed", [0, 7])
def test_models_serve_the_same_columns_in_another_order(model, seed):
    arrays = columns(seed)
    size = len(pack(arrays, model))
    assert size < 0.9 * len(pack(arrays))
    order = ["more", *reversed(arrays)]
    other = {"more": ak.Array(np.arange(EVENTS)), **arrays}
    turned = {name: other[name] for name in order}
    packed = assert_comes_back(turned, for_columns(model, turned))
    assert abs(len(packed) - size) < 100


@pytest.mark.parametrize("missing", list(columns()))
def test_what_a_missing_column_would_give_is_left_out(model, missing):
    arrays = {name: array for name, array in columns(3).items() if name != missing}
    reduced = for_columns(model, arrays)
    slots = {slot for one in numbers(arrays).values() for slot in one}
    assert all({slot, *column.slots} <= slots for slot, column in reduced.by_slot.items())
    assert len(assert_comes_back(arrays, reduced)) < len(pack(arrays))


def test_a_column_without_its_reference_is_packed_and_known(model):
    arrays = columns()
    jet_pt = numbers(arrays)["Jet_pt"][-1]
    assert model.by_slot[jet_pt].coordinate.reference is not None
    del arrays["Gen_pt"]
    reduced = for_columns(model, arrays)
    column = reduced.by_slot[numbers(arrays)["Jet_pt"][-1]]
    assert column.coder is None
    assert_comes_back(arrays, reduced)


def test_columns_that_no_longer_have_the_same_rows_are_packed_alone():
    """Two collections of equal lengths in the sample, and of others elsewhere."""
    rng = np.random.default_rng(5)
    counts = rng.integers(0, 5, EVENTS)
    values = rng.integers(0, 4, counts.sum())
    sample = {
        name: ak.unflatten(values.astype(kind), counts)
        for name, kind in {"A_x": np.int32, "B_y": np.int16}.items()
    }
    model = fit_block_model(["A_x", "A_x", "B_y", "B_y"], CollectedBuffers(sample).buffers)
    assert 1 in model.by_slot[3].slots
    other = {"A_x": sample["A_x"][::-1], "B_y": sample["B_y"]}
    assert_comes_back(other, model)
