from __future__ import annotations

import os
import subprocess
import sys

import pytest

from atlasae.atomic_write import atomic_write
from atlasae.errors import FileError, TargetExistsError


def test_the_file_appears_when_the_block_succeeds(tmp_path):
    target = tmp_path / "a"
    with atomic_write(target, force=False) as temporary:
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_write(target, force=True) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_target_that_exists_is_refused_before_the_block(tmp_path):
    target = tmp_path / "a"
    target.write_text("old")
    with pytest.raises(TargetExistsError, match="--force"), atomic_write(target, force=False):
        pytest.fail("the block ran")
    assert target.read_text() == "old"


def test_an_unwritable_target_is_a_file_error(tmp_path):
    with pytest.raises(FileError, match="it is a directory"), atomic_write(tmp_path, force=True):
        pytest.fail("the block ran")
    nowhere, full = tmp_path / "none" / "a", tmp_path / "a"
    with pytest.raises(FileError, match="no directory"), atomic_write(nowhere, force=True):
        pytest.fail("the block ran")
    with pytest.raises(FileError, match=r"cannot write .*No space"), atomic_write(full, force=True):
        raise OSError(28, "No space left on device")


def test_only_temporary_files_of_killed_processes_are_removed(tmp_path):
    target = tmp_path / "a[1].root"  # a name that is a pattern, too
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with atomic_write(target, force=False) as temporary:
        name = temporary.name
        temporary.write_text("x")
    target.unlink()
    mine = str(os.getpid())
    stale = tmp_path / name.replace(mine, str(ended.pid))
    others = [
        tmp_path / name.replace(mine, str(os.getppid())),  # that process runs
        tmp_path / name.replace(mine, str(ended.pid)).replace("a[1]", "a1"),
        tmp_path / name.replace(mine, f"example.org.{ended.pid}"),  # another machine
        tmp_path / name.replace(mine, "notes"),
    ]
    for path in (stale, *others):
        path.write_text("half")
    with atomic_write(target, force=False) as temporary:
        temporary.write_text("new")
    assert set(tmp_path.iterdir()) == {target, *others}
