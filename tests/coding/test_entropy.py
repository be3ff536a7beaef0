from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
from atlasae.errors import DamagedFileError

seeds = st.integers(0, 2**32 - 1)
lengths = st.integers(0, 60)


class Weights:
    """A source of choices by weights, shape (n, k)."""

    def __init__(self):
        self.asked = 0

    def choice(self, weights):
        self.asked += 1
        return Weighted(weights)


SOURCE = Weights()


class Weighted:
    """A choice by whole weights, shape (n, k)."""

    def __init__(self, weights):
        self.ends = np.cumsum(np.maximum(np.rint(weights * 2**10), 2), axis=1).astype(np.int32)

    def __len__(self):
        return len(self.ends)

    def __getitem__(self, rows):
        part = Weighted(np.ones((1, 1)))
        part.ends = self.ends[rows]
        return part

    def totals(self):
        return self.ends[:, -1].copy()

    def find(self, slots):
        symbols = (self.ends <= slots[:, None]).sum(axis=1)
        return symbols, *self.span(symbols)

    def span(self, symbols):
        counts = np.diff(self.ends, axis=1, prepend=np.int32(0))
        at = symbols[:, None]
        counts, ends = (np.take_along_axis(a, at, axis=1)[:, 0] for a in (counts, self.ends))
        return ends - counts, counts


def drawn(rng, weights):
    """A symbol a row of weights, each as likely as its weight says."""
    ends = np.cumsum(weights, axis=1, dtype=np.float64)
    return (rng.random((len(weights), 1)) * ends[:, -1:] >= ends).sum(axis=1)


@given(seeds, lengths, st.integers(2, 70))
def test_chosen_symbols_come_back(seed, length, bins):
    rng = np.random.default_rng(seed)
    weights = np.exp2(rng.uniform(-10, 5, (length, bins))).astype(np.float32)
    symbols = rng.integers(0, bins, length)
    encoder = EntropyEncoder()
    np.testing.assert_array_equal(encoder.choose(symbols, SOURCE, weights), symbols)
    found = EntropyDecoder(encoder.to_bytes()).choose(None, SOURCE, weights)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, symbols)


@given(seeds, lengths, st.integers(1, 300))
def test_symbols_of_one_table_come_back(seed, length, bins):
    rng = np.random.default_rng(seed)
    weights = rng.integers(1, 2**16, bins).astype(np.float32)
    symbols = rng.integers(0, bins, length)
    encoder = EntropyEncoder()
    np.testing.assert_array_equal(encoder.table(symbols, length, weights), symbols)
    found = EntropyDecoder(encoder.to_bytes()).table(None, length, weights)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, symbols)
    if bins == 1:
        assert not encoder.to_bytes()


@given(
    st.lists(st.integers(0, 62).flatmap(lambda bits: st.integers(1, 2**bits)), max_size=60), seeds
)
def test_uniform_integers_of_any_size_come_back(sizes, seed):
    sizes = np.array([*sizes, *sizes, 1, 2, 2**16, 2**16 + 1, 2**32, 2**62], np.int64)
    rng = np.random.default_rng(seed)
    for values in (rng.integers(0, sizes), sizes - 1, np.zeros_like(sizes)):
        encoder = EntropyEncoder()
        np.testing.assert_array_equal(encoder.uniform(values, sizes), values)
        found = EntropyDecoder(encoder.to_bytes()).uniform(None, sizes)
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, values)


@given(st.lists(st.tuples(st.sampled_from("ctu"), lengths), max_size=8), seeds)
def test_all_kinds_one_after_another(pieces, seed):
    def code_all(coder, known):
        rng = np.random.default_rng(seed)
        for kind, length in pieces:
            weights = rng.uniform(0.1, 2, (length, 5)).astype(np.float32)
            sizes = rng.integers(1, 2**40, length)
            symbols = rng.integers(0, 5, length) if kind != "u" else rng.integers(0, sizes)
            given_ = symbols if known else None
            if kind == "c":
                found = coder.choose(given_, SOURCE, weights)
            elif kind == "t":
                found = coder.table(given_, length, np.ones(5, np.float32))
            else:
                found = coder.uniform(given_, sizes)
            np.testing.assert_array_equal(found, symbols)

    encoder = EntropyEncoder()
    code_all(encoder, known=True)
    code_all(EntropyDecoder(encoder.to_bytes()), known=False)


