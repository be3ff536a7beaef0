"""Quick estimates of dijet masses never miss an event whose mass has changed by more than a bound."""

from __future__ import annotations

import numpy as np
import pytest

from atlasae.compiled import kernels
from atlasae.jets.dijet_masses import LARGEST_ETA, UNSURE, changed_events, growth
from atlasae.jets.observables import OBSERVABLES, Momenta
from atlasae.jets.table import Table

NAMES = ("pt", "eta", "phi", "mass")


def events(number, seed, largest_eta=5.0, spread=np.pi):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 6, number)
    jets = int(counts.sum())
    columns = (
        20 + rng.exponential(60, jets),
        rng.uniform(-largest_eta, largest_eta, jets),
        rng.uniform(-spread, spread, jets),
        rng.exponential(8, jets) * (rng.random(jets) < 0.9),
    )
    return tuple(column.astype(np.float32) for column in columns), counts


def decoded(jets, size, seed=0):
    rng = np.random.default_rng(seed)
    errors = [rng.uniform(-size, size, len(jets[0])) for _ in jets]
    pt, eta, phi, mass = jets
    moved = pt * (1 + errors[0]), eta + errors[1], phi + errors[2], mass * (1 + errors[3])
    return tuple(column.astype(np.float32) for column in moved)


def masses(jets, counts):
    columns = dict(zip(NAMES, jets, strict=True))
    return OBSERVABLES["m_jj"].of(Momenta.of(Table(columns, counts)))


@pytest.mark.parametrize("use", [True, False])
@pytest.mark.parametrize(
    ("largest_eta", "spread"), [(5.0, np.pi), (8.0, np.pi), (1.0, 0.05), (30.0, 10.0)]
)
@pytest.mark.parametrize("size", [1e-4, 1e-3, 1e-2])
def test_no_event_is_missed(size, largest_eta, spread, use):
    jets, counts = events(4000, 1, largest_eta, spread)
    after = decoded(jets, size)
    old, new = masses(jets, counts), masses(after, counts)
    for relative, floor, absolute in [(size, 0, 0), (size, 500, 0), (0, 0, 50 * size), (0, 0, 0)]:
        with kernels(use=use):
            found = changed_events(jets, after, counts, relative, floor, absolute)
        bound = relative * np.maximum(old, floor) + absolute
        changed = np.flatnonzero((np.abs(new - old) >= bound) & ~np.isnan(old))
        assert np.isin(changed, found).all()


def test_few_others_are_found():
    jets, counts = events(4000, 2)
    after = decoded(jets, 1e-3)
    found = changed_events(jets, after, counts, 2e-3, 0.0, 0.0)
    old, new = masses(jets, counts), masses(after, counts)
    changed = np.flatnonzero(np.abs(new - old) > 2e-3 * old)
    assert 0 < len(changed) <= len(found) < len(changed) + 200


@pytest.mark.parametrize(
    ("feature", "value"), [(0, -1.0), *((feature, np.nan) for feature in range(4)), (1, -9.0)]
)
def test_what_cannot_be_estimated_is_found(feature, value):
    jets, counts = events(200, 3)
    jets[feature][:] = value
    found = changed_events(jets, jets, counts, 1e-3, 0.0, 0.0)
    assert found.tolist() == np.flatnonzero(counts > 1).tolist()


def test_other_leading_jets_are_found():
    pt = np.array([50, 40, 39.9], np.float32)
    jets = pt, pt * 0, pt / 50, pt / 10
    after = (np.array([50, 39.9, 40], np.float32), *jets[1:])
    assert changed_events(jets, after, np.array([3]), 1.0, 0.0, 0.0).tolist() == [0]
    assert not len(changed_events(jets, after, np.array([2, 1]), 1.0, 0.0, 0.0))
    assert not len(changed_events(*(2 * (tuple(c[:0] for c in jets),)), np.array([0]), 1, 0, 0))


def test_the_exponential_is_as_accurate_as_it_says():
    numbers = np.linspace(0, LARGEST_ETA, 100_001, dtype=np.float32)
    error = np.abs(growth(numbers) / np.exp(numbers.astype(np.float64)) - 1)
    assert error.max() < 5e-6 < UNSURE / 5
