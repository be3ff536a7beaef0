"""The stored form of codecs: hyperparameters and what was learned, as bytes."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from atlasae.atomic_write import atomic_write
from atlasae.codecs.serialization import fingerprint, pack, pack_plain
from atlasae.coding.blocks import FINGERPRINT_BYTES
from atlasae.errors import NotFittedError

if TYPE_CHECKING:
    from typing_extensions import Self

    from atlasae.codecs.model_card import ModelCard
    from atlasae.codecs.serialization import Tensors
    from atlasae.types import PathLike

MODEL_CARD = "model card"  # in the header of a saved codec, and no part of its fingerprint


class StoredCodec(ABC):
    """What a codec is made of, and how it is written; ``Codec.load`` reads it.

    Attributes:
        codec_id: name in the registry and in stored codecs.
        features_: the fitted columns, in order.
        collection: name of the collection that it is for, which ``save`` keeps.
        sources: names of the files whose jets it is fitted to, for the model card.
        model_card_: what it was fitted to, and how well it does where, which ``save`` keeps and
            compressed files do not; None if it is not known.
    """

    codec_id: ClassVar[str]
    features_: tuple[str, ...]
    collection: str = ""
    sources: tuple[str, ...] = ()
    model_card_: ModelCard | None = None
    __signature__: ClassVar[inspect.Signature]
    _fingerprint: bytes | None = None  # once computed; ``fit`` sets it to None again

    def __init_subclass__(cls) -> None:
        """Show the signature of ``__init__``, which has the hyperparameters, not of ``__new__``."""
        signature = inspect.signature(cls.__init__)
        _, *parameters = signature.parameters.values()
        cls.__signature__ = signature.replace(parameters=parameters)

    @property
    @abstractmethod
    def is_fitted(self) -> bool:
        """Whether the codec has been fitted or loaded."""

    @abstractmethod
    def _state(self) -> tuple[dict[str, Any], Tensors]:
        """What was learned: JSON-ready values, and named arrays."""

    @abstractmethod
    def _restore(self, state: dict[str, Any], tensors: Tensors) -> None:
        """The inverse of ``_state``, from untrusted values."""

    def get_config(self) -> dict[str, Any]:
        """The hyperparameters, JSON-ready; ``from_config`` makes an equal codec of them."""
        names = inspect.signature(type(self)).parameters
        values = {name: getattr(self, name) for name in names}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """An unfitted codec with these hyperparameters."""
        return cls(**config)

    @property
    def call(self) -> str:
        """The call that makes this codec, without the hyperparameters that have their default."""
        shown = [
            f"{name}={getattr(self, name)!r}"
            for name, parameter in inspect.signature(type(self)).parameters.items()
            if getattr(self, name) != parameter.default
        ]
        return f"Codec.{self.codec_id}({', '.join(shown)})"

    def __repr__(self) -> str:
        fitted = f"fitted to {', '.join(self.features_)}" if self.is_fitted else "not fitted"
        return f"<{self.call}, {fitted}>"

    def require_fitted(self) -> None:
        """Raise NotFittedError if the codec is not fitted."""
        if not self.is_fitted:
            raise NotFittedError(f"{self.call} is not fitted: call fit(jets), or Codec.load(file)")

    def to_bytes(self) -> bytes:
        """The fitted codec in its stored form: safetensors with a JSON header, compressed.

        Raises:
            NotFittedError: the codec is not fitted.
        """
        self.require_fitted()
        state, tensors = self._state()
        return pack(self._header(state), tensors)

    @property
    def fingerprint(self) -> bytes:
        """A few bytes that identify the fitted codec, saved and loaded or not: streams carry them.

        Raises:
            NotFittedError: the codec is not fitted.
        """
        self.require_fitted()
        if self._fingerprint is None:
            state, tensors = self._state()
            self._fingerprint = fingerprint(self._header(state), tensors)[:FINGERPRINT_BYTES]
        return self._fingerprint

    def decoder_bytes(self) -> bytes:
        """What a compressed file stores of the codec: enough to decode."""
        return self.to_bytes()

    def _header(self, state: dict[str, Any]) -> dict[str, Any]:
        """What is stored beside the arrays: the hyperparameters that were set, and the state."""
        parameters = inspect.signature(type(self)).parameters
        config = {k: v for k, v in self.get_config().items() if v != parameters[k].default}
        return {"codec": self.codec_id, "config": config, "state": state}

    def save(self, path: PathLike, *, force: bool = True) -> None:
        """Write the fitted codec to a file that ``Codec.load`` reads: plain safetensors.

        Raises:
            NotFittedError: the codec is not fitted.
            TargetExistsError: the file exists and ``force`` is false.
        """
        self.require_fitted()
        state, tensors = self._state()
        more: dict[str, Any] = {"collection": self.collection} if self.collection else {}
        if self.model_card_ is not None:
            more[MODEL_CARD] = self.model_card_.to_json()
        data = pack_plain(self._header(state) | more, tensors)
        with atomic_write(path, force=force) as unfinished:
            unfinished.write_bytes(data)