def test_choices_are_made_again_unless_source_and_inputs_are_the_same():
    encoder, weights, source = EntropyEncoder(), np.ones((50, 7)), Weights()
    symbols = np.arange(50) % 7
    for _ in range(2):
        encoder.choose(symbols, source, weights)
    data = encoder.to_bytes()
    other = Weights()
    for asked, others in [(source, weights), (source, weights * 2), (other, weights)]:
        before = asked.asked
        decoder = EntropyDecoder(data, encoder.choices)
        np.testing.assert_array_equal(decoder.choose(None, asked, weights), symbols)
        made = asked.asked - before
        assert made == (asked is other)
        decoder.choose(None, asked, others)
        assert asked.asked - before - made == (asked is other or others is not weights)


def test_a_reader_knows_that_all_is_read():
    encoder, weights = EntropyEncoder(), np.ones((50, 7))
    for _ in range(2):
        encoder.choose(np.arange(50) % 7, SOURCE, weights)
    decoder = EntropyDecoder(encoder.to_bytes())
    decoder.choose(None, SOURCE, weights)
    assert not decoder.is_done
    decoder.choose(None, SOURCE, weights)
    assert decoder.is_done


def test_nothing_takes_no_bytes():
    encoder = EntropyEncoder()
    assert not len(encoder.choose(np.zeros(0, np.int64), SOURCE, np.ones((0, 4))))
    assert not len(encoder.table(np.zeros(0, np.int64), 0, np.ones(4, np.float32)))
    assert not len(encoder.uniform(np.zeros(0, np.int64), np.zeros(0, np.int64)))
    encoder.uniform(np.zeros(5, np.int64), np.ones(5, np.int64))
    assert encoder.to_bytes() == b""


def test_values_given_are_left_alone():
    values, sizes = np.array([5, 2**40]), np.array([7, 2**41])
    EntropyEncoder().uniform(values, sizes)
    assert (values.tolist(), sizes.tolist()) == ([5, 2**40], [7, 2**41])


@pytest.mark.parametrize("size", [3, 1000, 2**16, 3 * 2**16, 2**24, 2**30 + 1, 2**62])
def test_uniform_integers_take_their_logarithm(size):
    values = np.random.default_rng(0).integers(0, size, 20_000)
    encoder = EntropyEncoder()
    encoder.uniform(values, np.full(len(values), size))
    ideal = len(values) * np.log2(size) / 8
    assert ideal - 8 <= len(encoder.to_bytes()) <= 1.005 * ideal + 8


def test_chosen_symbols_take_what_their_probabilities_say():
    rng = np.random.default_rng(0)
    weights = np.rint(np.exp2(rng.uniform(1, 11, (20_000, 64)))) / 2**10
    symbols = drawn(rng, weights)
    shares = weights[np.arange(len(symbols)), symbols] / weights.sum(axis=1, dtype=np.float64)
    encoder = EntropyEncoder()
    encoder.choose(symbols, SOURCE, weights)
    ideal = -np.log2(shares).sum() / 8
    assert abs(len(encoder.to_bytes()) - ideal) <= 0.005 * ideal + 8


def test_symbols_of_a_table_take_what_its_probabilities_say():
    rng = np.random.default_rng(0)
    weights = np.exp2(rng.uniform(-12, 1, 64)).astype(np.float32)
    symbols = drawn(rng, np.broadcast_to(weights, (20_000, 64)))
    encoder = EntropyEncoder()
    encoder.table(symbols, len(symbols), weights)
    ideal = -np.log2(weights[symbols] / weights.sum(dtype=np.float64)).sum() / 8
    assert abs(len(encoder.to_bytes()) - ideal) <= 0.005 * ideal + 8


@given(st.binary(max_size=60).map(lambda data: data[: len(data) // 4 * 4]), st.integers(1, 80))
def test_other_bytes_give_symbols_in_range_or_an_ordinary_exception(data, length):
    """constriction may not panic: that would be no Exception."""
    weights = np.linspace(0.1, 2, 7 * length, dtype=np.float32).reshape(length, 7)
    sizes = np.resize([3, 1, 2**16, 2**20 + 1, 2**62], length)
    try:
        decoder = EntropyDecoder(data)
        for read, limit in [
            (lambda: decoder.choose(None, SOURCE, weights), 7),
            (lambda: decoder.table(None, length, weights[0]), 7),
            (lambda: decoder.uniform(None, sizes), None),
        ]:
            found = read()
            assert (found >= 0).all()
            assert limit is None or (found < limit).all()
    except (ValueError, IndexError, DamagedFileError):
        return
