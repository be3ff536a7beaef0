"""Codecs that store latents, and what they code beside them to bound the error."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.codecs.autoencoder.deployment import DeployableCodec
from atlasae.codecs.autoencoder.latent_blocks import LatentBlocks, StoredLatents
from atlasae.codecs.autoencoder.latent_dtypes import rounded_latents
from atlasae.codecs.autoencoder.model import Model
from atlasae.codecs.autoencoder.network import DenseNetwork
from atlasae.codecs.autoencoder.residual_coder import ResidualCoder
from atlasae.codecs.autoencoder.winding import TOO_COARSE, is_wound
from atlasae.codecs.base import Storage, require_enough
from atlasae.codecs.block_stream import decode_each, encode_each
from atlasae.codecs.bounded.codec import BoundedCodec
from atlasae.codecs.history import History
from atlasae.codecs.model_card import ERRORS, ModelCard
from atlasae.codecs.serialization import pack
from atlasae.coding.blocks import join_blocks, split_blocks
from atlasae.errors import InputError, located
from atlasae.jets import metrics
from atlasae.jets.table import Table, save_matrix, to_records, to_table
from atlasae.quantization.quantizer import require_dtype
from atlasae.quantization.tolerance import abs_, spec_from_json, spec_to_json, tolerances

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import awkward as ak
    from typing_extensions import Self

    from atlasae.codecs.serialization import Tensors
    from atlasae.coding.blocks import Block
    from atlasae.quantization.tolerance import ToleranceSpec
    from atlasae.types import PathLike, Values

_STORING = ("tolerance", "latent_tolerance", "latent_dtype")  # settings of what is stored


class LatentCodec(DeployableCodec):
    """What a codec of two networks does with jets and latents, once it is trained.

    Attributes:
        latent: number of latents of a jet.
        activation: of the networks.
        latent_tolerance: the largest error of a latent; None to store them as they are.
        tolerance: the largest error of each feature; None if it has no bound.
        seed: of the training, and of the samples that the coders are fitted to.
    """

    latent: int
    activation: str
    latent_tolerance: float | None
    tolerance: ToleranceSpec | None
    seed: int
    _latent_codec: BoundedCodec | None = None
    _blocks: LatentBlocks | None = None

    @property
    def storage(self) -> Storage:
        return "latents" if self.latent_tolerance is None else "blocks"

    @property
    def has_residuals(self) -> bool:
        return self.tolerance is not None and self.storage == "latents"

    @property
    def residual_bits_(self) -> Mapping[str, float]:
        """Bits that residuals take per jet by feature, on held-out jets; empty without a tolerance."""
        return {} if self._blocks is None else self._blocks.residuals.bits

    @property
    def latent_names(self) -> tuple[str, ...]:
        """The fields of latents grouped by event, which become branches: z0, z1 and so on."""
        return tuple(f"z{i}" for i in range(self.latent))

    def encode(self, jets: Any) -> Values | ak.Array | bytes:
        """Encode jets to latents.

        Args:
            jets: with at least the fitted features, flat or grouped by event.

        Returns:
            For flat jets an array of shape (n, latent); for jets grouped by event awkward records
            with the fields z0, z1, ..., grouped alike. Both of ``latent_dtype``, or float32 for
            ``bfloat16``. With a ``tolerance`` or a ``latent_tolerance``, bytes.

        Raises:
            NotFittedError: the codec is not fitted, or came from a file that stores decoders.
            MissingNameError: a feature is missing.
            InputError: without a tolerance, a value is NaN or infinite, or the energies are in
                another unit; with one, a feature has another dtype than at fit.
        """
        if self.tolerance is not None:
            return join_blocks(self.encode_blocks(jets), self._bounded.fingerprint)
        latents = self.encode_latents(jets)
        if self._latent_codec is not None:
            return self._latent_codec.encode(latents)
        if latents.counts is None:
            return np.stack(list(latents.columns.values()), axis=1)
        return to_records(latents)

    def decode(self, encoded: Any) -> ak.Array:
        """Decode latents to jets; within the tolerance, if there is one, from bytes alone.

        Args:
            encoded: what ``encode`` gave: an array (n, latent), records with z0, z1, ..., or
                bytes.

        Returns:
            Awkward records with the fitted features and dtypes, grouped as ``encoded`` is.

        Raises:
            NotFittedError: the codec is not fitted.
            InputError: the latents have another width.
            MissingNameError: a latent field is missing.
            DamagedFileError: the bytes are damaged, or another codec wrote them.
        """
        self.require_fitted()
        if isinstance(encoded, bytes):
            if self.tolerance is not None:
                blocks = split_blocks(encoded, self._bounded.fingerprint)
                return to_records(self.decode_blocks(blocks))
            if self._latent_codec is None:
                raise InputError(
                    "bytes can be decoded only by a codec with a tolerance or a latent_tolerance"
                )
            encoded = self._latent_codec.decode(encoded)
        return to_records(self.decode_latents(encoded))

    def encode_latents(self, jets: Any) -> Table:
        self.model_.require_encoder()  # before the jets are looked at
        return self._encode(self.select_fitted(jets))

    def decode_latents(self, latents: Any) -> Table:
        matrix, counts = self._matrix(latents)
        return Table(self.model_.decode(matrix), counts)

    def encode_blocks(self, jets: Any, threads: int | None = None) -> Iterator[Block]:
        self.model_.require_encoder()
        if self.tolerance is not None:
            return encode_each(self.select_fitted(jets), self._bounded.block, threads)
        assert self._latent_codec is not None
        return self._latent_codec.encode_blocks(self.encode_latents(jets), threads)

    def decode_blocks(
        self,
        blocks: Iterator[Block],
        features: Collection[str] | None = None,
        threads: int | None = None,
    ) -> Table:
        if self.tolerance is not None:
            return decode_each(blocks, partial(self._bounded.table, features=features), threads)
        assert self._latent_codec is not None
        return self.decode_latents(self._latent_codec.decode_blocks(blocks, threads=threads))

    def encode_residuals(self, jets: Any, latents: Any) -> Block:
        return self._bounded.residuals.block(self.select_fitted(jets), 0, self._predict(latents))

    def decode_residuals(
        self, block: Block, latents: Any, features: Collection[str] | None = None
    ) -> Table:
        return self._bounded.residuals.table(block, self._predict(latents), features)

    def stored_as(self, jets: Any, *, uses: float = 10.0, **settings: Any) -> Self:
        """A codec with the same networks, which stores something else; nothing is trained.

        Args:
            jets: like those that the codec was fitted to.
            uses: number of jets to be coded, divided by the number of jets given here.
            settings: some of ``tolerance``, ``latent_tolerance`` and ``latent_dtype``.

        Raises:
            NotFittedError: the codec is not fitted, or came from a file that stores decoders.
            InputError: there is no such setting, or it cannot have this value; there are fewer than
                two jets; or, with a ``tolerance``, a feature has another dtype than at fit.

        Example:
            >>> import atlasae
            >>> import awkward as ak
            >>> jets = atlasae.read_jets(atlasae.sample(), entry_stop=500)
            >>> codec = atlasae.Codec.autoencoder(network=(16, 8), epochs=2).fit(jets)
            >>> within = codec.stored_as(jets, tolerance=1e-3)
            >>> decoded = within.decode(within.encode(jets))
            >>> bool(ak.all(abs(decoded.eta - jets.eta) <= 1e-3))
            True
        """
        if others := settings.keys() - set(_STORING):
            raise InputError(
                f"{', '.join(sorted(others))}: what is stored is a matter of {', '.join(_STORING)}"
            )
        encoder = self.model_.require_encoder()
        made = self.from_config(self.get_config() | settings)
        if (
            made.latent_dtype == "bfloat16"
            and isinstance(encoder, DenseNetwork)
            and is_wound(encoder)
        ):
            raise InputError(TOO_COARSE)
        made._take(self.model_, self.history_)  # noqa: SLF001
        made.collection, made.sources = self.collection, self.sources
        made.model_card_ = self.model_card_
        table = made.select_fitted(jets)
        require_enough(table)
        if made.tolerance is not None:
            for (name, column), dtype in zip(table.columns.items(), self.dtypes_, strict=True):
                with located(f"feature {name!r}"):
                    require_dtype(column.dtype.name, dtype)
        if made.latent_dtype != self.latent_dtype:
            finite = made._trainable(table)  # noqa: SLF001
            made._measure(table, finite, finite)  # noqa: SLF001
        made._fit_coders(table, uses=uses, progress=False)  # noqa: SLF001
        return made

    def save_reduced_features(self, jets: Any, path: PathLike = "reduced_features.npy") -> None:
        """Encode and decode jets, and write the result with ``np.save``, shape (n, features).

        float64, the features in the order of ``features_``, jets flat.
        """
        save_matrix(self.decode(self.encode(to_table(jets).flat())), path, force=True)

    def decoder_bytes(self) -> bytes:
        """The codec without its encoder: what compressed files store."""
        self.require_fitted()
        state, tensors = self._state()
        decoder = {k: v for k, v in tensors.items() if not k.startswith("encoder.")}
        return pack(self._header(state), decoder)

    def require_dtypes(self, dtypes: Mapping[str, str]) -> None:
        if self.tolerance is not None:
            self._bounded.residuals.require_dtypes(dtypes)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"tolerance": self.tolerance and spec_to_json(self.tolerance)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config | {"tolerance": spec_from_json(config.get("tolerance"))})

    def _trainable(self, table: Table) -> Table:
        """The jets that networks can be trained on: those whose values all are finite.

        Raises:
            InputError: some are not, and no tolerance bounds their errors.
        """
        finite = table if self.tolerance is None else table.finite()
        finite.matrix()  # names values that are not finite
        return finite

    def _measure(self, table: Table, train: Table, held_out: Table) -> None:
        """Measure the errors of the model, and make its card.

        Args:
            table: all jets.
            train: those that it was trained on.
            held_out: those to measure it on; ``train`` if there are none.
        """
        tested = held_out if len(held_out) else train
        latents = self.encode_latents(tested)
        self._model = self.model_.measured(tested, latents.matrix())
        errors = metrics.residuals(tested, Table(self.model_.decode(latents.matrix())))
        numbers = {name: result.by_jet for name, result in errors.items()}
        self.model_card_ = ModelCard.of(table, train, tested, ERRORS, numbers, self.sources)

    def _fit_coders(self, table: Table, *, uses: float = 10.0, progress: bool) -> None:
        if self.latent_tolerance is not None:
            latents = self._encode(table)
            self._latent_codec = self._new_latent_codec().fit(latents, uses=uses, progress=progress)
        if self.tolerance is not None:
            self._take_blocks(
                LatentBlocks.fit(
                    self.model_,
                    self._stored_latents,
                    table,
                    tolerances(self.tolerance, self.features_),
                    seed=self.seed,
                    uses=uses,
                    progress=progress,
                )
            )

    def _new_latent_codec(self) -> BoundedCodec:
        assert self.latent_tolerance is not None
        return BoundedCodec(tolerance=abs_(self.latent_tolerance), seed=self.seed)

    def _take_blocks(self, blocks: LatentBlocks) -> None:
        self._blocks = blocks
        self.tolerances_ = blocks.residuals.tolerances
        self.order_kept_ = blocks.residuals.order_kept

    @property
    def _stored_latents(self) -> StoredLatents:
        return StoredLatents(self.latent_names, self.latent_dtype, self._latent_codec)

    @property
    def _bounded(self) -> LatentBlocks:
        """What codes blocks within the tolerance."""
        self.require_fitted()
        assert self._blocks is not None
        return self._blocks

    def _encode(self, table: Table) -> Table:
        if self.tolerance is None:
            latents = rounded_latents(self.model_.encode(table), self.latent_dtype)
        else:
            latents = self.model_.encode_any(table, self.latent_dtype)
        return Table(dict(zip(self.latent_names, latents.T, strict=True)), table.counts)

    def _matrix(self, latents: Any) -> tuple[Values, Values | None]:
        """Latents, shape (n, latent), and the number of jets of each event, if there are any."""
        if isinstance(latents, np.ndarray) and latents.dtype.names is None:
            matrix, counts = latents, None
        else:
            table = to_table(latents).select(self.latent_names)
            matrix, counts = np.stack(list(table.columns.values()), axis=1), table.counts
        if matrix.ndim != 2 or matrix.shape[1] != self.latent:
            raise InputError(f"latents must have shape (n, {self.latent}), not {matrix.shape}")
        return matrix, counts

    def _predict(self, latents: Any) -> dict[str, Values]:
        return self.model_.predict(self._matrix(latents)[0])

    def _state(self) -> tuple[dict[str, Any], Tensors]:
        assert self.history_ is not None
        state = self.model_.state() | {"history": self.history_.to_json()}
        tensors = self.model_.tensors()
        if self._latent_codec is not None:
            state["latents"], learned = self._latent_codec._state()  # noqa: SLF001
            tensors["latents"] = learned["model"]
        if self._blocks is not None:
            state["residuals"] = self._blocks.residuals.state()
            tensors |= self._blocks.residuals.tensors()
        return state, tensors

    def _restore(self, state: dict[str, Any], tensors: Tensors) -> None:
        model = Model.of(state, tensors, self.activation, self.latent)
        self._take(model, History.from_json(state["history"]))
        if self.latent_tolerance is not None:
            self._latent_codec = self._new_latent_codec()
            self._latent_codec._restore(state["latents"], {"model": tensors["latents"]})  # noqa: SLF001
            if self._latent_codec.features_ != self.latent_names:
                raise InputError("the codec of the latents has other features")
        if self.tolerance is not None:
            dtypes = dict(zip(model.features, model.dtypes, strict=True))
            bounds = tolerances(self.tolerance, model.features)
            residuals = ResidualCoder.of(state["residuals"], tensors, dtypes, bounds)
            self._take_blocks(LatentBlocks(model, self._stored_latents, residuals))
