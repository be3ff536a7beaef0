"""RNTuples with checksums, which ROOT merges."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae import Codec
from tests.helpers import compress, make_jets

COUNTS = [2, 0, 3, 1] * 25


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two files of other events, compressed to RNTuples and restored."""
    folder = tmp_path_factory.mktemp("ntuples")
    for i in range(2):
        jets = make_jets(sum(COUNTS), seed=i)
        columns = {f"Jet_{name}": ak.unflatten(values, COUNTS) for name, values in jets.items()}
        columns["event"] = np.arange(len(COUNTS)) + 10**12 * i
        columns["label"] = ak.Array([f"event {n}" for n in columns["event"]])
        types = {name: str(ak.Array(values).type.content) for name, values in columns.items()}
        source = folder / f"source{i}.root"
        with uproot.recreate(source) as file:  # no directories, in which hadd mixes up RNTuples
            file.mktree("Events", types, counter_name=lambda _: "nJet").extend(columns)
        small = folder / f"small{i}.root"
        codec = Codec.bounded(tolerance="lossless").fit(jets)
        compress(source, small, codec=codec, to="rntuple", step_size=40)
        atlasae.decompress(small, folder / f"back{i}.root", to="rntuple", step_size=40)
    return folder


def pages(path):
    with uproot.open(path) as file:
        clusters = file["Events"].page_link_list
        return [page for cluster in clusters for column in cluster for page in column.pages]


@pytest.mark.filterwarnings("ignore:Merging RNTuples is experimental")
@pytest.mark.parametrize("step", ["small", "back"])
def test_hadd_merges_what_is_written(files, tmp_path, root, step):
    assert all(page.has_checksum for page in pages(files / f"{step}0.root"))  # else ROOT aborts
    merger = root.TFileMerger(False)
    merger.OutputFile(str(tmp_path / "all.root"), "RECREATE")
    assert all(merger.AddFile(str(files / f"{step}{i}.root")) for i in range(2))
    assert merger.Merge()
    with (
        atlasae.open(tmp_path / "all.root") as merged,
        uproot.open(files / "source0.root") as one,
        uproot.open(files / "source1.root") as other,
    ):
        tree = merged["Events"]
        assert tree.num_entries == 2 * len(COUNTS)
        for name in one["Events"].keys():  # noqa: SIM118  (a tree, not a dict)
            before = ak.concatenate([file["Events"][name].array() for file in (one, other)])
            assert ak.array_equal(tree[name].array(), before, equal_nan=True), name


def test_each_page_has_a_checksum(files):
    assert len(pages(files / "back0.root")) > 10
    assert all(page.has_checksum for page in pages(files / "back0.root"))
