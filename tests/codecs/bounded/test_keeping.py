"""Quantities of events and of jets are kept, in every event."""

from __future__ import annotations

import json
from functools import cache

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasae import Codec, abs_, rel
from atlasae.errors import DamagedFileError, InputError, MissingNameError
from atlasae.jets.table import to_table
from atlasae.quantization.quantities import quantities
from atlasae.quantization.tolerance import tolerances
from tests.codecs.samples import collections, make_events
from tests.helpers import make_jets
from tests.quantization.guarantee import keeps

OF_EVENTS = "m_jj: 5e-4, HT: 3e-4, MHT: abs 0.01, delta_r: 1e-3, pt[1] / pt[0]: 1e-3"
OF_EVENTS += ", sum(pt > 31) + sum(pt > 36) + sum(pt > 41): 0"
OF_EVENTS += ", pt / max(pt): 2e-4, wrap(phi - phi[0]): 5e-4"  # of each jet and others
OF_JETS = "m / pt: 1e-4, pt * cosh(eta) > 60"
FOUR = ("m", "pt", "phi", "eta")


def sorted_events(events, seed=0):
    """Events whose jets are sorted by pt."""
    jets = make_events(events, seed)
    return jets[ak.argsort(jets.pt, ascending=False)]


@cache
def codec_of(keep, dtype="float32", in_events=True, **options):
    jets = sorted_events(2000)
    jets = ak.values_astype(jets if in_events else ak.flatten(jets), dtype)
    return Codec.bounded(tolerance=1e-3, keep=keep, features=FOUR, **options).fit(jets)


def decoded_by(codec, jets):
    """Jets as the codec gives them back, and the originals in the order of these."""
    blocks = list(codec.encode_blocks(jets))
    table, found = to_table(jets), codec.decode_blocks(iter(blocks))
    if codec.order == "free":
        table = table.events(np.concatenate([block.order for block in blocks]))
    return table, found, blocks


def check(codec, jets):
    """All that the codec promises is kept."""
    table, found, blocks = decoded_by(codec, jets)
    for name, bound in tolerances(codec.tolerance, FOUR).items():
        keeps(table.columns[name], found.columns[name], bound)
    if codec.order_kept_ and table.counts is not None:
        one, other = table.columns["pt"], found.columns["pt"]
        ends = np.cumsum(table.counts)[:-1]
        follows = np.setdiff1d(np.arange(1, len(one)), ends)
        falls = follows[one[follows] <= one[follows - 1]]
        np.testing.assert_array_equal(other[falls] < other[falls - 1], one[falls] < one[falls - 1])
        assert np.all(other[falls] <= other[falls - 1])
    for quantity in quantities(codec.keep):
        before, after = quantity.expression.evaluate(table), quantity.expression.evaluate(found)
        values, decoded = before.values.astype(float), after.values.astype(float)
        promised = ~np.isnan(values)
        with np.errstate(all="ignore"):
            error = np.abs(decoded - values)
            kept = (error <= quantity.tolerance.bound(values)) & np.isfinite(values)
        assert np.all((kept | (decoded == values))[promised]), quantity
    return blocks


@pytest.mark.parametrize(
    "options",
    [{}, {"dither": False}, {"order": "free"}, {"in_events": False}, {"cuts": "pt: 30, 31, 50"}],
    ids=str,
)
def test_quantities_are_kept_where_they_would_not_be(options):
    keep = OF_EVENTS if options.get("in_events", True) else OF_JETS
    codec, jets = codec_of(keep, **options), sorted_events(3000, seed=5)
    if not options.get("in_events", True):
        jets = ak.flatten(jets)
    blocks = check(codec, jets)
    assert (codec.order_kept_ is not None) == (options.get("in_events", True))
    assert sum(block.cost.events for block in blocks) > 100
    plain, found, _ = decoded_by(codec_of(None, **options), jets)
    broken = [quantity.originals(plain).broken(found).any() for quantity in quantities(codec.keep)]
    assert all(broken)


def test_the_cost_is_what_the_blocks_grow_by():
    jets = sorted_events(3000, seed=5)
    sizes, costs = [], []
    for keep in (None, "m_jj: 1e-3", "m_jj: 2e-4"):
        blocks = list(codec_of(keep).encode_blocks(jets))
        sizes.append(sum(len(block.payload) for block in blocks))
        costs.append(blocks[0].cost)
    assert costs[0] == (0, 0)
    assert 0 < costs[1].events < costs[2].events < 3000
    for size, cost in zip(sizes, costs, strict=True):
        assert abs(size - sizes[0] - cost.bytes) <= 2  # the length of the exceptions


def test_only_what_has_to_be_is_exact():
    """Where the mass is off because of the angles, pt is coded as before."""
    jets = sorted_events(3000, seed=5)
    table, found, _ = decoded_by(codec_of("m_jj: 2e-3"), jets)
    plain, _, _ = decoded_by(codec_of(None), jets)
    exact = {name: np.mean(table.columns[name] == found.columns[name]) for name in FOUR}
    assert exact["eta"] > exact["pt"]
    assert max(exact.values()) < 0.1
    assert plain.columns.keys() == found.columns.keys()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_quantities_are_kept_whatever_the_jets_are(dtype, data):
    jets = data.draw(collections(dtype, others=False))
    in_events = jets.counts is not None
    options = data.draw(st.sampled_from([{}, {"dither": False}, {"order": "free"}]))
    keep = f"{OF_EVENTS}, {OF_JETS}" if in_events else OF_JETS
    check(codec_of(keep, dtype, in_events, **options), jets)


