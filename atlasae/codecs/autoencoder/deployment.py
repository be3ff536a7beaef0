"""Codecs whose networks leave atlasae: for other runtimes and for triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlasae.atomic_write import atomic_write
from atlasae.codecs.base import Codec
from atlasae.errors import NotFittedError, require_choice

if TYPE_CHECKING:
    from atlasae.codecs.autoencoder.network import DenseNetwork
    from atlasae.codecs.autoencoder.onnx_export import Part
    from atlasae.codecs.autoencoder.scaling import Scaling
    from atlasae.types import PathLike


class DeployableCodec(Codec):
    """A codec of two networks and a scaling, which other programs can run.

    Attributes:
        dtypes_: of the fitted features.
        scaling_: the fitted scaling.
        latent_dtype: ``float32`` or ``float16``.
    """

    dtypes_: tuple[str, ...]
    scaling_: Scaling
    latent_dtype: str
    _encoder: DenseNetwork | None = None
    _decoder: DenseNetwork | None = None

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
            InputError: there is no such part.
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
        from atlasae.codecs.autoencoder.onnx_export import PARTS, OnnxExport

        require_choice("part", part, PARTS)
        self.require_fitted()
        assert self._decoder is not None
        encoder = None if part == "decoder" else self._require_encoder()
        export = OnnxExport(
            self.features_, self.dtypes_, self.scaling_, encoder, self._decoder, self.latent_dtype
        )
        model = export.model(part)
        with atomic_write(path, force=force) as unfinished:
            unfinished.write_bytes(model)

    def _require_encoder(self) -> DenseNetwork:
        self.require_fitted()
        if self._encoder is None:
            raise NotFittedError(
                "this codec comes from a compressed file, which stores the decoder only: it can"
                " decode, but not encode"
            )
        return self._encoder
