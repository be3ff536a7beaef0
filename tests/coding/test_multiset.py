"""Events whose order means nothing."""

from __future__ import annotations

import math

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from atlasae import Codec
from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
from atlasae.coding.multiset import code_cells, order_of, poisson_weights
from atlasae.errors import DamagedFileError, InputError
from tests.helpers import make_jets


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 5)), max_size=60),
    st.lists(st.floats(1e-3, 1), min_size=4, max_size=4),
)
def test_cells_come_back(pairs, weights):
    bins = np.array([b for b, _ in pairs], np.int64)
    values = np.array([v for _, v in pairs], np.int64)
    order = order_of(np.zeros(len(pairs), np.int64), bins, values)
    shares = np.array(weights) / sum(weights)
    writer = EntropyEncoder()
    code_cells(writer, bins[order], values[order], len(pairs), shares, 11)
    found = code_cells(EntropyDecoder(writer.to_bytes()), None, None, len(pairs), shares, 11)
    np.testing.assert_array_equal(found[0], bins[order])
    np.testing.assert_array_equal(found[1], values[order])


def test_a_reader_of_nonsense_does_not_make_more_events_than_there_are():
    with pytest.raises((DamagedFileError, AssertionError)):  # of the coder, which bounded.py turns
        code_cells(EntropyDecoder(b"\xff" * 40), None, None, 5, np.full(4, 0.25), 11)


@pytest.mark.parametrize("mean", [0.0, 1e-6, 0.3, 1.78, 20.0, 500.0, 40_000.0])
def test_the_weights_are_poisson(mean):
    weights = poisson_weights(mean).astype(np.float64)
    expected = poisson.pmf(np.arange(len(weights)), max(mean, 1e-12))
    np.testing.assert_allclose(weights / weights.sum(), expected, rtol=1e-4, atol=1e-12)
    assert poisson.sf(len(weights) - 1, max(mean, 1e-12)) < 1e-9


def jets_in_some_order(records):
    flat = ak.flatten(records) if records.ndim > 1 else records
    rows = np.stack([ak.to_numpy(flat[name]) for name in flat.fields], axis=1)
    return rows[np.lexsort(rows.T)]


def test_free_jets_are_the_same_jets_for_fewer_bits():
    jets, test = make_jets(6000), make_jets(3000, seed=3)
    kept, free = (Codec.bounded(order=order).fit(jets) for order in ("preserved", "free"))
    streams = [codec.encode(test) for codec in (kept, free)]
    back = free.decode(streams[1])
    np.testing.assert_array_equal(
        jets_in_some_order(back), jets_in_some_order(kept.decode(streams[0]))
    )
    ideal = math.lgamma(3001) / math.log(2)
    saved = 8 * (len(streams[0]) - len(streams[1]))
    assert 0.97 * ideal < saved < 1.01 * ideal
    assert ak.all(Codec.from_bytes(free.to_bytes()).decode(streams[1]) == back)


def test_free_events_stay_whole():
    counts = np.random.default_rng(0).poisson(2, 2000)
    events = ak.unflatten(ak.zip(make_jets(counts.sum())), counts)
    codec = Codec.bounded(order="free").fit(events)
    back = codec.decode(codec.encode(events))
    assert sorted(ak.num(back).tolist()) == sorted(counts.tolist())
    kept = Codec.bounded().fit(events)
    whole = kept.decode(kept.encode(events))
    sums = [np.sort(ak.to_numpy(ak.sum(r.pt * (r.eta + 10), axis=1))) for r in (back, whole)]
    np.testing.assert_allclose(*sums, rtol=1e-6)
    assert len(codec.encode(events)) < len(kept.encode(events)) - 2000


def test_what_cannot_be_free_says_so():
    lossless = Codec.bounded(tolerance="lossless", order="free").fit(make_jets(300))
    with pytest.raises(InputError, match="cannot be left free"):
        lossless.encode(make_jets(10))
    with pytest.raises(InputError, match="did you mean 'free'"):
        Codec.bounded(order="fre")
