"""Constructed encoders: an angle and another feature become one latent, wound like a helix.

k features into k - 1 latents: one latent has to run through a plane, and a network that starts at
random finds few of the turns that this takes. Here they are constructed. The feature that has the
least spread given the others, less what those tell of it, and the angle phi make a plane, which
n lines cut into turns. Line i leads from ``edges[i]`` at phi = -pi to ``edges[i + 1]`` at phi = pi.
The latent of a jet that lies above t lines is

    z = (2 t + phi / pi) / n - 1

As line i ends where line i + 1 begins, it is continuous where phi ends, like the thread of a screw,
and has no turning points. For each line there is a unit so steep that it is a step; the other
features pass through the linear part of the activation, one latent each. What is left to learn is
the decoder.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from atlasae.codecs.autoencoder.network import ACTIVATIONS, DenseNetwork

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.types import Floats

TOO_COARSE = "latent_dtype='bfloat16' has too few digits for a wound latent"
_SATURATING = ("tanh", "sigmoid")  # activations that have steps
_TURNS = 0.64  # per unit of the decoder's first layer; more than 0.8 are not resolved
_UNITS = 0.8  # share of these units that start as steps along the wound latent
_FEWEST_TURNS = 8
_LEAST_STEP = 1e5  # weight that makes a step; a wound encoder has larger ones, a learned one none
_REACH = 1.03  # of the wound latent: phi = -pi to pi on the outermost lines is a little beyond 1
_STEEPNESS = 1e7  # so that float32 has next to no numbers on the slope of a step
_SIGNAL = 0.02  # size at which features pass through an activation
_LATENT = (
    0.08  # standard deviation of the other latents; the activation bends the tails of wide ones
)
_SPREAD = 0.3  # standard deviation of what the first units of the decoder see of them
_BINS = 256
_OUTLIERS = 5e-4  # share of the jets below the first turn, and above the last


def obstacle(
    angles: Sequence[int],
    features: int,
    latent: int,
    latent_dtype: str,
    hidden: Sequence[int],
    activation: str,
) -> str | None:
    """Why an encoder cannot be wound, in words; None if it can."""
    if not angles:
        return "no feature is scaled as an angle (scaling='physics' does so with phi)"
    if latent != features - 1:
        return f"latent={latent} is not the number of features less one, {features - 1}"
    if latent_dtype == "bfloat16":
        return TOO_COARSE
    if activation not in _SATURATING:
        return f"activation={activation!r} has no steps, as {' and '.join(_SATURATING)} have"
    if len(hidden) < 2 or _turns(hidden) < _FEWEST_TURNS:
        return f"network={tuple(hidden)} is too small to decode it"
    return None


def wound_encoder(
    x: Floats, angle: int, weights: Floats, hidden: Sequence[int], activation: str
) -> DenseNetwork:
    """An encoder with one hidden layer: a unit for each turn, and one for each feature.

    Args:
        x: scaled features, shape (n, k).
        angle: the column that is an angle, in radians.
        weights: of the errors of the features, shape (k,): the feature that is wound is the one
            with the least weighted spread given the others.
        hidden: widths of the hidden layers, of the decoder in reverse order.
        activation: one for which there is no ``obstacle``.
    """
    features = x.shape[1]
    low, zero, high, slope = _shape(activation)
    direction, others = _least_spread(x, angle, weights)
    edges = _edges(x @ direction, _turns(hidden))
    turns, pitch, middle = len(edges) - 1, np.diff(edges), (edges[1:] + edges[:-1]) / 2
    step = np.repeat(direction[:, np.newaxis], turns, axis=1)
    step[angle] -= pitch / (2 * np.pi)
    inner = np.hstack([_STEEPNESS * step / pitch, _SIGNAL * np.eye(features)])
    inner_bias = np.concatenate([-_STEEPNESS * middle / pitch, np.zeros(features)])

    outer = np.zeros((turns + features, features - 1))
    outer[:turns, 0] = 2 / turns / (high - low)
    outer[turns + angle, 0] = 1 / (np.pi * turns * _SIGNAL * slope)
    outer_bias = np.zeros(features - 1)
    outer_bias[0] = -1 - 2 * low / (high - low)
    for latent, feature in enumerate(others, 1):
        spread = x[:, feature].std() or 1.0
        outer[turns + feature, latent] = _LATENT / (spread * _SIGNAL * slope)
        outer_bias[latent] = -_LATENT * x[:, feature].mean() / spread
    outer_bias -= zero * outer[turns:].sum(axis=0)
    return DenseNetwork(
        (inner.astype(np.float32), outer.astype(np.float32)),
        (inner_bias.astype(np.float32), outer_bias.astype(np.float32)),
        activation,
    )


def is_wound(encoder: DenseNetwork) -> bool:
    """Whether ``wound_encoder`` made an encoder."""
    return bool(np.abs(encoder.weights[0]).max() > _LEAST_STEP)


def start_decoder(decoder: DenseNetwork) -> DenseNetwork:
    """The decoder with most units of its first layer as steps along the wound latent, evenly spaced.

    Args:
        decoder: with random weights.
    """
    _, zero, _, slope = _shape(decoder.activation)
    weight, bias = decoder.weights[0].copy(), decoder.biases[0].copy()
    units = int(_UNITS * len(bias))
    places = _apply(decoder.activation, np.linspace(-_REACH, _REACH, units))
    steepness = (1.5 / (np.gradient(places) * slope**0.5)).astype(np.float32)
    weight[0, :units] = steepness
    weight[1:] *= _SPREAD / _LATENT
    weight[1:, :units] *= 0.3
    bias[:units] = -steepness * places - zero * weight[1:, :units].sum(axis=0)
    return replace(
        decoder, weights=(weight, *decoder.weights[1:]), biases=(bias, *decoder.biases[1:])
    )


def _turns(hidden: Sequence[int]) -> int:
    return int(_TURNS * hidden[-1])


def _apply(activation: str, values: Sequence[float] | Floats) -> Floats:
    h = np.array([values], np.float32)
    ACTIVATIONS[activation][0](h)
    return np.asarray(h[0], np.float64)


def _shape(activation: str) -> tuple[float, float, float, float]:
    """The lowest value of an activation, that at zero, the highest, and its slope at zero."""
    low, before, zero, after, high = _apply(activation, [-50, -0.05, 0, 0.05, 50])
    return float(low), float(zero), float(high), float((after - before) / 0.1)


def _least_spread(x: Floats, angle: int, weights: Floats) -> tuple[Floats, list[int]]:
    """The feature to wind, less what the others tell of it, as a direction; and the others."""
    features = [i for i in range(x.shape[1]) if i != angle]
    found = []
    for feature in features:
        others = [i for i in features if i != feature]
        known = np.column_stack([x[:, others], np.ones(len(x))])
        slopes = np.linalg.lstsq(known, x[:, feature], rcond=None)[0][:-1]
        direction = np.zeros(x.shape[1])
        direction[feature], direction[others] = 1, -slopes
        low, high = np.quantile(x @ direction, [0.16, 0.84])
        found.append((weights[feature] * (high - low), feature, direction, others))
    _, _, direction, others = min(found, key=lambda one: one[:2])
    return direction, others


def _edges(a: Floats, turns: int) -> Floats:
    """Ends of the lines, shape (turns + 1,): as dense as the square root of the density of ``a``.

    The cube root would make the mean squared distance to the nearest turn smallest (Panter and
    Dite, Proc. IRE 39, 1951), but leave turns in the tails with too few jets to learn from.
    """
    first, last = np.quantile(a, [_OUTLIERS, 1 - _OUTLIERS])
    counts, bounds = np.histogram(a, _BINS, (float(first), float(last)))
    smooth = np.convolve(counts, np.full(9, 1 / 9), "same")
    turned = np.cumsum(np.sqrt(smooth + 1e-3 * max(smooth.max(), 1)))
    turned = np.append(0, turned) / turned[-1]
    return np.asarray(np.interp(np.linspace(0, 1, turns + 1), turned, bounds))
