"""The quantizer that is chosen for a column."""

from __future__ import annotations

import math

import numpy as np
import pytest

from atlasae.quantization.exceptions import quantize
from atlasae.quantization.fitting import fit_quantizer
from atlasae.quantization.quantizers import (
    AbsoluteQuantizer,
    FloatQuantizer,
    RelativeQuantizer,
)
from atlasae.quantization.tolerance import LOSSLESS, abs_, rel
from tests.quantization.guarantee import (
    jets,
    keeps,
    there_and_back,
)


@pytest.mark.parametrize("value", [1e-2, 1e-3, 1e-4, 1e-5])
def test_a_bound_rounded_to_float32_is_kept_as_well(value):
    """As in ``abs(decoded - pt) <= 1e-4 * pt`` of float32 arrays."""
    rounded = float(np.float32(value)) * (1 - 2.0**-24)
    relative = fit_quantizer(np.ones(1, np.float32), rel(value))
    reached = math.tanh(relative.step * math.log(2) / 2)
    assert reached + 2.0**-24 * (1 + reached) < rounded
    absolute = fit_quantizer(np.ones(1, np.float32), abs_(value))
    assert absolute.step / 2 + 2.0**-24 < rounded


def test_a_relative_cell_is_as_wide_as_the_tolerance_allows():
    quantizer = fit_quantizer(np.ones(1), rel(0.01))
    x = np.linspace(1, 2, 200_001)
    cells = len(np.unique(quantizer.to_integers(x)))
    assert cells == pytest.approx(math.log(2) / math.log(1.01 / 0.99), abs=1.5)


def test_a_floor_saves_integers_and_joins_without_a_gap():
    tolerance = rel(1e-3, floor=1.0)
    quantizer = fit_quantizer(np.ones(1, "float32"), tolerance)
    x = np.linspace(-1.2, 1.2, 1_000_001, dtype=np.float32)
    integers = quantizer.to_integers(x)
    assert set(np.diff(integers)) <= {0, 1}
    assert integers[len(x) // 2] == 0
    assert integers[-1] < 600
    assert quantizer.to_integers(np.float32([5e3]))[0] < 5000


def test_tolerances_finer_than_the_dtype_are_lossless():
    values = jets()["pt"]
    assert isinstance(fit_quantizer(values, rel(1e-7)), FloatQuantizer)
    assert isinstance(fit_quantizer(values, rel(1e-6)), RelativeQuantizer)
    assert isinstance(fit_quantizer(values.astype(np.float64), rel(1e-7)), RelativeQuantizer)
    assert isinstance(fit_quantizer(values, abs_(1e-5)), FloatQuantizer)
    assert isinstance(fit_quantizer(values, abs_(1e-3)), AbsoluteQuantizer)
    # logarithms in float64, and subnormals, are coarser than their last bits say
    assert isinstance(fit_quantizer(np.ones(1), rel(1e-12)), FloatQuantizer)
    assert isinstance(fit_quantizer(np.float32([1e-40]), abs_(1.2e-45)), FloatQuantizer)


def test_a_few_outliers_do_not_cost_the_others():
    values = jets()["eta"]
    plain = fit_quantizer(values, abs_(1e-3))
    values[7] = -9999.0  # half a unit in its last place is half the tolerance
    assert fit_quantizer(values, abs_(1e-3)) == plain
    decoded, _, positions = there_and_back(values, abs_(1e-3), plain)
    assert set(positions) <= {7}
    keeps(values[:20], decoded[:20], abs_(1e-3))


def test_cut_mantissas_are_seen():
    patterns = jets()["pt"].view(np.uint32) & np.uint32(0xFFFFE000)
    values = patterns.view(np.float32)
    quantizer = fit_quantizer(values, LOSSLESS)
    assert quantizer == FloatQuantizer("float32", 13)
    assert there_and_back(values, LOSSLESS)[1].max() < 2**18
    values[3] = 1.1  # one value of full precision is an exception, not a reason to give up
    assert fit_quantizer(values, LOSSLESS) == quantizer
    decoded, _, positions = there_and_back(values, LOSSLESS)
    assert positions.tolist() == [3]
    np.testing.assert_array_equal(decoded, values)
    assert fit_quantizer(jets()["pt"], LOSSLESS) == FloatQuantizer("float32", 0)
    assert fit_quantizer(jets()["pt"].astype(np.float64), LOSSLESS) == FloatQuantizer("float64", 29)


@pytest.mark.parametrize("value", [-1.0, 1.0, -10.0, -999.0, 0.1056583755])
@pytest.mark.parametrize("tolerance", [rel(1e-3), rel(2**-11), rel(0.49), abs_(1e-3), abs_(1e-4)])
def test_what_many_values_are_comes_back_as_it_is(value, tolerance):
    scores = np.random.default_rng(0).beta(0.5, 0.5, 1000).astype(np.float32)
    scores[::20] = value
    quantizer = fit_quantizer(scores, tolerance)
    integers, positions, _ = quantize(quantizer, scores, tolerance)
    assert not len(positions)
    restored = quantizer.to_values(integers)
    np.testing.assert_array_equal(restored[::20], scores[::20])
    assert not np.array_equal(restored, scores)
    keeps(scores, restored, tolerance)


@pytest.mark.parametrize("values", [(-10.0, -1.0), (-999.0, -10.0), (0.1056583755, 0.13957039)])
def test_two_values_that_many_have_come_back_as_they_are(values):
    scores = np.random.default_rng(0).beta(0.5, 0.5, 1000).astype(np.float32)
    for place, value in enumerate(values):
        scores[place::20] = value
    quantizer = fit_quantizer(scores, rel(1e-3))
    restored = quantizer.to_values(quantizer.to_integers(scores))
    for place in range(2):
        np.testing.assert_array_equal(restored[place::20], scores[place::20])
    keeps(scores, restored, rel(1e-3))
