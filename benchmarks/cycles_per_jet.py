"""Cycles per jet to encode and to decode, of the networks alone and of the whole codecs."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae import cycles
from atlasae.codecs.autoencoder.codec import AutoencoderCodec
from atlasae.codecs.autoencoder.hyperparameters import NETWORKS
from atlasae.codecs.autoencoder.network import CHUNK, DenseNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlasae.types import Float32s


TARGET = 6000  # cycles per jet to encode with the tanh network in large batches
LUND_SIZES = (27, 200, 200, 200, 20, 200, 200, 200, 27)
LUND_REFERENCE: dict[str, Any] = {
    "name": "27 features",
    "sizes": list(LUND_SIZES),
    "activation": "leaky_relu",
    "direction": "round trip",
    "cycles": [37_800, 38_300],
    "source": "measured by the authors of the Lund study, on their machine",
}
VARIANTS: dict[str, dict[str, Any]] = {
    "tanh": {"activation": "tanh"},
    "relu": {"activation": "relu"},
    "sigmoid": {"activation": "sigmoid"},
    "softmax": {"activation": "softmax"},
    "tanh, L2": {"activation": "tanh", "regularization": "l2"},
    "tanh, original": {"activation": "tanh", "network": "original"},
    "tanh, larger": {"activation": "tanh", "network": "larger"},
}
_MIN_JETS = 2000  # per repeat, so that small batches are timed over many calls
_WARM_UP = 2  # untimed calls at first: caches, lazy imports, the allocator


@dataclass(frozen=True)
class Row:
    """One measurement: cycles and nanoseconds per jet, with quartiles over the repeats.

    Those that pass while this thread is not on a processor do not count. ``processor_share`` is the
    share of the time that it was on one. Well below one, other processes used the caches as well, and
    the cycles are too many.
    """

    name: str
    path: str
    direction: str
    batch: int
    repeats: int
    multiply_adds: int
    cycles: float
    cycles_lower_quartile: float
    cycles_upper_quartile: float
    ns: float
    ns_lower_quartile: float
    ns_upper_quartile: float
    processor_share: float
    source: str
    estimated: bool

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Task:
    """A call to time.

    Attributes:
        name: of the variant.
        path: ``network`` (scaled float32 features to latents), ``codec`` (jets to latents), or
            ``multiplications`` (those of the network alone, below which no float32 network is).
        direction: ``encode``, ``decode`` or ``round trip``.
        multiply_adds: of the network, per jet.
        prepare: gives, for a number of jets, a call without arguments that handles them.
    """

    name: str
    path: str
    direction: str
    multiply_adds: int
    prepare: Callable[[int], Callable[[], object]]

    def rows(self, sizes: Sequence[int], repeats: int) -> list[Row]:
        """Time the call in batches of these sizes."""
        return [self._row(size, repeats) for size in sizes]

    def _row(self, batch: int, repeats: int) -> Row:
        call = self.prepare(batch)
        calls = -(-_MIN_JETS // batch)
        for _ in range(_WARM_UP):
            call()
        elapsed: list[tuple[float, float]] = []
        shares: list[float] = []
        for _ in range(repeats):
            start = time.thread_time()
            with cycles.Timer() as timer:
                for _ in range(calls):
                    call()
            share = min(1.0, (time.thread_time() - start) / timer.seconds)
            elapsed.append((share * timer.cycles, share * 1e9 * timer.seconds))
            shares.append(share)
        lower, middle, upper = np.percentile(elapsed, (25, 50, 75), axis=0) / (calls * batch)
        counter = cycles.counter()
        return Row(
            name=self.name,
            path=self.path,
            direction=self.direction,
            batch=batch,
            repeats=repeats,
            multiply_adds=self.multiply_adds,
            cycles=float(middle[0]),
            cycles_lower_quartile=float(lower[0]),
            cycles_upper_quartile=float(upper[0]),
            ns=float(middle[1]),
            ns_lower_quartile=float(lower[1]),
            ns_upper_quartile=float(upper[1]),
            processor_share=float(np.median(shares)),
            source=counter.name,
            estimated=counter.estimated,
        )


def batches(largest: int) -> list[int]:
    """1, 10, 100 and so on, up to ``largest``."""
    return [10**power for power in range(len(str(max(largest, 1))))]


def tasks(largest: int) -> list[Task]:
    """All that is timed, on generated jets: speed depends neither on them nor on training."""
    generator = np.random.default_rng(0)
    jets = _jets(generator, largest)
    return [
        *(task for name, options in VARIANTS.items() for task in _variant(name, options, jets)),
        *(_multiplications(name, hidden) for name, hidden in NETWORKS.items()),
        *_lund(generator.normal(size=(largest, LUND_SIZES[0])).astype(np.float32)),
    ]


def target(rows: Sequence[Row]) -> dict[str, Any]:
    """Cycles per jet of the tanh variant to encode the largest batch, next to the target."""
    encoding = [row for row in rows if row.name == "tanh" and row.direction == "encode"]
    largest = max(row.batch for row in encoding)
    measured = {row.path: row.cycles for row in encoding if row.batch == largest}
    met = {path: value <= TARGET for path, value in measured.items()}
    return {"cycles": TARGET, "batch": largest, "measured": measured, "met": met}


def _jets(generator: np.random.Generator, count: int) -> dict[str, Float32s]:
    """Jets similar to those of a dijet sample, float32, GeV."""
    pt = 20 + generator.exponential(40, count)
    columns = {
        "pt": pt,
        "eta": generator.normal(0, 2, count),
        "phi": generator.uniform(-np.pi, np.pi, count),
        "m": pt * generator.uniform(0.05, 0.3, count),
    }
    return {name: values.astype(np.float32) for name, values in columns.items()}


def _variant(name: str, options: dict[str, Any], jets: dict[str, Float32s]) -> list[Task]:
    codec = AutoencoderCodec(**options, epochs=1)
    codec.fit(_jets(np.random.default_rng(2), 2000), device="cpu")
    hidden = codec.hidden_widths
    sizes = (len(jets), *hidden, codec.latent, *reversed(hidden), len(jets))
    network = DenseNetwork.initial(sizes, codec.activation, np.random.default_rng(0))
    features = np.random.default_rng(1).normal(size=(len(jets["pt"]), 4)).astype(np.float32)

    def encode(count: int) -> Callable[[], object]:
        return partial(codec.encode, {k: v[:count] for k, v in jets.items()})

    def decode(count: int) -> Callable[[], object]:
        return partial(codec.decode, codec.encode({k: v[:count] for k, v in jets.items()}))

    networks = (codec.model_.encoder, codec.model_.decoder)
    encoder, decoder = (sum(w.size for w in one.weights) for one in networks if one)
    return [
        *_network(name, network, features)[:2],
        Task(name, "codec", "encode", encoder, encode),
        Task(name, "codec", "decode", decoder, decode),
    ]


def _multiplications(name: str, hidden: Sequence[int]) -> Task:
    """The products of the layers of a decoder in the size that it runs them, and nothing else."""
    generator = np.random.default_rng(0)
    network = DenseNetwork.initial((3, *reversed(hidden), 5), "tanh", generator)

    def prepare(count: int) -> Callable[[], object]:
        width = min(count, CHUNK)
        layers = []
        for weight in network.weights:
            inputs = generator.normal(size=(weight.shape[0], width)).astype(np.float32)
            layers.append((np.ascontiguousarray(weight.T), inputs, weight.T @ inputs))

        def multiply() -> None:
            for _ in range(0, count, CHUNK):
                for weight, inputs, out in layers:
                    np.matmul(weight, inputs, out=out)

        return multiply

    multiply_adds = sum(weight.size for weight in network.weights)
    return Task(f"{name} network", "multiplications", "decode", multiply_adds, prepare)


def _lund(features: Float32s) -> list[Task]:
    network = DenseNetwork.initial(
        LUND_SIZES, LUND_REFERENCE["activation"], np.random.default_rng(0)
    )
    return _network(LUND_REFERENCE["name"], network, features)


def _network(name: str, network: DenseNetwork, features: Float32s) -> list[Task]:
    """Both halves of a symmetric network, and the round trip."""
    encoder, decoder = network.split(len(network.weights) // 2)
    latents = encoder(features)
    multiply_adds = sum(weight.size for weight in network.weights)
    return [
        Task(
            name, "network", "encode", multiply_adds // 2, lambda n: partial(encoder, features[:n])
        ),
        Task(
            name, "network", "decode", multiply_adds // 2, lambda n: partial(decoder, latents[:n])
        ),
        Task(
            name,
            "network",
            "round trip",
            multiply_adds,
            lambda n: partial(_round_trip, encoder, decoder, features[:n]),
        ),
    ]


def _round_trip(encoder: DenseNetwork, decoder: DenseNetwork, features: Float32s) -> Float32s:
    return decoder(encoder(features))
