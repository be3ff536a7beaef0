"""Names of files, as uproot accepts them."""

from __future__ import annotations

from pathlib import Path

import pytest

import atlasae
from atlasae.errors import (
    MissingFileError,
)
from tests.root.helpers import assert_alike


def test_files_are_named_as_uproot_takes_them(folder, blocks_file, monkeypatch):
    expected = atlasae.concatenate(f"{blocks_file}:Events", "Jet_pt")
    monkeypatch.chdir(folder)
    one = folder / "part1.root"
    for files in (
        "part1.root:Events",
        "part[1].root:Events",
        ["part1.root:Events"],
        {Path("part1.root"): "Events"},
        f"file://{one}:Events",
        f"simplecache::file://{one}:Events",
    ):
        assert_alike(atlasae.concatenate(files, "Jet_pt"), expected)
    assert_alike(atlasae.concatenate(one, "Jet_pt"), expected)  # of the trees, Events
    assert len(atlasae.concatenate(["part?.root:Events"], "Jet_pt")) == 3 * len(expected)
    assert len(atlasae.concatenate([f"file://{folder}/*.root:Events"], "run")) == 3 * len(expected)
    with pytest.raises(MissingFileError, match="no file matches 'none"):
        atlasae.concatenate("none*.root:Events")
