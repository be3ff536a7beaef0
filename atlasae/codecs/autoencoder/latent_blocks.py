"""Blocks of latents and, beside them, of the residuals of the jets that they predict.

The payload of a block has the latents, with their length before them, then the residuals. Without a
codec of their own the latents are stored as they are, jet by jet, the lowest byte first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from atlasae.codecs.autoencoder.latent_dtypes import LATENT_DTYPES
from atlasae.codecs.autoencoder.residual_coder import ResidualCoder
from atlasae.codecs.serialization import fingerprint
from atlasae.coding.blocks import FINGERPRINT_BYTES, Block
from atlasae.coding.varint import decode_varint, encode_varint
from atlasae.errors import DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from typing_extensions import Self

    from atlasae.codecs.autoencoder.model import Model
    from atlasae.codecs.bounded.codec import BoundedCodec
    from atlasae.jets.table import Table
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Values


@dataclass(frozen=True, eq=False)
class StoredLatents:
    """Latents as bytes.

    Attributes:
        names: of the latents.
        dtype: of the latents.
        codec: that rounds and codes them; None to store them as they are.
    """

    names: Sequence[str]
    dtype: str
    codec: BoundedCodec | None

    def encode(self, latents: Values) -> tuple[bytes, Values]:
        """The stored form of latents, shape (n, latent), and the latents that it decodes to."""
        if self.codec is None:
            return latents.astype(self._little, copy=False).tobytes(), latents
        (block,) = self.codec.encode_blocks(dict(zip(self.names, latents.T, strict=True)), 1)
        return block.payload, self.decode(block.payload, len(latents))

    def decode(self, stored: bytes, jets: int) -> Values:
        """The inverse of ``encode``, from bytes whose checksum agrees.

        Raises:
            DamagedFileError: they are not the latents of so many jets.
        """
        if self.codec is not None:
            block = Block.of(None, jets, stored)
            columns = self.codec.decode_blocks(iter([block]), threads=1).columns
            return np.stack([columns[name] for name in self.names], axis=1)
        values = np.frombuffer(stored, self._little)
        if len(values) != jets * len(self.names):
            raise DamagedFileError(f"{len(values)} latents cannot be those of {jets} jets")
        return values.reshape(jets, len(self.names))

    @property
    def _little(self) -> np.dtype[np.floating]:
        return np.dtype(LATENT_DTYPES[self.dtype]).newbyteorder("<")


@dataclass(frozen=True, eq=False)
class LatentBlocks:
    """Codes jets as latents and residuals.

    Attributes:
        model: jets to latents and back.
        latents: how they are stored.
        residuals: what codes the residuals.
    """

    model: Model
    latents: StoredLatents
    residuals: ResidualCoder

    @classmethod
    def fit(
        cls,
        model: Model,
        latents: StoredLatents,
        table: Table,
        tolerances: Mapping[str, Tolerance],
        *,
        seed: int,
        uses: float,
        progress: bool,
    ) -> Self:
        """Learn the residuals of a sample of jets; arguments as for ``ResidualCoder.fit``."""

        def predict(jets: Table) -> dict[str, Values]:
            return model.predict(latents.encode(model.encode_any(jets, latents.dtype))[1])

        residuals = ResidualCoder.fit(
            table, predict, tolerances, seed=seed, uses=uses, progress=progress
        )
        return cls(model, latents, residuals)

    @cached_property
    def fingerprint(self) -> bytes:
        """A few bytes that identify all that decoding depends on; streams carry them."""
        codec = self.latents.codec
        state = {
            "model": self.model.state(),
            "activation": self.model.decoder.activation,
            "latents": self.latents.dtype if codec is None else codec.fingerprint.hex(),
            "residuals": self.residuals.state(),
            "tolerances": {name: t.to_json() for name, t in self.residuals.tolerances.items()},
        }
        tensors = {**self.model.decoder.tensors("decoder"), **self.residuals.tensors()}
        return fingerprint(state, tensors)[:FINGERPRINT_BYTES]

    def block(self, table: Table, start: int) -> Block:
        """The block of jets; arguments and errors as for ``ResidualCoder.block``."""
        stored, latents = self.latents.encode(self.model.encode_any(table, self.latents.dtype))
        block = self.residuals.block(table, start, self.model.predict(latents))
        payload = encode_varint(len(stored)) + stored + block.payload
        return replace(Block.of(block.events, block.jets, payload), cost=block.cost)

    def table(self, block: Block, features: Collection[str] | None) -> Table:
        """The jets of a block, with at least some features; None for all.

        Raises:
            DamagedFileError: the block is damaged, or another codec wrote it.
        """
        try:
            block.check()
            length, start = decode_varint(block.payload, 0)
            latents = self.latents.decode(block.payload[start : start + length], block.jets)
        except (ValueError, IndexError) as error:
            raise DamagedFileError(f"{block.name} does not decode: {error}") from error
        rest = Block.of(block.events, block.jets, block.payload[start + length :])
        named = replace(rest, name=block.name)
        return self.residuals.table(named, self.model.predict(latents), features)
