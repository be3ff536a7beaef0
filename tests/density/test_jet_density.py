"""What a density encodes, it decodes, whatever it was fitted to, with kernels and without."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
from atlasae.coding.number_stack import NumberReader, NumberWriter
from atlasae.compiled import kernels
from atlasae.density.conditional import Conditional
from atlasae.density.event_inputs import inputs_of
from atlasae.density.jet_density import JetDensity
from atlasae.density.jet_density_fitting import fit_jet_density
from atlasae.density.jet_ranks import RANK_GROUPS
from atlasae.density.leaf_tables import LeafTables
from atlasae.density.serialization import read_jet_density, write_jet_density
from atlasae.density.trees import LEAF, Cut, Tree
from atlasae.errors import DamagedFileError
from tests.density.quantized_jets import CASES, JETS, KINDS, integers, layout

FITTED = {
    "flat": None,
    "one jet each": np.ones(600, np.int64),
    "pairs": np.full(300, 2),
    "many": np.array([*range(12)] * 9 + [6]),
}


@cache
def model(fitted, kind="default"):
    """A density that asks about every input there is, which no fit to so few jets would."""
    density = fit_jet_density(layout(kind), integers(600, kind, 5), FITTED[fitted], uses=1e9)
    conditionals = {
        key: curious(each, number_of_inputs(density, *key))
        for key, each in density.conditionals.items()
        if key[0] in RANK_GROUPS and key[1] in density.layout.momentum
    }
    return replace(density, conditionals=density.conditionals | conditionals)


def number_of_inputs(density, group, feature):
    return len(inputs_of(density.layout, density.in_events, feature, group))


def curious(conditional, inputs):
    """The same bins with a chain of questions, one about each input."""
    rng = np.random.default_rng(inputs)
    cuts = tuple(
        Cut(index, int(rng.integers(-(1 << 20), 1 << 20)), int(rng.integers(4, 15)))
        for index in range(inputs)
    )
    asked = [each for index in range(inputs) for each in (index, LEAF)]
    thresholds = np.where(np.arange(2 * inputs + 1) % 2, 0, rng.integers(20, 250, 2 * inputs + 1))
    tree = Tree(cuts, np.array([*asked, LEAF]), thresholds.astype(np.uint8))
    shares = rng.dirichlet(np.ones(len(conditional.bins)), inputs + 1)
    return Conditional(conditional.bins, tree, LeafTables.of(shares))


def encoded(density, columns, counts, free, use):
    """Bytes of jets, and what was read back from them."""
    code_counts = density.code_sorted_counts if free else density.code_counts
    code = density.code_free if free else density.code
    with kernels(use=use):
        encoder = EntropyEncoder()
        if counts is not None:
            code_counts(encoder, counts, len(counts))
        dict(code(encoder, counts, columns, JETS))
        return encoder.to_bytes()


def decoded(density, data, events, free, use):
    code_counts = density.code_sorted_counts if free else density.code_counts
    code = density.code_free if free else density.code
    with kernels(use=use):
        decoder = EntropyDecoder(data)
        counts = None if events is None else code_counts(decoder, None, events)
        columns = dict(code(decoder, counts, None, JETS))
        assert decoder.is_done
        return columns, counts


def check(density, columns, counts, free=False):
    """Kernels write what the reference writes, and each reads what the other wrote."""
    data = encoded(density, columns, counts, free, use=False)
    assert encoded(density, columns, counts, free, use=True) == data
    for use in (False, True):
        events = None if counts is None else len(counts)
        found, numbers = decoded(density, data, events, free, use)
        np.testing.assert_array_equal(numbers, counts)
        for name, values in columns.items():
            assert found[name].dtype == np.int32
            np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["flat", "empty events", "one huge event among small"])
def test_jets_of_every_kind_come_back(case, kind):
    check(model("many", kind), integers(JETS, kind), CASES[case])


@pytest.mark.parametrize("fitted", FITTED)
@pytest.mark.parametrize("case", CASES)
def test_a_reader_gives_what_was_written_whatever_was_fitted(case, fitted):
    columns = integers(JETS)
    check(model(fitted), columns, CASES[case])
    lengths = model(fitted).code_lengths(columns, CASES[case]).values()
    assert all(of.shape == (JETS,) and np.isfinite(of).all() for of in lengths)


@pytest.mark.parametrize("kind", KINDS)
def test_any_integers_come_back(kind):
    """Those of damaged values, of exceptions, and of jets like none that were fitted."""
    rng, of = np.random.default_rng(1), layout(kind)
    columns = {}
    for name in of.lattices:
        limit = of.circle // 2 if name == of.phi and of.circle else (1 << 28) - 1
        widths = 2.0 ** rng.uniform(0, np.log2(limit + 1), JETS)
        columns[name] = np.rint(rng.uniform(-1, 1, JETS) * (widths - 1)).astype(np.int32)
        columns[name][:2] = -limit, limit
    check(model("many", kind), columns, CASES["one huge event among small"])


@pytest.mark.parametrize("fitted", FITTED)
@pytest.mark.parametrize("case", CASES)
def test_jets_without_their_order(case, fitted):
    density, counts, columns = model(fitted), CASES[case], integers(JETS)
    order = density.free_order(columns, counts)
    if order is None:
        assert counts is not None
        assert not density.in_events
        return
    sizes = np.ones(JETS, np.int64) if counts is None else counts
    starts = (np.cumsum(sizes) - sizes)[order]
    rows = np.concatenate([np.arange(a, a + n) for a, n in zip(starts, sizes[order], strict=True)])
    assert sorted(rows.tolist()) == list(range(JETS))
    columns = {name: values[rows] for name, values in columns.items()}
    check(density, columns, None if counts is None else counts[order], free=True)


def test_the_order_takes_a_pt_and_equal_steps_of_phi():
    for kind in ("relative phi", "lossless", "no pt", "no momentum"):
        assert model("many", kind).free_order(integers(9, kind), np.array([9])) is None


def test_a_fitted_density_codes_with_its_cross_entropy():
    columns, counts = integers(20_000), np.full(10_000, 2)
    density = fit_jet_density(layout(), columns, counts)
    encoder = EntropyEncoder()
    dict(density.code(encoder, counts, columns, 20_000))
    ideal = sum(lengths.sum() for lengths in density.code_lengths(columns, counts).values())
    assert ideal <= 8 * len(encoder.to_bytes()) <= 1.001 * ideal + 300


def test_the_code_length_of_a_jet_stands_in_its_row():
    counts = np.array([2, 1, 3, 0, 2] * 500)
    columns = integers(4000)
    density = fit_jet_density(layout(), columns, counts)
    row = 1005  # the last jet of an event, so that no other is coded given it
    moved = {name: values.copy() for name, values in columns.items()}
    moved["eta"][row] += 1 << 20
    before, after = (density.code_lengths(of, counts) for of in (columns, moved))
    assert after["eta"][row] > before["eta"][row] + 10
    changed = {name: np.flatnonzero(after[name] != before[name]).tolist() for name in columns}
    assert changed == {name: [row] if name == "eta" else [] for name in columns}


@settings(max_examples=30)
@given(st.lists(st.integers(0, 2**21), max_size=30), st.sampled_from(list(FITTED)))
def test_any_numbers_of_jets_come_back(counts, fitted):
    counts, encoder = np.array(counts, np.int64), EntropyEncoder()
    model(fitted).code_counts(encoder, counts, len(counts))
    data = encoder.to_bytes()
    found = model(fitted).code_counts(EntropyDecoder(data), None, len(counts))
    np.testing.assert_array_equal(found, counts)
    assert len(data) <= 6 * len(counts) + 16


@pytest.mark.parametrize("use", [False, True])
def test_damaged_bytes_of_jets_are_an_error_or_other_jets(use):
    """Whatever symbols they give, no input, coordinate or angle leads out of an array."""
    rng, counts = np.random.default_rng(0), CASES["empty events"]
    for kind in ("default", "lossless", "relative phi"):
        density = model("many", kind)
        data = bytearray(encoded(density, integers(JETS, kind), counts, False, use=False))
        for _ in range(60 if use else 6):
            flipped = bytearray(data)
            for place in rng.integers(0, len(data), rng.integers(1, 20)):
                flipped[place] = rng.integers(0, 256)
            with kernels(use=use):
                try:
                    decoder = EntropyDecoder(bytes(flipped))
                    found = dict(density.code(decoder, counts, None, JETS))
                except DamagedFileError:
                    continue
            assert all(len(values) == JETS for values in found.values())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fitted", ["flat", "many"])
def test_a_stored_density_writes_the_same_bytes(fitted, kind):
    density, writer = model(fitted, kind), NumberWriter()
    conditionals = write_jet_density(writer, density)
    stored = read_jet_density(
        NumberReader(writer.to_bytes()), conditionals, layout(kind), JetDensity
    )
    assert stored.in_events == density.in_events
    columns, counts = integers(JETS, kind), CASES["empty events"]
    data = encoded(density, columns, counts, False, use=True)
    assert encoded(stored, columns, counts, False, use=True) == data
