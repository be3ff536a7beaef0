from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasae.errors import InputError
from atlasae.jets.observables import (
    OBSERVABLES,
    dijet_mass_resolution,
    jet_energy_resolution,
    observables,
)
from atlasae.jets.per_event import largest_two
from atlasae.jets.table import to_records, to_table
from tests.helpers import make_jets


@pytest.fixture
def events():
    return to_records(to_table(ak.unflatten(ak.zip(make_jets(600)), 3)))


def test_the_leading_jets_are_those_of_the_largest_pt(events):
    derived = observables(events)
    assert derived.keys() == OBSERVABLES.keys()
    np.testing.assert_allclose(derived["leading_pt"], ak.max(events.pt, axis=1))
    turned = observables(events[:, ::-1])
    np.testing.assert_allclose(turned["m_jj"], derived["m_jj"])


def test_a_mass_of_back_to_back_jets():
    jets = ak.Array({"pt": [[50.0, 50.0]], "eta": [[0.0, 0.0]], "phi": [[0.0, np.pi]]})
    derived = observables(jets)
    assert derived["m_jj"] == pytest.approx(100)
    assert derived["delta_phi"] == pytest.approx(np.pi)
    assert derived["h_t"] == pytest.approx(100)


def test_energies_come_in_gev(events):
    in_mev = ak.zip({n: events[n] * (1000 if n in ("m", "pt") else 1) for n in events.fields})
    for name, values in observables(in_mev).items():
        np.testing.assert_allclose(values, observables(events)[name], rtol=1e-5)


def test_events_with_fewer_than_two_jets_are_left_out(events):
    some = ak.concatenate([events[:10], events[10:15, :1], events[15:20, :0]])
    assert len(observables(some)["m_jj"]) == 10


def test_jets_without_dijets_are_refused(events):
    with pytest.raises(InputError, match="not grouped by event"):
        observables(make_jets(5))
    with pytest.raises(InputError, match="no event has two jets"):
        observables(events[:, :1])
    with pytest.raises(InputError, match=r"no momentum such as .*: pt, eta$"):
        observables(ak.zip({"pt": events.pt, "eta": events.eta}))


def test_the_resolution_falls_to_its_constant_term():
    pt = np.array([20.0, 100.0, 1e6])
    resolution = jet_energy_resolution(pt)
    assert np.all(np.diff(resolution) < 0)
    assert resolution[-1] == pytest.approx(0.03, rel=1e-3)
    np.testing.assert_allclose(dijet_mass_resolution(2 * pt), resolution / np.sqrt(2))


@given(st.lists(st.lists(st.sampled_from([1.0, 2.0, 3.0, np.nan, np.inf, -np.inf]), max_size=4)))
def test_the_two_largest_are_found_sorted_or_not(events):
    values = np.array([value for event in events for value in event])
    counts = np.array([len(event) for event in events], np.int64)
    for first, second, event in zip(*largest_two(values, counts), events, strict=True):
        ordered = sorted((value for value in event if not np.isnan(value)), reverse=True)
        found = [values[position] for position in (first, second) if position >= 0]
        assert found == ordered[:2]
        assert first != second or first == -1


def test_of_equal_jets_the_first_leads():
    for values in ([3.0, 3.0, 3.0], [1.0, 3.0, 3.0]):
        first, second = largest_two(np.array(values), np.array([3]))
        assert values[first[0]] == values[second[0]] == 3
        assert first[0] < second[0]
