"""The generated file in NanoAOD's layout."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

from benchmarks import nanoaod_like
from benchmarks.generated_rows import rounded


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    path = tmp_path_factory.mktemp("generated") / "events.root"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nanoaod_like, "CLUSTER", 1000)
        patch.setattr(nanoaod_like, "COMPRESSION", uproot.LZMA(1))
        nanoaod_like.write(path, 1500)
    return uproot.open(path)["Events"]


def test_clusters_have_seeds_of_their_own(tree):
    first = nanoaod_like.events(1000)
    assert ak.array_equal(tree["Jet_pt"].array(entry_stop=1000), first["Jet"].pt)
    assert ak.array_equal(
        tree["Jet_pt"].array(entry_start=1000), nanoaod_like.events(500, first=1000)["Jet"].pt
    )
    assert not ak.array_equal(nanoaod_like.events(500, seed=1)["Jet"].pt, first["Jet"].pt[:500])


def test_indices_lead_to_partners(tree):
    generator, jets, muons = (
        tree.arrays(filter_name=f"{name}_*") for name in ("GenJet", "Jet", "Muon")
    )
    found = jets.Jet_genJetIdx >= 0
    partner = generator.GenJet_eta[jets.Jet_genJetIdx[found]]
    assert np.std(ak.flatten(partner - jets.Jet_eta[found])) < 0.05
    holding = jets.Jet_muonIdx1 >= 0
    back = muons.Muon_jetIdx[jets.Jet_muonIdx1[holding]]
    assert ak.all(back == ak.local_index(jets.Jet_pt)[holding])


def test_flags_are_cuts_of_other_columns(tree):
    muons = tree.arrays(filter_name="Muon_*")
    passed = sum(ak.values_astype(muons.Muon_pfRelIso04_all < cut, int)
                 for cut in (0.40, 0.25, 0.20, 0.15, 0.10, 0.05))  # fmt: skip
    assert ak.all(muons.Muon_pfIsoId == passed)
    jets = tree.arrays(filter_name="Jet_*")
    assert ak.all(jets.Jet_puId[jets.Jet_pt > 50] == 7)
    shares = sum(jets[f"Jet_{name}"] for name in ("chHEF", "neEmEF", "neHEF", "chEmEF", "muEF"))
    assert ak.all(shares < 1.02)


def test_trigger_bits(tree):
    bits = tree.arrays(filter_name="HLT_*", library="np")
    rates = np.array([values.mean() for values in bits.values()])
    assert len(rates) == 200
    assert (rates == 0).any()
    assert (rates > 0.05).any()


def test_mantissas_are_rounded_to_nearest():
    values = np.random.default_rng(1).normal(size=1000).astype(np.float32)
    short = rounded(values, 10)
    assert not (short.view(np.uint32) & 0x1FFF).any()
    assert np.abs(short / values - 1).max() <= 2**-11
