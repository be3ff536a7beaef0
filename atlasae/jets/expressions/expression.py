"""Expressions of the features of jets, such as ``sum(pt)`` or ``hypot(px, py) > 30``.

They are read and evaluated here, and never run as Python: they may come from untrusted files.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from atlasae.errors import InputError, MissingNameError, suggestion
from atlasae.jets.expressions.evaluation import Evaluated, Evaluation
from atlasae.jets.expressions.syntax import is_decision, names_in, parsed, with_names
from atlasae.jets.names import find_feature, role
from atlasae.jets.observables import OBSERVABLES, SYNONYMS, find_observable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlasae.jets.table import Table

_ANGLES = ("delta_phi", "delta_r")


def _is_angle(name: str) -> bool:
    """Whether a feature, a branch such as ``Jet_phi``, or an observable is an angle."""
    last = re.split(r"[_.]", name)[-1]
    return name.endswith(_ANGLES) or role(last) in ("eta", "phi")


@dataclass(frozen=True)
class Expression:
    """An expression of the features of jets: a number, or a yes or no, of each event or jet.

    It has the syntax of Python. Names are features, under any of their usual names, or those in
    ``atlasae.jets.observables.OBSERVABLES``, with ``HT`` and ``MHT`` for the sums; names with dots are
    names too. There are the operators of numbers, comparisons, ``&``, ``|``, ``~``; ``x[0]``, the value
    of the first jet of an event; ``sum``, ``min``, ``max``, ``any``, ``all`` over the jets of an event; of
    numbers ``abs``, ``sqrt``, ``exp``, ``log``, ``log10``, the trigonometric and hyperbolic functions, ``hypot``,
    ``minimum``, ``maximum``, ``where``, ``isfinite``, ``isnan``; ``wrap``, an angle between -pi and pi; and
    ``smallest_pivot``.

    Args:
        text: the expression.

    Attributes:
        text: the same, in one way to write it.
        names: the names in it, in order.

    Raises:
        InputError: it is not an expression, has no names, or something in it is not known.

    Example:
        >>> from atlasae.jets.table import to_table
        >>> jets = to_table({"pt": np.array([50.0, 30.0])})
        >>> Expression("pt>40").evaluate(jets).values
        array([ True, False])
    """

    text: str
    names: tuple[str, ...] = field(init=False, compare=False, repr=False)
    _tree: ast.expr = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        tree = parsed(self.text)
        names = tuple(dict.fromkeys(names_in(tree)))
        if not names:
            raise InputError(f"the expression {self.text!r} names no feature")
        object.__setattr__(self, "text", ast.unparse(tree))
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "_tree", tree)

    @property
    def is_decision(self) -> bool:
        """Whether it gives a yes or no."""
        return is_decision(self._tree)

    @property
    def is_angle(self) -> bool:
        """Whether it gives an angle: all its names are those of angles."""
        return all(_is_angle(name) for name in self.names)

    def renamed(self, rename: Callable[[str], str]) -> Expression:
        """The same expression of features with other names."""
        return Expression(ast.unparse(with_names(parsed(self.text), rename)))

    def features(self, names: Sequence[str], where: str = "these jets") -> tuple[str, ...]:
        """The features that it depends on, among existing ones.

        Args:
            names: the existing features.
            where: what has them, for the error message.

        Raises:
            MissingNameError: one is missing; the message names the nearest.

        Example:
            >>> Expression("m_jj > 500").features(["pt", "eta", "phi", "mass", "btag"])
            ('pt', 'eta', 'phi', 'mass')
        """
        found: dict[str, None] = {}
        for name in self.names:
            if observable := find_observable(name, names):
                found |= dict.fromkeys(observable.features(names, where))
                continue
            try:
                found[find_feature(name, names, where)] = None
            except MissingNameError:
                near = suggestion(name, [*names, *OBSERVABLES, *SYNONYMS])
                message = f"no feature or observable {name!r} in {where}{near}"
                raise MissingNameError(message) from None
        return tuple(found)

    def evaluate(self, table: Table) -> Evaluated:
        """The values for jets, in float64 arithmetic.

        NaN where it is not defined, as for the mass of two jets in events with one.

        Raises:
            MissingNameError: the jets lack a feature.
            InputError: it is about events and the jets are not grouped by event, or is not about
                numbers of jets or events.
        """
        self.features(list(table.columns))
        with np.errstate(all="ignore"):
            return Evaluation(table).value(self._tree)
