"""The autoencoder codec: features through a narrow layer, whose values are what is stored."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from atlasae.codecs.autoencoder.history import History, LearningRates
from atlasae.codecs.autoencoder.network import ACTIVATIONS, DenseNetwork
from atlasae.codecs.autoencoder.scaling import SCALINGS, Scaling, cast_feature
from atlasae.codecs.base import Codec, check_common
from atlasae.codecs.bounded.codec import BoundedCodec
from atlasae.codecs.serialization import pack
from atlasae.errors import InputError, NotFittedError, require_choice
from atlasae.jets.names import energy_unit
from atlasae.jets.table import Table, column_of, save_matrix, to_records, to_table, typical_pt
from atlasae.quantization.tolerance import abs_

if TYPE_CHECKING:
    import awkward as ak
    from numpy.typing import NDArray
    from typing_extensions import Self

    from atlasae.codecs.autoencoder.training import Trainer
    from atlasae.coding.blocks import Block
    from atlasae.types import PathLike

LOSSES = ("rmse", "mse")
REGULARISATIONS = ("weight_decay", "l2")
LATENT_DTYPES = ("float32", "float16")
UNITS = ("GeV", "MeV")
WIDEST = 100_000  # units of a layer
OTHER_UNIT = 300.0  # times the typical pt: jets in MeV are 1000 times those in GeV
TELLING = 10  # jets from which a median means something
DEFAULT_STEPS = 10_000  # optimiser steps of a fit that names no number of epochs


class AutoencoderCodec(Codec):
    """A fixed-rate codec: k features a jet become ``latent`` numbers, and come back with a loss.

    The encoder has the layers features-hidden-latent, the decoder the same in reverse, with the
    activation between all layers, on the latent too (after it was stored). It began as a study
    for the ATLAS trigger, where 4-200-100-50-3-50-100-200-4 took 4-vectors to three numbers.

    Args:
        latent: numbers stored a jet; fewer than the features.
        activation: ``tanh``, ``relu``, ``leaky_relu``, ``sigmoid`` or ``softmax``.
        hidden: widths of the encoder's hidden layers.
        regularisation: ``weight_decay`` (decoupled from the gradient) or ``l2`` (in the loss).
        weight_decay: its strength.
        scaling: ``standard``, ``log`` or ``lund``; see ``atlasae.jets.table.Scaling``.
        loss: ``rmse`` or ``mse``, of the scaled features.
        latent_dtype: ``float32`` or ``float16``.
        latent_tolerance: the largest error of a latent, for coding them as a bounded codec codes
            features: ``encode`` then gives bytes. By default latents are kept as they are.
        features: names of the columns to compress, each numeric; by default (m, pt, phi, eta)
            by whatever names the jets call them, else all columns.
        unit: ``GeV`` or ``MeV``; by default told from the size of pt.
        seed: of the initial weights and the shuffling; the same seed gives the same weights
            again on one machine.

    Attributes:
        features_: the names compressed, in order.
        dtypes_: their dtypes, which decoding gives back.
        unit_: ``GeV`` or ``MeV``, of the energies.
        typical_pt_: median pt of the jets trained on, in that unit; 0 without a pt.
        scaling_: the fitted scaling.
        history_: losses by epoch.

    Raises:
        InputError: a hyperparameter is not one of those above.
    """

    codec_id: ClassVar[str] = "autoencoder"

    def __init__(
        self,
        latent: int = 3,
        activation: str = "tanh",
        hidden: Sequence[int] = (200, 100, 50),
        regularisation: str = "weight_decay",
        weight_decay: float = 1e-6,
        scaling: str = "standard",
        loss: str = "rmse",
        latent_dtype: str = "float32",
        latent_tolerance: float | None = None,
        features: Sequence[str] | None = None,
        unit: str | None = None,
        seed: int = 0,
    ) -> None:
        require_choice("activation", activation, ACTIVATIONS)
        require_choice("regularisation", regularisation, REGULARISATIONS)
        require_choice("scaling", scaling, SCALINGS)
        require_choice("loss", loss, LOSSES)
        require_choice("latent_dtype", latent_dtype, LATENT_DTYPES)
        if latent_tolerance is not None:
            abs_(latent_tolerance)  # says what is wrong with it
        if unit is not None:
            require_choice("unit", unit, UNITS)
        widths = (latent, *hidden) if isinstance(hidden, Sequence) else (0,)
        if not all(isinstance(width, int) and 0 < width <= WIDEST for width in widths):
            raise InputError(
                f"layers have 1 to {WIDEST:,} units: latent={latent!r}, hidden={hidden!r}"
            )
        if not 0 <= weight_decay < np.inf:
            raise InputError(f"weight_decay={weight_decay!r} is not a number from 0 up")
        check_common(features, seed)
        self.latent = latent
        self.activation = activation
        self.hidden = tuple(hidden)
        self.regularisation = regularisation
        self.weight_decay = weight_decay
        self.scaling = scaling
        self.loss = loss
        self.latent_dtype = latent_dtype
        self.latent_tolerance = latent_tolerance
        self.features = None if features is None else tuple(features)
        self.unit = unit
        self.seed = seed
        self._encoder: DenseNetwork | None = None
        self._decoder: DenseNetwork | None = None
        self._latent_codec: BoundedCodec | None = None

    @property
    def is_fitted(self) -> bool:
        return self._decoder is not None

    @property
    def gives_blocks(self) -> bool:
        return self.latent_tolerance is not None

    @property
    def latent_names(self) -> tuple[str, ...]:
        """The fields of jagged latents, which become branches: z0, z1 and so on."""
        return tuple(f"z{i}" for i in range(self.latent))

    def fit(
        self,
        jets: Any,
        *,
        epochs: int | None = None,
        lr: float = 5e-3,
        schedule: str = "one_cycle",
        optimiser: str = "soap",
        jitter: float = 0.5,
        batch_size: int = 512,
        valid: Any = 0.1,
        device: str = "auto",
        progress: bool = False,
    ) -> Self:
        """Train on jets.

        Args:
            jets: in any form that ``atlasae.jets.table.to_table`` takes.
            epochs: passes over the jets; by default as many as make 10,000 steps.
            lr: learning rate, the highest of the one cycle; ``lr_find`` suggests one.
            schedule: ``one_cycle`` or ``constant``.
            optimiser: ``soap`` or ``adamw``.
            jitter: how far the jets move each epoch, in distances to their fourth neighbour.
                ``atlasae.codecs.autoencoder.training.Trainer`` says what for.
            batch_size: jets a step.
            valid: jets kept apart to choose the best epoch by: a fraction of ``jets``, or jets.
            device: ``auto``, ``cpu``, ``cuda`` or another name torch knows.
            progress: show a progress bar on the error stream.

        Raises:
            InputError: fewer than two jets, values that are not finite, as few features as
                latents, or a training that diverges.
            MissingNameError: a feature asked for is not among the jets'.
        """
        from atlasae.codecs.autoencoder.training import split_jets

        table = self.chosen(jets)
        table.matrix()  # says what is not finite among all jets, before some are kept apart
        train, held_out = split_jets(table, valid, self.seed)
        unit, scaling = self._scaling_of(train)
        trainer = self._trainer(batch_size, device, optimiser, jitter, progress=progress)
        epochs = _epochs(len(train), batch_size) if epochs is None else epochs
        trained, history = trainer.fit(
            self._initial_network(len(table.columns)),
            scaling.forward(train.matrix()),
            scaling.forward(held_out.matrix()),
            epochs=epochs,
            lr=lr,
            schedule=schedule,
        )
        self._encoder, self._decoder = trained.split(len(self.hidden) + 1)
        self.features_ = tuple(table.columns)
        self.dtypes_ = tuple(column.dtype.name for column in table.columns.values())
        self.unit_, self.scaling_, self.history_ = unit, scaling, history
        self.typical_pt_ = typical_pt(train)
        if self.latent_tolerance is not None:
            coder = BoundedCodec(tolerance=abs_(self.latent_tolerance), seed=self.seed)
            self._latent_codec = coder.fit(self._latents(table), progress=progress)
        return self

    def lr_find(
        self,
        jets: Any,
        *,
        optimiser: str = "soap",
        jitter: float = 0.5,
        batch_size: int = 512,
        device: str = "auto",
    ) -> LearningRates:
        """Suggest a learning rate for ``fit``, by fastai's finder on an untrained network.

        Arguments and errors are those of ``fit``.
        ``atlasae.plots.learning_rates`` draws what it saw.
        """
        table = self.chosen(jets)
        _, scaling = self._scaling_of(table)
        return self._trainer(batch_size, device, optimiser, jitter).find_lr(
            self._initial_network(len(table.columns)), scaling.forward(table.matrix())
        )

    def encode(self, jets: Any) -> NDArray[Any] | ak.Array | bytes:
        """Compress jets to latents.

        Args:
            jets: with at least the features fitted, flat or jagged by event.

        Returns:
            For flat jets an array of shape (n, latent); for jets in events awkward records with
            the fields z0, z1, ... and the events' numbers of jets. Both of ``latent_dtype``.
            With a ``latent_tolerance``, bytes.

        Raises:
            NotFittedError: the codec is not trained, or came from a file of decoders.
            MissingNameError: a feature is missing.
            InputError: a value is NaN or infinite, or the energies are in another unit.
        """
        self.require_fitted()
        if self._encoder is None:
            raise NotFittedError(
                "this codec comes from a compressed file, which holds the decoder only:"
                " it decodes, and cannot encode"
            )
        table = to_table(jets).select(self.features_)
        self._check_unit(table)
        latents = self._latents(table)
        if self._latent_codec is not None:
            return self._latent_codec.encode(latents)
        if table.counts is None:
            return np.stack(list(latents.columns.values()), axis=1)
        return to_records(latents)

    def encode_blocks(self, jets: Any) -> Iterator[Block]:
        """The blocks of ``encode``, with a ``latent_tolerance``."""
        assert self._latent_codec is not None
        return self._latent_codec.encode_blocks(
            self._latents(to_table(jets).select(self.features_))
        )

    def decode_blocks(
        self,
        blocks: Iterator[Block],
        features: Collection[str] | None = None,  # noqa: ARG002  (each takes all latents)
    ) -> ak.Array:
        """The jets of blocks, one after another."""
        assert self._latent_codec is not None
        return self._decode_latents(self._latent_codec.decode_blocks(blocks))

    def decode(self, encoded: Any) -> ak.Array:
        """Bring jets back from latents.

        Args:
            encoded: what ``encode`` gave: an array (n, latent), or records with z0, z1, ...

        Returns:
            Awkward records with the features and dtypes fitted, jagged where ``encoded`` is.

        Raises:
            NotFittedError: the codec is not trained.
            InputError: the latents have another width.
            MissingNameError: a latent field is missing.
        """
        self.require_fitted()
        if isinstance(encoded, bytes):
            if self._latent_codec is None:
                raise InputError("bytes to decode, and no latent_tolerance they were coded with")
            encoded = self._latent_codec.decode(encoded)
        return self._decode_latents(encoded)

    def _latents(self, table: Table) -> Table:
        """The latents of jets, as columns z0, z1, ..."""
        assert self._encoder is not None
        latents = self._encoder(self.scaling_.forward(table.matrix())).astype(self.latent_dtype)
        return Table(dict(zip(self.latent_names, latents.T, strict=True)), table.counts)

    def _decode_latents(self, encoded: Any) -> ak.Array:
        if isinstance(encoded, np.ndarray) and encoded.dtype.names is None:
            latents, counts = encoded, None
        else:
            table = to_table(encoded).select(self.latent_names)
            latents, counts = np.stack(list(table.columns.values()), axis=1), table.counts
        if latents.ndim != 2 or latents.shape[1] != self.latent:
            raise InputError(f"latents of shape (n, {self.latent}) wanted, not {latents.shape}")
        return to_records(Table(self._decoded(latents), counts))

    def save_reduced_features(self, jets: Any, path: PathLike = "reduced_features.npy") -> None:
        """Encode and decode jets and write the result with ``np.save``, shape (n, features).

        float64, the features in the order of ``features_``, jets flat.
        """
        save_matrix(self.decode(self.encode(to_table(jets).flat())), path, force=True)

    def decoder_bytes(self) -> bytes:
        """The codec without its encoder, half the size: what compressed files hold."""
        self.require_fitted()
        state, tensors = self._state()
        return pack(self, state, {k: v for k, v in tensors.items() if not k.startswith("encoder.")})

    def _decoded(self, latents: NDArray[Any]) -> dict[str, NDArray[Any]]:
        assert self._decoder is not None
        x = self.scaling_.inverse(self._decoder(latents))
        return {
            name: cast_feature(x[:, i], name, np.dtype(dtype))
            for i, (name, dtype) in enumerate(zip(self.features_, self.dtypes_, strict=True))
        }

    def chosen(self, jets: Any) -> Table:
        table = super().chosen(jets)
        if self.latent >= len(table.columns):
            raise InputError(
                f"{self.latent} latents for {len(table.columns)} features"
                f" ({', '.join(table.columns)}) would compress nothing: give fewer latents"
            )
        return table

    def _scaling_of(self, table: Table) -> tuple[str, Scaling]:
        """The unit of the energies, and a scaling fitted to these jets."""
        pt = column_of("pt", table)
        unit = self.unit or ("" if pt is None else energy_unit(pt))
        return unit, Scaling.fit(self.scaling, list(table.columns), table.matrix(), unit)

    def _check_unit(self, table: Table) -> None:
        """Refuse jets in MeV to a codec trained on GeV, and the reverse: it would ruin them."""
        found, trained = typical_pt(table), self.typical_pt_
        if len(table) < TELLING or not found or not trained:
            return
        if not 1 / OTHER_UNIT < found / trained < OTHER_UNIT:
            raise InputError(
                f"the median pt of these jets is {found:,.4g}, that of the jets the codec was"
                f" trained on {trained:,.4g} {self.unit_}: are they in another unit?"
            )

    def _initial_network(self, features: int) -> DenseNetwork:
        sizes = (features, *self.hidden, self.latent, *reversed(self.hidden), features)
        return DenseNetwork.initial(sizes, self.activation, np.random.default_rng(self.seed))

    def _trainer(
        self, batch_size: int, device: str, optimiser: str, jitter: float, *, progress: bool = False
    ) -> Trainer:
        from atlasae.codecs.autoencoder.training import Trainer

        return Trainer(
            loss=self.loss,
            regularisation=self.regularisation,
            weight_decay=self.weight_decay,
            optimiser=optimiser,
            jitter=jitter,
            batch_size=batch_size,
            seed=self.seed,
            device=device,
            progress=progress,
        )

    def _state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        assert self._decoder is not None
        state = {
            "features": list(self.features_),
            "dtypes": list(self.dtypes_),
            "unit": self.unit_,
            "typical_pt": self.typical_pt_,
            "scaling": self.scaling_.to_json(),
            "history": self.history_.to_json(),
        }
        tensors: dict[str, NDArray[Any]] = {**self._decoder.tensors("decoder")}
        if self._latent_codec is not None:
            tensors["latents"] = np.frombuffer(self._latent_codec.to_bytes(), np.uint8)
        if self._encoder is not None:
            tensors |= self._encoder.tensors("encoder")
        return state, tensors

    def _restore(self, state: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> None:
        self.features_ = tuple(state["features"])
        self.dtypes_ = tuple(state["dtypes"])
        self.unit_ = state["unit"]
        self.typical_pt_ = state["typical_pt"]
        self.scaling_ = Scaling.from_json(state["scaling"])
        self.history_ = History(**state["history"])
        self._encoder = DenseNetwork.from_tensors(tensors, "encoder", self.activation)
        decoder = DenseNetwork.from_tensors(tensors, "decoder", self.activation, True)
        sizes = self.latent, len(self.features_)
        if decoder is None or (decoder.inputs, decoder.outputs) != sizes:
            raise InputError("the decoder does not fit the features")
        if any(np.dtype(dtype).kind not in "fiub" for dtype in self.dtypes_):
            raise InputError("a feature is not of numbers")
        self._decoder = decoder
        if "latents" in tensors:
            self._latent_codec = cast(
                "BoundedCodec", Codec.from_bytes(tensors["latents"].tobytes())
            )
        self._decoded(np.zeros((1, self.latent), np.float32))  # raises where parts do not fit


def _epochs(jets: int, batch_size: int) -> int:
    """As many passes as make DEFAULT_STEPS steps."""
    return -(-DEFAULT_STEPS // -(-jets // batch_size))
