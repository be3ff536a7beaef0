"""The contract of every codec: what analyses and files ask of it. It knows no codec."""

from __future__ import annotations

import os
from abc import abstractmethod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np

from atlasae.codecs.model_card import ModelCard
from atlasae.codecs.pretrained import pretrained_path
from atlasae.codecs.registry import codec_class
from atlasae.codecs.serialization import fingerprint, unpack
from atlasae.codecs.stored import MODEL_CARD, StoredCodec
from atlasae.coding.blocks import FINGERPRINT_BYTES
from atlasae.errors import (
    DamagedFileError,
    InputError,
    MissingNameError,
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
    from atlasae.coding.blocks import Block
    from atlasae.quantization.quantities import Quantity
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Features, Floats, PathLike

Storage: TypeAlias = Literal["blocks", "latents"]
_DAMAGE = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, AssertionError)


def require_enough(table: Table) -> None:
    """Raise InputError if there are too few jets to learn from."""
    if len(table) < 2:
        raise InputError(f"too few jets: a fit needs at least two, not {len(table)}")


class Codec(StoredCodec):
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
        bits_: bits per jet by feature on held-out training jets; empty if they are not measured.
        history_: losses of the training by epoch; None if there are none.
        collection: name of the collection that it is for, which ``save`` keeps; ``compress`` uses it
            for no other. Empty if it is not known.
        sources: names of the files whose jets it is fitted to, for the model card.
        model_card_: what it was fitted to, and how well it does where, which ``save`` keeps and
            compressed files do not; None if it is not known.

    Example:
        >>> import atlasae
        >>> import awkward as ak
        >>> jets = atlasae.read_jets(atlasae.sample(), entry_stop=500)
        >>> codec = atlasae.Codec.bounded(tolerance=1e-2).fit(jets)
        >>> decoded = codec.decode(codec.encode(jets))
        >>> bool(ak.all(abs(decoded.pt - jets.pt) <= 1e-2 * jets.pt))
        True
    """

    bounded: ClassVar[RegisteredCodec]
    autoencoder: ClassVar[RegisteredCodec]
    features: tuple[str, ...] | None
    tolerances_: Mapping[str, Tolerance] = MappingProxyType({})
    cuts_: Mapping[str, tuple[float, ...]] = MappingProxyType({})
    order_kept_: str | None = None
    quantities_: Sequence[Quantity] = ()
    bits_: Mapping[str, float] = MappingProxyType({})
    history_: History | None = None

    def __new__(cls, *_: Any, **__: Any) -> Self:
        if cls is Codec:
            raise TypeError(
                "Codec is what all codecs share; make one with Codec.bounded(tolerance=1e-3) or"
                " Codec.autoencoder(latent=3), or read one with Codec.load(file)"
            )
        return super().__new__(cls)

    def __init__(self) -> None:
        """A codec without hyperparameters."""

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

    def surprise(self, jets: Any) -> Floats:
        """How unlike the training jets each jet is, in bits: the sum of ``surprise_by_feature``.

        Args:
            jets: with at least the fitted features, flat or grouped by event.

        Returns:
            Shape (n,), float64; grouped jets come event by event.

        Example:
            >>> import atlasae
            >>> jets = atlasae.read_jets(atlasae.sample())
            >>> codec = atlasae.Codec.bounded(tolerance=1e-3).fit(jets[:15_000])
            >>> good, shifted = jets[15_000:], jets[15_000:]
            >>> shifted["pt"] = 1.2 * shifted.pt
            >>> bool(codec.surprise(shifted).mean() > codec.surprise(good).mean() + 0.1)
            True
        """
        bits: Floats = np.sum(list(self.surprise_by_feature(jets).values()), axis=0)
        return bits

    def surprise_by_feature(self, jets: Any) -> dict[str, Floats]:
        """The part of each feature in the surprise of jets, in bits, each of shape (n,).

        The mean over many jets, compared with that over good ones, tells whether something changed;
        ``docs/how-to/data-quality.md`` has an example.

        Raises:
            NotFittedError: the codec is not fitted.
            MissingNameError: a feature is missing.
            InputError: a feature has values that the codec does not take.
            NotImplementedError: this kind of codec does not measure it.
        """
        raise NotImplementedError(f"{self.call} does not measure surprise")

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

    def require_features(self, coded: Features, every: Features, branches: Collection[str]) -> None:
        """Check that what the settings say of features can be done.

        Args:
            coded: the features of each collection that one codec would take.
            every: all features of each.
            branches: names of all branches, also of those that are in no collection.

        Raises:
            MissingNameError: they name what does not exist; the message names the nearest.
            InputError: they promise something of features that no codec takes together.
        """

    def require_dtypes(self, dtypes: Mapping[str, str]) -> None:
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
        require_enough(table)
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
            collection, card = str(header.pop("collection", "")), header.pop(MODEL_CARD, None)
            codec: Codec = codec_class(header["codec"]).from_config(header["config"])
            codec._restore(header["state"], tensors)
            codec._fingerprint = fingerprint(header, tensors)[:FINGERPRINT_BYTES]
            codec.collection = collection
            codec.model_card_ = ModelCard.from_json(card) if card else None
        except (MissingNameError, VersionError):
            raise
        except (*_DAMAGE, RecursionError) as error:
            raise DamagedFileError(f"the stored codec is damaged: {error!r}") from error
        return codec

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

    @staticmethod
    def pretrained(name: str, kind: str = "bounded") -> Codec:
        """A fitted codec that is part of the package, with its model card.

        On jets unlike those that it was fitted to a bounded codec keeps its tolerance, and takes more
        bits; the errors of an autoencoder grow.

        Args:
            name: of the kind of jets: ``dijets``, hard QCD dijets at 13 TeV from Pythia 8, anti-kt
                with R = 0.4 and pt > 20 GeV, float32, in GeV.
            kind: ``bounded``, with a tolerance of 1e-3, or ``autoencoder``, with three latents.

        Raises:
            MissingNameError: there is none of this name and kind; the message names those there are.

        Example:
            >>> import atlasae
            >>> import awkward as ak
            >>> codec = atlasae.Codec.pretrained("dijets")
            >>> jets = atlasae.read_jets(atlasae.sample(), entry_stop=1000)
            >>> len(codec.encode(jets)) < 6 * int(ak.count(jets.pt))  # of 16 bytes each
            True
        """
        return Codec.load(pretrained_path(name, kind))
