"""Blocks of columns whose values depend on each other, and what their models do with them."""

from __future__ import annotations

import awkward as ak
import numpy as np

from atlasae.columns.fitting import fit_block_model
from atlasae.columns.serialization import read_block_model, write_block_model
from atlasae.lossless.columns import NOTHING_LEARNED, CollectedBuffers, pack, same_bits, unpack
from atlasae.lossless.slots import slots_of

SPECIAL = [0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1e-45, -3.4e38]


def types_of(arrays):
    return {name: str(array.type.content) for name, array in arrays.items()}


def buffers_of(arrays):
    """The buffers of a block."""
    return CollectedBuffers(arrays).buffers


def events(seed, entries=300, jets=2.0):
    """Columns of every kind: flags, sums, links forwards and backwards, nested lists, options."""
    rng = np.random.default_rng(seed)
    n_jet, n_gen = rng.poisson(jets, entries), rng.poisson(jets, entries)
    n_part = rng.poisson(4 * jets, entries)
    gen_pt = rng.exponential(30, n_gen.sum()).astype("f4")
    index = np.array(
        [rng.integers(-1, max(g, 1)) for n, g in zip(n_jet, n_gen, strict=True) for _ in range(n)]
    ).astype("i4")
    index[rng.random(len(index)) < 0.02] = rng.choice([-(1 << 31), (1 << 31) - 1, 1000])
    firsts = np.repeat(np.cumsum(n_gen) - n_gen, n_jet)
    found = (index >= 0) & (index < np.repeat(n_gen, n_jet))
    matched = np.append(gen_pt, 0)[np.where(found, firsts + index, -1)]
    pt = (matched * rng.normal(1, 0.01, len(index)) + ~found * 20).astype("f4")
    pt[rng.random(len(pt)) < 0.02] = rng.choice(SPECIAL)
    ranks = np.arange(n_part.sum()) - np.repeat(np.cumsum(n_part) - n_part, n_part)
    mothers = (rng.random(len(ranks)) * ranks).astype("i2") - (ranks == 0)
    wild = rng.random(len(ranks)) < 0.05  # forwards, to themselves, to nothing
    mothers[wild] = (ranks + rng.integers(-1, 3, len(ranks)))[wild]
    pdg = rng.choice([21, 1, -1, 2, 22, 511], len(ranks)).astype("i4")
    for i in np.flatnonzero((rng.random(len(ranks)) < 0.7) & (mothers >= 0) & (mothers < ranks)):
        pdg[i] = pdg[i - ranks[i] + mothers[i]]
    met = rng.exponential(40, entries)
    lists = ak.unflatten
    flag = met > 60
    inner = rng.poisson(1.5, n_jet.sum())
    return {
        "run": ak.Array(np.full(entries, 1 + seed, "u4")),
        "event": ak.Array(np.sort(rng.integers(1 << 40, 1 << 62, entries)).astype("u8")),
        "nJet": ak.Array(n_jet.astype("u4")),
        "nGenJet": ak.Array(n_gen.astype("u4")),
        "MET_pt": ak.Array(met.astype("f4")),
        "MET_double": ak.Array(met),
        "HLT_a": ak.Array(flag),
        "HLT_b": ak.Array(flag ^ (rng.random(entries) < 0.02)),
        "HLT_c": ak.Array(np.ones(entries, bool)),
        "HLT_d": ak.Array(rng.random(entries) < seed % 2),
        "Jet_pt": lists(pt, n_jet),
        "Jet_genJetIdx": lists(index, n_jet),
        "Jet_id": lists((pt > 30).astype("u1") * 6, n_jet),
        "Jet_tight": lists(pt > 30, n_jet),
        "Jet_bits": lists((pt > 30) * np.uint32(1 << 31) + np.uint32(seed), n_jet),
        "Jet_cells": lists(lists(rng.integers(0, 5, inner.sum()).astype("u1"), inner), n_jet),
        "GenJet_pt": lists(gen_pt, n_gen),
        "GenPart_genPartIdxMother": lists(mothers, n_part),
        "GenPart_pdgId": lists(pdg, n_part),
        "GenPart_status": lists((abs(pdg) + (mothers < 0)).astype("i8") << 40, n_part),
        "maybe": ak.mask(ak.Array(met.astype("f4")), flag),
        "record": ak.zip({"x": met.astype("f4"), "y": (met * 2).astype("f4")}),
        "fixed": ak.from_regular(ak.to_regular(np.stack([met, met + 1], axis=1).astype("f4"))),
        "text": ak.Array([f"run {one:d}" for one in [*flag, 0]])[:-1],
    }  # fmt: skip


def fitted(arrays, uses=1.0):
    """The models of columns, as they are read from their stored form."""
    types = types_of(arrays)
    slots = slots_of(types.values())
    names = [name for name, of in zip(types, slots, strict=True) for _ in of]
    model = fit_block_model(names, buffers_of(arrays), uses)
    return read_block_model(write_block_model(model), [slot.dtype for of in slots for slot in of])


def assert_comes_back(arrays, learned=NOTHING_LEARNED, wanted=None):
    """Pack and unpack columns, all and each alone; gives the packed bytes."""
    packed, types = pack(arrays, learned), types_of(arrays)
    entries = len(next(iter(arrays.values())))
    for names in (None, *((name,) for name in (arrays if wanted is None else wanted))):
        for name, array in unpack(packed, types, entries, names, learned).items():
            assert array.type == arrays[name].type or "unknown" in str(array.type)
            assert same_bits(array, arrays[name]), name
    return packed
