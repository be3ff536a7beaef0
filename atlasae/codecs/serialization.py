"""Stored codecs: safetensors with a JSON header."""

from __future__ import annotations

import hashlib
import inspect
import json
import struct
import zlib
from typing import TYPE_CHECKING, Any

from atlasae.errors import (
    DamagedFileError,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.codecs.base import Codec

    Tensors = dict[str, NDArray[Any]]

MAGIC = b"atc\x01"  # the last byte is the format's version


_DIGEST = 16  # bytes of SHA-256: against damage, as a file of this size has no one to forge it


_LARGEST = 1 << 28  # bytes that a stored codec may unpack to


# What most headers say, for deflate to refer to; part of the format. The likeliest is last.
_USUAL = (
    rb"\"order\":\"free\",\"seed\":,\"features\":[\"eta\",\"tolerance\":{\"\":{\"kind\":"
    rb"\"relative\",\"value\":\"absolute\",\"lossless\",\"nanoaod\",\"floor\":0.0},"
    rb"[\"m\",\"pt\",\"phi\",\"eta\"],[\"float64\",\"float64\",\"float64\",\"float64\"],"
    b"\x00\x00\x00\x00\x00\x00"
    rb'{"__metadata__":{"atlasae":"{\"codec\":\"bounded\",\"config\":{\"tolerance\":'
    rb"0.001},\"state\":{\"coder\":\"constriction 0.5 range\",\"features\":[\"mass\",\"pt\","
    rb"\"phi\",\"eta\"],\"dtypes\":[\"float32\",\"float32\",\"float32\",\"float32\"],\"bits\":["
    rb']}}"},"model":{"dtype":"U8","shape":[],"data_offsets":[0,]}}        '
)


def pack(codec: Codec, state: dict[str, Any], tensors: Tensors) -> bytes:
    """The compact form of a codec with this state and these arrays."""
    packing = zlib.compressobj(9, wbits=-zlib.MAX_WBITS, zdict=_USUAL)
    plain = _plain(_header(codec, state), tensors)
    packed = packing.compress(plain) + packing.flush()
    return MAGIC + _digest(packed)[:_DIGEST] + packed


def _header(codec: Codec, state: dict[str, Any]) -> str:
    """What is stored of a codec beside its arrays."""
    parameters = inspect.signature(type(codec)).parameters
    config = {k: v for k, v in codec.get_config().items() if v != parameters[k].default}
    header = {"codec": codec.codec_id, "config": config, "state": state}
    return json.dumps(header, separators=(",", ":"))


def _plain(header: str, tensors: Tensors, *, digest: bool = False) -> bytes:
    """Safetensors with the header in their metadata, and on its own a digest of both."""
    from safetensors.numpy import save

    more = {}
    if digest:
        more = {"digest": _content(header, tensors).hex(), "format": str(MAGIC[-1])}
    return save(tensors, metadata={"atlasae": header, **more})


def _unpack(data: bytes) -> tuple[dict[str, Any], Tensors]:
    """Header and tensors of a stored codec, compact or plain, from bytes nobody vouches for."""
    version = len(MAGIC) - 1
    plain = data[:version] != MAGIC[:version]
    try:
        metadata, tensors = _read_plain(data if plain else _inflated(data))
        header = metadata["atlasae"]
        if plain:
            _check_format(int(metadata["format"]))
        if plain and bytes.fromhex(metadata["digest"]) != _content(header, tensors):
            raise DamagedFileError("the codec is damaged: its digest does not agree")
        found: dict[str, Any] = json.loads(header)
    except (zlib.error, struct.error, ValueError, KeyError, TypeError) as error:
        if isinstance(error, DamagedFileError):
            raise
        raise DamagedFileError(f"not a codec of atlasae ({error})") from error
    return found, tensors


def _inflated(data: bytes) -> bytes:
    """The plain form of the compact one, whose digest agrees."""
    version, start = len(MAGIC) - 1, len(MAGIC) + _DIGEST
    if len(data) <= start or not data[version]:
        raise DamagedFileError("not a codec of atlasae")
    _check_format(data[version])
    if data[len(MAGIC) : start] != _digest(data[start:])[:_DIGEST]:
        raise DamagedFileError("the codec is damaged: its digest does not agree")
    return zlib.decompressobj(-zlib.MAX_WBITS, zdict=_USUAL).decompress(data[start:], _LARGEST)


def _check_format(written: int) -> None:
    if written > MAGIC[-1]:
        raise DamagedFileError(
            f"the codec has format {written}, this atlasae reads up to {MAGIC[-1]}:"
            " upgrade with pip install -U atlasae"
        )


def _read_plain(data: bytes) -> tuple[dict[str, str], Tensors]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(data)
    except SafetensorError as error:
        raise DamagedFileError(f"not a codec of atlasae ({error})") from error
    (length,) = struct.unpack_from("<Q", data)
    return json.loads(data[8 : 8 + length])["__metadata__"], tensors


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _content(header: str, tensors: Tensors) -> bytes:
    """SHA-256 of everything that makes the codec."""
    pieces = [header.encode()]
    for name in sorted(tensors):
        tensor = tensors[name]
        pieces += [f"{name} {tensor.dtype} {tensor.shape}".encode(), tensor.tobytes()]
    return _digest(b"".join(pieces))
