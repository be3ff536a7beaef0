"""Models for the columns of a tree that no codec takes, fitted to a sample of its entries."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from atlasae.columns.fitting import fit_block_model
from atlasae.columns.serialization import write_block_model
from atlasae.lossless.columns import CollectedBuffers, pack
from atlasae.lossless.slots import slots_of
from atlasae.root.fitting.entry_sample import read_samples
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.root.io.branch import Arrays, BranchInfo
    from atlasae.root.io.tree import TreeReader

_logger = logging.getLogger(__name__)

_SAMPLE = "16 MB"  # of values that are read


def fit_columns(
    sources: Sequence[TreeReader], branches: Sequence[BranchInfo], uses: float | None = None
) -> bytes:
    """The bytes of models for the columns of branches; empty if they would save nothing.

    Args:
        sources: a tree, or several that have these branches.
        branches: to learn.
        uses: how many numbers will be coded for each number that is read; by default the entries of
            the trees, divided by those that are read.
    """
    types = {branch.name: branch.type for branch in branches}
    total = sum(source.represented_entries for source in sources)
    sample = read_samples(sources, list(types), sources[0].entries_for(_SAMPLE, list(types)))
    entries = len(next(iter(sample.values())))
    where = printable(sources[0].path)
    _logger.info(
        "learning %s columns of %s from %s entries", f"{len(types):,}", where, f"{entries:,}"
    )
    model, _ = learned_columns(sample, total / max(entries, 1) if uses is None else uses)
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
