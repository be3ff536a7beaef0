"""What a training starts from: scaling, weights of the errors, initial network."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlasae.codecs.autoencoder.network import DenseNetwork
from atlasae.codecs.autoencoder.scaling import Scaling
from atlasae.codecs.autoencoder.winding import obstacle, start_decoder, wound_encoder
from atlasae.errors import InputError
from atlasae.jets.names import energy_unit, find_feature
from atlasae.jets.table import column_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlasae.jets.table import Table
    from atlasae.types import Floats

_logger = logging.getLogger(__name__)

_STEPS = 10_000  # of the optimizer, if no number of epochs is given


@dataclass(frozen=True)
class Start:
    """What a training starts from.

    Attributes:
        unit: of the energies, ``GeV`` or ``MeV``; empty without a pt.
        scaling: of the features.
        weights: of the errors of the features in the loss, shape (k,).
        network: encoder and decoder, with initial weights.
        depth: number of layers of the encoder.
        learned: whether these are to be trained.
    """

    unit: str
    scaling: Scaling
    weights: Floats
    network: DenseNetwork
    depth: int
    learned: bool

    @classmethod
    def of(
        cls,
        jets: Table,
        *,
        unit: str | None,
        scaling: str,
        weights: Mapping[str, float],
        encoder: str,
        latent: int,
        latent_dtype: str,
        hidden: Sequence[int],
        activation: str,
        seed: int,
    ) -> Start:
        """The start of a training on these jets; the arguments are the codec's hyperparameters.

        Raises:
            InputError: the encoder cannot be wound, and ``encoder`` is ``wound``.
            MissingNameError: a weight is that of no feature.
        """
        names, x = list(jets.columns), jets.matrix()
        pt = column_of("pt", jets)
        unit = unit or ("" if pt is None else energy_unit(pt))
        fitted = Scaling.fit(scaling, names, x, unit)
        by_feature = np.ones(len(names))
        for name, weight in weights.items():
            by_feature[names.index(find_feature(name, names, "these jets"))] = weight
        sizes = (len(names), *hidden, latent, *reversed(hidden), fitted.outputs)
        network = DenseNetwork.initial(sizes, activation, np.random.default_rng(seed))
        depth = len(hidden) + 1
        why_not = obstacle(fitted.angles, len(names), latent, latent_dtype, hidden, activation)
        if encoder == "wound" and why_not:
            raise InputError(
                f"the encoder cannot be wound: {why_not}; use --encoder learned (encoder='learned')"
            )
        if encoder == "auto" and why_not:
            _logger.info("the encoder cannot be wound, so it is learned: %s", why_not)
        if encoder == "learned" or why_not:
            return cls(unit, fitted, by_feature, network, depth, learned=True)
        scaled = fitted.forward(x).astype(np.float64)
        constructed = wound_encoder(scaled, fitted.angles[0], by_feature, hidden, activation)
        network = constructed.followed_by(start_decoder(network.split(depth)[1]))
        return cls(unit, fitted, by_feature, network, len(constructed.weights), learned=False)


def default_epochs(jets: int, batch_size: int) -> int:
    """As many passes as make 10,000 steps."""
    return -(-_STEPS // -(-jets // batch_size))
