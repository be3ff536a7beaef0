"""Quantised jets as the payloads of blocks."""

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
    from collections.abc import Callable, Collection, Iterator, Sequence

    from atlasae.coding.entropy import EntropyCoder, RecordedChoice
    from atlasae.density.feature_layout import FeatureLayout
    from atlasae.density.jet_density import JetDensity
    from atlasae.quantization.quantizers import Quantizer
    from atlasae.types import Integers


_SHORT = 0xFFFF  # what is kept of a feature's checksum
LARGEST_BLOCK = 1 << 21  # jets or events; only a single event could reach this
_ERRORS = struct.error, zlib.error


@dataclass(frozen=True)
class PayloadCoder:
    """Writes and reads the payloads of blocks.

    A payload has the values that no lattice holds, a checksum for each feature, and what went
    through the coder: numbers of jets, then the features one by one, which need not all be read.

    Attributes:
        model: of the jets.
        layout: of the features.
        lattices: of the features, in the order of coding.
        free: whether blocks have their events, or jets, in an order of their own.
    """

    model: JetDensity
    layout: FeatureLayout
    lattices: dict[str, Quantizer]
    free: bool

    def block(self, quantised: QuantizedJets, order: Integers | None) -> Block:
        """A block, decoded again and compared."""
        jets = len(next(iter(quantised.integers.values())))
        events = None if quantised.counts is None else len(quantised.counts)
        payload, made = self._written(quantised, jets)
        block = Block.of(events, jets, payload, quantised.checksum(), order)
        try:
            same = self.read(block, made=made).same_as(quantised)
        except DamagedFileError:
            same = False
        if not same:
            raise AssertionError("a block did not decode to what was coded: please report this")
        return block

    def read(
        self,
        block: Block,
        features: Collection[str] | None = None,
        made: Sequence[RecordedChoice] = (),
    ) -> QuantizedJets:
        """What a block holds, checked: features up to the last asked for, in the order of coding.

        ``made`` are the choices of who has just written it.

        Raises:
            DamagedFileError: it is damaged, or was written by another codec.
        """
        try:
            return self._read(block, features, made)
        except DamagedFileError as error:
            raise DamagedFileError(f"{block.name} does not decode: {error}") from error
        except (LookupError, ArithmeticError, ValueError, AssertionError, *_ERRORS) as error:
            raise DamagedFileError(f"{block.name} does not decode: damaged ({error})") from error

    @property
    def _checks(self) -> struct.Struct:
        """The checksums of the features; two bytes each, as the block's own tells damage."""
        return struct.Struct(f"<{len(self.layout.order)}H")

    def _coding(
        self, in_events: bool
    ) -> tuple[Callable[..., Integers], Callable[..., Iterator[tuple[str, Integers]]]]:
        """What codes the numbers of jets an event, and the features."""
        if self.free and (self.model.in_events or not in_events):
            return self.model.code_sorted_counts, self.model.code_free
        return self.model.code_counts, self.model.code

    def _written(self, quantised: QuantizedJets, jets: int) -> tuple[bytes, list[RecordedChoice]]:
        """A payload, and the choices made in it."""
        writer, counts, fine = EntropyEncoder(), quantised.counts, quantised.fine
        code_numbers, code = self._coding(counts is not None)
        if counts is not None:
            code_numbers(writer, counts, len(counts))
        for name, _ in code(writer, counts, quantised.integers, jets):
            self._code_fine(writer, name, fine.get(name), jets)
        odd = encode_exceptions(quantised.odd)
        checks = [quantised.checksum(name) & _SHORT for name in self.layout.order]
        head = encode_varint(len(odd)) + odd + self._checks.pack(*checks)
        return head + writer.to_bytes(), writer.choices

    def _read(
        self, block: Block, features: Collection[str] | None, made: Sequence[RecordedChoice]
    ) -> QuantizedJets:
        jets, events = block.jets, block.events
        if max(jets, events or 0) > LARGEST_BLOCK:
            raise DamagedFileError(f"{jets} jets are more than any block has")
        length, start = decode_varint(block.payload, 0)
        at = start + length
        odd = decode_exceptions(block.payload[start:at], self.lattices, jets)
        reader = EntropyDecoder(block.payload[at + self._checks.size :], made)
        code_numbers, code = self._coding(events is not None)
        counts = None if events is None else code_numbers(reader, None, events)
        if counts is not None:
            among = counts.min(initial=0) >= 0 and counts.max(initial=0) <= jets
            if not among or counts.sum() != jets:
                raise DamagedFileError("it has other numbers of jets than it says")
        found = QuantizedJets({}, {}, odd, counts)
        block.check(found.checksum())
        coded = code(reader, counts, None, jets)
        for check in self._checks.unpack_from(block.payload, at)[: self._wanted(features)]:
            name, found.integers[name] = next(coded)
            values = self._code_fine(reader, name, None, jets)
            if values is not None:
                found.fine[name] = values
            if not _agrees(found, name, check):
                raise DamagedFileError(f"the checksum of {name!r} does not agree")
        if features is None and not reader.is_done:
            raise DamagedFileError("it has more than the jets it says")
        return found

    def _wanted(self, features: Collection[str] | None) -> int:
        """How many features there are up to the last asked for; None for all."""
        asked = [features is None or name in features for name in self.layout.order]
        return max((i + 1 for i, wanted in enumerate(asked) if wanted), default=0)

    def _code_fine(
        self, coder: EntropyCoder, name: str, values: Integers | None, jets: int
    ) -> Integers | None:
        """Write or read the low bits of a feature; None where it has none."""
        if not coarse_quantizer(self.lattices[name])[1]:
            return None
        return coder.uniform(values, np.full(jets, 1 << FINE_BITS))


def _agrees(found: QuantizedJets, name: str, check: int) -> bool:
    return found.checksum(name) & _SHORT == check
