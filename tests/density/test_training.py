from __future__ import annotations

import numpy as np
import pytest

from atlasae.density.training import (
    NORMALISING,
    ORDER,
    RATE,
    AdamW,
    Network,
    one_cycle,
    train,
)

GROUPS, INPUTS, UNITS = 5, 3, 4


def tiny_network():
    """A network with live units in both layers and unequal shares of the groups."""
    generator = np.random.default_rng(0)
    network = Network(INPUTS, UNITS, np.array([0.1, 0.3, 0.2, 0.25, 0.15]), generator)
    network.layers.second[:, 0] += 0.5
    network.layers.mixing[:] *= 10
    return network


def tiny_data(rows=40):
    generator = np.random.default_rng(1)
    matrix = generator.normal(size=(rows, 1 + INPUTS))
    matrix[:, 0] = 1
    return matrix, generator.integers(0, GROUPS, rows)


def in_float64(network):
    network.parameters = network.parameters.astype(np.float64)
    network.layers = network.split(network.parameters)
    return network


def loss(network, rows, targets):
    """The loss summed over rows, without the network's own softmax."""
    logits = network.logits(network.hidden(rows)[1])
    totals = np.logaddexp.reduce(logits, axis=0)
    chosen = logits[targets, np.arange(len(targets))]
    return (totals - chosen + NORMALISING * totals**2).sum()


def test_the_gradient_is_that_of_finite_differences():
    network, (rows, targets) = in_float64(tiny_network()), tiny_data()
    network.parameters += np.random.default_rng(2).normal(0, 0.05, len(network.parameters))
    gradient, step, differences = network.gradient(rows, targets), 1e-6, []
    for i in range(len(network.parameters)):
        kept = network.parameters[i]
        network.parameters[i] = kept + step
        above = loss(network, rows, targets)
        network.parameters[i] = kept - step
        differences.append((above - loss(network, rows, targets)) / (2 * step))
        network.parameters[i] = kept
    assert gradient.dtype == np.float64
    assert len(gradient) == UNITS * (2 + INPUTS + UNITS + ORDER) + GROUPS
    assert np.count_nonzero(gradient) == len(gradient)
    np.testing.assert_allclose(gradient, differences, rtol=1e-6, atol=1e-7)


def test_gradients_of_pieces_add_up():
    network, (rows, targets) = in_float64(tiny_network()), tiny_data()
    pieces = network.gradient(rows[:7], targets[:7]) + network.gradient(rows[7:], targets[7:])
    np.testing.assert_allclose(pieces, network.gradient(rows, targets), rtol=1e-12, atol=1e-14)


def test_training_stays_in_float32():
    network, (rows, targets) = tiny_network(), tiny_data()
    assert network.gradient(rows.astype(np.float32), targets).dtype == np.float32
    generator = np.random.default_rng(0)
    train(
        network, rows.astype(np.float32), targets, weight_decay=0.1, epochs=2, generator=generator
    )
    assert network.parameters.dtype == np.float32
    assert np.shares_memory(network.parameters, network.layers.first)


def test_large_logits_do_not_overflow():
    network, (rows, targets) = tiny_network(), tiny_data()
    network.layers.mixing[:] = 1e3
    network.layers.first[:] = network.layers.second[:] = 1
    rows = rows.astype(np.float32)
    assert np.isfinite(network.gradient(rows, targets)).all()
    assert network.cross_entropy(rows, targets) > 100


def test_before_training_the_network_gives_the_shares():
    network, (rows, targets) = tiny_network(), tiny_data()
    shares = np.exp(network.layers.bias)
    np.testing.assert_allclose(shares, [0.1, 0.3, 0.2, 0.25, 0.15], rtol=1e-6)
    network.layers.mixing[:] = 0
    expected = -np.log(shares[targets]).mean()
    assert network.cross_entropy(rows, targets) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 5, 6, 100, 1001])
def test_the_learning_rate_rises_and_falls(steps):
    rates, betas = one_cycle(steps)
    assert len(rates) == len(betas) == steps
    assert 0 < min(rates) <= max(rates) <= RATE
    assert 0.85 <= min(betas) <= max(betas) <= 0.95
    if steps >= 100:
        assert rates[0] == pytest.approx(RATE / 25)
        assert rates[-1] == pytest.approx(RATE / 25e4)
        for peak in (np.argmax(rates), np.argmin(betas)):
            assert peak == pytest.approx(0.2 * steps - 1, abs=1)
        assert betas[0] == betas[-1] == pytest.approx(0.95)


@pytest.mark.parametrize("steps", [6, 40, 333])
def test_steps_are_those_of_torch(steps):
    torch = pytest.importorskip("torch")
    generator = np.random.default_rng(steps)
    start, decay = generator.normal(size=50), np.repeat([0.3, 0.0], 25)
    decaying, others = (torch.nn.Parameter(torch.tensor(half)) for half in np.split(start, 2))
    groups = [
        {"params": [decaying], "weight_decay": 0.3},
        {"params": [others], "weight_decay": 0.0},
    ]
    theirs = torch.optim.AdamW(groups, RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(theirs, RATE, total_steps=steps, pct_start=0.2)
    ours = AdamW(start.copy(), decay)
    for rate, beta in zip(*one_cycle(steps), strict=True):
        gradient = generator.normal(size=50)
        decaying.grad, others.grad = (torch.tensor(half) for half in np.split(gradient, 2))
        theirs.step()
        schedule.step()
        ours.step(gradient, rate, beta)
    expected = np.concatenate([half.detach().numpy() for half in (decaying, others)])
    np.testing.assert_allclose(ours.parameters, expected, rtol=0, atol=1e-12)


def test_the_gradient_is_that_of_torch():
    torch = pytest.importorskip("torch")
    network, (rows, targets) = in_float64(tiny_network()), tiny_data()
    layers = [torch.tensor(layer, requires_grad=True) for layer in network.layers]
    first, second, mixing, bias = layers
    functions = torch.tensor(network._functions).double()
    hidden = torch.tensor(rows[:, 1:])
    for layer in (first, second):
        hidden = torch.relu(hidden @ layer[:, 1:].T + layer[:, 0])
    logits = hidden @ mixing.T @ functions + bias
    totals = torch.logsumexp(logits, 1)
    entropy = torch.nn.functional.cross_entropy(logits, torch.tensor(targets), reduction="sum")
    (entropy + NORMALISING * totals.square().sum()).backward()
    expected = np.concatenate([layer.grad.numpy().ravel() for layer in layers])
    np.testing.assert_allclose(network.gradient(rows, targets), expected, rtol=1e-9, atol=1e-12)
    assert network.cross_entropy(rows, targets) == pytest.approx(entropy.item() / len(rows))


def test_the_same_seed_gives_the_same_weights():
    rows, targets = tiny_data(3000)
    rows, trained = rows.astype(np.float32), []
    for seed in (0, 0, 1):
        generator = np.random.default_rng(seed)
        network = Network(INPUTS, UNITS, np.full(GROUPS, 1 / GROUPS), generator)
        assert train(network, rows, targets, weight_decay=0, epochs=3, generator=generator)
        trained.append(network.parameters)
    np.testing.assert_array_equal(trained[0], trained[1])
    assert (trained[0] != trained[2]).any()
