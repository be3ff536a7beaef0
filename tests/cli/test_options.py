from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from atlasae.cli import options
from atlasae.cli.main import main


@click.command()
@options.cuts
def command(cuts):
    click.echo(repr(cuts))


@pytest.mark.parametrize("text", ["Jet_pt>30, abs(Jet_eta)<2.4", "pt: 20, 25", "pt==3"])
def test_cuts_as_text_are_passed_on(text):
    assert CliRunner().invoke(command, ["--cuts", text]).output == f"{text!r}\n"


def test_cuts_can_be_in_a_file(tmp_path):
    path = tmp_path / "edges.txt"
    path.write_text("pt: 20,\n25 # GeV")
    assert CliRunner().invoke(command, ["--cuts", str(path)]).output == "{'pt': (20.0, 25.0)}\n"


def test_without_cuts_there_are_none():
    assert CliRunner().invoke(command, []).output == "None\n"


def test_a_file_of_cuts_that_is_not_there_is_named():
    error = CliRunner().invoke(command, ["--cuts", "edges.txt"]).exception
    assert str(error) == "no file of cuts 'edges.txt'"


@pytest.mark.parametrize("option", ["--cuts", "--keep"])
def test_empty_promises_are_refused(option):
    result = CliRunner().invoke(main, ["compress", "a.root", "b.root", option, " "])
    assert result.exit_code == 2
    assert f"{option} has no value" in result.output


@pytest.mark.parametrize("option", ["--cuts", "--keep"])
def test_promises_are_given_once_so_that_none_is_lost(option):
    twice = [option, "Jet_pt>30", option, "Jet_pt>50"]
    result = CliRunner().invoke(main, ["compress", "a.root", "b.root", *twice])
    assert result.exit_code == 2
    assert f"'{option}': it is given 2 times: give one list, with commas" in result.output
