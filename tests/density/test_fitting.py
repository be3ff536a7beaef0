"""A fit finds what inputs say of a value, and stores no more than is worth its bits."""

from __future__ import annotations

import numpy as np
import pytest

from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
from atlasae.density.event_inputs import ColumnInputs
from atlasae.density.fitting import fit_conditional
from atlasae.density.serialization import stored_bits


@pytest.mark.parametrize(
    "values",
    [
        [7],
        [0, 0],
        [3] * 1000,
        [-5] * 500 + [5] * 500,
        [0] * 999 + [2**28],
        [-(2**28), *range(1000), 2**28],
        [2**28 - 1] * 10,
    ],
)
def test_odd_data_can_be_fitted(values):
    values = np.array(values, np.int32)
    rows = np.array([np.arange(len(values)) % 300, np.full(len(values), 2**31 - 1)], np.int32)
    for inputs in (rows[:0], rows, -rows):
        conditional, known = fit_conditional(values, inputs), ColumnInputs([*inputs])
        assert np.isfinite(conditional.code_lengths(values, known)).all()
        encoder = EntropyEncoder()
        conditional.code(encoder, values, len(values), known)
        decoder = EntropyDecoder(encoder.to_bytes())
        found = conditional.code(decoder, None, len(values), known)
        np.testing.assert_array_equal(found, values)


def test_values_all_the_same_cost_nothing_much():
    values, rows = np.full(1000, 3, np.int32), np.zeros((1, 1000), np.int32)
    conditional = fit_conditional(values, rows)
    assert conditional.code_lengths(values, ColumnInputs([*rows])).sum() < 5


def learnable(rows=20_000, seed=0):
    """Values that follow the second of three inputs, and widen with the third."""
    rng = np.random.default_rng(seed)
    inputs = np.rint(rng.normal(0, 1000, (3, rows))).astype(np.int32)
    width = np.where(inputs[2] > 300, 200, 20)
    values = np.rint(np.where(inputs[1] > 0, 400, -400) + width * rng.normal(size=rows))
    return values.astype(np.int32), inputs


def bits(fitted, values, rows):
    return fitted.code_lengths(values, ColumnInputs([*rows])).mean()


def test_an_obvious_dependence_is_found():
    (values, rows), (fresh, known) = learnable(), learnable(seed=1)
    alone, fitted = fit_conditional(values, rows[:0]), fit_conditional(values, rows)
    share = np.mean(known[2] > 300)
    ideal = np.log2(np.sqrt(2 * np.pi * np.e)) + share * np.log2(200) + (1 - share) * np.log2(20)
    assert bits(alone, fresh, known) > ideal + 1.2
    assert bits(fitted, fresh, known) < ideal + 0.1
    assert {cut.input for cut in fitted.tree.cuts} == {1, 2}


def test_what_is_fitted_is_what_codes():
    (values, rows), (fresh, known) = learnable(), learnable(seed=1)
    fitted, encoder = fit_conditional(values, rows), EntropyEncoder()
    fitted.code(encoder, fresh, len(fresh), ColumnInputs([*known]))
    ideal = bits(fitted, fresh, known) * len(fresh)
    assert ideal <= 8 * len(encoder.to_bytes()) <= 1.001 * ideal + 200


@pytest.mark.parametrize("uses", [1.0, 1e6])
def test_inputs_that_say_nothing_are_not_asked(uses):
    values, rows = learnable()
    values = np.random.default_rng(5).permutation(values)
    assert fit_conditional(values, rows, uses).tree.leaf_count == 1


def test_more_is_stored_where_more_is_to_be_coded():
    values, rows = learnable(3000)
    once, often = fit_conditional(values, rows, 1.0), fit_conditional(values, rows, 1e6)
    assert len(once.bins) < len(often.bins)
    assert stored_bits(once) < stored_bits(often)
    assert bits(often, values, rows) < bits(once, values, rows)
    total = {
        uses: [stored_bits(each) + uses * 3000 * bits(each, values, rows) for each in (once, often)]
        for uses in (1.0, 1e6)
    }
    assert total[1.0][0] < total[1.0][1]
    assert total[1e6][1] < total[1e6][0]


def test_a_hundred_values_are_one_small_table():
    values, rows = learnable(100)
    fitted = fit_conditional(values, rows)
    assert fitted.tree.leaf_count == 1
    assert stored_bits(fitted) < 300


def test_without_questions_a_density_knows_nothing_of_the_inputs():
    values, rows = learnable()
    fitted = fit_conditional(values, rows)
    plain = fitted.without_questions()
    assert plain.tree.leaf_count == 1
    assert bits(fitted, values, rows) + 1 < bits(plain, values, rows) < np.log2(4000)
    assert plain.without_questions() is plain


def test_shares_are_those_of_one_column():
    values, rows = learnable()
    fitted = fit_conditional(values, rows)
    shares = fitted.shares(ColumnInputs([np.array([x], np.int32) for x in (0, 900, 0)]))
    assert shares.sum() == 1
    centres = fitted.bins.kinds.lows[:-1] + (1 << fitted.bins.widths.astype(int)) / 2
    assert abs((shares[:-1] * centres).sum() - 400) < 20
