"""The Dockerfile agrees with pyproject.toml, and its steps work without a container engine."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import subprocess

import pytest

from tests.packaging.project import PROJECT, PYTHONS, REPOSITORY

LARGEST = 400  # MB of packages for the core alone
STEPS = [
    tuple(line.split(maxsplit=1))
    for line in (REPOSITORY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def steps(name):
    return [text for step, text in STEPS if step == name]


def test_the_python_is_one_of_those_promised():
    images = {text.split()[0] for text in steps("FROM")}
    assert len(images) == 1
    (python,) = re.findall(r"^python:(3\.\d+)-slim$", images.pop())
    assert python in PYTHONS


def test_it_runs_the_command():
    (entry,) = steps("ENTRYPOINT")
    assert set(json.loads(entry)) == set(PROJECT["scripts"])


def test_the_engine_is_given_what_is_copied():
    lines = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    given = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        name for text in steps("COPY") if not text.startswith("--from")
        for name in text.split()[:-1]
    }  # fmt: skip
    assert given == copied


def environment_of(folder):
    """What ENV sets, with the folders of the image below another one."""
    sets = dict(pair.split("=", 1) for text in steps("ENV") for pair in text.split())
    path = sets.pop("PATH").replace("$PATH", os.environ["PATH"])
    others = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return others | sets | {"PATH": path.replace("/opt/", f"{folder}/opt/"), "EXTRAS": ""}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_its_steps_install_a_lean_environment_that_compresses(tmp_path):
    """Needs a package index, as building the image does."""
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "opt").mkdir()
    environment = environment_of(tmp_path)
    for step, text in STEPS:
        if step == "COPY" and not text.startswith("--from"):
            *names, target = text.split()
            for name in names:
                if (REPOSITORY / name).is_dir():
                    shutil.copytree(REPOSITORY / name, source / target)
                else:
                    shutil.copy(REPOSITORY / name, source / target)
        elif step == "RUN":
            command = text.replace("/opt/", f"{tmp_path}/opt/")
            subprocess.run(command, shell=True, cwd=source, env=environment, check=True)
    smoke = REPOSITORY / "packaging" / "smoke_test.sh"
    subprocess.run(["sh", smoke], cwd=tmp_path, env=environment, check=True)

    (packages,) = tmp_path.glob("opt/atlasae/lib/python*/site-packages")
    megabytes = sum(path.stat().st_size for path in packages.rglob("*") if path.is_file()) / 1e6
    logging.getLogger(__name__).info("the core alone: %.0f MB of packages", megabytes)
    assert megabytes < LARGEST
    unwanted = {"torch", "fastai", "pandas", "matplotlib", "mplhep", "hist", "scipy"}
    assert not unwanted & {path.name for path in packages.iterdir()}
