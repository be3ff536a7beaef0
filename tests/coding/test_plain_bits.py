"""Integers as plain bits."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from atlasae.coding.plain_bits import MOST_BITS, read_bits, write_bits

LOWS, WIDTHS = np.array([-(1 << 31), -3, 0, 7]), np.array([MOST_BITS, 3, 0, 31], np.uint8)


def of_classes(seed, length):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, len(LOWS), length).astype(np.uint8)
    offsets = rng.integers(0, 1 << WIDTHS.astype(np.int64)[classes])
    values = np.minimum(LOWS[classes] + offsets, 2**31 - 1).astype(np.int32)
    return classes, values


@given(st.integers(0, 2**32 - 1), st.integers(0, 80), st.integers(0, 80))
def test_integers_come_back_and_take_their_bits(seed, length, more):
    (classes, values), (others, after) = of_classes(seed, length), of_classes(seed + 1, more)
    words = np.zeros((length + more) // 2 + 2, np.uint64)
    position = write_bits(classes, values, LOWS, WIDTHS, words, 0)
    assert position == WIDTHS[classes].sum(dtype=int)
    end = write_bits(others, after, LOWS, WIDTHS, words, position)
    found, rest = np.empty_like(values), np.empty_like(after)
    halves = words.view(np.uint32)
    assert read_bits(classes, LOWS, WIDTHS, halves, 0, found) == position
    assert read_bits(others, LOWS, WIDTHS, halves, position, rest) == end
    np.testing.assert_array_equal(found, values)
    np.testing.assert_array_equal(rest, after)


def test_bits_fill_words_from_the_low_end():
    words, lows, widths = np.zeros(3, np.uint64), np.zeros(1, np.int64), np.full(1, 24, np.uint8)
    values = np.array([0xABCDEF, 0x123456, 0x987654], np.int32)
    write_bits(np.zeros(3, np.uint8), values, lows, widths, words, 0)
    assert [hex(word) for word in words.tolist()] == ["0x7654123456abcdef", "0x98", "0x0"]


def test_a_reader_says_where_bits_that_are_missing_would_end():
    words, found = np.zeros(4, np.uint32), np.empty(99, np.int32)
    classes, lows, widths = np.zeros(99, np.uint8), np.zeros(1, np.int64), np.full(1, 30, np.uint8)
    assert read_bits(classes, lows, widths, words, 0, found) == 99 * 30
