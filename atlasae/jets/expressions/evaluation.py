"""Evaluates the trees of expressions for tables of jets."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import InputError
from atlasae.jets.expressions.functions import ELEMENTWISE, LOGICAL, OF_EVENTS, OPERATORS
from atlasae.jets.expressions.syntax import dotted
from atlasae.jets.names import find_feature
from atlasae.jets.observables import Momenta, find_observable
from atlasae.jets.per_event import jet_of_rank, reduced

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlasae.jets.table import Table
    from atlasae.types import Integers, Values


@dataclass(frozen=True)
class Evaluated:
    """What an expression gives.

    Attributes:
        values: float64 or bool; shape (events,) or (n,), () of a constant.
        of_events: whether there is a number for each event; None for a constant.
    """

    values: Values
    of_events: bool | None


class Evaluation:
    """Evaluates trees for a table of jets."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._counts: Integers | None = None
        if table.counts is not None:
            self._counts = np.asarray(table.counts, np.int64)

    def value(self, node: ast.expr) -> Evaluated:
        """What a tree from ``atlasae.jets.expressions.syntax.parsed`` gives.

        Raises:
            MissingNameError: the jets lack a feature.
            InputError: it needs events and there are none, or joins what does not fit together.
        """
        match node:
            case ast.Constant(int() | float() as number):
                return Evaluated(np.array(float(number)), None)
            case ast.UnaryOp(op, operand):
                return self._applied(op, [operand])
            case ast.BinOp(left, op, right):
                return self._applied(op, [left, right])
            case ast.BoolOp(op, values):
                return self._applied(op, values)
            case ast.Compare(left, operators, values):
                return self._compared([left, *values], operators)
            case ast.Subscript(inner, ast.Constant(int(rank))):
                of_jets, counts = self._of_jets(inner)
                return Evaluated(jet_of_rank(_as_floats(of_jets), counts, rank), True)
            case ast.Call(ast.Name(name), arguments):
                if name in OF_EVENTS:
                    return self._reduced(name, arguments[0])
                operands = [self.value(argument) for argument in arguments]
                return self._elementwise(ELEMENTWISE[name], operands, floats=name != "where")
        return self._named(dotted(node))

    def _named(self, name: str) -> Evaluated:
        """A feature, or an observable."""
        columns = self._table.columns
        if observable := find_observable(name, columns):
            self._require_events(name)
            return Evaluated(observable.of(Momenta.of(self._table)), True)
        values = columns[find_feature(name, columns, "these jets")]
        return Evaluated(values if values.dtype == bool else _as_floats(values), False)

    def _require_events(self, what: str) -> Integers:
        if self._counts is None:
            raise InputError(
                f"{what} is a quantity of events, and these jets are not grouped by event"
            )
        return self._counts

    def _of_jets(self, node: ast.expr) -> tuple[Values, Integers]:
        """The values of an expression for each jet, and the number of jets of each event."""
        counts, inner = self._require_events(ast.unparse(node)), self.value(node)
        if inner.of_events is not False:
            raise InputError(f"{ast.unparse(node)} has no value for each jet: it is not of jets")
        return inner.values, counts

    def _reduced(self, name: str, node: ast.expr) -> Evaluated:
        (values, counts), (operation, empty) = self._of_jets(node), OF_EVENTS[name]
        if name in ("any", "all"):
            return Evaluated(reduced(operation, _as_decisions(values), counts, empty), True)
        return Evaluated(reduced(operation, _as_floats(values), counts, empty), True)

    def _applied(self, operator: ast.AST, nodes: Sequence[ast.expr]) -> Evaluated:
        operands = [self.value(node) for node in nodes]
        if type(operator) not in LOGICAL:
            return self._elementwise(OPERATORS[type(operator)], operands, floats=True)
        operation = LOGICAL[type(operator)]
        if len(operands) == 1:
            (one,) = operands
            return Evaluated(operation(_as_decisions(one.values)), one.of_events)
        return reduce(lambda a, b: self._decided(operation, a, b), operands)

    def _decided(self, operation: Callable[..., Values], *operands: Evaluated) -> Evaluated:
        decisions = [Evaluated(_as_decisions(o.values), o.of_events) for o in operands]
        return self._elementwise(operation, decisions, floats=False)

    def _compared(self, nodes: Sequence[ast.expr], operators: Sequence[ast.cmpop]) -> Evaluated:
        values = [self.value(node) for node in nodes]
        steps = [
            self._elementwise(OPERATORS[type(operator)], pair, floats=True)
            for operator, *pair in zip(operators, values, values[1:], strict=False)
        ]
        return reduce(lambda a, b: self._decided(np.logical_and, a, b), steps)

    def _elementwise(
        self, operation: Callable[..., Values], operands: Sequence[Evaluated], *, floats: bool
    ) -> Evaluated:
        """An operation of numbers side by side; those of events are those of each of its jets."""
        levels = {operand.of_events for operand in operands} - {None}
        of_events = None if not levels else levels == {True}
        arrays: list[Any] = []
        for operand in operands:
            values = _as_floats(operand.values) if floats else operand.values
            if operand.of_events and not of_events:
                assert self._counts is not None
                values = np.repeat(values, self._counts)
            arrays.append(values)
        return Evaluated(np.asarray(operation(*arrays)), of_events)


def _as_floats(values: Values) -> Values:
    return values.astype(np.float64, copy=False)


def _as_decisions(values: Values) -> Values:
    if values.dtype != bool:
        raise InputError(
            "&, |, ~, any and all take yes or no: put comparisons in parentheses,"
            " (pt > 30) & (abs(eta) < 2.4)"
        )
    return values
