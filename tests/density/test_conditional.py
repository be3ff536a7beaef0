"""Slots of bins."""

from __future__ import annotations

import numpy as np
import pytest

from atlasae.density.conditional import BinSlots


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
@pytest.mark.parametrize("groups", [1, 2, 16, 64])
def test_every_slot_belongs_to_one_bin(groups, parts):
    rng = np.random.default_rng(groups)
    sizes = rng.choice([8, 9, 100, 30_000, 65_536], (groups, 500))
    ends = np.concatenate([np.zeros((1, 500)), np.cumsum(sizes, axis=0)]).astype(np.int32)
    inner = np.sort(rng.integers(0, 257, (groups, parts - 1)), axis=1).T
    cuts = np.concatenate([np.zeros((1, groups)), inner, np.full((1, groups), 256)])
    slotted = BinSlots(ends, cuts.astype(np.int32))
    start = np.zeros(500, np.int64)
    for symbol in range(groups * parts):
        symbols = np.full(500, symbol)
        first, counts = slotted.span(symbols)
        assert counts.min() >= 2
        np.testing.assert_array_equal(first, start)
        for slots in (first, first + rng.integers(0, counts).astype(np.int32), first + counts - 1):
            for found, expected in zip(slotted.find(slots), (symbols, first, counts), strict=True):
                np.testing.assert_array_equal(found, expected)
        start = start + counts
    np.testing.assert_array_equal(start, slotted.totals())
