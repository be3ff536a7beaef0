"""The bounded codec keeps cuts, the bins of histograms and the order of jets."""

from __future__ import annotations

from functools import cache

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasae import Codec
from atlasae.errors import InputError, MissingNameError
from atlasae.jets.table import Table, to_table
from atlasae.quantization.tolerance import LOSSLESS, abs_, rel
from tests.codecs.samples import collections, there_and_back
from tests.codecs.samples import make_events as unsorted_events
from tests.quantization.test_corrections import in_order, on_their_sides

EDGES = [0.0, 1e-3, 2.4, 30.0, 50.0]
CUTS = {"pt": EDGES, "abs(eta)": [0.0, 2.4], "m": EDGES, "phi": [-1.57, -0.87, 3.2]}
SPECS = {
    "1e-2": 1e-2,
    "floors": {"pt": rel(1e-3, floor=1.0), "m": abs_(0.5), "eta": LOSSLESS, "phi": abs_(1e-3)},
}


def make_events(events, seed=0):
    jets = unsorted_events(events, seed)
    return jets[ak.argsort(jets.pt, ascending=False)]


@cache
def cutting(spec, dither, order="preserved", dtype="float32"):
    events = make_events(800, seed=1)
    jets = ak.zip({name: ak.values_astype(events[name], dtype) for name in events.fields})
    return Codec.bounded(tolerance=SPECS[spec], cuts=CUTS, dither=dither, order=order).fit(jets)


def check_promises(codec, jets):
    table, found = to_table(jets), there_and_back(codec, jets)
    for name, edges in codec.cuts_.items():
        finite = np.isfinite(table.columns[name])
        on_their_sides(table.columns[name][finite], found[name][finite], np.array(edges))
    if codec.order_kept_ and table.counts is not None:
        in_order(table.columns["pt"], found["pt"], table.counts)
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dither", [False, True])
@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_cuts_and_order_are_kept_whatever_the_values(spec, dither, dtype, data):
    codec = cutting(spec, dither, dtype=dtype)
    assert codec.order_kept_ == "pt"
    jets = data.draw(collections(dtype, others=False))
    if data.draw(st.booleans()):  # edges, and the floats beside them
        near = np.array(EDGES, dtype)
        near = np.concatenate([near, np.nextafter(near, near.dtype.type(np.inf)), -near])
        rows = data.draw(st.lists(st.integers(0, 14), min_size=len(jets), max_size=len(jets)))
        jets = Table({name: near[rows].copy() for name in jets.columns}, jets.counts)
    check_promises(codec, jets)
    check_promises(Codec.from_bytes(codec.to_bytes()), jets)


@pytest.mark.parametrize("dither", [False, True])
def test_ordinary_jets_keep_a_histogram_bit_for_bit(dither):
    jets = make_events(4000, seed=5)
    edges = np.linspace(0, 400, 101)
    cut = Codec.bounded(tolerance=1e-2, cuts={"pt": edges}, dither=dither).fit(jets)
    plain = Codec.bounded(tolerance=1e-2, dither=dither, keep_order=False).fit(jets)
    pt = ak.to_numpy(ak.flatten(jets.pt))
    before = np.histogram(pt, edges)[0]
    assert (before != np.histogram(check_promises(cut, jets)["pt"], edges)[0]).sum() == 0
    assert (before != np.histogram(there_and_back(plain, jets)["pt"], edges)[0]).sum() > 20
    extra = 8 * (len(cut.encode(jets)) - len(plain.encode(jets))) / len(pt)
    assert extra < 0.2  # bits a jet: 1 % of the values are near an edge


def test_events_in_a_free_order_keep_cuts_and_the_order_of_their_jets():
    jets = make_events(1500, seed=6)
    codec = cutting("1e-2", dither=False, order="free")
    (block,) = codec.encode_blocks(jets)
    found = codec.decode_blocks(iter([block]))
    table = to_table(jets).events(block.order)
    for name, edges in codec.cuts_.items():
        on_their_sides(table.columns[name], found.columns[name], np.array(edges))
    in_order(table.columns["pt"], found.columns["pt"], table.counts)


def test_cuts_are_kept_without_events():
    check_promises(cutting("1e-2", dither=True), ak.flatten(make_events(800, seed=7)))


def test_an_edge_is_a_number_of_the_dtype():
    jets = make_events(300)
    assert Codec.bounded(cuts="pt>0.1").fit(jets).cuts_ == {"pt": (float(np.float32(0.1)),)}
    counts = {"n": np.arange(100), "pt": np.linspace(20, 50, 100)}
    codec = Codec.bounded(features=["n", "pt"], cuts={"n": 30.5}).fit(counts)
    assert codec.cuts_ == {"n": (30.5,)}


def test_what_is_not_sorted_has_no_order_to_keep():
    jets = make_events(500)
    assert Codec.bounded().fit(jets[:, ::-1]).order_kept_ is None
    assert Codec.bounded().fit(ak.flatten(jets)).order_kept_ is None
    assert Codec.bounded(keep_order=False).fit(jets).order_kept_ is None
    assert Codec.bounded(tolerance="lossless").fit(jets).order_kept_ == "pt"


def test_one_event_that_is_not_sorted_stays_as_it_is():
    jets = to_table(make_events(500, seed=8))
    jets.columns["pt"][:4] = [30, 40, np.nan, 35]
    check_promises(cutting("1e-2", dither=True), jets)


def test_coding_again_changes_nothing_without_dither():
    codec = cutting("1e-2", dither=False)
    once = codec.decode(codec.encode(make_events(900, seed=9)))
    assert ak.array_equal(codec.decode(codec.encode(once)), once)


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_keep_order_is_true_or_false(value):
    with pytest.raises(InputError, match="must be True or False"):
        Codec.bounded(keep_order=value)


def test_cuts_are_checked():
    with pytest.raises(InputError, match="finite"):
        Codec.bounded(cuts={"pt": float("inf")})
    with pytest.raises(MissingNameError, match="did you mean 'eta'"):
        Codec.bounded(cuts="etaa<2.4").fit(make_events(100))


@pytest.mark.parametrize("dither", [False, True])
def test_codecs_fitted_to_values_coarser_than_the_tolerance_promise_the_same(dither):
    many = make_events(300)
    many["pt"] = ak.values_astype(np.floor(many.pt) * 2**40, np.float32)
    codec = Codec.bounded(tolerance={"pt": abs_(0.5)}, cuts="pt>30.2", dither=dither).fit(many)
    found = check_promises(codec, make_events(300, seed=1))  # has bits that those lacked
    assert (found["pt"] == to_table(make_events(300, seed=1)).columns["pt"]).all()


@pytest.mark.parametrize("value", [0, "", 1, "no"])
def test_dither_is_true_false_or_left_out(value):
    with pytest.raises(InputError, match="must be True or False"):
        Codec.bounded(dither=value)


def test_cuts_in_a_file_are_those_that_it_had_when_the_codec_was_made(tmp_path):
    path = tmp_path / "edges.txt"
    path.write_text("pt: 30, 50")
    codec = Codec.bounded(cuts=path)
    path.unlink()
    assert codec.fit(make_events(20)).cuts_["pt"] == (30, 50)
    assert Codec.from_bytes(codec.to_bytes()).cuts == {"pt": [30, 50]}
    with pytest.raises(InputError, match=r"cannot read 'edges\.txt' in cuts"):
        Codec.bounded(cuts="edges.txt")
