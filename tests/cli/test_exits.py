"""How commands end where something goes wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import atlasae
from atlasae.cli.exits import BROKEN_PIPE, ERROR, INTERRUPTED
from tests.helpers import REPOSITORY

FULL = Path("/dev/full")  # no byte can be written to it


def start(*arguments, **streams):
    command = [sys.executable, "-m", "atlasae", *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY, **streams)


def interrupt(*_, **__):
    raise KeyboardInterrupt


def test_an_interrupt_is_one_line_and_leaves_nothing(run, events_file, tmp_path, monkeypatch):
    monkeypatch.setattr("atlasae.root.compressing.compress.write_container", interrupt)
    shown = run("compress", "-q", events_file, tmp_path / "small.root", code=INTERRUPTED)
    assert shown.stderr == "atlasae: interrupted\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not FULL.exists(), reason="a device of Linux")
@pytest.mark.parametrize(
    "arguments", [("info", "-q"), ("info", "-q", "--json"), ("info", "--help")]
)
def test_a_full_output_is_one_line(compressed_file, arguments):
    with FULL.open("w") as full, start(*arguments, compressed_file, stdout=full) as command:
        error = command.stderr.read()
    assert error.startswith("atlasae: cannot write to the standard output: No space left")
    assert (error.count("\n"), command.returncode) == (1, ERROR)


@pytest.mark.skipif(not FULL.exists(), reason="a device of Linux")
def test_lines_that_cannot_be_shown_do_not_end_the_work(events_file, tmp_path):
    target = tmp_path / "small.root"
    command = [sys.executable, "-m", "atlasae", "compress", events_file, target]
    with FULL.open("w") as full:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=full, cwd=REPOSITORY)
    assert done.returncode == 0
    assert atlasae.info(target).parts


def test_a_closed_output_is_said_before_the_work(events_file, tmp_path):
    script = f"exec {sys.executable} -m atlasae compress {events_file} {tmp_path}/small.root >&-"
    done = subprocess.run(["sh", "-c", script], stderr=subprocess.PIPE, text=True, cwd=REPOSITORY)
    assert done.stderr == "atlasae: cannot write to the standard output: it is closed\n"
    assert done.returncode == ERROR
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_an_output_that_nobody_reads_is_quiet(compressed_file, more):
    with start("info", "-q", compressed_file, *more, stdout=subprocess.PIPE) as command:
        command.stdout.close()
        assert command.stderr.read() == ""
    assert command.returncode == BROKEN_PIPE


def test_options_of_a_command_come_after_it(run):
    shown = run("-q", "compress", "a.root", "b.root", code=ERROR)
    assert shown.stderr.count("\n") == 1
    assert "atlasae compress -q" in shown.stderr


@pytest.mark.parametrize(
    ("command", "option", "message"),
    [
        (
            "train",
            "--cuts",
            "train has no option --cuts; compress and fit have it.",
        ),
        ("fit", "--latent", "fit has no option --latent; compress and train have it."),
        ("info", "--no-dither", "info has no option --no-dither; compress and fit have it."),
        ("merge", "--part", "merge has no option --part; export-onnx has it."),
        ("fit", "--toleranc", "No such option '--toleranc'. Did you mean '--tolerance'?"),
    ],
)
def test_an_option_of_another_command_is_named_with_it(run, command, option, message):
    shown = run(command, "a.root", "b.root", option, "3", code=ERROR)
    assert shown.stderr.startswith(f"atlasae: {message}")
    assert shown.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "why"),
    [(("--latent", "3"), "--latent makes none"), (("--codec", "x"), "has promises of its own")],
)
def test_promises_are_those_of_a_bounded_codec(run, given, why):
    shown = run("compress", "a.root", "b.root", *given, "--cuts", "pt>30", code=ERROR)
    assert shown.stderr.startswith("atlasae: --cuts is a promise of the bounded codec")
    assert why in shown.stderr


def test_quiet_and_verbose_exclude_each_other(run, tmp_path):
    for options in (("-q", "-v"), ("--verbose", "--quiet")):
        shown = run("compress", *options, "a.root", tmp_path / "b.root", code=ERROR)
        assert "exclude each other" in shown.stderr
        assert shown.stderr.count("\n") == 1


def test_what_no_terminal_shows_is_not_broken_into_lines(run, compressed_file, tmp_path):
    source = tmp_path / f"{'long_name_' * 20}.root"
    source.write_bytes(compressed_file.read_bytes())
    lines = run("info", source).stdout.splitlines()
    assert lines[0] == f"{source}, from events.root"
    assert any("Codec.autoencoder(network=(16, 8), epochs=4, batch_size=64)" in x for x in lines)
    assert any("Events: Jet_isTight" in line for line in lines)


def test_messages_name_the_options_of_the_command(run, events_file, tmp_path):
    tmp_path.joinpath("small.root").touch()
    shown = run("compress", events_file, tmp_path / "small.root", code=ERROR)
    assert shown.stderr.endswith("exists; overwrite it with --force\n")
    shown = run("compress", "--order", "free", "--verify", events_file, "new.root", code=ERROR)
    assert "--verify cannot compare files with --order free," in shown.stderr
    with pytest.raises(atlasae.TargetExistsError, match=r"--force \(force=True\)"):
        atlasae.compress(events_file, tmp_path / "small.root")
