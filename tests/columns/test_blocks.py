"""Columns learned from one another: whatever a block holds comes back, with the model of another."""

import awkward as ak
import numpy as np
import pytest

from atlasae.columns import fitting
from atlasae.lossless.columns import pack
from tests.columns.blocks import assert_comes_back, events, fitted


@pytest.fixture(scope="module", params=[1.0, 1000.0], ids=["once", "often"])
def model(request):
    """The models of columns that are coded once, or so often that tables are stored."""
    return fitted(events(1), request.param)


def test_the_columns_come_back(model):
    arrays = events(1)
    packed = assert_comes_back(arrays, model)
    assert len(packed) < 0.95 * len(pack(arrays))


@pytest.mark.parametrize(
    "others", [(2, 300), (3, 7), (4, 1), (5, 0), (6, 300, 0.0), (7, 40, 20.0), (8, 500)]
)
def test_columns_of_another_block_come_back(model, others):
    """Of other runs, of one entry, of none, with empty collections, with large ones."""
    assert_comes_back(events(*others), model)


def flags(rng, count=200):
    """A flag and two that nearly are it."""
    first = rng.random(count) < 0.2
    return first, first ^ (rng.random(count) < 0.02), first ^ (rng.random(count) < 0.02)


def coded(model):
    """The slots that a model codes."""
    return {slot for slot, column in model.by_slot.items() if column.coder is not None}


def test_constants_of_another_block_are_shared_by_columns_of_other_lengths():
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 4, 1000)
    first, second, _ = flags(rng, 1000)
    inner = np.repeat(first, counts)
    arrays = {"a": ak.Array(first), "b": ak.Array(second), "c": ak.unflatten(inner, counts)}
    model = fitted(arrays)
    assert {0, 3} <= coded(model)
    ones = {"a": ak.ones_like(arrays["a"]), "b": arrays["b"], "c": ak.ones_like(arrays["c"])}
    assert_comes_back(arrays, model)
    assert_comes_back(ones, model)


def test_flags_and_numbers_of_the_same_bytes_are_told_apart():
    rng = np.random.default_rng(2)
    bits = rng.random(200) < 0.2
    longer = np.append(bits[:199], False)  # packed as the 199 are
    octets = np.packbits(bits)
    arrays = {
        "bits": ak.unflatten(bits, np.full(25, 8)),
        "octets": ak.Array(octets),
        "short": ak.unflatten(longer[:199], [8] * 24 + [7]),
        "long": ak.unflatten(longer, np.full(25, 8)),
    }
    for names in (arrays, reversed(arrays)):
        own = {name: arrays[name] for name in names}
        assert_comes_back(own, fitted(own))


def test_counts_that_were_the_same_differ_in_another_block():
    """A muon's charge is coded given its jet's, until there are other numbers of jets."""
    rng = np.random.default_rng(3)
    counts = rng.integers(0, 4, 100)
    first, second, _ = flags(rng, int(counts.sum()))
    arrays = {"A_x": ak.unflatten(first, counts), "B_x": ak.unflatten(second, counts)}
    model = fitted(arrays)
    assert model.by_slot[3].slots == {1}
    assert_comes_back(arrays, model)
    other = {"A_x": arrays["A_x"], "B_x": ak.unflatten(~second, counts[::-1])}
    assert_comes_back(other, model)
    assert_comes_back({**other, "A_x": arrays["A_x"][::-1]}, model)


def test_columns_that_nearly_were_the_same_are_the_same_in_another_block():
    """What a column is coded given is then stored as that column itself."""
    rng = np.random.default_rng(4)
    count = rng.poisson(1, 1000).astype("i4")
    nearly = np.where(rng.random(1000) < 0.95, count, 3).astype("i4")
    arrays = {"close": ak.Array(nearly), "nX": ak.Array(count)}
    model = fitted(arrays)
    assert list(model.by_slot) == [1, 0]
    assert model.by_slot[0].slots == {1}
    assert coded(model) == {0, 1}
    assert_comes_back(arrays, model)
    assert_comes_back({"close": arrays["nX"], "nX": arrays["nX"]}, model)


def test_a_long_chain_of_columns_is_decoded_from_its_end(monkeypatch):
    monkeypatch.setattr(fitting, "MOST_DEPTH", 1000)  # models of others may have such chains
    rng = np.random.default_rng(5)
    chain = [rng.random(120) < 0.5]
    for _ in range(130):
        chain.append(chain[-1] ^ (rng.random(120) < 0.04))
    arrays = {f"HLT_{i}": ak.Array(flag) for i, flag in enumerate(chain)}
    model = fitted(arrays)
    assert sum(column.slots == {slot - 1} for slot, column in model.by_slot.items()) > 90
    assert_comes_back(arrays, model, wanted=["HLT_130"])


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_extreme_numbers_are_learned(dtype):
    rng = np.random.default_rng(6)
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        values = rng.choice([np.finfo(dtype).max, -np.finfo(dtype).max, 0.0, -0.0, np.nan], 300)
    else:
        limits = np.iinfo(dtype)
        values = np.array([limits.min, limits.max, 0, 1], dtype)[rng.integers(0, 4, 300)]
    values = np.repeat(values[:100], 3).astype(dtype)
    near = np.where(rng.random(300) < 0.9, values, values[::-1])
    arrays = {
        "a": ak.Array(values),
        "b": ak.Array(near),
        "double": ak.Array(np.where(values > 0, np.float64(1e300), near)),
        "flag": ak.Array(values > 0),
        "c": ak.to_regular(ak.unflatten(np.tile(values, 2), 2)),
        "d": ak.unflatten(near[:-50], [1, 2] * 75 + [1] * 25 + [0] * 125),
    }
    model = fitted(arrays)
    assert_comes_back(arrays, model)
    swapped = {"a": arrays["b"], "b": arrays["a"]}
    assert_comes_back(swapped | {name: arrays[name][::-1] for name in list(arrays)[2:]}, model)


def test_lists_in_arrays_of_fixed_size_have_no_links():
    rng = np.random.default_rng(7)
    counts = rng.integers(1, 4, 200)
    index = ak.unflatten((rng.random(counts.sum()) * 3).astype("i4"), counts)
    pairs = ak.to_regular(ak.unflatten(index, 2))
    arrays = {
        "Jet_genJetIdx": pairs,
        "Jet_pt": pairs * np.float32(2),
        "GenJet_pt": index[:100] * np.float32(1.5),
    }
    assert_comes_back(arrays, fitted(arrays))
