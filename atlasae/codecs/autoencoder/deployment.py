"""Codecs whose networks leave atlasae: for other runtimes and for triggers."""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Literal

from atlasae.atomic_write import atomic_write
from atlasae.codecs.autoencoder.integer_network import (
    FEWEST_BITS,
    MOST_BITS,
    Formats,
    IntegerNetwork,
)
from atlasae.codecs.base import Codec
from atlasae.codecs.model_card import ERRORS, ModelCard
from atlasae.directories import make_directory
from atlasae.errors import InputError, require_choice
from atlasae.jets import metrics
from atlasae.jets.table import Table

if TYPE_CHECKING:
    from hls4ml.model.graph import ModelGraph
    from typing_extensions import Self

    from atlasae.codecs.autoencoder.model import Model
    from atlasae.codecs.autoencoder.network import DenseNetwork
    from atlasae.codecs.autoencoder.scaling import Scaling
    from atlasae.codecs.autoencoder.start import Start
    from atlasae.codecs.autoencoder.training import Trainer
    from atlasae.codecs.history import History
    from atlasae.types import PathLike

Part = Literal["encoder", "decoder", "both"]
PARTS: tuple[Part, ...] = ("encoder", "decoder", "both")


class DeployableCodec(Codec):
    """A codec of two networks and a scaling, which other programs can run.

    Attributes:
        latent_dtype: a key of ``atlasae.codecs.autoencoder.latent_dtypes.LATENT_DTYPES``.
        seed: of the training.
    """

    latent_dtype: str
    seed: int
    _model: Model | None = None

    @property
    def is_fitted(self) -> bool:
        return self._model is not None

    @property
    def dtypes_(self) -> tuple[str, ...]:
        """Dtypes of the features, which decoding restores."""
        return self.model_.dtypes

    @property
    def unit_(self) -> str:
        """``GeV`` or ``MeV``, of the energies; empty without a pt."""
        return self.model_.unit

    @property
    def typical_pt_(self) -> float:
        """Median pt of the training jets, in that unit; 0 without a pt."""
        return self.model_.typical_pt

    @property
    def scaling_(self) -> Scaling:
        """The fitted scaling."""
        return self.model_.scaling

    @property
    def model_(self) -> Model:
        """The networks, with the scaling of what goes into them."""
        self.require_fitted()
        assert self._model is not None
        return self._model

    def export_onnx(self, path: PathLike, part: Part = "encoder", *, force: bool = True) -> None:
        """Write the network, with the scaling, as an ONNX model that needs no atlasae to run.

        Its input ``features`` and its output ``decoded`` are float32, shape (n, k), in the order of
        ``features_``; its ``latents`` have ``latent_dtype``, shape (n, latent). It checks nothing:
        NaN gives NaN, and energies in another unit give other jets. Needs ``atlasae[onnx]``.

        Args:
            path: of the file to write.
            part: ``encoder`` (features to latents), ``decoder`` (latents to decoded), or ``both``
                (features to decoded).
            force: overwrite an existing file.

        Raises:
            NotFittedError: the codec is not fitted, or its encoder is not here.
            InputError: there is no such part, or its encoder computes with integers.
            TargetExistsError: the file exists and ``force`` is false.
            FileError: the file cannot be written.
            MissingPackageError: the extra ``atlasae[onnx]`` is not installed.

        Example:
            >>> import atlasae
            >>> atlasae.Codec.autoencoder().export_onnx("encoder.onnx")
            Traceback (most recent call last):
                ...
            atlasae.errors.NotFittedError: Codec.autoencoder() is not fitted: call fit(jets), or Codec.load(file)
        """
        from atlasae.codecs.autoencoder.onnx_export import OnnxExport

        require_choice("part", part, PARTS)
        fitted = self.model_
        encoder = None if part == "decoder" else self._require_floats("exported to ONNX")
        export = OnnxExport(
            fitted.features,
            fitted.dtypes,
            fitted.scaling,
            encoder,
            fitted.decoder,
            self.latent_dtype,
        )
        model = export.model(part)
        with atomic_write(path, force=force) as unfinished:
            unfinished.write_bytes(model)

    def quantised(
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
            >>> small = codec.quantised(jets, bits=8, epochs=2)
            >>> str(small.encode(jets).z0.type)
            '500 * var * float32'
        """
        encoder = self._require_floats("quantised")
        if not FEWEST_BITS <= bits <= MOST_BITS:
            raise InputError(f"bits={bits!r} must be from {FEWEST_BITS} to {MOST_BITS}")
        if epochs < 0:
            raise InputError(f"epochs={epochs!r} must be 0 or more")
        table = self.select_fitted(jets)
        start = self._start(table)
        if not start.learned:
            raise InputError(
                "a wound encoder has steps that few bits cannot hold; quantise a codec with"
                " encoder='learned'"
            )
        decoder, history = self.model_.decoder, self.history_
        formats = Formats.of(encoder, self.model_.scaled(table), bits)
        train = held_out = table
        if epochs:
            from atlasae.codecs.autoencoder.rounded_training import RoundedNetwork
            from atlasae.codecs.autoencoder.training import split_jets

            train, held_out = split_jets(table, valid, self.seed)
            trained, history = self._trainer(start, device, progress=progress).fit(
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

    def export_hls4ml(
        self,
        folder: PathLike,
        *,
        backend: str = "Vitis",
        reuse_factor: int = 1,
        **settings: Any,
    ) -> ModelGraph:
        """Write a quantised encoder as a project of hls4ml: C++ for the logic of an FPGA.

        The project computes the latents from scaled features, with the same bits as this codec.
        Needs ``atlasae[hls4ml]``; that its C++ runs here, a compiler.

        Args:
            folder: to write the project into.
            backend: of hls4ml that takes types of Vivado: ``Vitis`` or ``Vivado``.
            reuse_factor: how many multiplications one multiplier does, in turn; above 1 hls4ml
                takes its strategy ``Resource``.
            settings: of the backend, such as ``part`` and ``clock_period``.

        Returns:
            The model of hls4ml: ``compile()`` and ``predict(x)`` run its C++, ``build()`` runs the
            synthesis where its tools are installed.

        Raises:
            NotFittedError: the codec is not fitted, or its encoder is not here.
            InputError: the encoder computes with floats.
            FileError: the folder cannot be written.
            MissingPackageError: the extra ``atlasae[hls4ml]`` is not installed.

        Example:
            >>> import atlasae
            >>> atlasae.Codec.autoencoder().export_hls4ml("firmware")
            Traceback (most recent call last):
                ...
            atlasae.errors.NotFittedError: Codec.autoencoder() is not fitted: call fit(jets), or Codec.load(file)
        """
        encoder = self.model_.require_encoder()
        if not isinstance(encoder, IntegerNetwork):
            raise InputError(
                "an encoder of floats is no logic of an FPGA: call quantised(jets), and export that"
            )
        require_choice("backend", backend, ("Vitis", "Vivado"))
        from atlasae.codecs.autoencoder.hls4ml_export import hls4ml_model

        model = hls4ml_model(
            encoder, make_directory(folder), backend=backend, reuse_factor=reuse_factor, **settings
        )
        model.write()
        return model

    def _take(self, model: Model, history: History | None) -> None:
        """Take a model, and forget what followed from another."""
        self._model, self.history_, self.features_ = model, history, model.features
        self._fingerprint = None

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

    @abstractmethod
    def _start(self, train: Table) -> Start:
        """What a training on these jets starts from."""

    @abstractmethod
    def _trainer(self, start: Start, device: str, *, progress: bool = False) -> Trainer:
        """The settings of the training."""

    @abstractmethod
    def _fit_coders(self, table: Table, *, uses: float = 10.0, progress: bool) -> None:
        """Fit what codes latents and residuals, where they are coded."""

    def _require_floats(self, purpose: str) -> DenseNetwork:
        encoder = self.model_.require_encoder()
        if isinstance(encoder, IntegerNetwork):
            raise InputError(
                f"an encoder of integers cannot be {purpose}; take the codec that it was made from"
            )
        return encoder
