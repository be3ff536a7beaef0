from __future__ import annotations

import json
from contextlib import suppress
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from atlasae.errors import DamagedFileError, InputError, MissingFileError, MissingNameError
from atlasae.quantization.cuts import (
    MOST_EDGES,
    cuts_of,
    cuts_to_json,
    parse_cuts,
    read_cuts,
    require_cuts,
    rounded_edges,
)

JET = ["pt", "eta", "phi", "mass", "btagDeepFlavB"]
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.from_regex(r"[A-Za-z][A-Za-z_.]{0,9}", fullmatch=True).filter(
    lambda name: name.lower() not in ("nan", "inf", "infinity")
)
OPERATORS = ("<", "<=", ">", ">=", "==", "!=")


@pytest.mark.parametrize(
    ("spec", "edges"),
    [
        (None, {}),
        ({}, {}),
        ("Jet_pt>30", {"Jet_pt": (30,)}),
        ("30 < Jet_pt", {"Jet_pt": (30,)}),
        ("30<=Jet_pt<50", {"Jet_pt": (30, 50)}),
        ("Jet.pt==-1.5e2", {"Jet.pt": (-150,)}),
        ("pt>50,pt>30, pt!=50", {"pt": (30, 50)}),
        ("pt>30 && abs(eta)<2.4 || eta > 3; phi<1", {"pt": (30,), "eta": (-2.4, 2.4, 3), "phi": (1,)}),
        ("pt>30,", {"pt": (30,)}),
        ("pt: 30, 20, eta:1", {"pt": (20, 30), "eta": (1,)}),
        ("pt: 30, m>5", {"pt": (30,), "m": (5,)}),
        ("abs( eta ): 1, 0", {"eta": (-1, 0, 1)}),
        ("pt: 4 bins from 0 to 1, 7", {"pt": (0, 0.25, 0.5, 0.75, 1, 7)}),
        ("pt: 1 bin from -1 to 1", {"pt": (-1, 1)}),
        ({"pt": 30, "abs(eta)": [2.4]}, {"pt": (30,), "eta": (-2.4, 2.4)}),
        ({"pt": np.array([50, 30], np.float32)}, {"pt": (30, 50)}),
        ({"pt": "20, 2 bins from 30 to 50"}, {"pt": (20, 30, 40, 50)}),
        ({"pt": ["2 bins from 30 to 50", 7]}, {"pt": (7, 30, 40, 50)}),
        ({"abs(pt)": 2, "pt": 1}, {"pt": (-2, 1, 2)}),
        ("Jet_btagDeepFlavB>2018_UL:medium", {"Jet_btagDeepFlavB": (0.2783,)}),
        (
            "btagDeepFlavB: 2022_Summer22EE:loose, 2022_Summer22EE:tight",
            {"btagDeepFlavB": (0.0614, 0.73)},
        ),
    ],
)  # fmt: skip
def test_forms(spec, edges):
    assert parse_cuts(spec) == edges
    assert parse_cuts(json.loads(json.dumps(cuts_to_json(spec)))) == edges


def test_bins_are_those_of_numpy():
    (edges,) = parse_cuts("pt: 198 bins from 20 to 2000").values()
    assert edges == tuple(np.linspace(20, 2000, 199))


@given(NAMES, NUMBERS, NUMBERS, st.sampled_from(OPERATORS), st.booleans())
def test_every_comparison_is_an_edge(name, number, other, operator, is_absolute):
    if is_absolute:
        number, other = abs(number), abs(other)
    variable = f"abs({name})" if is_absolute else name
    wanted = {number, other, *([-number, -other] if is_absolute else [])}
    chain = f"{number!r} {operator} {variable}{operator}{other!r}"
    for spec in (
        chain,
        f"{variable}{operator}{number!r}, {other!r}{operator}{variable}",
        f"{variable}: {number!r}, {other!r}",
        {variable: [number, other]},
        {variable: f"{number!r}, {other!r}"},
    ):
        assert parse_cuts(spec) == {name: tuple(sorted(wanted))}


