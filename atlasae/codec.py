"""The contract of every codec, the registry that finds them by name, and their stored form."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import struct
import zlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from atlasae.errors import (
    DamagedFileError,
    InputError,
    MissingFileError,
    MissingNameError,
    NotFittedError,
)
from atlasae.features import Table, four_vector, to_table
from atlasae.files import whole_file

if TYPE_CHECKING:
    import awkward as ak
    from numpy.typing import NDArray
    from typing_extensions import Self

    from atlasae.autoencoder import AutoencoderCodec
    from atlasae.blocks import Block
    from atlasae.bounded import BoundedCodec

    Tensors = dict[str, NDArray[Any]]

MAGIC = b"atc\x01"  # the last byte is the format's version
_DIGEST = 16  # bytes of SHA-256: against damage, as a file of this size has no one to forge it
_LARGEST = 1 << 28  # bytes that a stored codec may unpack to
ENTRY_POINTS = "atlasae.codecs"

# The codecs of this package, as "module:class"; others register in the entry-point group.
_BUILT_IN = {
    "autoencoder": "atlasae.autoencoder:AutoencoderCodec",
    "bounded": "atlasae.bounded:BoundedCodec",
}

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


class Codec(ABC):
    """Compresses jets: ``fit`` learns from jets, ``encode`` and ``decode`` do the work.

    Hyperparameters are given to the constructor and kept under their own names; what ``fit``
    learns has a name that ends in an underscore.

    Attributes:
        features: names of the columns to compress; None for the 4-vector of the jets.
        features_: the names compressed, in order.
    """

    codec_id: ClassVar[str]
    features: tuple[str, ...] | None
    features_: tuple[str, ...]

    @staticmethod
    def autoencoder(**hyperparameters: Any) -> AutoencoderCodec:
        """An untrained autoencoder codec; see ``atlasae.autoencoder.AutoencoderCodec``."""
        return cast("AutoencoderCodec", codec_class("autoencoder")(**hyperparameters))

    @staticmethod
    def bounded(**hyperparameters: Any) -> BoundedCodec:
        """An untrained bounded codec; see ``atlasae.bounded.BoundedCodec``."""
        return cast("BoundedCodec", codec_class("bounded")(**hyperparameters))

    @abstractmethod
    def fit(self, jets: Any, *, progress: bool = False) -> Self:
        """Learn from jets and return self."""

    @abstractmethod
    def encode(self, jets: Any) -> Any:
        """Compress jets."""

    @abstractmethod
    def decode(self, encoded: Any) -> ak.Array:
        """Bring jets back, as awkward records with the fields and dtypes they were fitted with."""

    @property
    @abstractmethod
    def is_fitted(self) -> bool:
        """Whether the codec has been trained or loaded."""

    @property
    def gives_blocks(self) -> bool:
        """Whether it codes into blocks, by ``encode_blocks`` and ``decode_blocks``."""
        return False

    @property
    def reorders(self) -> bool:
        """Whether blocks have events, or jets, in another order than they were given in."""
        return False

    def encode_blocks(self, jets: Any) -> Iterator[Block]:
        """Code jets into blocks, each of which is decodable alone."""
        raise NotImplementedError(f"{self!r} gives no blocks")

    def decode_blocks(
        self, blocks: Iterator[Block], features: Collection[str] | None = None
    ) -> ak.Array:
        """The jets of blocks, one after another; at least the features asked for."""
        raise NotImplementedError(f"{self!r} gives no blocks")

    @abstractmethod
    def _state(self) -> tuple[dict[str, Any], Tensors]:
        """What was learned: JSON-ready values, and named arrays."""

    @abstractmethod
    def _restore(self, state: dict[str, Any], tensors: Tensors) -> None:
        """Take back what ``_state`` gave."""

    def chosen(self, jets: Any) -> Table:
        """The columns to fit: those of ``features``, else the 4-vector, else all.

        Raises:
            MissingNameError: one of ``features`` is not among the jets'.
        """
        table = to_table(jets)
        names = list(table.columns)
        return table.select(self.features or four_vector(names) or names)

    def get_config(self) -> dict[str, Any]:
        """The hyperparameters, JSON-ready; ``from_config`` makes the same codec of them."""
        names = inspect.signature(type(self)).parameters
        values = {name: getattr(self, name) for name in names}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """An untrained codec with these hyperparameters."""
        return cls(**config)

    def __repr__(self) -> str:
        shown = [
            f"{name}={getattr(self, name)!r}"
            for name, parameter in inspect.signature(type(self)).parameters.items()
            if getattr(self, name) != parameter.default
        ]
        return f"Codec.{self.codec_id}({', '.join(shown)})"

    def require_fitted(self) -> None:
        """Raise NotFittedError on an untrained codec."""
        if not self.is_fitted:
            raise NotFittedError(f"{self!r} is not trained: call fit(jets), or Codec.load(file)")

    def to_bytes(self) -> bytes:
        """The trained codec in its stored form: safetensors with a JSON header, compressed.

        Raises:
            NotFittedError: the codec is not trained.
        """
        self.require_fitted()
        return pack(self, *self._state())

    def decoder_bytes(self) -> bytes:
        """What a compressed file holds of the codec: enough of it to decode."""
        return self.to_bytes()

    @staticmethod
    def from_bytes(data: bytes) -> Codec:
        """The inverse of ``to_bytes``, for any codec.

        Raises:
            DamagedFileError: these bytes are not a codec, or one of a newer format.
            MissingNameError: no codec of this kind is installed.
        """
        header, tensors = _unpack(data)
        try:
            codec = codec_class(header["codec"]).from_config(header["config"])
            codec._restore(header["state"], tensors)  # noqa: SLF001  (a Codec, like this)
        except (
            LookupError,
            TypeError,
            AttributeError,
            ValueError,
            ArithmeticError,
            AssertionError,
        ) as error:
            if isinstance(error, MissingNameError):
                raise
            raise DamagedFileError(f"the stored codec is damaged: {error!r}") from error
        return codec

    def save(self, path: str | os.PathLike[str], *, force: bool = True) -> None:
        """Write the trained codec to a file that ``Codec.load`` reads: plain safetensors.

        Raises:
            NotFittedError: the codec is not trained.
            TargetExistsError: the file is there and ``force`` is false.
        """
        self.require_fitted()
        state, tensors = self._state()
        data = _plain(_header(self, state), tensors, digest=True)
        with whole_file(path, force=force) as beside:
            beside.write_bytes(data)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Codec:
        """Read a codec of any kind from a file.

        Raises:
            MissingFileError: there is no such file.
            DamagedFileError: it is not a codec, or one of a newer format.
        """
        if not Path(path).is_file():
            raise MissingFileError(f"no codec file {os.fspath(path)!r}")
        try:
            return Codec.from_bytes(Path(path).read_bytes())
        except DamagedFileError as error:
            raise DamagedFileError(f"{os.fspath(path)}: {error}") from error


def check_common(features: Any, seed: Any) -> None:
    """Check the hyperparameters that all codecs have; raises InputError."""
    if not (isinstance(seed, int) and 0 <= seed < 2**32):
        raise InputError(f"seed={seed!r} is not an integer from 0 to below 2^32")
    if isinstance(features, str) or len(set(features or ())) != len(features or ()):
        raise InputError(f"features={features!r} are not names, each given once")


def codec_class(codec_id: str) -> type[Codec]:
    """The class of a codec, imported when it is first asked for.

    Raises:
        MissingNameError: no codec of this name is built in or registered.
    """
    targets = _BUILT_IN
    if codec_id not in targets:  # going through what is installed takes a while
        targets = {point.name: point.value for point in entry_points(group=ENTRY_POINTS)} | targets
    if codec_id not in targets:
        raise MissingNameError.of("codec", codec_id, "the registry", targets)
    module, _, name = targets[codec_id].partition(":")
    found: type[Codec] = getattr(import_module(module), name)
    return found


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
