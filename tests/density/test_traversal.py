"""Each feature of each jet is visited once, in order, with finite inputs."""

from __future__ import annotations

import numpy as np
import pytest

from atlasae.density.feature_layout import FeatureLayout
from atlasae.density.traversal import traverse
from atlasae.density.visitor import OTHERS, SIGN
from atlasae.quantization.exceptions import quantize
from atlasae.quantization.tolerance import tolerances
from tests.density.quantized_jets import CASES, ORDER, integers, layout


class Rows:
    """How many inputs some jets of a group have."""

    def __init__(self, group, count):
        self.group, self.count, self.number = group, count, 0

    def add(self, rows):
        assert all(row.shape == (self.count,) and row.dtype == np.float32 for row in rows)
        assert all(np.isfinite(row).all() for row in rows)
        self.number += len(rows)


class Watcher:
    """Keeps what it is asked, and gives values back as they are."""

    def __init__(self):
        self.visits = []
        self.rows = {}

    def inputs(self, group, count):
        return Rows(group, count)

    def visit(self, group, feature, values, inputs):
        self.visits.append((group, feature, values))
        self.rows.setdefault((group, feature), set()).add(inputs.number)
        return values


@pytest.mark.parametrize("spec", ["default", "nanoaod", "lossless"])
@pytest.mark.parametrize("case", CASES)
def test_each_jet_is_visited_once_and_stays_in_its_place(case, spec):
    counts, columns, watcher = CASES[case], integers(500, spec), Watcher()
    found = dict(traverse(watcher, layout(spec), counts, columns, 500))
    for name in ORDER:
        np.testing.assert_array_equal(found[name], columns[name])
        visited = sum(len(values) for _, feature, values in watcher.visits if feature == name)
        assert visited == 500
    signs = sum(len(values) for _, feature, values in watcher.visits if feature == SIGN)
    starts = 500 if counts is None else (-(-counts // 64)).sum()
    assert signs == starts
    assert all(len(numbers) == 1 for numbers in watcher.rows.values())


def test_no_jets_are_no_visits():
    for counts in (None, np.zeros(0, np.int64), np.zeros(7, np.int64)):
        watcher = Watcher()
        found = dict(traverse(watcher, layout(), counts, integers(0), 0))
        assert list(found) == list(ORDER)
        assert all(len(values) == 0 for values in found.values())
        assert not any(len(values) for _, _, values in watcher.visits)


def test_features_are_visited_one_by_one_and_rank_by_rank():
    watcher = Watcher()
    dict(traverse(watcher, layout(), np.array([2, 0, 4, 1]), integers(7), 7))
    places = [("first", 3), ("second", 2), ("later", 1), ("later", 1)]
    found = [(feature, group, len(values)) for group, feature, values in watcher.visits]
    found = [visit for visit in found if visit[0] != SIGN]
    assert found == [(feature, *place) for feature in ORDER for place in places]


def test_a_feature_is_there_before_the_next_is_visited():
    watcher = Watcher()
    traversal = traverse(watcher, layout(), np.array([2, 0, 4, 1]), integers(7), 7)
    assert next(traversal)[0] == "pt"
    assert {feature for _, feature, _ in watcher.visits} == {"pt"}


def test_extreme_jets_give_finite_inputs():
    rng = np.random.default_rng(0)
    for spec in ("default", "nanoaod", "lossless"):
        for dtype, size in (("float32", "u4"), ("float64", "u8")):
            bounds, of = tolerances(spec, ORDER), layout(spec, dtype)
            patterns = rng.integers(0, 2 ** (8 * int(size[1])), (4, 600), size)
            columns = {
                name: quantize(of.quantizers[name], patterns[i].view(dtype), bounds[name])[0]
                for i, name in enumerate(ORDER)
            }
            dict(traverse(Watcher(), of, np.full(100, 6), columns, 600))


def test_other_features_follow_all_momenta_one_by_one():
    quantizers = layout().quantizers
    of = FeatureLayout.of({"score": quantizers["phi"], **quantizers, "area": quantizers["eta"]})
    assert of.momentum == ORDER
    columns = integers(20) | {"score": np.arange(20), "area": np.arange(20)[::-1].copy()}
    watcher = Watcher()
    traversal = traverse(watcher, of, np.full(10, 2), columns, 20)
    assert [next(traversal)[0] for _ in ORDER] == list(ORDER)
    assert not {"score", "area"} & {feature for _, feature, *_ in watcher.visits}
    name, values = next(traversal)
    assert (name, values.tolist()) == ("score", list(range(20)))
    assert "area" not in {feature for _, feature, *_ in watcher.visits}
    assert watcher.visits[-1][:2] == (OTHERS, "score")
    assert dict(traversal).keys() == {"area"}
