"""What can stand in expressions: operators, functions of numbers, and of the jets of an event."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import numpy as np

from atlasae.errors import InputError
from atlasae.jets.metrics import wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlasae.types import Values


def smallest_pivot(*elements: Values) -> Values:
    """The smallest pivot of symmetric matrices, each divided by its diagonal element.

    It is above 0 if the matrix is positive definite, and 1 if it is diagonal: one less the square of the
    correlation, for 2 x 2. Computed by additions, multiplications and divisions in float64 alone,
    which every machine rounds alike.

    Args:
        elements: the upper triangle, row by row: xx, xy, yy of a 2 x 2 matrix.

    Returns:
        From 0, for all matrices that are not positive definite, to 1. NaN if an element is NaN or infinite.

    Raises:
        InputError: their number is not that of a triangle.

    Example:
        >>> smallest_pivot(np.array([2.0, 1.0]), np.array([1.0, 2.0]), np.array([2.0, 1.0]))
        array([0.75, 0.  ])
    """
    size = int((np.sqrt(8 * len(elements) + 1) - 1) / 2)
    if not elements or size * (size + 1) // 2 != len(elements):
        raise InputError(
            f"smallest_pivot takes the upper triangle of a matrix, 3 elements for 2 x 2, 6 for 3 x 3,"
            f" not {len(elements)}"
        )
    given = iter(elements)
    rows = [[next(given) for _ in range(size - i)] for i in range(size)]
    diagonal = [row[0] for row in rows]
    smallest = np.ones(np.broadcast_shapes(*(np.shape(element) for element in elements)))
    while rows:
        pivot, *rest = rows.pop(0)
        share = np.where(pivot > 0, pivot / diagonal.pop(0), np.where(pivot <= 0, 0.0, np.nan))
        smallest = np.where(smallest > 0, np.minimum(smallest, share), smallest)
        for i, row in enumerate(rows):
            rows[i] = [value - rest[i] * rest[i + j] / pivot for j, value in enumerate(row)]
    return smallest


#: functions of numbers, by name; the number of arguments is that of the ufunc
ELEMENTWISE: dict[str, Callable[..., Values]] = {
    "abs": np.abs,
    "arccos": np.arccos,
    "arcsin": np.arcsin,
    "arcsinh": np.arcsinh,
    "arctan": np.arctan,
    "arctan2": np.arctan2,
    "cos": np.cos,
    "cosh": np.cosh,
    "exp": np.exp,
    "hypot": np.hypot,
    "isfinite": np.isfinite,
    "isnan": np.isnan,
    "log": np.log,
    "log10": np.log10,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "smallest_pivot": smallest_pivot,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
    "where": np.where,
    "wrap": wrap,
}
#: functions of the jets of an event, by name, and their results for none
OF_EVENTS: dict[str, tuple[np.ufunc, float]] = {
    "sum": (np.add, 0.0),
    "min": (np.minimum, np.nan),
    "max": (np.maximum, np.nan),
    "any": (np.logical_or, 0.0),
    "all": (np.logical_and, 1.0),
}
DECISIONS = {"isfinite", "isnan", "any", "all"}
OPERATORS: dict[type[ast.AST], Callable[..., Values]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
    ast.Mod: np.mod,
    ast.USub: np.negative,
    ast.UAdd: np.positive,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
LOGICAL: dict[type[ast.AST], Callable[..., Values]] = {
    ast.BitAnd: np.logical_and,
    ast.BitOr: np.logical_or,
    ast.BitXor: np.logical_xor,
    ast.And: np.logical_and,
    ast.Or: np.logical_or,
    ast.Invert: np.logical_not,
    ast.Not: np.logical_not,
}
