"""Symbols with probabilities that are learned on the way: all come back, in about their entropy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasae.coding.adaptive import (
    MOST_CELLS,
    MOST_DEPTH,
    NO_ORIGIN,
    Contexts,
    decode,
    encode,
    logistic_tables,
)
from atlasae.errors import DamagedFileError


def make_contexts(rng, count, depth):
    """Any contexts of some symbols: cells, earlier symbols, both."""
    number, origins = int(rng.integers(1, 5)), int(rng.integers(0, 3))
    sizes = rng.integers(1, 9, number)
    cells = rng.integers(0, sizes[:, None], (number, count))
    rows = rng.integers(-1, np.maximum(np.arange(count), 0), (origins, count))
    return Contexts(
        cells.astype(np.int32),
        sizes,
        rng.integers(NO_ORIGIN, origins, number),
        rng.integers(0, depth + 1, number),
        rows.astype(np.int32),
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, MOST_DEPTH), st.integers(0, 150))
def test_any_symbols_come_back(seed, depth, count):
    rng = np.random.default_rng(seed)
    contexts = make_contexts(rng, count, depth)
    symbols = rng.integers(0, 1 << rng.integers(0, depth + 1), count).astype(np.uint8)
    coded = encode(symbols, depth, contexts)
    np.testing.assert_array_equal(decode(coded, depth, contexts), symbols)
    np.testing.assert_array_equal(decode(memoryview(coded), depth, contexts), symbols)


def test_no_symbols_take_no_bytes():
    assert encode(np.zeros(0, np.uint8), 3, Contexts.plain(0)) == b""
    assert len(decode(b"", 3, Contexts.plain(0))) == 0


def test_symbols_take_about_their_entropy():
    rng = np.random.default_rng(1)
    for share in (0.5, 0.1, 0.01):
        symbols = (rng.random(5000) < share).astype(np.uint8)
        entropy = -share * np.log2(share) - (1 - share) * np.log2(1 - share)
        assert 8 * len(encode(symbols, 1, Contexts.plain(5000))) < 1.03 * 5000 * entropy + 50
    symbols = rng.choice(8, 5000, p=[0.65, *[0.05] * 7]).astype(np.uint8)
    bits = 8 * len(encode(symbols, 3, Contexts.plain(5000)))
    assert bits < 1.05 * 5000 * -(0.65 * np.log2(0.65) + 0.35 * np.log2(0.05))


def test_what_is_known_of_symbols_makes_them_cheap():
    rng = np.random.default_rng(2)
    symbols = rng.integers(0, 8, 2000).astype(np.uint8)
    one, plain = np.ones(1, np.int64), Contexts.plain(2000)
    known = Contexts(symbols[None].astype(np.int32), 8 * one, -one, 0 * one, plain.rows)
    assert len(encode(symbols, 3, known)) < len(encode(symbols, 3, plain)) / 10
    symbols[1::2] = symbols[::2]  # each is there twice
    rows = np.where(np.arange(2000) % 2, np.arange(2000) - 1, -1).astype(np.int32)[None]
    before = Contexts(plain.cells, one, 0 * one, 0 * one, rows)
    assert len(encode(symbols, 3, before)) < 0.6 * len(encode(symbols, 3, plain))


@given(st.integers(0, 2**32 - 1), st.binary(max_size=60))
def test_any_bytes_give_symbols(seed, coded):
    rng = np.random.default_rng(seed)
    contexts = make_contexts(rng, 100, 4)
    assert decode(coded, 4, contexts).max() < 16


@pytest.mark.parametrize("change", ["longer", "shorter"])
def test_bytes_of_another_length_give_symbols(change):
    symbols = np.arange(200).astype(np.uint8) % 16
    coded = encode(symbols, 4, Contexts.plain(200))
    changed = coded + b"\1\2" if change == "longer" else coded[:-5]
    assert len(decode(changed, 4, Contexts.plain(200))) == 200


@pytest.mark.parametrize("sizes", [[MOST_CELLS], [MOST_CELLS // 4] * 4, []])
def test_too_many_cells_are_refused(sizes):
    number = len(sizes)
    contexts = Contexts(
        np.zeros((number, 3), np.int32), np.array(sizes, np.int64), np.full(number, NO_ORIGIN),
        np.zeros(number, np.int64), np.zeros((0, 3), np.int32),
    )  # fmt: skip
    with pytest.raises(DamagedFileError, match="too many cells"):
        decode(b"", 1, contexts)


def test_the_tables_are_those_of_the_format():
    """Each machine has to have these."""
    squash, stretch, rates, confidences = logistic_tables()
    assert squash[[0, 1920, 2048, 2176, 4095]].tolist() == [16, 21845, 32768, 43691, 65520]
    assert stretch[[0, 1365, 2047, 2048, 4095]].tolist() == [-1664, -128, 0, 0, 1664]
    assert rates[[0, 1, 10, 255]].tolist() == [46811, 27306, 5748, 255]
    assert confidences[[0, 1, 255]].tolist() == [0, 213, 255]
