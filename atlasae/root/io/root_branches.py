"""Branches that ROOT adds to a TTree, where uproot cannot write them."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from atlasae.datashape import parse_datashape
from atlasae.errors import InputError
from atlasae.lossless.columns import buffers, same_bits
from atlasae.root.io import cpp
from atlasae.root.io.errors import first_line
from atlasae.root.io.file import Trees, open_root

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlasae.root.io.branch import BranchInfo
    from atlasae.root.io.tree import TreeReader
    from atlasae.types import PathLike

_LETTERS = {
    "bool": "O", "int8": "B", "uint8": "b", "int16": "S", "uint16": "s", "int32": "I",
    "uint32": "i", "int64": "L", "uint64": "l", "float32": "F", "float64": "D",
}  # fmt: skip
_SEVERAL = re.compile(r"struct \{.*\}")  # a/F:b/I
_ARRAYS = re.compile(r"\w+\[\](\[\d+\])+")  # x[n][3]/F


def may_add(info: BranchInfo) -> bool:
    """Whether ROOT may add a branch that uproot cannot write, as far as its type says."""
    return bool(info.cpp_type) and _is_known(info)


def _is_known(info: BranchInfo) -> bool:
    return _is_of_leaves(info) or cpp.is_known(_written_type(info))


def addable(branches: Sequence[BranchInfo]) -> list[BranchInfo]:
    """Those of these branches that ROOT can add to a TTree.

    Raises:
        MissingPackageError: ROOT is not installed.
    """
    with cpp.quiet_errors():
        failed = [branch for branch in branches if not _can_add(branch)]
        containers = {kind for b in failed if _is_known(b) and "<" in (kind := _written_type(b))}
        if containers:
            cpp.make_dictionaries(containers)
            failed = [branch for branch in failed if not _can_add(branch)]
    return [branch for branch in branches if branch not in failed]


def add_branches(
    path: PathLike, source: TreeReader, branches: Sequence[BranchInfo], step_size: str | int
) -> None:
    """Add branches to a TTree of a file that uproot has written.

    Args:
        path: of the file.
        source: the tree that has them, of the same path.
        branches: those to add, which are ``addable``.
        step_size: how much is written at a time.

    Raises:
        InputError: ROOT cannot write them.
    """
    with cpp.quiet_errors(), plain_name(path) as name:
        _add(name, source, branches, step_size)
    _require_read_back(path, source, [branch.name for branch in branches], step_size)


@contextmanager
def plain_name(path: PathLike) -> Iterator[str]:
    """A link to a file: ROOT would take a ``?`` or ``#`` in its own name for the end of it."""
    name = os.fspath(path)
    if "://" in name:
        yield name
        return
    with TemporaryDirectory() as folder:
        link = Path(folder) / "file.root"
        link.symlink_to(Path(path).absolute())
        yield str(link)


def _add(
    path: str, source: TreeReader, branches: Sequence[BranchInfo], step_size: str | int
) -> None:
    root = cpp.interpreter()
    with root.TFile(path, "UPDATE") as file:
        folder, _, name = source.path.rpartition("/")
        directory = file.GetDirectory(folder) if folder else file
        directory.cd()
        tree = directory.Get(name) or _new_tree(name, source)
        tree.SetEntries(source.num_entries)
        counters = {branch.counter for branch in branches}
        first = sorted(branches, key=lambda branch: branch.name not in counters)
        added = [_Branch(tree, branch) for branch in first]
        for start, arrays in source.iterate([branch.name for branch in branches], step_size):
            for branch in added:
                branch.fill(arrays[branch.info.name], start)
        for branch in added:
            if title := source.metadata.titles.get(branch.info.name):
                branch.written.SetTitle(title)
        _put_in_order(tree, source.names)
        tree.Write("", root.TObject.kOverwrite)


def _put_in_order(tree: Any, names: Sequence[str]) -> None:
    """Put the branches of a tree of ROOT in the order of their names; others stay behind."""
    places = {name: i for i, name in enumerate(names)}
    listed = tree.GetListOfBranches()
    branches = sorted(listed, key=lambda branch: places.get(str(branch.GetName()), len(places)))
    for i, branch in enumerate(branches):
        listed.AddAt(branch, i)


def _new_tree(name: str, source: TreeReader) -> Any:
    """A TTree for which uproot has written no branch."""
    tree = cpp.interpreter().TTree(name, source.title)
    for alias, expression in source.metadata.aliases.items():
        tree.SetAlias(alias, expression)
    tree.SetWeight(source.metadata.weight)
    return tree


