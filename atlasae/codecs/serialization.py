"""Stored codecs: safetensors with a JSON header, compressed in files, plain on their own."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from typing import Any, TypeAlias

from atlasae.errors import DamagedFileError, VersionError
from atlasae.types import Values

Tensors: TypeAlias = dict[str, Values]

MAGIC = b"atc\x01"  # the last byte is the version of the format
DIGEST_BYTES = 16  # of SHA-256: protects against damage, not against forgery
# What a stored codec may inflate to: memory in proportion to its size. Most inflate twofold.
_LARGEST_SMALL = 1 << 20  # bytes
_LARGEST_RATIO = 32

# Text that most headers contain, a preset dictionary for deflate; part of the format. The most
# likely text is last.
DEFLATE_DICTIONARY = (
    rb"\"order\":\"free\",\"seed\":,\"features\":[\"eta\",\"tolerance\":{\"\":{\"kind\":"
    rb"\"relative\",\"value\":\"absolute\",\"lossless\",\"nanoaod\",\"floor\":0.0},"
    rb"[\"m\",\"pt\",\"phi\",\"eta\"],[\"float64\",\"float64\",\"float64\",\"float64\"],"
    b"\x00\x00\x00\x00\x00\x00"
    rb'{"__metadata__":{"atlasae":"{\"codec\":\"bounded\",\"config\":{\"tolerance\":'
    rb"0.001},\"state\":{\"coder\":\"rans 1\",\"features\":[\"mass\",\"pt\","
    rb"\"phi\",\"eta\"],\"dtypes\":[\"float32\",\"float32\",\"float32\",\"float32\"],\"bits\":["
    rb']}}"},"model":{"dtype":"U8","shape":[],"data_offsets":[0,]}}        '
)


def pack(header: dict[str, Any], tensors: Tensors) -> bytes:
    """The compact form of a codec, as it is stored in ROOT files."""
    plain = _safetensors(_json(header), tensors)
    packed = _deflated(plain, 9)
    if len(plain) > _largest(packed):
        packed = _deflated(plain, 0)
    return MAGIC + _digest(packed)[:DIGEST_BYTES] + packed


def pack_plain(header: dict[str, Any], tensors: Tensors) -> bytes:
    """The plain form, as ``Codec.save`` writes it: safetensors with a digest in the metadata."""
    text = _json(header)
    digest = _content_digest(text, tensors).hex()
    return _in_order(_safetensors(text, tensors, digest=digest, format=str(MAGIC[-1])))


def fingerprint(header: dict[str, Any], tensors: Tensors) -> bytes:
    """What identifies a codec, compact or plain: SHA-256 of all that makes it."""
    return _content_digest(_json(header), tensors)


def unpack(data: bytes) -> tuple[dict[str, Any], Tensors]:
    """Header and tensors of a stored codec, compact or plain, from untrusted bytes.

    Raises:
        DamagedFileError: these bytes are not a codec, or their digest does not agree.
        VersionError: they have a newer format.
    """
    version = len(MAGIC) - 1
    is_plain = data[:version] != MAGIC[:version]
    try:
        metadata, tensors = _read_safetensors(data if is_plain else _inflate(data))
        text = metadata["atlasae"]
        if is_plain:
            _check_format(int(metadata["format"]))
            _check_digest(bytes.fromhex(metadata["digest"]), _content_digest(text, tensors))
        header: dict[str, Any] = json.loads(text)
    except (DamagedFileError, VersionError):
        raise
    except (zlib.error, struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedFileError(f"not a codec of atlasae ({error})") from error
    return header, tensors


def _json(header: dict[str, Any]) -> str:
    return json.dumps(header, separators=(",", ":"))


def _safetensors(text: str, tensors: Tensors, **more: str) -> bytes:
    from safetensors.numpy import save

    return save(tensors, metadata={"atlasae": text, **more})


def _in_order(data: bytes) -> bytes:
    """The same safetensors, with the metadata in the order of their names; it is drawn at random."""
    start = struct.calcsize("<Q")
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[start : start + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % start)  # the arrays are aligned
    return struct.pack("<Q", len(text)) + text + data[start + length :]


def _read_safetensors(data: bytes) -> tuple[dict[str, str], Tensors]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(data)
    except SafetensorError as error:
        raise DamagedFileError(f"not a codec of atlasae ({error})") from error
    (length,) = struct.unpack_from("<Q", data)
    return json.loads(data[8 : 8 + length])["__metadata__"], tensors


def _deflated(plain: bytes, level: int) -> bytes:
    deflate = zlib.compressobj(level, wbits=-zlib.MAX_WBITS, zdict=DEFLATE_DICTIONARY)
    return deflate.compress(plain) + deflate.flush()


def _largest(packed: bytes) -> int:
    """Bytes that a compact codec may inflate to."""
    return _LARGEST_SMALL + _LARGEST_RATIO * len(packed)


def _inflate(data: bytes) -> bytes:
    """The plain form of the compact one, after a check of its digest."""
    version, start = len(MAGIC) - 1, len(MAGIC) + DIGEST_BYTES
    if len(data) <= start or not data[version]:
        raise DamagedFileError("not a codec of atlasae")
    _check_format(data[version])
    _check_digest(data[len(MAGIC) : start], _digest(data[start:])[:DIGEST_BYTES])
    inflate = zlib.decompressobj(-zlib.MAX_WBITS, zdict=DEFLATE_DICTIONARY)
    plain = inflate.decompress(data[start:], _largest(data[start:]))
    if not inflate.eof:
        raise DamagedFileError(f"a codec of {len(data)} bytes inflates to more than it may")
    return plain


def _check_format(written: int) -> None:
    if written > MAGIC[-1]:
        raise VersionError(
            f"the codec has format {written}, this atlasae reads up to {MAGIC[-1]}:"
            " upgrade with pip install -U atlasae"
        )


def _check_digest(stored: bytes, computed: bytes) -> None:
    if stored != computed:
        raise DamagedFileError("the codec is damaged: its digest does not agree")


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _content_digest(text: str, tensors: Tensors) -> bytes:
    """SHA-256 of everything that makes the codec."""
    pieces = [text.encode()]
    for name in sorted(tensors):
        tensor = tensors[name]
        pieces += [f"{name} {tensor.dtype} {tensor.shape}".encode(), tensor.tobytes()]
    return _digest(b"".join(pieces))
