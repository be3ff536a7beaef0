"""Kernels give what their references give, and where they cannot be had the references do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import atlasae.codecs.autoencoder.codec
import atlasae.codecs.bounded.codec
import atlasae.columns.column_model  # noqa: F401  these import every function that has a kernel
from atlasae import compiled, kernel_compiler, machine_code
from atlasae.codecs.autoencoder.exact_network import LANES
from atlasae.coding import adaptive
from atlasae.coding.adaptive import MOST_DEPTH, NO_ORIGIN, Contexts
from atlasae.coding.rans import LOWEST, MOST_LANES, Tables
from atlasae.density.bins import MOST_BINS, Bins
from atlasae.density.feature_layout import LARGEST
from atlasae.density.jet_ranks import MOST_RANKS
from atlasae.jets.dijet_masses import ROOM
from atlasae.quantization.arithmetic import MARK_BITS
from tests.helpers import REPOSITORY

seeds = st.integers(0, 2**32 - 1)


def bit_arguments(rng):
    n = int(rng.integers(0, 60))
    lows = np.append(rng.integers(-1000, 1000, 3), -(1 << 31))
    widths = np.append(rng.integers(0, 31, 3), 32).astype(np.uint8)
    classes = rng.integers(0, 4, n).astype(np.uint8)
    offsets = rng.integers(0, 1 << widths.astype(np.int64)[classes])
    values = (lows[classes] + offsets).astype(np.int32)
    position = int(rng.integers(0, 200))
    return classes, values, lows, widths, position


def write_bits(rng):
    classes, values, lows, widths, position = bit_arguments(rng)
    return classes, values, lows, widths, np.zeros(position // 64 + 35, np.uint64), position


def read_bits(rng):
    classes, values, lows, widths, position = bit_arguments(rng)
    bits = position + int(widths[classes].sum(dtype=int))
    words = rng.integers(0, 2**32, -(-bits // 32) + 2, np.uint32)  # no word more than needed
    return classes, lows, widths, words, position, values


def symbol_arguments(rng):
    n, kinds = int(rng.integers(0, 60)), int(rng.integers(1, 257))
    tables = Tables.of(rng.integers(1, 1 << rng.integers(1, 30), (3, kinds)))
    rows = rng.integers(0, 3, n).astype(np.uint8)
    symbols = rng.integers(0, kinds, n).astype(np.uint8)
    states = rng.integers(LOWEST, LOWEST << 32, 1 << rng.integers(0, 7)).astype(np.uint64)
    return tables, rows, symbols, states, int(rng.integers(0, 1000))


def encode_symbols(rng):
    tables, rows, symbols, states, first = symbol_arguments(rng)
    words = np.zeros(len(rows) + 1, np.uint32)
    return symbols, rows, tables.entries, states, first, words, len(words)


def decode_symbols(rng):
    tables, rows, symbols, states, first = symbol_arguments(rng)
    words = rng.integers(0, 2**32, len(rows) + MOST_LANES).astype(np.uint32)
    arrays = tables.entries, tables.slots
    return rows, *arrays, states, first, words, 0, symbols


def adaptive_arguments(rng):
    depth, contexts = int(rng.integers(1, MOST_DEPTH + 1)), int(rng.integers(1, 5))
    n, origins = int(rng.integers(0, 60)), int(rng.integers(0, 3))
    sizes = rng.integers(1, 5, contexts)
    rows = rng.integers(-1, np.maximum(np.arange(n), 0), (origins, n)).astype(np.int32)
    own = Contexts(
        rng.integers(0, sizes[:, None], (contexts, n)).astype(np.int32), sizes,
        rng.integers(NO_ORIGIN, origins, contexts), rng.integers(0, depth + 1, contexts), rows,
    )  # fmt: skip
    coded = np.frombuffer(rng.bytes(2 * n * depth + 8), np.uint8).copy()
    arguments = adaptive._arguments(own, depth, coded)
    *_, nodes, _, _, _ = arguments
    nodes[:] = rng.integers(0, 1 << 24, len(nodes))
    symbols = rng.integers(0, 1 << depth, n).astype(np.uint8)
    return symbols, depth, *arguments


def encode_bits(rng):
    *arguments, coded = adaptive_arguments(rng)
    return *arguments, np.zeros_like(coded)


def decode_bits(rng):
    *arguments, coded = adaptive_arguments(rng)
    return *arguments, coded[: rng.integers(4, 200)].copy()


def find_bins(rng):
    widths = rng.integers(0, 20, rng.integers(1, MOST_BINS + 1)).astype(np.uint8)
    gaps = rng.integers(0, 3, len(widths)) * rng.integers(0, 1000, len(widths))
    ends = np.cumsum(gaps + (1 << widths.astype(np.int64))) - (1 << 27)
    bins = Bins(ends - (1 << widths.astype(np.int64)), widths)
    spread = rng.integers(-(1 << 31), 1 << 31, 50)
    near = np.concatenate([bins.lows, ends, bins.lows - 1, ends - 1])
    values = np.concatenate([near, spread, [-(1 << 31), (1 << 31) - 1]]).astype(np.int32)
    found = np.zeros(len(values), np.uint8)
    return values, bins._starts, bins.kinds.widths, *bins._cells, found


def rank_jets(rng):
    counts = rng.integers(0, 1 + rng.integers(0, MOST_RANKS + 1), rng.integers(0, 60))
    events = np.bincount(counts, minlength=1)[::-1].cumsum()[::-1]
    offsets = np.cumsum([0, *events[1:]])
    ordered, rows = np.zeros(len(counts), np.int32), np.zeros(offsets[-1], np.int32)
    return counts, offsets, np.append(events[1:], 0), ordered, rows


def gather(rng):
    rows = rng.permutation(rng.integers(0, 60)).astype(np.int32)
    return wide(rng, len(rows)), rows, np.zeros(len(rows), np.int32)


def scatter(rng):
    return gather(rng)


def add_ratios(rng):
    _, offsets, _, _, rows = rank_jets(rng)
    pt = rng.choice(floats(rng), len(rows))
    pt = np.clip(pt, -LARGEST, LARGEST)
    events = offsets[1] if len(offsets) > 1 else 0
    return pt, offsets, np.zeros(len(rows), np.float32), np.zeros(events, np.float32)


def cut_row(rng):
    row = wide(rng, 60)
    return row, int(wide(rng, 1)[0]), int(rng.integers(0, 32)), np.zeros(60, np.uint8)


def find_leaves(rng):
    questions = int(rng.integers(0, 127))
    # a chain: each question leads to a leaf or to the next question
    no = np.arange(questions).astype(np.uint8)
    yes = (np.arange(questions) + questions + 2).astype(np.uint8)
    yes[-1:] = questions
    inputs, thresholds = (rng.integers(0, 4, questions).astype(np.uint8) for _ in range(2))
    cells = rng.integers(0, 5, (4, 50)).astype(np.uint8)
    return cells, inputs, thresholds, no, yes, np.zeros(50, np.uint8)


def wide(rng, n):
    """Integers of all sizes."""
    values = rng.integers(-(1 << 31), 1 << 31, n) >> rng.integers(0, 32, n)
    return values.astype(np.int32)


def floats(rng, n=200):
    """float32 of all kinds, but NaN: its integer may be any."""
    values = rng.integers(0, 1 << 32, n).astype(np.uint32).view(np.float32)
    special = [0.0, -0.0, np.inf, -np.inf, 1e-45, 3.4e38, -1.0, 1.0]
    ordinary = rng.normal(0, 10, n)
    return np.concatenate([values[~np.isnan(values)], np.array([*special, *ordinary], np.float32)])


def relative_numbers(rng):
    """Step, origin, nudge, largest linear integer and its width."""
    linear = int(rng.integers(0, 2) * rng.integers(1, 2000))
    step = float(2.0 ** rng.uniform(-16, 0))
    return step, float(rng.uniform(-150, 5)), float(rng.normal(0, 1e-4)), linear, 0.001


def relative_values(rng):
    step, origin, _, linear, width = relative_numbers(rng)
    return wide(rng, 300), step, origin, linear, width, np.zeros(300, np.float32)


def relative_integers(rng):
    values = floats(rng)
    return values, *relative_numbers(rng), np.zeros(len(values), np.int32)


def absolute_values(rng):
    return wide(rng, 300), float(2.0 ** rng.uniform(-140, 120)), np.zeros(300, np.float32)


def absolute_integers(rng):
    values = floats(rng)
    return values, float(2.0 ** rng.uniform(-140, 120)), np.zeros(len(values), np.int32)


def dithered_relative_values(rng):
    *numbers, values = relative_values(rng)
    return *numbers, int(rng.integers(0, 1 << 32)), values


def dithered_relative_integers(rng):
    *numbers, integers = relative_integers(rng)
    return *numbers, int(rng.integers(0, 1 << 32)), integers


def dithered_absolute_values(rng):
    *numbers, values = absolute_values(rng)
    return *numbers, int(rng.integers(0, 1 << 32)), values


def dithered_absolute_integers(rng):
    *numbers, integers = absolute_integers(rng)
    return *numbers, int(rng.integers(0, 1 << 32)), integers


def find_breaks(rng):
    values = floats(rng)
    values[rng.integers(0, len(values), 9)] = np.nan
    with np.errstate(all="ignore"):
        restored = values * rng.choice([1, 1.001, np.nan, 0], len(values)).astype(np.float32)
    numbers = [(1e-3, 0.0, 0.0), (1e-3, 5.0, 0.0), (0.0, 0.0, 1e-3)][rng.integers(0, 3)]
    return values, restored, *numbers, np.zeros(len(values), bool)


def sum_of(rng):
    return (wide(rng, 300),)


def find_in_windows(rng):
    values = floats(rng)
    marks = (rng.random(1 << MARK_BITS) < 0.3).astype(np.uint8)
    finite = values[np.isfinite(values)].astype(np.float64)
    edges = np.sort(rng.choice(finite, rng.integers(1, 30)))
    reach = rng.random() * np.abs(edges)
    starts = np.minimum.accumulate((edges - reach)[::-1])[::-1].copy()
    ends = np.maximum.accumulate(edges + reach)
    return values, marks, starts, ends, *np.zeros((3, len(values)), np.int32)


def sort_runs(rng):
    values = floats(rng)
    values[rng.integers(0, len(values), 9)] = np.nan
    near = rng.integers(1, len(values), 100)
    values[near] = values[near - 1]
    numbers = [(2e-3, 0.0, 0.0), (2e-3, 5.0, 0.0), (0.0, 0.0, 2e-3)][rng.integers(0, 3)]
    return values, rng.random(len(values)) < 0.7, *numbers, np.zeros(len(values), np.int32)


def apply_layer(rng):
    inputs, outputs = int(rng.integers(0, 30)), int(rng.integers(1, 10))
    x = rng.choice(floats(rng), (2, inputs, LANES))
    weight, bias = rng.choice(floats(rng), (inputs, outputs)), rng.choice(floats(rng), outputs)
    if rng.integers(2):  # sums in which the order matters, and nothing is infinite
        x, weight, bias = (rng.normal(size=v.shape).astype(np.float32) for v in (x, weight, bias))
    else:
        bias[:] = np.where(np.isfinite(bias), bias, 0)
    return x, weight, bias, np.zeros((2, outputs, LANES), np.float32)


def apply_tanh(rng):
    values = floats(rng)
    values[rng.integers(0, len(values), 9)] = np.nan
    return (values,)


def jets_of_events(rng):
    counts = rng.integers(0, 5, 300)
    total = int(counts.sum()) + 1
    counts = np.append(counts, 1)
    jets = rng.choice(floats(rng), (4, total))
    ordinary = rng.random(total) < 0.8
    jets[:, ordinary] = rng.normal(0, 3, (4, int(ordinary.sum())))
    jets[0, ordinary] = rng.choice(
        [10, 20, 30, np.nan], int(ordinary.sum()), p=[0.3, 0.3, 0.3, 0.1]
    )
    with np.errstate(all="ignore"):
        decoded = jets * rng.choice([1, 1.001, 2], (4, total)).astype(np.float32)
    return counts, jets, decoded


def compare_masses(rng):
    counts, jets, decoded = jets_of_events(rng)
    bound = rng.choice([0, 1e-3, 0.5], 3).tolist()
    return *jets, *decoded, counts, *bound, np.zeros(ROOM, np.float32), np.zeros(len(counts), bool)


def mark_firsts(rng):
    counts = rng.integers(0, 4, rng.integers(0, 60))
    return counts, np.ones(counts.sum() + 1, bool)


GENERATORS = {
    f"atlasae.{module}:{generator.__name__}": generator
    for module, generators in {
        "codecs.autoencoder.kernels": (apply_layer, apply_tanh),
        "coding.kernels": (write_bits, read_bits, encode_symbols, decode_symbols),
        "coding.adaptive_kernels": (encode_bits, decode_bits),
        "density.kernels": (
            find_bins, cut_row, find_leaves, rank_jets, gather, scatter, add_ratios,
        ),
        "jets.kernels": (compare_masses, mark_firsts),
        "quantization.kernels": (
            relative_values, relative_integers, absolute_values, absolute_integers,
            dithered_relative_values, dithered_relative_integers, dithered_absolute_values,
            dithered_absolute_integers, find_breaks, sum_of, find_in_windows, sort_runs,
        ),
    }.items()
    for generator in generators
}  # fmt: skip


def test_every_accelerated_function_is_compared():
    assert set(GENERATORS) == set(compiled._REGISTRY)


@pytest.mark.parametrize("name", GENERATORS)
@given(seed=seeds)
def test_a_kernel_gives_what_its_reference_gives(name, seed):
    function = compiled._REGISTRY[name]
    mine, others = (GENERATORS[name](np.random.default_rng(seed)) for _ in range(2))
    with np.errstate(all="ignore"):
        result = function.reference(*mine)
        assert function.kernel(*others) == result
    if name.endswith("encode_symbols"):  # places before the words are free for any use
        mine[5][:result] = others[5][:result] = 0
    for one, other in zip(mine, others, strict=True):
        if "autoencoder" in name:  # whose NaN have any bits
            np.testing.assert_array_equal(one, other)
        elif isinstance(one, np.ndarray):
            assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("wrong", [np.zeros(9, np.int64), np.zeros((3, 3), np.int32)])
def test_a_kernel_refuses_other_arrays(wrong):
    kernel = compiled._REGISTRY["atlasae.quantization.kernels:absolute_values"].kernel
    for integers in (wrong, np.zeros(18, np.int32)[::2]):
        with pytest.raises(TypeError, match="in an array"):
            kernel(integers, 1.0, np.zeros(9, np.float32))


WORK = """
import json, sys, time
import numpy as np
from atlasae import compiled
from atlasae.quantization.arithmetic import absolute_values
values = np.zeros(100_000, np.float32)
start = time.perf_counter()
while time.perf_counter() - start < float(sys.argv[1]):
    absolute_values(np.arange(100_000, dtype=np.int32), 0.1, values)
