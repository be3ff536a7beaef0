"""Jets and files that the tests make themselves."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import uproot

import atlasae

REPOSITORY = Path(__file__).parents[1]
SHARED = REPOSITORY.parent / "shared"  # data to measure on, where they stand beside this checkout


def compress(source, target, *, pack="none", codec=None, **options):
    """Compress the momenta alone, or every branch without loss, into a target of any size.

    Most tests look at a part of what ``atlasae.compress`` does, in files of few entries.
    """
    tolerance = "lossless" if pack == "all" else "default"
    codec = atlasae.Codec.bounded(tolerance=tolerance) if codec is None else codec
    return atlasae.compress(source, target, pack=pack, codec=codec, allow_larger=True, **options)


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


def write_nanoaod(path, events, seed=0):
    """A file in NanoAOD's layout whose jets know their generator jets, every second of which is lost."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(2, events)
    jets = make_jets(int(counts.sum()), seed)
    partners = ak.local_index(ak.unflatten(jets["pt"], counts))
    features = {"pt": "pt", "eta": "eta", "phi": "phi", "mass": "m"}
    data = {
        "run": np.ones(events, np.uint32),
        "luminosityBlock": np.full(events, seed, np.uint32),
        "event": np.arange(events, dtype=np.uint64),
        "genWeight": rng.normal(1, 0.1, events).astype(np.float32),
        **{f"Jet_{n}": ak.unflatten(jets[f], counts) for n, f in features.items()},
        "Jet_genJetIdx": ak.values_astype(ak.where(partners % 2 == 0, partners, -1), np.int32),
    }
    data["GenPart_pdgId"] = ak.values_astype(data["Jet_genJetIdx"], np.int32)
    for kind in ("GenJet", "GenPart"):
        for name in features:
            data[f"{kind}_{name}"] = data[f"Jet_{name}"] * np.float32(1.01)
    types = {
        name: f"var * {values.type.content.content}" if name.count("_") else values.dtype
        for name, values in data.items()
    }
    with uproot.recreate(path) as file:
        tree = file.mktree("Events", types, counter_name=lambda name: f"n{name.partition('_')[0]}")
        tree.extend(data)
    return path
