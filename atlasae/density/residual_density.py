"""The density of quantized jets of which a prediction is known.

What is coded of each feature is its residual: how far its integer is from that of the predicted
value. Questions are about the integers of all predicted values, and about the residuals of the features
before.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.density.coordinates import Around, Coordinate, Drop
from atlasae.density.event_inputs import ColumnInputs
from atlasae.density.fitting import fit_conditional
from atlasae.density.jet_density import JetDensity, fit_counts
from atlasae.density.visitor import OTHERS
from atlasae.quantization.dither import key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from typing_extensions import Self

    from atlasae.coding.entropy import EntropyCoder
    from atlasae.density.conditional import Conditional, Inputs
    from atlasae.density.feature_layout import FeatureLayout
    from atlasae.types import Columns, Floats, Integers, Integers32, Values

    Visit = Callable[[str, Integers32 | None, Inputs], Integers32]


@dataclass(frozen=True)
class ResidualDensity(JetDensity):
    """Conditional distributions of residuals by feature, all in the group ``OTHERS``.

    ``fit_residual_density`` fits one.

    Attributes:
        prediction: finite values by feature, of the dtype of its lattice, shape (jets,).
        seed: of the dither of these jets; None without dither.
    """

    prediction: Mapping[str, Values] = field(default_factory=dict)
    seed: int | None = None

    @classmethod
    def keys(cls, layout: FeatureLayout) -> list[tuple[str, str]]:
        return [(OTHERS, feature) for feature in layout.order]

    def given(self, prediction: Mapping[str, Values]) -> Self:
        """The density of jets of which these values are predicted."""
        return replace(self, prediction=prediction)

    def with_dither(self, seed: int | None) -> Self:
        return replace(self, seed=seed)

    def free_order(self, columns: Columns, counts: Integers | None) -> None:
        """None, as each jet has a prediction of its own."""

    def code(
        self,
        coder: EntropyCoder,
        counts: Integers | None,  # noqa: ARG002
        columns: Columns | None,
        jets: int,
    ) -> Iterator[tuple[str, Integers32]]:
        def visit(feature: str, residuals: Integers32 | None, inputs: Inputs) -> Integers32:
            return self.conditionals[OTHERS, feature].code(coder, residuals, jets, inputs)

        return self._traverse(visit, columns)

    def code_lengths(
        self,
        columns: Columns,
        counts: Integers | None,  # noqa: ARG002
    ) -> dict[str, Floats]:
        lengths = {}

        def visit(feature: str, residuals: Integers32 | None, inputs: Inputs) -> Integers32:
            assert residuals is not None
            lengths[feature] = self.conditionals[OTHERS, feature].code_lengths(residuals, inputs)
            return residuals

        for _ in self._traverse(visit, columns):
            pass
        return lengths

    def _traverse(self, visit: Visit, columns: Columns | None) -> Iterator[tuple[str, Integers32]]:
        predicted = predicted_integers(self.layout, self.prediction, self.seed)
        return traverse_residuals(visit, self.layout, predicted, columns)


def predicted_integers(
    layout: FeatureLayout, prediction: Mapping[str, Values], seed: int | None
) -> Columns:
    """The integers of predicted values, with the dither of a seed."""
    predicted = {}
    for number, (name, lattice) in enumerate(layout.lattices.items()):
        predicted[name] = lattice.nearest(prediction[name], key_of(seed, number))
        if name == layout.phi and layout.circle:
            predicted[name] = _around(np.zeros_like(predicted[name]), layout).of(predicted[name])
    return predicted


def traverse_residuals(
    visit: Visit, layout: FeatureLayout, predicted: Columns, columns: Columns | None
) -> Iterator[tuple[str, Integers32]]:
    """Visit the residuals of every feature, and yield its name and its integers, shape (jets,).

    Args:
        visit: gives the residuals of a feature, given these, or None to decode them, and what is
            known of them.
        layout: of the features.
        predicted: integers by feature, shape (jets,).
        columns: integers by feature, shape (jets,); None to take the residuals from ``visit``.
    """
    known = [predicted[feature] for feature in layout.order]
    for feature in layout.order:
        is_round = feature == layout.phi and layout.circle
        coordinate: Coordinate = Drop(predicted[feature])
        if is_round:
            coordinate = _around(predicted[feature], layout)
        given = None if columns is None else columns[feature]
        residuals = None if given is None else coordinate.of(given)
        known.append(visit(feature, residuals, ColumnInputs(known[:])))
        integers = coordinate.integers(known[-1])
        if given is not None and not np.array_equal(integers, given):
            raise AssertionError(f"{feature} is not restored from its residual: please report")
        yield feature, integers


def _around(origin: Integers32, layout: FeatureLayout) -> Around:
    return Around(origin, np.int32(0), layout.circle)


def fit_residual_density(
    layout: FeatureLayout,
    predicted: Columns,
    columns: Columns,
    counts: Integers | None,
    *,
    uses: float = 1.0,
    progress: Callable[[str], Any] | None = None,
) -> ResidualDensity:
    """Fit the density of residuals.

    Args:
        layout: of the features.
        predicted: integers of the predicted values by feature, shape (n,), n > 0.
        columns: integers of the jets.
        counts: number of jets per event; None for jets without events.
        uses: how many jets will be coded per jet given here.
        progress: called with the feature of each finished fit.

    Example:
        >>> from atlasae.density.feature_layout import FeatureLayout
        >>> from atlasae.quantization.lattices import Lattice
        >>> from atlasae.quantization.quantizers import IntegerQuantizer
        >>> layout = FeatureLayout.of({"n": Lattice(IntegerQuantizer("int32"))})
        >>> columns = {"n": np.arange(4000, dtype=np.int32)}
        >>> density = fit_residual_density(layout, {"n": columns["n"] // 4 * 4}, columns, None)
        >>> given = density.given({"n": columns["n"] // 4 * 4})
        >>> float(given.code_lengths(columns, None)["n"].mean().round(1))
        2.0
    """
    conditionals: dict[tuple[str, str], Conditional] = {}

    def visit(feature: str, residuals: Integers32 | None, inputs: Inputs) -> Integers32:
        assert residuals is not None
        rows = np.stack([inputs.row(index) for index in range(len(inputs))])
        conditionals[OTHERS, feature] = fit_conditional(residuals, rows, uses)
        if progress:
            progress(feature)
        return residuals

    for _ in traverse_residuals(visit, layout, predicted, columns):
        pass
    return ResidualDensity(layout, conditionals, fit_counts(counts), counts is not None)
