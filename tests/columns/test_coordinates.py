"""Coordinates: numbers, differences to a reference, equality with it, the same in chains."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasae.columns.coordinates import Against, Coordinate
from atlasae.columns.integers import IntegerCode
from atlasae.columns.terms import NO_ROW, Kind, Term

OTHER, OWN = Term(Kind.SAME, 0), Term(Kind.PREVIOUS)


def code_of(dtype):
    return IntegerCode(np.dtype(dtype))


@pytest.mark.parametrize("against", [Against.DIFFERENCE, Against.EQUALITY])
@pytest.mark.parametrize("dtype", ["i8", "i4", "u4", "u8", "i1", "f4", "f8"])
@given(st.integers(0, 2**32 - 1), st.sampled_from(["other", "previous", "any"]))
def test_integers_come_back(against, dtype, seed, kind):
    """``any``: each row refers to any before it, or to none."""
    rng, n, code = np.random.default_rng(seed), 30, code_of(dtype)
    numbers = rng.integers(0, 256, (3, n * code.dtype.itemsize)).astype(np.uint8)
    whole, known = (code.whole(each.view(code.dtype)) for each in numbers[:2])
    rows = rng.integers(-1, n, n)
    if kind != "other":
        rows = np.arange(n) - 1 if kind == "previous" else rng.integers(-1, np.arange(n), n)
        rows[rng.random(n) < 0.2] = NO_ROW
    is_equal = rng.random(n) < 0.7
    for i in np.flatnonzero(is_equal & (rows != NO_ROW)):
        whole[i] = (known if kind == "other" else whole)[rows[i]]
    equal = 1 << 40 if code.dtype.itemsize < 8 else 12345
    coordinate = Coordinate(against, OTHER if kind == "other" else OWN, equal)
    assert coordinate.is_own == (kind != "other")
    found = coordinate.of(whole, rows, known if kind == "other" else whole, code)
    back = coordinate.whole(found, rows, known if kind == "other" else None, code)
    np.testing.assert_array_equal(back, whole)


def test_a_number_that_stands_for_equality_cannot_be_coded():
    coordinate = Coordinate(Against.EQUALITY, OTHER, 7)
    known, rows = np.array([7, 1]), np.array([0, 1, NO_ROW])
    assert coordinate.of(np.array([7, 1, 2]), rows, known, code_of("i4")) is not None
    assert coordinate.of(np.array([7, 1, 7]), rows, known, code_of("i4")) is None
    assert coordinate.of(np.array([7, 7, 2]), rows, known, code_of("i4")) is None


def test_a_reference_without_rows():
    none, whole = np.full(3, NO_ROW), np.array([1, 2, 3])
    for against in (Against.DIFFERENCE, Against.EQUALITY):
        coordinate = Coordinate(against, OTHER, -1)
        found = coordinate.of(whole, none, whole[:0], code_of("i4"))
        np.testing.assert_array_equal(found, whole)
        back = coordinate.whole(found, none, whole[:0], code_of("i4"))
        np.testing.assert_array_equal(back, whole)


def test_damaged_coordinates_give_integers():
    """Sums that overflow wrap; rows that are all equal to each other end at a first one."""
    rows = np.arange(-1, 4)
    huge = np.full(5, (1 << 63) - 1)
    assert len(Coordinate(Against.DIFFERENCE, OWN).whole(huge, rows, None, code_of("i8"))) == 5
    same = Coordinate(Against.EQUALITY, OWN, 3).whole(np.full(5, 3), rows, None, code_of("i8"))
    assert same.tolist() == [3] * 5