@settings(max_examples=15, deadline=None)
@given(jets=collections("float32", others=False).filter(lambda jets: len(jets) > 1))
def test_exact_quantities_are_kept_whatever_was_fitted(jets):
    keep = {"m * cos(phi) + eta": 0, "pt / m": 0, "abs(eta)": abs_(1e-30)}
    check(Codec.bounded(features=FOUR, keep=keep).fit(jets), jets)


def matrices(n, dtype="float32"):
    """The upper triangles of correlated 3 x 3 matrices, some nearly singular, some not positive."""
    rng = np.random.default_rng(1)
    width = np.exp(rng.normal(0, 1, (n, 3)))
    vectors = rng.normal(size=(n, 3, 3)) * [1, 1, 0.03]
    full = vectors @ vectors.transpose(0, 2, 1) * width[:, :, None] * width[:, None, :]
    full[:20, 0, 0] *= -1
    names = ("xx", "xy", "xz", "yy", "yz", "zz")
    triangle = zip(names, np.triu_indices(3)[0], np.triu_indices(3)[1], strict=True)
    return {name: full[:, i, j].astype(dtype) for name, i, j in triangle}


@pytest.mark.parametrize("dither", [False, True])
def test_matrices_stay_positive_definite(dither):
    jets = matrices(4000)
    names = list(jets)

    def definite(jets):
        full = np.empty((len(jets["xx"]), 3, 3))
        for name in names:
            i, j = ("xyz".index(axis) for axis in name)
            full[:, i, j] = full[:, j, i] = np.asarray(jets[name], np.float64)
        return np.linalg.eigvalsh(full)[:, 0] > 0

    plain = Codec.bounded(tolerance=1e-2, features=names, dither=dither).fit(jets)
    lost = definite(jets) & ~definite(plain.decode(plain.encode(jets)))
    assert lost.sum() > 50
    keep = f"smallest_pivot({', '.join(names)}): 0.3"
    kept = Codec.bounded(tolerance=1e-2, features=names, dither=dither, keep=keep).fit(jets)
    np.testing.assert_array_equal(definite(kept.decode(kept.encode(jets))), definite(jets))


def test_fractions_sum_to_what_they_did():
    rng = np.random.default_rng(3)
    names = ["chHEF", "neHEF", "chEmEF", "neEmEF", "muEF"]
    shares = rng.dirichlet(np.full(5, 0.7), 4000).astype(np.float32)
    jets = dict(zip(names, shares.T, strict=True))
    keep = {" + ".join(names): abs_(2e-4)}
    codec = Codec.bounded(tolerance=1e-3, features=names, keep=keep).fit(jets)
    found = codec.decode(codec.encode(jets))
    before, after = (
        sum(np.asarray(of[name], np.float64) for name in names) for of in (jets, found)
    )
    assert np.all(np.abs(after - before) <= 2e-4)
    assert np.all(np.abs(after - 1) <= np.abs(before - 1) + 2e-4)


def test_the_promise_travels_with_the_codec(tmp_path):
    codec = codec_of("m_jj: 2e-3, max(pt) > 50")
    again = Codec.from_bytes(codec.to_bytes())
    assert again.keep == codec.keep == {"m_jj": rel(2e-3), "max(pt) > 50": rel(0)}
    jets = sorted_events(500, seed=9)
    assert again.encode(jets) == codec.encode(jets)
    config = json.loads(json.dumps(codec.get_config()))
    assert type(codec).from_config(config).call == codec.call
    assert "'m_jj': rel(0.002)" in codec.call


def test_a_stored_expression_is_never_run():
    codec = codec_of("m_jj: 2e-3")
    state, tensors = codec._state()
    header = codec._header(state)
    header["config"]["keep"] = {"().__class__": {"kind": "lossless", "value": 0.0, "floor": 0.0}}
    from atlasae.codecs.serialization import pack

    with pytest.raises(DamagedFileError, match="cannot stand in an expression"):
        Codec.from_bytes(pack(header, tensors))


def test_a_quantity_needs_its_features_and_events():
    jets = make_jets(50)
    with pytest.raises(MissingNameError, match="'btg'"):
        Codec.bounded(keep="btg > 3").fit(jets)
    with pytest.raises(InputError, match="not grouped by event"):
        Codec.bounded(keep="HT: 1e-3").fit(jets)
    codec = codec_of("HT: 1e-3")
    with pytest.raises(InputError, match="not grouped by event"):
        codec.encode(jets)


def test_lossless_features_are_not_stored_twice():
    jets = ak.with_field(make_events(500), make_events(500).pt, "copy")
    codec = Codec.bounded(
        tolerance={"pt": 0, "copy": 1e-3}, features=[*FOUR, "copy"], keep="sum(pt + copy): 1e-5"
    ).fit(jets)
    (block,) = codec.encode_blocks(jets)
    quantized = codec._fitted._payloads.read(block)
    assert not quantized.exceptions
    assert list(quantized.overrides) == ["copy"]
