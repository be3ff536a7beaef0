"""Dense networks evaluated so that every machine gives the same bits.

The products of a matrix library are summed in an order that depends on the machine, and its tanh is
that of a library. Here each sum starts with the bias and takes the inputs in their order, each
product and each sum is rounded to float32, and the activations are those of ``exact_math``. Many
rows are treated at a time, so a processor still computes several sums at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae import exact_math
from atlasae.codecs.autoencoder.network import LEAK
from atlasae.compiled import accelerated

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from atlasae.codecs.autoencoder.network import DenseNetwork
    from atlasae.types import Float32s

LANES = 64  # rows that a kernel treats at a time
_LOWEST_POWER = -126.0  # of two, that is a normal float32


def run_exactly(network: DenseNetwork, x: NDArray[np.floating]) -> Float32s:
    """Run a network on rows, with the same bits on every machine.

    Args:
        network: to run.
        x: shape (n, inputs); float32, or float16.

    Returns:
        Shape (n, outputs), float32.

    Example:
        >>> from atlasae.codecs.autoencoder.network import DenseNetwork
        >>> network = DenseNetwork.initial([2, 8, 3], "tanh", np.random.default_rng(0))
        >>> x = np.array([[0.5, -1.0]], np.float32)
        >>> bool(np.allclose(run_exactly(network, x), network(x), atol=1e-5))
        True
    """
    out = np.empty((len(x), network.outputs), np.float32)
    step = max(network.rows_at_once // LANES, 1) * LANES  # a block that is not full takes as much
    with np.errstate(all="ignore"):
        for start in range(0, len(x), step):
            rows = slice(start, start + step)
            out[rows] = _rows(_run(network, _lanes(x[rows])), len(out[rows]))
    return out


def _run(network: DenseNetwork, h: Float32s) -> Float32s:
    activate = ACTIVATIONS[network.activation]
    for i, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        if i or network.activate_input:
            activate(h)
        after = np.empty((len(h), len(bias), LANES), np.float32)
        apply_layer(h, np.ascontiguousarray(weight), bias, after)
        h = after
    return h


def _lanes(x: NDArray[np.floating]) -> Float32s:
    """Rows, shape (n, k), as blocks of ``LANES`` rows, shape (blocks, k, LANES), with zeros added."""
    blocks = -(-len(x) // LANES)
    padded = np.zeros((blocks * LANES, x.shape[1]), np.float32)
    padded[: len(x)] = x
    lanes = padded.reshape(blocks, LANES, -1).transpose(0, 2, 1)
    return np.ascontiguousarray(lanes)


def _rows(h: Float32s, n: int) -> Float32s:
    """The inverse of ``_lanes``."""
    return h.transpose(0, 2, 1).reshape(-1, h.shape[1])[:n]


@accelerated("atlasae.codecs.autoencoder.kernels")
def apply_layer(x: Float32s, weight: Float32s, bias: Float32s, out: Float32s) -> None:
    """Apply a layer of a network.

    Args:
        x: its inputs, shape (blocks, inputs, LANES).
        weight: shape (inputs, outputs).
        bias: shape (outputs,).
        out: to be filled, shape (blocks, outputs, LANES).
    """
    out[:] = bias[:, np.newaxis]
    for i, row in enumerate(weight):
        out += row[:, np.newaxis] * x[:, i, np.newaxis]


@accelerated("atlasae.codecs.autoencoder.kernels")
def apply_tanh(h: Float32s) -> None:
    """Apply the hyperbolic tangent in place, shape (n,)."""
    h[:] = exact_math.tanh(h)


def _tanh(h: Float32s) -> None:
    apply_tanh(h.reshape(-1))


def _relu(h: Float32s) -> None:
    h *= h > 0


def _leaky_relu(h: Float32s) -> None:
    h *= np.where(h > 0, np.float32(1), np.float32(LEAK))


def _sigmoid(h: Float32s) -> None:
    h *= np.float32(0.5)
    _tanh(h)
    h += np.float32(1)
    h *= np.float32(0.5)


def _softmax(h: Float32s) -> None:
    below = (h - h.max(axis=1, keepdims=True)).astype(np.float64)
    powers = below * (1 / exact_math.LN2)
    h[:] = exact_math.exp2(np.where(powers > _LOWEST_POWER, powers, _LOWEST_POWER))
    total = np.zeros_like(h[:, 0])
    for unit in range(h.shape[1]):  # in this order
        total += h[:, unit]
    h /= total[:, np.newaxis]


#: Activation name to the function that applies it in place, shape (blocks, units, LANES).
ACTIVATIONS: dict[str, Callable[[Float32s], None]] = {
    "tanh": _tanh,
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "sigmoid": _sigmoid,
    "softmax": _softmax,
}
