"""Fitting the density of jets: which features, in which groups of jets, get a network or a table."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.density.fitting import fit_conditional, worth_storing
from atlasae.density.input_scale import InputScale, ScaledInputs
from atlasae.density.jet_density import JetDensity, count_density, earlier_table
from atlasae.density.traversal import traverse
from atlasae.density.visitor import ALL_GROUPS
from atlasae.jets.names import role

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlasae.density.conditional import Conditional
    from atlasae.density.feature_layout import FeatureLayout
    from atlasae.types import Columns, Float32s, Integers


@dataclass(frozen=True)
class FeatureSettings:
    """How one kind of feature is fitted; see ``atlasae.density.fitting.fit_conditional``."""

    bins: int
    power: float
    weight_decay: float
    units: int = 16
    groups: int = 16


# By role of the feature; chosen on held-out jets, where each changes the rate by a few 0.01 bits.
_SETTINGS = {
    "pt": FeatureSettings(64, 0.4, 0.2),
    "m": FeatureSettings(64, 0.4, 0.1),
    "phi": FeatureSettings(48, 0.4, 0.7),
    "eta": FeatureSettings(64, 0.5, 0.15, 32),
}
_OTHER = FeatureSettings(48, 0.5, 0.3)
_UNITS_IN_EVENTS = 8  # many small networks share the time
_GROUPS_OF_RAW_PHI = 24  # of a phi that is not measured from the recoil: its peak moves
EPOCHS = 40
_MOST_EPOCHS = 640  # of all networks together; half as many cost 0.01 bits per jet
_VALUES_PER_BIN = 30
_FEWEST_BINS = 8


def fit_jet_density(
    layout: FeatureLayout,
    columns: Columns,
    counts: Integers | None,
    *,
    networks: bool = True,
    uses: float = 1.0,
    epochs: int = EPOCHS,
    seed: int = 0,
    progress: Callable[[str, str], Any] | None = None,
) -> JetDensity:
    """Fit the density of jets.

    Args:
        layout: the features.
        columns: integers by feature, shape (n,).
        counts: number of jets per event; None for jets without events.
        networks: whether to try networks; tables alone are smaller but predict less.
        uses: how many jets will be coded per jet given here.
        epochs: the most passes over the jets; with many features there are fewer.
        seed: of the training.
        progress: called with the group and the feature of each finished fit.

    Example:
        >>> import numpy as np
        >>> from atlasae.density.feature_layout import FeatureLayout
        >>> from atlasae.quantization.quantizers import IntegerQuantizer
        >>> layout = FeatureLayout.of({"n": IntegerQuantizer("int32")})
        >>> density = fit_jet_density(layout, {"n": np.arange(1000)}, None, networks=False)
        >>> round(density.bits({"n": np.arange(1000)}, None)["n"] / 1000, 1)
        10.0
    """
    recorder = RecordingVisitor()
    for _ in traverse(recorder, layout, counts, columns, len(next(iter(columns.values())))):
        pass
    epochs = min(epochs, max(_MOST_EPOCHS // len(recorder.visits), EPOCHS // 8))
    in_events = counts is not None
    scales: dict[str, InputScale] = {}
    conditionals: dict[tuple[str, str], Conditional] = {}
    for group in ALL_GROUPS:
        features = recorder.features(group)
        if not features:
            continue
        inputs, used = recorder.scaled_inputs(group), 0
        for feature in features:
            values, own = recorder.recorded(group, feature)
            matrix = inputs.matrix[: 1 + len(own)]
            settings = _settings(
                feature, layout, values=len(values), in_events=in_events, networks=networks
            )
            conditional = fit_conditional(
                values, matrix, **asdict(settings), epochs=epochs, seed=seed, uses=uses
            )
            earlier = earlier_table(conditionals, group, feature)
            if earlier is None or worth_storing(conditional, earlier, values, matrix, uses):
                conditionals[group, feature] = conditional
                used = max(used, conditional.inputs)
            if progress:
                progress(group, feature)
        if used:
            scales[group] = inputs.scale.first(used)
    return JetDensity(layout, scales, conditionals, count_density(counts), in_events)


def _settings(
    feature: str, layout: FeatureLayout, *, values: int, in_events: bool, networks: bool
) -> FeatureSettings:
    """The settings of a feature, given how many values there are to fit."""
    settings = _SETTINGS.get(role(feature) or "", _OTHER)
    units = _UNITS_IN_EVENTS if in_events else settings.units
    is_raw_phi = feature == layout.phi and not layout.circle
    return replace(
        settings,
        bins=min(settings.bins, max(values // _VALUES_PER_BIN, _FEWEST_BINS)),
        groups=_GROUPS_OF_RAW_PHI if is_raw_phi else settings.groups,
        units=units if networks else 0,
    )


class RecordedInputs:
    """Inputs as they are."""

    def __init__(self) -> None:
        self.rows: list[Float32s] = []

    def add(self, rows: list[Float32s]) -> None:
        self.rows += rows


class RecordingVisitor:
    """Records values and inputs by group and feature."""

    def __init__(self) -> None:
        self.visits: dict[tuple[str, str], list[tuple[Integers, Float32s]]] = {}

    def inputs(self, group: str, count: int) -> RecordedInputs:  # noqa: ARG002
        return RecordedInputs()

    def visit(self, group: str, feature: str, values: Integers | None, inputs: Any) -> Integers:
        assert values is not None
        rows = np.stack(inputs.rows) if inputs.rows else np.zeros((0, len(values)), np.float32)
        self.visits.setdefault((group, feature), []).append((values, rows))
        return values

    def features(self, group: str) -> list[str]:
        """The features visited in a group, in their order."""
        return [feature for visited, feature in self.visits if visited == group]

    def recorded(self, group: str, feature: str) -> tuple[Integers, Float32s]:
        """All values, shape (n,), and inputs, shape (rows, n), of a feature."""
        values, rows = zip(*self.visits[group, feature], strict=True)
        return np.concatenate(values), np.concatenate(rows, axis=1)

    def scaled_inputs(self, group: str) -> ScaledInputs:
        """All inputs of a group, scaled; each feature takes the first rows of them."""
        _, rows = self.recorded(group, self.features(group)[-1])
        inputs = ScaledInputs(InputScale.fit(rows), rows.shape[1])
        inputs.add(list(rows))
        return inputs
