"""Encoders of integers as projects for FPGAs, by hls4ml.

hls4ml (Duarte et al., arXiv:1804.06913) writes C++ for high-level synthesis. Here each of its types is
the format of the integers, so that the C++ gives the same bits as
``atlasae.codecs.autoencoder.integer_network``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.codecs.autoencoder.integer_network import BIAS_BITS
from atlasae.codecs.autoencoder.network import LEAK
from atlasae.optional import needs_extra

with needs_extra("hls4ml", "writing projects for FPGAs"):
    from hls4ml.backends import get_backend
    from hls4ml.model.graph import ModelGraph

if TYPE_CHECKING:
    from pathlib import Path

    from atlasae.codecs.autoencoder.integer_network import Format, IntegerNetwork

NAME = "encoder"  # of the function in C++
_LEAKY_SLOPE = {"class_name": "LeakyReLU", "activ_param": float(np.float32(LEAK))}
_WIDE_BITS = 64  # of sums, which must not overflow; synthesis removes bits that are not used


def hls4ml_model(
    network: IntegerNetwork, folder: Path, *, backend: str, reuse_factor: int, **settings: Any
) -> ModelGraph:
    """The network as a model of hls4ml, not yet written; arguments are those of ``export_hls4ml``."""
    layers, types = _layers(network)
    strategy = "Latency" if reuse_factor == 1 else "Resource"
    defaults = {"Precision": "ap_fixed<16,6>", "ReuseFactor": reuse_factor, "Strategy": strategy}
    config = get_backend(backend).create_initial_config(**settings) | {
        "Backend": backend,
        "ProjectName": NAME,
        "OutputDir": str(folder),
        "HLSConfig": {"Model": defaults, "LayerName": types},
    }
    return ModelGraph.from_layer_list(config, layers)


def _layers(network: IntegerNetwork) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """The layers as hls4ml describes them, and the types of each by name."""
    formats, before = network.formats, network.formats.inputs
    layers: list[dict[str, Any]] = [
        {"class_name": "InputLayer", "name": "features", "input_shape": [network.inputs]}
    ]
    types: dict[str, dict[str, Any]] = {"features": {"Precision": {"result": _type(before)}}}
    for i, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        kind, after = formats.weights[i], formats.sums[i]
        fraction = before.fraction + kind.fraction
        dense = {"class_name": "Dense", "name": f"dense_{i}", "use_bias": True}
        dense |= {"n_in": weight.shape[0], "n_out": weight.shape[1]}
        layers.append(
            dense | {"weight_data": weight * kind.step, "bias_data": bias * 2.0**-fraction}
        )
        precision = {"weight": _type(kind), "bias": f"ap_fixed<{BIAS_BITS},{BIAS_BITS - fraction}>"}
        precision |= {"accum": f"ap_fixed<{_WIDE_BITS},{_WIDE_BITS - fraction}>"}
        types[f"dense_{i}"] = {"Precision": precision | {"result": _type(after)}}
        if i < len(formats.activated):
            before = formats.activated[i]
            name = f"{network.activation}_{i}"
            activation = {"class_name": "Activation", "name": name, "n_in": weight.shape[1]}
            activation |= {"activation": network.activation}
            if network.activation == "leaky_relu":
                activation |= _LEAKY_SLOPE
            layers.append(activation)
            types[name] = {
                "Precision": {"result": _type(before), "param": "ap_fixed<32,2>"},
                "table_t": _type(before),
                "table_size": 2**after.bits,
            }
    return layers, types


def _type(kind: Format) -> str:
    """The type of high-level synthesis that rounds half up and ends at its range."""
    return f"ap_fixed<{kind.bits},{kind.bits - kind.fraction},AP_RND,AP_SAT>"
