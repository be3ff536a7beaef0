"""The contract of every codec: what analyses and files ask of it. It knows no codec."""

from __future__ import annotations

import inspect
import os
from abc import ABC, abstractmethod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from atlasae.atomic_write import atomic_write
from atlasae.codecs.registry import codec_class
from atlasae.codecs.serialization import fingerprint, pack, pack_plain, unpack
from atlasae.coding.blocks import FINGERPRINT_BYTES
from atlasae.errors import (
    DamagedFileError,
    InputError,
    MissingNameError,
    NotFittedError,
    VersionError,
    located,
    require_bytes,
)
from atlasae.jets.names import find_feature, four_vector
from atlasae.jets.table import Table, to_table
from atlasae.source_files import CODEC, read_whole_file, require_kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import awkward as ak
    from typing_extensions import Self

    from atlasae.codecs.history import History
    from atlasae.codecs.registry import RegisteredCodec
    from atlasae.codecs.serialization import Tensors
    from atlasae.coding.blocks import Block
    from atlasae.quantization.quantities import Quantity
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Features, PathLike

Storage: TypeAlias = Literal["blocks", "latents"]
_DAMAGE = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, AssertionError)


class Codec(ABC):
    """Compresses jets: ``fit`` learns from jets, ``encode`` and ``decode`` do the work.

    Hyperparameters are arguments of the constructor and attributes of the same name; what ``fit``
    learns is an attribute whose name ends in an underscore. A new codec is a subclass with
    ``codec_id``, ``fit``, ``encode``, ``decode``, ``is_fitted``, ``_state`` and ``_restore``,
    registered in the entry-point group ``atlasae.codecs``. To be stored in ROOT files it also
    needs a ``storage`` and the two methods of that storage.

    Attributes:
        codec_id: name in the registry and in stored codecs.
        bounded: the class ``BoundedCodec``: ``Codec.bounded(tolerance=1e-3)``.
        autoencoder: the class ``AutoencoderCodec``: ``Codec.autoencoder(latent=3)``.
        features: names of the columns to compress; None for all, which are a 4-vector or no momenta.
        features_: the fitted columns, in order.
        tolerances_: largest error of each feature; empty if the codec promises none.
        cuts_: edges of which each value stays on its side, ascending, of each feature that has any.
        order_kept_: the feature whose order in events is kept; None if there is none.
        quantities_: quantities of events or of single jets that are kept.
        history_: losses of the training by epoch; None if there are none.
        collection: name of the collection that it is for, which ``save`` keeps; ``compress`` uses it
            for no other. Empty if it is not known.

    Example:
        >>> import atlasae
        >>> import awkward as ak
        >>> jets = atlasae.read_jets(atlasae.sample(), entry_stop=500)
        >>> codec = atlasae.Codec.bounded(tolerance=1e-2).fit(jets)
        >>> decoded = codec.decode(codec.encode(jets))
        >>> bool(ak.all(abs(decoded.pt - jets.pt) <= 1e-2 * jets.pt))
        True
    """

    codec_id: ClassVar[str]
    bounded: ClassVar[RegisteredCodec]
    autoencoder: ClassVar[RegisteredCodec]
    features: tuple[str, ...] | None
    features_: tuple[str, ...]
    tolerances_: Mapping[str, Tolerance] = MappingProxyType({})
    cuts_: Mapping[str, tuple[float, ...]] = MappingProxyType({})
    order_kept_: str | None = None
    quantities_: Sequence[Quantity] = ()
    history_: History | None = None
    collection: str = ""
    __signature__: ClassVar[inspect.Signature]
    _fingerprint: bytes | None = None  # once computed; ``fit`` sets it to None again

    def __new__(cls, *_: Any, **__: Any) -> Self:
        if cls is Codec:
            raise TypeError(
                "Codec is what all codecs share; make one with Codec.bounded(tolerance=1e-3) or"
                " Codec.autoencoder(latent=3), or read one with Codec.load(file)"
            )
        return super().__new__(cls)

    def __init__(self) -> None:  # noqa: B027  (else __new__ would take any arguments)
        """A codec without hyperparameters."""

    def __init_subclass__(cls) -> None:
        """Show the signature of ``__init__``, which has the hyperparameters, not of ``__new__``."""
        signature = inspect.signature(cls.__init__)
        _, *parameters = signature.parameters.values()
        cls.__signature__ = signature.replace(parameters=parameters)

    @abstractmethod
    def fit(self, jets: Any, *, uses: float = 10.0, progress: bool = False) -> Self:
        """Learn from jets and return self.

        Args:
            jets: in any form that ``atlasae.jets.table.to_table`` takes.
            uses: number of jets to be coded, divided by the number of jets given here; what does
                not earn back its size in the stored codec can be left out.
            progress: show a progress bar on the error stream.
        """

    @abstractmethod
    def encode(self, jets: Any) -> Any:
        """Compress jets."""

    @abstractmethod
    def decode(self, encoded: Any) -> ak.Array:
        """Decode to awkward records with the fields and dtypes given to ``fit``."""

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

    @property
    def storage(self) -> Storage | None:
        """How a ROOT file stores the jets.

        ``blocks``: bytes in a tree of their own, by ``encode_blocks`` and ``decode_blocks``.
        ``latents``: float16 or float32 in branches beside the counter of the jets, by
        ``encode_latents`` and ``decode_latents``. None: the codec cannot be used for files.
        """
        return None

    @property
    def reorders(self) -> bool:
        """Whether ``encode_blocks`` changes the order of the events, or of jets without events."""
        return False

    def encode_blocks(self, jets: Any, threads: int | None = None) -> Iterator[Block]:
        """Code jets into blocks, each decodable alone, by several threads."""
        raise NotImplementedError(f"{self.call} has no blocks")

    def decode_blocks(
        self,
        blocks: Iterator[Block],
        features: Collection[str] | None = None,
        threads: int | None = None,
    ) -> Table:
        """Decode blocks to one table with at least these features, by several threads."""
        raise NotImplementedError(f"{self.call} has no blocks")

    @property
    def latent_names(self) -> tuple[str, ...]:
        """Names of the latents, which become branches."""
        return ()

    def encode_latents(self, jets: Any) -> Table:
        """Encode jets to a table of latents, a row per jet."""
        raise NotImplementedError(f"{self.call} has no latents")

    def decode_latents(self, latents: Any) -> Table:
        """Decode a table of latents to a table of jets."""
        raise NotImplementedError(f"{self.call} has no latents")

    @property
    def has_residuals(self) -> bool:
        """Whether a file stores blocks of residuals beside the latents, which bound the error."""
        return False

    def encode_residuals(self, jets: Any, latents: Any) -> Block:
        """A block of what brings the jets that latents predict within the tolerances."""
        raise NotImplementedError(f"{self.call} has no residuals")

    def decode_residuals(
        self, block: Block, latents: Any, features: Collection[str] | None = None
    ) -> Table:
        """Decode a block to jets with at least these features, given the same latents."""
        raise NotImplementedError(f"{self.call} has no residuals")

    @property
    def fits_each_collection(self) -> bool:
        """Whether ``compress`` fits one such codec to each collection of a file, or uses one only."""
        return False

    def loses_nothing(self, collection: str, names: Sequence[str]) -> bool:  # noqa: ARG002
        """Whether an unfitted codec would keep the order, and every bit of a collection's features."""
        return False

    def for_collection(self, collection: str, names: Sequence[str]) -> Codec:  # noqa: ARG002
        """An unfitted codec with the same settings, for a collection with these features."""
        return self.from_config(self.get_config())

    def preserving_order(self) -> Codec:
        """This codec, or an unfitted one with the same settings that keeps the order."""
        return self

    def require_features(  # noqa: B027  (most name none)
        self, coded: Features, every: Features, branches: Collection[str]
    ) -> None:
        """Check that what the settings say of features can be done.

        Args:
            coded: the features of each collection that one codec would take.
            every: all features of each.
            branches: names of all branches, also of those that are in no collection.

        Raises:
            MissingNameError: they name what does not exist; the message names the nearest.
            InputError: they promise something of features that no codec takes together.
        """

    def require_dtypes(self, dtypes: Mapping[str, str]) -> None:  # noqa: B027  (most take any)
        """Check that a fitted codec can encode columns of these dtypes, by feature.

        Raises:
            InputError: it cannot; the message says what can be done.
        """

    def select_features(self, jets: Any) -> Table:
        """The columns to fit: those of ``features``, else all, a 4-vector in its usual order.

        Raises what ``fit`` raises of them before it starts to work.

        Raises:
            MissingNameError: the jets lack one of ``features``.
            InputError: there are no ``features``, and columns beside a 4-vector; or fewer than two
                jets.
        """
        table = to_table(jets)
        names = list(table.columns)
        chosen = self.features or four_vector(names) or names
        self._refuse_others(names, chosen)
        if len(table) < 2:
            raise InputError(f"too few jets: a fit needs at least two, not {len(table)}")
        return table.select(chosen)

    def select_fitted(self, jets: Any) -> Table:
        """The columns to encode, those of ``features_``.

        Raises:
            MissingNameError: the jets lack one of them.
            InputError: there are no ``features``, and columns that the codec was not fitted to.
        """
        table = to_table(jets)
        self._refuse_others(table.columns, self.features_)
        return table.select(self.features_)

    def _refuse_others(self, names: Collection[str], chosen: Collection[str]) -> None:
        """Raise InputError about columns that would be lost without having been left out."""
        if self.features is None and len(names) > len(chosen):
            known = {find_feature(name, names, "these jets") for name in chosen}
            others = ", ".join(repr(name) for name in names if name not in known)
            raise InputError(
                f"a codec without features= compresses {', '.join(chosen)} alone, and would lose"
                f" {others}; name all that it shall compress, features=[...], or give jets without"
                " the others"
            )

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

    @staticmethod
    def from_bytes(data: bytes) -> Codec:
        """The inverse of ``to_bytes``, for any codec; the bytes need not be trusted.

        Raises:
            InputError: it is not bytes, or those of codecs of whole files.
            DamagedFileError: these bytes are not a codec.
            VersionError: another version of atlasae wrote them, in a form this one cannot read.
            MissingNameError: no codec of this kind is installed.
        """
        require_bytes(data, "stored codecs")
        header, tensors = unpack(data)
        if "trees" in header:
            raise InputError("these are the codecs of whole files: FileCodecs.load reads them")
        try:
            collection = str(header.pop("collection", ""))
            codec: Codec = codec_class(header["codec"]).from_config(header["config"])
            codec._restore(header["state"], tensors)
            codec._fingerprint = fingerprint(header, tensors)[:FINGERPRINT_BYTES]
            codec.collection = collection
        except (MissingNameError, VersionError):
            raise
        except (*_DAMAGE, RecursionError) as error:
            raise DamagedFileError(f"the stored codec is damaged: {error!r}") from error
        return codec

    def save(self, path: PathLike, *, force: bool = True) -> None:
        """Write the fitted codec to a file that ``Codec.load`` reads: plain safetensors.

        Raises:
            NotFittedError: the codec is not fitted.
            TargetExistsError: the file exists and ``force`` is false.
        """
        self.require_fitted()
        state, tensors = self._state()
        made_for = {"collection": self.collection} if self.collection else {}
        data = pack_plain(self._header(state) | made_for, tensors)
        with atomic_write(path, force=force) as unfinished:
            unfinished.write_bytes(data)

    @staticmethod
    def load(path: PathLike) -> Codec:
        """Read a codec of any kind from a file that ``save`` wrote.

        Raises:
            MissingFileError: there is no such file.
            FileError: it cannot be read.
            DamagedFileError: it is not a codec.
            InputError: it holds the codecs of whole files.
            VersionError: another version of atlasae wrote it, in a form this one cannot read.
            MissingNameError: no codec of this kind is installed.
        """
        require_kind(path, CODEC)
        data = read_whole_file(path, "codec file")
        with located(os.fspath(path)):
            return Codec.from_bytes(data)
