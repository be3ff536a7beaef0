from __future__ import annotations

import copyreg
import pickle
import pickletools
import struct
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlasae.errors import (
    AtlasaeError,
    DamagedFileError,
    FileError,
    InputError,
    MissingFileError,
    UnsafePickleError,
)
from atlasae.jets.pickle.reader import read_pickle
from atlasae.jets.table import to_table
from tests.helpers import SHARED

if TYPE_CHECKING:
    from collections.abc import Iterable

REAL = SHARED / "data" / "all_jets_test_4D_100_percent.pkl"
MIXED = {
    "m": np.array([4983.7, -0.05, 114533.0]),
    "pt": np.array([23.5, 20.0, 1e6], np.float32),
    "phi": np.array([1.5, -3.1, 0.0]),
    "eta": np.array([0.25, -4.5, 2.0], np.float32),
    "n": np.array([3, -1, 2**40]),
}


# A small assembler of pickle opcodes, protocol 4: each function gives the bytes that push a thing.


def name(module: str, attribute: str) -> bytes:
    return text(module) + text(attribute) + b"\x93"


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def raw(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def many(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def listed(*parts: bytes) -> bytes:
    return b"](" + b"".join(parts) + b"e"


def mapped(**parts: bytes) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in parts.items()) + b"u"


def call(function: bytes, *args: bytes) -> bytes:
    return function + many(*args) + b"R"


def build(thing: bytes, state: bytes) -> bytes:
    return thing + state + b"b"


def whole(thing: bytes) -> bytes:
    return b"\x80\x04" + thing + b"."


def dtype(code: str, order: str = "<") -> bytes:
    flags = 63 if code == "O8" else 0
    state = many(number(3), text(order), b"NNN", number(-1), number(-1), number(flags))
    return build(call(name("numpy", "dtype"), text(code), number(0), number(1)), state)


def array(
    shape: tuple[int, ...], kind: bytes, content: bytes, reserved: bytes | None = None
) -> bytes:
    values = call(
        name("numpy.core.multiarray", "_reconstruct"),
        name("numpy", "ndarray"),
        reserved or many(number(0)),
        raw(b"b"),
    )
    return build(values, many(number(1), many(*map(number, shape)), kind, b"\x89", content))


def index(*labels: str) -> bytes:
    base = "pandas.core.indexes.base"
    data = array((len(labels),), dtype("O8", "|"), listed(*map(text, labels)))
    return call(name(base, "_new_Index"), name(base, "Index"), mapped(data=data, name=b"N"))


def legacy_frame(
    columns: dict[str, np.ndarray[Any, Any]],
    labels: list[str] | None = None,
    extra: bytes = b"N",
) -> bytes:
    """The layout of pandas 0.x: a BlockManager whose state holds axes and blocks by dtype."""
    labels = labels or list(columns)
    length = len(next(iter(columns.values())))
    by_code: dict[str, list[int]] = {}
    for position, column in enumerate(columns.values()):
        by_code.setdefault(column.dtype.str[1:], []).append(position)
    blocks, items, stored = [], [], []
    for code, positions in by_code.items():
        rows = np.stack([list(columns.values())[position] for position in positions])
        values = array(rows.shape, dtype(code), raw(rows.tobytes()))
        if positions == list(range(positions[0], positions[-1] + 1)):
            bounds = (positions[0], positions[-1] + 1, 1)
            where = call(name("builtins", "slice"), *map(number, bounds))
        else:
            where = array((len(positions),), dtype("i8"), raw(np.array(positions, "<i8").tobytes()))
        blocks.append(values)
        items.append(index(*(labels[position] for position in positions)))
        stored.append(mapped(values=values, mgr_locs=where))
    numbers = array((length,), dtype("i8"), raw(np.arange(length, dtype="<i8").tobytes()))
    rows_axis = call(
        name("pandas.core.indexes.base", "_new_Index"),
        name("pandas.core.indexes.numeric", "Int64Index"),
        mapped(data=numbers, name=b"N"),
    )
    axes = listed(index(*labels), rows_axis)
    layout = b"}" + text("0.14.1") + mapped(axes=axes, blocks=listed(*stored)) + b"s"
    manager = build(
        name("pandas.core.internals.managers", "BlockManager") + b")\x81",
        many(axes, listed(*blocks), listed(*items), layout),
    )
    frame = name("pandas.core.frame", "DataFrame") + b")\x81"
    metadata = {"_typ": text("dataframe"), "_metadata": b"]", "_extra": extra}
    return whole(build(frame, mapped(_data=manager, **metadata)))


def put(folder: Path, data: bytes) -> Path:
    path = folder / "jets.pkl"
    path.write_bytes(data)
    return path


def assert_same(records: Any, columns: dict[str, np.ndarray[Any, Any]]) -> None:
    read = to_table(records).columns
    assert list(read) == list(columns)
    for column, values in columns.items():
        assert read[column].dtype == values.dtype.newbyteorder("=")
        np.testing.assert_array_equal(read[column], values)


def test_a_legacy_frame_keeps_values_dtypes_and_order(tmp_path: Path) -> None:
    jets = read_pickle(put(tmp_path, legacy_frame(MIXED)))
    assert_same(jets, MIXED)
    assert jets.mass[0] == pytest.approx(4983.7)  # they are momenta to vector
    assert_same(read_pickle(str(tmp_path / "jets.pkl")), MIXED)


def test_the_legacy_layout_is_what_pandas_itself_reads(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    only_legacy = {key: values for key, values in MIXED.items() if values.dtype == np.float64}
    data = legacy_frame(only_legacy).replace(
        # this class went in pandas 2; the rest of the layout is still read
        text("pandas.core.indexes.numeric") + text("Int64Index"),
        text("pandas.core.indexes.base") + text("Index"),
    )
    frame = pandas.read_pickle(put(tmp_path, data))
    assert_same(read_pickle(tmp_path / "jets.pkl"), {key: frame[key].to_numpy() for key in frame})


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", ["plain", "object", "string"])
@pytest.mark.parametrize("rows", ["all", "selected", "strided", "none", "by event"])
def test_frames_of_the_installed_pandas(
    tmp_path: Path, protocol: int, kind: str, rows: str
) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({**MIXED, "good": np.array([True, False, True])})
    if kind != "plain":
        frame.columns = pandas.Index(list(frame.columns), dtype=kind)
    if rows == "by event":
        frame.index = pandas.MultiIndex.from_arrays([[1, 1, 2], [0, 1, 0]])
    chosen = {"selected": frame[frame["pt"] > 21], "strided": frame[::2], "none": frame[:0]}
    frame = chosen.get(rows, frame)
    frame.to_pickle(tmp_path / "jets.pkl", protocol=protocol, compression=None)
    assert_same(read_pickle(tmp_path / "jets.pkl"), {key: frame[key].to_numpy() for key in frame})


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_numpy_tables(tmp_path: Path, protocol: int) -> None:
    big_endian = {
        key: values.astype(values.dtype.newbyteorder(">")) for key, values in MIXED.items()
    }
    for columns in (MIXED, big_endian, {"pt": np.arange(6.0)[::2]}, {"m": np.zeros(0)}):
        assert_same(read_pickle(put(tmp_path, pickle.dumps(columns, protocol))), columns)
        layout = [(key, values.dtype) for key, values in columns.items()]
        records = np.zeros(len(next(iter(columns.values()))), np.dtype(layout, align=True))
        for key, values in columns.items():
            records[key] = values
        assert_same(read_pickle(put(tmp_path, pickle.dumps(records, protocol))), columns)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_frames_made_of_one_matrix(tmp_path: Path, protocol: int) -> None:
    pandas = pytest.importorskip("pandas")
    matrix = np.arange(12.0).reshape(3, 4)
    for values in (matrix, np.asfortranarray(matrix)):
        frame = pandas.DataFrame(values, columns=["m", "pt", "phi", "eta"])
        jets = read_pickle(put(tmp_path, pickle.dumps(frame, protocol)))
        assert_same(jets, {key: matrix[:, i] for i, key in enumerate(frame)})


def test_blocks_in_fortran_order(tmp_path: Path) -> None:
    columns = {"m": np.arange(3.0), "pt": np.arange(3.0, 6.0)}
    rows = np.stack(list(columns.values()))
    by_row = b"\x89" + raw(rows.tobytes())
    data = legacy_frame(columns)
    assert by_row in data
    by_column = data.replace(by_row, b"\x88" + raw(rows.tobytes(order="F")))
    assert_same(read_pickle(put(tmp_path, by_column)), columns)


def test_strings_of_pyarrow_as_labels(tmp_path: Path) -> None:
    def buffer(value: bytes) -> bytes:
        return call(name("pyarrow.lib", "py_buffer"), raw(value))

    def labels(*bounds: int) -> bytes:
        buffers = listed(b"N", buffer(np.array(bounds, "<i8").tobytes()), buffer(b"mpt"))
        form = call(name("pyarrow.lib", "type_for_alias"), text("large_string"))
        state = many(form, number(2), number(0), number(0), buffers, b"]", b"N")
        strings = name("pandas.arrays", "ArrowStringArray") + b")\x81"
        restored = call(name("pyarrow.lib", "_restore_array"), state)
        return call(
            name("pandas.core.indexes.base", "_new_Index"),
            name("pandas", "Index"),
            mapped(data=build(strings, mapped(_pa_array=restored)), name=b"N"),
        )

    columns = {"m": np.arange(3.0), "pt": np.ones(3)}
    data = legacy_frame(columns)
    assert_same(
        read_pickle(put(tmp_path, data.replace(index("m", "pt"), labels(0, 1, 3)))), columns
    )
    with pytest.raises(DamagedFileError, match="column names are damaged"):
        read_pickle(put(tmp_path, data.replace(index("m", "pt"), labels(0, 3, 1))))


def test_the_jets_of_the_original_study() -> None:
    if not REAL.exists():
        pytest.skip("the original study's pickle is not in ../shared/data")
    jets = read_pickle(REAL)
    columns = to_table(jets).columns
    assert {key: values.dtype for key, values in columns.items()} == dict.fromkeys(
        ("m", "pt", "phi", "eta"), np.dtype(np.float64)
    )
    assert len(jets) == 27945
    # as pandas 1.0.5 reads them
    assert jets[0].tolist() == {
        "m": 4983.72998046875,
        "pt": 23798.0703125,
        "phi": 1.962156891822815,
        "eta": -0.0595315620303154,
    }
    assert jets[-1].tolist()["eta"] == 0.5904194116592407
    assert columns["m"].min() == -0.04531514644622803
    assert columns["m"].max() == 114533.4296875
    assert columns["pt"].min() == 20000.07421875


HOSTILE = [
    ("os", "system"),
    ("posix", "system"),
    ("subprocess", "Popen"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "getattr"),
    ("__builtin__", "eval"),
    ("copyreg", "_reconstructor"),
    ("functools", "partial"),
    ("numpy", "load"),
    ("numpy", "fromfile"),
    ("numpy.core.multiarray", "fromstring"),
    ("numpy.core.multiarray", "_reconstruct.__globals__"),
    ("numpy.testing._private.utils", "runstring"),
    ("pandas", "read_pickle"),
    ("pandas.core.frame", "DataFrame.to_csv"),
    ("pandas.io.common", "os.system"),
    ("torch", "load"),
]


@pytest.mark.parametrize(("module", "attribute"), HOSTILE)
@pytest.mark.parametrize("nested", [False, True], ids=["alone", "in a frame"])
def test_anything_else_is_refused_by_name(
    tmp_path: Path, module: str, attribute: str, nested: bool
) -> None:
    payload = call(name(module, attribute), text(f"touch {tmp_path}/ran"))
    data = legacy_frame(MIXED, extra=payload) if nested else whole(payload)
    with pytest.raises(UnsafePickleError, match=f"{module}.{attribute}: refused") as caught:
        read_pickle(put(tmp_path, data))
    assert str(tmp_path / "jets.pkl") in str(caught.value)
    assert not (tmp_path / "ran").exists()


class Touch:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("protocol", range(6))
def test_a_working_payload_does_not_run(tmp_path: Path, protocol: int) -> None:
    data = pickle.dumps({"pt": np.arange(3.0), "x": Touch(tmp_path / "ran")}, protocol)
    with pytest.raises(UnsafePickleError, match="refused"):
        read_pickle(put(tmp_path, data))
    assert not (tmp_path / "ran").exists()
    pickle.loads(data)
    assert (tmp_path / "ran").exists()  # it would have run


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'touch ran'\ntR.",
        b"(S'touch ran'\nios\nsystem\n.",
        b"(cos\nsystem\nS'touch ran'\no.",
        b"\x80\x02cos\nsystem\n(X\x00\x00\x00\x00t}\x92.",
    ],
    ids=["GLOBAL", "INST", "OBJ", "NEWOBJ_EX"],
)
def test_every_way_to_call_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UnsafePickleError, match=r"os\.system"):
        read_pickle(put(tmp_path, data))


