"""The payloads of blocks: quantized jets to bytes and back.

A payload has, in this order: the exceptions with their length, the same of the overrides, a check byte
of each feature, the seed of the dither if there is any, what each correction needs to know with its
length, and what went through the entropy coder, which is the number of jets per event, then the features one by one.
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
    QuantizedJets,
    decode_exceptions,
    encode_exceptions,
    same_exceptions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from atlasae.coding.entropy import EntropyCoder
    from atlasae.density.feature_layout import FeatureLayout
    from atlasae.density.jet_density import JetDensity
    from atlasae.quantization.quantized import Exceptions
    from atlasae.types import Integers, Integers32

_SEED = struct.Struct("<I")
_PIECE = 31  # bits that are coded at a time
LARGEST_BLOCK = 1 << 21  # jets or events; only a single event could have as many
_DAMAGE = (LookupError, ArithmeticError, ValueError, AssertionError, struct.error, zlib.error)


@dataclass(frozen=True)
class PayloadCoder:
    """Writes and reads the payloads of blocks.

    Attributes:
        density: of the jets.
        layout: of the features.
        free: whether each block has its own order of events, or of jets without events.
        corrections: number of corrections by feature.
    """

    density: JetDensity
    layout: FeatureLayout
    free: bool
    corrections: Mapping[str, int]

    def block(self, quantized: QuantizedJets, order: Integers | None) -> Block:
        """A block. What was coded is decoded and compared before it is given.

        The encoder compares the symbols that its bytes decode to, and the traversal the integers
        that these symbols stand for, so the jets themselves need not be decoded again.
        """
        jets = len(next(iter(quantized.integers.values())))
        events = None if quantized.counts is None else len(quantized.counts)
        return Block.of(events, jets, self._encode(quantized, jets), order)

    def read(self, block: Block, features: Collection[str] | None = None) -> QuantizedJets:
        """Decode and check a block: the features up to the last one wanted, in the coding order.

        Args:
            block: to decode.
            features: those wanted; None for all.

        Raises:
            DamagedFileError: the block is damaged, or another codec wrote it.
        """
        try:
            return self._decode(block, features)
        except DamagedFileError as error:
            raise DamagedFileError(f"{block.name} does not decode: {error}") from error
        except _DAMAGE as error:
            raise DamagedFileError(f"{block.name} does not decode: damaged ({error})") from error

    def _coding(
        self, has_events: bool, seed: int | None
    ) -> tuple[Callable[..., Integers], Callable[..., Iterator[tuple[str, Integers32]]]]:
        """What codes the number of jets per event, and what codes the features."""
        density = self.density.with_dither(seed)
        if self.free and (density.in_events or not has_events):
            return density.code_sorted_counts, density.code_free
        return density.code_counts, density.code

    def _encode(self, quantized: QuantizedJets, jets: int) -> bytes:
        encoder, counts = EntropyEncoder(), quantized.counts
        code_counts, code_features = self._coding(counts is not None, quantized.seed)
        if counts is not None:
            code_counts(encoder, counts, len(counts))
        for name, _ in code_features(encoder, counts, quantized.integers, jets):
            self._code_low(encoder, name, quantized.low.get(name), jets)
        exact = b"".join(
            self._encode_exact(of, jets) for of in (quantized.exceptions, quantized.overrides)
        )
        checks = bytes(quantized.check(name) for name in self.layout.order)
        seed = b"" if quantized.seed is None else _SEED.pack(quantized.seed)
        told = [data for name in self.corrections for data in quantized.corrections[name]]
        corrections = b"".join(encode_varint(len(data)) + data for data in told)
        return exact + checks + seed + corrections + encoder.to_bytes()

    def _encode_exact(self, exact: Exceptions, jets: int) -> bytes:
        """Exceptions or overrides, with their length."""
        encoded = encode_exceptions(exact)
        if not same_exceptions(decode_exceptions(encoded, self.layout.lattices, jets), exact):
            raise AssertionError("exceptions did not decode to what was coded: please report this")
        return encode_varint(len(encoded)) + encoded

    def _code_low(
        self, coder: EntropyCoder, name: str, low: Integers | None, jets: int
    ) -> Integers | None:
        """Code the low bits of a feature, if its lattice has any; None to decode them."""
        bits = self.layout.lattices[name].low_bits
        coded = None
        for start in range(0, bits, _PIECE):
            width = min(bits - start, _PIECE)
            given = None if low is None else (low >> start & (1 << width) - 1).astype(np.int32)
            piece = coder.uniform(width, jets, given).astype(np.int64) << start
            coded = piece if coded is None else coded | piece
        return coded

    def _decode(self, block: Block, features: Collection[str] | None) -> QuantizedJets:
        block.check()
        jets, events = block.jets, block.events
        if max(jets, events or 0) > LARGEST_BLOCK:
            raise DamagedFileError(f"header says {jets} jets, more than a block can hold")
        exact, at = [], 0
        for _ in range(2):
            length, start = decode_varint(block.payload, at)
            at = start + length
            exact.append(decode_exceptions(block.payload[start:at], self.layout.lattices, jets))
        exceptions, overrides = exact
        checks = block.payload[at : at + len(self.layout.order)]
        at += len(checks)
        seed = None
        if self.layout.has_dither:
            (seed,) = _SEED.unpack_from(block.payload, at)
            at += _SEED.size
        corrections: dict[str, tuple[bytes, ...]] = {}
        for name, number in self.corrections.items():
            for _ in range(number):
                length, start = decode_varint(block.payload, at)
                at = start + length
                corrections[name] = (*corrections.get(name, ()), block.payload[start:at])
        decoder = EntropyDecoder(memoryview(block.payload)[at:])
        code_counts, code_features = self._coding(events is not None, seed)
        counts = None if events is None else code_counts(decoder, None, events)
        if counts is not None:
            _check_counts(counts, jets)
        quantized = QuantizedJets({}, {}, exceptions, counts, seed, corrections, overrides)
        coded = code_features(decoder, counts, None, jets)
        for check in checks[: self._number_to_decode(features)]:
            name, quantized.integers[name] = next(coded)
            low = self._code_low(decoder, name, None, jets)
            if low is not None:
                quantized.low[name] = low
            _check_feature(quantized, name, check)
        if features is None and not decoder.is_done:
            raise DamagedFileError(f"bytes are left after the {jets} jets of the header")
        return quantized

    def _number_to_decode(self, features: Collection[str] | None) -> int:
        """How many features there are up to the last one wanted."""
        wanted = [features is None or name in features for name in self.layout.order]
        return max((i + 1 for i, is_wanted in enumerate(wanted) if is_wanted), default=0)


def _check_feature(quantized: QuantizedJets, name: str, stored: int) -> None:
    if quantized.check(name) != stored:
        raise DamagedFileError(f"the check of {name!r} does not agree")


def _check_counts(counts: Integers, jets: int) -> None:
    within = counts.min(initial=0) >= 0 and counts.max(initial=0) <= jets
    if not within or counts.sum() != jets:
        raise DamagedFileError(f"jet counts sum to {counts.sum()}, header says {jets}")
