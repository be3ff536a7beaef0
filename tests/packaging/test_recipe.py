"""The recipe for conda-forge says what pyproject.toml says."""

from __future__ import annotations

import pytest
import yaml

import atlasae
from tests.packaging.project import PROJECT, PYTHONS, REPOSITORY, normalized, requirements

PATH = REPOSITORY / "packaging" / "conda" / "recipe.yaml"


@pytest.fixture(scope="module")
def recipe():
    text = PATH.read_text(encoding="utf-8")
    for name, value in yaml.safe_load(text)["context"].items():
        text = text.replace(f"${{{{ {name} }}}}", value)
    return yaml.safe_load(text)


def test_the_version_is_this_one(recipe):
    assert recipe["package"] == {"name": "atlasae", "version": atlasae.__version__}


def test_the_requirements_are_those_of_the_core(recipe):
    packages = dict(line.partition(" ")[::2] for line in recipe["requirements"]["run"])
    assert packages.pop("python") == PROJECT["requires-python"] == f">={PYTHONS[0]}"
    assert {normalized(name): versions for name, versions in packages.items()} == requirements(
        PROJECT["dependencies"]
    )


def test_the_build_needs_the_build_backend(recipe):
    backend = REPOSITORY / "pyproject.toml"
    named = [line.replace(" >=", ">=") for line in recipe["requirements"]["host"]]
    assert f'requires = ["{named[-1]}"]' in backend.read_text(encoding="utf-8")
    assert named[0] == f"python {PYTHONS[0]}.*"


def test_the_commands_are_the_same(recipe):
    commands = dict(line.split(" = ") for line in recipe["build"]["python"]["entry_points"])
    assert commands == PROJECT["scripts"]


def test_it_describes_the_same_project(recipe):
    about = recipe["about"]
    assert about["summary"] == PROJECT["description"]
    assert about["license"] == PROJECT["license"]
    assert [about["license_file"]] == PROJECT["license-files"]
    assert about["homepage"] == PROJECT["urls"]["Homepage"]
    assert about["documentation"] == PROJECT["urls"]["Documentation"]


def test_the_files_that_it_tests_are_there(recipe):
    for test in recipe["tests"]:
        for name in test.get("files", {}).get("source", []):
            assert (REPOSITORY / name).is_file()
            assert name in test["script"]