def test_persistent_ids_are_refused(tmp_path: Path) -> None:
    for data in (b"Pjets of mine\n.", whole(text("jets of mine") + b"Q")):
        with pytest.raises(UnsafePickleError, match="persistent id"):
            read_pickle(put(tmp_path, data))


def test_extension_codes_are_refused_even_when_registered(tmp_path: Path) -> None:
    copyreg.add_extension("pandas.core.frame", "DataFrame", 0x7654)
    try:
        for data in (b"\x82\x07", b"\x83\x54\x76", b"\x84\x54\x76\x00\x00"):
            with pytest.raises(UnsafePickleError, match="extension code"):
                read_pickle(put(tmp_path, whole(data)))
    finally:
        copyreg.remove_extension("pandas.core.frame", "DataFrame", 0x7654)


def test_allowed_names_are_only_written_down(tmp_path: Path) -> None:
    huge = many(number(2**31 - 1), number(2**31 - 1))
    values = array((3,), dtype("f8"), raw(bytes(24)), reserved=huge)
    for data in (
        b"}" + text("pt") + values + b"s",  # would reserve 2**65 bytes
        build(name("pandas.core.frame", "DataFrame"), mapped(_data=b"N")),  # state on a class
        call(call(name("builtins", "slice"), b"N"), b"N"),
        b"}" + text("pt") + array((2**31 - 1, 2**31 - 1), dtype("f8"), raw(bytes(24))) + b"s",
        b"N\x85" + b"\x85" * 300_000 + b"q\x000}h\x00Ns",  # a key too deep to hash
        b"]r\xff\xff\xff\xff.",  # a memo of four thousand million slots
        b"\x96" + struct.pack("<Q", 2**62),  # a bytearray of 2**62 bytes
        b"]\x94h\x00a",  # a list in itself
    ):
        with pytest.raises(DamagedFileError, match=r"jets\.pkl"):
            read_pickle(put(tmp_path, whole(data)))


