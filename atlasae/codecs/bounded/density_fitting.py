"""From a table of jets to the density that codes jets like them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlasae.codecs.bounded.quantized_table import quantize_table
from atlasae.density.jet_density_fitting import fit_jet_density
from atlasae.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlasae.density.feature_layout import FeatureLayout
    from atlasae.density.jet_density import JetDensity
    from atlasae.jets.table import Table
    from atlasae.quantization.tolerance import Tolerance


def fit_density(
    train: Table,
    layout: FeatureLayout,
    bounds: Mapping[str, Tolerance],
    *,
    uses: float,
    progress: bool,
) -> JetDensity:
    """Learn the density of jets.

    Args:
        train: the jets.
        layout: of the features, with their lattices.
        bounds: the tolerance of each feature.
        uses: how many jets will be coded for each of these.
        progress: show a progress bar on the error stream.
    """
    with progress_bar("densities", shown=progress) as bar:
        task = bar.add_task("fitting", total=3 * len(layout.order) + 1)
        quantized, _ = quantize_table(train, layout, bounds)
        return fit_jet_density(
            layout,
            quantized.integers,
            quantized.counts,
            uses=uses,
            progress=lambda group, feature: bar.update(
                task, advance=1, description=f"fitting: {group} jet, {feature}"
            ),
        )
