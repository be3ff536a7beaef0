"""How many columns have to be decoded before a column."""

from __future__ import annotations

import awkward as ak
import numpy as np

from atlasae.columns import fitting
from atlasae.columns.fitting import MOST_DEPTH, fit_block_model
from atlasae.lossless.columns import CollectedBuffers


def chain(length=15, entries=2000):
    """Numbers that each tell most of the next one."""
    rng = np.random.default_rng(1)
    value = rng.integers(0, 8, entries)
    arrays = {}
    for place in range(length):
        value = (value + (rng.random(entries) < 0.1)) % 8
        arrays[f"step{place}"] = ak.Array(value.astype(np.uint8))
    return arrays


def fitted(arrays):
    return fit_block_model(list(arrays), CollectedBuffers(arrays).buffers)


def test_a_chain_of_columns_is_bounded(monkeypatch):
    arrays = chain()
    depths = fitted(arrays).depths
    assert max(depths.values()) == MOST_DEPTH
    monkeypatch.setattr(fitting, "MOST_DEPTH", 100)
    assert max(fitted(arrays).depths.values()) > MOST_DEPTH


def test_depths_are_those_of_the_columns_needed():
    model = fitted(chain(5))
    for slot, column in model.by_slot.items():
        needed = [model.depths[other] for other in column.slots]
        assert model.depths[slot] == max((depth + 1 for depth in needed), default=0)
