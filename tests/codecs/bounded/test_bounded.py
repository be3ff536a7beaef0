"""The bounded codec, end to end.

``golden/bounded_v1_*`` are a codec, a stream and what they decode to, as format 1 writes them.
They are never to be written again, only joined by those of later formats:
``python -m tests.codecs.bounded.test_bounded`` writes the ones that are missing.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tracemalloc
import zlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasae import Codec
from atlasae.coding.blocks import join_blocks, split_blocks
from atlasae.coding.entropy import EntropyEncoder
from atlasae.coding.varint import encode_varint
from atlasae.compiled import kernels
from atlasae.density import jet_density
from atlasae.density.coordinates import Drop
from atlasae.density.event_inputs import ColumnInputs
from atlasae.errors import DamagedFileError, InputError, MissingNameError
from atlasae.jets.table import Table, to_records, to_table
from atlasae.quantization.tolerance import LOSSLESS, abs_, rel
from tests.codecs.samples import (
    SPECS,
    collections,
    decoded_forged,
    make_events,
    there_and_back,
    with_others,
)
from tests.helpers import make_jets
from tests.quantization.guarantee import bits

GOLDEN = Path(__file__).parent / "golden"


@cache
def table_codec(spec, dtype, in_events, dither=False):
    columns = with_others(make_jets(400, seed=3), dtype)
    jets = columns
    if in_events:
        jets = ak.unflatten(ak.zip(columns), np.resize([3, 0, 1, 4], 200))
    return Codec.bounded(tolerance=SPECS[spec], features=list(columns), dither=dither).fit(jets)


@pytest.fixture(scope="module")
def learned():
    """A codec with questions in it."""
    codec = Codec.bounded(tolerance=1e-3).fit(make_events(2300))
    assert any(c.tree.cuts for c in codec._coder.density.conditionals.values())
    return codec


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_the_guarantee_holds(spec, dtype, data):
    jets = data.draw(collections(dtype))
    there_and_back(
        table_codec(spec, dtype, data.draw(st.booleans()), data.draw(st.booleans())), jets
    )


@settings(max_examples=15, deadline=None)
@given(data=st.data(), spec=st.sampled_from(sorted(SPECS)))
def test_the_guarantee_holds_whatever_was_fitted(data, spec):
    dtype = data.draw(st.sampled_from(["float16", "float32", "float64"]))
    seen = data.draw(collections(dtype).filter(lambda jets: len(to_table(jets)) > 1))
    codec = Codec.bounded(
        tolerance=SPECS[spec], features=to_table(seen).columns, dither=data.draw(st.booleans())
    ).fit(seen)
    there_and_back(codec, seen)
    there_and_back(Codec.from_bytes(codec.to_bytes()), data.draw(collections(dtype)))


@pytest.mark.parametrize("spec", [5e-324, 1e-300, 1e-30, 1e-13, 0.49])
def test_tolerances_that_nobody_needs(spec):
    jets = with_others(make_jets(300), "float64")
    jets["phi"] *= 1e-308
    there_and_back(Codec.bounded(tolerance=spec, features=list(jets)).fit(jets), jets)


@pytest.mark.parametrize("spec", ["1e-3", "lossless"])
def test_one_jet_none_and_all_the_same(spec):
    for in_events in (False, True):
        codec = table_codec(spec, "float32", in_events)
        for n in (0, 1, 2):
            there_and_back(codec, with_others(make_jets(n), "float32"))
        same = {name: np.resize(v, 500) for name, v in with_others(make_jets(1), "float32").items()}
        there_and_back(codec, same)
        there_and_back(codec, ak.unflatten(ak.zip(same), [0, 200, 0, 300]))
        none = with_others(make_jets(0), "float32")
        there_and_back(codec, ak.unflatten(ak.zip(none), [0, 0, 0]))
        there_and_back(codec, ak.unflatten(ak.zip(none), np.zeros(0, int)))


def one_jet(jets):
    return {name: np.resize(values[:1], 1000) for name, values in jets.items()}


EDGES = {
    "two jets": (make_jets(2), 160),
    "all the same": (one_jet(make_jets(1)), 180),
    "nothing but zeros": ({name: np.zeros(1000, "f4") for name in make_jets(1)}, 170),
    "scores": ({"b": make_jets(1200)["phi"], "c": make_jets(1200, 1)["phi"]}, 200),
    "many columns": ({f"x{i}": make_jets(500, i)["phi"] for i in range(40)}, 1700),
}


@pytest.mark.parametrize("edge", EDGES)
def test_codecs_at_the_edges_are_small(edge):
    jets, most = EDGES[edge]
    codec = Codec.bounded().fit(jets, uses=1)
    assert len(codec.to_bytes()) <= most
    there_and_back(Codec.from_bytes(codec.to_bytes()), jets)


def test_one_jet_an_event_costs_as_much_as_jets_alone():
    jets = make_jets(900)
    sizes = []
    for each in (jets, ak.unflatten(ak.zip(jets), np.ones(900, int))):
        codec = Codec.bounded(tolerance=1e-3).fit(each, uses=1)
        there_and_back(codec, each)
        sizes.append(len(codec.to_bytes()) + len(codec.encode(each)))
    assert abs(sizes[0] - sizes[1]) < 60


@pytest.mark.parametrize("counts", [[300], [300, 0], [0] * 50 + [300], [150, 150]])
def test_jets_in_a_single_event_can_be_fitted(counts):
    jets = ak.unflatten(ak.zip(make_jets(300)), counts)
    there_and_back(Codec.bounded().fit(jets), jets)


def test_the_largest_events_take_no_longer(learned):
    jets = make_jets(20_000)
    decoded = learned.decode(learned.encode(ak.unflatten(ak.zip(jets), [20_000])))
    assert ak.num(decoded).tolist() == [20_000]


def test_numbers_of_jets_that_were_never_seen_are_not_dear():
    codec = Codec.bounded().fit(make_jets(300))
    events = ak.unflatten(ak.zip(make_jets(600)), [3] * 200)
    apart = len(codec.encode(events)) - len(codec.encode(make_jets(600)))
    assert apart < 200 * 2


def test_masses_of_zero_and_a_little_below():
    jets = make_jets(500)
    jets["m"][::3] = 0
    jets["m"][1::7] = -0.0
    jets["m"][2::5] *= -1e-4
    for spec in SPECS.values():
        codec = Codec.bounded(tolerance=spec if spec != SPECS["mapping"] else 1e-2).fit(jets)
        found = there_and_back(codec, jets)
        np.testing.assert_array_equal(found["m"][::21], 0)


def test_phi_beyond_pi_comes_back_bit_for_bit():
    jets = make_jets(500)
    codec = Codec.bounded(tolerance=1e-3).fit(jets)
    jets["phi"][:6] = [3.2, -3.2, 2 * np.pi, -999, 1e30, np.float32(np.pi)]
    jets["phi"][10:20] += np.float32(2 * np.pi)
    found = there_and_back(codec, jets)
    np.testing.assert_array_equal(bits(found["phi"][:5]), bits(jets["phi"][:5]))


@pytest.mark.parametrize("order", ["preserved", "free"])
@pytest.mark.parametrize("turn", [1, -1])
def test_phi_from_0_to_2_pi_costs_no_more(order, turn):
    jets = make_events(2300)
    table = to_table(jets)
    other = Table(dict(table.columns), table.counts)
    other.columns["phi"] = (turn * (table.columns["phi"] % np.float32(2 * np.pi))).astype("f4")
    other.columns["phi"][:4] = [np.nan, -np.inf, 400, -400]
    codecs = [
        Codec.bounded(tolerance=1e-3, order=order).fit(each, uses=1) for each in (table, other)
    ]
    sizes = [len(codec.encode(each)) for codec, each in zip(codecs, (table, other), strict=True)]
    assert sizes[1] < 1.01 * sizes[0]
    if order == "preserved":
        there_and_back(codecs[1], other)
    back = Codec.from_bytes(codecs[1].to_bytes()).decode(codecs[1].encode(other))
    assert ak.array_equal(back, codecs[1].decode(codecs[1].encode(other)), equal_nan=True)
    finite = np.sort(other.columns["phi"][np.isfinite(other.columns["phi"])])
    found = to_table(back).columns["phi"]
    np.testing.assert_allclose(np.sort(found[np.isfinite(found)]), finite, rtol=0, atol=1e-3)


def test_truncated_mantissas_are_lossless_and_small():
    jets = make_jets(3000)
    full = Codec.bounded(tolerance="lossless").fit(jets)
    cut = {
        name: (v.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)
        for name, v in jets.items()
    }
    codec = Codec.bounded(tolerance="lossless").fit(cut)
    there_and_back(codec, cut)
    assert len(full.encode(jets)) - len(codec.encode(cut)) > 3000 * 4 * 12 / 8


@pytest.mark.parametrize(
    "tolerance",
    ["nonsense", "", -1, np.nan, None, "pt=x", {"pt": "x"}, {"pt": -1}, {"eta": True}, {"pt": 0.7}],
)
def test_a_wrong_tolerance_is_refused_at_once(tolerance):
    for features in (None, ("pt", "eta")):
        with pytest.raises(InputError):
            Codec.bounded(tolerance=tolerance, features=features)


def test_a_tolerance_of_features_that_are_not_compressed_is_refused_at_once():
    Codec.bounded(tolerance={"mass": 1e-3})
    with pytest.raises(MissingNameError, match="no feature 'mass'"):
        Codec.bounded(tolerance={"mass": 1e-3}, features=("pt", "eta"))
    with pytest.raises(InputError, match=r"below 0\.5"):
        Codec.bounded(tolerance=0.7, features=("pt", "eta"))
    Codec.bounded(tolerance=0.7, features=("phi", "eta"))


def test_another_dtype_is_refused():
    codec = table_codec("1e-3", "float32", in_events=False)
    with pytest.raises(InputError, match="float64, the codec was fitted to float32"):
        codec.encode(with_others(make_jets(5), "float64"))


# Rates


@pytest.mark.parametrize("flat", [False, True])
def test_real_bytes_are_those_of_the_cross_entropy(learned, flat):
    jets = make_events(9000, seed=4)
    jets = ak.flatten(jets) if flat else jets
    quantized = learned._coder.quantize(to_table(jets).select(learned.features_))
    n = len(quantized.integers["pt"])
    assert n > 19_000
    ideal = learned.surprise(jets).sum()
    if not flat:
        counts = quantized.counts.astype(np.int32)
        ideal += learned._coder.density.jets_per_event.code_lengths(counts, ColumnInputs([])).sum()
    assert ideal * 0.999 <= 8 * len(learned.encode(jets)) <= ideal * 1.005


def test_a_jet_unlike_the_others_is_surprising(learned):
    jets = to_table(make_events(2000, seed=5)).select(learned.features_)
    before, row = learned.surprise(jets), int(jets.counts[0]) - 1  # the last of its event
    jets.columns["m"][row] *= 30
    more = learned.surprise(jets) - before
    assert more[row] > 20
    assert abs(np.delete(more, row).mean()) < 0.05  # other values of a dither, for all


def test_values_that_no_quantizer_holds_count_what_they_take(learned):
    jets = to_table(make_events(50, seed=5)).select(learned.features_)
    before, taken = learned.surprise(jets), len(learned.encode(jets))
    jets.columns["m"][3] = np.nan
    more = learned.surprise(jets) - before
    assert more[3] == pytest.approx(8 * (len(learned.encode(jets)) - taken), abs=40)
    assert more[3] > 8 * 8


def pcodec_bytes(codec, table):
    """What pcodec takes for the same integers, numbers of jets included."""
    pcodec = pytest.importorskip("pcodec")
    columns = [codec.quantizers_[name].to_integers(table.columns[name]) for name in codec.features_]
    columns += [] if table.counts is None else [table.counts]
    configs = [pcodec.ChunkConfig(compression_level=level) for level in (8, 10, 12)]
    compress = pcodec.standalone.simple_compress
    return sum(
        min(len(compress(column.astype(np.int32), config)) for config in configs)
        for column in columns
    )


@pytest.mark.parametrize("in_events", [False, True])
@pytest.mark.parametrize("jets", [1000, 3000])
def test_codec_and_stream_are_smaller_than_what_pcodec_makes(jets, in_events):
    table = to_table(make_events(jets))
    table = table.span(0, int(np.searchsorted(np.cumsum(table.counts), jets)))
    table = table if in_events else table.flat()
    codec = Codec.bounded(tolerance=1e-3).fit(table, uses=1)
    assert len(codec.to_bytes()) + len(codec.encode(table)) < 0.99 * pcodec_bytes(codec, table)


def test_a_codec_that_is_used_more_says_more():
    jets = make_events(2300)
    once, often = (Codec.bounded(tolerance=1e-3).fit(jets, uses=uses) for uses in (1, 100))
    assert len(once.to_bytes()) < len(often.to_bytes())
    assert len(once.encode(jets)) > len(often.encode(jets))


# Blocks


def test_blocks_are_decodable_alone(plain, monkeypatch):  # dither depends on the block
    jets = make_events(900, seed=2)
    sorts = {True: jets, False: ak.flatten(jets)}
    in_one_block = {sort: plain.decode(plain.encode(one)) for sort, one in sorts.items()}
    monkeypatch.setattr("atlasae.coding.blocks.BLOCK_JETS", 500)
    for sort, events in sorts.items():
        expected = in_one_block[sort]
        blocks = list(plain.encode_blocks(events))
        assert len(blocks) > 3
        assert all(block.jets <= 500 for block in blocks)
        assert [block.events is None for block in blocks] == [events is not jets] * len(blocks)
        stream = join_blocks(blocks, plain.fingerprint)
        found = split_blocks(stream, plain.fingerprint)
        assert [replace(block, name="a block") for block in found] == blocks
        assert ak.array_equal(plain.decode(stream), expected)
        parts = [to_records(plain.decode_blocks(iter([block]))) for block in reversed(blocks)]
        assert ak.array_equal(ak.concatenate(parts[::-1]), expected)
        start = 0
        for block, part in zip(blocks, parts[::-1], strict=True):
            length = block.jets if block.events is None else block.events
            assert ak.array_equal(part, expected[start : start + length])
            start += length


def test_a_reader_of_pt_decodes_pt_alone(learned, monkeypatch):
    jets = make_events(200, seed=9)
    blocks = list(learned.encode_blocks(jets))
    whole, visited, visit = (
        learned.decode_blocks(iter(blocks)),
        set(),
        jet_density.CodingVisitor.visit,
    )

    def watched(self, group, feature, values, count, inputs):
        visited.add(feature)
        return visit(self, group, feature, values, count, inputs)

    monkeypatch.setattr(jet_density.CodingVisitor, "visit", watched)
    for asked, decoded in [("pt", {"pt"}), ("m", {"pt", "m"}), ("phi", {"pt", "m", "phi"})]:
        visited.clear()
        with kernels(use=False):
            found = learned.decode_blocks(iter(blocks), [asked])
        visited.discard("sign of eta")
        assert set(found.columns) == visited == decoded
        np.testing.assert_array_equal(found.columns[asked], whole.columns[asked])


def test_a_coordinate_that_does_not_lead_back_is_noticed(learned, monkeypatch):
    monkeypatch.setattr(Drop, "integers", lambda self, values: self.before - values + 1)
    with kernels(use=False), pytest.raises(AssertionError, match="please report"):
        learned.encode(make_events(20))


# Damage


def test_a_stream_of_another_codec_is_refused(learned):
    one, two = (Codec.bounded(tolerance=1e-3).fit(make_jets(300, seed)) for seed in (0, 5))
    jets = make_jets(200)
    for writer, reader in [(one, two), (two, one), (learned, one), (one, learned)]:
        with pytest.raises(DamagedFileError, match="decode it with the codec that encoded it"):
            reader.decode(writer.encode(jets))


def alike():
    """Pairs of samples and codecs in which the lattices differ, and the integers do not."""
    numbers = np.random.default_rng(3).normal(size=500)
    values = {"a": numbers, "b": numbers[::-1].copy()}
    scaled = {name: 1000 * column for name, column in values.items()}
    swapped = {"a": values["b"], "b": values["a"]}
    turn = {name: np.degrees(column) for name, column in values.items()}
    fine, coarse = {"a": abs_(1e-3), "b": abs_(1e-3)}, {"a": abs_(1.0), "b": abs_(1.0)}
    degrees = {name: abs_(np.degrees(1e-3)) for name in values}
    return {
        "GeV and MeV": [(values, fine), (scaled, coarse)],
        "radians and degrees": [(values, fine), (turn, degrees)],
        "swapped features": [(values, fine), (swapped, fine)],
        "order of features": [(values, fine), (dict(reversed(values.items())), fine)],
    }


@pytest.mark.parametrize("pair", alike())
def test_a_stream_of_a_codec_with_the_same_integers_is_refused(pair):
    codecs = [(Codec.bounded(tolerance=spec).fit(data), data) for data, spec in alike()[pair]]
    (one, ours), (other, theirs) = codecs
    with pytest.raises(DamagedFileError, match="decode it with the codec that encoded it"):
        other.decode(one.encode(ours))
    assert len(other.decode(other.encode(theirs))) == 500


@pytest.mark.parametrize("counts", [[2**31 - 1] * 32, [-1, 6], [2**30 - 1] * 16])
def test_numbers_of_jets_that_do_not_sum_up(learned, counts):
    counts = np.array(counts, np.int64)
    writer = EntropyEncoder()
    learned._coder.density.code_counts(writer, counts, len(counts))
    payload = encode_varint(0) + bytes(4) + writer.to_bytes()
    with np.errstate(all="ignore"):
        for jets in (5, max(int(counts.sum()), 0) % 2**32):
            with pytest.raises(DamagedFileError):
                decoded_forged(learned, len(counts), jets, payload, 0)


def entry(name, positions, values):
    positions = np.diff(positions, prepend=0).astype("<u4")
    values = np.array(values, "<u4")
    head = struct.pack("<HI", len(name), len(positions)) + name.encode()
    return head + positions.tobytes() + values.tobytes()


@pytest.mark.parametrize(
    "raw",
    [
        entry("nonsense", [0], [0]),
        entry("pt", [5], [0]),
        entry("pt", [2**32 - 1], [0]),
        entry("pt", [3, 1], [0, 0]),
        entry("pt", [1, 1], [0, 1]),
        entry("pt", [], []),
        entry("pt", [1], [0]) * 2,
        entry("pt", [1], [0])[:-1],
        struct.pack("<HI", 2, 2**32 - 1) + b"pt",
        struct.pack("<HI", 2, 0) + b"\xff\xfe",
        b"\x00",
        bytes(200_000_000),
    ],
)
def test_exceptions_where_no_jets_are(learned, raw):
    (block,) = learned.encode_blocks({name: v[:5] for name, v in make_jets(5).items()})

    def with_exceptions(data):
        return encode_varint(len(data)) + data + block.payload[1:]

    good = zlib.compress(entry("pt", [1], [0x7FC00001]))
    sound = with_exceptions(good)
    found = decoded_forged(learned, None, 5, sound, 0)
    assert bits(ak.to_numpy(found.pt))[1] == 0x7FC00001
    packed = zlib.compress(raw, 1)
    tracemalloc.start()
    for exceptions in (packed, good + b"more", packed[:-1], b"x"):
        with pytest.raises(DamagedFileError):
            decoded_forged(learned, None, 5, with_exceptions(exceptions), 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


# Dither


@pytest.fixture(scope="module")
def dithered():
    return Codec.bounded(tolerance=1e-3, dither=True).fit(make_events(2300))


@pytest.fixture(scope="module")
def plain():
    return Codec.bounded(tolerance=1e-3, dither=False).fit(make_events(2300))


def test_dither_is_the_default_where_the_order_is_kept(learned):
    assert learned.dither is None
    assert learned.dithers
    assert not Codec.bounded(order="free").dithers
    assert not Codec.bounded(dither=False).dithers


def test_dither_costs_next_to_nothing(plain, dithered):
    jets = make_events(9000, seed=4)
    values = 4 * len(ak.flatten(jets))
    found = there_and_back(dithered, jets)
    steps = there_and_back(plain, jets)
    bits_more = 8 * (len(dithered.encode(jets)) - len(plain.encode(jets))) / values
    assert -0.02 < bits_more < 0.02
    assert len(np.unique(found["eta"])) > 2 * len(np.unique(steps["eta"]))


def test_dither_needs_no_exceptions_where_phi_wraps(dithered):
    jets = make_jets(4000)
    jets["phi"][:2000] = np.pi * np.where(np.arange(2000) % 2, 1, -1)
    jets["phi"][1000:2000] -= np.linspace(-3e-3, 3e-3, 1000) * np.sign(jets["phi"][1000:2000])
    jets["phi"] = np.clip(jets["phi"], -np.float32(np.pi), np.float32(np.pi))
    assert not dithered._coder.quantize(to_table(jets).select(dithered.features_)).exceptions
    there_and_back(dithered, jets)


@pytest.mark.parametrize("turn", [1, -1])
def test_dither_needs_no_exceptions_for_phi_from_0_to_2_pi(turn):
    jets = make_jets(4000)
    jets["phi"] = (turn * (jets["phi"] % np.float32(2 * np.pi))).astype("f4")
    codec = Codec.bounded(tolerance=1e-3, dither=True).fit(jets)
    assert not codec._coder.quantize(to_table(jets).select(codec.features_)).exceptions
    there_and_back(codec, jets)


def test_features_of_a_dithered_block_are_read_alone(dithered):
    jets = make_events(300, seed=8)
    (block,) = dithered.encode_blocks(jets)
    whole = dithered.decode_blocks(iter([block])).columns
    for name in dithered.features_:
        some = dithered.decode_blocks(iter([block]), features=[name])
        np.testing.assert_array_equal(some.columns[name], whole[name])


def test_blocks_have_seeds_of_their_values(dithered, monkeypatch):
    monkeypatch.setattr("atlasae.coding.blocks.BLOCK_JETS", 500)
    jets = make_events(900, seed=8)
    streams = {dithered.encode(jets, threads=threads) for threads in (1, 2, 3)}
    assert len(streams) == 1
    blocks = list(dithered.encode_blocks(jets))
    read = dithered._coder._payloads.read
    assert len({read(block).seed for block in blocks}) == len(blocks) > 2
    last = dithered.decode_blocks(iter(blocks[-1:])).columns
    for name, values in dithered.decode_blocks(iter(blocks)).columns.items():
        np.testing.assert_array_equal(values[-len(last[name]) :], last[name])


# Exactness

CODE_AGAIN = """
import hashlib, pathlib, sys
sys.modules["torch"] = None
from atlasae import Codec
from atlasae.jets.table import to_table
folder = pathlib.Path(sys.argv[1])
codec = Codec.load(folder / "codec")
found = codec.decode((folder / "stream").read_bytes())
digest = hashlib.sha256(b"".join(v.tobytes() for v in to_table(found).columns.values()))
for dither in (False, True):
    fitted = Codec.bounded(dither=dither).fit(found)
    digest.update(codec.encode(found) + fitted.to_bytes() + fitted.encode(found))
