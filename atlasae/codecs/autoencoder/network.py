"""Dense networks: numpy runs them, torch trains them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import InputError, require_choice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import nn

    from atlasae.types import Float32s


LEAK = 0.01  # slope of leaky_relu below zero
CHUNK = 512  # rows at a time, so that the outputs of the layers stay in the cache
_MOST_OUTPUTS = 1 << 24  # of all layers at a time: a stored network can have layers of any width


def _tanh(h: Float32s) -> None:
    np.tanh(h, out=h)


def _relu(h: Float32s) -> None:
    np.clip(h, 0, np.inf, out=h)  # three times as fast as np.maximum with a scalar


def _leaky_relu(h: Float32s) -> None:
    np.maximum(h, h * np.float32(LEAK), out=h)


def _sigmoid(h: Float32s) -> None:
    h *= np.float32(0.5)  # 1/(1 + exp(-h)) = (1 + tanh(h/2))/2, which cannot overflow
    np.tanh(h, out=h)
    h += np.float32(1)
    h *= np.float32(0.5)


def _softmax(h: Float32s) -> None:
    h -= h.max(axis=0)
    np.exp(h, out=h)
    h /= h.sum(axis=0)


#: Activation name to the function that applies it in place, to units (shape (units, ...)), and its
#: class in torch.nn.
ACTIVATIONS: dict[str, tuple[Callable[[Float32s], None], str, dict[str, Any]]] = {
    "tanh": (_tanh, "Tanh", {}),
    "relu": (_relu, "ReLU", {}),
    "leaky_relu": (_leaky_relu, "LeakyReLU", {"negative_slope": LEAK}),
    "sigmoid": (_sigmoid, "Sigmoid", {}),
    "softmax": (_softmax, "Softmax", {"dim": 1}),
}


@dataclass(frozen=True)
class DenseNetwork:
    """Fully connected layers with an activation between them, and none after the last.

    Attributes:
        weights: one (inputs, outputs) float32 matrix per layer.
        biases: one (outputs,) float32 vector per layer.
        activation: a key of ACTIVATIONS.
        activate_input: whether the activation also acts on the input.
    """

    weights: tuple[Float32s, ...]
    biases: tuple[Float32s, ...]
    activation: str
    activate_input: bool = False

    @classmethod
    def initial(
        cls,
        sizes: Sequence[int],
        activation: str,
        generator: np.random.Generator,
        activate_input: bool = False,
    ) -> DenseNetwork:
        """Random weights and biases, uniform within 1/sqrt(inputs), as in torch.nn.Linear.

        After a softmax, whose values are about 1/inputs, the weights are larger by the number of
        inputs, and after a sigmoid, whose slope is 1/4 at its middle, 1/2, by 4; otherwise the
        signal vanishes and nothing is learned.
        """
        require_choice("activation", activation, ACTIVATIONS)
        weights, biases = [], []
        for i, shape in enumerate(pairwise(sizes)):
            limit = shape[0] ** -0.5
            gains = {"softmax": shape[0], "sigmoid": 4}
            gain = gains.get(activation, 1) if i or activate_input else 1
            weights.append(generator.uniform(-gain * limit, gain * limit, shape))
            middle = weights[-1].sum(axis=0) / 2 if activation == "sigmoid" and gain > 1 else 0
            biases.append(generator.uniform(-limit, limit, shape[1]) - middle)
        return cls(
            tuple(weight.astype(np.float32) for weight in weights),
            tuple(bias.astype(np.float32) for bias in biases),
            activation,
            activate_input,
        )

    @property
    def inputs(self) -> int:
        return int(self.weights[0].shape[0])

    @property
    def outputs(self) -> int:
        return int(self.weights[-1].shape[1])

    @property
    def rows_at_once(self) -> int:
        """How many rows are run at a time: fewer than ``CHUNK`` through the widest layers."""
        outputs = self.inputs + sum(len(bias) for bias in self.biases)
        return max(min(CHUNK, _MOST_OUTPUTS // outputs), 1)

    def split(self, depth: int) -> tuple[DenseNetwork, DenseNetwork]:
        """The first ``depth`` layers, and the rest with the activation before its first layer."""
        return (
            DenseNetwork(
                self.weights[:depth], self.biases[:depth], self.activation, self.activate_input
            ),
            DenseNetwork(self.weights[depth:], self.biases[depth:], self.activation, True),
        )

    def followed_by(self, other: DenseNetwork) -> DenseNetwork:
        """Both in one, the inverse of ``split``; ``other`` activates its input."""
        return DenseNetwork(
            self.weights + other.weights,
            self.biases + other.biases,
            self.activation,
            self.activate_input,
        )

    def __call__(self, x: NDArray[Any]) -> Float32s:
        """Run the network on rows, shape (n, inputs) to (n, outputs), float32."""
        out = np.empty((self.outputs, len(x)), np.float32)
        sizes = [layer.shape[1] for layer in self._layers]
        chunk = self.rows_at_once
        memory = np.ones((sum(sizes), min(chunk, len(x))), np.float32)
        ends = accumulate(sizes)
        inputs = [memory[end - size : end] for end, size in zip(ends, sizes, strict=True)]
        for start in range(0, len(x), chunk):
            rows = x[start : start + chunk]
            self._run(rows, [h[:, : len(rows)] for h in inputs], out[:, start : start + chunk])
        return out.T

    def _run(self, rows: NDArray[Any], inputs: list[Float32s], out: Float32s) -> None:
        """Run rows through arrays for the inputs of the layers, whose last row is one."""
        activate = ACTIVATIONS[self.activation][0]
        following = [h[:-1] for h in inputs]
        following[0][:] = rows.T
        if self.activate_input:
            activate(following[0])
        for layer, h, after in zip(self._layers, inputs, following[1:], strict=False):
            np.matmul(layer, h, out=after)
            activate(after)
        np.matmul(self._layers[-1], inputs[-1], out=out)

    @cached_property
    def _layers(self) -> list[Float32s]:
        """Matrices from inputs and a one to outputs, shape (outputs, inputs + 1).

        With the bias as a weight of that one, and units in rows, a layer is one product and its
        activation one pass over contiguous values.
        """
        layers = zip(self.weights, self.biases, strict=True)
        return [np.ascontiguousarray(np.vstack([weight, bias]).T) for weight, bias in layers]

    def tensors(self, name: str) -> dict[str, Float32s]:
        """The weights by name, for a file: ``name.0.weight``, ``name.0.bias`` and so on."""
        layers = enumerate(zip(self.weights, self.biases, strict=True))
        return {
            f"{name}.{i}.{part}": np.ascontiguousarray(values)
            for i, layer in layers
            for part, values in zip(("weight", "bias"), layer, strict=True)
        }

    @classmethod
    def from_tensors(
        cls, tensors: dict[str, Float32s], name: str, activation: str, activate_input: bool = False
    ) -> DenseNetwork | None:
        """The inverse of ``tensors``, from untrusted arrays; None if there is no such network.

        Raises:
            InputError: the arrays are not those of a network.
        """
        depth = sum(key.startswith(f"{name}.") and key.endswith(".weight") for key in tensors)
        if not depth:
            return None
        weights = tuple(tensors[f"{name}.{i}.weight"] for i in range(depth))
        biases = tuple(tensors[f"{name}.{i}.bias"] for i in range(depth))
        if any(array.dtype != np.float32 for array in (*weights, *biases)):
            raise InputError("the weights of a network are not float32")
        if any(weight.ndim != 2 for weight in weights) or (
            [weight.shape[1:] for weight in weights] != [bias.shape for bias in biases]
            or any(one.shape[1] != other.shape[0] for one, other in pairwise(weights))
        ):
            raise InputError("the layers of a network do not fit each other")
        return cls(weights, biases, activation, activate_input)

    def to_torch(self) -> nn.Sequential:
        """A torch module with copies of these weights, to train."""
        import torch
        from torch import nn

        _, class_name, options = ACTIVATIONS[self.activation]
        modules: list[nn.Module] = []
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if i or self.activate_input:
                modules.append(getattr(nn, class_name)(**options))
            linear = nn.Linear(*weight.shape)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(weight.T))
                linear.bias.copy_(torch.from_numpy(bias))
            modules.append(linear)
        return nn.Sequential(*modules)

    def from_torch(self, module: nn.Sequential) -> DenseNetwork:
        """This network with the weights of a module that ``to_torch`` made."""
        from torch import nn

        linears = [layer for layer in module if isinstance(layer, nn.Linear)]
        return DenseNetwork(
            tuple(layer.weight.detach().cpu().numpy().T.copy() for layer in linears),
            tuple(layer.bias.detach().cpu().numpy().copy() for layer in linears),
            self.activation,
            self.activate_input,
        )