HUGE = {
    "doubled": b"N" + b"q\xffh\xff\x86" * 64,  # to hash or compare it takes 2**64 steps
    "long": b"\x8b" + struct.pack("<i", 1_000_000) + b"\x7f" * 1_000_000,
    "wide": array((0, 2**31 - 1), dtype("f8"), raw(b"")),
    "flat": array((2**31 - 1, 0), dtype("i8"), raw(b"")),
}


@pytest.mark.parametrize("kind", HUGE)
def test_nothing_huge_is_hashed_compared_multiplied_or_listed(tmp_path: Path, kind: str) -> None:
    records = np.zeros(2, [("m", np.float64), ("pt", np.float32)])
    for data in (legacy_frame({"m": MIXED["m"], "n": MIXED["n"]}), pickle.dumps(records, 2)):
        bounds = [start for _, _, start in pickletools.genops(data)]
        for start, end in pairwise(bounds[1:]):  # in place of each opcode
            assert_jets_or_an_error(tmp_path, data[:start] + HUGE[kind] + data[end:])


def test_what_is_nested_too_deep_to_hash_is_refused(tmp_path: Path) -> None:
    deep = b"N" + b"\x85" * 300_000
    data = legacy_frame({"m": MIXED["m"]})
    for constant in map(text, ("m", "f8", "<", "_data", "0.14.1")):
        at = data.rindex(constant)  # pandas wrote each thing twice; the later is read
        with pytest.raises((DamagedFileError, InputError), match=r"jets\.pkl"):
            read_pickle(put(tmp_path, data[:at] + deep + data[at + len(constant) :]))


