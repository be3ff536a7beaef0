"""Any TTree by uproot: which branches can be carried over, read and written in chunks."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import uproot

from atlasae.errors import (
    AtlasaeError,
    DamagedFileError,
    FileError,
    InputError,
    MissingFileError,
    MissingNameError,
)

if TYPE_CHECKING:
    import awkward as ak

Arrays = dict[str, "ak.Array"]
STEP_SIZE = "100 MB"
_MEMORY_SIZE = re.compile(r"\s*(?=[\d.]*[1-9])\d+(\.\d+)?\s*[kMGTkmgt]?i?[Bb]\s*")


class _UnwritableError(Exception):
    """Why a branch cannot be written."""


@dataclass(frozen=True)
class Branch:
    """One branch as it is written.

    Attributes:
        name: of the branch.
        dtype: name of the numpy dtype of its values, or ``string``.
        shape: of a fixed-size array in each entry; empty for one value.
        counter: the branch that holds the lengths of a jagged one; None where it is not jagged.
        has_own_counter: whether that counter is for it alone, as for a std::vector.
        source_bytes: size of its baskets, compressed, in the file it came from.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] = ()
    counter: str | None = None
    has_own_counter: bool = False
    source_bytes: int = 0

    @property
    def type(self) -> Any:
        """What ``mktree`` takes as the type of the branch."""
        if self.counter is not None:
            return f"var * {self.dtype}"
        return "string" if self.dtype == "string" else np.dtype((self.dtype, self.shape))

    @property
    def is_number(self) -> bool:
        """Whether each entry, or each element of a jagged one, is a single number."""
        return self.dtype != "string" and not self.shape

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Branch:
        return cls(**{**fields, "shape": tuple(fields["shape"])})


