"""Evaluates names, patterns and expressions of branches, in the forms that uproot returns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import uproot
from uproot.interpretation.library import Awkward, Library, NumPy, Pandas
from uproot.language.python import PythonLanguage

from atlasae.errors import InputError, MissingNameError, MissingPackageError
from atlasae.root.io.branch import TTREE

if TYPE_CHECKING:
    from atlasae.root.io.branch import Arrays, BranchInfo
    from atlasae.root.io.tree import TreeReader
    from atlasae.types import Values

NameFilter = str | Callable[[str], bool] | Iterable[Any] | None
LIBRARIES: dict[str, Library] = {"ak": Awkward(), "np": NumPy(), "pd": Pandas()}
_LANGUAGE = PythonLanguage()
_REGEX = re.compile(r"/(?P<regex>.*)/(?P<flags>[iLmsux]*)")


def name_filter(pattern: NameFilter) -> Callable[[str], bool]:
    """A function that tells whether a name passes a filter.

    Args:
        pattern: glob, ``/regex/i``, function, several of them, or None, which every name passes.

    Example:
        >>> passes = name_filter(["Jet_*", "/met/i"])
        >>> passes("Jet_pt"), passes("MET"), passes("nJet")
        (True, True, False)
    """
    if pattern is None:
        return lambda _: True
    if callable(pattern):
        return pattern
    if isinstance(pattern, str):
        if match := _REGEX.fullmatch(pattern):
            flags = f"(?{match['flags']})" if match["flags"] else ""
            regex = re.compile(flags + match["regex"])
            return lambda name: regex.match(name) is not None
        return lambda name: fnmatchcase(name, pattern)
    filters = [name_filter(entry) for entry in pattern]
    return lambda name: any(passes(name) for passes in filters)


@dataclass(frozen=True)
class _Leaf:
    """A branch in the form that the expression language of uproot takes."""

    name: str
    parent: None = None

    @property
    def cache_key(self) -> str:
        return self.name


class Request:
    """Expressions to evaluate on a tree.

    Args:
        reader: the reader of the tree.
        expressions: names, aliases, or Python expressions of them; by default all branches.
        cut: an expression; entries, or elements, that fail it are left out.
        filter_name: filter of the branches, used if there are no expressions.
        aliases: expressions by the names that stand for them.

    Attributes:
        names: names of the branches to read.

    Raises:
        MissingNameError: a branch in an expression does not exist; the message names the nearest.
        InputError: an expression cannot be parsed.
    """

    def __init__(
        self,
        reader: TreeReader,
        expressions: str | Iterable[str] | None,
        cut: str | None,
        filter_name: NameFilter,
        aliases: Mapping[str, str] | None,
    ) -> None:
        self._reader = reader
        self._branches = {branch.name: branch for branch in reader.schema.branches}
        self._aliases = dict(aliases or {})
        if expressions is None:
            expressions = filter(name_filter(filter_name), self._branches)
        requested = [expressions] if isinstance(expressions, str) else list(expressions)
        self._expressions = [(expression, self._context(expression)) for expression in requested]
        self._cut = [] if cut is None else [(cut, self._context(cut) | {"is_cut": True})]
        contexts = [context for _, context in self._expressions + self._cut]
        self.names = tuple(
            dict.fromkeys(leaf.name for context in contexts for leaf in context["branches"])
        )

    def evaluate(self, arrays: Arrays, library: str, how: Any, start: int) -> Any:
        """Evaluate the expressions.

        Args:
            arrays: arrays of the branches, by name.
            library: ``ak``, ``np`` or ``pd``.
            how: container of the results, as in uproot.
            start: the first entry of the arrays.
        """
        values = {
            name: _in_library(array, self._branches[name], self._reader, library, start)
            for name, array in arrays.items()
        }
        results = _LANGUAGE.compute_expressions(
            None,
            values,
            self._expressions + self._cut,
            set(self._branches),
            self._aliases,
            self._reader.file_path,
            self._reader.path,
        )
        return LIBRARIES[library].group(results, self._expressions, how)

    def _context(self, expression: str) -> dict[str, Any]:
        """Describe an expression in the form that the expression language of uproot takes."""
        if not isinstance(expression, str):
            raise InputError(
                f"{self._reader.where}: expressions are names or Python expressions of them,"
                f" not {expression!r}"
            )
        names = dict.fromkeys(self._branches_in(expression))
        return {
            "is_primary": True,
            "is_cut": False,
            "is_jagged": any(self._branches[name].type.startswith("var *") for name in names),
            "branches": [_Leaf(name) for name in names],
        }

    def _branches_in(self, expression: str, outer: tuple[str, ...] = ()) -> Iterator[str]:
        """The branches in an expression, and in the aliases in it.

        Args:
            expression: name, alias or Python expression.
            outer: the aliases that the expression is part of.
        """
        if expression in self._branches:
            yield expression
            return
        definition = self._aliases.get(expression, expression)
        where = self._reader.where
        try:
            symbols = _LANGUAGE.free_symbols(definition, self._branches, self._aliases, where, "")
        except uproot.KeyInFileError as error:
            names = [*self._branches, *self._aliases]
            raise MissingNameError.of("branch", error.key, where, names) from error
        except (SyntaxError, TypeError) as error:
            raise InputError(
                f"{where}: {definition!r} is neither a branch nor an expression of branches"
            ) from error
        for symbol in symbols:
            if symbol in outer:
                raise InputError(f"{where}: alias {symbol!r} is defined by itself")
            yield from self._branches_in(symbol, (*outer, symbol))


def _in_library(
    array: ak.Array, branch: BranchInfo, reader: TreeReader, library: str, start: int
) -> Any:
    """The array of a branch in the form that uproot returns for a library."""
    if library == "ak":
        return array
    if library == "np":
        return _to_numpy(array, branch, reader)
    if branch.dtype is not None and not branch.jagged:
        values = ak.to_numpy(array)
    elif reader.kind == TTREE:
        values = _optional("awkward_pandas").AwkwardExtensionArray(array)
    else:
        values = _to_numpy(array, branch, reader)
    pandas = _optional("pandas")
    return pandas.Series(values, index=pandas.RangeIndex(start, start + len(array)))


def _optional(name: str) -> Any:
    """Import a package by its name in ``uproot.extras``; the error says how to install it."""
    try:
        return getattr(uproot.extras, name)()
    except ModuleNotFoundError as error:
        package = name.replace("_", "-")
        raise MissingPackageError(f"library='pd' needs {package}: pip install {package}") from error


def _to_numpy(array: ak.Array, branch: BranchInfo, reader: TreeReader) -> Values:
    """A numpy array; one of objects if entries differ in length."""
    if branch.type == "string":
        return np.array(ak.to_list(array), object)
    if not branch.jagged:
        try:
            return np.asarray(ak.to_numpy(array, allow_missing=False))
        except ValueError as error:
            raise InputError(
                f"{reader.where}: branch {branch.name!r} is {branch.type}, which has no form in"
                ' numpy; read it with library="ak"'
            ) from error
    ends = np.cumsum(ak.to_numpy(ak.num(array)))
    pieces = np.split(ak.to_numpy(ak.flatten(array)), ends[:-1])
    objects = np.empty(len(array), object)
    for i, piece in zip(range(len(array)), pieces, strict=False):  # no entries split into one piece
        objects[i] = piece
    return objects