def assert_jets_or_an_error(folder: Path, data: bytes) -> None:
    try:
        jets = read_pickle(put(folder, data))
    except AtlasaeError as error:
        assert len(str(error)) < 1000  # noqa: PT017
    else:
        assert len(jets) in (2, 3)


def test_tables_of_too_many_parts_are_refused(tmp_path: Path) -> None:
    values = array((1,), dtype("f8"), raw(bytes(8)))
    columns = b"".join(text(f"x{i}") + b"h\xff" for i in range(20_000))
    data = whole(values + b"q\xff0}(" + columns + b"u")
    with pytest.raises(InputError, match="20000 columns"):
        read_pickle(put(tmp_path, data))
    with pytest.raises(InputError, match="more than a table of numbers"):
        read_pickle(put(tmp_path, whole(b"]" * 3_000_000)))
    with pytest.raises(InputError, match="has 100000 characters"):
        read_pickle(put(tmp_path, whole(b"}" + text("x" * 100_000) + values + b"s")))
    nested = np.zeros(2, [("pt", [("x", np.float64)])])
    with pytest.raises(InputError, match="column 'pt' does not hold numbers"):
        read_pickle(put(tmp_path, pickle.dumps(nested)))
    for data in (whole(name("os", "x" * 100_000)), b"I" + b"x" * 100_000 + b"\n."):
        with pytest.raises((UnsafePickleError, DamagedFileError)) as caught:
            read_pickle(put(tmp_path, data))
        assert len(str(caught.value)) < 1000


