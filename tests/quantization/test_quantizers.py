from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from atlasae.coding.entropy import EntropyDecoder, EntropyEncoder
from atlasae.errors import InputError
from atlasae.exact_math import exp2
from atlasae.quantization.exceptions import quantize, restore_exceptions
from atlasae.quantization.fitting import fit_quantizer
from atlasae.quantization.quantizers import (
    CHUNK,
    QUANTIZERS,
    AbsoluteQuantizer,
    FloatQuantizer,
    IntegerQuantizer,
    RelativeQuantizer,
    bit_patterns,
)
from atlasae.quantization.serialization import read_quantizers, write_quantizers
from atlasae.quantization.tolerance import LOSSLESS, abs_, rel

FLOATS = ("float16", "float32", "float64")
INTEGERS = [f"{sign}int{size}" for sign in ("", "u") for size in (8, 16, 32, 64)]
TOLERANCES = [
    rel(1e-3),
    rel(0.49),
    rel(1e-6),
    rel(1e-7),
    rel(1e-13),
    rel(1e-3, floor=1.0),
    rel(0.1, floor=1e-42),
    rel(0.01, floor=1e308),
    abs_(1e-3),
    abs_(1e-30),
    abs_(1e3),
    abs_(1e300),
    abs_(1.7e308),
    abs_(5e-324),
    LOSSLESS,
]


@st.composite
def columns(draw, dtypes=FLOATS):
    """Bit patterns of every sort, sizes near each other, all the same, one value, none."""
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    size = draw(st.integers(0, 40))
    if draw(st.booleans()):
        patterns = arrays.arrays(f"u{dtype.itemsize}", size)
        return draw(patterns).view(dtype)
    info = np.finfo(dtype)
    special = [0.0, -0.0, math.nan, math.inf, -math.inf, -1.0, float(info.max), -float(info.max)]
    special += [float(info.tiny), 2.0 ** (info.minexp - info.nmant), 500 * 2.0**-149, -999.0]
    ordinary = st.floats(-100, 100, width=16)
    elements = draw(st.sampled_from([ordinary, st.sampled_from(special) | ordinary]))
    fill = st.just(draw(elements)) if draw(st.booleans()) else st.nothing()
    return draw(arrays.arrays(dtype, size, elements=elements, fill=fill))


def bits(values):
    return bit_patterns(np.asarray(values))


def there_and_back(values, tolerance, lattice=None):
    lattice = lattice or fit_quantizer(values, tolerance)
    integers, positions = quantize(lattice, values, tolerance)
    assert integers.dtype == positions.dtype == np.int64
    assert len(integers) == len(values)
    restored = lattice.to_values(integers)
    assert restored.dtype == values.dtype
    return restore_exceptions(restored, positions, bits(values[positions])), integers, positions


def keeps(values, decoded, tolerance):
    """The guarantee, in exact arithmetic for the difference."""
    finite = np.isfinite(values)
    np.testing.assert_array_equal(bits(decoded)[~finite], bits(values)[~finite])
    if tolerance == LOSSLESS:
        np.testing.assert_array_equal(bits(decoded), bits(values))
        return
    originals = values[finite].astype(np.float64)
    for original, found, bound in zip(
        originals, decoded[finite].astype(np.float64), tolerance.bound(originals), strict=True
    ):
        assert abs(Fraction(found) - Fraction(original)) <= Fraction(bound)


@given(columns(), st.sampled_from(TOLERANCES))
def test_the_guarantee_holds(values, tolerance):
    decoded, _, positions = there_and_back(values, tolerance)
    keeps(values, decoded, tolerance)
    assert np.isin(np.flatnonzero(~np.isfinite(values)), positions).all()
    assert (np.diff(positions) > 0).all()


@given(columns(), columns(), st.sampled_from(TOLERANCES))
def test_the_guarantee_holds_for_values_not_seen_at_fit(seen, values, tolerance):
    with np.errstate(all="ignore"):
        seen = seen.astype(values.dtype)
    lattice = fit_quantizer(seen, tolerance)
    keeps(values, there_and_back(values, tolerance, lattice)[0], tolerance)


