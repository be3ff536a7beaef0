from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from atlasae.errors import InputError, MissingNameError, TargetExistsError
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


def test_events_keep_their_jet_counts_and_are_momenta(events, counts):
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
        ({"a": ak.Array([[[1.0]]])}, "2 levels of nesting"),
        ({"a": ak.Array([1.0, None])}, "missing values, 1 of 2: fill them"),
        ({1: [1.0], "1": [2.0]}, "two columns have the name '1'"),
        ({"a": ak.Array([[1.0], None])}, "'a' is missing in 1 of 2 events"),
        (ak.Array([[{"a": 1.0}], None]), "'a' is missing in 1 of 2 events"),
        ({"a": ak.concatenate([ak.Array([1.0]), ak.Array(["x"])])}, "not a column of numbers"),
        (
            {"a": ak.Array([[1.0], []]), "b": ak.Array([[], [1.0]])},
            "differ in jet counts per event",
        ),
    ],
)
def test_input_that_is_not_a_table_is_refused(jets, message):
    with pytest.raises(InputError, match=message):
        to_table(jets)


@pytest.mark.parametrize("dtype", ["Int64", "UInt8", "Float64", "Float32", "boolean"])
def test_masked_columns_of_pandas(dtype):
    pandas = pytest.importorskip("pandas")
    whole = pandas.DataFrame({"pt": pandas.array([1, 0, 1], dtype=dtype)})
    column = to_table(whole).columns["pt"]
    assert column.dtype == {"boolean": "bool"}.get(dtype, dtype.lower())
    assert column.tolist() == [1, 0, 1]
    for jets in (whole.shift(1), {"pt": whole["pt"].shift(1)}, {"pt": whole["pt"].shift(1).array}):
        with pytest.raises(InputError, match="'pt' has missing values, 1 of 3: fill them"):
            to_table(jets)


def test_missing_categories_of_pandas():
    pandas = pytest.importorskip("pandas")
    assert to_table({"n": pandas.Categorical([1, 2])}).columns["n"].tolist() == [1, 2]
    with pytest.raises(InputError, match="'n' has missing values, 1 of 2"):
        to_table({"n": pandas.Categorical([1, None])})


def test_columns_of_pandas_are_told_apart():
    pandas = pytest.importorskip("pandas")
    numbered = pandas.DataFrame({1: [1.0], 2: [2.0]})
    assert list(to_table(numbered).columns) == ["1", "2"]
    for names in ([1, "1"], ["pt", "pt"]):
        with pytest.raises(InputError, match="two columns have the name"):
            to_table(pandas.DataFrame([[1.0, 2.0]], columns=names))


def test_a_missing_feature_names_the_nearest():
    with pytest.raises(MissingNameError, match="did you mean 'btag'"):
        to_table({"btag": [1.0]}).select(["bTag"])
    assert list(to_table({"mass": [1.0]}).select(["m"]).columns) == ["m"]


def test_values_that_are_not_finite_are_counted_by_feature():
    with pytest.raises(InputError, match="'b' is NaN or infinite in 2 of 3 jets"):
        to_table({"a": [1.0, 2, 3], "b": [np.nan, np.inf, 0]}).matrix()


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
