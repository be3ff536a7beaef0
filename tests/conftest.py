"""Jets and files that the tests make themselves."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import matplotlib as mpl
import numpy as np
import pytest
import uproot

from atlasae import Codec

mpl.use("Agg")

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data():
    """The folder of data to measure on, where this checkout stands beside it."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("the data to measure on are not beside this checkout")
    return folder


def make_jets(n, seed=0, unit=1.0):
    """Jets with a falling pt, a mass that follows it, flat phi, central eta; float32."""
    rng = np.random.default_rng(seed)
    pt = 20 * (1 + rng.pareto(3, n)) * unit
    return {
        "m": (pt * rng.uniform(0.05, 0.2, n)).astype(np.float32),
        "pt": pt.astype(np.float32),
        "phi": rng.uniform(-np.pi, np.pi, n).astype(np.float32),
        "eta": rng.normal(0, 1.8, n).clip(-4.9, 4.9).astype(np.float32),
    }


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
    return Codec.autoencoder(hidden=(16, 8)).fit(jets, epochs=4, batch_size=64)


def write_events(path, jets, counts, **options):
    """A file in NanoAOD's layout, with branches of many types beside the jets."""
    n = len(counts)
    rng = np.random.default_rng(2)
    columns = {"Jet_pt": "pt", "Jet_eta": "eta", "Jet_phi": "phi", "Jet_mass": "m"}
    muons = rng.poisson(1, n)
    flags = rng.integers(0, 2, len(jets["pt"])).astype(bool)
    data = {
        "event": np.arange(n, dtype=np.int64) * 10**12,
        "run": rng.integers(0, 2**32, n).astype(np.uint32),
        "isGood": rng.integers(0, 2, n).astype(bool),
        "MET_pt": np.where(np.arange(n) % 7 == 0, np.nan, rng.normal(50, 10, n)).astype(np.float32),
        "weights": rng.normal(size=(n, 3)),
        **{branch: ak.unflatten(jets[name], counts) for branch, name in columns.items()},
        "Jet_isTight": ak.unflatten(flags, counts),
        "Muon_charge": ak.unflatten(rng.choice([-1, 1], muons.sum()).astype(np.int32), muons),
        "trigger": ak.Array([f"path{i % 3}" for i in range(n)]),
    }
    types = {
        "event": np.dtype("i8"), "run": np.dtype("u4"), "isGood": np.dtype("?"),
        "MET_pt": np.dtype("f4"), "weights": np.dtype(("f8", (3,))),
        **dict.fromkeys(columns, "var * float32"),
        "Jet_isTight": "var * bool", "Muon_charge": "var * int32", "trigger": "string",
    }  # fmt: skip
    with uproot.recreate(path, **options) as file:
        tree = file.mktree(
            "Events", types, title="the events",
            counter_name=lambda name: "nMuon" if name.startswith("Muon") else "nJet",
        )  # fmt: skip
        half = n // 2
        for part in (slice(0, half), slice(half, n)) if n else ():
            tree.extend({name: values[part] for name, values in data.items()})
        runs = file.mktree("more/Runs", {"run": np.dtype("u4")})
        runs.extend({"run": np.arange(5, dtype=np.uint32)})
        file["cutflow"] = np.histogram(data["MET_pt"], bins=10, range=(0, 100))
        file["note"] = "made by a test"
    return path


@pytest.fixture(scope="session")
def events_file(tmp_path_factory, jets, counts):
    return write_events(tmp_path_factory.mktemp("events") / "events.root", jets, counts)


@pytest.fixture(scope="session")
def compressed_file(tmp_path_factory, events_file):
    import atlasae

    path = tmp_path_factory.mktemp("compressed") / "small.root"
    trained = Codec.autoencoder(hidden=(16, 8)).fit(
        atlasae.read_jets(events_file), epochs=4, batch_size=64
    )
    atlasae.compress(events_file, path, codec=trained)
    return path
