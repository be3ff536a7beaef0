"""Events, or jets without events, whose order carries no information."""

from __future__ import annotations

import math
import tracemalloc

import awkward as ak
import numpy as np
import pytest

from atlasae import Codec, abs_
from atlasae.errors import InputError
from tests.helpers import make_jets


def jets_in_some_order(records):
    flat = ak.flatten(records) if records.ndim > 1 else records
    rows = np.stack([ak.to_numpy(flat[name]) for name in flat.fields], axis=1)
    return rows[np.lexsort(rows.T)]


def test_free_jets_are_the_same_jets_for_fewer_bits():
    jets, test = make_jets(6000), make_jets(3000, seed=3)
    free, kept = Codec.bounded(order="free").fit(jets), Codec.bounded(dither=False).fit(jets)
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
    counts = np.random.default_rng(0).poisson(2, 600)
    events = ak.unflatten(ak.zip(make_jets(counts.sum())), counts)
    codec = Codec.bounded(order="free").fit(events)
    back = codec.decode(codec.encode(events))
    assert sorted(ak.num(back).tolist()) == sorted(counts.tolist())
    kept = Codec.bounded(dither=False).fit(events)
    whole = kept.decode(kept.encode(events))
    sums = [np.sort(ak.to_numpy(ak.sum(r.pt * (r.eta + 10), axis=1))) for r in (back, whole)]
    np.testing.assert_allclose(*sums, rtol=1e-6)
    assert len(codec.encode(events)) < len(kept.encode(events)) - 490


def test_large_events_among_free_ones_stay_whole():
    """Events of more than 64 jets are coded in pieces, whose order is not free."""
    counts = np.array([2, 100, 0, 64, 1, 65, 200, 3])
    events = ak.unflatten(ak.zip(make_jets(counts.sum())), counts)
    codec = Codec.bounded(order="free").fit(events)
    kept = Codec.bounded(dither=False).fit(events)
    found, expected = (
        {len(jets): jets for jets in each.decode(each.encode(events)).tolist()}
        for each in (codec, kept)
    )
    assert found == expected


@pytest.mark.parametrize("tolerance", [0.1, 1e-5, 1e-8])
def test_time_and_memory_follow_the_jets_not_the_steps(tolerance):
    jets = {name: values.astype("f8") for name, values in make_jets(1000).items()}
    codec = Codec.bounded(tolerance={"phi": abs_(tolerance)}, order="free").fit(jets)
    tracemalloc.start()
    stream = codec.encode(jets)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6
    assert (
        np.abs(np.sort(ak.to_numpy(codec.decode(stream).phi)) - np.sort(jets["phi"])).max()
        <= tolerance
    )


def test_what_cannot_be_free_says_so():
    lossless = Codec.bounded(tolerance="lossless", order="free").fit(make_jets(300))
    with pytest.raises(InputError, match="order='free' requires a pt feature"):
        lossless.encode(make_jets(10))
    with pytest.raises(InputError, match="did you mean 'free'"):
        Codec.bounded(order="fre")


@pytest.mark.parametrize("number", [60, 300])
def test_wild_values_of_phi_are_free_too(number):
    jets = make_jets(number)
    tame = len(Codec.bounded(order="free").fit(jets).encode(jets))
    largest = np.finfo(np.float32).max
    jets["phi"][7:9] = largest, -largest
    codec = Codec.bounded(order="free").fit(jets)
    stream = codec.encode(jets)
    assert len(stream) < tame + 50
    assert np.sort(codec.decode(stream).phi)[[0, -1]].tolist() == [-largest, largest]
