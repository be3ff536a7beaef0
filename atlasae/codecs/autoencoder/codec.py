"""The autoencoder codec: features through a narrow layer, whose values are what is stored."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar

from atlasae.codecs.autoencoder.hyperparameters import NETWORKS, check_hyperparameters
from atlasae.codecs.autoencoder.integer_network import (
    FEWEST_BITS,
    MOST_BITS,
    Formats,
    IntegerNetwork,
)
from atlasae.codecs.autoencoder.latent_codec import LatentCodec
from atlasae.codecs.autoencoder.model import Model
from atlasae.codecs.autoencoder.start import Start, default_epochs
from atlasae.codecs.autoencoder.winding import is_wound
from atlasae.codecs.common_hyperparameters import check_common_hyperparameters
from atlasae.errors import InputError
from atlasae.jets.table import Table, typical_pt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typing_extensions import Self

    from atlasae.codecs.autoencoder.training import Trainer
    from atlasae.codecs.history import LearningRates
    from atlasae.quantization.tolerance import ToleranceSpec
    from atlasae.types import Floats


class AutoencoderCodec(LatentCodec):
    """A lossy codec of fixed rate: k features of a jet become ``latent`` numbers.

    A learned encoder has the layers features-hidden-latent, the decoder the same in reverse order,
    with the activation between all layers and on the stored latents. The original study used
    4-200-100-50-3-50-100-200-4 to store 4-vectors of jets in the ATLAS trigger as three numbers.
    The error is not bounded, unless there is a ``tolerance``. Training needs the extra
    ``atlasae[autoencoder]``.

    Args:
        latent: numbers stored per jet; fewer than the features.
        activation: ``tanh``, ``relu``, ``leaky_relu``, ``sigmoid`` or ``softmax``.
        network: the hidden layers of the encoder: ``small`` (80-80-50), ``original`` (200-100-50,
            of the original study) or ``larger`` (200-200-100), or a list of widths.
        regularization: ``weight_decay`` (decoupled from the gradient) or ``l2`` (in the loss).
        weight_decay: its strength.
        encoder: ``learned``; ``wound``, a small one constructed so that one latent holds phi and
            the feature of least spread, usually the mass, and the decoder alone is learned
            (``atlasae.codecs.autoencoder.winding``); or ``auto``, wound if it can be.
        scaling: ``physics``, ``standard``, ``log`` or ``lund`` (``Scaling.fit`` has the formulas).
        loss: of the scaled features: ``rmse``, ``mse``, or ``huber``, which makes most errors smaller
            and the largest larger.
        weights: of the errors of features in the loss, by name; 1 for features not named.
        latent_dtype: ``float32``, ``float16`` or ``bfloat16`` (float32 whose lower 16 bits are zero;
            too coarse for a wound encoder).
        latent_tolerance: the largest error of a latent. With it the latents are coded by a bounded
            codec, and ``encode`` gives bytes; by default they are stored as they are.
        tolerance: the largest error of each feature, given as for ``BoundedCodec``. With it what
            brings every value within the tolerance is stored beside the latents, and ``encode``
            gives bytes; by default the error is not bounded.
        features: names of the columns to compress, each numeric; by default (m, pt, phi, eta)
            under any of their usual names, else all columns.
        unit: ``GeV`` or ``MeV``; by default guessed from the median pt.
        seed: of the initial weights and the shuffling; the same seed gives the same weights on one
            machine.
        epochs: passes over the jets; by default as many as make 10,000 steps.
        lr: learning rate, for ``one_cycle`` its peak; ``lr_find`` suggests one.
        schedule: ``one_cycle`` or ``constant``.
        optimizer: ``soap`` or ``adamw``.
        jitter: how far the jets move each epoch, in distances to their fourth neighbor.
        batch_size: jets per step.

    Attributes:
        features_: the fitted columns, in order.
        dtypes_: their dtypes, which decoding restores.
        unit_: ``GeV`` or ``MeV``, of the energies.
        typical_pt_: median pt of the training jets, in that unit; 0 without a pt.
        scaling_: the fitted scaling.
        history_: losses by epoch.
        order_kept_: with a tolerance, the feature whose order in events is kept; None if none is.

    Raises:
        InputError: a hyperparameter is not one of those above.

    Example:
        >>> codec = AutoencoderCodec(latent=3, activation="relu", epochs=40)
        >>> codec
        <Codec.autoencoder(activation='relu', epochs=40), not fitted>
    """

    codec_id: ClassVar[str] = "autoencoder"

    def __init__(
        self,
        latent: int = 3,
        activation: str = "tanh",
        network: str | Sequence[int] = "small",
        regularization: str = "weight_decay",
        weight_decay: float = 1e-6,
        encoder: str = "auto",
        scaling: str = "physics",
        loss: str = "rmse",
        weights: Mapping[str, float] | None = None,
        latent_dtype: str = "float32",
        latent_tolerance: float | None = None,
        tolerance: ToleranceSpec | None = None,
        features: Sequence[str] | None = None,
        unit: str | None = None,
        seed: int = 0,
        epochs: int | None = None,
        lr: float = 5e-3,
        schedule: str = "one_cycle",
        optimizer: str = "soap",
        jitter: float = 0.5,
        batch_size: int = 512,
    ) -> None:
        check_common_hyperparameters(features, seed)
        check_hyperparameters(locals())
        self.latent = latent
        self.activation = activation
        self.network = network if isinstance(network, str) else tuple(network)
        self.regularization = regularization
        self.weight_decay = weight_decay
        self.encoder = encoder
        self.scaling = scaling
        self.loss = loss
        self.weights = None if weights is None else dict(weights)
        self.latent_dtype = latent_dtype
        self.latent_tolerance = None if latent_tolerance is None else float(latent_tolerance)
        self.tolerance = tolerance
        self.features = None if features is None else tuple(features)
        self.unit = unit
        self.seed = seed
        self.epochs = epochs
        self.lr = lr
        self.schedule = schedule
        self.optimizer = optimizer
        self.jitter = jitter
        self.batch_size = batch_size

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        """Widths of the hidden layers of the encoder; the decoder has them in reverse order."""
        return NETWORKS[self.network] if isinstance(self.network, str) else self.network

    def fit(
        self,
        jets: Any,
        *,
        valid: Any = 0.1,
        device: str = "auto",
        uses: float = 10.0,
        progress: bool = False,
    ) -> Self:
        """Train on jets.

        Args:
            jets: in any form that ``atlasae.jets.table.to_table`` takes.
            valid: held-out jets to choose the best epoch by: a fraction of ``jets``, or jets.
            device: ``auto``, ``cpu``, ``cuda`` or another name that torch knows.
            uses: number of jets to be coded, divided by the number of jets given here; matters
                with a ``tolerance`` or a ``latent_tolerance`` only.
            progress: show a progress bar on the error stream.

        Raises:
            InputError: fewer than two jets, as few features as latents, an encoder that cannot be
                wound, a training that diverges, or, without a tolerance, values that are not
                finite; with one, the network is trained on jets whose values all are.
            MissingNameError: a requested or weighted feature is not among those of the jets.
            MissingPackageError: the extra ``atlasae[autoencoder]`` is not installed.
        """
        from atlasae.codecs.autoencoder.training import split_jets

        table = self.select_features(jets)
        train, held_out = split_jets(self._trainable(table), valid, self.seed)
        start = self._start(train)
        trained, history = self._trainer(start, device, progress=progress).fit(
            start.network,
            start.scaling.forward(train.matrix()),
            start.scaling.forward(held_out.matrix()),
            epochs=self.epochs or default_epochs(len(train), self.batch_size),
            lr=self.lr,
            schedule=self.schedule,
        )
        encoder, decoder = trained.split(start.depth)
        dtypes = tuple(column.dtype.name for column in table.columns.values())
        self._take(
            Model(
                tuple(table.columns),
                dtypes,
                start.unit,
                typical_pt(train),
                start.scaling,
                encoder,
                decoder,
            ),
            history,
        )
        self._measure(table, train, held_out)
        self._fit_coders(table, uses=uses, progress=progress)
        return self

    def quantized(
        self,
        jets: Any,
        bits: int = 8,
        *,
        epochs: int = 10,
        lr: float = 1e-3,
        valid: Any = 0.1,
        device: str = "auto",
        progress: bool = False,
    ) -> Self:
        """A copy of the codec whose encoder computes with integers, as a trigger's logic does.

        Its latents are the same bits on every machine, given the scaled features. Ranges are set
        by the jets; then encoder and decoder are trained further with the rounding in view. The
        copy is used and stored as any codec. See
        ``atlasae.codecs.autoencoder.integer_network`` for the arithmetic.

        Args:
            jets: like those that the codec was fitted to.
            bits: of weights and activations, from 4 to 16. Inputs and latents have 16.
            epochs: passes over the jets; 0 to round without training, which needs no torch.
            lr: learning rate of the training, at its peak.
            valid: held-out jets to choose the best epoch by: a fraction of ``jets``, or jets.
            device: ``auto``, ``cpu``, ``cuda`` or another name that torch knows.
            progress: show a progress bar on the error stream.

        Raises:
            NotFittedError: the codec is not fitted, or its encoder is not here.
            InputError: ``bits`` or ``epochs`` is out of range, the encoder computes with integers
                already, or is wound, the activation is ``softmax``, or the jets cannot be encoded.
            MissingPackageError: the extra ``atlasae[autoencoder]`` is not installed.

        Example:
            >>> import atlasae
            >>> jets = atlasae.read_jets(atlasae.sample(), entry_stop=500)
            >>> codec = atlasae.Codec.autoencoder(encoder="learned", network=(16, 8), epochs=2)
            >>> codec = codec.fit(jets)
            >>> small = codec.quantized(jets, bits=8, epochs=2)
            >>> str(small.encode(jets).z0.type)
            '500 * var * float32'
        """
        encoder = self._require_floats("quantized")
        if not FEWEST_BITS <= bits <= MOST_BITS:
            raise InputError(f"bits={bits!r} must be from {FEWEST_BITS} to {MOST_BITS}")
        if epochs < 0:
            raise InputError(f"epochs={epochs!r} must be 0 or more")
        table = self.select_fitted(jets)
        finite = self._trainable(table)
        if is_wound(encoder):
            raise InputError(
                "a wound encoder has steps that few bits cannot hold; quantize a codec with"
                " encoder='learned'"
            )
        decoder, history = self.model_.decoder, self.history_
        formats = Formats.of(encoder, self.model_.scaled(finite), bits)
        train = held_out = finite
        if epochs:
            from atlasae.codecs.autoencoder.rounded_training import RoundedNetwork
            from atlasae.codecs.autoencoder.training import split_jets

            train, held_out = split_jets(finite, valid, self.seed)
            trainer = self._trainer(self._start(finite), device, progress=progress)
            trained, history = trainer.fit(
                RoundedNetwork.joined(encoder, decoder, formats),
                self.model_.scaled(train),
                self.model_.scaled(held_out),
                epochs=epochs,
                lr=lr,
                schedule="one_cycle",
            )
            encoder, decoder = trained.split(len(encoder.weights))
        made = copy.copy(self)
        integers = IntegerNetwork.of(encoder, formats)
        made._take(self.model_.with_networks(integers, decoder), history)  # noqa: SLF001
        made._measure(table, train, held_out)  # noqa: SLF001
        made._fit_coders(table, progress=progress)  # noqa: SLF001
        return made

    def surprise_by_feature(self, jets: Any) -> dict[str, Floats]:
        """The errors of reconstruction of each jet by feature, in bits: log2(1 + (r / w)^2).

        r is the error of the scaled feature, w half the width of the central 68 % of such errors on
        held-out jets. This is the code length of an error that has a Cauchy distribution of this
        width, above that of no error: an error of w takes one bit, one ten times as large 6.7,
        so that no single jet decides a mean.
        """
        self.model_.require_encoder()  # before the jets are looked at
        table = self.select_fitted(jets)
        return self.model_.surprise(table, self.encode_latents(table).matrix())

    def lr_find(self, jets: Any, *, device: str = "auto") -> LearningRates:
        """Suggest a learning rate, by fastai's finder on an untrained network.

        Arguments and errors are those of ``fit``. ``atlasae.plots.learning_rates`` draws the
        losses that it saw.
        """
        table = self.select_features(jets)
        start = self._start(table)
        scaled = start.scaling.forward(table.matrix())
        return self._trainer(start, device).find_lr(start.network, scaled)

    def select_features(self, jets: Any) -> Table:
        table = super().select_features(jets)
        if self.latent >= len(table.columns):
            raise InputError(
                f"{self.latent} latents for {len(table.columns)} features"
                f" ({', '.join(table.columns)}) would compress nothing: give fewer latents"
            )
        return table

    def _start(self, train: Table) -> Start:
        return Start.of(
            train,
            unit=self.unit,
            scaling=self.scaling,
            weights=self.weights or {},
            encoder=self.encoder,
            latent=self.latent,
            latent_dtype=self.latent_dtype,
            hidden=self.hidden_widths,
            activation=self.activation,
            seed=self.seed,
        )

    def _trainer(self, start: Start, device: str, *, progress: bool = False) -> Trainer:
        from atlasae.codecs.autoencoder.training import Trainer

        return Trainer(
            loss=self.loss,
            regularization=self.regularization,
            weight_decay=self.weight_decay,
            optimizer=self.optimizer,
            jitter=self.jitter,
            batch_size=self.batch_size,
            seed=self.seed,
            device=device,
            progress=progress,
            angles=start.scaling.angles,
            weights=start.weights,
            frozen=0 if start.learned else start.depth,
        )
