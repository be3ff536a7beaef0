"""What compressing a file would do, and how large it would be, before it is done."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae import BoundedCodec, Selection
from atlasae.errors import InputError, MissingNameError
from atlasae.root.compressing.sampled_trees import SampledTrees
from atlasae.root.io.file import Trees, open_root
from tests.helpers import make_jets

EVENTS = 1200
LOSSLESS = BoundedCodec("lossless")


@pytest.fixture(scope="module")
def nano(tmp_path_factory):
    """A file like NanoAOD: two collections, flags, trigger bits, floats of the event, two trees."""
    path = tmp_path_factory.mktemp("plan") / "nano.root"
    rng = np.random.default_rng(3)
    columns, types = {}, {}
    for seed, (name, mean) in enumerate({"Jet": 2, "Muon": 1}.items()):
        counts = rng.poisson(mean, EVENTS)
        jets = make_jets(int(counts.sum()), seed)
        jets["id"] = rng.choice(np.array([0, 2, 6], np.int32), counts.sum(), p=[0.1, 0.2, 0.7])
        for feature, values in jets.items():
            columns[f"{name}_{feature}"] = ak.unflatten(values, counts)
            types[f"{name}_{feature}"] = f"var * {values.dtype}"
    for i in range(12):
        columns[f"HLT_path{i}"] = rng.random(EVENTS) < 0.5 * rng.random()
    columns["MET_pt"] = rng.exponential(40, EVENTS).astype("f4")
    columns["event"] = np.arange(EVENTS, dtype="u8") * 7
    types = types | {n: v.dtype for n, v in columns.items() if isinstance(v, np.ndarray)}
    with uproot.recreate(path, compression=uproot.LZMA(5)) as file:
        tree = file.mktree("Events", types, counter_name=lambda n: f"n{n.partition('_')[0]}")
        for first in range(0, EVENTS, 200):
            tree.extend({n: v[first : first + 200] for n, v in columns.items()})
        file.mktree("Runs", {"run": np.dtype("u4")}).extend({"run": np.arange(3, dtype="u4")})
    return path


@pytest.mark.parametrize("options", [
    {}, {"codec": LOSSLESS}, {"codec": BoundedCodec("resolution"), "to": "rntuple"},
    {"pack": "none"},
])  # fmt: skip
def test_the_expected_size_is_near_the_real_one(nano, tmp_path, options):
    plan = atlasae.plan(nano, sample=400, **options)
    real = atlasae.compress(nano, tmp_path / "small.root", allow_larger=True, **options)
    assert plan.expected_bytes == pytest.approx(real.file_bytes, rel=0.15)
    assert plan.source_bytes == nano.stat().st_size
    assert plan.ratio == pytest.approx(real.ratio, rel=0.15)
    assert plan.entries == real.entries == {"Events": EVENTS, "Runs": 3}
    assert plan.sampled == {"Events": 400, "Runs": 3}
    kept = {branch.name for branch in real.kept}
    assert {part.name for part in plan.parts if part.how == "kept"} == kept
    coded = [part for part in real.parts if part.tolerances]
    if options.get("codec") is not LOSSLESS:  # where a codec of few jets may or may not pay
        assert [(p.name, p.how, p.branches, p.tolerances) for p in plan.parts if p.tolerances] == [
            (p.name, p.codec, tuple(p.before), p.tolerances) for p in coded
        ]
    assert sum(part.before for part in plan.parts) == sum(
        sum(part.before.values()) for part in real.parts
    ) + sum(branch.before for branch in real.kept)
    assert (plan.changed, plan.left_out) == (real.changed, real.left_out)


def test_the_shipped_sample(tmp_path):
    plan = atlasae.plan(atlasae.sample(), sample="200 kB")
    assert plan.sampled["Events"] < 0.2 * plan.entries["Events"]
    real = atlasae.compress(atlasae.sample(), tmp_path / "small.root")
    assert plan.expected_bytes == pytest.approx(real.file_bytes, rel=0.15)


def test_what_was_found_and_how_it_would_be_coded(nano):
    plan = atlasae.plan(nano, sample=600)
    assert plan.found == {"Events": ("Jet", "Muon"), "Runs": ()}
    jet = next(part for part in plan.parts if part.name == "Jet")
    assert jet.tolerances["Jet_pt"] == "rel(0.001)"
    assert jet.tolerances["Jet_phi"] == "abs_(0.001)"
    kept = atlasae.plan(nano, sample=600, select=Selection(keep_branches="HLT_*", drop="event"))
    assert {part.name for part in kept.parts if part.how == "kept"} == {
        f"HLT_path{i}" for i in range(12)
    }
    assert kept.left_out == {"Events:event": "left out as requested"}
    json.dumps(asdict(plan))


def test_a_small_file_is_compressed_whole(events_file, tmp_path):
    plan = atlasae.plan(events_file)
    real = atlasae.compress(events_file, tmp_path / "small.root", allow_larger=True)
    assert plan.sampled == plan.entries
    assert plan.expected_bytes == pytest.approx(real.file_bytes, rel=0.01)


def test_it_refuses_what_compress_refuses(nano, tmp_path):
    with pytest.raises(MissingNameError, match="Jets"):
        atlasae.plan(nano, select=Selection(collections="Jets"))
    with pytest.raises(InputError, match="must be one of"):
        atlasae.plan(nano, pack="some")
    with pytest.raises(InputError, match="step size"):
        atlasae.plan(nano, sample=0)
    small = tmp_path / "small.root"
    atlasae.compress(nano, small)
    with pytest.raises(InputError, match="already compressed"):
        atlasae.plan(small)


def test_nothing_is_left_of_it(nano, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = nano.read_bytes()
    atlasae.plan(nano, sample=100)
    assert list(tmp_path.iterdir()) == []
    assert nano.read_bytes() == before


@pytest.mark.parametrize("sample", [4, 10, 1000, 1199, 1200, 10_000])
def test_a_sample_is_windows_of_the_tree(nano, sample):
    with open_root(nano) as file:
        whole, some = Trees(file)["Events"], SampledTrees(file, sample)["Events"]
        names = ["event", "Jet_pt"]
        events = whole.read(names, 0, EVENTS)
        for steps in (70, 1000, "10 kB", "100 MB"):
            chunks = [arrays for _, arrays in some.iterate(names, steps)]
            got = {name: ak.concatenate([chunk[name] for chunk in chunks]) for name in names}
            at = np.asarray(got["event"]) // 7
            assert len(at) == len(set(at)) == some.num_entries >= min(sample, EVENTS)
            assert some.num_entries < sample + 4
            assert ak.array_equal(got["Jet_pt"], events["Jet_pt"][at])
        assert at.min() == 0
        assert at.max() == EVENTS - 1