def test_frames_without_names_or_with_a_column_twice(tmp_path: Path) -> None:
    # labels of a frame whose string array holds no array of strings, and a column given twice
    data = legacy_frame({"m": MIXED["m"]})
    strings = build(name("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked") + b")R", many(b"N"))
    found = array((1,), dtype("O8", "|"), listed(text("m")))
    with pytest.raises(InputError, match="numbered"):
        read_pickle(put(tmp_path, data.replace(found, strings)))
    frame = legacy_frame({"m": MIXED["m"], "x": MIXED["pt"]}, ["m", "x"])
    second = call(name("builtins", "slice"), *map(number, (1, 2, 1)))
    first = call(name("builtins", "slice"), *map(number, (0, 1, 1)))
    with pytest.raises(DamagedFileError, match="'m' has values twice"):
        read_pickle(put(tmp_path, frame.replace(second, first)))


def test_repeated_arrays_cannot_fill_the_memory(tmp_path: Path) -> None:
    values = array((10_000,), dtype("f8", ">"), raw(bytes(80_000)))
    again = b"".join(text(f"x{i}") + b"h\x00" for i in range(1000))
    with pytest.raises(DamagedFileError, match="repeat"):
        read_pickle(put(tmp_path, whole(values + b"q\x000}(" + again + b"u")))
    shared = np.arange(3.0)
    assert_same(
        read_pickle(put(tmp_path, pickle.dumps({"m": shared, "pt": shared}))),
        {"m": shared, "pt": shared},
    )


def test_columns_that_are_not_numbers_are_named(tmp_path: Path) -> None:
    texts = array((1, 3), dtype("O8", "|"), listed(text("a"), text("b"), text("c")))
    floats = array((1, 3), dtype("f8"), raw(MIXED["m"].tobytes()))
    data = legacy_frame({"pt": MIXED["m"]})
    for wrong in (texts, array((1, 3), dtype("M8"), raw(bytes(24)))):
        with pytest.raises(InputError, match=r"jets\.pkl: column 'pt' does not hold numbers"):
            read_pickle(put(tmp_path, data.replace(floats, wrong)))
    with pytest.raises(InputError, match="column 'pt'"):
        read_pickle(put(tmp_path, pickle.dumps({"pt": np.array(["a"], object)})))