print(json.dumps([
    float(values.sum(dtype=float)), bool(compiled._state.kernels),
    sorted({name.split(".")[0] for name in sys.modules} & {"numba", "llvmlite"}),
]))
"""


def start_work(choice, seconds=0.0):
    """A process that works without kernels for some seconds, unless it has them."""
    environment = os.environ | {"ATLASAE_KERNELS": str(choice), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", WORK, str(seconds)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def finished(process):
    output, _ = process.communicate(timeout=400)
    assert process.returncode == 0
    return json.loads(output)


EXPECTED = float((np.arange(100_000) * 0.1).astype(np.float32).sum(dtype=float))


def test_never_means_that_no_compiler_is_imported():
    total, has_kernels, imported = finished(start_work("never", 2.0))
    assert (total, has_kernels, imported) == (EXPECTED, False, [])


@pytest.fixture(scope="session")
def filled(tmp_path_factory):
    """A folder with stored kernels, those that this process uses."""
    compiled._state.load(may_compile=True)
    folder = tmp_path_factory.mktemp("kernels")
    folder.chmod(0o700)
    for own in machine_code.folders(""):
        if (code := machine_code.stored(own)) is not None:
            target = next(machine_code.folders(str(folder)))
            target.mkdir(mode=0o700)
            machine_code.store(code, target)
            return folder
    pytest.skip("this machine can store no kernels")


@pytest.fixture
def state(monkeypatch):
    """A process that has no kernels yet."""

    def make(choice):
        monkeypatch.setenv(compiled.VARIABLE, str(choice))
        fresh = compiled._State()
        monkeypatch.setattr(compiled, "_state", fresh)
        return fresh

    return make


def work():
    values = np.zeros(1000, np.float32)
    function = compiled._REGISTRY["atlasae.quantization.kernels:absolute_values"]
    function(np.arange(1000, dtype=np.int32), 0.1, values)
    np.testing.assert_array_equal(values, (np.arange(1000) * 0.1).astype(np.float32))


def test_the_reference_works_first_then_kernels_are_loaded_then_compiled(
    state, monkeypatch, tmp_path
):
    calls = []
    monkeypatch.setattr(compiled, "_stored_or_compiled", lambda _, may: calls.append(may))
    monkeypatch.setattr(compiled, "LOAD_AFTER", 10.0)
    monkeypatch.setattr(compiled, "COMPILE_AFTER", 20.0)
    fresh = state(tmp_path)
    for spent, expected in [(0, []), (11, [False]), (12, [False]), (21, [False, True])]:
        fresh.spent = spent
        work()
        assert calls == expected
    fresh.spent = 99
    work()
    assert calls == [False, True]


def no_compiler(*_):
    raise AssertionError("a compiler was asked")


def test_stored_kernels_are_not_compiled(filled, state, monkeypatch):
    monkeypatch.setattr(compiled, "LOAD_AFTER", 0.0)
    monkeypatch.setattr(machine_code, "compile_program", no_compiler)
    fresh = state(filled)
    work()
    assert fresh.kernels.keys() >= compiled._REGISTRY.keys()
    work()


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_damaged_kernels_are_compiled_anew(filled, state, monkeypatch, tmp_path, damage):
    (good,) = filled.glob("*/kernels-*.bin")
    data, code = bytearray(good.read_bytes()), machine_code.stored(good.parent)
    data[len(data) // 2] ^= 1
    folder = next(machine_code.folders(str(tmp_path)))
    tmp_path.chmod(0o700)
    folder.mkdir(mode=0o700)
    damaged = {"flipped": data, "cut": data[:1000], "empty": b""}[damage]
    (folder / good.name).write_bytes(damaged)
    monkeypatch.setattr(machine_code, "compile_program", lambda _: code)
    fresh = state(tmp_path)
    fresh.load(may_compile=True)
    assert fresh.kernels
    assert [each.read_bytes() for each in folder.iterdir()] == [good.read_bytes()]
    work()


def test_without_llvmlite_the_reference_works(state, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    fresh = state(tmp_path)
    fresh.load(may_compile=True)
    assert not fresh.kernels
    assert not list(tmp_path.iterdir())
    work()


def test_where_the_program_does_not_compile_the_reference_works(state, monkeypatch, tmp_path):
    tmp_path.chmod(0o700)
    program = machine_code.read_program()
    newer = machine_code.Program.of("", program.signatures, "of a newer LLVM")
    monkeypatch.setattr(machine_code, "read_program", lambda: newer)
    fresh = state(tmp_path)
    with pytest.warns(UserWarning, match="kernels do not compile .*: numpy does the work"):
        fresh.load(may_compile=True)
    assert not fresh.kernels
    work()


def test_the_kernels_of_the_package_are_those_of_its_sources():
    stored = machine_code.read_program().fingerprint
    command = "write them anew with: python -m atlasae.kernel_compiler"
    assert stored == kernel_compiler.fingerprint(), command


def test_a_folder_that_cannot_be_written_to_means_no_kernels(state, monkeypatch, tmp_path):
    monkeypatch.setattr(machine_code, "compile_program", no_compiler)
    (tmp_path / "file").write_text("")
    fresh = state(tmp_path / "file" / "kernels")
    fresh.load(may_compile=True)
    assert not fresh.kernels
    work()


def test_without_a_folder_for_temporary_files_the_others_are_used(monkeypatch, tmp_path):
    def nowhere():
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert [folder.parent.parent for folder in machine_code.folders("")] == [tmp_path]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions of POSIX")
def test_a_folder_that_others_can_write_to_is_refused(filled, state, monkeypatch):
    monkeypatch.setattr(machine_code, "compile_program", no_compiler)
    for folder in (filled, *filled.iterdir()):
        mode = folder.stat().st_mode
        folder.chmod(0o777)
        fresh = state(filled)
        fresh.load(may_compile=True)
        folder.chmod(mode)
        assert not fresh.kernels
        work()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_processes_that_start_together_do_not_disturb_each_other(tmp_path):
    """On an empty folder, then on one that is filled and that nobody can write to."""
    tmp_path.chmod(0o700)
    found = []
    for mode in (0o700, 0o500):
        for path in [tmp_path, *tmp_path.rglob("*")]:
            path.chmod(mode)
        processes = [start_work(tmp_path / "kernels", 3.0) for _ in range(8)]
        for total, has_kernels, _ in map(finished, processes):
            assert (total, has_kernels) == (EXPECTED, True)
        (stored,) = (path for path in tmp_path.rglob("*") if path.is_file())
        found.append((stored, stored.stat().st_mtime_ns))
    for path in [tmp_path, *tmp_path.rglob("*")]:
        path.chmod(0o700)
    assert stored.suffix == ".bin"
    assert found[0] == found[1]
