"""Files that state the same version, package or Python release state it alike."""

from __future__ import annotations

import re

import pytest
import yaml

import atlasae
from tests.packaging.project import (
    CONSTRAINTS,
    PROJECT,
    PYTHONS,
    REPOSITORY,
    normalized,
    requirements,
)

WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
PINNED_ACTION = re.compile(r"uses: [\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+$")


def read_yaml(*parts):
    return yaml.safe_load(REPOSITORY.joinpath(*parts).read_text(encoding="utf-8"))


@pytest.mark.parametrize("tool", ["mypy", "ruff"])
def test_pre_commit_has_the_pinned_versions(tool):
    hooks = {
        repository["repo"].rpartition("/")[2]: repository["rev"]
        for repository in read_yaml(".pre-commit-config.yaml")["repos"]
    }
    name = {"mypy": "mirrors-mypy", "ruff": "ruff-pre-commit"}[tool]
    assert hooks[name] == f"v{CONSTRAINTS[tool]}"


def test_each_requirement_is_pinned():
    extras = PROJECT["optional-dependencies"]
    names = {name for extra in extras for name in requirements(extras[extra])}
    names |= set(requirements(PROJECT["dependencies"]))
    assert names - {"atlasae"} <= set(CONSTRAINTS)


def test_each_pin_is_of_one_version():
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in pins)
    names = [normalized(line.partition("==")[0]) for line in pins]
    assert names == sorted(set(names))


def test_all_has_what_a_user_may_need():
    assert PROJECT["optional-dependencies"]["all"] == ["atlasae[autoencoder,coffea,dask,http,plot]"]


def test_ci_runs_the_python_releases_that_are_promised():
    assert f">={PYTHONS[0]}" == PROJECT["requires-python"]
    jobs = read_yaml(".github", "workflows", "ci.yml")["jobs"]
    tested = set(jobs["tests"]["strategy"]["matrix"]["python"]) | {
        step["with"]["python-version"]
        for step in jobs["pinned"]["steps"]
        if "python-version" in step.get("with", {})
    }
    assert tested == set(PYTHONS)


def test_ci_calls_rules_that_make_has():
    rules = set(re.findall(r"^([\w-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    called = {
        match
        for path in [*WORKFLOWS, REPOSITORY / ".ci" / "run"]
        for match in re.findall(r"\bmake ([a-z-]+)", path.read_text(encoding="utf-8"))
    }
    assert {"lint", "test-all", "docs", "image", "env"} <= called  # all tests: lean is one
    assert called <= rules


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit(path):
    uses = [line for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert uses
    assert [line for line in uses if not PINNED_ACTION.search(line)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_may_do_no_more_than_they_must(path):
    workflow = read_yaml(path)
    assert workflow["permissions"] == {}
    rights = {
        (right, level) for job in workflow["jobs"].values() for right, level in
        job["permissions"].items()
    }  # fmt: skip
    assert rights <= {("contents", "read"), ("id-token", "write")}


def test_the_citation_has_this_version():
    assert read_yaml("CITATION.cff")["version"] == atlasae.__version__
