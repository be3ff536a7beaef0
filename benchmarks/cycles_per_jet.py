"""Cycles a jet to encode and to decode: the networks alone, and the codecs whole."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae import cycles
from atlasae.codecs.autoencoder.codec import AutoencoderCodec
from atlasae.codecs.autoencoder.network import DenseNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlasae.types import Float32s


BAR = 6000  # cycles a jet to encode with the tanh network in large batches
LUND_SIZES = (27, 200, 200, 200, 20, 200, 200, 200, 27)
LUND_REFERENCE: dict[str, Any] = {
    "name": "27 features",
    "sizes": list(LUND_SIZES),
    "activation": "leaky_relu",
    "direction": "there and back",
    "cycles": [37_800, 38_300],
    "source": "measured by the authors of the Lund study, on their machine",
}
VARIANTS: dict[str, dict[str, Any]] = {
    "tanh": {"activation": "tanh"},
    "relu": {"activation": "relu"},
    "sigmoid": {"activation": "sigmoid"},
    "softmax": {"activation": "softmax"},
    "tanh, L2": {"activation": "tanh", "regularisation": "l2"},
}
_CALLS_FOR = 2000  # jets a repeat at the least, so that small batches are timed over many calls
_WARM_UP = 2  # calls before the first that counts: caches, lazy imports, the allocator


@dataclass(frozen=True)
class Row:
    """One measurement. Cycles and nanoseconds are a jet's; quartiles are over the repeats.

    ``processor_share`` is how much of the time this thread was on a processor. Time stamps run
    on while other processes have it, so much below one the cycles are too many.
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
class Work:
    """Something to time.

    Attributes:
        name: of the variant.
        path: ``network`` (scaled float32 features to latents) or ``codec`` (jets to latents).
        direction: ``encode``, ``decode`` or ``there and back``.
        multiply_adds: of the network, a jet.
        prepare: a number of jets to a call without arguments that handles as many.
    """

    name: str
    path: str
    direction: str
    multiply_adds: int
    prepare: Callable[[int], Callable[[], object]]

    def rows(self, sizes: Sequence[int], repeats: int) -> list[Row]:
        """Time it in batches of these sizes."""
        return [self._row(size, repeats) for size in sizes]

    def _row(self, batch: int, repeats: int) -> Row:
        call = self.prepare(batch)
        calls = -(-_CALLS_FOR // batch)
        for _ in range(_WARM_UP):
            call()
        passed: list[tuple[float, float]] = []
        shares: list[float] = []
        for _ in range(repeats):
            own = time.thread_time()
            with cycles.Timer() as timer:
                for _ in range(calls):
                    call()
            own = time.thread_time() - own
            passed.append((timer.cycles, 1e9 * timer.seconds))
            shares.append(min(1.0, own / timer.seconds))
        lower, middle, upper = np.percentile(passed, (25, 50, 75), axis=0) / (calls * batch)
        source = cycles.source()
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
            source=source.name,
            estimated=source.estimated,
        )


def batches(largest: int) -> list[int]:
    """1, 10, 100 and so on, up to ``largest``."""
    return [10**power for power in range(len(str(max(largest, 1))))]


def work(largest: int) -> list[Work]:
    """All that is timed, on made-up jets: the speed depends neither on them nor on training."""
    generator = np.random.default_rng(0)
    jets = _jets(generator, largest)
    return [
        *(part for name, options in VARIANTS.items() for part in _variant(name, options, jets)),
        *_lund(generator.normal(size=(largest, LUND_SIZES[0])).astype(np.float32)),
    ]


def bar(rows: Sequence[Row]) -> dict[str, Any]:
    """What the tanh network takes to encode in the largest batch, beside what it may take."""
    encoding = [row for row in rows if row.name == "tanh" and row.direction == "encode"]
    largest = max(row.batch for row in encoding)
    found = {row.path: row.cycles for row in encoding if row.batch == largest}
    met = {path: value <= BAR for path, value in found.items()}
    return {"cycles": BAR, "batch": largest, "found": found, "met": met}


def _jets(generator: np.random.Generator, count: int) -> dict[str, Float32s]:
    """Jets like a dijet sample's, float32, GeV."""
    pt = 20 + generator.exponential(40, count)
    columns = {
        "pt": pt,
        "eta": generator.normal(0, 2, count),
        "phi": generator.uniform(-np.pi, np.pi, count),
        "m": pt * generator.uniform(0.05, 0.3, count),
    }
    return {name: values.astype(np.float32) for name, values in columns.items()}


def _variant(name: str, options: dict[str, Any], jets: dict[str, Float32s]) -> list[Work]:
    codec = AutoencoderCodec(**options, epochs=1)
    codec.fit(_jets(np.random.default_rng(2), 2000), device="cpu")
    sizes = (len(jets), *codec.hidden, codec.latent, *reversed(codec.hidden), len(jets))
    network = DenseNetwork.initial(sizes, codec.activation, np.random.default_rng(0))
    features = np.random.default_rng(1).normal(size=(len(jets["pt"]), 4)).astype(np.float32)

    def encode(count: int) -> Callable[[], object]:
        return partial(codec.encode, {k: v[:count] for k, v in jets.items()})

    def decode(count: int) -> Callable[[], object]:
        return partial(codec.decode, codec.encode({k: v[:count] for k, v in jets.items()}))

    half = _multiply_adds(sizes) // 2
    return [
        *_network(name, network, features)[:2],
        Work(name, "codec", "encode", half, encode),
        Work(name, "codec", "decode", half, decode),
    ]


def _lund(features: Float32s) -> list[Work]:
    network = DenseNetwork.initial(
        LUND_SIZES, LUND_REFERENCE["activation"], np.random.default_rng(0)
    )
    return _network(LUND_REFERENCE["name"], network, features)


def _network(name: str, network: DenseNetwork, features: Float32s) -> list[Work]:
    """Both halves of a symmetric network, and the two in a row."""
    encoder, decoder = network.split(len(network.weights) // 2)
    latents = encoder(features)
    both = sum(weight.size for weight in network.weights)
    return [
        Work(name, "network", "encode", both // 2, lambda n: partial(encoder, features[:n])),
        Work(name, "network", "decode", both // 2, lambda n: partial(decoder, latents[:n])),
        Work(
            name,
            "network",
            "there and back",
            both,
            lambda n: partial(_both, encoder, decoder, features[:n]),
        ),
    ]


def _both(encoder: DenseNetwork, decoder: DenseNetwork, features: Float32s) -> Float32s:
    return decoder(encoder(features))


def _multiply_adds(sizes: Sequence[int]) -> int:
    return sum(inputs * outputs for inputs, outputs in pairwise(sizes))
