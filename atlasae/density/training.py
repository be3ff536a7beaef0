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
NORMALISING = 0.01  # weight of the loss term that keeps logits in the fixed range of the integers
BATCH = 512  # values per step
RATE = 4e-3  # highest learning rate

_ONE_THREAD = 1 << 18  # multiplications up to which OpenBLAS starts no second thread
_INITIAL_MIXING = 0.1  # factor on the initial mixing, so that training starts near the shares
_HELD_OUT = 5000  # most values for the early look; an eighth of all at most
_LOOK = 0.2  # fraction of the epochs before the early look
_LOOK_STEPS = 300  # fewest steps before it, since the first steps are small
_GROWTH = 3.0  # most that the saving seen at the early look can still grow by
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
        units: number of units in each hidden layer.
        shares: probability of each group, shape (groups,). The untrained network gives about these.
        generator: source of the initial weights, uniform within 1/sqrt(inputs of the layer).

    Attributes:
        parameters: all parameters in one vector, float32.
        layers: the same parameters as layers; they share memory.
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
        self.layers.mixing[:] *= _INITIAL_MIXING
        self.layers.bias[:] = np.log(shares)

    def split(self, vector: Float32s) -> Layers:
        """Layers that share the memory of a vector of parameters or gradients."""
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
        """Mean cross-entropy of target groups, shape (n,), in nats."""
        logits = self.logits(self.hidden(rows)[1])
        _, totals = _softmax(logits)
        return float((totals - logits[targets, np.arange(len(targets))]).mean(dtype=np.float64))

    def gradient(self, rows: Float32s, targets: Integers) -> Float32s:
        """Gradient of the loss, summed over rows, as a vector like ``parameters``.

        The loss of a row is cross-entropy + NORMALISING * logsumexp(logits)^2.
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
    units = np.empty((1 + len(layer), inputs.shape[1]), layer.dtype)
    units[0] = 1
    np.matmul(layer, inputs, out=units[1:])
    units.clip(0, np.inf, out=units)  # faster than maximum with a scalar
    return units


def _softmax(logits: Float32s) -> tuple[Float32s, Float32s]:
    """Probabilities of groups, shape (groups, n), and logsumexp of the logits, shape (n,)."""
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
        """Take one step with a learning rate and the beta of the moving average of gradients."""
        self._steps += 1
        self._mean += (1 - beta) * (gradient - self._mean)
        self._squares += (1 - _SQUARES_BETA) * (gradient * gradient - self._squares)
        sizes = np.sqrt(self._squares / (1 - _SQUARES_BETA**self._steps)) + _EPSILON
        self.parameters -= rate * self.decay * self.parameters
        self.parameters -= rate / (1 - beta**self._steps) * self._mean / sizes


def one_cycle(steps: int) -> tuple[list[float], list[float]]:
    """Learning rate and beta of each step; the rate rises to RATE and falls along cosines.

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
    """Train a network, and stop early where it cannot reach ``required``.

    After a fifth of the epochs the network is tested once on values held out until then. Training
    stops where even _GROWTH times the saving would not be enough: the last epochs, with their small
    steps, gain most. After the test the held-out values are trained on as well.

    Args:
        network: changed in place.
        rows: shape (n, 1 + inputs), the first column one.
        targets: group of each value, shape (n,).
        weight_decay: of the matrices; biases do not decay.
        epochs: passes over the values.
        generator: source of the order of the values.
        required: nats per value that the network has to save compared with the shares alone.

    Returns:
        Whether all epochs were trained.
    """
    decay = np.full_like(network.parameters, weight_decay)
    decaying = network.split(decay)
    decaying.first[:, 0] = decaying.second[:, 0] = decaying.bias[:] = 0
    optimiser = AdamW(network.parameters, decay)
    # small matrix products are far slower on two threads than on one
    pieces = -(-BATCH * max(layer.size for layer in network.layers) // _ONE_THREAD)
    steps = epochs * -(-len(rows) // BATCH)
    schedule = zip(*one_cycle(steps), strict=True)
    look = max(int(_LOOK * epochs), _LOOK_STEPS * epochs // steps)
    size = min(_HELD_OUT, len(rows) // 8) if look < epochs else 0
    held_out, used = np.split(generator.permutation(len(rows)), [size])
    shares_alone = -network.layers.bias[targets[held_out]].mean() if size else 0.0
    for epoch in range(epochs):
        if epoch == look and size:
            saved = shares_alone - network.cross_entropy(rows[held_out], targets[held_out])
            if _GROWTH * saved < required:
                return False
            used = np.arange(len(rows))
        generator.shuffle(used)
        for start in range(0, len(used), BATCH):
            batch = used[start : start + BATCH]
            gradient = np.zeros_like(network.parameters)
            for piece in np.array_split(batch, pieces):
                gradient += network.gradient(rows[piece], targets[piece])
            gradient /= len(batch)
            optimiser.step(gradient, *next(schedule))
    return True
