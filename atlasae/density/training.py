"""Training of the small networks behind conditional densities, in numpy.

Matrices hold the bias as their first column, and inputs a one as their first feature, as in
``atlasae.density.networks.CompiledNetwork``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from atlasae.density.networks import basis

if TYPE_CHECKING:
    from atlasae.types import Float32s, Floats, Integers

ORDER = 16  # of the basis in the last layer
NORMALISING = 0.01  # keeps the logits near normalised ones, which their fixed range needs
BATCH, RATE = 512, 4e-3

_ONE_THREAD = 1 << 18  # multiplications up to which matrix libraries start no second thread
_FIRST_MIXING = 0.1  # factor on the initial mixing: training starts near the shares alone
_HELD_OUT = 5000  # values, or an eighth of all, for the early look
_LOOK = 0.2  # fraction of the epochs before the early look, ...
_LOOK_STEPS = 300  # ... which comes after this many steps at least, since the first are small
_GROWTH = 3.0  # the bits saved at the early look grow by this factor at most
_WARM_UP = 0.2  # fraction of the steps in which the learning rate rises
_START, _END = 1 / 25, 1 / 25e4  # first and last learning rate, as fractions of the highest
_LOW_BETA, _HIGH_BETA = 0.85, 0.95  # of the gradients' moving average; low where the rate is high
_SQUARES_BETA, _EPSILON = 0.999, 1e-8


class Layers(NamedTuple):
    """Parameters of a network, or their gradients.

    Attributes:
        first: shape (units, 1 + inputs).
        second: shape (units, 1 + units).
        mixing: shape (ORDER, units).
        bias: shape (groups,).
    """

    first: Float32s
    second: Float32s
    mixing: Float32s
    bias: Float32s


class Network:
    """Two hidden ReLU layers, then logits of groups as mixed ``basis`` functions plus a bias.

    Args:
        inputs: number of input features.
        units: of each hidden layer.
        shares: probability of each group, shape (groups,): the output before training.
        generator: of the initial weights, uniform within 1/sqrt(inputs of the layer).

    Attributes:
        parameters: all parameters in one vector, float32.
        layers: views of it.
    """

    def __init__(
        self, inputs: int, units: int, shares: Floats, generator: np.random.Generator
    ) -> None:
        self._shapes = [(units, 1 + inputs), (units, 1 + units), (ORDER, units), (len(shares),)]
        self._functions = (basis(ORDER, len(shares)) / 512.0).astype(np.float32)
        self.parameters = np.empty(sum(int(np.prod(shape)) for shape in self._shapes), np.float32)
        self.layers = self.split(self.parameters)
        for layer, width in zip(self.layers[:3], (inputs, units, units), strict=True):
            layer[:] = generator.uniform(-(width**-0.5), width**-0.5, layer.shape)
        self.layers.mixing[:] *= _FIRST_MIXING
        self.layers.bias[:] = np.log(shares)

    def split(self, vector: Float32s) -> Layers:
        """Views of a vector of parameters or gradients as layers."""
        ends = np.cumsum([np.prod(shape) for shape in self._shapes])
        pieces = np.split(vector, ends[:-1])
        return Layers(*(v.reshape(shape) for v, shape in zip(pieces, self._shapes, strict=True)))

    def hidden(self, rows: Float32s) -> tuple[Float32s, Float32s]:
        """Activations of both hidden layers below a row of ones, shape (1 + units, n).

        Args:
            rows: shape (n, 1 + inputs), the first column one.
        """
        first = _rectified(self.layers.first, rows.T)
        return first, _rectified(self.layers.second, first)

    def logits(self, hidden: Float32s) -> Float32s:
        """Logits of the groups from the second hidden layer, shape (groups, n)."""
        logits: Float32s = self._last() @ hidden[1:]
        logits += self.layers.bias[:, None]
        return logits

    def cross_entropy(self, rows: Float32s, targets: Integers) -> float:
        """Mean cross-entropy of groups, shape (n,), in nats."""
        logits = self.logits(self.hidden(rows)[1])
        _, totals = _softmax(logits)
        return float((totals - logits[targets, np.arange(len(targets))]).mean(dtype=np.float64))

    def gradient(self, rows: Float32s, targets: Integers) -> Float32s:
        """Gradient of the loss summed over rows.

        The loss is cross-entropy + NORMALISING * (log of the sum of weights)^2.
        """
        first, second = self.hidden(rows)
        slope, totals = _softmax(self.logits(second))
        slope *= 1 + 2 * NORMALISING * totals
        slope[targets, np.arange(len(targets))] -= 1
        gradient = np.empty_like(self.parameters)
        layers = self.split(gradient)
        np.matmul(self._functions, slope @ second[1:].T, out=layers.mixing)
        slope.sum(axis=1, out=layers.bias)
        slope = self._last().T @ slope
        slope *= second[1:] > 0
        np.matmul(slope, first.T, out=layers.second)
        slope = self.layers.second[:, 1:].T @ slope
        slope *= first[1:] > 0
        np.matmul(slope, rows, out=layers.first)
        return gradient

    def _last(self) -> Float32s:
        """The last layer without its bias, shape (groups, units)."""
        return self._functions.T @ self.layers.mixing


def _rectified(layer: Float32s, inputs: Float32s) -> Float32s:
    """Activations of a ReLU layer below a row of ones."""
    kept = np.empty((1 + len(layer), inputs.shape[1]), layer.dtype)
    kept[0] = 1
    np.matmul(layer, inputs, out=kept[1:])
    kept.clip(0, np.inf, out=kept)  # faster than maximum with a scalar
    return kept


def _softmax(logits: Float32s) -> tuple[Float32s, Float32s]:
    """Probabilities of groups, shape (groups, n), and the log of the sum of weights, shape (n,)."""
    highest = logits.max(axis=0)
    weights = np.exp(logits - highest)
    sums = weights.sum(axis=0)
    weights /= sums
    return weights, np.log(sums) + highest


@dataclass
class AdamW:
    """Adam with decoupled weight decay.

    Source: Loshchilov and Hutter, arXiv:1711.05101.

    Attributes:
        parameters: changed in place, shape (k,).
        decay: weight decay of each parameter, shape (k,).
    """

    parameters: Float32s
    decay: Float32s

    def __post_init__(self) -> None:
        self._mean = np.zeros_like(self.parameters)
        self._squares = np.zeros_like(self.parameters)
        self._steps = 0

    def step(self, gradient: Float32s, rate: float, beta: float) -> None:
        """One step; ``beta`` is that of the moving average of gradients."""
        self._steps += 1
        self._mean += (1 - beta) * (gradient - self._mean)
        self._squares += (1 - _SQUARES_BETA) * (gradient * gradient - self._squares)
        sizes = np.sqrt(self._squares / (1 - _SQUARES_BETA**self._steps)) + _EPSILON
        self.parameters -= rate * self.decay * self.parameters
        self.parameters -= rate / (1 - beta**self._steps) * self._mean / sizes


def one_cycle(steps: int) -> tuple[list[float], list[float]]:
    """Learning rate and beta of each step: up to RATE and down again along a cosine.

    Source: Smith and Topin, arXiv:1708.07120.
    """
    peak = max(_WARM_UP * steps - 1, 0)
    position = np.interp(np.arange(steps), [0, peak, steps - 1], [0, 1, 2])
    height = (1 - np.cos(np.pi * position)) / 2
    lowest = np.where(position <= 1, _START, _END)
    rates = RATE * (lowest + (1 - lowest) * height)
    betas = _HIGH_BETA - (_HIGH_BETA - _LOW_BETA) * height
    return rates.tolist(), betas.tolist()


def train(
    network: Network,
    rows: Float32s,
    targets: Integers,
    *,
    weight_decay: float,
    epochs: int,
    generator: np.random.Generator,
    required: float = 0.0,
) -> bool:
    """Train a network in place, unless an early look at held-out values shows that it cannot pay.

    The schedule ends in small steps, and the last epochs gain most. So only a prediction that is
    far from ``required`` after a fifth of the epochs stops the training.

    Args:
        network: changed in place.
        rows: shape (n, 1 + inputs), the first column one.
        targets: group of each value, shape (n,).
        weight_decay: of the matrices; biases do not decay.
        epochs: passes over the values.
        generator: of the order of the values.
        required: nats per value below the entropy of the groups that the network has to reach.

    Returns:
        Whether the training went through.
    """
    decay = np.full_like(network.parameters, weight_decay)
    decaying = network.split(decay)
    decaying.first[:, 0] = decaying.second[:, 0] = decaying.bias[:] = 0
    optimiser = AdamW(network.parameters, decay)
    # products as small as one thread takes: threads that wait for each other are far slower
    pieces = -(-BATCH * max(layer.size for layer in network.layers) // _ONE_THREAD)
    steps = epochs * -(-len(rows) // BATCH)
    schedule = zip(*one_cycle(steps), strict=True)
    look = max(int(_LOOK * epochs), _LOOK_STEPS * epochs // steps)
    few = min(_HELD_OUT, len(rows) // 8) if look < epochs else 0
    held_out, seen = np.split(generator.permutation(len(rows)), [few])
    plain = -network.layers.bias[targets[held_out]].mean() if few else 0.0
    for epoch in range(epochs):
        if epoch == look and few:
            saved = plain - network.cross_entropy(rows[held_out], targets[held_out])
            if _GROWTH * saved < required:
                return False
            seen = np.arange(len(rows))
        generator.shuffle(seen)
        for start in range(0, len(seen), BATCH):
            batch = seen[start : start + BATCH]
            gradient = np.zeros_like(network.parameters)
            for piece in np.array_split(batch, pieces):
                gradient += network.gradient(rows[piece], targets[piece])
            gradient /= len(batch)
            optimiser.step(gradient, *next(schedule))
    return True
