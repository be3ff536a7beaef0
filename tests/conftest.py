"""Fixtures that the tests share."""

from __future__ import annotations

import awkward as ak
import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import settings

from atlasae import Codec
from tests.helpers import SHARED, compress, make_jets, write_events

mpl.use("Agg")
settings.register_profile("atlasae", deadline=None)  # kernels are compiled within some example
settings.load_profile("atlasae")


@pytest.fixture(scope="session")
def shared_data():
    """The folder of data to measure on, where this checkout stands beside it."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("the data to measure on are not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def root():
    """The real ROOT: the judge of what is written, which no library of this package wrote."""
    module = pytest.importorskip("ROOT", reason="ROOT is not installed: pip install root")
    module.gROOT.SetBatch(True)
    return module


@pytest.fixture(scope="session")
def jets():
    return make_jets(1000)


@pytest.fixture(scope="session")
def counts():
    """Numbers of jets an event that sum to 1,000, empty events among them."""
    drawn = np.random.default_rng(1).poisson(2, 2000)
    inside = drawn[: np.searchsorted(np.cumsum(drawn), 1000)]
    return np.append(inside, 1000 - inside.sum())


@pytest.fixture(scope="session")
def events(jets, counts):
    return ak.unflatten(ak.zip(jets), counts)


@pytest.fixture(scope="session")
def codec(jets):
    """A small trained codec."""
    return Codec.autoencoder(network=(16, 8), epochs=4, batch_size=64).fit(jets)


@pytest.fixture(scope="session")
def events_file(tmp_path_factory, jets, counts):
    return write_events(tmp_path_factory.mktemp("events") / "events.root", jets, counts)


@pytest.fixture(scope="session")
def compressed_file(tmp_path_factory, events_file):
    import atlasae

    path = tmp_path_factory.mktemp("compressed") / "small.root"
    trained = Codec.autoencoder(network=(16, 8), epochs=4, batch_size=64).fit(
        atlasae.read_jets(events_file)
    )
    compress(events_file, path, codec=trained)
    return path
