"""What an encoder was given, a decoder gives; from damaged bytes, never anything worse."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasae.coding.entropy import BitClasses, EntropyDecoder, EntropyEncoder, lane_count
from atlasae.coding.rans import Tables
from atlasae.compiled import kernels
from atlasae.errors import DamagedFileError

TABLES = Tables.of(np.array([[1000, 1, 30, 7], [1, 1, 1, 1], [1, 1, 1 << 39, 1]]))
KINDS = BitClasses(np.array([-5, 100, -(1 << 31)]), np.array([3, 0, 32], np.uint8))
lengths = st.integers(0, 60)
pieces = st.lists(st.tuples(st.sampled_from("stbu"), lengths), max_size=8)


def code_all(coder, pieces, seed, known):
    """Code pieces of each kind one after another, and compare what is given back."""
    rng = np.random.default_rng(seed)
    for kind, length in pieces:
        rows = rng.integers(0, 3, length).astype(np.uint8)
        symbols = rng.integers(0, 4, length).astype(np.uint8)
        numbers = rng.integers(0, 1 << 17, length).astype(np.int32)
        offsets = rng.integers(0, 1 << KINDS.widths.astype(np.int64)[rows])
        values = (KINDS.lows[rows] + offsets).astype(np.int32)
        if kind == "s":
            given_, found = symbols, coder.symbols(TABLES, rows, symbols if known else None)
        elif kind == "t":
            given_, found = symbols, coder.table(TABLES, length, symbols if known else None)
        elif kind == "b":
            given_, found = values, coder.bits(rows, KINDS, values if known else None)
        else:
            given_, found = numbers, coder.uniform(17, length, numbers if known else None)
        assert found.dtype == given_.dtype
        np.testing.assert_array_equal(found, given_)


@given(pieces, st.integers(0, 2**32 - 1))
def test_all_kinds_come_back_one_after_another(pieces, seed):
    encoder = EntropyEncoder()
    code_all(encoder, pieces, seed, known=True)
    decoder = EntropyDecoder(encoder.to_bytes())
    code_all(decoder, pieces, seed, known=False)
    assert decoder.is_done


def long_stream(length=300_000):
    """Symbols for many lanes, drawn with their probabilities; without a random number generator."""
    slots = (np.arange(length) * 1_000_003 % 4096).astype(np.int64)
    rows = (np.arange(length) // 7 % 3).astype(np.uint8)
    return rows, TABLES.slots[rows * np.int64(4096) + slots]


def encoded(rows, symbols):
    encoder = EntropyEncoder()
    encoder.symbols(TABLES, rows, symbols)
    encoder.uniform(5, 3, np.array([1, 2, 31], np.int32))
    return encoder.to_bytes()


def test_symbols_take_what_their_probabilities_say():
    rows, symbols = long_stream()
    ideal = -np.log2(TABLES.shares()[rows, symbols]).sum() / 8
    lanes = 6 * lane_count(len(symbols))
    assert ideal <= len(encoded(rows, symbols)) <= 1.0005 * ideal + lanes + 16


@pytest.mark.parametrize("use", [False, True])
def test_bytes_are_frozen(use):
    rows, symbols = long_stream()
    with kernels(use=use):
        assert encoded(rows[:20], symbols[:20]).hex() == SHORT
        assert hashlib.sha256(encoded(rows, symbols)).hexdigest() == LONG


SHORT = "010054a5bb540000417c"
LONG = "fd74bca3692e2eff53b6e74c161fd66d7af021196d26cde8c4258f019221ce7e"


def test_nothing_takes_two_bytes():
    encoder = EntropyEncoder()
    encoder.table(TABLES, 0, np.zeros(0, np.uint8))
    encoder.uniform(9, 0, np.zeros(0, np.int32))
    encoder.uniform(0, 5, np.zeros(5, np.int32))
    assert encoder.to_bytes() == b"\0\0"
    assert EntropyDecoder(b"\0\0").is_done


@pytest.mark.parametrize("use", [False, True])
def test_integers_of_no_bits_come_back_after_the_last_bit(use):
    for before in (0, 2, 3):
        classes = np.array([2] * before + [1] * 9, np.uint8)
        values = np.array([7] * before + [100] * 9, np.int32)
        with kernels(use=use):
            encoder = EntropyEncoder()
            encoder.bits(classes, KINDS, values)
            found = EntropyDecoder(encoder.to_bytes()).bits(classes, KINDS, None)
        np.testing.assert_array_equal(found, values)


def read_back(data, rows):
    """The symbols of ``encoded``, and whether that was all."""
    decoder = EntropyDecoder(data)
    found = decoder.symbols(TABLES, rows, None)
    decoder.uniform(5, 3, None)
    return found, decoder.is_done


def test_a_reader_knows_that_all_is_read():
    rows, symbols = long_stream(100)
    decoder = EntropyDecoder(encoded(rows, symbols))
    decoder.symbols(TABLES, rows[:-1], None)
    decoder.uniform(5, 3, None)
    assert not decoder.is_done
    decoder.symbols(TABLES, rows[-1:], None)
    assert decoder.is_done
    assert read_back(encoded(rows, symbols), rows)[1]
    assert not read_back(encoded(rows, symbols) + b"\0", rows)[1]


def test_bytes_that_do_not_decode_to_what_was_given_are_not_given():
    encoder = EntropyEncoder()
    encoder.bits(np.zeros(9, np.uint8), KINDS, np.full(9, 50, np.int32))  # outside their class
    with pytest.raises(AssertionError, match="please report"):
        encoder.to_bytes()


def read_all(data):
    rows = long_stream(200)[0]
    decoder = EntropyDecoder(data)
    assert decoder.symbols(TABLES, rows, None).max() < 4
    decoder.bits(rows, KINDS, None)
    assert decoder.table(TABLES, 200, None).max() < 4
    decoder.uniform(31, 200, None)
    return decoder.is_done


@pytest.mark.parametrize("use", [False, True])
@pytest.mark.parametrize("data", [b"", b"\1", b"\1\x80", b"\xff\0", b"\x09\0", b"\1\0\0\0\0\0\0"])
def test_bytes_that_end_too_early_are_damaged(data, use):
    with kernels(use=use), pytest.raises(DamagedFileError):
        read_all(data)


@pytest.mark.parametrize("use", [False, True])
def test_a_claim_of_many_words_takes_no_memory(use):
    with kernels(use=use), pytest.raises(DamagedFileError, match="cannot hold"):
        read_all(b"\1" + b"\xff\xff\xff\xff\x0f" + bytes(20))


@pytest.mark.parametrize("use", [False, True])
@given(st.integers(0, 8), st.binary(max_size=400))
def test_any_bytes_give_symbols_or_say_that_they_are_damaged(use, lanes, data):
    """States of any size and too few words, in the kernels too."""
    with kernels(use=use):
        try:
            assert not read_all(bytes([lanes]) + data)
        except DamagedFileError:
            return


@pytest.mark.parametrize("use", [False, True])
def test_each_truncation_and_each_flipped_byte_is_noticed_or_gives_other_symbols(use):
    rows, symbols = long_stream(200)
    data = encoded(rows, symbols)
    with kernels(use=use):
        for cut in range(len(data)):
            with pytest.raises(DamagedFileError):
                read_back(data[:cut], rows)
        for place in range(len(data) - 2):
            flipped = bytearray(data)
            flipped[place] ^= 0x10
            try:
                found, is_done = read_back(bytes(flipped), rows)
            except DamagedFileError:
                continue
            assert not (is_done and np.array_equal(found, symbols))
