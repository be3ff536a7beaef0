"""Quantities that a codec keeps: expressions of the features, and the error allowed of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from atlasae.errors import InputError, MissingNameError, suggestion
from atlasae.jets.covariances import covariances
from atlasae.jets.expressions.expression import Expression
from atlasae.jets.expressions.syntax import LONGEST
from atlasae.jets.observables import OBSERVABLES, SYNONYMS, find_observable
from atlasae.jets.table import Table
from atlasae.quantization.tolerance import LOSSLESS, Tolerance, abs_, rel

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from atlasae.types import Features, Floats, Integers

#: What ``quantities`` accepts.
KeepSpec: TypeAlias = "str | Mapping[str, float | Tolerance] | None"

#: Tolerance of the smallest pivot of covariance matrices, which stay positive definite with it.
COVARIANCES = rel(0.3)
# Another machine can differ in the last places of functions such as cos. So that a check there
# passes as well, a little less than the tolerance is used.
_SLACK = 1 - 2.0**-20
_ALL_FLOATS = "--all-floats (all_floats=True) has one codec take all floats of a collection"
_EXAMPLE = "'m_jj: 2e-3, HT: 1e-3, max(pt) > 500'"


@dataclass(frozen=True)
class Quantity:
    """A quantity of events, or of single jets, and its allowed error.

    Attributes:
        expression: what it is.
        tolerance: the largest error; lossless for a yes or no, which stays the same.
    """

    expression: Expression
    tolerance: Tolerance

    def __str__(self) -> str:
        """The quantity as the user writes it."""
        if self.expression.is_decision:
            return self.expression.text
        if self.tolerance.floor:
            return f"{self.expression.text}: {self.tolerance}"
        kind = "abs " if self.tolerance.kind == "absolute" else ""
        return f"{self.expression.text}: {kind}{self.tolerance.value:g}"

    def require_in(self, table: Table) -> None:
        """Check that jets have this quantity.

        Raises:
            MissingNameError: the jets lack a feature; the message names the nearest.
            InputError: it is a quantity of events, and the jets are not grouped by event.
        """
        self.expression.evaluate(table.span(0, 0))

    def errors(self, before: Table, after: Table) -> tuple[Floats, bool]:
        """Errors in units of the tolerance: at most 1 where the quantity is kept.

        Where the quantity of the original is NaN, there is no promise, and the error is 0. Where
        only that of the decoded jets is, or where it was infinite and is no longer, the error is
        infinite.

        Args:
            before: the original jets.
            after: the same jets, decoded.

        Returns:
            The errors of events, or of jets; and whether they are those of events.

        Raises:
            InputError, MissingNameError: the jets have no such quantity.

        Example:
            >>> from atlasae.jets.table import to_table
            >>> (kept,) = quantities("pt: 1e-2")
            >>> before, after = to_table({"pt": [100.0, 50.0]}), to_table({"pt": [100.5, 50.0]})
            >>> kept.errors(before, after)[0].tolist()
            [0.5, 0.0]
        """
        original = self.originals(before)
        return original.errors(after), original.of_events

    def originals(self, before: Table) -> Originals:
        """The quantity of the original jets, with which decoded ones are compared.

        Raises:
            InputError, MissingNameError: the jets have no such quantity.
        """
        found = self.expression.evaluate(before)
        values = found.values.astype(np.float64)
        features = self.expression.features(list(before.columns))
        return Originals(self, values, bool(found.of_events), features)

    def doubtful(self, before: Table, after: Table) -> Integers | None:
        """The events, of all, in which it may not be kept; None if there is no quick way to tell."""
        observable = find_observable(self.expression.text, before.columns)
        if observable is None or observable.changed is None or before.counts is None:
            return None
        tolerance = self.tolerance
        if tolerance.kind == "absolute":
            return observable.changed(before, after, 0.0, 0.0, _SLACK * tolerance.value)
        return observable.changed(before, after, _SLACK * tolerance.value, tolerance.floor, 0.0)


@dataclass(frozen=True, eq=False)
class Originals:
    """A quantity of the original jets.

    Attributes:
        quantity: which.
        values: of events, or of jets, float64.
        of_events: whether they are those of events.
        features: that it depends on.
    """

    quantity: Quantity
    values: Floats
    of_events: bool
    features: tuple[str, ...]

    def errors(self, after: Table) -> Floats:
        """Errors in units of the tolerance; see ``Quantity.errors``.

        Args:
            after: the same jets, decoded.
        """
        decoded = self.quantity.expression.evaluate(after).values.astype(np.float64)
        with np.errstate(all="ignore"):
            differences = np.abs(decoded - self.values)
            errors = differences / self.quantity.tolerance.bound(self.values)
        errors[np.isnan(errors)] = np.inf
        errors[(self.values == decoded) | np.isnan(self.values)] = 0.0
        return errors

    def errors_with(self, before: Table, after: Table) -> Floats:
        """Errors where one feature is the original, of each in turn, shape (features, events or jets).

        Args:
            before: the original jets.
            after: the same jets, decoded.
        """
        number = len(self.features)
        trials = {name: np.tile(values, (number, 1)) for name, values in after.columns.items()}
        for i, name in enumerate(self.features):
            trials[name][i] = before.columns[name]
        columns = {name: values.ravel() for name, values in trials.items()}
        counts = None if after.counts is None else np.tile(after.counts, number)
        many = replace(self, values=np.tile(self.values, number))
        return many.errors(Table(columns, counts)).reshape(number, -1)

    def broken(self, after: Table) -> NDArray[np.bool_]:
        """The events, or the jets, whose quantity is not kept."""
        return self.errors(after) > _SLACK


def quantities(spec: KeepSpec) -> tuple[Quantity, ...]:
    """The quantities to keep.

    Args:
        spec: a mapping from expression to number or Tolerance; a plain number is absolute for
            expressions of angles, and relative for all others. Or a string such as
            ``m_jj: 2e-3, sum(pt): abs 0.5, max(pt) > 500``: with ``abs`` a number is absolute; a yes
            or no has none, and stays the same. None for no quantities.

    Raises:
        InputError: the spec is none of these, or names a quantity twice.

    Example:
        >>> [str(quantity) for quantity in quantities({"HT": 1e-3, "phi[0]-phi[1]": 1e-2})]
        ['HT: 0.001', 'phi[0] - phi[1]: abs 0.01']
    """
    if spec is None:
        return ()
    if isinstance(spec, str):
        items = list(map(_split, _items(spec)))
    elif isinstance(spec, Mapping):
        items = list(spec.items())
    else:
        raise InputError(f"keep={spec!r} is neither a mapping nor a list such as {_EXAMPLE}")
    found = tuple(_quantity(text, bound) for text, bound in items)
    texts = [quantity.expression.text for quantity in found]
    if twice := [text for text in texts if texts.count(text) > 1]:
        raise InputError(f"the quantity {twice[0]!r} is given twice")
    if not found:
        raise InputError(f"keep={spec!r} names no quantity: give some, such as {_EXAMPLE}")
    return found


def _quantity(text: Any, bound: Any) -> Quantity:
    if not isinstance(text, str):
        raise InputError(f"a quantity to keep is an expression such as 'sum(pt)', not {text!r}")
    expression = Expression(text)
    if expression.is_decision:
        if bound is not None and bound != LOSSLESS and bound != 0:
            raise InputError(
                f"{expression.text!r} is yes or no, and stays the same: its tolerance is 0"
            )
        return Quantity(expression, LOSSLESS)
    if bound is None:
        raise InputError(f"{expression.text!r} needs a tolerance, as in '{expression.text}: 1e-3'")
    if not isinstance(bound, Tolerance):
        bound = abs_(bound) if expression.is_angle else rel(bound)
    return Quantity(expression, bound)


def _items(text: str) -> Iterator[str]:
    """The items of a list with commas; commas in parentheses are part of an item."""
    start, depth = 0, 0
    for at, character in enumerate(f"{text},"):
        depth += (character in "([") - (character in ")]")
        if character == "," and (depth == 0 or at == len(text)):
            yield text[start:at]
            start = at + 1


def _split(item: str) -> tuple[str, Tolerance | float | None]:
    """An item of a list: the expression, and its tolerance if there is one."""
    text, colon, bound = (part.strip() for part in item.rpartition(":"))
    if not colon:
        return bound, None
    is_absolute = bound.startswith("abs ")
    try:
        number = float(bound.removeprefix("abs "))
    except ValueError:
        raise InputError(
            f"cannot read the tolerance in {item.strip()!r}; write it as in {_EXAMPLE}, or as"
            " 'MHT: abs 0.5'"
        ) from None
    return text, abs_(number) if is_absolute else number


def to_mapping(kept: Iterable[Quantity]) -> dict[str, Tolerance]:
    """Tolerances by expression, which ``quantities`` takes."""
    return {quantity.expression.text: quantity.tolerance for quantity in kept}


def of_features(
    kept: Iterable[Quantity], collection: str, names: Sequence[str]
) -> dict[str, Tolerance]:
    """The quantities that depend on features of a collection alone, with the names of these.

    Those of covariance matrices among the features come with them; see ``COVARIANCES``.

    Args:
        kept: quantities; features can be named as branches of the collection, ``Jet_pt``.
        collection: its name.
        names: its features.

    Raises:
        InputError: two of them are the same quantity of this collection.

    Example:
        >>> of_features(quantities("sum(Jet_pt): 1e-3, m_jj: 1e-2"), "Jet", ["pt", "eta"])
        {'sum(pt)': rel(0.001)}
    """
    found: dict[str, Tolerance] = {}
    for quantity in kept:
        if not _found(quantity.expression, collection, names):
            continue
        text = quantity.expression.renamed(lambda name: feature_of(name, collection)).text
        if found.setdefault(text, quantity.tolerance) != quantity.tolerance:
            raise InputError(f"the quantity {text!r} of {collection!r} has two tolerances")
    for matrix in covariances(names).values():
        text = f"smallest_pivot({', '.join(matrix)})"
        if len(text) <= LONGEST:
            found.setdefault(text, COVARIANCES)
    return found


def require_quantities(
    kept: Iterable[Quantity],
    coded: Features,
    collections: Features,
    branches: Collection[str],
) -> None:
    """Check that each quantity is one of a codec, or of values that keep every bit.

    Args:
        kept: the quantities.
        coded: the features of each collection that one codec takes. All else keeps every bit.
        collections: all features of each collection.
        branches: names of all branches.

    Raises:
        MissingNameError: a quantity names what does not exist; the message names the nearest.
        InputError: it names features that no codec takes together.

    Example:
        >>> coded, every = {"Jet": ["pt", "eta"]}, {"Jet": ["pt", "eta", "btag"]}
        >>> require_quantities(quantities("HT: 1e-3, MET_pt: 1e-3"), coded, every, ["MET_pt"])
        >>> require_quantities(quantities("pt * btag: 1e-3"), coded, every, [])
        Traceback (most recent call last):
            ...
        atlasae.errors.InputError: 'pt * btag' cannot be kept: no codec takes all its features together; --all-floats (all_floats=True) has one codec take all floats of a collection
    """
    for quantity in kept:
        expression = quantity.expression
        pairs = [
            (features, _found(expression, name, collections[name]))
            for name, names in coded.items()
            if (features := _found(expression, name, names))
        ]
        if pairs and all(one == every for one, every in pairs):
            continue
        lossy = _known(expression, coded)
        exact = [name for name in expression.names if name in branches]
        exact += [name for name in _known(expression, collections) if name not in lossy]
        for name in expression.names:
            if name not in (*lossy, *exact):
                known = [*branches, *OBSERVABLES, *SYNONYMS, *chain(*collections.values())]
                raise MissingNameError(
                    f"no feature, observable or branch {name!r} to keep{suggestion(name, known)}"
                )
        if lossy:
            in_one = any(_found(expression, *one) for one in collections.items())
            raise InputError(
                f"{expression.text!r} cannot be kept: "
                + (
                    f"no codec takes all its features together; {_ALL_FLOATS}"
                    if in_one
                    else "its names are not all features of one collection"
                )
            )


def _found(expression: Expression, collection: str, names: Sequence[str]) -> tuple[str, ...] | None:
    """The features that an expression depends on; None if a collection lacks one of them."""
    try:
        return expression.renamed(lambda name: feature_of(name, collection)).features(names)
    except MissingNameError:
        return None


def _known(expression: Expression, collections: Features) -> list[str]:
    """The names in an expression that one of some collections has, alone."""
    return [
        name
        for name in expression.names
        if any(_found(Expression(name), *one) for one in collections.items())
    ]


def feature_of(name: str, collection: str) -> str:
    """The feature that a branch of a collection holds; any other name is returned as it is.

    Example:
        >>> feature_of("Jet_pt", "Jet"), feature_of("pt", "Jet"), feature_of("MET_pt", "Jet")
        ('pt', 'pt', 'MET_pt')
    """
    for separator in "_.":
        if collection and name.startswith(collection + separator):
            return name[len(collection) + 1 :]
    return name
