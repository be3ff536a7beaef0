from __future__ import annotations

import json

import numpy as np
import pytest

from atlasae.errors import InputError, MissingNameError
from atlasae.quantization.tolerance import LOSSLESS, PRESETS, Tolerance, abs_, rel, tolerances

JETS = ["pt", "eta", "phi", "mass"]


def test_bounds():
    values = np.array([-200.0, 0.0, 0.5, 3.0])
    np.testing.assert_array_equal(rel(0.01).bound(values), [2.0, 0.0, 0.005, 0.03])
    np.testing.assert_array_equal(rel(0.01, floor=1.0).bound(values), [2.0, 0.01, 0.01, 0.03])
    np.testing.assert_array_equal(abs_(0.25).bound(values), [0.25] * 4)
    np.testing.assert_array_equal(LOSSLESS.bound(values), [0.0] * 4)


def test_nothing_is_lossless():
    assert rel(0) == rel(0.0, floor=1.0) == abs_(0) == LOSSLESS


@pytest.mark.parametrize("tolerance", [rel(1e-3), rel(1 / 3, 0.1), abs_(1e-4), LOSSLESS])
def test_json_round_trip(tolerance):
    assert Tolerance.from_json(json.loads(json.dumps(tolerance.to_json()))) == tolerance


@pytest.mark.parametrize(
    "config", [{}, {"kind": "absolute"}, {"kind": "absolute", "value": 1.0, "x": 1}, "rel", [1]]
)
def test_other_json_is_refused(config):
    with pytest.raises(InputError, match="not a stored tolerance"):
        Tolerance.from_json(config)


@pytest.mark.parametrize("value", [-1e-3, float("nan"), float("inf"), "1e-3", True, None, 1j])
def test_a_tolerance_is_a_sensible_number(value):
    for make in (rel, abs_):
        with pytest.raises(InputError, match="a tolerance must be"):
            make(value)
    with pytest.raises(InputError, match="a floor must be"):
        rel(1e-3, floor=value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("relative", 0.5), "below 0.5"),
        (("relative", 0.0), "cannot be relative"),
        (("lossless", 0.1), "cannot be lossless"),
        (("absolute", 0.1, 1.0), "floor"),
        (("relativ", 0.1), "did you mean 'relative'"),
    ],
)
def test_tolerances_that_contradict_themselves(arguments, message):
    with pytest.raises(InputError, match=message):
        Tolerance(*arguments)


@pytest.mark.parametrize("spec", [2e-3, "2e-3", " 2e-3 ", np.float32(2e-3)])
def test_one_number_is_relative_except_for_angles(spec):
    value = float(spec)
    assert tolerances(spec, [*JETS, "E", "btag"]) == {
        "pt": rel(value),
        "eta": abs_(value),
        "phi": abs_(value),
        "mass": rel(value),
        "E": rel(value),
        "btag": rel(value),
    }


def test_presets():
    assert set(PRESETS) == {"default", "nanoaod", "lossless"}
    assert tolerances("default", JETS) == tolerances(1e-3, JETS)
    assert set(tolerances("lossless", JETS).values()) == {LOSSLESS}
    found = tolerances("nanoaod", JETS)
    assert found["pt"] == found["mass"] == rel(2.0**-11)
    assert found["eta"] == found["phi"] == rel(2.0**-13)


def test_nanoaod_is_what_its_mantissas_lose():
    rng = np.random.default_rng(0)
    values = rng.lognormal(3, 1, 20_000).astype(np.float32)
    for name, kept in (("pt", 10), ("eta", 12)):
        drop = 23 - kept
        half, mask = np.uint32(1 << (drop - 1)), np.uint32(0xFFFFFFFF ^ ((1 << drop) - 1))
        rounded = ((values.view(np.uint32) + half) & mask).view(np.float32)
        bound = tolerances("nanoaod", [name])[name].bound(values.astype(np.float64))
        worst = (np.abs(rounded.astype(np.float64) - values) / bound).max()
        assert 0.99 < worst <= 1


@pytest.mark.parametrize(
    "spec",
    [
        "pt=1e-2,eta=1e-4,m=0",
        " pt = 1e-2, eta=1e-4 ,mass=0",
        {"pt": 1e-2, "eta": 1e-4, "m": 0},
        {"pt": rel(1e-2), "eta": abs_(1e-4), "mass": LOSSLESS},
    ],
)
def test_numbers_by_feature(spec):
    found = tolerances(spec, JETS)
    assert list(found) == JETS
    assert found["pt"] == rel(1e-2)
    assert found["eta"] == abs_(1e-4)
    assert found["mass"] == LOSSLESS
    assert found["phi"] == PRESETS["default"][0]


def test_a_feature_of_that_very_name_comes_first():
    found = tolerances({"m": 0.1}, ["mass", "m"])
    assert found == {"mass": rel(1e-3), "m": rel(0.1)}
    assert tolerances({"energy": 0.1}, ["e", "E"]) == {"e": rel(0.1), "E": rel(0.1)}


def test_one_tolerance_for_all():
    assert tolerances(abs_(0.5), JETS) == dict.fromkeys(JETS, abs_(0.5))


@pytest.mark.parametrize("spec", ["etta=1e-3", {"etta": 1e-3}])
def test_unknown_features_are_named(spec):
    with pytest.raises(MissingNameError, match=r"no feature 'etta' in .*did you mean 'eta'"):
        tolerances(spec, JETS)
    with pytest.raises(MissingNameError, match="no feature 'E'"):
        tolerances({"E": 1e-3}, JETS)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nanoad", "did you mean 'nanoaod'"),
        ("", "tolerance '' is not a number"),
        ("pt=", "cannot read 'pt='"),
        ("pt=1e-3,", "cannot read ''"),
        ("pt=1e-3;eta=1e-3", "cannot read 'pt=1e-3;eta=1e-3'"),
        ("pt=-1", "not negative, not -1"),
        ("pt=1", "below 0.5, not 1"),
        ("nan", "finite"),
        (0.5, "below 0.5"),
        ("pt=1e-3,pt=1e-2", "'pt' is given twice"),
        ("m=1e-3,mass=1e-2", "'mass' is given twice"),
        ({"pt": "fine"}, "a tolerance must be a number, not 'fine'"),
        (None, "a tolerance must be a number, not None"),
        ([1e-3], "a tolerance must be a number"),
    ],
)
def test_nonsense_is_refused_in_one_line(spec, message):
    with pytest.raises(InputError, match=message) as caught:
        tolerances(spec, JETS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spec", [10, {"phi": 3.2}, "eta=10", abs_(10), {"eta": abs_(4)}])
def test_angles_do_not_all_become_one(spec):
    with pytest.raises(InputError, match="lets all angles become one; give less"):
        tolerances(spec, ["eta", "phi"])
    assert tolerances({"eta": 3.1}, ["eta"]) == {"eta": abs_(3.1)}
    assert tolerances({"score": abs_(10)}, ["score"]) == {"score": abs_(10)}