def test_zero_has_no_sign():
    assert str(parse_cuts("abs(x)>0, y>-0.0")) == "{'x': (0.0,), 'y': (0.0,)}"
    assert str(rounded_edges([-0.0, -1e-60], "float32")) == "(0.0,)"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "there are no cuts in ''"),
        (" ,\n", "there are no cuts"),
        ("Jet_pt", "cannot read 'Jet_pt' in cuts: write Jet_pt>30"),
        ("30", "cannot read '30'"),
        ("Jet_pt=30", "cannot read 'Jet_pt=30'"),
        ("Jet_pt>", "cannot read ''"),
        ("Jet_pt>much", "cannot read 'Jet_pt>much'"),
        ("pt>eta", "cannot read 'pt>eta'"),
        ("20<30", "cannot read '20<30'"),
        ("Jet_pt*2>30", r"cannot read 'Jet_pt\*2>30'"),
        ("__import__('os')>1", "cannot read"),
        ("pt: 20, thirty", "cannot read 'thirty'"),
        ("pt: [20, 30]", "cannot read"),
        ("pt: 20, m>5, 30", "cannot read '30'"),
        ("pt:", "cuts of 'pt' have 0 edges"),
        ({"pt": []}, "cuts of 'pt' have 0 edges"),
        ("pt>inf", "an edge of cuts must be finite, not inf"),
        ("pt: nan", "must be finite, not nan"),
        ({"pt": 10**400}, "must be finite"),
        ({"pt": True}, "cannot read 'True'"),
        ({"pt": None}, "cannot read 'None'"),
        ({"pt": [[20]]}, r"cannot read '\[20\]'"),
        ({3: 20}, "by the name of a feature, not 3"),
        ({" ": 20}, "by the name of a feature"),
        (30, "cuts=30 must be text, a mapping or a path"),
        ("abs(eta)>-1", r"abs\(eta\) is never negative, and has no cut at -1"),
        ("pt: 5 bins from 3 to 3", "write it as 198 bins from 20 to 2000"),
        ("pt: 0 bins from 3 to 4", "write it as"),
        (f"pt: {MOST_EDGES} bins from 0 to 1", "write it as .* fewer than 10,000 bins"),
        ("pt: 1000000000000 bins from 0 to 1", "cannot read"),
        ({"pt": range(MOST_EDGES + 1)}, "'pt' have 10,001 edges; give from 1 to 10,000"),
        ("Jet_btagDeepFlavB>2018UL:medium", "did you mean '2018_UL:medium'"),
        ("x" * 1000, "cannot read 'x+...x+' in cuts"),
    ],
)
def test_nonsense_is_refused_in_one_line(spec, message):
    with pytest.raises(InputError, match=message) as caught:
        parse_cuts(spec)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@given(st.text(st.sampled_from("abs()pt:,;<>=&|!1e9. \nfrombins"), max_size=40))
def test_any_text_gives_edges_or_an_error(text):
    with suppress(InputError):
        found = parse_cuts(text)
        assert found == parse_cuts(cuts_to_json(text))
        assert all(edges == tuple(sorted(set(edges))) for edges in found.values())


@pytest.mark.parametrize(
    ("spec", "edges"),
    [
        ("Jet_pt>30", {"pt": (30,)}),
        ("Jet.pt>30", {"pt": (30,)}),
        ("pt>30", {"pt": (30,)}),
        ("Jet_m>5, PT<9", {"pt": (9,), "mass": (5,)}),
        ("Jet_mass>5, mass>7, m>5", {"mass": (5, 7)}),
        ("abs(Jet_eta)<2.4, eta<5", {"eta": (-2.4, 2.4, 5)}),
        ("Jet_btagDeepFlavB>0.5", {"btagDeepFlavB": (0.5,)}),
        ("Muon_pt>5, FatJet_pt>200, jet_pt>3, MET>200, JetXpt>1", {}),
        (None, {}),
    ],
)
def test_features_of_a_collection(spec, edges):
    assert cuts_of(spec, "Jet", JET) == edges


@pytest.mark.parametrize(
    ("collection", "name"),
    [
        ("", "pt"), ("1", "pt1"), ("jet1", "jet_pt1"), ("jet1", "jet1_pt"), ("Jet_AK8", "Jet_AK8_pt"),
        ("AnalysisJetsAuxDyn", "AnalysisJetsAuxDyn.pt"), ("J+", "J+_pt"),
    ],
)  # fmt: skip
def test_names_of_branches(collection, name):
    assert cuts_of({name: 30}, collection, JET) == {"pt": (30,)}
    for other in ("2", "jet2", "Jet"):
        assert cuts_of({name: 30}, other, JET) == ({"pt": (30,)} if name == "pt" else {})


