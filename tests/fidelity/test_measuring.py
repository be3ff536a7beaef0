"""What is measured of blocks, against loops over their values."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atlasae import abs_, rel
from atlasae.errors import DamagedFileError
from atlasae.fidelity.measured import Errors, Measured, Pairs, Shift, merged
from atlasae.fidelity.measuring import Measurement
from atlasae.jets.table import Table
from atlasae.quantization.tolerance import LOSSLESS
from tests.helpers import make_jets

HOSTILE = [0.0, -0.0, math.nan, math.inf, -math.inf, 1e-45, -1e-45, 3.4e38, 1.0, 30.0, 29.999998]
FLOATS = st.one_of(st.sampled_from(HOSTILE), st.floats(width=32))
COLUMNS = st.lists(st.tuples(FLOATS, FLOATS), max_size=40)
TOLERANCES = st.sampled_from([abs_(1e-3), rel(1e-2), rel(1e-2, floor=1.0), LOSSLESS, None])


def measured(before, after, counts=None, tolerances=None, cuts=None):
    measurement = Measurement(tolerances or {}, cuts or {})
    measurement.next(Table(before, counts))(Table(after, counts))
    return measurement.result()


def column(values):
    return np.array(values, np.float32)


def is_beyond(before, after, tolerance):
    """Whether a float32 is not what was promised, by the words of the promise."""
    if column([before]).tobytes() == column([after]).tobytes():
        return False
    if not (math.isfinite(before) and math.isfinite(after)):
        return True
    if tolerance is None:
        return False
    if tolerance.kind == "lossless" or (
        before == 0 and math.copysign(1, before * 0 + before) != math.copysign(1, after)
    ):
        return True
    return abs(after - before) > tolerance.bound(np.array([before]))[0]


@given(COLUMNS, TOLERANCES)
@example([(100.0, 100.9), (100.0, 101.1), (-100.0, -98.1)], rel(1e-2))
def test_every_value_that_breaks_its_promise_is_counted(pairs, tolerance):
    before, after = (column([pair[i] for pair in pairs]) for i in range(2))
    tolerances = {"x": tolerance} if tolerance else {}
    found = measured({"x": before}, {"x": after}, tolerances=tolerances).errors["x"]
    assert found.values == len(pairs)
    assert found.special == sum(not math.isfinite(x) for x in before)
    beyond = [is_beyond(float(x), float(y), tolerance) for x, y in zip(before, after, strict=True)]
    assert found.beyond == sum(beyond)
    assert all(map(math.isfinite, (found.largest, found.share, found.mean, found.width, found.ks)))


def side(value, edge):
    return (
        "below" if value < edge else "at" if value == edge else "above" if value > edge else "NaN"
    )


@example([(30.0, math.nan), (30.0, 30.0), (29.0, 30.0), (30.0, 31.0)], [30.0])
@given(COLUMNS, st.lists(st.sampled_from([-1.0, 0.0, 1e-45, 1.0, 30.0]), max_size=3, unique=True))
def test_every_value_that_passes_a_cut_is_counted(pairs, edges):
    before, after = (column([pair[i] for pair in pairs]) for i in range(2))
    found = measured({"x": before}, {"x": after}, cuts={"x": sorted(edges)}).migrations["x"]
    assert list(found) == [
        sum(side(x, edge) != side(y, edge) for x, y in zip(before, after, strict=True))
        for edge in column(sorted(edges))
    ]


def test_errors_are_in_units_of_the_tolerance():
    before = np.array([100.0, 200.0, 400.0])
    after = before * np.array([1.01, 0.995, 1.0])
    found = measured({"pt": before}, {"pt": after}, tolerances={"pt": rel(0.02)}).errors["pt"]
    shares = np.array([0.5, -0.25, 0.0])
    assert found.largest == pytest.approx(1.0)
    assert found.share == pytest.approx(0.5)
    assert found.mean == pytest.approx(shares.mean())
    assert found.width == pytest.approx(shares.std())
    assert found.mean_error == pytest.approx(shares.std() / 3**0.5)
    without = measured({"pt": before}, {"pt": after}).errors["pt"]
    assert without.share == without.largest == pytest.approx(1.0)


def test_the_ks_distance_is_that_of_the_cumulative_distributions():
    before = np.random.default_rng(0).normal(size=10_000)
    after = np.where(np.arange(10_000) % 10 == 0, 5.0, before)  # a tenth goes to the end
    found = measured({"x": before}, {"x": after}).errors["x"]
    assert found.ks == pytest.approx(0.1 * 31 / 32, rel=0.05)


@st.composite
def events(draw):
    """Counts, pt that often descends, and other pt."""
    counts = draw(st.lists(st.integers(0, 4), min_size=1, max_size=6))
    pt = st.sampled_from([20.0, 30.0, 40.0, 50.0, math.nan])
    before = [draw(st.lists(pt, min_size=count, max_size=count)) for count in counts]
    if draw(st.booleans()):
        before = [sorted(of_event, reverse=True) for of_event in before]
    after = draw(st.lists(pt, min_size=sum(counts), max_size=sum(counts)))
    return counts, [one for of_event in before for one in of_event], after


def pair(before, after, i, j):
    return Pairs(
        1,
        int(before[i] != before[j] and after[i] < after[j]),
        int(before[i] != before[j] and after[i] == after[j]),
        int(before[i] == before[j] and after[i] != after[j]),
    )


@given(events())
def test_the_order_in_pt_is_followed_pair_by_pair(case):
    counts, before, after = case
    neighbors = leading = Pairs()
    start = 0
    for count in counts:
        rows = range(start, start + count)
        for i, j in pairwise(rows):
            if before[i] >= before[j]:
                neighbors = neighbors.merged(pair(before, after, i, j))
        ranked = sorted((row for row in rows if before[row] > 0), key=lambda row: -before[row])
        if len(ranked) > 1:
            leading = leading.merged(pair(before, after, *ranked[:2]))
        start += count
    found = measured({"pt": np.array(before)}, {"pt": np.array(after)}, np.array(counts))
    assert (found.neighbors, found.leading) == (neighbors, leading)


def test_observables_show_a_shift_of_the_scale():
    jets, counts = make_jets(6000), np.full(2000, 3)
    larger = jets | {"pt": jets["pt"] * np.float32(1.01), "m": jets["m"] * np.float32(1.01)}
    found = measured(jets, larger, counts).observables
    assert set(found) >= {"m_jj", "h_t"}
    for name in ("m_jj", "h_t"):
        assert found[name].mean == pytest.approx(0.01, rel=1e-3)
        assert found[name].width < 1e-5
        assert 900 < found[name].events <= 1024
    assert measured(jets, larger).observables == {}
    assert measured({"pt": jets["pt"]}, {"pt": jets["pt"]}, counts).observables == {}


def blocks(number, seed=1):
    rng = np.random.default_rng(seed)
    for i in range(number):
        jets = make_jets(300, seed=i)
        moved = {n: v * rng.uniform(0.999, 1.001, 300).astype(np.float32) for n, v in jets.items()}
        yield Table(jets, np.full(100, 3)), Table(moved, np.full(100, 3))


PROMISES = {"pt": rel(1e-3), "m": rel(1e-2), "eta": abs_(1e-2)}
CUTS = {"pt": (25.0, 30.0)}


def test_the_order_in_which_blocks_are_done_does_not_matter():
    forward, backward = Measurement(PROMISES, CUTS), Measurement(PROMISES, CUTS)
    for before, after in blocks(3):
        forward.next(before)(after)
    waiting = [(backward.next(before), after) for before, after in blocks(3)]
    for compare, after in reversed(waiting):
        compare(after)
    assert forward.result() == backward.result()


def test_samples_that_are_merged_are_as_one():
    whole, parts = Measurement(PROMISES, CUTS), []
    for before, after in blocks(3):
        whole.next(before)(after)
        part = Measurement(PROMISES, CUTS)
        part.next(before)(after)
        parts.append(part.result())
    one, of_parts = whole.result(), merged(parts)
    for name, errors in one.errors.items():
        other = of_parts.errors[name]
        assert other.ks >= errors.ks * 0.5
        assert replace(other, ks=0.0) == replace(errors, ks=0.0)
    assert (of_parts.migrations, of_parts.leading) == (one.migrations, one.leading)
    assert of_parts.observables == one.observables


def test_merging_gives_mean_and_width_of_all_values():
    rng = np.random.default_rng(0)
    before, errors = np.ones(500), rng.normal(0.2, 0.1, 500)
    halves = [
        measured({"x": before[rows]}, {"x": before[rows] + errors[rows]})
        for rows in (slice(0, 100), slice(100, None))
    ]
    for order in (halves, halves[::-1]):
        found = merged(order).errors["x"]
        assert found.mean == pytest.approx(errors.mean())
        assert found.width == pytest.approx(errors.std())
        assert found.largest == found.share == pytest.approx(np.abs(errors).max())


def test_no_jets_give_zeros():
    empty = {"pt": np.zeros(0, np.float32)}
    found = measured(empty, empty, np.zeros(4, int), {"pt": rel(1e-3)}, CUTS)
    assert found.errors == {"pt": Errors()}
    assert found.leading == found.neighbors == Pairs()
    assert found.migrations == {"pt": (0, 0)}


def test_other_numbers_of_jets_are_an_error():
    with pytest.raises(DamagedFileError, match="2 jets were coded, and 1 decoded"):
        measured({"pt": np.ones(2)}, {"pt": np.ones(1)})


@pytest.mark.parametrize("scale", [1.0, 1e-320, 5e307])
def test_what_is_stored_comes_back(scale):
    before = np.array([1.0, 2.0, -3.0]) * scale
    found = measured(
        {"pt": before}, {"pt": -before}, np.array([3]), {"pt": rel(1e-9)}, {"pt": (0.5,)}
    )
    stored = found.to_json()
    assert Measured.from_json(stored).to_json() == stored
    assert Measured.from_json(stored).errors["pt"].beyond == 3


@pytest.mark.parametrize(
    "stored",
    [
        [],
        {"errors": []},
        {"errors": {"pt": [1, 0, 0]}, "order": [[1, 0, 0, 0]]},
        {"errors": {"pt": [-1, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0]}},
        {"errors": {"pt": [1, 0, 0, 10**400, 0.0, 0.0, 0.0, 0.0]}},
        {"errors": {"pt": [1, 0, 0, math.inf, 0.0, 0.0, 0.0, 0.0]}},
        {"errors": {"pt": [1, 0, 0, math.nan, 0.0, 0.0, 0.0, 0.0]}},
        {"errors": {"pt": [True, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0]}},
        {"migrations": {"pt": [0.5]}},
        {"migrations": {"pt": 1}},
        {"observables": {"m_jj": ["1", 0.0, 0.0, 0.0]}},
    ],
)
def test_what_was_not_stored_so_is_refused(stored):
    with pytest.raises((ValueError, TypeError, AttributeError)):
        Measured.from_json(stored)


def test_shifts_merge():
    assert Shift(2, 1.0, 0.0, 1.5).merged(Shift(2, 3.0, 0.0, 3.5)) == Shift(4, 2.0, 1.0, 3.5)
