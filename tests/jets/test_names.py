from __future__ import annotations

import numpy as np

from atlasae.jets.names import energy_unit, four_vector, role


def test_roles_and_order():
    assert four_vector(["eta", "phi", "PT", "Mass", "area"]) == ("Mass", "PT", "phi", "eta")
    assert four_vector(["eta", "phi", "pt"]) is None
    assert role("btag") is None


def test_the_unit_is_told_from_the_size():
    assert energy_unit(np.array([20.0, 50.0, 900.0])) == "GeV"
    assert energy_unit(np.array([20e3, 50e3, np.nan])) == "MeV"
