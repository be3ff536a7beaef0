"""What a training of an autoencoder gives: jets to latents and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.codecs.autoencoder.exact_network import run_exactly
from atlasae.codecs.autoencoder.integer_network import IntegerNetwork
from atlasae.codecs.autoencoder.latent_dtypes import LATENT_DTYPES, rounded_latents
from atlasae.codecs.autoencoder.network import DenseNetwork
from atlasae.codecs.autoencoder.scaling import Scaling, cast_feature, require_same_unit
from atlasae.errors import InputError, NotFittedError
from atlasae.jets.metrics import CENTRAL_68, half_width, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from typing_extensions import Self

    from atlasae.codecs.serialization import Tensors
    from atlasae.jets.table import Table
    from atlasae.types import Float32s, Floats, Values

_WIDTHS = "encoder.widths"  # what tells how unlike others jets are needs the encoder
_LEAST_WIDTH = 1e-12  # of errors; a constant feature has none
_ROWS = 8192  # scaled at a time, so that what is computed on the way stays in the cache


@dataclass(frozen=True, eq=False)
class Model:
    """Two networks and the scaling of what goes into them.

    Attributes:
        features: names of the k columns, in order.
        dtypes: names of their dtypes, which decoding restores.
        unit: of the energies, ``GeV`` or ``MeV``; empty without a pt.
        typical_pt: median pt of the training jets, in that unit; 0 without a pt.
        scaling: of the features.
        encoder: scaled features to latents; None if the model can only decode.
        decoder: latents to scaled features.
        widths: half widths of the central 68 % of the errors of scaled features, on held-out jets;
            empty before they are measured.
    """

    features: tuple[str, ...]
    dtypes: tuple[str, ...]
    unit: str
    typical_pt: float
    scaling: Scaling
    encoder: DenseNetwork | IntegerNetwork | None
    decoder: DenseNetwork
    widths: tuple[float, ...] = ()

    def require_encoder(self) -> DenseNetwork | IntegerNetwork:
        """The network from scaled features to latents.

        Raises:
            NotFittedError: the model came from a file that stores decoders.
        """
        if self.encoder is None:
            raise NotFittedError(
                "this codec comes from a compressed file, which stores the decoder only: it can"
                " decode, but not encode"
            )
        return self.encoder

    def scaled(self, table: Table) -> Float32s:
        """The scaled features of jets, shape (n, k).

        Args:
            table: with the features, in order.

        Raises:
            InputError: a value is NaN or infinite, or the energies are in another unit.
        """
        require_same_unit(table, self.typical_pt, self.unit)
        x = table.matrix()
        scaled = np.empty((len(self.features), len(x)), np.float32).T
        for rows in _chunks(len(x)):
            scaled[rows] = self.scaling.forward(x[rows])
        return scaled

    def encode(self, table: Table) -> Float32s:
        """Jets to latents, shape (n, latent); arguments and errors as for ``scaled``.

        Raises:
            NotFittedError: there is no encoder.
        """
        return self.require_encoder()(self.scaled(table))

    def encode_any(self, table: Table, dtype: str) -> Values:
        """Jets with any values to finite latents of a dtype, shape (n, latent).

        In place of NaN and of infinities the network gets zeros.

        Args:
            table: with the features, in order, in any unit.
            dtype: of the latents.

        Raises:
            NotFittedError: there is no encoder.
        """
        with np.errstate(all="ignore"):
            values = [_without(~np.isfinite(v), v) for v in table.columns.values()]
            x = np.stack([np.asarray(v, np.float64) for v in values], axis=1)
            scaled = _finite(self.scaling.forward(x), "float32")
            latents = _finite(self.require_encoder()(scaled), LATENT_DTYPES[dtype])
            return _finite(rounded_latents(latents, dtype), LATENT_DTYPES[dtype])

    def decode(self, latents: Values) -> dict[str, Values]:
        """Latents, shape (n, latent), to columns of jets."""
        parts = [
            self._columns(self.scaling.inverse(self.decoder(latents[rows])))
            for rows in _chunks(len(latents))
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in self.features}

    def predict(self, latents: Values) -> dict[str, Values]:
        """The same to about 1e-6, as finite values that are the same bits on every machine."""
        with np.errstate(all="ignore"):
            x = self.scaling.inverse(_finite(run_exactly(self.decoder, latents), "float32"))
            for column, dtype in zip(x.T, self.dtypes, strict=True):
                column[:] = _finite(column, dtype if np.dtype(dtype).kind == "f" else "float64")
            return self._columns(x)

    def _columns(self, x: Floats) -> dict[str, Values]:
        return {
            name: cast_feature(x[:, i], name, np.dtype(dtype))
            for i, (name, dtype) in enumerate(zip(self.features, self.dtypes, strict=True))
        }

    def errors(self, table: Table, latents: Values) -> Floats:
        """The errors of decoded jets, in scaled features, angles the short way, shape (n, k).

        Args:
            table: the originals.
            latents: what they were encoded to, shape (n, latent).
        """
        errors = self.scaling.scaled(self.decoder(latents)) - self.scaled(table)
        for angle in self.scaling.angles:
            errors[:, angle] = wrap(errors[:, angle])
        return errors

    def measured(self, table: Table, latents: Values) -> Self:
        """The same with the widths of its errors, for held-out jets; arguments as for ``errors``."""
        errors = self.errors(table, latents)
        widths = [max(half_width(column, CENTRAL_68), _LEAST_WIDTH) for column in errors.T]
        return replace(self, widths=tuple(float(f"{width:.4g}") for width in widths))

    def surprise(self, table: Table, latents: Values) -> dict[str, Floats]:
        """log2(1 + (error / width)^2) of each jet by feature; arguments as for ``errors``."""
        bits = np.log2(1 + (self.errors(table, latents) / self.widths) ** 2)
        return dict(zip(self.features, bits.T, strict=True))

    def with_networks(self, encoder: DenseNetwork | IntegerNetwork, decoder: DenseNetwork) -> Self:
        """The same with other networks."""
        return replace(self, encoder=encoder, decoder=decoder)

    def state(self) -> dict[str, Any]:
        """What is stored beside the arrays, JSON-ready."""
        return {
            "features": list(self.features),
            "dtypes": list(self.dtypes),
            "unit": self.unit,
            "typical_pt": self.typical_pt,
            "scaling": self.scaling.to_json(),
        }

    def tensors(self) -> Tensors:
        """The arrays of the networks."""
        encoder = {} if self.encoder is None else self.encoder.tensors("encoder")
        if self.encoder is not None:
            encoder[_WIDTHS] = np.array(self.widths)
        return {**self.decoder.tensors("decoder"), **encoder}

    @classmethod
    def of(cls, state: dict[str, Any], tensors: Tensors, activation: str, latent: int) -> Self:
        """The model of ``state`` and ``tensors``, which need not be trusted.

        Args:
            state: JSON values, with others or without.
            tensors: arrays, with others or without.
            activation: of the networks.
            latent: number of latents.

        Raises:
            InputError: the parts do not fit each other.
        """
        scaling = Scaling.from_json(state["scaling"])
        integers = IntegerNetwork.from_tensors(tensors, "encoder", activation)
        encoder = integers or DenseNetwork.from_tensors(tensors, "encoder", activation)
        decoder = DenseNetwork.from_tensors(tensors, "decoder", activation, True)
        if decoder is None or (decoder.inputs, decoder.outputs) != (latent, scaling.outputs):
            raise InputError("the decoder does not fit the features")
        dtypes = tuple(state["dtypes"])
        if any(np.dtype(dtype).kind not in "fiub" for dtype in dtypes):
            raise InputError("a feature does not hold numbers")
        features, widths = tuple(state["features"]), tuple(tensors.get(_WIDTHS, ()))
        if encoder and (len(widths) != len(features) or not all(width > 0 for width in widths)):
            raise InputError("the widths of the errors do not fit the features")
        unit, typical_pt = str(state["unit"]), float(state["typical_pt"])
        model = cls(features, dtypes, unit, typical_pt, scaling, encoder, decoder, widths)
        model.decode(np.zeros((1, latent), np.float32))  # raises if the parts do not fit
        return model


def _without(rows: NDArray[np.bool_], values: Values) -> Values:
    """Values, with zeros in some rows."""
    return np.where(rows, values.dtype.type(0), values)


def _finite(values: Values, dtype: str) -> Values:
    """Values with 0 for NaN, and no larger than a dtype can hold."""
    largest = float(np.finfo(dtype).max)
    return np.clip(_without(np.isnan(values), values), -largest, largest)


def _chunks(rows: int) -> Iterator[slice]:
    """Slices that make up all rows; one if there are none."""
    return (slice(start, start + _ROWS) for start in range(0, max(rows, 1), _ROWS))
