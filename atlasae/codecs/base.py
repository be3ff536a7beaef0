"""The contract of every codec, the registry that finds them by name, and their stored form."""

from __future__ import annotations

import inspect
import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from atlasae.atomic_write import atomic_write
from atlasae.codecs.registry import codec_class
from atlasae.codecs.serialization import _header, _plain, _unpack, pack
from atlasae.errors import (
    DamagedFileError,
    InputError,
    MissingFileError,
    MissingNameError,
    NotFittedError,
)
from atlasae.jets.names import four_vector
from atlasae.jets.table import Table, to_table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import awkward as ak
    from numpy.typing import NDArray
    from typing_extensions import Self

    from atlasae.codecs.autoencoder.codec import AutoencoderCodec
    from atlasae.codecs.bounded.codec import BoundedCodec
    from atlasae.coding.blocks import Block
    from atlasae.types import PathLike

    Tensors = dict[str, NDArray[Any]]


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
        """An untrained autoencoder codec; see ``atlasae.codecs.autoencoder.codec.AutoencoderCodec``."""
        return cast("AutoencoderCodec", codec_class("autoencoder")(**hyperparameters))

    @staticmethod
    def bounded(**hyperparameters: Any) -> BoundedCodec:
        """An untrained bounded codec; see ``atlasae.codecs.bounded.codec.BoundedCodec``."""
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

    def save(self, path: PathLike, *, force: bool = True) -> None:
        """Write the trained codec to a file that ``Codec.load`` reads: plain safetensors.

        Raises:
            NotFittedError: the codec is not trained.
            TargetExistsError: the file is there and ``force`` is false.
        """
        self.require_fitted()
        state, tensors = self._state()
        data = _plain(_header(self, state), tensors, digest=True)
        with atomic_write(path, force=force) as beside:
            beside.write_bytes(data)

    @staticmethod
    def load(path: PathLike) -> Codec:
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