@pytest.mark.parametrize("column", ["text", "category", "nullable"])
def test_pandas_columns_that_are_not_numbers_are_named(tmp_path: Path, column: str) -> None:
    pandas = pytest.importorskip("pandas")
    values = {
        "text": ["a", "b"],
        "category": pandas.Categorical(["a", "b"]),
        "nullable": pandas.array([1, None], dtype="Int64"),
    }[column]
    frame = pandas.DataFrame({"pt": [1.0, 2.0], column: values})
    with pytest.raises(InputError, match=f"column '{column}' does not hold"):
        read_pickle(put(tmp_path, pickle.dumps(frame)))


def test_doubled_and_missing_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"jets\.pkl: two columns have the name 'pt'"):
        read_pickle(put(tmp_path, legacy_frame({"m": MIXED["m"], "x": MIXED["m"]}, ["pt", "pt"])))
    with pytest.raises(DamagedFileError, match="no values for column"):
        read_pickle(put(tmp_path, legacy_frame({"m": MIXED["m"]}, ["m", "pt"])))
    with pytest.raises(InputError, match="which column is which"):
        read_pickle(put(tmp_path, pickle.dumps(np.zeros((3, 4)))))
    with pytest.raises(InputError, match="numbered"):
        read_pickle(put(tmp_path, pickle.dumps({0: np.zeros(3)})))
    with pytest.raises(InputError, match="differ in length"):
        read_pickle(put(tmp_path, pickle.dumps({"m": np.zeros(3), "pt": np.zeros(2)})))


@pytest.mark.parametrize(
    "held", [1, "text", [1.0, 2.0], None, {"pt": 1.0}, {"pt": np.zeros((2, 2, 2))}]
)
def test_pickles_of_other_things(tmp_path: Path, held: Any) -> None:
    with pytest.raises(DamagedFileError, match=r"jets\.pkl"):
        read_pickle(put(tmp_path, pickle.dumps(held)))


@pytest.mark.parametrize(
    "data", [b"", b"root\x00\x00", b"pt,eta\n1,2\n", b"\x80", b".", bytes(100)]
)
def test_not_a_pickle(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(DamagedFileError, match=r"jets\.pkl"):
        read_pickle(put(tmp_path, data))


def assert_truncations_are_refused(folder: Path, data: bytes, lengths: Iterable[int]) -> None:
    for length in lengths:
        with pytest.raises(DamagedFileError, match=r"jets\.pkl"):
            read_pickle(put(folder, data[:length]))


def test_truncated_before_or_inside_any_opcode(tmp_path: Path) -> None:
    data = legacy_frame({"pt": MIXED["pt"]})
    starts = [start for _, _, start in pickletools.genops(data)]
    ends = {start + extra for start in starts for extra in (0, 1)} - {len(data)}
    assert_truncations_are_refused(tmp_path, data, ends)


@pytest.mark.slow
def test_truncated_anywhere(tmp_path: Path) -> None:
    data = legacy_frame(MIXED)
    assert_truncations_are_refused(tmp_path, data, range(len(data)))


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"none\.pkl"):
        read_pickle(tmp_path / "none.pkl")
    with pytest.raises(FileError, match="cannot read"):
        read_pickle(tmp_path)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 10**6), st.binary(max_size=3), st.integers(0, 3)), max_size=4
    )
)
def test_changed_bytes_give_jets_or_an_error_of_atlasae(
    tmp_path: Path, changes: list[tuple[int, bytes, int]]
) -> None:
    # the payload is an argument that any callable reached by a changed name would be given
    payload = call(name("builtins", "slice"), text(f"open({str(tmp_path / 'ran')!r}, 'w')"))
    data = legacy_frame(MIXED, extra=payload)
    for where, new, dropped in changes:
        at = where % len(data)
        data = data[:at] + new + data[at + dropped :]
    try:
        jets = read_pickle(put(tmp_path, data))
    except AtlasaeError as error:
        assert "jets.pkl" in str(error)  # noqa: PT017
    else:
        assert len(to_table(jets)) == len(jets)
    assert [path.name for path in tmp_path.iterdir()] == ["jets.pkl"]
