"""Autoencoders as ONNX models: standard operators in float32, the scaling included.

The operators are those that most readers of ONNX have: of functions, a scaling takes ``Log``,
``Exp``, ``Relu``, ``Floor`` and ``Atan``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.codecs.autoencoder.latent_dtypes import LATENT_DTYPES
from atlasae.codecs.autoencoder.network import LEAK
from atlasae.jets.names import role
from atlasae.optional import needs_extra

with needs_extra("onnx", "writing ONNX models"):
    import onnx
    from onnx import helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.codecs.autoencoder.network import DenseNetwork
    from atlasae.codecs.autoencoder.scaling import Axis, Scaling

_OPSET = 17
_IR_VERSION = 8  # of the same release of ONNX, 1.12
_TINY = 1e-30  # in place of a divisor of zero
_ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "tanh": ("Tanh", {}),
    "relu": ("Relu", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": LEAK}),
    "sigmoid": ("Sigmoid", {}),
    "softmax": ("Softmax", {"axis": 1}),
}


@dataclass(frozen=True)
class OnnxExport:
    """What a model is made of.

    Attributes:
        features: names of the k features, in order.
        dtypes: their dtypes, to whose ranges decoding clips.
        scaling: of the features.
        encoder: scaled features to latents; None where there is none to write.
        decoder: latents to scaled features.
        latent_dtype: a key of ``LATENT_DTYPES``.
    """

    features: Sequence[str]
    dtypes: Sequence[str]
    scaling: Scaling
    encoder: DenseNetwork | None
    decoder: DenseNetwork
    latent_dtype: str

    def model(self, part: str) -> bytes:
        """The model of ``encoder``, ``decoder`` or ``both``, serialized.

        The input ``features`` and the output ``decoded`` are float32 of shape (n, k), the latents
        of ``latent_dtype`` (of float32 for ``bfloat16``), shape (n, latent).
        """
        graph = _Graph()
        name = "features"
        if part == "decoder":
            name = graph.put_in("latents", LATENT_DTYPES[self.latent_dtype], self.decoder.inputs)
        else:
            assert self.encoder is not None
            name = graph.put_in(name, "float32", len(self.features))
            name = self._encoded(graph, name)
        if part == "encoder":
            graph.put_out(name, "latents", LATENT_DTYPES[self.latent_dtype], self.decoder.inputs)
        else:
            name = self._decoded(graph, name)
            graph.put_out(name, "decoded", "float32", len(self.features))
        return graph.serialized(part, {"features": ",".join(self.features)})

    def _encoded(self, graph: _Graph, x: str) -> str:
        assert self.encoder is not None
        columns = graph.split(x, len(self.features))
        axes = zip(self.scaling.axes, columns, strict=True)
        scaled = graph.concat([_forward(graph, axis, column) for axis, column in axes])
        latents = _run(graph, self.encoder, scaled)
        if self.latent_dtype == "bfloat16":
            return graph.cast(graph.cast(latents, "bfloat16"), "float32")
        return latents if self.latent_dtype == "float32" else graph.cast(latents, self.latent_dtype)

    def _decoded(self, graph: _Graph, latents: str) -> str:
        if self.latent_dtype == "float16":
            latents = graph.cast(latents, "float32")
        columns = graph.split(_run(graph, self.decoder, latents), self.scaling.outputs)
        scaled, sines = columns[: len(self.features)], columns[len(self.features) :]
        for sine, angle in zip(sines, self.scaling.angles, strict=True):
            scaled[angle] = _angle(graph, scaled[angle], sine)
        parts = zip(self.scaling.axes, scaled, self.features, self.dtypes, strict=True)
        return graph.concat(
            [_in_range(graph, _inverse(graph, axis, y), *kind) for axis, y, *kind in parts]
        )


@dataclass
class _Graph:
    """A graph that grows by one operator at a time; each gives the name of its output."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)

    def add(self, operator: str, *inputs: Any, **attributes: Any) -> str:
        """Add an operator; inputs that are not names of tensors are constants."""
        output = f"{operator.lower()}_{len(self.nodes)}"
        names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        self.nodes.append(helper.make_node(operator, names, [output], **attributes))
        return output

    def constant(self, values: Any) -> str:
        array = np.asarray(values)
        if array.dtype.kind == "f":
            array = array.astype(np.float32)
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def cast(self, x: str, dtype: str) -> str:
        return self.add("Cast", x, to=_element(dtype))

    def split(self, x: str, columns: int) -> list[str]:
        """The columns of a matrix, each of shape (n, 1)."""
        names = [f"{x}_column_{i}" for i in range(columns)]
        sizes = self.constant(np.ones(columns, np.int64))
        self.nodes.append(helper.make_node("Split", [x, sizes], names, axis=1))
        return names

    def concat(self, columns: list[str]) -> str:
        return self.add("Concat", *columns, axis=1)

    def put_in(self, name: str, dtype: str, width: int) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, _element(dtype), ["n", width]))
        return name

    def put_out(self, x: str, name: str, dtype: str, width: int) -> None:
        """Make a tensor the output of this name."""
        self.nodes.append(helper.make_node("Identity", [x], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, _element(dtype), ["n", width]))

    def serialized(self, name: str, properties: dict[str, str]) -> bytes:
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, self.constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR_VERSION,
            producer_name="atlasae",
        )
        helper.set_model_props(model, properties)
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))


