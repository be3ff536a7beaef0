"""Files of one kind, and codecs for them."""

from __future__ import annotations

import numpy as np
import pytest

import atlasae
from tests.helpers import make_jets, write_events


@pytest.fixture(scope="session")
def farm(tmp_path_factory):
    """A folder with files of one kind, one of them in a folder below."""
    folder = tmp_path_factory.mktemp("farm")
    (folder / "more").mkdir()
    for number, name in enumerate(["a.root", "b.root", "more/c.root"]):
        counts = np.random.default_rng(number).poisson(2, 60)
        write_events(folder / name, make_jets(int(counts.sum()), seed=number), counts)
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
