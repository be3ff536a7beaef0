"""Codecs whose networks leave atlasae: for other runtimes and for triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from atlasae.atomic_write import atomic_write
from atlasae.codecs.autoencoder.integer_network import IntegerNetwork
from atlasae.codecs.base import Codec
from atlasae.directories import make_directory
from atlasae.errors import InputError, require_choice

if TYPE_CHECKING:
    from hls4ml.model.graph import ModelGraph

    from atlasae.codecs.autoencoder.model import Model
    from atlasae.codecs.autoencoder.network import DenseNetwork
    from atlasae.codecs.autoencoder.scaling import Scaling
    from atlasae.codecs.history import History
    from atlasae.types import PathLike

Part = Literal["encoder", "decoder", "both"]
PARTS: tuple[Part, ...] = ("encoder", "decoder", "both")


class DeployableCodec(Codec):
    """A codec of two networks and a scaling, which other programs can run.

    Attributes:
        latent_dtype: a key of ``atlasae.codecs.autoencoder.latent_dtypes.LATENT_DTYPES``.
    """

    latent_dtype: str
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

    def export_hls4ml(
        self,
        folder: PathLike,
        *,
        backend: str = "Vitis",
        reuse_factor: int = 1,
        **settings: Any,
    ) -> ModelGraph:
        """Write a quantized encoder as a project of hls4ml: C++ for the logic of an FPGA.

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
                "an encoder of floats is no logic of an FPGA: call quantized(jets), and export that"
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

    def _require_floats(self, purpose: str) -> DenseNetwork:
        encoder = self.model_.require_encoder()
        if isinstance(encoder, IntegerNetwork):
            raise InputError(
                f"an encoder of integers cannot be {purpose}; take the codec that it was made from"
            )
        return encoder
