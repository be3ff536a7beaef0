"""The payloads of blocks: quantized jets to bytes and back.

A payload has, in this order: the exceptions with their length, a checksum of each feature, and what
went through the entropy coder, which is the number of jets per event, then the features one by one.
A reader can stop after the features it needs.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlasae.coding.blocks import Block
from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
from atlasae.coding.varint import decode_varint, encode_varint
from atlasae.errors import DamagedFileError
from atlasae.quantization.quantized import (
    FINE_BITS,
    QuantizedJets,
    coarse_quantizer,
    decode_exceptions,
    encode_exceptions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from atlasae.coding.entropy import RecordedChoice
    from atlasae.density.feature_layout import FeatureLayout
    from atlasae.density.jet_density import JetDensity
    from atlasae.quantization.quantizers import Quantizer
    from atlasae.types import Integers

_CHECKSUM_MASK = 0xFFFF  # the two low bytes of the checksum of a feature are stored
LARGEST_BLOCK = 1 << 21  # jets or events; only a single event could have as many
_DAMAGE = (LookupError, ArithmeticError, ValueError, AssertionError, struct.error, zlib.error)


@dataclass(frozen=True)
class PayloadCoder:
    """Writes and reads the payloads of blocks.

    Attributes:
        density: of the jets.
        layout: of the features.
        quantizers: of the features, in the order of coding.
        free: whether each block has its own order of events, or of jets without events.
    """

    density: JetDensity
    layout: FeatureLayout
    quantizers: Mapping[str, Quantizer]
    free: bool

    def block(self, quantized: QuantizedJets, order: Integers | None) -> Block:
        """A block, decoded and compared with what was coded."""
        jets = len(next(iter(quantized.integers.values())))
        events = None if quantized.counts is None else len(quantized.counts)
        payload, choices = self._encode(quantized, jets)
        block = Block.of(events, jets, payload, quantized.checksum(), order)
        try:
            same = self.read(block, choices=choices).same_as(quantized)
        except DamagedFileError:
            same = False
        if not same:
            raise AssertionError("a block did not decode to what was coded: please report this")
        return block

    def read(
        self,
        block: Block,
        features: Collection[str] | None = None,
        choices: Sequence[RecordedChoice] = (),
    ) -> QuantizedJets:
        """Decode and check a block: the features up to the last one wanted, in the coding order.

        Args:
            block: to decode.
            features: those wanted; None for all.
            choices: recorded by the encoder that has just written the block, to save time.

        Raises:
            DamagedFileError: the block is damaged, or another codec wrote it.
        """
        try:
            return self._decode(block, features, choices)
        except DamagedFileError as error:
            raise DamagedFileError(f"{block.name} does not decode: {error}") from error
        except _DAMAGE as error:
            raise DamagedFileError(f"{block.name} does not decode: damaged ({error})") from error

    @property
    def _checksums(self) -> struct.Struct:
        return struct.Struct(f"<{len(self.layout.order)}H")

    def _coding(
        self, has_events: bool
    ) -> tuple[Callable[..., Integers], Callable[..., Iterator[tuple[str, Integers]]]]:
        """What codes the number of jets per event, and what codes the features."""
        if self.free and (self.density.in_events or not has_events):
            return self.density.code_sorted_counts, self.density.code_free
        return self.density.code_counts, self.density.code

    def _encode(
        self, quantized: QuantizedJets, jets: int
    ) -> tuple[bytes, Sequence[RecordedChoice]]:
        encoder, counts = EntropyEncoder(), quantized.counts
        code_counts, code_features = self._coding(counts is not None)
        if counts is not None:
            code_counts(encoder, counts, len(counts))
        for name, _ in code_features(encoder, counts, quantized.integers, jets):
            if name in quantized.fine:
                encoder.encode_uniform(quantized.fine[name], np.full(jets, 1 << FINE_BITS))
        exceptions = encode_exceptions(quantized.exceptions)
        checksums = [quantized.checksum(name) & _CHECKSUM_MASK for name in self.layout.order]
        head = encode_varint(len(exceptions)) + exceptions + self._checksums.pack(*checksums)
        return head + encoder.to_bytes(), encoder.choices

    def _decode(
        self, block: Block, features: Collection[str] | None, choices: Sequence[RecordedChoice]
    ) -> QuantizedJets:
        jets, events = block.jets, block.events
        if max(jets, events or 0) > LARGEST_BLOCK:
            raise DamagedFileError(f"header says {jets} jets, more than a block can hold")
        length, start = decode_varint(block.payload, 0)
        at = start + length
        exceptions = decode_exceptions(block.payload[start:at], self.quantizers, jets)
        decoder = EntropyDecoder(block.payload[at + self._checksums.size :], choices)
        code_counts, code_features = self._coding(events is not None)
        counts = None if events is None else code_counts(decoder, None, events)
        if counts is not None:
            _check_counts(counts, jets)
        quantized = QuantizedJets({}, {}, exceptions, counts)
        block.check(quantized.checksum())
        coded = code_features(decoder, counts, None, jets)
        checksums = self._checksums.unpack_from(block.payload, at)
        for checksum in checksums[: self._number_to_decode(features)]:
            name, quantized.integers[name] = next(coded)
            if coarse_quantizer(self.quantizers[name])[1]:
                quantized.fine[name] = decoder.decode_uniform(np.full(jets, 1 << FINE_BITS))
            _check_feature(quantized, name, checksum)
        if features is None and not decoder.is_done:
            raise DamagedFileError(f"bytes are left after the {jets} jets of the header")
        return quantized

    def _number_to_decode(self, features: Collection[str] | None) -> int:
        """How many features there are up to the last one wanted."""
        wanted = [features is None or name in features for name in self.layout.order]
        return max((i + 1 for i, is_wanted in enumerate(wanted) if is_wanted), default=0)


def _check_feature(quantized: QuantizedJets, name: str, stored: int) -> None:
    if quantized.checksum(name) & _CHECKSUM_MASK != stored:
        raise DamagedFileError(f"the checksum of {name!r} does not agree")


def _check_counts(counts: Integers, jets: int) -> None:
    within = counts.min(initial=0) >= 0 and counts.max(initial=0) <= jets
    if not within or counts.sum() != jets:
        raise DamagedFileError(f"jet counts sum to {counts.sum()}, header says {jets}")
