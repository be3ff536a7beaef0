"""Many files are compared with their originals, and restored."""

from __future__ import annotations

import shutil

import atlasae


def test_restored_and_compared(farm, small_farm, tmp_path):
    back = tmp_path / "back"
    assert atlasae.decompress_files(small_farm, back, jobs=1).counts == {"written": 3}
    assert atlasae.decompress_files(small_farm, back, jobs=1).counts == {"skipped": 3}
    assert atlasae.check_files(small_farm, back, jobs=1).counts == {"good": 3}
    assert atlasae.check_files(farm, small_farm, jobs=1).counts == {"good": 3}
    shutil.copy(back / "b.root", back / "a.root")
    (outcome,) = atlasae.decompress_files(small_farm, back, jobs=1).bad
    assert "differs from" in outcome.message
    assert (back / "a.root").read_bytes() == (back / "b.root").read_bytes()


def test_each_difference_is_named(farm, small_farm, tmp_path):
    small = shutil.copytree(small_farm, tmp_path / "small")
    shutil.copy(small / "b.root", small / "a.root")
    (small / "more/c.root").unlink()
    summary = atlasae.check_files(farm, small, jobs=1, summary=tmp_path / "checked.json")
    assert [one.status for one in summary.outcomes] == ["differs", "good", "failed"]
    assert "Events:event differs" in summary.bad[0].message
    assert "no file" in summary.bad[1].message
    assert (tmp_path / "checked.json").exists()
