"""Ordinary files with rounded values."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot
from click.testing import CliRunner

import atlasae
from atlasae.cli import main
from atlasae.errors import DamagedFileError, InputError, MissingNameError
from atlasae.root.restoring import export as module
from tests.helpers import compress, make_jets, write_events

JETS = ("Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    jets = make_jets(600)
    jets["pt"][:3] = [np.nan, np.inf, 0]
    return write_events(folder / "events.root", jets, np.full(300, 2))


def values(path, name):
    with uproot.open(path) as file:
        return ak.to_numpy(ak.flatten(file["Events"][name].array(), axis=None))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("to", ["same", "rntuple"])
def test_momenta_are_rounded_and_nothing_else(source, tmp_path, packed, to):
    given, target = source, tmp_path / "rounded.root"
    if packed:
        given = tmp_path / "small.root"
        compress(source, given, pack="all")
    exported = atlasae.export(given, target, to=to)
    assert exported.tolerances == {
        f"Events:{name}": "rel(0.001)" if name in ("Jet_pt", "Jet_mass") else "abs_(0.001)"
        for name in JETS
    }
    assert exported.left_out == {}
    assert exported.file_bytes == target.stat().st_size
    found = {f.name: f.verdict for f in atlasae.check(source, target, tolerance=1e-3).findings}
    assert {name for name, verdict in found.items() if verdict == "within tolerance"} == {*JETS}
    with pytest.raises(InputError, match="not compressed"):
        atlasae.info(target)


def test_rounding_saves_and_shifts_nothing(source, tmp_path):
    target = tmp_path / "rounded.root"
    exported = atlasae.export(source, target, tolerance="pt=1e-2,eta=1e-2")
    sizes = {size.name: size.after / size.before for size in exported.rounded}
    assert sizes["Jet_pt"] < 0.6
    before, after = values(source, "Jet_pt"), values(target, "Jet_pt")
    np.testing.assert_array_equal(before[:3].view("u4"), after[:3].view("u4"))
    shifts = after[3:].astype(float) / before[3:] - 1
    assert abs(shifts).max() <= 1e-2
    assert abs(shifts.mean()) < 5 * shifts.std() / np.sqrt(len(shifts))


def test_the_selection_counts(source, tmp_path):
    select = atlasae.Selection(keep_branches="Jet_phi", drop="weights")
    exported = atlasae.export(source, tmp_path / "a.root", select=select)
    assert {size.name for size in exported.rounded} == {"Jet_pt", "Jet_eta", "Jet_mass"}
    assert exported.left_out == {"Events:weights": "left out as requested"}
    with pytest.raises(MissingNameError, match="no branch 'Jet_ph'"):
        atlasae.export(
            source, tmp_path / "b.root", select=atlasae.Selection(keep_branches="Jet_ph")
        )
    assert [path.name for path in tmp_path.iterdir()] == ["a.root"]


def test_what_is_not_within_the_tolerance_is_no_target(source, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "rounded", lambda numbers, _: numbers * np.float32(1.01))
    with pytest.raises(DamagedFileError, match=r"does not agree: .*Events:Jet_pt differs"):
        atlasae.export(source, tmp_path / "rounded.root")
    assert not list(tmp_path.iterdir())


def test_the_command_reports_sizes(source, tmp_path):
    target = tmp_path / "rounded.root"
    result = CliRunner().invoke(main, ["export", str(source), str(target), "--tolerance", "1e-2"])
    assert result.exit_code == 0
    assert "Events: Jet_pt" in result.output
    assert f"{target.stat().st_size:,} bytes" in result.output
    again = CliRunner().invoke(main, ["export", str(source), str(target)])
    assert again.exit_code == 2
    assert "--force" in again.output


def test_any_root_reads_it(source, tmp_path, root):
    target = tmp_path / "rounded.root"
    atlasae.export(source, target)
    frame = root.RDataFrame("Events", str(target))
    read = np.concatenate([np.asarray(row) for row in frame.AsNumpy(["Jet_eta"])["Jet_eta"]])
    np.testing.assert_array_equal(read, values(target, "Jet_eta"))
