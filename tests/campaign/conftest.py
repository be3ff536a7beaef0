"""Files of one kind, and codecs for them."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

import atlasae
from tests.helpers import make_jets

_COLUMNS = {"Jet_pt": "pt", "Jet_eta": "eta", "Jet_phi": "phi", "Jet_mass": "m"}


def write_file(path, seed):
    """A small file in NanoAOD's layout, with two columns beside the jets."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(2, 80)
    jets = make_jets(int(counts.sum()), seed)
    data = {
        "event": np.arange(80) + 1000 * seed,
        "MET_pt": rng.normal(50, 10, 80).astype(np.float32),
        **{branch: ak.unflatten(jets[name], counts) for branch, name in _COLUMNS.items()},
    }
    types = {name: getattr(values, "dtype", "var * float32") for name, values in data.items()}
    with uproot.recreate(path) as file:
        file.mktree("Events", types, counter_name=lambda _: "nJet").extend(data)


@pytest.fixture(scope="session")
def farm(tmp_path_factory):
    """A folder with files of one kind, one of them in a folder below."""
    folder = tmp_path_factory.mktemp("farm")
    (folder / "more").mkdir()
    for seed, name in enumerate(["a.root", "b.root", "more/c.root"]):
        write_file(folder / name, seed)
    return folder


@pytest.fixture(scope="session")
def farm_codecs(farm, tmp_path_factory):
    """The path of codecs for these files."""
    path = tmp_path_factory.mktemp("codecs") / "codecs.safetensors"
    atlasae.FileCodecs.fit(sorted(farm.rglob("*.root"))).save(path)
    return path


@pytest.fixture(scope="session")
def small_farm(farm, farm_codecs, tmp_path_factory):
    """The folder that these files are compressed into."""
    out = tmp_path_factory.mktemp("small")
    assert atlasae.compress_files(farm, out, codec=farm_codecs, jobs=1).good
    return out
