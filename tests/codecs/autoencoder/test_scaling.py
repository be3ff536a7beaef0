from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasae.codecs.autoencoder.scaling import SCALINGS, Scaling
from atlasae.jets.table import to_table


def outputs(scaled, scaling):
    """What a network should give for scaled features: for an angle its cosine and its sine."""
    angles = scaled[:, list(scaling.angles)]
    wanted = np.hstack([scaled, np.sin(angles)])
    wanted[:, list(scaling.angles)] = np.cos(angles)
    return wanted


@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize("unit", ["GeV", "MeV"])
def test_scalings_invert_and_bring_jets_to_order_one(kind, unit, jets):
    x = to_table(jets).matrix()
    x[:, :2] *= 1000 if unit == "MeV" else 1
    x[0, 0], x[1, 0] = 0.0, -0.05
    scaling = Scaling.fit(kind, list(jets), x, unit)
    y = scaling.forward(x)
    assert y.dtype == np.float32
    assert np.abs(np.median(y, axis=0)).max() < 2
    assert outputs(y, scaling).shape == (len(x), scaling.outputs)
    back = scaling.inverse(outputs(y, scaling))
    np.testing.assert_allclose(back, x, rtol=2e-6, atol=1e-5 * x.std())
    np.testing.assert_array_equal(Scaling.from_json(scaling.to_json()).forward(x), y)


def test_the_lund_scaling_is_its_formula():
    x = np.array([[10.0, 100.0, 1.5, 2.5]])
    for unit, factor in (("GeV", 1), ("MeV", 1000)):
        scaled = Scaling.fit("lund", ["m", "pt", "phi", "eta"], x * [factor, factor, 1, 1], unit)
        y = scaled.forward(x * [factor, factor, 1, 1])
        wanted = [np.log10(11) / 1.8, (2 - 1.3) / 1.2, 0.5, 0.5]
        np.testing.assert_allclose(y[0], wanted, atol=1e-5)


def test_errors_of_the_physics_scaling_are_relative_and_in_radians():
    x = np.array([[10.0, 100.0, 3.1, 2.5], [20.0, 50.0, -3.1, -1.0]])
    scaling = Scaling.fit("physics", ["mass", "pt", "phi", "eta"], x, "GeV")
    moved = x * [1.02, 1.01, 1, 1] + [0, 0, 0.01, 0.01]
    errors = scaling.forward(moved) - scaling.forward(x)
    np.testing.assert_allclose(errors, 0.01, rtol=0.03)
    turned = x + np.array([0, 0, 2 * np.pi, 0])
    np.testing.assert_allclose(scaling.forward(turned), scaling.forward(x), atol=1e-6)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20), st.sampled_from(SCALINGS))
def test_a_scaling_of_anything_finite_is_finite(values, kind):
    x = np.array(values)[:, None]
    scaling = Scaling.fit(kind, ["m"], x, "GeV")
    assert np.isfinite(scaling.forward(x)).all()
    close = 1e-3 * np.ptp(x) + 1e-6 * np.abs(x).max() + 1e-9
    np.testing.assert_allclose(scaling.inverse(scaling.forward(x)), x, rtol=1e-4, atol=close)
