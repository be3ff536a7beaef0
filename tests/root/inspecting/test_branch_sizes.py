"""The size of each branch in a compressed file."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from atlasae import Codec, InputError
from atlasae.root.inspecting.branch_sizes import branch_sizes


@pytest.fixture(scope="module")
def source(tmp_path_factory, jets, counts):
    rng = np.random.default_rng(3)
    path = tmp_path_factory.mktemp("sizes") / "events.root"
    columns = {f"Jet_{name}": ak.unflatten(jets[name], counts) for name in ("pt", "eta", "phi")}
    columns |= {
        "Jet_mass": ak.unflatten(jets["m"], counts),
        "noise": rng.normal(size=len(counts)).astype(np.float32),
        "year": np.full(len(counts), 2012, np.int32),
    }
    types = {
        name: values.type.content if isinstance(values, ak.Array) else values.dtype
        for name, values in columns.items()
    }
    with uproot.recreate(path) as file:
        tree = file.mktree("Events", types, counter_name=lambda name: f"n{name.split('_')[0]}")
        tree.extend(columns)
    return path


@pytest.fixture(scope="module")
def packed(source, tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "small.root"
    atlasae.compress(source, path, codec=Codec.bounded(tolerance="lossless"))
    return path


def by_name(path):
    return {size.name: size for size in branch_sizes(path)}


def test_the_sizes_sum_to_nearly_those_of_the_blocks(packed):
    contents = atlasae.info(packed)
    sizes = by_name(packed)
    stored = sum(part.after for part in contents.parts)
    assert 0.95 * stored < sum(size.after for size in sizes.values()) < stored
    before = sum(sum(part.before.values()) for part in contents.parts)
    assert sum(size.before for size in sizes.values()) == before > 0


def test_noise_takes_its_bits_and_what_repeats_next_to_nothing(packed, counts):
    sizes = by_name(packed)
    assert 2 * len(counts) < sizes["noise"].after < 4 * len(counts)
    assert sizes["year"].after < 50


def test_kept_branches_and_collections_with_a_codec(source, tmp_path):
    path = tmp_path / "small.root"
    codec = Codec.bounded(tolerance=1e-2)
    atlasae.compress(source, path, codec=codec, pack="none", allow_larger=True)
    sizes = by_name(path)
    contents = atlasae.info(path)
    assert sizes["Jet (4 branches)"].after == contents.parts[0].after
    assert sizes["noise"] in contents.kept


def test_a_file_that_is_not_compressed_is_refused(source):
    with pytest.raises(InputError, match="not compressed by atlasae"):
        branch_sizes(source)
