"""The blocks of the bounded codec: tables of jets to bytes and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from atlasae.codecs.bounded.keeping import keep
from atlasae.codecs.bounded.payload import LARGEST_BLOCK, PayloadCoder
from atlasae.codecs.bounded.quantized_table import (
    corrected,
    quantize_table,
    restore_table,
    with_corrections,
)
from atlasae.errors import InputError
from atlasae.quantization.quantized import encode_exceptions

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from atlasae.coding.blocks import Block
    from atlasae.density.jet_density import JetDensity
    from atlasae.jets.table import Table
    from atlasae.quantization.corrections import Correction
    from atlasae.quantization.quantities import Quantity
    from atlasae.quantization.quantized import QuantizedJets
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Floats, Integers


@dataclass(frozen=True, eq=False)
class BlockCoder:
    """Codes tables of jets.

    Attributes:
        density: of the jets, with the lattice of each feature.
        features: in the order of the tables.
        tolerances: of each feature.
        corrections: of the features that need any.
        quantities: to keep.
        free: whether each block has its own order of events, or of jets without events.
    """

    density: JetDensity
    features: Sequence[str]
    tolerances: Mapping[str, Tolerance]
    corrections: Mapping[str, Sequence[Correction]]
    quantities: Sequence[Quantity]
    free: bool

    def block(self, table: Table, start: int) -> Block:
        """One block, which is decoded and compared before it is given.

        Args:
            table: the originals.
            start: number of events, or of jets without events, before the first.

        Raises:
            InputError: there are more jets than a block can hold, or a feature has another dtype.
        """
        if len(table) > LARGEST_BLOCK:
            raise InputError(f"one event has {len(table)} jets, more than a block can hold")
        layout, order = self.density.layout, None
        quantized, decoded = quantize_table(table, layout, self.tolerances)
        if self.free:
            order = self._free_order(quantized)
            quantized = quantized.reordered(order)
            table, decoded = table.events(order), decoded.events(order)
        found = corrected(
            quantized, table, decoded, layout.lattices, self.tolerances, self.corrections
        )
        cost = keep(self.quantities, table, found)
        coded = with_corrections(quantized, found)
        block = self._payloads.block(coded, None if order is None else start + order)
        return replace(block, cost=cost)

    def quantize(self, table: Table) -> QuantizedJets:
        """The integers of jets and the values that no quantizer holds, without corrections."""
        quantized, _ = quantize_table(table, self.density.layout, self.tolerances)
        return quantized

    def code_lengths(self, table: Table) -> dict[str, Floats]:
        """What coding each jet takes, in bits by feature, in the order of coding.

        That of its integers, of their low bits and of its values that no quantizer holds. What is
        coded of all jets of a block together is left out: the number of jets per event, and what
        corrections and quantities that are kept take. So is what a free order saves.

        Args:
            table: the jets.

        Raises:
            InputError: a feature has another dtype.
        """
        quantized = self.quantize(table)
        density = self.density.with_dither(quantized.seed)
        lengths = density.code_lengths(quantized.integers, quantized.counts)
        for name, lattice in self.density.layout.lattices.items():
            lengths[name] += lattice.low_bits
        for name, (positions, bits) in quantized.exceptions.items():
            stored = len(encode_exceptions({name: (positions, bits)}))
            lengths[name][positions] += 8 * stored / len(positions)
        return lengths

    def table(self, block: Block, features: Collection[str] | None) -> Table:
        """The jets of a block.

        Args:
            block: to decode.
            features: those wanted, which may be given with others; None for all.

        Raises:
            DamagedFileError: the block is damaged, or another codec wrote it.
        """
        quantized = self._payloads.read(block, features)
        lattices = self.density.layout.lattices
        return restore_table(quantized, lattices, self.features, self.corrections)

    def _free_order(self, quantized: QuantizedJets) -> Integers:
        """The order in which the events of a block are coded."""
        order = self.density.free_order(quantized.integers, quantized.counts)
        if order is None:
            raise InputError(
                "order='free' requires a pt feature, an absolute tolerance on phi of 1e-8 or more,"
                " and for jets grouped by event a codec fitted to jets grouped by event"
            )
        return order

    @cached_property
    def _payloads(self) -> PayloadCoder:
        numbers = {name: len(of) for name, of in self.corrections.items()}
        return PayloadCoder(self.density, self.density.layout, self.free, numbers)
