"""Each feature of each jet is visited once, in order, with finite inputs."""

from __future__ import annotations

import numpy as np
import pytest

from atlasae.density.feature_layout import FeatureLayout
from atlasae.density.traversal import RankByRank, traverse
from atlasae.density.visitor import OTHERS, SIGN
from tests.density.quantized_jets import CASES, JETS, KINDS, ORDER, integers, layout


class Watcher(RankByRank):
    """Keeps what it is asked, and gives values back as they are."""

    def __init__(self):
        self.visits = []
        self.rows = {}

    def visit(self, group, feature, values, count, inputs):
        assert len(values) == count
        for index in range(len(inputs)):
            row = inputs.row(index)
            assert (row.shape, row.dtype) == ((count,), np.int32)
        self.visits.append((group, feature, values))
        self.rows.setdefault((group, feature), set()).add(len(inputs))
        return values


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_each_jet_is_visited_once_and_stays_in_its_place(case, kind):
    counts, columns, watcher = CASES[case], integers(JETS, kind), Watcher()
    found = dict(traverse(watcher, layout(kind), counts, columns, JETS))
    assert list(found) == list(layout(kind).order)
    for name, values in columns.items():
        np.testing.assert_array_equal(found[name], values)
        visited = sum(len(values) for _, feature, values in watcher.visits if feature == name)
        assert visited == JETS
    signs = sum(len(values) for _, feature, values in watcher.visits if feature == SIGN)
    starts = JETS if counts is None else (-(-counts // 64)).sum()
    assert signs == (starts if layout(kind).eta else 0)
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


def test_inputs_are_about_what_is_known():
    """Events that differ in phi from the fourth jet on ask the same until then."""
    columns, counts = integers(600), np.full(100, 6)
    other = columns | {"phi": columns["phi"] * np.where(np.arange(600) % 6 < 3, 1, -1)}
    asked, others = (inputs_asked(each, counts) for each in (columns, other))
    for feature, ranks in [("pt", 6), ("m", 6), ("phi", 4)]:
        np.testing.assert_equal(asked[feature][:ranks], others[feature][:ranks])
    assert not np.array_equal(asked["phi"][4], others["phi"][4])


def inputs_asked(columns, counts):
    """All inputs of each visit, by feature."""
    asked = {}

    class Asking(RankByRank):
        def visit(self, _group, feature, values, _count, inputs):
            rows = [inputs.row(index) for index in range(len(inputs))]
            asked.setdefault(feature, []).append(np.array(rows))
            return values

    columns = {name: values.astype(np.int32) for name, values in columns.items()}
    dict(traverse(Asking(), layout(), counts, columns, 600))
    return asked


def test_other_features_follow_all_momenta_one_by_one():
    lattices = layout().lattices
    of = FeatureLayout.of({"score": lattices["phi"], **lattices, "area": lattices["eta"]})
    assert of.momentum == ORDER
    numbers = np.arange(20, dtype=np.int32)
    columns = integers(20) | {"score": numbers, "area": numbers[::-1].copy()}
    watcher = Watcher()
    traversal = traverse(watcher, of, np.full(10, 2), columns, 20)
    assert [next(traversal)[0] for _ in ORDER] == list(ORDER)
    assert not {"score", "area"} & {feature for _, feature, *_ in watcher.visits}
    name, values = next(traversal)
    assert (name, values.tolist()) == ("score", list(range(20)))
    assert "area" not in {feature for _, feature, *_ in watcher.visits}
    assert watcher.visits[-1][:2] == (OTHERS, "score")
    assert dict(traversal).keys() == {"area"}
