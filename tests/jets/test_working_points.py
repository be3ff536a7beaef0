from __future__ import annotations

import re

import pytest

from atlasae.errors import InputError
from atlasae.jets.working_points import LEVELS, WORKING_POINTS, working_point
from tests.helpers import REPOSITORY


def test_a_tighter_level_has_a_higher_threshold():
    for campaigns in WORKING_POINTS.values():
        for thresholds in campaigns.values():
            assert len(thresholds) == len(LEVELS)
            assert 0 < thresholds[0] < thresholds[1] < thresholds[2] < 1


def test_the_documentation_has_the_same_numbers():
    page = (REPOSITORY / "docs/how-to/cuts.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\d+\w+)` \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", page, re.MULTILINE)
    table = {name: tuple(map(float, thresholds)) for name, *thresholds in rows}
    assert table == WORKING_POINTS["btagDeepFlavB"]


@pytest.mark.parametrize(
    ("score", "name", "message"),
    [
        ("Jet_btagDeepFlavB", "2018UL:medium", "did you mean '2018_UL:medium'"),
        ("Jet_btagDeepFlavB", "2018_UL:medum", "did you mean '2018_UL:medium'"),
        ("Jet_btagCSVV2", "2018_UL:medium", "no working points of 'Jet_btagCSVV2' are known"),
    ],
)
def test_what_is_not_there_is_named(score, name, message):
    with pytest.raises(InputError, match=message):
        working_point(score, name)
