"""Published working points of b-jet taggers: the cuts on a score that analyses use."""

from __future__ import annotations

from atlasae.errors import InputError, suggestion

LEVELS = ("loose", "medium", "tight")  #: 10 %, 1 % and 0.1 % of light jets pass

#: Thresholds of ``LEVELS`` by score and by campaign, as CMS names its corrections. The source is CMS BTV,
#: https://btv-wiki.docs.cern.ch/ScaleFactors/. Each number stands as here in the configuration of two
#: public analyses: ``hbw/config/config_run2.py`` of https://github.com/uhh-cms/hh2bbww and
#: ``hbt/config/configs_hbt.py`` of https://github.com/uhh-cms/hh2bbtautau. Those of 2016 to 2018 stand also
#: in ``objectSelection/bTagWP.cc`` of https://github.com/wverbeke/ewkino.
WORKING_POINTS: dict[str, dict[str, tuple[float, float, float]]] = {
    "btagDeepFlavB": {
        "2016preVFP_UL": (0.0508, 0.2598, 0.6502),
        "2016postVFP_UL": (0.0480, 0.2489, 0.6377),
        "2017_UL": (0.0532, 0.3040, 0.7476),
        "2018_UL": (0.0490, 0.2783, 0.7100),
        "2022_Summer22": (0.0583, 0.3086, 0.7183),
        "2022_Summer22EE": (0.0614, 0.3196, 0.7300),
        "2023_Summer23": (0.0479, 0.2431, 0.6553),
        "2023_Summer23BPix": (0.0480, 0.2435, 0.6563),
    }
}


def working_point(score: str, name: str) -> float:
    """The threshold of a score at a working point.

    Args:
        score: name of a branch, or the feature of it, such as ``Jet_btagDeepFlavB``.
        name: campaign and level, such as ``2018_UL:medium``.

    Raises:
        InputError: there is no such score, or no such working point of it.

    Example:
        >>> working_point("Jet_btagDeepFlavB", "2018_UL:medium")
        0.2783
    """
    of_score = [campaigns for known, campaigns in WORKING_POINTS.items() if score.endswith(known)]
    if not of_score:
        raise InputError(
            f"no working points of {score!r} are known, only of {', '.join(WORKING_POINTS)}: give"
            f" a number in place of {name!r}"
        )
    known = {
        f"{campaign}:{level}": threshold
        for campaign, thresholds in of_score[0].items()
        for level, threshold in zip(LEVELS, thresholds, strict=True)
    }
    if name not in known:
        raise InputError(f"no working point {name!r} of {score!r}{suggestion(name, known)}")
    return known[name]
