"""Dense networks in integers, as the logic of a trigger computes them.

A number is an integer times a power of two, its format. A layer multiplies and adds integers, shifts
the sum to the format of its result (half up, within the range), and looks the activation up in a
table. This is the arithmetic of ``ap_fixed<bits, bits - fraction, AP_RND, AP_SAT>`` in high-level
synthesis. See Jacob et al., arXiv:1712.05877, and Duarte et al., arXiv:1804.06913.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from atlasae.codecs.autoencoder.network import ACTIVATIONS, CHUNK
from atlasae.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from atlasae.codecs.autoencoder.network import DenseNetwork
    from atlasae.types import Float32s, Floats

FEWEST_BITS, MOST_BITS = 4, 16
BIAS_BITS = 48  # added to sums of products, which are as wide
_DATA_BITS = 16  # of inputs and latents, which no multiplication makes expensive
_MARGIN = 2.0  # inputs and latents may be larger than those seen
_LARGEST_FRACTION = 40
_FLAT = {"tanh": 2, "sigmoid": 3}  # log2 of the size at which 8 bits tell no more from 1


@dataclass(frozen=True)
class Format:
    """Integers of some bits, sign included, in units of 2^-fraction.

    Example:
        >>> import numpy as np
        >>> Format(bits=8, fraction=5).rounded(np.array([1.0, -9.0, 0.05])).tolist()
        [32.0, -128.0, 2.0]
    """

    bits: int
    fraction: int

    @classmethod
    def holding(cls, bits: int, largest: float) -> Format:
        """The finest format of these bits that holds a size."""
        fraction = int(np.floor(np.log2((2 ** (bits - 1) - 1) / max(largest, 1e-9))))
        return cls(bits, min(max(fraction, -_LARGEST_FRACTION), _LARGEST_FRACTION))

    @property
    def step(self) -> float:
        return float(2.0**-self.fraction)

    @property
    def lowest(self) -> int:
        return -(1 << (self.bits - 1))

    @property
    def highest(self) -> int:
        return -self.lowest - 1

    def rounded(self, x: Floats) -> Floats:
        """The integers nearest to values, as float64."""
        return np.clip(np.floor(x / self.step + 0.5), self.lowest, self.highest)


@dataclass(frozen=True)
class Formats:
    """Formats of a network, by layer.

    Attributes:
        inputs: of the scaled features.
        weights: of each layer.
        sums: of what each layer adds up; the last are the latents.
        activated: of what follows each activation; one fewer.
    """

    inputs: Format
    weights: tuple[Format, ...]
    sums: tuple[Format, ...]
    activated: tuple[Format, ...]

    @classmethod
    def of(cls, network: DenseNetwork, x: Float32s, bits: int) -> Formats:
        """Formats of ``bits`` bits for a network and inputs like these, shape (n, inputs).

        Inputs and latents have 16 bits.

        Raises:
            InputError: the activation needs more than one value, as softmax does.
        """
        if network.activation == "softmax":
            raise InputError(
                "activation='softmax' has no table of one number; tanh, relu, leaky_relu and"
                " sigmoid can be quantized"
            )
        sums, activated, last = [], [], len(network.weights) - 1
        inputs, h = Format.holding(_DATA_BITS, _MARGIN * _size(x)), x
        for i, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
            h = h @ weight + bias
            if i == last:
                sums.append(Format.holding(_DATA_BITS, _MARGIN * _size(h)))
            elif network.activation in _FLAT:
                sums.append(Format(bits, bits - 1 - _FLAT[network.activation]))
                activated.append(Format(bits, bits - 1))
            else:
                sums.append(Format.holding(bits, _size(h)))
                activated.append(sums[-1])
            if i < last:
                ACTIVATIONS[network.activation][0](h)
        weights = tuple(Format.holding(bits, _size(weight)) for weight in network.weights)
        return cls(inputs, weights, tuple(sums), tuple(activated))

    def to_array(self) -> NDArray[np.int8]:
        """Bits and fraction of each, shape (3 layers, 2)."""
        every = [self.inputs, *self.weights, *self.sums, *self.activated]
        return np.array([(one.bits, one.fraction) for one in every], np.int8)

    @classmethod
    def from_array(cls, array: NDArray[Any]) -> Formats:
        """The inverse of ``to_array``, from untrusted numbers."""
        every = [Format(int(bits), int(fraction)) for bits, fraction in array]
        layers, rest = divmod(len(every), 3)
        if rest or not all(
            FEWEST_BITS <= one.bits <= MOST_BITS and abs(one.fraction) <= _LARGEST_FRACTION
            for one in every
        ):
            raise InputError("these are no formats of integers")
        first, second = 1 + layers, 1 + 2 * layers
        return cls(
            every[0], tuple(every[1:first]), tuple(every[first:second]), tuple(every[second:])
        )


@dataclass(frozen=True)
class IntegerNetwork:
    """A dense network whose weights, sums and activations are integers.

    It gives the same bits on every machine: sums of integers below 2^53 are exact in float64, in
    whatever order they are added.

    Attributes:
        weights: of each layer, shape (inputs, outputs), in units of their format.
        biases: of each layer, shape (outputs,), in units of the products.
        formats: what an integer stands for.
        activation: a key of ``atlasae.codecs.autoencoder.network.ACTIVATIONS``.
    """

    weights: tuple[NDArray[Any], ...]
    biases: tuple[NDArray[Any], ...]
    formats: Formats
    activation: str

    @classmethod
    def of(cls, network: DenseNetwork, formats: Formats) -> IntegerNetwork:
        """A network rounded to formats."""
        weights, biases, incoming = [], [], (formats.inputs, *formats.activated)
        layers = zip(network.weights, network.biases, formats.weights, incoming, strict=True)
        for weight, bias, kind, before in layers:
            dtype = np.int8 if kind.bits <= 8 else np.int16
            weights.append(kind.rounded(weight.astype(np.float64)).astype(dtype))
            products = Format(BIAS_BITS, kind.fraction + before.fraction)
            biases.append(products.rounded(bias.astype(np.float64)).astype(np.int64))
        return cls(tuple(weights), tuple(biases), formats, network.activation)

    @property
    def inputs(self) -> int:
        return int(self.weights[0].shape[0])

    @property
    def outputs(self) -> int:
        return int(self.weights[-1].shape[1])

    @cached_property
    def tables(self) -> tuple[Floats, ...]:
        """The integer after each activation, by the integer before it, from the lowest up."""
        return tuple(
            _table(self.activation, before, after)
            for before, after in zip(self.formats.sums, self.formats.activated, strict=False)
        )

    def __call__(self, x: NDArray[Any]) -> Float32s:
        """Run the network on rows, shape (n, inputs) to (n, outputs), float32."""
        out = np.empty((len(x), self.outputs), np.float32)
        for start in range(0, len(x), CHUNK):
            rows = slice(start, start + CHUNK)
            integers = self.formats.inputs.rounded(np.asarray(x[rows], np.float64))
            out[rows] = self.run(integers) * self.formats.sums[-1].step
        return out

    def run(self, integers: Floats) -> Floats:
        """Integers of inputs (n, inputs) to those of latents (n, outputs), in float64."""
        h, before = integers, self.formats.inputs
        for i, (weight, bias) in enumerate(self._layers):
            after = self.formats.sums[i]
            h = h @ weight + bias
            h = np.floor(h * (before.step * self.formats.weights[i].step / after.step) + 0.5)
            h = np.clip(h, after.lowest, after.highest)
            if i < len(self.tables):
                h = self.tables[i][(h - after.lowest).astype(np.intp)]
                before = self.formats.activated[i]
        return h

    @cached_property
    def _layers(self) -> list[tuple[Floats, Floats]]:
        layers = zip(self.weights, self.biases, strict=True)
        return [(weight.astype(np.float64), bias.astype(np.float64)) for weight, bias in layers]

    def tensors(self, name: str) -> dict[str, NDArray[Any]]:
        """The integers by name, for a file: ``name.0.weight``, ..., and ``name.formats``."""
        parts = {f"{name}.formats": self.formats.to_array()}
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            parts |= {f"{name}.{i}.weight": weight, f"{name}.{i}.bias": bias}
        return parts

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, NDArray[Any]], name: str, activation: str
    ) -> IntegerNetwork | None:
        """The inverse of ``tensors``, from untrusted arrays; None if there is no such network."""
        if f"{name}.formats" not in tensors:
            return None
        formats = Formats.from_array(tensors[f"{name}.formats"])
        depth = range(len(formats.weights))
        weights = tuple(tensors[f"{name}.{i}.weight"] for i in depth)
        biases = tuple(tensors[f"{name}.{i}.bias"] for i in depth)
        if any(array.dtype.kind != "i" for array in (*weights, *biases)):
            raise InputError("the weights of an integer network are not integers")
        network = cls(weights, biases, formats, activation)
        network(np.zeros((1, network.inputs)))  # raises if the parts do not fit
        return network


def _size(values: NDArray[Any]) -> float:
    return float(np.abs(values).max(initial=0.0))


def _table(activation: str, before: Format, after: Format) -> Floats:
    values = np.arange(before.lowest, before.highest + 1, dtype=np.float64) * before.step
    ACTIVATIONS[activation][0](cast("Float32s", values))
    return after.rounded(values)