def test_features_keep_their_order():
    assert list(cuts_of("mass>1, pt>1", "", ["pt", "mass"])) == ["pt", "mass"]


def test_a_name_that_does_not_exist_is_named():
    collections = {"Jet": JET, "Muon": ["pt", "eta", "phi"]}
    require_cuts("Jet_pt>30, eta<2, Muon_phi>0, MET_pt>200", collections, ["MET_pt"])
    require_cuts(None, {})
    for spec, message in {
        "Jet_ptt>30": "no feature 'Jet_ptt' to cut on; did you mean 'Jet_pt'",
        "Muon_mass>1": "no feature 'Muon_mass'",
        "btagDeepFlavb>0.5": "did you mean 'btagDeepFlavB'",
        "MET_pt>200": "no feature 'MET_pt'",
    }.items():
        with pytest.raises(MissingNameError, match=message):
            require_cuts(spec, collections)


@pytest.mark.parametrize(
    "text",
    [
        "pt: 20, 25,\n  30  # GeV\n\nabs(eta): 2.4\n",
        "# my cuts\r\nabs(eta)<2.4\r\npt>20\r\npt>25\r\npt>30",
        '{"pt": [20, 25, 30], "abs(eta)": 2.4}',
        ' {"pt": 20, "eta": [2.4, -2.4], "pt": [30, 25]}',
        "\ufeffpt: 20, 25, 30; eta: 2.4, -2.4",
    ],
)
def test_files(text, tmp_path):
    path = tmp_path / "edges.txt"
    path.write_text(text, encoding="utf-8", newline="")
    edges = {"pt": (20, 25, 30), "eta": (-2.4, 2.4)}
    assert read_cuts(path) == read_cuts(str(path)) == parse_cuts(path) == edges


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xfe", "a file of cuts is text"),
        (b"pt", "cannot read 'pt'"),
        (b'{"pt": 20', "not JSON of cuts by name"),
        (b'{"pt": NaN}', "must be finite"),
        (b'{"pt": 1e999}', "must be finite"),
        (b'{"pt": {"pt": 20}}', "cannot read"),
        (b'{"pt":' + b"[" * 100_000, "not JSON of cuts by name"),
        (b'{"pt":' + b"1" * 5_000 + b"}", "edges.txt': not JSON|must be finite|edges.txt"),
    ],
)
def test_files_of_something_else(data, message, tmp_path):
    path = tmp_path / "edges.txt"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        read_cuts(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(MissingFileError, match="no file of cuts"):
        read_cuts(tmp_path / "none.txt")
    (tmp_path / "empty.txt").touch()
    with pytest.raises(DamagedFileError, match="empty"):
        read_cuts(tmp_path / "empty.txt")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@given(data=st.data())
def test_rounded_edges_keep_every_comparison(dtype, data):
    """A value on the same side of a rounded edge is on the same side of the edge itself."""
    edge = data.draw(NUMBERS)
    with np.errstate(over="ignore"):
        near = np.array([edge]).astype(dtype)
        near = np.concatenate([near, np.nextafter(near, np.inf), np.nextafter(near, -np.inf)])
    values = np.append(near, data.draw(arrays.arrays(dtype, 5, elements={"allow_nan": False})))
    values = values[np.isfinite(values)]
    rounded = np.array(rounded_edges([edge], dtype) or [np.inf])
    sides = np.less(values, rounded) * 2 + np.equal(values, rounded)
    above = np.array([Fraction(float(value)) > Fraction(edge) for value in values])
    at_least = np.array([Fraction(float(value)) >= Fraction(edge) for value in values])
    for side in np.unique(sides):
        assert len(set(above[sides == side])) == 1
        assert len(set(at_least[sides == side])) == 1


def test_rounded_edges_are_numbers_of_the_dtype_once_each():
    edges = [0.1, 0.1 + 1e-12, 30, 1e39, -1e39, 1e-60]
    found = rounded_edges(edges, "float32")
    assert found == (0.0, float(np.float32(0.1)), 30.0)
    assert rounded_edges(edges, "float64") == tuple(sorted(edges))
