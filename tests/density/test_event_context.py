from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasae import exact_math
from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
from atlasae.density.feature_layout import FeatureLayout
from atlasae.density.jet_density_fitting import fit_jet_density
from atlasae.density.traversal import traverse
from atlasae.density.visitor import OTHERS, SIGN
from atlasae.quantization.exceptions import quantize
from atlasae.quantization.fitting import fit_quantizer
from atlasae.quantization.quantizers import AbsoluteQuantizer
from atlasae.quantization.tolerance import tolerances
from tests.helpers import make_jets

ORDER = ("pt", "m", "phi", "eta")


def angles():
    return (np.arange(-25_735, 25_736) / 4096).astype(np.float32)


def points():
    rng = np.random.default_rng(0)
    size = np.exp2(rng.uniform(-40, 40, 20_000))
    turn = np.arange(20_000) * (2 * np.pi / 20_000)
    return (size * np.sin(turn)).astype(np.float32), (size * np.cos(turn)).astype(np.float32)


def positive():
    return np.exp2(np.random.default_rng(0).uniform(-126, 127, 20_000)).astype(np.float32)


def test_cosine_and_sine_are_accurate():
    cosine, sine = exact_math.cos_sin(angles())
    within = np.abs(angles()) <= np.pi
    for found, true in [(cosine, np.cos(angles())), (sine, np.sin(angles()))]:
        assert found.dtype == np.float32
        assert np.abs(found - true)[within].max() < 1e-5
        assert np.abs(found - true).max() < 0.02


def test_the_angle_of_a_point_is_accurate():
    y, x = points()
    found = exact_math.arctan2(y, x)
    assert found.dtype == np.float32
    assert np.abs(found - np.arctan2(y, x)).max() < 1.5e-5
    zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
    assert exact_math.arctan2(zero, zero) == 0
    assert exact_math.arctan2(zero, -one) == exact_math.PI
    assert exact_math.arctan2(one, zero) == exact_math.PI / 2
    assert exact_math.arctan2(-one, zero) == -exact_math.PI / 2


def test_the_logarithm_is_linear_between_powers_of_two():
    found = exact_math.log2(positive())
    assert found.dtype == np.float32
    assert np.abs(found - np.log2(positive())).max() < 0.0861
    powers = np.exp2(np.arange(-126, 128)).astype(np.float32)
    np.testing.assert_array_equal(exact_math.log2(powers), np.arange(-126, 128))


def test_wrapped_angles_lie_within_pi():
    wide = np.linspace(-3 * np.pi, 3 * np.pi, 10_001).astype(np.float32)
    wrapped = exact_math.wrap(wide)
    assert wrapped.dtype == np.float32
    assert np.abs(wrapped).max() <= exact_math.PI + 1e-6
    assert np.abs(np.exp(1j * wide) - np.exp(1j * wrapped)).max() < 2e-6


def test_exact_functions_are_frozen_to_the_last_bit():
    digest = hashlib.sha256()
    for values in (
        *exact_math.cos_sin(angles()),
        exact_math.wrap(angles()),
        exact_math.log2(grid()),
        exact_math.arctan2(grid(), grid()[::-1].copy()),
        exact_math.arctan2(-grid(), grid()[::-1].copy()),
    ):
        digest.update(values.astype("<f4").tobytes())
    assert digest.hexdigest() == EXACT


def grid():
    """Float32 numbers made without a maths library."""
    patterns = np.arange(0x20000000, 0x5F000000, 65_537, dtype=np.uint32)
    return patterns.view(np.float32)


EXACT = "78e9cc137624cf28ff28ab2bbe04a6a589585f668f56323381a8258cc47c6783"


def layout(spec="default", dtype="float32"):
    bounds = tolerances(spec, ORDER)
    jets = {name: values.astype(dtype) for name, values in make_jets(300).items()}
    return FeatureLayout.of({name: fit_quantizer(jets[name], bounds[name]) for name in ORDER})


def integers(n, spec="default", seed=0, dtype="float32"):
    jets, bounds = make_jets(n, seed), tolerances(spec, ORDER)
    of = layout(spec, dtype)
    return {
        name: quantize(of.quantizers[name], jets[name].astype(dtype), bounds[name])[0]
        for name in ORDER
    }


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


CASES = {
    "flat": None,
    "one event": [500],
    "one jet each": [1] * 500,
    "empty events": [0, 3, 0, 0, 497 % 7, 0] + [0] * 20 + [5] * 99 + [2, 0],
    "one huge event among small": [1, 2, 430, 0, 60, 7],
    "just full": [64, 64, 65, 63, 128, 116],
}
CASES = {name: counts and np.array([*counts, 500 - sum(counts)]) for name, counts in CASES.items()}


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