print(digest.hexdigest())
"""


def test_other_arithmetic_gives_the_same_bytes_without_torch(learned, tmp_path):
    """Other threads, matrix products, vector instructions; with kernels, and without."""
    learned.save(tmp_path / "codec")
    (tmp_path / "stream").write_bytes(learned.encode(make_events(800, seed=6)))
    digests = set()
    for environment in (
        {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ATLASAE_KERNELS": "never"},
        {"OPENBLAS_CORETYPE": "Prescott", "ATLASAE_KERNELS": "always"},
        {"NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3", "ATLASAE_KERNELS": "never"},
    ):
        result = subprocess.run(
            [sys.executable, "-c", CODE_AGAIN, str(tmp_path)],
            env=os.environ | environment,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr
        digests.add(result.stdout.strip())
    assert len(digests) == 1


def golden_jets():
    """What the golden streams were made of: jets in events; and columns of every kind, odd ones."""
    events = make_events(2300, seed=11)
    columns = with_others(make_jets(304, seed=12), "float64", seed=13)
    columns["pt"][:6] = [np.nan, -np.inf, -0.0, 5e-324, 1e308, -1.0]
    columns["phi"][:3] = [4.0, -np.inf, 0.0]
    columns["area"] = columns["area"].astype(np.float16)
    columns["area"][7] = np.inf
    table = ak.unflatten(ak.zip(columns), np.resize([3, 0, 1, 4], 152))
    bounds = {"pt": rel(1e-4, floor=0.1), "m": LOSSLESS, "phi": abs_(1e-3), "eta": 1e-3}
    return {
        "events": (Codec.bounded(tolerance=1e-3), events, events[:300]),
        "columns": (Codec.bounded(tolerance=bounds, features=list(columns)), table, table),
        "dithered": (
            Codec.bounded(tolerance=bounds, features=list(columns), dither=True),
            table,
            table,
        ),
        "cut": (
            Codec.bounded(tolerance=1e-2, dither=True, cuts="pt>30, pt<50, abs(eta)<2.4"),
            events,
            events[:300],
        ),
    }


def write_golden():
    GOLDEN.mkdir(exist_ok=True)
    for name, (codec, seen, jets) in golden_jets().items():
        stem = GOLDEN / f"bounded_v1_{name}"
        if stem.with_suffix(".codec").exists():
            continue
        stream = codec.fit(seen).encode(jets)
        table = to_table(codec.decode(stream))
        stem.with_suffix(".codec").write_bytes(codec.to_bytes())
        stem.with_suffix(".stream").write_bytes(stream)
        patterns = {
            column: bits(v) if v.dtype.kind == "f" else v for column, v in table.columns.items()
        }
        np.savez_compressed(stem.with_suffix(".npz"), **patterns, counts=table.counts)


@pytest.mark.parametrize("name", ["v1_events", "v1_columns", "v1_dithered", "v1_cut"])
def test_golden_streams_decode_bit_for_bit(name):
    stem = GOLDEN / f"bounded_{name}"
    codec = Codec.load(stem.with_suffix(".codec"))
    found = to_table(codec.decode(stem.with_suffix(".stream").read_bytes()))
    with np.load(stem.with_suffix(".npz")) as expected:
        assert {*found.columns, "counts"} == set(expected)
        np.testing.assert_array_equal(found.counts, expected["counts"])
        for column, values in found.columns.items():
            patterns = bits(values) if values.dtype.kind == "f" else values
            assert patterns.dtype == expected[column].dtype
            np.testing.assert_array_equal(patterns, expected[column])


if __name__ == "__main__":
    write_golden()
