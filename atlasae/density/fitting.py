"""Training the densities: in floats with torch, then rounded to the integers that decode.

The trained form is that of ``atlasae.density.IntegerNetwork``: clipping and smooth last layer are
the same, so that rounding costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from atlasae.codecs.autoencoder.training import one_thread
from atlasae.density.bins import Bins
from atlasae.density.conditional import Conditional
from atlasae.density.networks import BIAS_UNIT, HIDDEN_LIMIT, OCTAVE, IntegerNetwork, basis
from atlasae.density.serialization import stored_bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.types import Float32s, Integers

ORDER = 16  # of the smooth functions in the last layer
WEIGHT_LIMIT, MIXING_LIMIT = 31, 127
NORMALISING = 0.01  # keeps the logits near normalised ones, which their fixed range needs
BATCH, RATE = 512, 4e-3


def fit_conditional(
    values: Integers,
    inputs: Float32s,
    *,
    bins: int,
    power: float,
    groups: int,
    units: int,
    weight_decay: float,
    epochs: int,
    seed: int,
    uses: float = 1.0,
) -> Conditional:
    """Learn the distribution of an integer.

    Args:
        values: shape (n,).
        inputs: shape (1 + features, n), the first row one; none but that give a table.
        bins: the most bins to use.
        power: of the density that the bins share equally; see ``Bins.fit``.
        groups: the most groups of bins that a network tells apart, a quarter of the bins or more.
        units: of each hidden layer; 0 for a table.
        weight_decay: decoupled, on the matrices.
        epochs: passes over the values.
        seed: of the initial weights and the shuffling.
        uses: how often each value here stands for one that will be coded. Bins, and a network,
            are kept where they save more bits than they take to store; a network has to be worth
            its time as well.
    """
    plain = _best_table(values, inputs, bins, power, uses)
    if units == 0 or len(inputs) == 1 or not np.ptp(inputs[1:], axis=1).any():
        return plain
    edges = Bins.fit(values, bins, power)
    table = edges.histogram(values)
    parts = -(-len(edges) // groups)
    targets = torch.from_numpy(edges.find(values) // parts)
    with one_thread(), torch.random.fork_rng():
        torch.manual_seed(seed)
        weights = np.add.reduceat(table, np.arange(0, len(table), parts), dtype=np.float64)
        network = _Network(len(inputs) - 1, units, weights)
        rows = torch.from_numpy(np.ascontiguousarray(inputs[1:].T)) / _INPUT_UNIT
        least = max(_WORTH, _WEIGHT * network.size / (uses * len(values))) * np.log(2)
        if not _train(network, rows, targets, weight_decay, epochs, least):
            return plain
        with torch.no_grad():
            hidden = [layer.numpy() for layer in network.hidden(rows[:100_000])]
    learned = Conditional(edges, table, network.round(hidden), len(inputs) - 1)
    saved = plain.bits(values, inputs) - learned.bits(values, inputs)
    stored = stored_bits(learned) - stored_bits(plain)
    worth_it = saved > _WORTH * len(values) and uses * saved > stored
    return learned if worth_it else plain


def worth_storing(
    learned: Conditional, other: Conditional, values: Integers, inputs: Float32s, uses: float
) -> bool:
    """Whether it saves more, over another that is stored already, than it takes to store."""
    saved = other.bits(values, inputs) - learned.bits(values, inputs)
    return uses * saved > stored_bits(learned)


_WORTH = 0.08  # bits a value that a network has to save, for the time it takes
_FEWEST_BINS = 3
_WEIGHT = 6.0  # bits that a weight takes to store, roughly
_APART = 5000  # values, or an eighth of them, that are looked at to see whether training pays
_LOOK = 0.2  # of the epochs, after which that is looked at, ...
_LOOK_STEPS = 300  # ... but no earlier than after so many steps: the first ones are small, ...
_GROWTH = 3.0  # ... and the most that what is saved then can still grow by
_BIN = 14  # bits that a bin takes to store, roughly
_INPUT_UNIT = 128.0  # inputs of about +-300 become of order one


def _best_table(
    values: Integers, inputs: Float32s, bins: int, power: float, uses: float
) -> Conditional:
    """The table that should do best on other values: each bin is fitted, at 1/ln(2) bits.

    Source: Akaike, IEEE Transactions on Automatic Control 19, 1974.
    """
    tables, each = [], 1 / np.log(2) + _BIN / uses
    while bins >= _FEWEST_BINS:
        edges = Bins.fit(values, bins, power)
        tables.append(Conditional(edges, edges.histogram(values)))
        bins = bins * 3 // 4
    return min(tables, key=lambda t: t.bits(values, inputs) + each * len(t.bins))


class _Network(nn.Module):
    def __init__(self, features: int, units: int, weights: NDArray[np.float64]) -> None:
        super().__init__()
        shares = weights / weights.sum()
        functions = torch.from_numpy(basis(ORDER, len(shares)) / 512.0).float()
        self.register_buffer("functions", functions)
        self.first, self.second = nn.Linear(features, units), nn.Linear(units, units)
        self.mixing = nn.Linear(units, ORDER, bias=False)
        self.bias = nn.Parameter(torch.from_numpy(np.log(shares)).float())
        with torch.no_grad():
            self.mixing.weight.mul_(0.1)
        self.size = sum(parameter.numel() for parameter in self.parameters())

    def hidden(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        one = torch.relu(self.first(rows))
        return one, torch.relu(self.second(one))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.mixing(self.hidden(rows)[1]) @ self.functions + self.bias
        return logits

    def round(self, hidden: list[NDArray[np.float32]]) -> IntegerNetwork:
        """The network in integers; ``hidden`` are activations that say how far each unit goes."""
        first, scale = _round_layer(self.first, hidden[0], 1 / _INPUT_UNIT)
        second, last_scale = _round_layer(self.second, hidden[1], 2.0**-scale)
        octaves = _values(self.mixing.weight).T / np.log(2) * 2.0 ** -last_scale[:, None]
        shift = int(np.clip(_power(MIXING_LIMIT / np.abs(octaves).max()) + 9 - 12, 1, 30))
        return IntegerNetwork(
            (first[0], second[0]),
            (first[1], second[1]),
            (first[2], second[2]),
            np.rint(octaves * 2.0**shift * OCTAVE / 512).astype(np.int16),
            shift,
            np.rint(_values(self.bias) / np.log(2) * 16).astype(np.int16),
        )


def _train(
    network: _Network,
    rows: torch.Tensor,
    targets: torch.Tensor,
    weight_decay: float,
    epochs: int,
    least: float = 0.0,
) -> bool:
    """Train, unless what a fifth of it saves on rows kept apart until then is far from ``least``.

    That is in nats a value, below what the bias says alone. A schedule that ends in small steps
    gains most in its last epochs, so that nothing else tells early when to stop.
    """
    matrices = [network.first.weight, network.second.weight, network.mixing.weight]
    others = [network.first.bias, network.second.bias, network.bias]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, RATE)
    steps = epochs * -(-len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, RATE, total_steps=steps, pct_start=0.2
    )
    look = max(int(_LOOK * epochs), _LOOK_STEPS * epochs // steps)
    few = min(_APART, len(rows) // 8) if look < epochs else 0
    apart, seen = torch.randperm(len(rows)).tensor_split([few])
    plain = nn.functional.cross_entropy(network.bias.detach().repeat(few, 1), targets[apart])
    for epoch in range(epochs):
        if epoch == look and few:
            with torch.no_grad():
                reached = nn.functional.cross_entropy(network(rows[apart]), targets[apart])
            if _GROWTH * float(plain - reached) < least:
                return False
            seen = torch.arange(len(rows))
        for places in torch.randperm(len(seen)).split(BATCH):  # type: ignore[no-untyped-call]
            batch = seen[places]
            logits = network(rows[batch])
            total = torch.logsumexp(logits, 1)
            chosen = logits.gather(1, targets[batch, None])[:, 0]
            loss = (total - chosen + NORMALISING * total.square()).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return True


def _round_layer(
    layer: nn.Linear, activations: NDArray[np.float32], input_unit: float | NDArray[np.float64]
) -> tuple[tuple[NDArray[np.int8], NDArray[np.int32], NDArray[np.int8]], NDArray[np.float64]]:
    """Weights, biases and scales of a layer in integers, and the power of two of its output."""
    weight, bias = _values(layer.weight) * input_unit, _values(layer.bias)
    reach = np.quantile(activations.astype(np.float64), 0.9995, axis=0)
    out = _power(HIDDEN_LIMIT / np.maximum(reach, 1e-3))
    inside = _power(WEIGHT_LIMIT / np.maximum(np.abs(weight).max(axis=1), 1e-7))
    inside = np.minimum(inside, _power(2.0**21 / np.maximum(np.abs(bias), 1e-9)))
    live = activations.max(axis=0) > 0
    rounded = np.where(live[:, None], np.rint(weight * 2.0 ** inside[:, None]), 0)
    offsets = np.where(live, np.rint(bias * 2.0**inside / BIAS_UNIT), 0)
    scale = (out - inside).astype(np.int8)
    return (rounded.astype(np.int8), offsets.astype(np.int32), scale), out


def _values(parameter: torch.Tensor) -> NDArray[np.float64]:
    values: NDArray[np.float64] = parameter.detach().double().numpy()
    return values


def _power(value: Any) -> Any:
    """The exponent of the largest power of two that is not above a value."""
    return np.floor(np.log2(value))
