from __future__ import annotations

import math

import numpy as np
import pytest

from atlasae import abs_, rel
from atlasae.errors import InputError
from atlasae.jets.table import Table
from atlasae.quantization.quantities import of_features, quantities, to_mapping
from atlasae.quantization.tolerance import LOSSLESS


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (None, {}),
        ("m_jj: 2e-3, HT: 1e-3", {"m_jj": rel(2e-3), "HT": rel(1e-3)}),
        ("MHT: abs 0.5", {"MHT": abs_(0.5)}),
        ("delta_phi: 0.01", {"delta_phi": abs_(0.01)}),
        ("hypot(px, py): 0", {"hypot(px, py)": LOSSLESS}),
        ("max(pt)>500", {"max(pt) > 500": LOSSLESS}),
        ({"pt [0]": 1e-2, "eta": abs_(1e-5)}, {"pt[0]": rel(1e-2), "eta": abs_(1e-5)}),
        ({"pt > 3": 0, "eta > 3": LOSSLESS}, {"pt > 3": LOSSLESS, "eta > 3": LOSSLESS}),
        ({"pt": rel(0.1, floor=3)}, {"pt": rel(0.1, floor=3)}),
    ],
)
def test_what_is_kept(spec, expected):
    assert to_mapping(quantities(spec)) == expected
    assert to_mapping(quantities(expected or None)) == expected


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("m_jj", "'m_jj' needs a tolerance, as in 'm_jj: 1e-3'"),
        ("m_jj: much", "cannot read the tolerance in 'm_jj: much'"),
        ("m_jj: -1", "finite and not negative"),
        ("m_jj: nan", "finite and not negative"),
        ("m_jj: 0.7", "below 0.5"),
        ("pt > 3: 0.1", "yes or no"),
        ("pt: 1e-3, pt : 1e-2", "'pt' is given twice"),
        ("", "is not an expression"),
        ({}, "names no quantity"),
        ({3: 1e-3}, "not 3"),
        ({"pt": "1e-3"}, "must be a number"),
        (["pt"], "neither a mapping nor a list"),
    ],
)
def test_other_specs_are_refused(spec, message):
    with pytest.raises(InputError, match=message):
        quantities(spec)


def test_quantities_are_shown_as_they_are_written():
    spec = {"pt[0]": rel(1e-2), "MHT": abs_(0.5), "max(pt) > 500": 0, "HT": rel(0.1, floor=3)}
    shown = [str(quantity) for quantity in quantities(spec)]
    assert shown == ["pt[0]: 0.01", "MHT: abs 0.5", "max(pt) > 500", "HT: rel(0.1, floor=3.0)"]
    again = to_mapping(quantities(", ".join(shown[:3])))
    assert again == {
        text: bound for text, bound in to_mapping(quantities(spec)).items() if text != "HT"
    }


def test_errors_are_in_units_of_the_tolerance():
    values = [100.0, 0.0, 0.0, math.nan, math.inf, math.inf, 1.0, -math.inf, 3.0]
    decoded = [100.5, 0.0, 1e-9, 5.0, math.inf, 1e30, math.nan, math.inf, math.inf]
    errors, of_events = quantities("pt: 1e-2")[0].errors(
        Table({"pt": np.array(values)}), Table({"pt": np.array(decoded)})
    )
    inf = math.inf
    assert errors.tolist() == [0.5, 0, inf, 0, 0, inf, inf, inf, inf]
    assert not of_events


def test_a_collection_keeps_what_its_features_give():
    kept = quantities("sum(Jet_pt): 1e-3, m_jj: 2e-3, pt * btag: 1e-2, Muon.pt > 5")
    four = ["pt", "eta", "phi", "mass"]
    assert of_features(kept, "Jet", four) == {"sum(pt)": rel(1e-3), "m_jj": rel(2e-3)}
    assert of_features(kept, "Muon", ["pt", "eta"]) == {"pt > 5": LOSSLESS}
    assert set(of_features(kept, "Jet", [*four, "btag"])) == {"sum(pt)", "m_jj", "pt * btag"}


def test_one_quantity_has_one_tolerance():
    kept = quantities("Jet_pt: 1e-3, pt: 1e-2, Jet_eta: 1e-3, eta: 1e-3")
    assert of_features(kept, "Muon", ["pt"]) == {"pt": rel(1e-2)}
    assert of_features(kept, "Jet", ["eta"]) == {"eta": abs_(1e-3)}
    with pytest.raises(InputError, match="'pt' of 'Jet' has two tolerances"):
        of_features(kept, "Jet", ["pt"])


def test_matrices_are_kept_unless_another_tolerance_is_given():
    names = ["pt", "cov00", "cov01", "cov11"]
    assert of_features((), "Muon", names) == {"smallest_pivot(cov00, cov01, cov11)": rel(0.3)}
    kept = quantities("smallest_pivot(cov00, cov01, cov11): 0.1")
    assert of_features(kept, "Muon", names) == {"smallest_pivot(cov00, cov01, cov11)": rel(0.1)}
    long = [f"{'x' * 400}cov{i}" for i in ("00", "01", "11")]
    assert of_features((), "Muon", long) == {}
