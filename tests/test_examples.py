"""The examples run, on small samples."""

from __future__ import annotations

import re
import runpy
import sys

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import uproot
from nbclient import NotebookClient

import atlasae
from tests.helpers import REPOSITORY, compress, write_nanoaod

EXAMPLES = REPOSITORY / "examples"
LONGEST = 60  # lines


@pytest.fixture
def run(monkeypatch, capsys):
    """A function that runs an example with arguments and returns what it prints."""

    def invoke(name, *arguments):
        path = EXAMPLES / name
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
        runpy.run_path(str(path), run_name="__main__")
        return capsys.readouterr().out

    return invoke


@pytest.mark.parametrize(
    "name", ["train_variants", "nanoaod_compress", "custom_features", "coffea_dijets"]
)
def test_the_examples_are_short(name):
    assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) < LONGEST


def test_variants_are_trained_by_name(run, events_file, tmp_path):
    shown = run(
        "train_variants.py", "softmax", "l2", "--jets", events_file, "--epochs", 1, "-o", tmp_path
    )
    assert [line.partition(":")[0] for line in shown.splitlines() if "loss" in line] == [
        "softmax", "l2",
    ]  # fmt: skip
    assert shown.count("68 % within") == 8
    assert {"softmax_losses.png", "l2_pt.png"} <= {path.name for path in tmp_path.iterdir()}


def test_nanoaod_is_compressed_within_its_precision(run, events_file, tmp_path):
    shown = run("nanoaod_compress.py", events_file, tmp_path / "small.root")
    assert "Events/Jet: " in shown
    before, after = (atlasae.read_jets(p) for p in (events_file, tmp_path / "small.root"))
    for feature, result in atlasae.metrics.residuals(before, after).items():
        assert f"{feature} " in shown
        assert np.all(result.maximum <= (2.0**-13 * np.pi if feature == "phi" else 2.0**-10))


def test_seven_features_keep_their_tolerances(run):
    shown = run("custom_features.py", "--events", 300).splitlines()
    assert len(shown) == 8
    assert "multiplicity" in shown[6]
    assert "all within 0 " in shown[6]
    assert shown[7].endswith("bits per jet")


@pytest.mark.filterwarnings("ignore:Branch .* already exists:RuntimeWarning")
def test_coffea_runs_on_the_original_and_on_the_compressed_file(run, tmp_path):
    pytest.importorskip("coffea", reason="NanoEvents need the extra coffea")
    source, small = write_nanoaod(tmp_path / "nano.root", 300), tmp_path / "small.root"
    compress(source, small, codec=atlasae.Codec.bounded(tolerance=1e-3))
    before, after, both = (
        re.findall(r"(\w+): (\d+), mean ([\d.]+)", run("coffea_dijets.py", *files))
        for files in ([source], [small], [source, small])
    )
    assert [name for name, *_ in before] == ["masses", "responses"]
    for (name, number, mean), (_, same, near), (_, twice, _) in zip(
        before, after, both, strict=True
    ):
        assert int(number) > 100, name
        assert int(same) == pytest.approx(int(number), abs=2)  # one may leave the axis
        assert float(near) == pytest.approx(float(mean), rel=0.01)
        assert int(twice) == int(number) + int(same)


def test_a_frame_of_either_file_gives_one_histogram(run, root, events_file, tmp_path):
    small = tmp_path / "small.root"
    compress(events_file, small, pack="all")
    shown = [
        run("rdataframe.py", file, "-o", tmp_path / "ht.root") for file in (events_file, small)
    ]
    assert shown[0] == shown[1]
    with uproot.open(tmp_path / "ht.root") as file:
        entries = int(file["HT"].member("fEntries"))
    assert shown[0].startswith(f"{entries} events, mean HT ")


def test_a_selection_and_a_histogram_do_not_change(run, tmp_path, monkeypatch):
    target = tmp_path / "trust.png"
    axes = []
    monkeypatch.setattr(plt, "close", lambda figure: axes.extend(figure.axes))
    shown = run("trust.py", "--tolerance", "1e-2", "-o", target)
    assert re.match(
        r"[3-9]\.\d times smaller; 0 of 20,000 events enter or leave the selection", shown
    )
    assert float(re.search(r"at most ([\d.]+)%", shown)[1]) <= 2
    assert axes[0].get_legend().get_title().get_text() == "every bin is the same"
    assert target.stat().st_size > 10_000


def test_effects_are_found_and_good_windows_are_not(run, tmp_path):
    target = tmp_path / "quality.png"
    shown = run("data_quality.py", "-o", target)
    alarms = re.findall(r"alarm in (\d+) of 10 windows, most in (\w+), (\w+)", shown)
    assert [number for number, *_ in alarms] == ["0", "10", "10", "10"]
    assert [where for _, *where in alarms[1:]] == [
        ["phi", "missing"], ["pt", "new"], ["pt", "missing"],
    ]  # fmt: skip
    assert target.stat().st_size > 10_000


@pytest.fixture
def notebook():
    """The quickstart notebook, with less data than it has for its readers."""
    notebook = nbformat.read(EXAMPLES / "quickstart.ipynb", as_version=4)
    for full, short in (("entry_stop=3000", "entry_stop=300"), ("epochs=100", "epochs=2")):
        cell = next(cell for cell in notebook.cells if full in cell["source"])
        cell["source"] = cell["source"].replace(full, short)
    return notebook


def test_the_cells_of_the_notebook_run(notebook, monkeypatch, capsys):
    monkeypatch.setattr(plt, "show", lambda: None)
    names = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(cell.source, names)
    assert len(plt.get_fignums()) >= 9
    assert "bits per jet" in capsys.readouterr().out


@pytest.mark.slow
def test_the_notebook_runs_in_a_kernel(notebook, monkeypatch):
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the kernel has its own
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 9
    text = "".join(output.get("text", "") for output in outputs)
    assert "bits per jet" in text
    assert not [output for output in outputs if output.output_type == "error"]
