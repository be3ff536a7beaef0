"""Codecs: the contract, the registry, and the codecs of atlasae.

``Codec.bounded`` and ``Codec.autoencoder`` are attached here, so that the contract in
``atlasae.codecs.base`` depends on no codec.
"""

from __future__ import annotations

from atlasae.codecs.base import Codec
from atlasae.codecs.registry import RegisteredCodec

Codec.bounded = RegisteredCodec("bounded")
Codec.autoencoder = RegisteredCodec("autoencoder")

__all__ = ["Codec"]