def test_features_are_visited_one_by_one_and_place_by_place():
    watcher = Watcher()
    dict(traverse(watcher, layout(), np.array([2, 0, 4, 1]), integers(7), 7))
    places = [("first", 3), ("second", 2), ("later", 1), ("later", 1)]
    found = [(feature, group, len(values)) for group, feature, values in watcher.visits]
    found = [visit for visit in found if visit[0] != SIGN]
    assert found == [(feature, *place) for feature in ORDER for place in places]


def test_a_feature_is_there_before_the_next_is_visited():
    watcher = Watcher()
    walking = traverse(watcher, layout(), np.array([2, 0, 4, 1]), integers(7), 7)
    assert next(walking)[0] == "pt"
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


MODELS = {
    "flat": None,
    "one jet each": np.ones(600, np.int64),
    "pairs": np.full(300, 2),
    "many": np.array([*range(12)] * 9 + [6]),
}


@pytest.fixture(scope="module")
def models():
    columns = integers(600, seed=5)
    return {
        (name, networks): fit_jet_density(
            layout(), columns, counts, networks=networks, uses=1e9, epochs=2
        )
        for name, counts in MODELS.items()
        for networks in (False, True)
    }


@pytest.mark.parametrize("networks", [False, True])
@pytest.mark.parametrize("taught", MODELS)
@pytest.mark.parametrize("case", CASES)
def test_a_reader_gives_what_was_written_whatever_was_taught(models, taught, networks, case):
    model, counts, columns = models[taught, networks], CASES[case], integers(500)
    writer = EntropyEncoder()
    written = dict(model.code(writer, counts, columns, 500))
    if counts is not None:
        model.code_counts(writer, counts, len(counts))
    reader = EntropyDecoder(writer.to_bytes())
    found = dict(model.code(reader, counts, None, 500))
    for name in ORDER:
        np.testing.assert_array_equal(written[name], columns[name])
        np.testing.assert_array_equal(found[name], columns[name])
    if counts is not None:
        numbers = model.code_counts(reader, None, len(counts))
        np.testing.assert_array_equal(numbers, counts)
    bits = sum(model.bits(columns, counts).values())
    assert np.isfinite(bits)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2**21), max_size=30))
def test_any_numbers_of_jets_come_back(models, counts):
    counts = np.array(counts, np.int64)
    for taught in MODELS:
        model, writer = models[taught, 0], EntropyEncoder()
        model.code_counts(writer, counts, len(counts))
        found = model.code_counts(EntropyDecoder(writer.to_bytes()), None, len(counts))
        np.testing.assert_array_equal(found, counts)
        assert len(writer.to_bytes()) <= 5 * len(counts) + 8


def test_earlier_jets_are_of_use():
    """Second jets that have nearly the eta of the first cost less."""
    rng = np.random.default_rng(0)
    columns = integers(4000)
    columns["eta"][1::2] = columns["eta"][::2] + rng.integers(-3, 4, 2000)
    counts = np.full(2000, 2)
    alone = fit_jet_density(layout(), columns, None, uses=1e9, epochs=20).bits(columns, None)
    taught = fit_jet_density(layout(), columns, counts, uses=1e9, epochs=20).bits(columns, counts)
    assert alone["eta"] - taught["eta"] > 1.0 * 2000


def test_of_many_features_each_is_trained_less(monkeypatch):
    from atlasae.density import jet_density_fitting

    seen, fit = [], jet_density_fitting.fit_conditional

    def noting(*arguments, epochs, **options):
        seen.append(epochs)
        return fit(*arguments, epochs=epochs, **options)

    monkeypatch.setattr(jet_density_fitting, "fit_conditional", noting)
    for features in (4, 40):
        names = [f"x{i}" for i in range(features)]
        lattices = {name: AbsoluteQuantizer("float32", 0.01) for name in names}
        columns = {name: np.arange(100) for name in names}
        fit_jet_density(FeatureLayout.of(lattices), columns, None, networks=False)
    assert seen == [40] * 4 + [16] * 40


def test_other_features_follow_all_momenta_one_by_one():
    lattices = layout().quantizers
    of = FeatureLayout.of({"score": lattices["phi"], **lattices, "area": lattices["eta"]})
    assert of.momentum == ORDER
    columns = integers(20) | {"score": np.arange(20), "area": np.arange(20)[::-1].copy()}
    watcher = Watcher()
    walking = traverse(watcher, of, np.full(10, 2), columns, 20)
    assert [next(walking)[0] for _ in ORDER] == list(ORDER)
    assert not {"score", "area"} & {feature for _, feature, *_ in watcher.visits}
    name, values = next(walking)
    assert (name, values.tolist()) == ("score", list(range(20)))
    assert "area" not in {feature for _, feature, *_ in watcher.visits}
    assert watcher.visits[-1][:2] == (OTHERS, "score")
    assert dict(walking).keys() == {"area"}
