"""What the comparison of promises counts, and that other tools keep what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from atlasae.quantization.fitting import fit_quantizer
from atlasae.quantization.tolerance import abs_, rel
from benchmarks import anchor_tools, peers
from benchmarks.anchors import effects
from benchmarks.anchors_table import kept, sizes_and_speeds
from benchmarks.tools import Column, NotApplicableError


def column(tolerance):
    rng = np.random.default_rng(0)
    values = (20 + rng.exponential(30, 5_000)).astype(np.float32)
    quantizer = fit_quantizer(values, tolerance)
    return Column(values, quantizer.to_integers(values), quantizer, tolerance)


def test_effects_are_counted():
    original = np.array([50, 30, 35, 35, 40, 25, 22], np.float32)
    decoded = np.array([50, 30.02, 35.01, 35, 25, 25, 22], np.float32)
    found = effects(original, decoded, np.array([2, 2, 0, 2, 1]))
    assert found["across_cut"] == 2
    assert found["across_edges"] == 1
    assert found["pairs"] == 2
    assert found["distinct"] == 6
    assert found["fine_bins"] == pytest.approx(0.1)  # one of 100 bins has lost its one jet
    wanted = np.mean((decoded - original) / original) / 1e-3
    assert found["mean_error"] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "make", [anchor_tools.truncated_by_root, anchor_tools.quantized_by_root], ids=["trunc", "quant"]
)
def test_root_keeps_the_tolerance_with_some_bits(make):
    pytest.importorskip("ROOT", reason="ROOT is not installed: pip install root")
    of = column(rel(1e-3))
    best = peers.best(make("ZSTD-5")(of), "pt", of)
    assert best.error <= 1
    assert 0 < best.size < of.values.nbytes


@pytest.mark.parametrize("tolerance", [rel(1e-3), rel(1e-3, floor=1.0), abs_(1e-3)])
@pytest.mark.parametrize("promise", anchor_tools.PROMISES)
def test_safeguards_keep_the_promise(promise, tolerance):
    for package in ("numcodecs_safeguards", "pysz"):
        pytest.importorskip(package, reason=f"{package} is not installed: make bench")
    of = column(tolerance)
    trial = peers.best(anchor_tools.safeguarded(promise)(of), "pt", of).trial
    found = effects(of.values, trial.restore(trial.unpack(trial.pack())), np.array([2] * 2_500))
    if "order" in promise:
        assert found["pairs"] == 0
    if "30" in promise:
        assert found["across_cut"] == 0
    if "bins" in promise:
        assert found["across_edges"] == 0


def test_without_a_copy_of_lc_it_is_not_measured():
    with pytest.raises(NotApplicableError, match="--lc"):
        next(anchor_tools.lc(None)(column(rel(1e-3))))


def test_tables_have_a_row_for_each_tool():
    speeds = {what: {"encode": 50.0, "decode": 500.0} for what in ("pt", "all")}
    row = {
        "tool": "atlasae", "promise": "bound", "settings": {}, "bytes": {"pt": 1_000, "all": 5_000},
        "worst": 0.5, "across_cut": 3, "across_edges": 4, "pairs": 5, "distinct": 1_234,
        "fine_bins": 0.07, "mean_error": -0.01, "speed": speeds,
    }  # fmt: skip
    result = {
        "rows": [row, {"tool": "LC", "promise": "bound", "note": "not measured: no copy"}],
        "jets": 1_000, "timed_jets": 2_000, "versions": {"zlib": "1"}, "zlib-6": speeds,
        "machine": {"processor": "a processor"},
    }  # fmt: skip
    assert "| **atlasae** | bound | 0.5000 | 3 | 4 | 5 | 1,234 | 7.0% | -0.010 |" in kept(result)
    table = sizes_and_speeds(result)
    assert "| **atlasae** | bound | 1.000 | 5.000 | 1.0 | 1.0 | 1.0 | 1.0 |" in table
    assert "- LC: not measured: no copy." in table
    for lines in (kept(result).splitlines(), table.split("\n\n")[0].splitlines()):
        assert len({line.count("|") for line in lines}) == 1
