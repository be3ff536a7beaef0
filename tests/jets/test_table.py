from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasae.codecs.autoencoder.scaling import SCALINGS, Scaling
from atlasae.errors import InputError, MissingNameError, TargetExistsError
from atlasae.jets.names import energy_unit, four_vector, role
from atlasae.jets.table import Table, save_matrix, to_records, to_table


@pytest.fixture(params=["dict", "records", "structured", "pandas", "table", "lists"])
def form(request, jets):
    if request.param == "dict":
        return jets
    if request.param == "records":
        return ak.zip(jets)
    if request.param == "table":
        return Table(jets)
    if request.param == "lists":
        return {name: values.tolist() for name, values in jets.items()}
    if request.param == "pandas":
        return pytest.importorskip("pandas").DataFrame(jets)
    structured = np.empty(len(jets["pt"]), [(name, "f4") for name in jets])
    for name, values in jets.items():
        structured[name] = values
    return structured


def test_every_accepted_form_is_the_same_table(form, jets):
    table = to_table(form)
    assert list(table.columns) == ["m", "pt", "phi", "eta"]
    assert table.counts is None
    for name, values in jets.items():
        np.testing.assert_array_equal(table.columns[name].astype(np.float32), values)


def test_events_keep_their_numbers_of_jets_and_are_momenta(events, counts):
    table = to_table(events)
    np.testing.assert_array_equal(table.counts, counts)
    records = to_records(table)
    assert ak.all(records.pt == events.pt)
    assert records.type.content.content.parameters["__record__"] == "Momentum4D"
    assert ak.all(abs(records.px - records.pt * np.cos(records.phi)) <= 1e-5 * records.pt)


def test_records_without_a_four_vector_are_plain():
    records = to_records(Table({"a": np.arange(3.0), "b": np.arange(3)}))
    assert records.type.content.parameters == {}
    assert records.b.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("jets", "message"),
    [
        (np.zeros((3, 4)), "which column is which"),
        (5, "must be awkward records"),
        ({}, "no features"),
        ({"a": [1.0], "b": [1.0, 2.0]}, "differ in length"),
        ({"a": ["x"]}, "not a column of numbers"),
        ({"a": np.zeros((2, 2))}, "not a column of numbers"),
        ({"a": ak.Array([[[1.0]]])}, "nested"),
        ({"a": ak.Array([1.0, None])}, "missing values"),
        ({"a": ak.Array([[1.0], []]), "b": ak.Array([[], [1.0]])}, "other numbers of jets"),
    ],
)
def test_what_is_no_table_is_refused(jets, message):
    with pytest.raises(InputError, match=message):
        to_table(jets)


def test_a_missing_feature_names_the_nearest():
    with pytest.raises(MissingNameError, match="did you mean 'btag'"):
        to_table({"btag": [1.0]}).select(["bTag"])
    assert list(to_table({"mass": [1.0]}).select(["m"]).columns) == ["m"]


def test_values_that_are_not_finite_are_counted_by_feature():
    with pytest.raises(InputError, match="'b' is NaN or infinite in 2 of 3 jets"):
        to_table({"a": [1.0, 2, 3], "b": [np.nan, np.inf, 0]}).matrix()


def test_roles_and_order():
    assert four_vector(["eta", "phi", "PT", "Mass", "area"]) == ("Mass", "PT", "phi", "eta")
    assert four_vector(["eta", "phi", "pt"]) is None
    assert role("btag") is None


def test_the_unit_is_told_from_the_size():
    assert energy_unit(np.array([20.0, 50.0, 900.0])) == "GeV"
    assert energy_unit(np.array([20e3, 50e3, np.nan])) == "MeV"


@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize("unit", ["GeV", "MeV"])
def test_scalings_invert_and_bring_jets_to_order_one(kind, unit, jets):
    x = to_table(jets).matrix()
    x[:, :2] *= 1000 if unit == "MeV" else 1
    x[0, 0], x[1, 0] = 0.0, -0.05
    scaling = Scaling.fit(kind, list(jets), x, unit)
    y = scaling.forward(x)
    assert y.dtype == np.float32
    assert np.abs(np.median(y, axis=0)).max() < 2
    np.testing.assert_allclose(scaling.inverse(y), x, rtol=2e-6, atol=1e-5 * x.std())
    np.testing.assert_array_equal(Scaling.from_json(scaling.to_json()).forward(x), y)


def test_the_lund_scaling_is_its_formula():
    x = np.array([[10.0, 100.0, 1.5, 2.5]])
    for unit, factor in (("GeV", 1), ("MeV", 1000)):
        scaled = Scaling.fit("lund", ["m", "pt", "phi", "eta"], x * [factor, factor, 1, 1], unit)
        y = scaled.forward(x * [factor, factor, 1, 1])
        wanted = [np.log10(11) / 1.8, (2 - 1.3) / 1.2, 0.5, 0.5]
        np.testing.assert_allclose(y[0], wanted, atol=1e-5)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20), st.sampled_from(SCALINGS))
def test_a_scaling_of_anything_finite_is_finite(values, kind):
    x = np.array(values)[:, None]
    scaling = Scaling.fit(kind, ["m"], x, "GeV")
    assert np.isfinite(scaling.forward(x)).all()
    close = 1e-3 * np.ptp(x) + 1e-6 * np.abs(x).max() + 1e-9
    np.testing.assert_allclose(scaling.inverse(scaling.forward(x)), x, rtol=1e-4, atol=close)


def test_a_matrix_is_saved_whole_or_not_at_all(jets, tmp_path):
    path = tmp_path / "jets.npy"
    table = save_matrix(jets, path, force=False)
    np.testing.assert_array_equal(np.load(path), table.matrix())
    with pytest.raises(TargetExistsError, match="exists"):
        save_matrix(jets, path, force=False)
    with pytest.raises(InputError):
        save_matrix({"a": [np.nan]}, path, force=True)
    assert np.load(path).shape == (1000, 4)
    assert [p.name for p in tmp_path.iterdir()] == ["jets.npy"]
