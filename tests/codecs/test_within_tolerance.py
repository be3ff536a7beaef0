"""What every codec with a tolerance guarantees. A new one is one line in CODECS.

``golden/v1_*`` are codecs, streams and what they decode to, as format 1 writes them: ``python -m tests.codecs.test_within_tolerance`` writes what is missing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
import zlib
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from functools import cache, partial
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasae import Codec
from atlasae.coding.blocks import FINGERPRINT_BYTES, MAGIC, join_blocks, split_blocks
from atlasae.coding.rans import encode_symbols
from atlasae.coding.varint import encode_varint
from atlasae.compiled import kernels
from atlasae.errors import DamagedFileError, InputError, VersionError
from atlasae.jets.table import to_table
from atlasae.quantization.tolerance import tolerances
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
small_network = partial(
    Codec.autoencoder, tolerance=1e-3, network=(16, 8), epochs=2, batch_size=64, encoder="learned"
)
CODECS = {
    "bounded": partial(Codec.bounded, tolerance=1e-3),
    "lossless": partial(Codec.bounded, tolerance="lossless"),
    "residuals": small_network,
    "lossless residuals": partial(
        small_network, tolerance="lossless", latent_dtype="float16", activation="leaky_relu"
    ),
    "of rounded latents": partial(small_network, latent_tolerance=1e-2),
}

NETWORKS = ("residuals", "lossless residuals", "of rounded latents")


@pytest.fixture(params=CODECS, scope="module")
def make(request):
    return CODECS[request.param]


@pytest.fixture(scope="module")
def learned(make):
    return make().fit(make_events(2300))


def name_in(stream):
    """What a stream says of the codec that wrote it."""
    return stream[len(MAGIC) : len(MAGIC) + FINGERPRINT_BYTES]


@settings(max_examples=25, deadline=None)
@given(jets=collections("float32", others=False))
def test_the_guarantee_holds_with_questions(learned, jets):
    there_and_back(learned, jets)


@cache
def network_of(dtype):
    """An autoencoder of columns of every kind."""
    columns = with_others(make_jets(400, seed=3), dtype)
    return Codec.autoencoder(features=list(columns), network=(8,), epochs=1).fit(columns), columns


@cache
def within(spec, dtype):
    trained, columns = network_of(dtype)
    return trained.stored_as(columns, tolerance=SPECS[spec])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_the_guarantee_holds_of_any_columns_that_a_network_predicts(spec, dtype, data):
    there_and_back(within(spec, dtype), data.draw(collections(dtype)))


def test_ordinary_jets_with_questions(learned):
    jets = make_events(1500, seed=9)
    found = there_and_back(learned, jets)
    flat = there_and_back(learned, ak.flatten(jets))
    for name in found:
        np.testing.assert_array_equal(flat[name], found[name])


def test_the_same_seed_gives_the_same_codec(make, learned):
    again, other = (make(seed=seed).fit(make_events(2300)) for seed in (0, 1))
    assert again.to_bytes() == learned.to_bytes()
    assert other.to_bytes() != learned.to_bytes()


def test_a_block_is_checked_before_it_is_given(learned, monkeypatch):
    def others(symbols, *arguments):
        return encode_symbols(np.zeros_like(symbols), *arguments)

    monkeypatch.setattr("atlasae.coding.entropy.encode_symbols", others)
    with pytest.raises(AssertionError, match="please report"):
        learned.encode(make_events(20))


@pytest.mark.parametrize("number", [np.float32(0.01), {"pt": np.float32(0.01)}, Fraction(1, 100)])
def test_numbers_of_any_library_are_stored(make, number):
    codec = make(tolerance=number)
    again = type(codec).from_config(json.loads(json.dumps(codec.get_config())))
    assert tolerances(again.tolerance, ["pt"]) == tolerances(codec.tolerance, ["pt"])


def test_one_jet_none_and_all_the_same(learned):
    for n in (0, 1, 2):
        there_and_back(learned, make_jets(n))
    same = {name: np.resize(values, 500) for name, values in make_jets(1).items()}
    there_and_back(learned, same)
    there_and_back(learned, ak.unflatten(ak.zip(same), [0, 200, 0, 300]))
    none = ak.zip(make_jets(0))
    for counts in ([0, 0, 0], np.zeros(0, int)):
        there_and_back(learned, ak.unflatten(none, counts))


def test_jets_in_another_unit_are_within_the_tolerance(learned):
    jets = make_jets(50)
    there_and_back(
        learned, {name: 1000 * jets[name] if name in ("m", "pt") else jets[name] for name in jets}
    )


def test_another_dtype_is_refused(learned):
    jets = {name: values.astype("f8") for name, values in make_jets(5).items()}
    with pytest.raises(InputError, match="float64, the codec was fitted to float32"):
        learned.encode(jets)
    with pytest.raises(InputError, match="float64, the codec was fitted to float32"):
        learned.require_dtypes(dict.fromkeys(jets, "float64"))


def test_the_order_in_pt_is_kept(make):
    jets = make_events(2300)
    jets = jets[ak.argsort(jets.pt, ascending=False)]
    codec = make().fit(jets)
    pt = codec.decode(codec.encode(jets)).pt
    assert ak.all(pt[:, 1:] <= pt[:, :-1])
    assert codec.order_kept_ == "pt"


def test_the_bytes_do_not_depend_on_the_threads(learned, monkeypatch):
    monkeypatch.setattr("atlasae.coding.blocks.BLOCK_JETS", 500)
    jets = make_events(900, seed=8)
    coded = [list(learned.encode_blocks(jets, threads)) for threads in (1, 3)]
    assert coded[0] == coded[1]
    assert len(coded[0]) > 3
    one, three = (learned.decode_blocks(iter(coded[0]), threads=n).columns for n in (1, 3))
    for name in one:
        np.testing.assert_array_equal(one[name], three[name])


@pytest.fixture(scope="module")
def small(learned):
    """A short stream with events, exceptions and two blocks."""
    jets = make_events(30, seed=8)
    columns = to_table(jets)
    columns.columns["pt"] = columns.columns["pt"].copy()
    columns.columns["pt"][[3, 7]] = np.nan, np.inf
    blocks = [*learned.encode_blocks(columns), *learned.encode_blocks(make_events(8, seed=1))]
    stream = join_blocks(blocks, name_in(learned.encode(columns)))
    assert len(learned.decode(stream)) == 38
    return stream


def test_every_byte_of_a_stream_is_guarded(learned, small):
    for at in range(len(small)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(small)
            damaged[at] ^= flip
            newer = at == len(MAGIC) - 1 and damaged[at] > MAGIC[at]
            with pytest.raises(VersionError if newer else DamagedFileError):
                learned.decode(bytes(damaged))


def test_streams_cut_short_or_with_more_behind(learned, small):
    for length in range(len(small)):
        with pytest.raises(DamagedFileError):
            learned.decode(small[:length])
    for more in (b"\0", small, bytes(100)):
        with pytest.raises(DamagedFileError):
            learned.decode(small + more)


def test_swapped_blocks(learned, small):
    name = name_in(small)
    one, two = (replace(block, name="a block") for block in split_blocks(small, name))
    payload = one.payload + two.payload
    assert small.endswith(payload)
    swapped = [
        small[: -len(payload)] + two.payload + one.payload,
        join_blocks([replace(one, payload=two.payload), replace(two, payload=one.payload)], name),
        rows_swapped(one, two, name) + two.payload + one.payload,
    ]
    for stream in swapped:
        assert len(stream) == len(small)
        with pytest.raises(DamagedFileError):
            learned.decode(stream)


def rows_swapped(one, two, name):
    """The head of a stream whose rows stand in the other order, checksums and all."""
    stream = join_blocks([one, two], name)[: -len(one.payload + two.payload)]
    start = len(MAGIC) + len(name) + 1
    length = len(join_blocks([one], name)) - start - len(one.payload)
    first, second = stream[start : start + length], stream[start + length :]
    return stream[:start] + second + first


def test_lengths_made_huge(learned, small):
    (one, _) = split_blocks(small, name_in(small))
    tracemalloc.start()
    for count in (1, 2**32 - 1):
        for events, jets, length in [
            (2**40, one.jets, len(one.payload)),
            (one.events + 1, 2**40, len(one.payload)),
            (0, 2**34, len(one.payload)),
            (one.events + 1, one.jets, 2**34),
            (2**21, 2**21, len(one.payload)),
            (2, 2**21, len(one.payload)),
        ]:
            row = b"".join(map(encode_varint, (events, jets, length))) + bytes(4)
            with pytest.raises(DamagedFileError):
                learned.decode(MAGIC + name_in(small) + encode_varint(count) + row + one.payload)
    for events, jets in [(2**21, 2**21), (1, 2**21), (2**40, 2**40), (None, 2**22)]:
        with pytest.raises(DamagedFileError):
            decoded_forged(learned, events, jets, one.payload, one.checksum)
    with suppress(DamagedFileError):  # a stack can be read beyond its end
        decoded_forged(learned, None, 2**21, one.payload, one.checksum)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 600e6  # of the references, which take more than kernels


@pytest.mark.parametrize(
    "stream",
    [b"", b"\0", MAGIC, MAGIC[:-1], b"atl\x00", b"PK\x03\x04" * 50, bytes(1000)],
)
def test_what_is_no_stream(learned, stream):
    with pytest.raises(DamagedFileError):
        learned.decode(stream)


def test_a_stream_without_blocks(learned):
    with pytest.raises(DamagedFileError, match="no blocks"):
        learned.decode(join_blocks([], name_in(learned.encode(make_jets(5)))))


def test_a_newer_format_says_so(learned, small):
    with pytest.raises(VersionError, match="upgrade with pip"):
        learned.decode(small[: len(MAGIC) - 1] + b"\x02" + small[len(MAGIC) :])


def test_blocks_in_events_and_flat_ones_do_not_mix(learned):
    blocks = [*learned.encode_blocks(make_events(5)), *learned.encode_blocks(make_jets(5))]
    with pytest.raises(DamagedFileError, match="mixes blocks"):
        learned.decode(join_blocks(blocks, name_in(learned.encode(make_jets(5)))))


def test_a_codec_fitted_anew_is_another(make):
    codec = make().fit(make_jets(300, 0))
    stream = codec.encode(make_jets(50))
    assert Codec.from_bytes(codec.to_bytes()).fingerprint == codec.fingerprint
    assert len(Codec.from_bytes(codec.to_bytes()).decode(stream)) == 50
    with pytest.raises(DamagedFileError, match="decode it with the codec that encoded it"):
        codec.fit(make_jets(300, 5)).decode(stream)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_hostile_payloads_end_in_an_error_or_in_jets(learned, data):
    """With checksums that agree, as only an attacker or a very unlucky user has them."""
    events = data.draw(st.none() | st.integers(0, 300))
    jets = data.draw(st.integers(0, 600))
    payload = data.draw(st.binary(max_size=300))
    if data.draw(st.booleans()):
        words = data.draw(st.binary(max_size=200))
        exceptions = data.draw(st.sampled_from([b"", zlib.compress(payload), payload]))
        checks = bytes(len(learned.features_))
        payload = encode_varint(len(exceptions)) + exceptions + checks + words
    if learned.latent_names and data.draw(st.booleans()):  # as many as there have to be
        size = np.dtype(learned.latent_dtype).itemsize
        latents = data.draw(st.binary(min_size=12, max_size=12)) * jets
        payload = encode_varint(3 * size * jets) + latents[: 3 * size * jets] + payload
    try:
        found = decoded_forged(learned, events, jets, payload, 0)
    except DamagedFileError:
        return
    assert ak.count(found.pt) == jets
    assert len(found) == (jets if events is None else events)


def test_mutated_payloads_end_in_an_error(learned, small):
    (block, _), rng = split_blocks(small, name_in(small)), np.random.default_rng(0)
    for _ in range(400):
        payload = bytearray(block.payload)
        for at in rng.integers(0, len(payload), rng.integers(1, 4)):
            payload[at] = rng.integers(256)
        if bytes(payload) == block.payload:
            continue
        with pytest.raises(DamagedFileError, match=r"block 0 of 2 does not decode"):
            learned.decode_blocks(iter([replace(block, payload=bytes(payload))]))
        with suppress(DamagedFileError):
            decoded_forged(learned, block.events, block.jets, bytes(payload), 0)


# Exactness


def write_golden():
    GOLDEN.mkdir(exist_ok=True)
    jets = make_events(300, seed=12)
    for name in NETWORKS:
        stem = GOLDEN / f"v1_{name.replace(' ', '_')}"
        if not stem.with_suffix(".codec").exists():
            codec = CODECS[name]().fit(make_events(2300, seed=11))
            stream = codec.encode(jets)
            stem.with_suffix(".codec").write_bytes(codec.decoder_bytes())
            stem.with_suffix(".stream").write_bytes(stream)
            np.savez_compressed(stem.with_suffix(".npz"), **to_table(codec.decode(stream)).columns)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("use_kernels", [True, False])
def test_golden_streams_decode_bit_for_bit(name, use_kernels):
    stem = GOLDEN / f"v1_{name.replace(' ', '_')}"
    codec = Codec.from_bytes(stem.with_suffix(".codec").read_bytes())
    with kernels(use=use_kernels):
        found = to_table(codec.decode(stem.with_suffix(".stream").read_bytes()))
    with np.load(stem.with_suffix(".npz")) as expected:
        assert set(found.columns) == set(expected)
        for column, values in found.columns.items():
            np.testing.assert_array_equal(bits(values), bits(expected[column]))


DECODE = """
import pathlib, sys
sys.modules["torch"] = None
import numpy as np
from atlasae import Codec
from atlasae.jets.table import to_table
for stem in map(pathlib.Path, sys.argv[1:]):
    codec = Codec.from_bytes(stem.with_suffix(".codec").read_bytes())
    found = to_table(codec.decode(stem.with_suffix(".stream").read_bytes()))
    for name, values in np.load(stem.with_suffix(".npz")).items():
        assert found.columns[name].tobytes() == values.tobytes(), (stem, name)
"""


@pytest.mark.parametrize(
    "environment",
    [
        {"OPENBLAS_CORETYPE": "Prescott", "ATLASAE_KERNELS": "always"},
        {"NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3", "ATLASAE_KERNELS": "never"},
    ],
)
def test_other_arithmetic_decodes_the_same_bits_without_torch(environment):
    """Other matrix products and vector instructions; with kernels, and without."""
    stems = [str(GOLDEN / f"v1_{name.replace(' ', '_')}") for name in NETWORKS]
    result = subprocess.run(
        [sys.executable, "-c", DECODE, *stems],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr


if __name__ == "__main__":
    write_golden()
