"""A sample of the entries of a tree, to fit codecs and models to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.root.io.branch import Arrays
    from atlasae.root.io.tree import TreeReader

_WINDOWS = 20  # that a sample is spread over


def read_samples(sources: Sequence[TreeReader], names: Sequence[str], entries: int) -> Arrays:
    """Branches in an equal share of the entries of each tree, as ``read_sample`` gives them."""
    share = max(entries // len(sources), 1)
    samples = [read_sample(source, names, share) for source in sources]
    return {name: ak.concatenate([sample[name] for sample in samples]) for name in names}


def read_sample(source: TreeReader, names: Sequence[str], entries: int) -> Arrays:
    """Branches in all entries of a small tree, else in windows spread over it.

    Args:
        source: the tree.
        names: of branches.
        entries: the most to read.
    """
    total = source.num_entries
    windows = 1 if total <= entries else min(_WINDOWS, entries)
    length = min(total, entries) // windows
    starts = np.linspace(0, total - length, windows).astype(int).tolist() if length else []
    chunks = [
        {name: ak.to_packed(array) for name, array in arrays.items()}  # not all that was read
        for _, arrays in source.ranges(names, [(start, start + length) for start in starts])
    ]
    if not chunks:
        return source.read(names, 0, 0)
    return {name: ak.concatenate([arrays[name] for arrays in chunks]) for name in names}
