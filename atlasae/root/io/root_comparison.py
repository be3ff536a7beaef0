"""Compares trees of two files as ROOT reads them."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from atlasae.errors import InputError
from atlasae.root.io import cpp
from atlasae.root.io.root_branches import plain_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import PathLike

#: What ROOT says of a branch: the first entry that differs or -1, and the largest error in units of
#: the tolerance. None if it is not in both trees, or ROOT has no way to compare it.
Comparison: TypeAlias = "tuple[int, float] | None"


@cache
def _functions() -> Any:
    root = cpp.interpreter()
    root.gSystem.Load("libROOTNTuple")
    root.gSystem.Load("libTreePlayer")
    root.gInterpreter.Declare(Path(__file__).with_name("compare.h").read_text())
    return root.atlasae


@contextmanager
def opened_by_root(*paths: PathLike) -> Iterator[list[Any]]:
    """Open files with ROOT, which prints nothing.

    Raises:
        MissingPackageError: ROOT is not installed.
        InputError: ROOT cannot open one of them.
    """
    root, first = cpp.interpreter(), paths[0]
    with cpp.quiet_errors(), plain_name(first) as name:
        try:
            file = root.TFile.Open(name)
        except OSError as error:
            raise InputError(f"ROOT cannot open {first}") from error
        with file:
            if len(paths) == 1:
                yield [file]
            else:
                with opened_by_root(*paths[1:]) as others:
                    yield [file, *others]


def compare_ttrees(
    before: Any, after: Any, path: str, allowed: Mapping[str, Tolerance]
) -> Iterator[tuple[str, Comparison]]:
    """Compare the branches of two TTrees, files opened by ROOT; those inside others by themselves.

    Args:
        before: the original.
        after: the other file.
        path: of the trees.
        allowed: the tolerances of the branches that may differ.
    """
    one, other = before.Get(path), after.Get(path)
    for branch in one.GetListOfBranches():
        yield from _compare_branches((one, other), branch, other, allowed)


def _compare_branches(
    trees: tuple[Any, Any], branch: Any, parent: Any, allowed: Mapping[str, Tolerance]
) -> Iterator[tuple[str, Comparison]]:
    functions, name = _functions(), str(branch.GetName())
    inside = list(branch.GetListOfBranches())
    there = next((b for b in parent.GetListOfBranches() if str(b.GetName()) == name), None)
    if not _is_understood(branch):
        yield name, None
    elif inside and not (there and len(inside) == len(list(there.GetListOfBranches()))):
        for one in inside:
            yield from _compare_branches(trees, one, there or trees[1], allowed)
    elif there is None:
        yield name, None
    else:
        entries = trees[0].GetEntries()
        is_object = bool(str(branch.GetClassName()))
        compare = functions.compare_objects if is_object else functions.compare_leaves
        exact = compare(branch, there, entries)
        if exact.possible and (exact.first < 0 or name not in allowed or inside):
            yield name, _found(exact)
            return
        if not _holds_numbers(branch):
            yield name, None
            return
        bound = _bound(allowed.get(name))
        leaves = [str(leaf.GetFullName()) for leaf in branch.GetListOfLeaves()]
        values = [functions.compare_values(*trees, leaf, entries, bound) for leaf in leaves]
        found = [one for one in map(_found, values) if one]
        if len(found) == len(leaves) > 0:
            first = min((one[0] for one in found if one[0] >= 0), default=-1)
            yield name, (first, max(one[1] for one in found))
        else:
            yield name, _found(exact)


def _is_understood(branch: Any) -> bool:
    """Whether ROOT knows the class of the objects in a branch: it aborts where it makes others."""
    name = str(branch.GetClassName())
    if not name:
        return True
    kind = cpp.interpreter().TClass.GetClass(name)
    if not kind or name == "TClonesArray":
        return False
    return bool(kind.IsLoaded()) or _holds_numbers(branch)


def _holds_numbers(branch: Any) -> bool:
    """Whether the values are numbers, alone, in arrays or in containers of C++."""
    name = str(branch.GetClassName())
    items = cpp.interpreter().TClass.GetClass(name).GetCollectionProxy() if name else None
    return not name or bool(items and not items.GetValueClass())


def _found(compared: Any) -> Comparison:
    return (int(compared.first), float(compared.error)) if compared.possible else None


def _bound(tolerance: Tolerance | None) -> Any:
    bound = _functions().Bound()
    if tolerance is not None and tolerance.kind == "relative":
        bound.relative, bound.floor = tolerance.value, tolerance.floor
    elif tolerance is not None:
        bound.absolute = tolerance.value
    return bound


def compare_rntuples(
    files: tuple[str, str], path: str, allowed: Mapping[str, Tolerance]
) -> Iterator[tuple[str, Comparison]]:
    """Compare the fields of two RNTuples; the arguments are those of ``compare_ttrees``."""
    root, functions = cpp.interpreter(), _functions()
    types = [_types_of_fields(root.RNTupleReader.Open(path, file)) for file in files]
    for name, kind in types[0].items():
        if types[1].get(name) != kind or not cpp.is_known(kind):
            yield name, None
        else:
            compare = functions.compare_fields[kind]
            yield name, _found(compare(path, *files, name, _bound(allowed.get(name))))


def _types_of_fields(reader: Any) -> dict[str, str]:
    fields = reader.GetDescriptor().GetTopLevelFields()
    return {str(one.GetFieldName()): str(one.GetTypeName()) for one in fields}
