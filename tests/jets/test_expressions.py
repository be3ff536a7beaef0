from __future__ import annotations

from contextlib import suppress

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasae.errors import InputError, MissingNameError
from atlasae.jets.expressions.expression import Expression
from atlasae.jets.expressions.functions import smallest_pivot
from atlasae.jets.observables import observables
from atlasae.jets.table import to_table
from tests.helpers import make_jets

EVENTS = ak.Array(
    [
        [
            {"pt": 50.0, "eta": 0.5, "phi": 0.1, "mass": 5.0, "tight": True},
            {"pt": 40.0, "eta": -0.3, "phi": 3.0, "mass": 4.0, "tight": False},
        ],
        [],
        [{"pt": 20.0, "eta": 2.5, "phi": -1.0, "mass": 3.0, "tight": True}],
    ]
)
NAN = float("nan")


def value(text, jets=EVENTS):
    return Expression(text).evaluate(to_table(jets)).values.tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sum(pt)", [90, 0, 20]),
        ("HT", [90, 0, 20]),
        ("max(pt)", [50, NAN, 20]),
        ("min(eta)", [-0.3, NAN, 2.5]),
        ("sum(pt > 30)", [2, 0, 0]),
        ("any(tight)", [True, False, True]),
        ("all(tight)", [False, True, True]),
        ("any((pt > 30) & (abs(eta) < 0.4))", [True, False, False]),
        ("not any(pt > 30 and ~(eta > 0.4))", [False, True, True]),
        ("pt[0] - pt[1]", [10, NAN, NAN]),
        ("pt / HT", [50 / 90, 40 / 90, 1]),
        ("20 < pt <= 40", [False, True, False]),
        ("-pt ** 2 % 7", [-2500 % 7, -1600 % 7, -400 % 7]),
        ("where(tight, pt, 0)", [50, 0, 20]),
        ("max(pt) > 30", [True, False, False]),
        ("hypot(m, 12)", [13, np.hypot(4, 12), np.hypot(3, 12)]),
        ("maximum(pt, 30)", [50, 40, 30]),
        ("tight * 2", [2, 0, 2]),
        ("isnan(max(pt))", [False, True, False]),
    ],
)
def test_expressions_give_what_they_say(text, expected):
    np.testing.assert_allclose(value(text), expected)


def test_observables_are_those_of_the_report():
    events = ak.unflatten(ak.zip(make_jets(600)), 3)
    derived = observables(events, unit="GeV")
    for name, of_events in derived.items():
        np.testing.assert_array_equal(value(name, events), of_events)
    assert value("MHT", events) == value("missing_h_t", events)


def test_a_sum_of_vectors():
    along_x, along_y = (np.array(value(f"sum(pt * {of}(phi))")) for of in ("cos", "sin"))
    np.testing.assert_allclose(value("MHT"), np.hypot(along_x, along_y))
    np.testing.assert_allclose(value("MHT")[2], 20)


def test_events_with_one_jet_have_no_mass():
    assert [np.isnan(mass) for mass in value("m_jj")] == [False, True, True]


@pytest.mark.parametrize(
    ("text", "decision", "angle"),
    [
        ("pt", False, False),
        ("pt > 3", True, False),
        ("any(pt > 3)", True, False),
        ("(pt > 3) & (eta > 0)", True, False),
        ("sum(pt > 3)", False, False),
        ("delta_phi", False, True),
        ("Jet_delta_r", False, True),
        ("abs(Jet_eta) + Aux.phi", False, True),
        ("wrap(phi[0] - phi[1])", False, True),
        ("pt * cos(phi)", False, False),
        ("smallest_pivot(a, b, c)", False, False),
    ],
)
def test_what_an_expression_is(text, decision, angle):
    expression = Expression(text)
    assert (expression.is_decision, expression.is_angle) == (decision, angle)


def test_a_name_of_a_feature_goes_before_an_observable():
    assert value("HT", {"HT": [1.0, 2.0]}) == [1.0, 2.0]
    assert Expression("HT").features(["HT", "pt"]) == ("HT",)


def test_the_features_of_an_expression():
    names = ["mass", "pt", "phi", "eta", "btag"]
    assert Expression("m_jj / HT").features(names) == ("pt", "eta", "phi", "mass")
    assert Expression("HT").features(names) == ("pt",)
    assert Expression("m_jj").features(["px", "py", "pz", "E"]) == ("px", "py", "pz", "E")
    assert Expression("m_jj").features(["pt", "eta", "phi"]) == ("pt", "eta", "phi")
    with pytest.raises(MissingNameError, match="'btg' in these jets; did you mean 'btag'"):
        Expression("sum(btg)").features(names)
    with pytest.raises(MissingNameError, match="did you mean 'm_jj'"):
        Expression("mjj").features(names)
    with pytest.raises(MissingNameError, match="no feature 'phi'"):
        Expression("MHT").features(["pt"])


