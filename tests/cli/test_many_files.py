"""Commands that take many files: how they are given, what is printed, and how they end."""

from __future__ import annotations

import json
import shutil

import pytest

import atlasae
from tests.campaign.conftest import farm, farm_codecs, small_farm  # noqa: F401  (fixtures)


@pytest.fixture
def work(farm, farm_codecs, tmp_path, monkeypatch):  # noqa: F811
    """A folder to work in, with the files in data/ and their codecs."""
    shutil.copytree(farm, tmp_path / "data")
    shutil.copy(farm_codecs, tmp_path / "codecs.safetensors")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_compress_and_resume_with_one_line_a_file(run, work):
    command = "compress", "data/*.root", "data/more", "-o", "small", "--jobs", 1
    shown = run(*command, "--codec", "codecs.safetensors")
    lines = shown.stderr.splitlines()
    assert lines[0].startswith("1/3 data/a.root: written, ratio ")
    assert lines[0].endswith(" left")
    assert lines[2].startswith("3/3 data/more/c.root: written")
    assert "3 written" in shown.stdout
    assert json.loads((work / "small/summary.json").read_text())["counts"] == {"written": 3}
    shown = run(*command, "--codec", "codecs.safetensors")
    assert shown.stderr.count("skipped, ratio") == 3
    shutil.copy("data/a.root", "small/b.root")
    shown = run(*command, "--codec", "codecs.safetensors", code=1)
    assert shown.stdout.endswith("move it away, or overwrite it with --force\n")
    assert "(force=True)" not in shown.output
    (work / "small/b.root").unlink()
    quiet = run(*command, "--codec", "codecs.safetensors", "-q").stderr.splitlines()
    assert not [line for line in quiet if not line.startswith("changed in 3 files: ")]


def test_a_failed_file_is_exit_code_1(run, work):
    (work / "data/bad.root").write_text("hello")
    (work / "list.txt").write_text("data/a.root\n# not this one: data/b.root\n\ndata/bad.root\n")
    shown = run(
        "compress", "--from", "list.txt", "-o", "small", "--jobs", 1, "--codec", "codecs.safetensors",
        "--summary", "said.json", code=1,
    )  # fmt: skip
    assert "2/2 data/bad.root: failed: 'data/bad.root' is not a ROOT file" in shown.stderr
    assert "FAILED: data/bad.root: 'data/bad.root' is not a ROOT file" in shown.stdout
    assert sorted(path.name for path in (work / "small").iterdir()) == ["a.root"]
    (bad,) = [f for f in json.loads((work / "said.json").read_text())["files"] if f["message"]]
    assert (bad["status"], bad["source"]) == ("failed", "data/bad.root")


def test_check_decompress_and_info_of_folders(run, work, small_farm):  # noqa: F811
    shutil.copytree(small_farm, work / "small")
    assert "3 good" in run("check", "data", "small", "--jobs", 1).stdout
    assert "3 written" in run("decompress", "small", "-o", "back", "--jobs", 1).stdout
    assert "3 good" in run("check", "small/", "back/", "--jobs", 1).stdout
    shutil.copy(work / "back/b.root", work / "back/a.root")
    assert "DIFFERS: small/a.root" in run("check", "small", "back", "--jobs", 1, code=1).stdout
    shown = run("info", "small").stdout
    assert "small/more/c.root" in shown
    assert "3 files" in shown
    (work / "small/z.root").write_text("hello")
    result = run("info", "small", "--json", code=1)
    described = json.loads(result.stdout)
    assert [one["entries"] for one in described["files"]] == [{"Events": 80}] * 3
    assert list(described["errors"]) == ["small/z.root"]
    assert result.stderr.startswith("atlasae: 'small/z.root' is not a ROOT file")


def test_compare_draws_a_page_for_each_file(run, work, small_farm, few_figures):  # noqa: F811
    few_figures(1)
    shutil.copytree(small_farm, work / "small")
    (work / "small/b.root").write_text("hello")
    shown = run("compare", "data", "small", "-o", "report", "--jobs", 1, code=1)
    assert "FAILED: data/b.root: 'small/b.root' is not a ROOT file" in shown.stdout
    pages = [path.relative_to(work).as_posix() for path in work.rglob("index.html")]
    assert sorted(pages) == ["report/a/index.html", "report/more/c/index.html"]


def test_fit_learns_from_a_sample_of_a_folder(run, work, monkeypatch):
    monkeypatch.setattr("atlasae.campaign.learning.SAMPLE_FILES", 2)
    shown = run("fit", "data", "learned.safetensors", "--seed", 1).stdout
    assert "learning from 2 of the files: data/a.root, data/more/c.root" in shown
    assert atlasae.FileCodecs.load("learned.safetensors").trees


def test_what_is_wrong_with_the_arguments_is_said(run, work):
    (work / "small").mkdir()
    wrong = {
        ("compress", "data/a.root", "data/b.root", "c.root"): "Got 3 files: give a folder",
        ("compress", "data/a.root", "small", "--jobs", 2): "--jobs is for many files",
        ("compress", "data/a.root", "b.root", "--shared-codec"): "--shared-codec is for many files",
        ("compress", "data", "-o", "small", "--dry-run"): "Give one file to --dry-run",
        ("compress", "data", "-o", "small", "--latent", 2): "is not learned from many files",
        ("compress", "-o", "small"): "no file is given",
        ("compress", "none*.root", "-o", "small"): "no file matches 'none*.root'",
        ("compress", "data", "-o", "data/a.root"): "name a directory",
        ("compress", "--from", "none.txt", "-o", "small"): "cannot read the list 'none.txt'",
        ("decompress", "data/a.root"): "Missing argument 'TARGET'; for many files give a folder",
        ("decompress",): "Missing argument 'SOURCE'",
        ("check", "data/a.root", "data/b.root", "--jobs", 2): "--jobs is for many files",
        ("compare", "data/a.root"): "Missing argument 'COMPRESSED...'",
        ("compare", "data/a.root", "b.root", "--jobs", 2): "--jobs is for many files",
        ("info",): "no file is given",
        ("info", "data", "--columns"): "describe one file, not 3",
        ("fit", "empty*.root", "codec"): "no file matches 'empty*.root'",
    }
    for arguments, message in wrong.items():
        shown = run(*arguments, code=2).stderr
        assert message in shown
        assert shown.count("\n") == 1, shown
    assert not list((work / "small").iterdir())
