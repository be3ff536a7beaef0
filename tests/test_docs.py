"""Every code block of the README and of the documentation runs as it stands.

Python blocks of a page share one namespace; shell blocks run ``atlasae`` in the same directory,
where ``events.root`` is the first events of the sample.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from itertools import groupby, islice

import matplotlib.pyplot as plt
import pytest
import uproot
from click.testing import CliRunner

import atlasae
from atlasae import samples
from atlasae.cli import main
from tests.helpers import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = [*map(REPOSITORY.joinpath, ("README.md", "CONTRIBUTING.md")), *sorted(DOCS.rglob("*.md"))]
EVENTS = 300
STEPS = 20  # of the optimizer, where a page leaves their number to atlasae
FIGURES = 2  # of a comparison page
_BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<code>.*?)^\1```$",
    re.DOTALL | re.MULTILINE,
)
_ENTRY_POINT = re.compile(r'\[project\.entry-points\."(.+)"\]\n(.+) = "(.+)"')
INSTALLING = ("conda", "git", "make", "pip", "pre-commit")  # change more than their own directory
NEEDED = {  # packages by page
    DOCS / "how-to" / "root.md": ("ROOT",),
    DOCS / "how-to" / "trigger.md": ("onnx", "onnxruntime", "hls4ml"),
}
NOT_RUN = {"sh", "text", "json", "yaml"}  # settings of a shell, output, formats


def blocks(page):
    """Language, title and code of each block of a page."""
    text = page.read_text(encoding="utf-8")
    return [block.group("language", "title", "code") for block in _BLOCK.finditer(text)]


def has_code(page):
    return any(language not in NOT_RUN for language, _, _ in blocks(page))


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A file with the first events of the sample."""
    path = tmp_path_factory.mktemp("sample") / "dijets.root"
    with uproot.open(atlasae.sample()) as file:
        tree = file["Events"]
        names = tree.keys(filter_name=lambda name: name != "nJet")
        arrays = tree.arrays(names, entry_stop=EVENTS)
        types = {
            name: "var * float32"
            if name.startswith("Jet_")
            else arrays[name].type.content.primitive
            for name in names
        }
    with uproot.recreate(path) as file:
        out = file.mktree("Events", types, counter_name=lambda _: "nJet")
        out.extend({name: arrays[name] for name in names})
    return path


@pytest.fixture
def directory(tmp_path, monkeypatch, sample):
    """The directory of a reader, with little data and short work."""
    from atlasae.campaign import running
    from atlasae.codecs.autoencoder import start
    from atlasae.report import compare

    (tmp_path / "events.root").write_bytes(sample.read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(samples, "_DATA", sample.parent)
    monkeypatch.setattr(start, "_STEPS", STEPS)
    monkeypatch.setattr(running, "cores", lambda _: 1)  # few files take less than new processes
    every = compare.figures_of
    monkeypatch.setattr(compare, "figures_of", lambda *options: islice(every(*options), FIGURES))
    yield tmp_path
    plt.close("all")


def run_shell(code, directory):
    """Run the lines of a shell block: those of ``atlasae`` in this process, the others by bash."""
    lines = [line.partition("  #")[0] for line in code.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(INSTALLING)]
    for is_atlasae, group in groupby(lines, lambda line: line.startswith("atlasae ")):
        if not is_atlasae:
            run_bash("\n".join(group), directory)
            continue
        for line in group:
            result = CliRunner().invoke(main, shlex.split(line)[1:])
            assert result.exit_code == 0, f"{line}\n{result.output}"


def run_bash(code, directory):
    """Run lines by bash, where ``atlasae`` is that of the tests, and its sample is the short one."""
    command = directory / "bin" / "atlasae"
    command.parent.mkdir(exist_ok=True)
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m atlasae "$@"\n')
    command.chmod(0o755)
    short = f"from atlasae import samples; samples._DATA = samples.Path({str(samples._DATA)!r})\n"
    command.with_name("sitecustomize.py").write_text(short)
    script = (
        f"set -e\nPATH={command.parent}:$PATH\nPYTHONPATH={command.parent}:{REPOSITORY}\n"
        f"export PYTHONPATH\n{code}"
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, f"{code}\n{done.stdout}{done.stderr}"


def install(code, directory):
    """Make the entry points of a pyproject.toml known, as installing it does."""
    group, name, value = _ENTRY_POINT.search(code).groups()
    metadata = directory / "example-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: example\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n")


@pytest.mark.parametrize(
    "page", list(filter(has_code, PAGES)), ids=lambda page: page.relative_to(REPOSITORY).as_posix()
)
def test_code_blocks_run(page, directory):
    for package in NEEDED.get(page, ()):
        pytest.importorskip(package, reason=f"{package} is not installed")
    namespace = {"__name__": "__main__"}
    for language, title, code in blocks(page):
        if language == "shell":
            run_shell(code, directory)
        elif language == "toml":
            install(code, directory)
        elif title:
            (directory / title).write_text(code, encoding="utf-8")
        elif language == "python":
            exec(compile(code, str(page), "exec"), namespace)
        else:
            assert language in NOT_RUN, f"a block in {language} is not run"


def test_every_page_is_in_the_navigation():
    listed = re.findall(r"[\w/-]+\.md", (REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(listed) == [
        path.relative_to(DOCS).as_posix() for path in sorted(DOCS.rglob("*.md"))
    ]


@pytest.mark.parametrize("page", [REPOSITORY / "README.md"], ids=["README.md"])
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^):]+)\)", page.read_text(encoding="utf-8"))
    assert links
    for link in links:
        assert (page.parent / link.partition("#")[0]).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_modules_that_a_page_names_exist(page):
    for path in re.findall(r"`([\w/]+/[\w/]*(?:\.py|/))`", page.read_text(encoding="utf-8")):
        assert any((root / path).exists() for root in (REPOSITORY, REPOSITORY / "atlasae")), path
