"""Branches asked for by name, pattern or expression, and arrays as uproot gives them."""

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
    from numpy.typing import NDArray

    from atlasae.root.io.branch import Arrays, BranchInfo
    from atlasae.root.io.tree import TreeReader

NameFilter = str | Callable[[str], bool] | Iterable[Any] | None
LIBRARIES: dict[str, Library] = {"ak": Awkward(), "np": NumPy(), "pd": Pandas()}
_LANGUAGE = PythonLanguage()
_REGEX = re.compile(r"/(?P<regex>.*)/(?P<flags>[iLmsux]*)")


def name_filter(pattern: NameFilter) -> Callable[[str], bool]:
    """What tells whether a name is meant, by a glob, a ``/regex/i``, a function, or some of them."""
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
    filters = [name_filter(one) for one in pattern]
    return lambda name: any(passes(name) for passes in filters)


@dataclass(frozen=True)
class _Leaf:
    """A branch as the language of uproot wants to see it: without a branch above it."""

    name: str
    parent: None = None

    @property
    def cache_key(self) -> str:
        return self.name


class Request:
    """Expressions to work out on a tree.

    Args:
        source: the tree.
        expressions: names, aliases, or Python expressions of them; by default all branches.
        cut: an expression that entries, or elements, have to pass.
        filter_name: pattern or patterns of the branches, where no expressions are given.
        aliases: names for expressions.

    Attributes:
        names: of the branches needed.

    Raises:
        MissingNameError: a branch in an expression does not exist; the message names the nearest.
        InputError: an expression cannot be understood.
    """

    def __init__(
        self,
        source: TreeReader,
        expressions: str | Iterable[str] | None,
        cut: str | None,
        filter_name: NameFilter,
        aliases: Mapping[str, str] | None,
    ) -> None:
        self._source = source
        self._branches = {branch.name: branch for branch in source.schema.branches}
        self._aliases = dict(aliases or {})
        if expressions is None:
            expressions = filter(name_filter(filter_name), self._branches)
        asked = [expressions] if isinstance(expressions, str) else list(expressions)
        self._asked = [(expression, self._context(expression)) for expression in asked]
        self._cut = [] if cut is None else [(cut, self._context(cut) | {"is_cut": True})]
        contexts = [context for _, context in self._asked + self._cut]
        self.names = tuple(
            dict.fromkeys(leaf.name for context in contexts for leaf in context["branches"])
        )

    def answer(self, arrays: Arrays, library: str, how: Any, start: int) -> Any:
        """Work out the expressions.

        Args:
            arrays: of the branches needed.
            library: ``ak``, ``np`` or ``pd``.
            how: the container, as uproot takes it.
            start: the entry that the arrays begin with.
        """
        values = {
            name: _in_library(array, self._branches[name], self._source, library, start)
            for name, array in arrays.items()
        }
        worked_out = _LANGUAGE.compute_expressions(
            None,
            values,
            self._asked + self._cut,
            set(self._branches),
            self._aliases,
            self._source.file_path,
            self._source.path,
        )
        return LIBRARIES[library].group(worked_out, self._asked, how)

    def _context(self, expression: str) -> dict[str, Any]:
        """What the language of uproot wants to know of an expression."""
        if not isinstance(expression, str):
            raise InputError(
                f"{self._source.where}: expressions are names or Python expressions of them,"
                f" not {expression!r}"
            )
        names = dict.fromkeys(self._needed(expression))
        return {
            "is_primary": True,
            "is_cut": False,
            "is_jagged": any(self._branches[name].type.startswith("var *") for name in names),
            "branches": [_Leaf(name) for name in names],
        }

    def _needed(self, expression: str, within: tuple[str, ...] = ()) -> Iterator[str]:
        """The branches that an expression is made of, also by way of aliases."""
        if expression in self._branches:
            yield expression
            return
        definition = self._aliases.get(expression, expression)
        where = self._source.where
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
            if symbol in within:
                raise InputError(f"{where}: alias {symbol!r} is defined by itself")
            yield from self._needed(symbol, (*within, symbol))


def _in_library(
    array: ak.Array, branch: BranchInfo, source: TreeReader, library: str, start: int
) -> Any:
    """An array as uproot gives a branch in a library."""
    if library == "ak":
        return array
    if library == "np":
        return _to_numpy(array, branch, source)
    if branch.dtype is not None and not branch.jagged:
        values = ak.to_numpy(array)
    elif source.kind == TTREE:
        values = _optional(uproot.extras.awkward_pandas).AwkwardExtensionArray(array)
    else:
        values = _to_numpy(array, branch, source)
    pandas = _optional(uproot.extras.pandas)
    return pandas.Series(values, index=pandas.RangeIndex(start, start + len(array)))


def _optional(package: Callable[[], Any]) -> Any:
    """A package that is not always there; the error says how to install it."""
    try:
        return package()
    except ModuleNotFoundError as error:
        raise MissingPackageError(f"{error}") from error


def _to_numpy(array: ak.Array, branch: BranchInfo, source: TreeReader) -> NDArray[Any]:
    """An array of numpy's, of objects where entries differ in length."""
    if branch.type == "string":
        return np.array(ak.to_list(array), object)
    if not branch.jagged:
        try:
            return np.asarray(ak.to_numpy(array, allow_missing=False))
        except ValueError as error:
            raise InputError(
                f"{source.where}: branch {branch.name!r} is {branch.type}, which has no form in"
                ' numpy; read it with library="ak"'
            ) from error
    ends = np.cumsum(ak.to_numpy(ak.num(array)))
    pieces = np.split(ak.to_numpy(ak.flatten(array)), ends[:-1])
    objects = np.empty(len(array), object)
    for i, piece in zip(range(len(array)), pieces, strict=False):  # of no entries one is split
        objects[i] = piece
    return objects
