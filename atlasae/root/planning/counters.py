"""Counters of a TTree whose values are not the lengths of their branches."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlasae.root.io.branch import BranchInfo
    from atlasae.root.io.tree import TreeReader


def counters_with_other_values(
    source: TreeReader, branches: Iterable[BranchInfo]
) -> dict[str, str]:
    """The counters that would change where uproot writes the lengths in their place.

    Of the branches of a counter the smallest is read.

    Args:
        source: the tree.
        branches: those to write into a TTree.

    Returns:
        How each of these counters differs from the lengths, by name.
    """
    smallest: dict[str, BranchInfo] = {}
    names = {branch.name for branch in branches}
    for branch in sorted(branches, key=lambda branch: -branch.source_bytes):
        if branch.counter in names:
            smallest[branch.counter] = branch
    differences = ((counter, _difference(source, counter, b)) for counter, b in smallest.items())
    return {counter: difference for counter, difference in differences if difference}


def _difference(source: TreeReader, counter: str, branch: BranchInfo) -> str:
    """In what a counter differs from the lengths of a branch; empty if in nothing."""
    with suppress(DamagedFileError):  # it is reported where all branches are read
        for start, arrays in source.iterate([counter, branch.name]):
            differs = np.asarray(arrays[counter]) != np.asarray(ak.num(arrays[branch.name]))
            if differs.any():
                entry = start + int(np.argmax(differs))
                return f"its values are not the lengths of {branch.name}, first in entry {entry}"
    return ""
