"""Imports go down the layers, in annotations too; modules stay small."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import atlasae
import benchmarks

ROOT = Path(atlasae.__file__).parent
LAYERS = [  # from the top; a package imports from those below it
    "cli", "campaign", "report", "root", "plots", "codecs", "fidelity", "columns", "density", "quantization",
    "lossless", "coding", "jets",
]  # fmt: skip
INSIDE_ROOT = [  # from the top, too
    "restoring", "compressing", "merge", "fitting", "checking", "inspecting", "planning", "reading",
    "container", "known_layouts", "io",
]  # fmt: skip
MOST_LINES = 400


def modules(folder):
    """Name of each module below a folder, and its file."""
    return {
        ".".join(path.relative_to(folder.parent).with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for path in folder.rglob("*.py")
    }


def imports_of(name, path, known):
    """The modules among ``known`` that a module imports, anywhere in it."""
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            subs = {f"{node.module}.{alias.name}" for alias in node.names}
            imported |= (subs & known) or {node.module}
    return (imported & known) - {name}


MODULES = modules(ROOT)
IMPORTS = {name: imports_of(name, path, MODULES.keys()) for name, path in MODULES.items()}


def layer(name):
    parts = name.split(".")[1:]
    return LAYERS.index(parts[0]) if parts and parts[0] in LAYERS else len(LAYERS)


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"atlasae", "atlasae.__main__"}))
def test_imports_go_down(name):
    # what runs the library as a user does imports it as a user does
    upward = [other for other in IMPORTS[name] if layer(other) < layer(name)]
    assert not upward
    parts = name.split(".")[1:]
    if parts[0] == "root" and parts[1:]:
        own = INSIDE_ROOT.index(parts[1])
        for other in IMPORTS[name]:
            if other.startswith("atlasae.root."):
                assert other.split(".")[2] in INSIDE_ROOT[own:], other


def test_no_circle_in_the_package():
    assert_no_circle({n: others - {"atlasae"} for n, others in IMPORTS.items() if n != "atlasae"})


def test_no_circle_in_the_benchmarks():
    files = modules(Path(benchmarks.__file__).parent)
    assert_no_circle({name: imports_of(name, path, files.keys()) for name, path in files.items()})


def assert_no_circle(graph):
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_modules_are_small():
    lines = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES.values())
    assert lines[-1] <= MOST_LINES
    assert lines[len(lines) // 2] < MOST_LINES // 2
