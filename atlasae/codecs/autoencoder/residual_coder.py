"""What bounds the error of an autoencoder: the residuals of the jets that latents predict."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.codecs.bounded.block_coder import BlockCoder
from atlasae.codecs.bounded.quantized_table import corrections_of, fit_lattices, quantize_table
from atlasae.codecs.bounded.stored_density import (
    kept_order,
    read_density,
    require_coder,
    write_density,
)
from atlasae.codecs.bounded.training_split import split
from atlasae.coding.entropy import CODER
from atlasae.density.feature_layout import FeatureLayout
from atlasae.density.residual_density import (
    ResidualDensity,
    fit_residual_density,
    predicted_integers,
)
from atlasae.errors import DamagedFileError, located
from atlasae.quantization.jet_order import descends

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from typing_extensions import Self

    from atlasae.codecs.serialization import Tensors
    from atlasae.coding.blocks import Block
    from atlasae.jets.table import Table
    from atlasae.quantization.corrections import Correction
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Values

    Prediction = Mapping[str, Values]

_TENSOR = "residuals"


@dataclass(frozen=True, eq=False)
class ResidualCoder:
    """Codes jets within tolerances, given a prediction of each value.

    The lattices are dithered, and where the jets of the events descend in pt this order is kept, as
    the bounded codec does it.

    Attributes:
        density: of the residuals, with the lattice of each feature.
        features: in the order of the tables.
        tolerances: of each feature.
        order_kept: the feature whose order in events is kept; None if there is none.
        bits: cross-entropy on held-out jets, bits per jet by feature.
    """

    density: ResidualDensity
    features: tuple[str, ...]
    tolerances: Mapping[str, Tolerance]
    order_kept: str | None
    bits: Mapping[str, float]

    @classmethod
    def fit(
        cls,
        table: Table,
        predict: Callable[[Table], Prediction],
        tolerances: Mapping[str, Tolerance],
        *,
        seed: int,
        uses: float,
        progress: bool,
    ) -> Self:
        """Choose the lattices and learn the density, from a sample of jets.

        Args:
            table: of the jets.
            predict: gives the values that the decoder will predict, finite, of the same dtypes.
            tolerances: by feature.
            seed: of the sample.
            uses: number of jets to be coded, divided by the number of jets given here.
            progress: show a progress bar on the error stream.
        """
        from atlasae.progress import progress_bar

        layout = FeatureLayout.of(fit_lattices(table, tolerances, dither=True))
        pt = layout.pt
        keeps_order = pt is not None and descends(table.columns[pt], table.counts)
        train, held_out = split(table, seed)
        with progress_bar("residuals", shown=progress) as bar:
            task = bar.add_task("fitting", total=len(layout.order))
            quantized, _ = quantize_table(train, layout, tolerances)
            density = fit_residual_density(
                layout,
                predicted_integers(layout, predict(train), quantized.seed),
                quantized.integers,
                quantized.counts,
                uses=uses * len(table) / len(train),
                progress=lambda name: bar.update(task, advance=1, description=f"fitting: {name}"),
            )
        quantized, _ = quantize_table(held_out, layout, tolerances)
        given = density.given(predict(held_out)).with_dither(quantized.seed)
        lengths = given.code_lengths(quantized.integers, quantized.counts)
        bits = {name: round(float(of.mean()), 2) for name, of in lengths.items()}
        return cls(density, tuple(table.columns), tolerances, pt if keeps_order else None, bits)

    def block(self, table: Table, start: int, prediction: Prediction) -> Block:
        """One block, which is decoded and compared before it is given.

        Args:
            table: the originals.
            start: number of events, or of jets without events, before the first.
            prediction: of their values, which the decoder knows.

        Raises:
            InputError: there are more jets than a block can hold, or a feature has another dtype.
        """
        return self._given(prediction).block(table, start)

    def table(
        self, block: Block, prediction: Prediction, features: Collection[str] | None
    ) -> Table:
        """The jets of a block, with at least some features; None for all.

        Raises:
            DamagedFileError: the block is damaged, another codec wrote it, or it was coded with another
                prediction.
        """
        predicted = len(next(iter(prediction.values())))
        if predicted != block.jets:
            raise DamagedFileError(
                f"{block.name} has residuals of {block.jets} jets, the latents are of {predicted}"
            )
        return self._given(prediction).table(block, features)

    def _given(self, prediction: Prediction) -> BlockCoder:
        density = self.density.given(prediction)
        return BlockCoder(density, self.features, self.tolerances, self._corrections, (), False)

    @cached_property
    def _corrections(self) -> dict[str, tuple[Correction, ...]]:
        return corrections_of(self.density.layout, self.tolerances, {}, self.order_kept)

    def require_dtypes(self, dtypes: Mapping[str, str]) -> None:
        """Check that columns of these dtypes can be coded; raises InputError."""
        for name, lattice in self.density.layout.lattices.items():
            with located(f"feature {name!r}"):
                lattice.quantizer.require_dtype(dtypes[name])

    def state(self) -> dict[str, Any]:
        """What is stored beside the arrays, JSON-ready."""
        return {"coder": CODER, "order kept": self.order_kept, "bits": dict(self.bits)}

    def tensors(self) -> Tensors:
        """The arrays that are stored."""
        return {_TENSOR: np.frombuffer(write_density(self.density), np.uint8)}

    @classmethod
    def of(
        cls,
        state: Mapping[str, Any],
        tensors: Tensors,
        dtypes: Mapping[str, str],
        tolerances: Mapping[str, Tolerance],
    ) -> Self:
        """The coder of ``state`` and ``tensors``, which need not be trusted.

        Args:
            state: JSON values.
            tensors: arrays, with others or without.
            dtypes: by feature, in the order of the tables.
            tolerances: by feature.

        Raises:
            DamagedFileError: they are damaged.
            VersionError: another version of atlasae wrote them, in a form this one cannot read.
        """
        require_coder(state["coder"])
        data = tensors[_TENSOR].tobytes()
        density = read_density(data, dtypes, ResidualDensity, dither=True)
        bits = {str(name): float(number) for name, number in state["bits"].items()}
        order = kept_order(state["order kept"], dtypes)
        return cls(density, tuple(dtypes), tolerances, order, bits)
