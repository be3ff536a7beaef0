"""The mark on trees whose branches were compressed: they are never read as ordinary trees."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from atlasae.errors import DamagedFileError
from atlasae.root.io.branch import BranchInfo

if TYPE_CHECKING:
    from atlasae.root.io.tree import TreeReader

#: A tree needs a branch: this one is written if all branches of a tree are compressed.
PLACEHOLDER = BranchInfo("atlasae_placeholder", "uint8")
_MARK = "[compressed by atlasae: read with atlasae.open, restore with atlasae decompress]"


def marked(title: str) -> str:
    """The title of a tree, with the mark.

    Example:
        >>> marked("Events")
        'Events [compressed by atlasae: read with atlasae.open, restore with atlasae decompress]'
    """
    return f"{title} {_MARK}".lstrip()


def require_unmarked(tree: TreeReader) -> None:
    """Raise DamagedFileError if a tree that nothing describes was compressed."""
    # of a copy: an RNTuple whose header was read can no longer be pickled by uproot
    tree = type(tree)(copy(tree.tree), tree.path)
    if _MARK in tree.title or tree.names == [PLACEHOLDER.name]:
        raise DamagedFileError(
            f"{tree.where} was compressed by atlasae, and what describes it in the directory"
            " 'atlasae' is missing or damaged"
        )
