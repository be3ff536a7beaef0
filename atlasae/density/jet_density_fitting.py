"""Fitting the density of jets: which features, in which groups of jets, get a distribution."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.density.conditional import Coin
from atlasae.density.fitting import fit_conditional
from atlasae.density.jet_density import JetDensity, earlier_table, fit_counts
from atlasae.density.serialization import stored_bits
from atlasae.density.traversal import RankByRank, traverse
from atlasae.density.visitor import SIGN

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlasae.density.conditional import Conditional, Inputs
    from atlasae.density.feature_layout import FeatureLayout
    from atlasae.types import Columns, Integers, Integers32


def fit_jet_density(
    layout: FeatureLayout,
    columns: Columns,
    counts: Integers | None,
    *,
    uses: float = 1.0,
    progress: Callable[[str, str], Any] | None = None,
) -> JetDensity:
    """Fit the density of jets.

    Args:
        layout: the features.
        columns: integers by feature, shape (n,), int32.
        counts: number of jets per event; None for jets without events.
        uses: how many jets will be coded per jet given here.
        progress: called with the group and the feature of each finished fit.

    Example:
        >>> from atlasae.density.feature_layout import FeatureLayout
        >>> from atlasae.quantization.lattices import Lattice
        >>> from atlasae.quantization.quantizers import IntegerQuantizer
        >>> layout = FeatureLayout.of({"n": Lattice(IntegerQuantizer("int32"))})
        >>> columns = {"n": np.arange(1000, dtype=np.int32)}
        >>> density = fit_jet_density(layout, columns, None)
        >>> float(density.code_lengths(columns, None)["n"].mean().round(1))
        10.0
    """
    recorder = RecordingVisitor()
    for _ in traverse(recorder, layout, counts, columns, len(next(iter(columns.values())))):
        pass
    conditionals: dict[tuple[str, str], Conditional] = {}
    for (group, feature), (values, inputs) in recorder.recorded().items():
        conditional = fit_conditional(values, inputs.every_row(), uses)
        earlier = Coin() if feature == SIGN else earlier_table(conditionals, group, feature)
        if earlier is None or _is_worth_storing(conditional, earlier, values, inputs, uses):
            conditionals[group, feature] = conditional
        if progress:
            progress(group, feature)
    return JetDensity(layout, conditionals, fit_counts(counts), counts is not None)


def _is_worth_storing(
    learned: Conditional,
    stored: Conditional | Coin,
    values: Integers32,
    inputs: Inputs,
    uses: float,
) -> bool:
    """Whether a density saves more bits, compared with a stored one, than it takes to store."""
    before, after = (of.code_lengths(values, inputs).sum() for of in (stored, learned))
    return bool(uses * (before - after) > stored_bits(learned))


@dataclass
class RecordedInputs:
    """The inputs of several visits, each of shape (inputs, n)."""

    visits: list[Integers32] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.visits[0])

    def every_row(self) -> Integers32:
        """All inputs, shape (inputs, n)."""
        return np.concatenate(self.visits, axis=1)

    def row(self, index: int) -> Integers32:
        return np.concatenate([rows[index] for rows in self.visits])


class RecordingVisitor(RankByRank):
    """Records values and inputs by group and feature."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], list[Integers32]] = {}
        self._inputs: dict[tuple[str, str], RecordedInputs] = {}

    def visit(
        self, group: str, feature: str, values: Integers32 | None, count: int, inputs: Inputs
    ) -> Integers32:
        assert values is not None
        rows = np.empty((len(inputs), count), np.int32)
        for index, row in enumerate(rows):
            row[:] = inputs.row(index)
        self._values.setdefault((group, feature), []).append(values)
        self._inputs.setdefault((group, feature), RecordedInputs()).visits.append(rows)
        return values

    def recorded(self) -> dict[tuple[str, str], tuple[Integers32, RecordedInputs]]:
        """All values, shape (n,), and their inputs."""
        return {
            key: (np.concatenate(values), self._inputs[key]) for key, values in self._values.items()
        }