@dataclass(frozen=True)
class Plan:
    """How a tree is carried over.

    Attributes:
        branches: those that are written, in the order of the source.
        changed: branch name to what becomes different though no value does.
        left_out: branch name to why it cannot be written.
    """

    branches: tuple[Branch, ...]
    changed: dict[str, str]
    left_out: dict[str, str]

    def __getitem__(self, name: str) -> Branch:
        return next(branch for branch in self.branches if branch.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(branch.name for branch in self.branches)


def plan_tree(tree: uproot.TTree) -> Plan:
    """Find out which branches of a tree uproot can read and write again."""
    branches: dict[str, Branch] = {}
    changed: dict[str, str] = {}
    left_out: dict[str, str] = {}
    taken = {source.name for source in tree.itervalues(recursive=True)}
    for source in tree.itervalues(recursive=True):
        if source.branches and source.interpretation is None:
            continue  # a split object: its parts follow
        name = source.name
        if name in branches or name in left_out:
            left_out[f"{name} (again)"] = "a second branch of the same name"
            continue
        try:
            if source.parent is not tree:
                with reading(tree.file.file_path, f"branch {name!r}"):
                    _probe(source)
            branches[name], change = _plan_branch(source, taken)
        except (_UnwritableError, uproot.interpretation.identify.UnknownInterpretation) as error:
            left_out[name] = str(error).partition("\n")[0] or "unknown type"
            continue
        if change:
            changed[name] = change
    for counter in {branch.counter for branch in branches.values()} & branches.keys():
        assert counter is not None
        if branches[counter].dtype != "int32":
            changed[counter] = f"counter, {branches[counter].dtype} becomes int32"
    return Plan(tuple(branches.values()), changed, left_out)


def _plan_branch(source: uproot.TBranch, taken: set[str]) -> tuple[Branch, str]:
    """The branch as it is written, and what changes by that, if anything does."""
    interpretation = source.interpretation
    size = int(source.compressed_bytes)
    if isinstance(interpretation, uproot.AsStrings):
        change = "" if source.typename == "char*" else f"{source.typename} becomes char*"
        return Branch(source.name, "string", source_bytes=size), change
    jagged = isinstance(interpretation, uproot.AsJagged)
    content = interpretation.content if jagged else interpretation
    if not isinstance(content, uproot.AsDtype) or content.to_dtype.fields:
        raise _UnwritableError(f"type {source.typename} cannot be written")
    value, shape = content.to_dtype.base, content.to_dtype.shape
    if value.kind not in "fiub" or value.itemsize not in (1, 2, 4, 8):
        raise _UnwritableError(f"type {source.typename} cannot be written")
    if not jagged:
        return Branch(
            source.name, value.newbyteorder("=").name, shape, source_bytes=size
        ), _narrowed(source)
    if shape:
        raise _UnwritableError(
            f"type {source.typename}, fixed-size arrays in a jagged branch, cannot be read back"
        )
    counter, change = source.count_branch, _narrowed(source)
    # a std::vector has none, and of a split object uproot names another part in its place
    own = counter is None or isinstance(counter.interpretation, uproot.AsJagged)
    name = free_name(f"n{source.name}", taken) if own else counter.name
    if own:
        change = f"{source.typename} becomes a jagged array with the counter {name}"
    own = own or name.rstrip("_") == f"n{source.name}"  # as restored files have it
    return Branch(source.name, value.newbyteorder("=").name, (), name, own, size), change


def free_name(name: str, taken: Iterable[str]) -> str:
    """The name, with underscores behind it until it is not one of those taken."""
    taken = set(taken)
    while name in taken:
        name += "_"
    return name


def _probe(source: uproot.TBranch) -> None:
    """Read an entry of a part of a split object: of some uproot misjudges the type."""
    try:
        source.array(entry_stop=1)
    except zlib.error:
        raise  # damage, which is not to be left out but said
    except Exception as error:
        raise _UnwritableError(f"cannot be read: {_first_line(error)}") from error


def _narrowed(source: uproot.TBranch) -> str:
    """What becomes of the types that ROOT stores narrower than it shows them."""
    kind = type(source.interpretation).__name__
    return {"AsDouble32": "Double32_t becomes double", "AsFloat16": "Float16_t becomes float"}.get(
        kind, ""
    )


def write_tree(directory: Any, path: str, title: str, branches: Sequence[Branch]) -> TreeWriter:
    """Make an empty tree of these branches in a file being written."""
    counters = {branch.name: branch.counter for branch in branches if branch.counter is not None}
    made = directory.mktree(
        path,
        {branch.name: branch.type for branch in branches if branch.name not in counters.values()},
        title=title,
        counter_name=counters.__getitem__,
    )
    return TreeWriter(made, [b.name for b in branches if b.name not in counters.values()])


@dataclass
class TreeWriter:
    """A tree being written, chunk by chunk."""

    tree: Any
    names: list[str]

    def extend(self, arrays: Mapping[str, Any]) -> None:
        """Append entries; ``arrays`` may hold more than the tree's branches."""
        chunk = {name: arrays[name] for name in self.names}
        if chunk and len(next(iter(chunk.values()))):  # an empty chunk would still write baskets
            self.tree.extend(chunk)


def check_step_size(step_size: str | int) -> None:
    """Raise InputError unless uproot takes this as the size of a chunk."""
    good = step_size > 0 if isinstance(step_size, int) else _MEMORY_SIZE.fullmatch(step_size)
    if not good:
        raise InputError(
            f"step size {step_size!r} is neither a number of entries nor a size such as '50 MB'"
        )


def iterate(
    tree: uproot.TTree,
    names: Sequence[str],
    step_size: str | int = STEP_SIZE,
    start: int = 0,
    stop: int | None = None,
) -> Iterator[tuple[int, Arrays]]:
    """Read branches in chunks; gives the first entry of each chunk and its arrays by name."""
    wanted: dict[str, uproot.TBranch] = {}
    for branch in tree.itervalues(recursive=True):
        if branch.name in names:  # of several of one name the first, as in plan_tree
            wanted.setdefault(branch.name, branch)
    steps = tree.iterate(
        filter_branch=lambda branch: branch is wanted.get(branch.name),
        step_size=step_size,
        entry_start=start,
        entry_stop=stop,
        how=dict,
        report=True,
    )
    while True:
        with reading(tree.file.file_path, f"tree {tree.name!r}"):
            step = next(steps, None)
        if step is None:
            return
        arrays, report = step
        yield report.start, {name.rpartition("/")[2]: array for name, array in arrays.items()}


@contextmanager
def open_root(path: str | os.PathLike[str]) -> Iterator[Any]:
    """Open a ROOT file to read.

    Raises:
        MissingFileError: it is not there.
        FileError: it may not be read, or is a directory.
        DamagedFileError: it is not a ROOT file, or ends in its header.
    """
    name = os.fspath(path)
    try:
        file = uproot.open(name)
    except FileNotFoundError as error:
        raise MissingFileError(f"no file {name!r}") from error
    except (IsADirectoryError, PermissionError) as error:
        raise FileError(f"cannot read {name!r}: {error.strerror}") from error
    except Exception as error:  # uproot has no exception of its own for this
        raise DamagedFileError(
            f"{name} cannot be opened as a ROOT file: {_first_line(error)}"
        ) from error
    if not isinstance(file, uproot.ReadOnlyDirectory):
        raise FileError(
            f"{name!r} names an object in a file; give the file, and the tree as an option"
        )
    with file:
        yield file


@contextmanager
def reading(path: str, what: str) -> Iterator[None]:
    """Turn whatever uproot raises on damaged bytes into a DamagedFileError that says where."""
    try:
        yield
    except (AtlasaeError, MemoryError, _UnwritableError):
        raise
    except Exception as error:  # zlib, struct, numpy and uproot raise what they like
        raise DamagedFileError(f"{path}: {what} cannot be read: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(",:") or type(error).__name__


def trees_in(file: Any) -> list[str]:
    """Paths of the TTrees of a file, without cycle numbers, each once."""
    return list(dict.fromkeys(file.keys(filter_classname="TTree", cycle=False)))


def find_tree(file: Any, path: str) -> uproot.TTree:
    """A tree by its path.

    Raises:
        MissingNameError: there is none of this name; the message names the nearest.
    """
    trees = trees_in(file)
    if path not in trees:
        raise MissingNameError.of("tree", path, file.file_path, trees)
    with reading(file.file_path, f"tree {path!r}"):
        return file[path]


def older_cycles(file: Any) -> list[str]:
    """Keys of a file, such as ``Events;1``, that a later cycle of the same name has replaced."""
    latest: dict[str, str] = {}
    older = []
    for key in sorted(file.keys(), key=lambda key: int(key.rpartition(";")[2])):
        name = key.rpartition(";")[0]
        if name in latest:
            older.append(latest[name])
        latest[name] = key
    return older


def copy_rest(
    source: Any, target: Any, done: Sequence[str], step_size: str | int
) -> tuple[dict[str, str], dict[str, str]]:
    """Copy every other tree and object of a file.

    Args:
        source: the open file to read.
        target: the open file to write.
        done: paths not to copy.
        step_size: size of the chunks that trees are read in.

    Returns:
        What changed and what was left out, by path of the object or ``path:branch``, with the
        reason.
    """
    changed: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for path in older_cycles(source):
        left_out[path] = "an older cycle"
    for path, class_name in source.classnames(cycle=False).items():
        if path in done:
            continue
        if class_name in ("TDirectory", "TDirectoryFile"):
            target.mkdir(path)
            continue
        if class_name == "TTree":
            tree = find_tree(source, path)
            plan = plan_tree(tree)
            changed |= {f"{path}:{name}": what for name, what in plan.changed.items()}
            left_out |= {f"{path}:{name}": why for name, why in plan.left_out.items()}
            if plan.branches:
                writer = write_tree(target, path, tree.title, plan.branches)
                for _, arrays in iterate(tree, plan.names, step_size):
                    writer.extend(arrays)
        elif class_name.startswith(("TH1", "TH2", "TH3", "TProfile", "TObjString")):
            with reading(source.file_path, f"{class_name} {path!r}"):
                item = source[path]
            try:
                target[path] = str(item) if class_name == "TObjString" else item
            except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
                left_out[path] = f"class {class_name} cannot be written: {_first_line(error)}"
        else:
            left_out[path] = f"class {class_name} cannot be written"
    return changed, left_out