def _require_read_back(
    path: PathLike, source: TreeReader, names: Sequence[str], step_size: str | int
) -> None:
    """Raise InputError unless uproot reads what it reads in the source."""
    with open_root(path) as file:
        written = Trees(file)[source.path]
        for start, arrays in source.iterate(names, step_size):
            found = written.read(names, start, start + len(arrays[names[0]]))
            if other := [name for name in names if not same_bits(arrays[name], found[name])]:
                raise InputError(
                    f"tree {source.path!r}: what ROOT writes of {', '.join(other)} does not read"
                    " back as it was: use --to rntuple"
                )


def change(info: BranchInfo) -> str:
    """How a branch changes when ROOT adds it; empty if it does not."""
    written = info.cpp_type if _is_of_leaves(info) else _written_type(info)
    return f"{info.cpp_type} becomes {written}" if info.cpp_type not in ("", written) else ""


def _written_type(info: BranchInfo) -> str:
    """The C++ type that ROOT writes: vectors for the members of split containers, ``float[]``."""
    inside = info.cpp_type.removesuffix("[]")
    return f"std::vector<{inside}>" if inside != info.cpp_type else inside


def _can_add(branch: BranchInfo) -> bool:
    """Whether ROOT can make a branch, and reads what its type says it consists of."""
    if not _is_known(branch):
        return False
    root = cpp.interpreter()
    tree = root.TTree("scratch", "")
    tree.SetDirectory(root.nullptr)
    form = ak.forms.from_type(parse_datashape(branch.type))
    try:
        if branch.counter:
            tree.Branch(branch.counter, np.zeros(1, np.int32), f"{branch.counter}/I")
        _Branch(tree, branch).fill(ak.Array(form.length_zero_array()), 0)
    except (InputError, ValueError):
        return False
    return True


class _Branch:
    """A branch that was added to a tree of ROOT.

    Args:
        tree: of ROOT.
        info: the branch.

    Raises:
        InputError, ValueError: ROOT cannot make it.
    """

    def __init__(self, tree: Any, info: BranchInfo) -> None:
        self.info = info
        functions = cpp.interpreter().atlasae
        if _is_of_leaves(info):
            self.written = tree.Branch(info.name, np.zeros(1), _leaf_list(info))
            self._fill = functions.fill_text if info.type == "string" else functions.fill_leaves
        else:
            kind = _written_type(info)
            cpp.declare_records(info.type)
            self.written = functions.add[kind](tree, info.name)
            self._fill = functions.fill[kind]
        if not self.written:
            raise InputError(f"ROOT cannot make a branch of {info.cpp_type}")

    def fill(self, array: ak.Array, start: int) -> None:
        """Append entries, the first of which has this number in the tree."""
        columns = [np.ascontiguousarray(one) for one in buffers(array.layout)]
        addresses = np.array([one.ctypes.data for one in columns], np.uint64)
        sizes = np.array([one.itemsize for one in columns], np.int32)
        together = cpp.interpreter().atlasae.Columns(addresses, sizes, len(columns))
        try:
            self._fill(self.written, together, len(array), start)
        except Exception as error:  # of C++, which cppyy makes classes for
            raise InputError(
                f"ROOT cannot fill branch {self.info.name!r}: {first_line(error)}"
            ) from error


def _is_of_leaves(info: BranchInfo) -> bool:
    """Whether a branch holds a text, numbers, perhaps of several kinds, or arrays of them."""
    return bool(not info.cpp_type or _SEVERAL.fullmatch(info.cpp_type)) or (
        info.counter is not None and bool(_ARRAYS.fullmatch(info.cpp_type))
    )


def _leaf_list(info: BranchInfo) -> str:
    """The leaves of a branch, such as ``a/F:b/I``."""
    if info.type == "string":
        return f"{info.name}/C"
    entry = parse_datashape(info.type)
    if isinstance(entry, ak.types.RecordType):
        leaves = zip(entry.fields, entry.contents, strict=True)
        return ":".join(_leaf(name, "", content) for name, content in leaves)
    if info.counter is None:
        return _leaf(info.name, "", entry)
    return _leaf(info.name, f"[{info.counter}]", entry.content)


def _leaf(name: str, dimensions: str, entry: Any) -> str:
    """A leaf such as ``x[n][3]/F``."""
    while isinstance(entry, ak.types.RegularType):
        dimensions += f"[{entry.size}]"
        entry = entry.content
    letter = _LETTERS.get(getattr(entry, "primitive", ""))
    if letter is None or not re.fullmatch(r"[\w.]+", name):
        raise InputError(f"ROOT takes no leaf {name!r} of {entry}")
    return f"{name}{dimensions}/{letter}"