def _element(dtype: str) -> int:
    if dtype == "bfloat16":
        return int(onnx.TensorProto.BFLOAT16)
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def _run(graph: _Graph, network: DenseNetwork, x: str) -> str:
    """The layers of a network."""
    operator, options = _ACTIVATIONS[network.activation]
    for i, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        if i or network.activate_input:
            x = graph.add(operator, x, **options)
        x = graph.add("Gemm", x, weight, bias)
    return x


def _forward(graph: _Graph, axis: Axis, x: str) -> str:
    """What ``Axis.forward`` computes."""
    if axis.transform == "symlog":
        # of x and -x one is 0 after Relu, and so is its logarithm: no Sign and no Abs
        x = graph.add("Mul", x, 1 / axis.unit)
        above, below = (
            graph.add("Log", graph.add("Add", graph.add("Relu", part), 1.0))
            for part in (x, graph.add("Neg", x))
        )
        x = graph.add("Sub", above, below)
    elif axis.transform == "angle":
        turns = graph.add("Floor", graph.add("Mul", graph.add("Add", x, np.pi), 0.5 / np.pi))
        x = graph.add("Sub", x, graph.add("Mul", turns, 2 * np.pi))
    return graph.add("Mul", graph.add("Sub", x, axis.center), 1 / axis.scale)


def _inverse(graph: _Graph, axis: Axis, y: str) -> str:
    """What ``Axis.inverse`` computes."""
    y = graph.add("Add", graph.add("Mul", y, axis.scale), axis.center)
    if axis.transform == "symlog":
        above, below = (
            graph.add("Exp", graph.add("Relu", part)) for part in (y, graph.add("Neg", y))
        )
        y = graph.add("Mul", graph.add("Sub", above, below), axis.unit)
    return y


def _angle(graph: _Graph, cosine: str, sine: str) -> str:
    """The angle of a direction, which ONNX has no operator for."""
    divisor = graph.add("Where", graph.add("Equal", cosine, 0.0), _TINY, cosine)
    angle = graph.add("Atan", graph.add("Div", sine, divisor))
    half_turn = graph.add("Where", graph.add("Less", sine, 0.0), -np.pi, np.pi)
    return graph.add(
        "Add", angle, graph.add("Where", graph.add("Less", cosine, 0.0), half_turn, 0.0)
    )


def _in_range(graph: _Graph, x: str, name: str, dtype: str) -> str:
    """What ``cast_feature`` computes, still as float32."""
    kind = np.dtype(dtype).kind
    if kind in "iu":
        limits = np.iinfo(dtype)
        return graph.add("Clip", graph.add("Round", x), float(limits.min), float(limits.max))
    if kind == "b":
        return graph.add("Round", graph.add("Clip", x, 0.0, 1.0))
    return graph.add("Clip", x, -np.pi, np.pi) if role(name) == "phi" else x
