"""The hyperparameters of the autoencoder: which values each can have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from atlasae.codecs.autoencoder.latent_dtypes import LATENT_DTYPES
from atlasae.codecs.autoencoder.network import ACTIVATIONS
from atlasae.codecs.autoencoder.scaling import SCALINGS
from atlasae.errors import InputError, require_choice
from atlasae.quantization.tolerance import abs_, check_spec, tolerances

UNITS = ("GeV", "MeV")
#: Widths of the hidden layers of an encoder, by name; the decoder has them in reverse order.
NETWORKS: dict[str, tuple[int, ...]] = {
    "small": (80, 80, 50),
    "original": (200, 100, 50),
    "larger": (200, 200, 100),
}
CHOICES: dict[str, tuple[str, ...]] = {
    "activation": tuple(ACTIVATIONS),
    "regularization": ("weight_decay", "l2"),
    "encoder": ("auto", "wound", "learned"),
    "scaling": SCALINGS,
    "loss": ("rmse", "mse", "huber"),
    "latent_dtype": tuple(LATENT_DTYPES),
    "schedule": ("one_cycle", "constant"),
    "optimizer": ("soap", "adamw"),
}
_WIDEST = 100_000  # units of a layer


def check_hyperparameters(values: Mapping[str, Any]) -> None:
    """Raise InputError unless each hyperparameter, by name, has a value it can have."""
    for name, choices in CHOICES.items():
        require_choice(name, values[name], choices)
    if values["unit"] is not None:
        require_choice("unit", values["unit"], UNITS)
    if values["latent_tolerance"] is not None:
        abs_(values["latent_tolerance"])  # raises where it is none
    if values["tolerance"] is not None and values["features"] is None:
        check_spec(values["tolerance"])
    elif values["tolerance"] is not None:
        tolerances(values["tolerance"], tuple(values["features"]))
    latent, network = values["latent"], values["network"]
    if not _is_width(latent):
        raise InputError(f"latent={latent!r} must be an integer from 1 to {_WIDEST:,}")
    if isinstance(network, str):
        require_choice("network", network, NETWORKS)
    elif (
        not isinstance(network, Sequence)
        or isinstance(network, bytes)
        or not all(map(_is_width, network))
    ):
        raise InputError(
            f"network={network!r} must be one of {', '.join(NETWORKS)}, or a list of integers from"
            f" 1 to {_WIDEST:,}"
        )
    weights = values["weights"]
    if weights is not None and not (
        isinstance(weights, Mapping) and all(_is_number(w) and w > 0 for w in weights.values())
    ):
        raise InputError(f"weights={weights!r} must give positive numbers by feature")
    for name in ("weight_decay", "jitter"):
        if not _is_number(values[name]) or values[name] < 0:
            raise InputError(f"{name}={values[name]!r} must be a number that is not negative")
    if not _is_number(values["lr"]) or values["lr"] <= 0:
        raise InputError(f"lr={values['lr']!r} must be a positive number")
    if not _is_whole(values["batch_size"]):
        raise InputError(f"batch_size={values['batch_size']!r} must be a positive integer")
    if values["epochs"] is not None and not _is_whole(values["epochs"]):
        raise InputError(f"epochs={values['epochs']!r} must be a positive integer, or None")


def _is_width(value: Any) -> bool:
    return _is_whole(value) and value <= _WIDEST


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and bool(np.isfinite(value))
