"""Models for the columns of a tree that no codec takes, fitted to a sample of its entries."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from atlasae.columns.fitting import fit_block_model
from atlasae.columns.serialization import write_block_model
from atlasae.lossless.columns import CollectedBuffers, pack
from atlasae.lossless.slots import slots_of
from atlasae.root.entry_sample import read_sample
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.root.io.branch import Arrays, BranchInfo
    from atlasae.root.io.tree import TreeReader

_logger = logging.getLogger(__name__)

_SAMPLE = "16 MB"  # of values that are read


def fit_columns(source: TreeReader, branches: Sequence[BranchInfo]) -> bytes:
    """The bytes of models for the columns of branches; empty if they would save nothing."""
    types = {branch.name: branch.type for branch in branches}
    entries = min(source.entries_for(_SAMPLE, list(types)), source.num_entries)
    sample = read_sample(source, list(types), entries)
    where = printable(source.path)
    _logger.info(
        "learning %s columns of %s from %s entries", f"{len(types):,}", where, f"{entries:,}"
    )
    model, _ = learned_columns(sample, source.represented_entries / max(entries, 1))
    return model


def learned_columns(arrays: Arrays, uses: float) -> tuple[bytes, int]:
    """The bytes of models for columns, none if they save nothing, and the size of the columns.

    Args:
        arrays: by the name of the branch.
        uses: how many entries will be coded for each entry here.
    """
    types = [str(array.type.content) for array in arrays.values()]
    names = [name for name, slots in zip(arrays, slots_of(types), strict=True) for _ in slots]
    model = fit_block_model(names, CollectedBuffers(arrays).buffers, uses)
    stored, learned = write_block_model(model), len(pack(arrays, model))
    if uses > 1:  # each column was compared with itself alone; what all take together is a trifle
        return stored, learned
    alone = len(pack(arrays))
    return (stored, learned) if learned + len(stored) < alone else (b"", alone)
