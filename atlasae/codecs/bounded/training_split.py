"""Which jets a bounded codec is fitted to, and which measure what it reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from atlasae.jets.table import Table

TRAINING_JETS = 100_000  # tables this small learn little from more
_MOST_HELD_OUT = 1000  # events, or jets without events, that measure the cross-entropy


def split(table: Table, seed: int) -> tuple[Table, Table]:
    """Events to train on and held-out events, together about TRAINING_JETS jets at most.

    Args:
        table: of all jets.
        seed: of the choice.
    """
    number = len(table) if table.counts is None else len(table.counts)
    order = np.random.default_rng(seed).permutation(number)
    if table.counts is not None:
        enough = np.searchsorted(np.cumsum(table.counts[order]), TRAINING_JETS) + 1
        order = order[: int(enough)]
    order = order[:TRAINING_JETS]
    cut = min(max(1, len(order) // 40), _MOST_HELD_OUT)
    train, held_out = table.events(order[cut:]), table.events(order[:cut])
    if min(len(train), len(held_out)) == 0:  # one event has all jets
        train = held_out = table.events(order)
    return train, held_out
