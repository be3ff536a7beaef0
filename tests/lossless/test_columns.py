"""Columns as bytes: every bit comes back, and no bytes do worse than raise DamagedFileError."""

import tracemalloc
from contextlib import suppress

import awkward as ak
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from atlasae.errors import DamagedFileError, InputError
from atlasae.lossless import streams
from atlasae.lossless.columns import (
    pack,
    packed_sizes,
    same_bits,
    size_of,
    unpack,
    unpack_buffers,
)
from atlasae.lossless.slots import can_pack
from atlasae.lossless.unpacked import joined

DTYPES = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)] + [
    *("float32", "float64", "bool")
]


def types_of(arrays):
    return {name: str(array.type.content) for name, array in arrays.items()}


def bits(layout):
    """The bytes of every buffer, without what no entry refers to."""
    _, length, buffers = ak.to_buffers(layout.to_packed(), byteorder="<")
    return length, {name: np.asarray(buffer).tobytes() for name, buffer in buffers.items()}


def canonical(layout):
    """An option as IndexedOptionArray, lists by 64-bit offsets, so that buffers can be compared."""
    layout = layout.to_packed()
    if layout.is_numpy and layout.data.ndim > 1:
        layout = layout.to_RegularArray()
    if layout.is_option:
        layout = layout.to_IndexedOptionArray64()
        content = canonical(layout.project())
        there = layout.mask_as_bool(valid_when=True)
        index = ak.index.Index64(np.where(there, np.cumsum(there) - 1, -1))
        return ak.contents.IndexedOptionArray(index, content, parameters=layout.parameters)
    if layout.is_record:
        contents = [canonical(content) for content in layout.contents]
        return layout.copy(contents=contents)
    if layout.is_regular:
        return layout.copy(content=canonical(layout.content))
    if layout.is_list:
        layout = layout.to_ListOffsetArray64(True)
        return layout.copy(content=canonical(layout.content))
    return layout


def assert_same(ours, theirs):
    assert ours.type == theirs.type
    assert bits(canonical(ours.layout)) == bits(canonical(theirs.layout))


def assert_round_trip(**arrays):
    entries = len(next(iter(arrays.values())))
    restored = unpack(pack(arrays), types_of(arrays), entries)
    assert list(restored) == list(arrays)
    for name, array in arrays.items():
        assert_same(restored[name], array)


@st.composite
def layouts(draw, length, depth=3):
    """Contents of any type, with values of any bits."""
    kinds = ["numbers"] + ["lists", "regular", "options", "records", "strings", "indexed"] * (
        depth > 0
    )
    kind = draw(st.sampled_from(kinds))
    parameters = draw(st.sampled_from([None, {"__doc__": 'of "jets", η'}]))
    if kind == "numbers":
        dtype = np.dtype(draw(st.sampled_from(DTYPES)))
        if dtype == bool:
            values = draw(hnp.arrays(bool, length))
        else:
            patterns = hnp.arrays(f"u{dtype.itemsize}", length)
            constant = draw(st.booleans())
            values = draw(patterns).view(dtype)
            values = np.repeat(values[:1], length) if constant else values
        return ak.contents.NumpyArray(values, parameters=parameters)
    if kind in ("lists", "strings"):
        counts = draw(hnp.arrays(np.int64, length, elements=st.integers(0, 3)))
        offsets = ak.index.Index64(np.concatenate([[0], np.cumsum(counts)]))
        if kind == "strings":
            array, char = draw(st.sampled_from([("string", "char"), ("bytestring", "byte")]))
            letters = draw(hnp.arrays(np.uint8, int(counts.sum())))
            content = ak.contents.NumpyArray(letters, parameters={"__array__": char})
            return ak.contents.ListOffsetArray(offsets, content, parameters={"__array__": array})
        content = draw(layouts(int(counts.sum()), depth - 1))
        return ak.contents.ListOffsetArray(offsets, content, parameters=parameters)
    if kind == "regular":
        size = draw(st.integers(0, 3))
        content = draw(layouts(length * size, depth - 1))
        return ak.contents.RegularArray(content, size, length, parameters=parameters)
    if kind == "options":
        content = draw(layouts(length, depth - 1))
        mask = ak.index.Index8(draw(hnp.arrays(bool, length)).astype(np.int8))
        return ak.contents.ByteMaskedArray.simplified(mask, content, valid_when=True)
    if kind == "indexed":
        content = draw(layouts(length, depth - 1))
        order = ak.index.Index64(np.arange(length)[::-1].copy())
        return ak.contents.IndexedArray.simplified(order, content)
    fields = draw(st.lists(st.text(max_size=3), min_size=1, max_size=3, unique=True))
    contents = [draw(layouts(length, depth - 1)) for _ in fields]
    name = draw(st.sampled_from([None, {"__record__": "TLorentzVector"}]))
    names = draw(st.sampled_from([fields, None]))
    return ak.contents.RecordArray(contents, names, length, parameters=name)


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_every_bit_comes_back(data):
    length = data.draw(st.integers(0, 12))
    count = data.draw(st.integers(1, 3))
    arrays = {f"c{i}": ak.Array(data.draw(layouts(length))) for i in range(count)}
    assert_round_trip(**arrays)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [0, 1, 9, 5000])