@given(columns(), st.sampled_from(TOLERANCES))
def test_order_is_kept_both_ways(values, tolerance):
    lattice = fit_quantizer(values, tolerance)
    ordered = np.sort(values[np.isfinite(values)])
    integers = lattice.to_integers(ordered)
    steps = np.diff(integers)
    assert (steps[np.diff(ordered.astype(np.longdouble)) > 0] >= 0).all()
    restored = lattice.to_values(np.sort(integers))
    assert np.isfinite(restored).all()
    assert (np.diff(restored.astype(np.longdouble)) >= 0).all()


@given(columns(), st.sampled_from(TOLERANCES))
def test_restored_values_have_the_integers_they_came_from(values, tolerance):
    """Nothing is lost by compressing what was decompressed."""
    lattice = fit_quantizer(values, tolerance)
    integers, positions = quantize(lattice, values, tolerance)
    good = np.delete(integers, positions)
    restored = lattice.to_values(good)
    info = np.finfo(values.dtype)  # whose ends are restored for more than one integer
    restored = restored[(np.abs(restored) != info.tiny) & (np.abs(restored) != info.max)]
    again = lattice.to_values(lattice.to_integers(restored))
    np.testing.assert_array_equal(bits(again), bits(restored))


@given(columns(), st.sampled_from(TOLERANCES))
def test_stored_lattices_are_the_same(values, tolerance):
    lattice, other = fit_quantizer(values, tolerance), AbsoluteQuantizer("float16", 0.1)
    lattices = [lattice, other, lattice]
    dtypes, writer = [each.dtype for each in lattices], EntropyEncoder()
    write_quantizers(writer, lattices)
    again, *rest = read_quantizers(EntropyDecoder(writer.to_bytes()), dtypes)
    assert rest == [other, lattice]
    assert again == lattice
    integers = lattice.to_integers(values)
    np.testing.assert_array_equal(again.to_integers(values), integers)
    np.testing.assert_array_equal(
        bits(again.to_values(integers)), bits(lattice.to_values(integers))
    )


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


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_columns_without_values(dtype, tolerance):
    decoded, integers, positions = there_and_back(np.empty(0, dtype), tolerance)
    assert len(decoded) == len(integers) == len(positions) == 0
    nothing = np.full(5, np.nan, dtype)
    decoded, integers, positions = there_and_back(nothing, tolerance)
    np.testing.assert_array_equal(bits(decoded), bits(nothing))
    assert integers.tolist() == [0] * 5
    assert positions.tolist() == [0, 1, 2, 3, 4]


def jets(n=50_000, dtype="float32"):
    rng = np.random.default_rng(5)
    return {
        "pt": rng.lognormal(4, 1, n).astype(dtype),
        "m": np.where(rng.random(n) < 0.1, 0, rng.normal(8, 5, n)).astype(dtype),
        "eta": rng.normal(0, 2, n).astype(dtype),
        "phi": rng.uniform(-math.pi, math.pi, n).astype(dtype),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [1e-2, 1e-3, 1e-4, 1e-5])
def test_ordinary_jets_need_no_exceptions_and_waste_no_tolerance(dtype, value):
    columns = jets(dtype=dtype)
    for name, tolerance in [
        ("pt", rel(value)),
        ("m", rel(value)),
        ("m", rel(value, floor=1.0)),
        ("eta", abs_(value)),
        ("phi", abs_(value)),
    ]:
        values = columns[name]
        decoded, _, positions = there_and_back(values, tolerance)
        assert not len(positions)
        error = np.abs(decoded.astype(np.float64) - values)
        bound = tolerance.bound(values.astype(np.float64))
        assert (error <= bound).all()
        assert np.max(error[bound > 0] / bound[bound > 0]) > 0.97
        np.testing.assert_array_equal(decoded[values == 0], 0)
        # a user checks in the columns' own dtype
        if tolerance.kind == "relative" and not tolerance.floor:
            assert (abs(decoded - values) <= value * abs(values)).all()
        if tolerance.kind == "absolute":
            assert (abs(decoded - values) <= value).all()


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
    lattice = fit_quantizer(np.ones(1), rel(0.01))
    x = np.linspace(1, 2, 200_001)
    cells = len(np.unique(lattice.to_integers(x)))
    assert cells == pytest.approx(math.log(2) / math.log(1.01 / 0.99), abs=1.5)


