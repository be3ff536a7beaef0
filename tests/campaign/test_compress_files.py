"""Many files are compressed once each, by one set of codecs, whoever does it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import uproot

import atlasae
from atlasae import Selection, compress_files
from atlasae.campaign import compressing, restoring
from atlasae.errors import FileError, InputError, MissingFileError, TargetExistsError
from tests.campaign.conftest import write_file
from tests.root.helpers import StoredFile

NAMES = ["a.root", "b.root", "more/c.root"]


@pytest.fixture
def out(small_farm, tmp_path):
    """A copy of the compressed files, which a test may change."""
    return shutil.copytree(small_farm, tmp_path / "out")


def again(farm, out, codec, **options):
    return atlasae.compress_files(farm, out, codec=codec, jobs=1, **options)


def test_processes_write_what_one_writes(farm, farm_codecs, small_farm, tmp_path):
    summary = atlasae.compress_files(farm, tmp_path / "out", codec=farm_codecs, jobs=2)
    assert summary.workers == 2
    assert [one.status for one in summary.outcomes] == ["written"] * 3
    assert [one.target for one in summary.outcomes] == [f"{tmp_path}/out/{name}" for name in NAMES]
    for name in NAMES:
        assert (tmp_path / "out" / name).read_bytes() == (small_farm / name).read_bytes()
    assert all(0 < one.memory < 600 << 20 for one in summary.outcomes)


def test_codecs_are_learned_once_and_used_again(farm, tmp_path):
    out = tmp_path / "out"
    template = atlasae.Codec.bounded(tolerance=1e-2)
    summary = again([farm / "a.root", farm / "b.root"], out, template, seed=3)
    assert summary.learned["files"] == [str(farm / "a.root"), str(farm / "b.root")]
    codecs = (out / "codecs.safetensors").read_bytes()
    assert again(farm, out, template, seed=3).counts == {"written": 1, "skipped": 2}
    assert (out / "codecs.safetensors").read_bytes() == codecs
    with pytest.raises(TargetExistsError, match="was not learned with these options"):
        again(farm, out, atlasae.Codec.bounded(tolerance=1e-3), seed=3)
    for path, tree in atlasae.FileCodecs.load(out / "codecs.safetensors").trees.items():
        assert atlasae.FileCodecs.load(out / "a.root").trees[path].collections.keys() <= (
            tree.collections.keys()
        )


def test_the_summary_is_written(farm, out, farm_codecs):
    (out / "a.root").unlink()
    summary = again(farm, out, farm_codecs)
    stored = json.loads((out / "summary.json").read_text())
    assert stored == json.loads(json.dumps(summary.to_json()))
    assert stored["counts"] == {"written": 1, "skipped": 2}
    assert stored["source_bytes"] == sum((farm / name).stat().st_size for name in NAMES)
    assert stored["target_bytes"] == sum((out / name).stat().st_size for name in NAMES)
    assert stored["codecs"] == str(farm_codecs)


def test_what_is_there_is_skipped_and_the_rest_written(farm, out, small_farm, farm_codecs):
    before = (out / "a.root").read_bytes()
    (out / "b.root").unlink()
    summary = again(farm, out, farm_codecs)
    assert [one.status for one in summary.outcomes] == ["skipped", "written", "skipped"]
    assert (out / "a.root").read_bytes() == before
    assert (out / "b.root").read_bytes() == (small_farm / "b.root").read_bytes()
    assert again(farm, out, farm_codecs, force=True).counts == {"written": 3}


def test_a_copied_source_is_the_same(farm, out, farm_codecs, tmp_path):
    moved = shutil.copytree(farm, tmp_path / "moved")
    assert again(moved, out, farm_codecs).counts == {"skipped": 3}


def test_damage_is_found_and_left(farm, out, farm_codecs):
    path = out / "a.root"
    stored = StoredFile.of(path)
    data = path.read_bytes()
    at = data.index(stored.payloads[0][:40]) + 20
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    damaged = path.read_bytes()
    (outcome,) = again(farm, out, farm_codecs).bad
    assert (outcome.source, outcome.status) == (str(farm / "a.root"), "failed")
    assert "cannot be used" in outcome.message
    assert "wrong checksum" in outcome.message
    assert "--force" in outcome.message
    assert path.read_bytes() == damaged
    path.write_bytes(data[: len(data) // 2])
    assert "truncated" in again(farm, out, farm_codecs).bad[0].message


def test_a_target_of_another_source_or_codec_is_left(farm, out, farm_codecs, tmp_path):
    moved = shutil.copytree(farm, tmp_path / "moved")
    write_file(moved / "a.root", seed=9)
    before = (out / "a.root").read_bytes()
    (outcome,) = again(moved, out, farm_codecs).bad
    assert outcome.source == str(moved / "a.root")
    assert "was made of another version" in outcome.message
    other = atlasae.Selection(keep_branches="Jet_mass")
    assert again(farm, out, farm_codecs, select=other).counts == {"failed": 3}
    assert (out / "a.root").read_bytes() == before


def test_what_is_no_compressed_file_is_never_replaced(farm, out, farm_codecs, monkeypatch):
    monkeypatch.chdir(out)
    shutil.copy(farm / "b.root", out / "a.root")
    (outcome,) = again(farm, out, farm_codecs).bad
    assert "is not compressed by atlasae" in outcome.message
    assert (out / "a.root").read_bytes() == (farm / "b.root").read_bytes()
    for force in (False, True):
        (outcome,) = again(farm / "a.root", farm, farm_codecs, force=force, summary="s").bad
        assert "same file" in outcome.message


def test_a_file_that_fails_does_not_stop_the_others(farm, tmp_path):
    sources = shutil.copytree(farm, tmp_path / "sources")
    (sources / "a.root").write_bytes((farm / "a.root").read_bytes()[:3000])
    (sources / "z.root").write_text("hello")
    summary = again(sources, tmp_path / "out", None)
    assert [one.status for one in summary.outcomes] == ["failed", "written", "written", "failed"]
    assert "truncated" in summary.bad[0].message
    assert "is not a ROOT file" in summary.bad[1].message
    assert not list((tmp_path / "out").rglob(".*"))
    assert summary.learned["files"] == [str(sources / "b.root"), str(sources / "more/c.root")]


def test_files_that_lack_what_is_learned_leave_the_sample(farm, tmp_path):
    """A file of histograms alone, and one whose tree has another name."""
    data = tmp_path / "data"
    shutil.copytree(farm, data)
    with uproot.recreate(data / "histogram.root") as file:
        file["h"] = np.histogram([1.0, 2.0])
    with uproot.recreate(data / "other.root") as file:
        file.mktree("Other", {"x": "int32"}).extend({"x": np.arange(9)})
    summary = compress_files(data, tmp_path / "out", select=Selection(tree="Events"), jobs=1)
    assert summary.counts == {"written": 3, "failed": 2}
    assert len(summary.learned["files"]) == 3
    with pytest.raises(InputError, match="no TTree or RNTuple in any of the files"):
        compress_files(data / "histogram.root", tmp_path / "none", jobs=1)


def test_damage_that_learning_meets_leaves_the_sample(farm, tmp_path, monkeypatch):
    learn = atlasae.FileCodecs.fit

    def fit(sources, **options):
        if str(farm / "b.root") in sources:
            raise atlasae.DamagedFileError("a basket")
        return learn(sources, **options)

    monkeypatch.setattr(atlasae.FileCodecs, "fit", fit)
    summary = again(farm, tmp_path / "out", None)
    assert summary.learned["files"] == [str(farm / "a.root"), str(farm / "more/c.root")]
    assert summary.good


def test_what_another_process_writes_meanwhile_is_taken(farm, tmp_path, monkeypatch):
    """Two processes with the same files: the second finds all that the first has written since."""
    out, fit = tmp_path / "out", atlasae.FileCodecs.fit
    first = []

    def fit_while_the_other_goes_on(sources, **options):
        if not first:
            first.append(None)
            first.append(again(farm / "a.root", out, None))
        return fit(sources, **options)

    monkeypatch.setattr(atlasae.FileCodecs, "fit", fit_while_the_other_goes_on)
    assert again(farm / "a.root", out, None).counts == {"skipped": 1}
    assert first[1].counts == {"written": 1}
    (out / "a.root").unlink()
    for module, call in ((compressing, "compress_file"), (restoring, "decompress")):
        work, back = getattr(module, call), tmp_path / "back"

        def late(source, target, *rest, work=work, **options):
            work(source, target, *rest, **options)
            return work(source, target, *rest, **options)

        monkeypatch.setattr(module, call, late)
        found = (
            again(farm / "a.root", out, None)
            if module is compressing
            else atlasae.decompress_files(out / "a.root", back, jobs=1)
        )
        assert found.counts == {"skipped": 1}


def test_an_interruption_is_summed_up(farm, farm_codecs, tmp_path, monkeypatch, caplog):
    compress_file, done = compressing.compress_file, []

    def interrupted(*arguments, **options):
        if done:
            raise KeyboardInterrupt
        done.append(1)
        return compress_file(*arguments, **options)

    monkeypatch.setattr(compressing, "compress_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        again(farm, tmp_path / "out", farm_codecs)
    assert "stopped: 1 of 3 files are done" in caplog.text
    stored = json.loads((tmp_path / "out/summary.json").read_text())
    assert stored["counts"] == {"written": 1, "not done": 2}
    assert not list((tmp_path / "out").rglob(".*"))
    monkeypatch.undo()
    assert again(farm, tmp_path / "out", farm_codecs).counts == {"written": 2, "skipped": 1}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"jobs": 0}, InputError, "jobs=0: give a number from 1 on"),
        ({"codec": "none"}, MissingFileError, "no codec file"),
        ({"codec": atlasae.Codec.bounded(order="free")}, InputError, "is not learned from many"),
        ({"dask": "tcp://127.0.0.1:9", "jobs": 2}, InputError, "leave one of the two out"),
    ],
)
def test_wrong_arguments_are_errors_before_any_work(farm, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        atlasae.compress_files(farm, tmp_path / "out", **options)
    assert not list((tmp_path / "out").iterdir())


def test_a_summary_that_cannot_be_written_is_said_before_any_work(farm, farm_codecs, tmp_path):
    with pytest.raises(FileError, match="no directory"):
        again(farm, tmp_path / "out", farm_codecs, summary=tmp_path / "none/s.json")
    assert not list((tmp_path / "out").iterdir())
