"""What ROOT copies from one file to another, as it is: trees but for some branches, and objects."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlasae.errors import InputError
from atlasae.root.io import cpp
from atlasae.root.io.errors import first_line
from atlasae.root.io.root_branches import plain_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from atlasae.root.io.ttree import TTreeReader
    from atlasae.types import PathLike

_PROCESS = "TProcessID"  # names the objects that references lead to; ROOT copies it with a tree


@dataclass(frozen=True)
class Clone:
    """A TTree to copy.

    Attributes:
        path: of the tree.
        title: of the copy.
        left_out: the places of branches that are left out, as ``TTreeReader.place_of`` gives them.
    """

    path: str
    title: str
    left_out: frozenset[tuple[int, ...]]

    @classmethod
    def without(cls, tree: TTreeReader, title: str, names: Iterable[str]) -> Clone:
        """A clone of a tree without some of its branches."""
        return cls(tree.path, title, frozenset(map(tree.place_of, names)))


def add_clones(
    target: PathLike, source: PathLike, clones: Sequence[Clone], objects: Collection[str]
) -> None:
    """Copy trees and objects from one file into another, which exists.

    The baskets of trees are copied as they are, neither decompressed nor interpreted, and so are
    titles, aliases, user information, friends and indices.

    Args:
        target: the file to add to.
        source: the file to copy from.
        clones: the trees.
        objects: paths of other objects, of any class.

    Raises:
        MissingPackageError: ROOT is not installed.
        InputError: ROOT cannot copy something.
    """
    with cpp.quiet_errors(), plain_name(source) as here, plain_name(target) as there:
        root = cpp.interpreter()
        try:
            with root.TFile.Open(here) as old, root.TFile.Open(there, "UPDATE") as new:
                for clone in clones:
                    _copy_tree(old, new, clone)
                for path in objects:
                    _copy_object(old, new, path)
        except OSError as error:  # of TFile.Open
            raise InputError(f"ROOT cannot open {source}: {first_line(error)}") from error


def _copy_tree(old: Any, new: Any, clone: Clone) -> None:
    root = cpp.interpreter()
    tree = old.Get(clone.path)
    if not tree:
        raise InputError(f"ROOT cannot read tree {clone.path!r}")
    _leave_out(tree, clone.left_out, ())
    for leaf in tree.GetListOfLeaves():
        if (counter := leaf.GetLeafCount()) and not leaf.GetBranch().TestBit(root.kDoNotProcess):
            counter.GetBranch().ResetBit(root.kDoNotProcess)
    with _inside(new, clone.path) as name:
        copied = tree.CloneTree(-1, "fast")
        if not copied or copied.GetEntries() != tree.GetEntries():
            raise InputError(f"ROOT cannot copy tree {clone.path!r}")
        copied.SetTitle(clone.title)
        copied.Write(name, root.TObject.kOverwrite)


def _leave_out(parent: Any, places: Collection[tuple[int, ...]], at: tuple[int, ...]) -> bool:
    """Mark the branches to leave out, and those of which nothing is left; whether all are."""
    root = cpp.interpreter()
    every = True
    for i, branch in enumerate(parent.GetListOfBranches()):
        place = (*at, i)
        holds = len(branch.GetListOfBranches()) > 0
        goes = _leave_out(branch, places, place) if holds else place in places
        if goes:
            branch.SetBit(root.kDoNotProcess)
        every &= goes
    return every


@contextmanager
def _inside(file: Any, path: str) -> Iterator[str]:
    """Make the directory of a path the current one; gives the name inside."""
    folder, _, name = path.rpartition("/")
    directory = file.GetDirectory(folder) if folder else file
    directory.cd()
    yield name


def _copy_object(old: Any, new: Any, path: str) -> None:
    root = cpp.interpreter()
    folder, _, name = path.rpartition("/")
    key = (old.GetDirectory(folder) if folder else old).GetKey(name)
    if not key:
        raise InputError(f"ROOT cannot read {path!r}")
    with _inside(new, path):
        if key.GetClassName() == _PROCESS and root.gDirectory.GetKey(name):
            return
        copied = root.TKey(root.gDirectory, key, 0)
        root.SetOwnership(copied, False)  # it is the directory's
        copied.WriteFile()
    for description in old.GetStreamerInfoList():
        if isinstance(description, root.TStreamerInfo):
            description.ForceWriteInfo(new)