def test_numbers_of_any_bits(dtype, length):
    size = np.dtype(dtype).itemsize
    raw = np.random.default_rng(0).integers(0, 256, length * size, np.uint8)
    values = raw.view(f"u{size}").view(dtype) if dtype != "bool" else raw > 100
    restored = unpack(pack({"x": ak.Array(values)}), {"x": dtype}, length)["x"]
    assert restored.layout.data.dtype == np.dtype(dtype)
    assert restored.layout.data.dtype.isnative
    assert restored.layout.data.tobytes() == values.tobytes()


def test_special_values_come_back():
    floats = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1.7e308])
    signalling = np.array([0x7FF0000000000001, 0xFFF8000000000ABC], np.uint64).view(float)
    integers = np.array([0, -1, 2**63 - 1, -(2**63)] + [1] * 5)
    assert_round_trip(
        floats=ak.Array(np.concatenate([floats, signalling])),
        zeros=ak.Array(np.array([0.0, -0.0] * 4 + [0.0])),
        integers=ak.Array(integers),
        unsigned=ak.Array(integers.view(np.uint64)),
        texts=ak.Array(["", "jet", "η", "\0", "'\"", "{", "x" * 300, "a", "b"]),
        raw=ak.Array([bytes([i, 255 - i]) for i in range(9)]),
        empty=ak.Array([[]] * 9),
        matrices=ak.Array(np.arange(54.0).reshape(9, 2, 3)),
    )


def test_what_is_left_out_does_not_matter():
    """Slices, which share buffers with what they were cut from."""
    whole = ak.Array([[1.0, 2.0], [], [3.0], [None, 4.0]])
    assert_round_trip(x=whole[1:], y=whole[[3, 0, 1]], z=whole[::-1][:3])
    assert len(pack({"x": ak.Array(np.arange(10_000) ** 2 % 977)[:2]})) < 100


def collection(columns=12, events=200):
    rng = np.random.default_rng(1)
    counts = rng.poisson(5, events)
    return {
        f"Jet_{i}": ak.unflatten(rng.integers(0, 3, counts.sum()), counts) for i in range(columns)
    }, counts


def test_equal_counts_stand_once():
    arrays, counts = collection()
    flat = {
        name: ak.Array(np.concatenate([array.layout.content.data]))
        for name, array in arrays.items()
    }
    with_number = arrays | {"nJet": ak.Array(counts.astype(np.int32))}
    jets = len(pack(arrays))
    assert jets < len(pack(flat)) + len(pack({"nJet": ak.Array(counts)})) + 100
    assert len(pack(with_number)) < jets + 20


def test_a_thousand_small_columns_cost_no_heads():
    rng = np.random.default_rng(2)
    arrays = {f"HLT_{i}": ak.Array(rng.random(200) < 0.02) for i in range(1000)}
    assert len(pack(arrays)) < 1000 * 10
    constant = {f"HLT_{i}": ak.Array(np.full(200, i % 2 == 0)) for i in range(1000)}
    assert len(pack(constant)) < 100


def test_rounded_mantissas_take_less():
    values = np.random.default_rng(3).exponential(50, 20_000).astype(np.float32)
    rounded = (values.view(np.uint32) & 0xFFFFE000).view(np.float32)
    assert len(pack({"pt": ak.Array(rounded)})) < 0.45 * rounded.nbytes


def test_long_columns_are_coded_in_pieces(monkeypatch):
    monkeypatch.setattr("atlasae.lossless.streams._CHUNK", 256)
    values = np.random.default_rng(7).normal(size=1000)
    assert_round_trip(x=ak.Array(values), y=ak.Array(values > 0))


