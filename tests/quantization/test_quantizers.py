"""From values to integers and back, by each kind of quantizer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasae.quantization.exceptions import quantize
from atlasae.quantization.fitting import fit_quantizer
from atlasae.quantization.quantizer import CHUNK
from atlasae.quantization.quantizers import (
    QUANTIZERS,
    AbsoluteQuantizer,
    FloatQuantizer,
    IntegerQuantizer,
)
from atlasae.quantization.tolerance import LOSSLESS, abs_, rel
from tests.quantization.guarantee import (
    FLOATS,
    INTEGERS,
    TOLERANCES,
    bits,
    columns,
    jets,
    there_and_back,
)


@given(columns(), st.sampled_from(TOLERANCES))
def test_order_is_kept_both_ways(values, tolerance):
    quantizer = fit_quantizer(values, tolerance)
    ordered = np.sort(values[np.isfinite(values)])
    integers = quantizer.to_integers(ordered)
    steps = np.diff(integers)
    assert (steps[np.diff(ordered.astype(np.longdouble)) > 0] >= 0).all()
    restored = quantizer.to_values(np.sort(integers))
    assert np.isfinite(restored).all()
    assert (np.diff(restored.astype(np.longdouble)) >= 0).all()


@given(columns(), st.sampled_from(TOLERANCES))
def test_restored_values_have_the_integers_they_came_from(values, tolerance):
    """Nothing is lost by compressing what was decompressed."""
    quantizer = fit_quantizer(values, tolerance)
    integers, positions, _ = quantize(quantizer, values, tolerance)
    good = np.delete(integers, positions)
    restored = quantizer.to_values(good)
    info = np.finfo(values.dtype)  # whose ends are restored for more than one integer
    restored = restored[(np.abs(restored) != info.tiny) & (np.abs(restored) != info.max)]
    again = quantizer.to_values(quantizer.to_integers(restored))
    np.testing.assert_array_equal(bits(again), bits(restored))


@given(st.sampled_from(FLOATS), st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_any_integers_give_finite_values_in_order_or_at_least_no_failure(dtype, numbers):
    """As a damaged file may hold them."""
    integers = np.sort(np.array(numbers, np.int64))
    for tolerance in (rel(1e-2), rel(1e-2, floor=1.0), abs_(1e-2)):
        restored = fit_quantizer(np.ones(3, dtype), tolerance).to_values(integers)
        assert np.isfinite(restored).all()
        assert (np.diff(restored.astype(np.longdouble)) >= 0).all()
    assert len(FloatQuantizer(dtype, 2).to_values(integers)) == len(integers)


@pytest.mark.parametrize("dtype", [*INTEGERS, "bool"])
def test_integers_and_booleans_stay_as_they_are(dtype):
    if dtype == "bool":
        values = np.array([True, False, True])
    else:
        info = np.iinfo(dtype)
        values = np.array([info.min, info.max, 0, 1, info.max // 2, info.max // 2 + 1], dtype)
    for tolerance in (rel(0.1), abs_(10), LOSSLESS):
        decoded, integers, positions = there_and_back(values, tolerance)
        np.testing.assert_array_equal(decoded, values)
        assert not len(positions)
        if dtype != "uint64":
            np.testing.assert_array_equal(integers, values)


def test_values_too_large_for_the_integers_stay_in_order():
    integers = AbsoluteQuantizer("float64", 1e-3).to_integers(np.array([-1e300, -1.0, 1.0, 1e300]))
    assert integers.tolist() == [-(2**53), -1000, 1000, 2**53]


def test_chunks_join():
    values = jets(3 * CHUNK + 17)["m"]
    quantizer = fit_quantizer(values, rel(1e-3))
    whole = quantizer.to_integers(values)
    parts = [quantizer.to_integers(values[i : i + 1000]) for i in range(0, len(values), 1000)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    parts = [quantizer.to_values(whole[i : i + 1000]) for i in range(0, len(whole), 1000)]
    np.testing.assert_array_equal(np.concatenate(parts), quantizer.to_values(whole))


@given(st.floats(1e-30, 1e30), st.sampled_from([rel(1e-3), rel(0.3), abs_(1e-3)]))
def test_a_quantizer_through_a_value_is_no_coarser(value, tolerance):
    quantizer = fit_quantizer(np.ones(0, np.float32), tolerance)
    through = quantizer.aligned_to([value])
    assert through.step <= quantizer.step
    if tolerance.kind == "relative":
        assert quantizer.origin - quantizer.step <= through.origin <= quantizer.origin


# What is written today must be read the same for ever: these are never to be regenerated.
GOLDEN = [
    (
        {
            "kind": "relative",
            "dtype": "float32",
            "step": 0.0028852181982139983,
            "origin": -149.00288593945967,
            "nudge": -7.212614610263004e-07,
            "linear": 0,
            "width": 0.0,
        },
        [0, -51644, 51094, 57506, -46907, 52216, 86184, -1, 1099511627776],
        "0 bf801e0e 3eaa98f6 47f143b5 b8a15970 404915f8 7149cbf9 80800000 7f7fffff",
    ),
    (
        {
            "kind": "relative",
            "dtype": "float32",
            "step": 0.001408709582640288,
            "origin": -1.4426954240253256,
            "nudge": -1.719405828278604e-07,
            "linear": 1024,
            "width": 0.0009764429978531552,
        },
        [0, -1024, 341, 13031, 0, 2196, 71768, -1, 1099511627776],
        "0 bf7ff7fb 3eaa7aa9 47f1380a 0 4048f81f 7149e927 ba7ff7fb 7f7fffff",
    ),
    (
        {
            "kind": "relative",
            "dtype": "float64",
            "step": 0.002885390353019336,
            "origin": -1074.0028861117005,
            "nudge": -7.213475358405688e-07,
            "linear": 0,
            "width": 0.0,
        },
        [0, -372221, 371672, 378083, -367485, 372793, 406760, -1, 1099511627776],
        (
            "0 bfeffffae1eb69bc 3fd558aa14335721 "
            "40fe26c4667731d0 bf142dd784f5910a 40091d45bbe4934a "
            "46294143f257ffd1 8010000000000000 7feffffffffffa74"
        ),
    ),
    (
        {
            "kind": "relative",
            "dtype": "float64",
            "step": 2.882764826512747e-09,
            "origin": -1074.0000000028829,
            "nudge": -7.200355976163043e-19,
            "linear": 0,
            "width": 0.0,
        },
        [
            0,
            -372559006592,
            372009200209,
            378426168038,
            -367818841212,
            373131892349,
            407129236508,
            -1,
            1099511627776,
        ],
        (
            "0 bff000000032c05a 3fd5555555346da9 "
            "40fe240ca00c4db5 bf142f61ed718b50 400921f9f0212f5a "
            "46293e5939d8c62a 8010000000000000 7feffffffffffa74"
        ),
    ),
    (
        {"kind": "absolute", "dtype": "float32", "step": 0.0019997611045801875},
        [0, -500, 167, 61735769, 0, 1571, 9007199254740992, -1, 1099511627776],
        "0 bf7ff82c 3eaafcd2 47f12065 0 40491061 55830e6d bb030e6d 4f030e6d",
    ),
    (
        {"kind": "absolute", "dtype": "float64", "step": 0.0001999999523122874},
        [0, -5000, 1667, 617284092, 0, 15708, 9007199254740992, -1, 1099511627776],
        (
            "0 bfefffff7ffd40e1 3fd5566c9ec39886 "
            "40fe240c9f97ce8b 0 400921fec9bec3b3 "
            "427a36e2823e7781 bf2a36e2823e7781 41aa36e2823e7781"
        ),
    ),
    (
        {"kind": "float", "dtype": "float32", "shift": 13},
        [0, -130049, 128341, 147337, -115980, 131656, 232015, -1, 5],
        "0 bf800000 3eaaa000 47f12000 b8a16000 40490000 7149e000 80000000 a000",
    ),
    (
        {"kind": "float", "dtype": "float64", "shift": 0},
        [
            0,
            -4607182418800017409,
            4599676419421066581,
            4683220299150161609,
            -4545310021564162511,
            4614256650576692846,
            5055640609639927018,
            -1,
            5,
        ],
        (
            "0 bff0000000000000 3fd5555555555555 "
            "40fe240c9fbe76c9 bf142f61ed5ae1ce 400921f9f01b866e "
            "46293e5939a08cea 8000000000000000 5"
        ),
    ),
    (
        {"kind": "float", "dtype": "float16", "shift": 1},
        [0, -7681, 6826, 12553, -647, 8484, 15785, -1, 5],
        "0 bc00 3554 6212 850c 4248 7b52 8000 a",
    ),
    (
        {"kind": "integer", "dtype": "uint64"},
        [0, 1, -1, 7, -9223372036854775808],
        "0 1 ffffffffffffffff 7 8000000000000000",
    ),
    ({"kind": "integer", "dtype": "int16"}, [0, 1, -7], "0 1 fff9"),
    ({"kind": "integer", "dtype": "bool"}, [0, 1], "0 1"),
]


@pytest.mark.parametrize(("config", "integers", "values"), GOLDEN)
def test_golden_values(config, integers, values):
    numbers = dict(config)
    quantizer = QUANTIZERS[numbers.pop("kind")](**numbers)
    restored = quantizer.to_values(np.array(integers, np.int64))
    assert [f"{pattern:x}" for pattern in bits(restored)] == values.split()


def test_every_quantizer_has_a_golden_one():
    assert {config["kind"] for config, _, _ in GOLDEN} == set(QUANTIZERS)
    assert IntegerQuantizer.kind in QUANTIZERS
