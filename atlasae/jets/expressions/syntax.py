"""Reads expressions: the syntax of Python, with no more in it than can be evaluated."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from atlasae.errors import InputError, suggestion
from atlasae.jets.expressions.functions import (
    DECISIONS,
    ELEMENTWISE,
    LOGICAL,
    OF_EVENTS,
    OPERATORS,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LONGEST = 1000  # characters of an expression
_DEEPEST = 50  # levels of operations in one another
#: Hints where a function of the jets of an event is given several numbers of one jet.
_OF_JETS = {
    name: f": it goes over the jets of each event; of two numbers of a jet take {other}"
    for name, other in (
        ("min", "minimum(x, y)"),
        ("max", "maximum(x, y)"),
        ("sum", "x + y"),
        ("any", "x | y"),
        ("all", "x & y"),
    )
}


def parsed(text: str) -> ast.expr:
    """The tree of an expression; nothing is in it that ``Evaluation`` does not know.

    Raises:
        InputError: the text is not an expression, is too long or too deep, or something in it is not known.
    """
    text = text.strip()
    if len(text) > LONGEST:
        raise InputError(f"an expression of {len(text)} characters; there can be {LONGEST}")
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(
            f"{text!r} is not an expression such as sum(pt) or pt * cosh(eta)"
        ) from error
    _check(tree, text, _DEEPEST)
    return tree


def _check(node: ast.expr, text: str, levels: int) -> None:
    """Raise InputError if there is something in a tree that cannot be evaluated."""
    if not levels:
        raise InputError(f"the expression {text!r} has more than {_DEEPEST} levels")
    inner: Sequence[ast.expr] = ()
    known = True
    match node:
        case ast.Name() | ast.Attribute():
            known = isinstance(node, ast.Name) or bool(dotted(node))
        case ast.Constant(value):
            known = isinstance(value, int | float) and abs(value) < 2.0**1023
        case ast.UnaryOp(op, operand):
            known, inner = type(op) in OPERATORS | LOGICAL, [operand]
        case ast.BinOp(left, op, right):
            known, inner = type(op) in OPERATORS | LOGICAL, [left, right]
        case ast.BoolOp(_, values):
            inner = values
        case ast.Compare(left, operators, values):
            known, inner = {*map(type, operators)} <= OPERATORS.keys(), [left, *values]
        case ast.Subscript(value, ast.Constant(rank)):
            known, inner = type(rank) is int and 0 <= rank < LONGEST, [value]
        case ast.Call(ast.Name(name), arguments, []):
            if name not in ELEMENTWISE.keys() | OF_EVENTS.keys():
                near = suggestion(name, [*ELEMENTWISE, *OF_EVENTS])
                raise InputError(f"there is no function {name!r} in expressions{near}")
            inner = arguments
            wanted = _number_of_arguments(name)
            if wanted is not None and len(inner) != wanted:
                number = "1 argument" if wanted == 1 else f"{wanted} arguments"
                raise InputError(
                    f"{name} in {text!r} takes {number}, not {len(inner)}{_OF_JETS.get(name, '')}"
                )
        case _:
            known = False
    if not known:
        raise InputError(
            f"{ast.get_source_segment(text, node)!r} cannot stand in an expression: it has features, numbers,"
            " operators, functions, and x[0] for the first jet of an event"
        )
    for one in inner:
        _check(one, text, levels - 1)


def _number_of_arguments(name: str) -> int | None:
    """How many arguments a function takes; None for any number."""
    function = ELEMENTWISE.get(name)
    return {"where": 3, "smallest_pivot": None}.get(name, getattr(function, "nin", 1))


def dotted(node: ast.expr) -> str:
    """The name that attributes of a name stand for; empty if they are those of something else."""
    match node:
        case ast.Name(name):
            return name
        case ast.Attribute(value, name):
            before = dotted(value)
            return f"{before}.{name}" if before else ""
    return ""


def names_in(node: ast.expr) -> Iterator[str]:
    """The names of features in a tree, in order."""
    if name := dotted(node):
        yield name
    elif isinstance(node, ast.Call):
        for argument in node.args:
            yield from names_in(argument)
    else:
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, ast.expr):
                yield from names_in(inner)


class _Renaming(ast.NodeTransformer):
    def __init__(self, rename: Callable[[str], str]) -> None:
        self.rename = rename

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.expr) and (name := dotted(node)):
            return ast.Name(self.rename(name))
        if isinstance(node, ast.Call):  # its function is not a feature
            return ast.Call(node.func, [self.visit(argument) for argument in node.args], [])
        return self.generic_visit(node)


def with_names(tree: ast.expr, rename: Callable[[str], str]) -> ast.AST:
    """A tree in which features have other names; the tree that is given is changed."""
    renamed: ast.AST = _Renaming(rename).visit(tree)
    return renamed


def is_decision(node: ast.expr) -> bool:
    """Whether a tree gives a yes or no."""
    match node:
        case ast.Compare() | ast.BoolOp():
            return True
        case ast.UnaryOp(op) | ast.BinOp(op=op):
            return type(op) in LOGICAL
        case ast.Call(ast.Name(name)):
            return name in DECISIONS
    return False
