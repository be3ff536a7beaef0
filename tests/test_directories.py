from __future__ import annotations

import pytest

from atlasae.atomic_write import check_target
from atlasae.directories import atomic_directory, check_directory, make_directory
from atlasae.errors import FileError, InputError


def write(folder, **texts):
    make_directory(folder / "figures")
    for name, text in texts.items():
        (folder / "figures" / name).write_text(text)


def test_files_appear_together_beside_those_that_are_there(tmp_path):
    target = tmp_path / "a" / "report"
    with atomic_directory(target, sources=[]) as folder:
        write(folder, one="1", two="2")
        assert not target.exists()
    (target / "figures" / "one").chmod(0o600)
    with atomic_directory(target, sources=[]) as folder:
        write(folder, one="new")
    found = {path.name: path.read_text() for path in (target / "figures").iterdir()}
    assert found == {"one": "new", "two": "2"}
    assert (target / "figures" / "one").stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.rglob("*")} == {"a", "report", "figures", "one", "two"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_no_directory(tmp_path, error):
    def fail():
        with atomic_directory(tmp_path / "a" / "report", sources=[]) as folder:
            write(folder, one="1")
            raise error

    with pytest.raises(error):
        fail()
    assert not list(tmp_path.iterdir())


def test_no_source_is_replaced(tmp_path):
    write(tmp_path, one="source", two="kept")
    with (
        pytest.raises(InputError, match="same file"),
        atomic_directory(tmp_path, sources=[tmp_path / "figures" / "one"]) as folder,
    ):
        write(folder, one="1", two="2")
    texts = {path.name: path.read_text() for path in (tmp_path / "figures").iterdir()}
    assert texts == {"one": "source", "two": "kept"}


def test_what_is_no_directory_is_refused(tmp_path):
    file = tmp_path / "small.root"
    file.touch()
    for use in (check_directory, make_directory):
        with pytest.raises(FileError, match=r"small\.root: it is a file; name a directory"):
            use(file)


@pytest.mark.parametrize("address", ["s3://bucket/a.root", "http://b/a", "file:///tmp/a"])
def test_an_address_is_no_target(address):
    for use in (check_directory, lambda path: check_target(path, force=True)):
        with pytest.raises(
            FileError, match=f"cannot write to the address '{address}'; give a path"
        ):
            use(address)
