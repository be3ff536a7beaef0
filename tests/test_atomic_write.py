from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading

import pytest

from atlasae.atomic_write import atomic_write
from atlasae.errors import FileError, InputError, TargetExistsError


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
    mine = f".{os.getpid()}."
    stale = tmp_path / name.replace(mine, f".{ended.pid}.")
    others = [
        tmp_path / name.replace(mine, f".{os.getppid()}."),  # that process runs
        tmp_path / name.replace(mine, f".{ended.pid}.").replace("a[1]", "a1"),
        tmp_path / name.replace(mine, f".example.org.{ended.pid}."),  # another machine
        tmp_path / name.replace(mine, ".notes."),
    ]
    for path in (stale, *others):
        path.write_text("half")
    with atomic_write(target, force=False) as temporary:
        temporary.write_text("new")
    assert set(tmp_path.iterdir()) == {target, *others}


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_threads_that_write_one_target_have_a_file_each(tmp_path):
    target, both = tmp_path / "a", threading.Barrier(2)

    def write(letter):
        with atomic_write(target, force=True) as temporary:
            with temporary.open("w") as file:
                for _ in range(100):
                    file.write(letter)
                    both.wait(10)
            assert temporary.read_text() == 100 * letter

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "xy"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_text() in (100 * "x", 100 * "y")
    assert list(tmp_path.iterdir()) == [target]


def test_a_target_that_appears_meanwhile_is_not_overwritten(tmp_path):
    target = tmp_path / "a"
    with pytest.raises(TargetExistsError), atomic_write(target, force=False) as temporary:  # noqa: PT012
        temporary.write_text("mine")
        target.write_text("theirs")
    assert target.read_text() == "theirs"


@pytest.mark.parametrize("way", ["itself", "symbolic link", "hard link", "address"])
def test_a_source_is_never_overwritten(tmp_path, way):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("precious")
    read = source
    if way == "itself":
        target = source
    elif way == "address":
        target, read = source, f"file://{source}"
    elif way == "hard link":
        target.hardlink_to(source)
    else:
        target.symlink_to(source)
    other = tmp_path / "other"
    with (
        pytest.raises(InputError, match="same file"),
        atomic_write(target, force=True, sources=[other, read, "https://cern.ch/" + 300 * "x"]),
    ):
        pytest.fail("the block ran")
    assert source.read_text() == "precious"


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_permissions_are_those_of_the_target_or_else_of_the_sources(tmp_path):
    source, old, new, plain = (tmp_path / name for name in ("source", "old", "new", "plain"))
    for path, given in ((source, 0o640), (old, 0o604)):
        path.write_text("x")
        path.chmod(given)
    mask = os.umask(0o022)
    try:
        for target, sources in ((old, [source]), (new, [source]), (plain, [])):
            with atomic_write(target, force=True, sources=sources) as temporary:
                temporary.write_text("y")
    finally:
        os.umask(mask)
    assert (mode(old), mode(new), mode(plain)) == (0o604, 0o640, 0o644)


def test_names_as_long_as_the_system_allows(tmp_path):
    target = tmp_path / ("n" * 250 + ".root")
    with atomic_write(target, force=False) as temporary:
        temporary.write_text("x")
    assert list(tmp_path.iterdir()) == [target]
    longer = tmp_path / (300 * "n")
    with (
        pytest.raises(FileError, match=r"cannot write .*too long"),
        atomic_write(longer, force=False),
    ):
        pytest.fail("the block ran")


def test_a_folder_that_cannot_be_written_to_is_a_file_error(tmp_path, monkeypatch):
    def read_only(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "open", read_only)
    monkeypatch.setattr("pathlib.Path.unlink", read_only)
    with (
        pytest.raises(FileError, match=r"cannot write .*Read-only"),
        atomic_write(tmp_path / "a", force=False),
    ):
        pytest.fail("the block ran")