def mixed(entries=40):
    rng = np.random.default_rng(4)
    counts = rng.poisson(2, entries)
    return {
        "n": ak.Array(counts.astype(np.int32)),
        "pt": ak.unflatten(rng.exponential(50, counts.sum()).astype(np.float32), counts),
        "hit": ak.Array(rng.random(entries) < 0.3),
        "weight": ak.Array(rng.normal(size=entries)),
        "run": ak.Array(np.full(entries, 7, np.uint32)),
        "name": ak.Array([f"jet{i % 3}" for i in range(entries)]),
        "maybe": ak.Array([None if i % 3 else [i * 0.5, 1.0] for i in range(entries)]),
        "p4": ak.Array([[{"fX": i * 1.5, "fY": -1.0}] * (i % 3) for i in range(entries)]),
    }


def test_a_part_decodes_as_in_the_whole():
    arrays = mixed()
    data, types = pack(arrays), types_of(arrays)
    whole = unpack(data, types, 40)
    for names in [["pt"], ["p4", "n"], list(arrays), []]:
        part = unpack(data, types, 40, names)
        assert set(part) == set(names)
        for name in names:
            assert_same(part[name], whole[name])


def assert_harmless(data, types, entries):
    """Damage is noticed, or gives columns of the right types and lengths."""
    try:
        columns = unpack(data, types, entries)
    except DamagedFileError:
        return
    for name, array in columns.items():
        assert str(array.type.content) == types[name]
        assert len(array) == entries
        ak.to_packed(array)


def test_who_writes_to_a_column_changes_no_other():
    """Nor what follows in the same block: equal buffers are stored once, counts among them."""
    rng = np.random.default_rng(3)
    counts = rng.poisson(2, 40).astype(np.uint32)
    numbers = rng.integers(0, 1 << 30, 40)
    arrays = {
        "n": ak.Array(counts.view(np.int32)),
        "x": ak.unflatten(np.arange(counts.sum()), counts),
        "n_again": ak.Array(counts),
        "x_again": ak.unflatten(np.arange(counts.sum()), counts),
        "one": ak.Array(numbers),
        "other": ak.Array(numbers.astype(np.uint64)),
        "same": ak.Array(np.full(40, 3)),
        "same_again": ak.Array(np.full(40, 3)),
    }
    block = unpack_buffers(pack(arrays), types_of(arrays), 40)
    for start in (0, 20):
        found = joined([block.cut(start, start + 20)])
        for name, array in found.items():
            assert same_bits(array, arrays[name][start : start + 20])
            (array.layout.content if array.ndim > 1 else array.layout).data[:] = 0
    whole = joined([block])["x"].layout
    assert not whole.offsets.data.flags.writeable  # the columns of a collection share them


def alone():
    """A column that pcodec is to code alone."""
    return {"pt": ak.Array(np.random.default_rng(6).exponential(50, 400).astype(np.float32))}


@pytest.mark.parametrize("arrays", [mixed(), alone()])
def test_damage_does_no_harm(arrays):
    data, types = pack(arrays), types_of(arrays)
    entries = len(next(iter(arrays.values())))
    rng = np.random.default_rng(5)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= int(rng.integers(1, 256))
        assert_harmless(bytes(damaged), types, entries)


def test_cut_or_longer_bytes_are_damaged():
    arrays = mixed()
    data, types = pack(arrays), types_of(arrays)
    for length in range(len(data)):
        with pytest.raises(DamagedFileError):
            unpack(data[:length], types, 40)
    with pytest.raises(DamagedFileError):
        unpack(data + b"\0", types, 40)


def test_other_types_and_entries_are_damaged():
    arrays = mixed()
    data, types = pack(arrays), types_of(arrays)
    for entries in (0, 39, 41, 1 << 40):
        with pytest.raises(DamagedFileError):
            unpack(data, types, entries)
    for other in (
        "float64",
        "var * var * float32",
        "union[int32, bool]",
        "var *",
        "??int32",
        "bool",
    ):
        with pytest.raises(DamagedFileError):
            unpack(data, types | {"pt": other}, 40)
    with pytest.raises(DamagedFileError):
        unpack(data, {"n": "int32"}, 40)
    with pytest.raises(DamagedFileError):
        unpack(pack({"x": ak.Array([1.0])}), {"x": "9999999999999999999999 * float64"}, 1)