def test_names_can_be_those_of_branches():
    expression = Expression("sum(Jet_pt) + max(Aux.pt)")
    assert expression.names == ("Jet_pt", "Aux.pt")
    renamed = expression.renamed(lambda name: name[4:])
    assert renamed == Expression("sum(pt)+max(pt)")
    assert Expression("sum(sum)").renamed(lambda name: f"{name}1").text == "sum(sum1)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3 > 2", "names no feature"),
        ("", "is not an expression"),
        ("pt >", "is not an expression"),
        ("pt\0", "is not an expression"),
        ("pt = 3", "is not an expression"),
        ("pt.real()", "cannot stand in an expression"),
        ("().__class__", "cannot stand in an expression"),
        ("(lambda: pt)()", "cannot stand in an expression"),
        ("[pt for pt in pt]", "cannot stand in an expression"),
        ("pt if pt else pt", "cannot stand in an expression"),
        ("f'{pt}'", "cannot stand in an expression"),
        ("pt[-1]", "cannot stand in an expression"),
        ("pt[:, 0]", "cannot stand in an expression"),
        ("pt is pt", "cannot stand in an expression"),
        ("(pt := 3)", "cannot stand in an expression"),
        ("sqrt(x=pt)", "cannot stand in an expression"),
        ("1e400 * pt", "cannot stand in an expression"),
        ("1j * pt", "cannot stand in an expression"),
        ("sqr(pt)", "no function 'sqr' in expressions; did you mean 'sqrt'"),
        ("__import__(pt)", "no function '__import__'"),
        ("cosh(pt, pt)", "takes 1 argument, not 2"),
        ("sum(pt, pt)", r"takes 1 argument, not 2: .* of two numbers of a jet take x \+ y"),
        ("max(pt, eta) > 30", r"max in .* takes 1 argument, not 2: .* take maximum\(x, y\)"),
        ("hypot(pt)", "takes 2 arguments, not 1"),
        ("-" * 900 + "pt", "more than 50 levels"),
        ("(" * 400 + "pt" + ")" * 400, "is not an expression"),
        ("pt" + "+pt" * 400, "there can be 1000"),
    ],
)
def test_anything_else_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        Expression(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sum(sum(pt))", "has no value for each jet"),
        ("HT[0]", "has no value for each jet"),
        ("pt > 30 & tight", "put comparisons in parentheses"),
        ("any(pt)", "put comparisons in parentheses"),
        ("smallest_pivot(pt, eta)", "takes the upper triangle"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        value(text)


def test_jets_without_events_have_quantities_of_jets_alone():
    jets = {"pt": [1.0, 2.0]}
    assert value("pt > 1", jets) == [False, True]
    for text in ("sum(pt)", "HT", "pt[0]"):
        with pytest.raises(InputError, match="not grouped by event"):
            value(text, jets)


@given(st.text(st.sampled_from("pt3.()[]+-*/<>&|~,: 'sumax_\n\0é"), max_size=40))
def test_any_text_is_an_expression_or_refused(text):
    with suppress(InputError):
        assert Expression(Expression(text).text) == Expression(text)


TREES = st.recursive(
    st.sampled_from(["pt", "eta", "tight", "HT", "m_jj", "3", "0.0", "pt[1]"]),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "/", "**", "<", "%"]), inner),
        st.builds("{}({})".format, st.sampled_from(["sum", "max", "sqrt", "log", "any"]), inner),
        st.builds("({} & {})".format, inner, inner),
    ),
    max_leaves=8,
)


@given(TREES, st.permutations(range(3)))
def test_an_event_does_not_depend_on_others(text, order):
    try:
        result = Expression(text).evaluate(to_table(EVENTS))
    except InputError:
        return
    moved = Expression(text).evaluate(to_table(EVENTS[order]))
    if result.of_events:
        np.testing.assert_array_equal(moved.values, result.values[order])
    else:
        np.testing.assert_array_equal(np.sort(moved.values), np.sort(result.values))


@given(st.integers(1, 5), st.integers(0, 2**32 - 1), st.floats(-0.2, 0.2))
def test_the_smallest_pivot_tells_positive_definite_matrices(size, seed, shift):
    vectors = np.random.default_rng(seed).normal(size=(7, size, size))
    matrices = vectors @ vectors.transpose(0, 2, 1) + shift * np.eye(size)
    lowest = np.linalg.eigvalsh(matrices)[:, 0]
    clear = np.abs(lowest) > 1e-9
    elements = [matrices[:, i, j] for i in range(size) for j in range(i, size)]
    pivots = smallest_pivot(*elements)
    assert np.all((pivots >= 0) & (pivots <= 1))
    np.testing.assert_array_equal((pivots > 0)[clear], lowest[clear] > 0)


def test_the_smallest_pivot_of_special_matrices():
    with np.errstate(all="ignore"):
        for bad in (np.nan, np.inf):
            found = smallest_pivot(np.array([1.0, bad]), np.array([bad, 0.5]), np.array([1.0, 1.0]))
            assert not np.any(found > 0)
        zeros = np.zeros(3)
        assert smallest_pivot(zeros, zeros, zeros).tolist() == [0, 0, 0]
    assert smallest_pivot(np.array([4.0]), np.array([3.0]), np.array([9.0])).tolist() == [0.75]
