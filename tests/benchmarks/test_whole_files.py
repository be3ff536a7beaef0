"""Bytes of whole files by kind of column, and the tables made of them."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae import Codec
from benchmarks import column_kinds, readme
from benchmarks.bars import BARS
from benchmarks.column_kinds import FLAGS, FLOATS, INTEGERS, LINKS, MOMENTA, bytes_by_kind
from benchmarks.columns_alone import size_alone

pytest.importorskip("openzl", reason="openzl is not installed: pip install 'atlasae[bench]'")


@pytest.fixture(scope="module")
def files(tmp_path_factory, jets, counts):
    """A file with columns of every kind, and what it is compressed to."""
    rng = np.random.default_rng(4)
    folder = tmp_path_factory.mktemp("kinds")
    source, small = folder / "events.root", folder / "small.root"
    columns = {f"Jet_{name}": ak.unflatten(jets[name], counts) for name in ("pt", "eta", "phi")}
    columns |= {
        "Jet_genJetIdx": ak.unflatten(rng.integers(-1, 40, counts.sum()), counts),
        "Jet_id": ak.unflatten(rng.integers(0, 7, counts.sum()), counts),
        "Jet_score": ak.unflatten(rng.random(counts.sum()), counts),
        "HLT_Mu17": rng.random(len(counts)) < 0.1,
        "event": rng.integers(0, 10**9, len(counts)),
        "nPV": rng.poisson(20, len(counts)),
    }
    types = {
        name: values.type.content if isinstance(values, ak.Array) else values.dtype
        for name, values in columns.items()
    }
    with uproot.recreate(source) as file:
        file.mktree("Events", types, counter_name=lambda _: "nJet").extend(columns)
    atlasae.compress(source, small, codec=Codec.bounded(tolerance="lossless"))
    return source, small


def test_columns_are_counted_by_kind_and_by_collection(files):
    result = bytes_by_kind(*files)
    numbers = {row["name"]: row["columns"] for row in result["kinds"]}
    # nJet is a branch of its own, and the counts of the jets are no column
    assert numbers == {MOMENTA: 3, FLAGS: 2, LINKS: 3, INTEGERS: 1, FLOATS: 1}
    numbers = {row["name"]: row["columns"] for row in result["collections"]}
    assert numbers == {"Jet": 6, column_kinds.TRIGGERS: 1, column_kinds.EVENT: 3}


def test_the_bytes_sum_to_those_of_the_file(files):
    source, small = files
    contents = atlasae.info(small)
    stored = sum(part.after for part in contents.parts)
    before = sum(sum(part.before.values()) for part in contents.parts)
    for rows in bytes_by_kind(source, small).values():
        assert 0.95 * stored < sum(row["learned"] for row in rows) <= stored
        assert sum(row["before"] for row in rows) == before
        assert all(row["alone"] > 0 for row in rows)


def test_each_tool_can_be_the_best_of_a_column():
    rng = np.random.default_rng(6)
    assert size_alone(np.full(1000, 7, np.int64)) == 8
    assert size_alone(np.zeros(0, np.float32)) <= 4
    smooth = np.cumsum(rng.integers(-3, 4, 5000)).astype(np.int32)
    assert size_alone(smooth) < 2200  # log2(7) bits each: 1,755 bytes
    words = np.tile(rng.random(500).astype(np.float32), 20)
    assert size_alone(words) < 2500  # repeats are found
    assert size_alone(rng.random(8000) < 0.5) < 1100  # a bit each


def test_long_columns_are_compressed_whole(monkeypatch):
    values = np.random.default_rng(7).normal(size=20_000).astype(np.float32)
    whole = size_alone(values)
    monkeypatch.setattr("benchmarks.columns_alone._SAMPLE", 4_000)
    assert whole <= size_alone(values) < 1.02 * whole


def result():
    kinds = [{"name": FLAGS, "columns": 2, "before": 900, "alone": 800, "learned": 400.0}]
    steps = ("zlib packs", "zlib reads", "uproot writes")
    ours = ("atlasae packs", "atlasae reads", "atlasae restores")
    seconds = dict.fromkeys((*steps, *ours), 2.0)
    return {
        "rows": [
            {
                "name": "generated", "entries": {"Events": 3000}, "source_bytes": 2000,
                "bytes": {"without loss": 600, "default command": 500}, "kinds": kinds,
                "collections": kinds,
            }
        ],
        "speed": {
            "seconds": seconds, "raw_bytes": 5e6, "pack_ratio": 0.8, "read_ratio": 0.7,
            "restore_ratio": 1.2, "memory": [{"source_bytes": 1, "before": 1e8, "peak": 5e8}],
        },
    }  # fmt: skip


def test_the_tables_and_bars_show_the_results():
    assert "| generated | 3,000 | 2 | **0.300** | **0.250** |" in readme.whole_files(result())
    assert f"| generated | {FLAGS} | 2 | 0.9 | 0.8 | 0.4 | 0.50 |" in readme.kinds(result())
    bars = {bar.name: bar for bar in BARS}
    seen = bars["generated, of its columns each alone"].seen(result())
    assert seen == 600 / 800
    assert bars["compress it, MB of memory"].seen(result()) == 400
    assert bars["read it, times zlib-6's speed"].met(0.7) == "must"