CLAIMED = {
    "bool": ({"x": ak.Array(np.zeros(10, bool))}, "bool", (1 << 31) - 1),
    "float64": ({"x": ak.Array(np.zeros(10))}, "float64", 1 << 40),
    "options": ({"x": ak.Array([1.0, 1.0])}, "?float64", 1 << 31),
    "lists": ({"x": ak.Array([[1.0], [1.0]])}, "var * float64", 1 << 30),
    "shape": ({"x": ak.Array([1, 1])}, f"{1 << 31} * {1 << 31} * int64", 2),
    "noise": ({"x": ak.Array(np.random.default_rng(0).normal(size=99))}, "float64", 1 << 31),
}


@pytest.mark.parametrize("claim", CLAIMED)
def test_claims_do_not_fill_the_memory(claim):
    arrays, datashape, entries = CLAIMED[claim]
    data = pack(arrays)
    assert len(data) < 1000
    tracemalloc.start()
    with pytest.raises(DamagedFileError):
        unpack(data, {"x": datashape}, entries)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


@pytest.mark.parametrize("datashape", ["bool", "?float64", "var * float64", "string"])
def test_what_a_small_block_may_claim_takes_little(datashape, monkeypatch):
    monkeypatch.setattr(streams, "LARGEST", 1 << 20)
    kinds = {"bool": [True] * 9, "?float64": [1.5] * 9, "string": ["ab"] * 9}
    array = ak.Array(kinds.get(datashape, [[1.5]] * 9))
    if datashape == "?float64":
        array = ak.mask(array, np.ones(9, bool))
    data = pack({"x": array})
    tracemalloc.start()
    for power in range(10, 31):
        with suppress(DamagedFileError):
            unpack(data, {"x": datashape}, 1 << power)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 1 << 18 < peak < 8 << 20


def test_columns_that_could_not_be_unpacked_are_refused(monkeypatch):
    monkeypatch.setattr(streams, "LARGEST", 1 << 10)
    columns = {"x": ak.Array(np.zeros(100_000))}
    with pytest.raises(InputError, match="more than can be unpacked safely"):
        pack(columns)
    assert size_of(columns) == 800_000
    assert_round_trip(x=ak.Array(np.random.default_rng(0).normal(size=10_000)))  # a ratio of 1


def test_kinds_that_cannot_be_packed():
    assert all(map(can_pack, types_of(mixed()).values()))
    assert can_pack(
        "var * struct[{x: ?3 * float32}, parameters={'__record__': 'P'}]".replace("'", '"')
    )
    for datashape in ("union[int64, string]", "var * complex128", "datetime64[ns]", "nonsense"):
        assert not can_pack(datashape)
    assert not can_pack("categorical[type=string]")
    with pytest.raises(InputError, match="'x' has a type that cannot be packed"):
        pack({"x": ak.Array([1, "a"])})
    with pytest.raises(InputError, match="different lengths"):
        pack({"x": ak.Array([1]), "y": ak.Array([1, 2])})


def test_no_columns():
    assert unpack(pack({}), {}, 5) == {}


def test_packed_sizes_share_out_what_is_stored_together():
    rng = np.random.default_rng(5)
    counts = rng.poisson(2, 3000)
    pt = rng.normal(size=counts.sum())
    arrays = {
        "noise": ak.Array(rng.integers(0, 256, 3000).astype(np.uint8)),  # in one stream of LZMA
        "rare": ak.Array((rng.random(3000) < 0.01).astype(np.uint8)),
        "pt": ak.unflatten(pt, counts),
        "again": ak.unflatten(pt, counts),
        "year": ak.Array(np.full(3000, 2012)),
    }
    data = pack(arrays)
    sizes = packed_sizes(data, types_of(arrays))
    assert 0.97 * len(data) < sum(map(sum, sizes.values())) < len(data)
    assert sizes["noise"][0] > 20 * sizes["rare"][0] > 0
    assert sizes["pt"][1] > sizes["pt"][0] > 0
    assert sizes["again"] == [0, 0]
    assert sizes["year"][0] < 50


def test_packed_sizes_of_other_bytes_are_refused():
    arrays = {"x": ak.Array(np.arange(100.0))}
    data = pack(arrays)
    for damaged in (b"", data[:10], data + b"x"):
        with pytest.raises(DamagedFileError):
            packed_sizes(damaged, types_of(arrays))