def test_a_floor_saves_integers_and_joins_without_a_gap():
    tolerance = rel(1e-3, floor=1.0)
    lattice = fit_quantizer(np.ones(1, "float32"), tolerance)
    x = np.linspace(-1.2, 1.2, 1_000_001, dtype=np.float32)
    integers = lattice.to_integers(x)
    assert set(np.diff(integers)) <= {0, 1}
    assert integers[len(x) // 2] == 0
    assert integers[-1] < 600
    assert lattice.to_integers(np.float32([5e3]))[0] < 5000


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


def test_values_too_large_for_the_integers_stay_in_order():
    integers = AbsoluteQuantizer("float64", 1e-3).to_integers(np.array([-1e300, -1.0, 1.0, 1e300]))
    assert integers.tolist() == [-(2**53), -1000, 1000, 2**53]


def test_a_few_outliers_do_not_cost_the_others():
    values = jets()["eta"]
    plain = fit_quantizer(values, abs_(1e-3))
    values[7] = -9999.0  # half a unit in its last place is half the tolerance
    assert fit_quantizer(values, abs_(1e-3)) == plain
    decoded, _, positions = there_and_back(values, abs_(1e-3), plain)
    assert set(positions) <= {7}
    keeps(values[:20], decoded[:20], abs_(1e-3))


def test_exceptions_take_the_integer_in_the_middle():
    values = np.array([1.0, np.nan, 2.0, 3.0, np.inf], np.float32)
    lattice = fit_quantizer(values, abs_(0.5))
    integers, positions = quantize(lattice, values, abs_(0.5))
    assert positions.tolist() == [1, 4]
    assert integers.tolist() == [1, 2, 2, 3, 2]


def test_cut_mantissas_are_seen():
    patterns = jets()["pt"].view(np.uint32) & np.uint32(0xFFFFE000)
    values = patterns.view(np.float32)
    lattice = fit_quantizer(values, LOSSLESS)
    assert lattice == FloatQuantizer("float32", 13)
    assert there_and_back(values, LOSSLESS)[1].max() < 2**18
    values[3] = 1.1  # one value of full precision is an exception, not a reason to give up
    assert fit_quantizer(values, LOSSLESS) == lattice
    decoded, _, positions = there_and_back(values, LOSSLESS)
    assert positions.tolist() == [3]
    np.testing.assert_array_equal(decoded, values)
    assert fit_quantizer(jets()["pt"], LOSSLESS) == FloatQuantizer("float32", 0)
    assert fit_quantizer(jets()["pt"].astype(np.float64), LOSSLESS) == FloatQuantizer("float64", 29)


def test_other_byte_orders_and_strides():
    table = np.zeros(100, [("pt", ">f4"), ("n", "<i4")])
    table["pt"] = jets(100)["pt"]
    table["pt"][4] = np.nan
    for tolerance in (rel(1e-3), abs_(1e-3), LOSSLESS):
        values = table["pt"]
        lattice = fit_quantizer(values, tolerance)
        integers, positions = quantize(lattice, values, tolerance)
        assert positions.tolist() == [4]
        decoded = restore_exceptions(
            lattice.to_values(integers), positions, bits(values[positions])
        )
        np.testing.assert_array_equal(decoded.dtype, np.float32)
        np.testing.assert_allclose(decoded, values, rtol=1e-3, atol=1e-3)
        native = values.astype(np.float32)
        np.testing.assert_array_equal(lattice.to_integers(native), lattice.to_integers(values))


def test_chunks_join():
    values = jets(3 * CHUNK + 17)["m"]
    lattice = fit_quantizer(values, rel(1e-3))
    whole = lattice.to_integers(values)
    parts = [lattice.to_integers(values[i : i + 1000]) for i in range(0, len(values), 1000)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    parts = [lattice.to_values(whole[i : i + 1000]) for i in range(0, len(whole), 1000)]
    np.testing.assert_array_equal(np.concatenate(parts), lattice.to_values(whole))


def test_columns_that_do_not_fit():
    with pytest.raises(InputError, match="float64, not float32 as at fit"):
        quantize(FloatQuantizer("float32"), np.ones(3), LOSSLESS)
    with pytest.raises(InputError, match="complex128 cannot be quantized"):
        fit_quantizer(np.ones(3, complex), LOSSLESS)


def test_patches_that_do_not_fit():
    values, pattern = np.ones(3, np.float32), np.array([1], np.uint32)
    assert restore_exceptions(values, np.array([2]), pattern).tolist() == [1.0, 1.0, 2.0**-149]
    assert values.tolist() == [1.0, 1.0, 1.0]
    for position in (-1, 3):
        with pytest.raises(InputError, match="outside the 3 values"):
            restore_exceptions(values, np.array([position]), pattern)
    with pytest.raises(InputError, match="2 exceptions have 1 bit patterns"):
        restore_exceptions(values, np.array([0, 1]), pattern)


def test_a_lattice_of_another_dtype_is_refused():
    writer = EntropyEncoder()
    write_quantizers(writer, [AbsoluteQuantizer("float32", 1e-3)])
    for dtype in ("int32", "object", "float128"):
        with pytest.raises(InputError, match=f"no dtype '{dtype}'"):
            read_quantizers(EntropyDecoder(writer.to_bytes()), [dtype])


def test_the_exponential_is_exact_to_a_few_units_in_the_last_place():
    rng = np.random.default_rng(0)
    exponents = np.concatenate([rng.uniform(-1, 1, 10_000), np.arange(-1022.0, 1024.0)])
    expected = np.exp2(exponents.astype(np.longdouble))
    assert np.max(np.abs(exp2(exponents) / expected - 1)) < 1e-15
    np.testing.assert_array_equal(exp2(np.arange(-1022.0, 1024.0)), expected[10_000:])


@pytest.mark.parametrize("value", [-1.0, 1.0, -10.0, -999.0, 0.1056583755])
@pytest.mark.parametrize("tolerance", [rel(1e-3), rel(2**-11), rel(0.49), abs_(1e-3), abs_(1e-4)])
def test_what_many_values_are_comes_back_as_it_is(value, tolerance):
    scores = np.random.default_rng(0).beta(0.5, 0.5, 1000).astype(np.float32)
    scores[::20] = value
    lattice = fit_quantizer(scores, tolerance)
    integers, positions = quantize(lattice, scores, tolerance)
    assert not len(positions)
    restored = lattice.to_values(integers)
    np.testing.assert_array_equal(restored[::20], scores[::20])
    assert not np.array_equal(restored, scores)
    keeps(scores, restored, tolerance)


@pytest.mark.parametrize("values", [(-10.0, -1.0), (-999.0, -10.0), (0.1056583755, 0.13957039)])
def test_two_values_that_many_have_come_back_as_they_are(values):
    scores = np.random.default_rng(0).beta(0.5, 0.5, 1000).astype(np.float32)
    for place, value in enumerate(values):
        scores[place::20] = value
    lattice = fit_quantizer(scores, rel(1e-3))
    restored = lattice.to_values(lattice.to_integers(scores))
    for place in range(2):
        np.testing.assert_array_equal(restored[place::20], scores[place::20])
    keeps(scores, restored, rel(1e-3))


@given(st.floats(1e-30, 1e30), st.sampled_from([rel(1e-3), rel(0.3), abs_(1e-3)]))
def test_a_lattice_through_a_value_is_no_coarser(value, tolerance):
    lattice = fit_quantizer(np.ones(0, np.float32), tolerance)
    through = lattice.aligned_to([value])
    assert through.step <= lattice.step
    if tolerance.kind == "relative":
        assert lattice.origin - lattice.step <= through.origin <= lattice.origin


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
    lattice = QUANTIZERS[numbers.pop("kind")](**numbers)
    restored = lattice.to_values(np.array(integers, np.int64))
    assert [f"{pattern:x}" for pattern in bits(restored)] == values.split()


def test_every_lattice_has_a_golden_one():
    assert {config["kind"] for config, _, _ in GOLDEN} == set(QUANTIZERS)
    assert IntegerQuantizer.kind in QUANTIZERS
