"""Which files a campaign takes, and what they are called."""

from __future__ import annotations

import pytest

from atlasae.campaign.sources import find_files, find_tasks, read_list
from atlasae.errors import InputError, MissingFileError


@pytest.fixture
def folder(tmp_path):
    for name in ("a.root", "b.root", "sub/a.root", "sub/deep/c.root", "notes.txt", "out/a.root"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def targets(*arguments):
    return [(task.source, task.target) for task in find_tasks(*arguments, below=None)]


def test_a_directory_keeps_the_paths_below_it(folder):
    names = ["a.root", "b.root", "sub/a.root", "sub/deep/c.root"]
    expected = [(f"{folder}/{name}", f"{folder}/out/{name}") for name in names]
    assert targets(folder, folder / "out") == expected  # what is in out is no source


def test_the_folder_of_the_targets_may_be_above_the_files(folder):
    assert [target for _, target in targets(folder / "sub", folder)] == [
        f"{folder}/a.root",
        f"{folder}/deep/c.root",
    ]
    with pytest.raises(InputError, match="name another one"):
        targets(folder, folder)
    (folder / "deep").mkdir()
    (folder / "deep/c.root").touch()
    with pytest.raises(InputError, match=r"deep/c\.root', which is one of the files"):
        targets([folder / "sub", folder / "deep/c.root"], folder)


def test_files_and_patterns_keep_their_names(folder):
    found = targets([f"{folder}/*.root", folder / "sub/deep/c.root", f"{folder}/a.root"], "out")
    assert [target for _, target in found] == ["out/a.root", "out/b.root", "out/c.root"]
    assert targets("https://cern.ch/x/a.root?token=b/c", "out")[0][1] == "out/a.root"


def test_a_file_that_is_there_is_no_pattern(folder):
    odd = folder / "[a] b*.root"
    odd.touch()
    assert find_files(odd) == {str(odd): odd.name}


def test_two_files_of_one_name_are_refused(folder):
    with pytest.raises(InputError, match=r"a\.root' and .*sub/a\.root' would both be 'a\.root'"):
        find_tasks([folder / "a.root", folder / "sub/a.root"], "out", below=None)
    found = find_tasks([folder / "a.root", folder / "sub/a.root"], "out", below=folder)
    assert [task.target for task in found] == ["out/a.root", "out/sub/a.root"]
    with pytest.raises(InputError, match="below which files should keep"):
        find_files([folder / "a.root"], below=folder / "sub")


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        ("none*.root", MissingFileError, "no file matches"),
        ("empty", MissingFileError, r"no ROOT file \(\*\.root\) in the directory"),
        ([], InputError, "no file is given"),
        ("a.root:Events", InputError, "give the file alone"),
        ([3], InputError, "is not the path of a file"),
    ],
)
def test_what_names_no_file_is_said(folder, monkeypatch, files, error, message):
    monkeypatch.chdir(folder)
    (folder / "empty").mkdir()
    with pytest.raises(error, match=message):
        find_files(files)


def test_a_list_that_is_no_text(tmp_path):
    path = tmp_path / "list"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not a list of files"):
        read_list(path)
    with pytest.raises(MissingFileError, match="No such file"):
        read_list(tmp_path / "none")
