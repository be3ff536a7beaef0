"""What a fit of jets uses, and what it stores."""

from __future__ import annotations

import numpy as np

from atlasae.density.jet_density_fitting import fit_jet_density
from atlasae.density.jet_ranks import RANK_GROUPS
from tests.density.quantized_jets import integers, layout


def total(columns, counts, **options):
    """The cross-entropy of each feature, in bits summed over the jets."""
    density = fit_jet_density(layout(), columns, counts, **options)
    return {name: of.sum() for name, of in density.code_lengths(columns, counts).items()}


def test_earlier_jets_are_of_use():
    """Second jets that have nearly the eta of the first cost less."""
    rng = np.random.default_rng(0)
    columns = integers(4000)
    near = columns["eta"][::2] + rng.integers(-3, 4, 2000)
    columns["eta"][1::2] = near
    counts = np.full(2000, 2)
    alone, fitted = total(columns, None, uses=1e9), total(columns, counts, uses=1e9)
    assert alone["eta"] - fitted["eta"] > 1.0 * 2000


def test_jets_that_recoil_cost_less():
    rng = np.random.default_rng(0)
    columns, half = integers(8000), layout().circle // 2
    opposite = columns["phi"][::2] + half + rng.integers(-20, 21, 4000)
    columns["phi"][1::2] = (opposite + half) % layout().circle - half
    alone, fitted = total(columns, None), total(columns, np.full(4000, 2))
    assert alone["phi"] - fitted["phi"] > 4.0 * 4000


def test_a_group_like_an_earlier_one_is_not_stored_again():
    columns, counts = integers(3000), np.full(1000, 3)
    density = fit_jet_density(layout(), columns, counts)
    stored = {group for group, feature in density.conditionals if feature == "m"}
    assert stored == {RANK_GROUPS[0]}


def test_the_caller_hears_of_each_fit():
    heard = []
    note = lambda *fitted: heard.append(fitted)
    fit_jet_density(layout(), integers(600), np.full(200, 3), progress=note)
    assert len(heard) == len(set(heard)) == 3 * 4 + 1
