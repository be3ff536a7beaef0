"""The core needs no package that an extra brings, and a missing one is named with what installs it.

Each case runs in a new interpreter, in which the packages of all extras cannot be imported.
"""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import atlasae
from atlasae.optional import needs_extra

BLOCKED = (
    "aiohttp", "boost_histogram", "coffea", "dask", "dask_awkward", "distributed", "fastai",
    "fsspec_xrootd", "hist", "hls4ml", "matplotlib", "mplhep", "onnx", "pandas", "pytorch_optimizer", "scipy", "torch",
)  # fmt: skip
BLOCK = f"""
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        package = name.partition(".")[0]
        if package in {BLOCKED!r}:
            raise ModuleNotFoundError(f"No module named {{package!r}}", name=name)

sys.meta_path.insert(0, Missing())
"""
FAILS = """
import atlasae
for statement in sys.argv[1:]:
    try:
        exec(statement)
    except atlasae.MissingPackageError as error:
        print(error)
"""


def run_lean(code, *arguments):
    """What a program prints in which no package of an extra can be imported."""
    result = subprocess.run(
        [sys.executable, "-c", BLOCK + code, *map(str, arguments)], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_core_reads_fits_compresses_and_checks(events_file, tmp_path):
    printed = run_lean(
        """
from pathlib import Path

import numpy as np

import atlasae

folder, source = map(Path, sys.argv[1:])
jets = atlasae.read_jets(source)
codec = atlasae.Codec.bounded(tolerance=1e-3).fit(jets)
codec.save(folder / "codec.safetensors")
codec = atlasae.Codec.load(folder / "codec.safetensors")
decoded = codec.decode(codec.encode(jets[:100]))
for name, residuals in atlasae.metrics.residuals(jets[:100], decoded).items():
    assert residuals.maximum <= 1e-3, name

small, restored = folder / "small.root", folder / "restored.root"
atlasae.compress(source, small, codec=codec)
with atlasae.open(small) as file:
    assert len(file["Events"].collection("Jet")) == len(jets)
assert atlasae.info(small).ratio > 1
atlasae.decompress(small, restored)
for path, tolerance in ((small, None), (restored, 1e-3)):
    result = atlasae.check(source, path, tolerance=tolerance)
    assert result.good, result
print("compressed")
""",
        tmp_path,
        events_file,
    )
    assert printed == "compressed\n"


def test_the_command_needs_the_core_alone(events_file, tmp_path):
    codec, small = tmp_path / "codec", tmp_path / "small.root"
    atlasae.Codec.bounded(tolerance=1e-2).fit(atlasae.read_jets(events_file)).save(codec)
    program = """
from atlasae.cli import main
main(sys.argv[1:])
"""
    run_lean(program, "compress", events_file, small, "--codec", codec)
    assert "compressed with Codec.bounded(tolerance=0.01)" in run_lean(program, "info", small)


MISSING = {
    "atlasae.plots": "atlasae.plots needs {}: pip install 'atlasae[plot]'",
    "atlasae.compare": "atlasae.plots needs {}: pip install 'atlasae[plot]'",
    "atlasae.metrics.correlation(atlasae.metrics.residuals({'pt': [1.0]}, {'pt': [1.0]}))": (
        "metrics.correlation needs {}: pip install 'atlasae[plot]'"
    ),
    "atlasae.Codec.autoencoder(latent=1).fit({'x': [1.0, 2.0], 'y': [1.0, 2.0]})": (
        "training an autoencoder needs {}: pip install 'atlasae[autoencoder]'"
    ),
    "atlasae.Codec.autoencoder(latent=1).lr_find({'x': [1.0, 2.0], 'y': [1.0, 2.0]})": (
        "training an autoencoder needs {}: pip install 'atlasae[autoencoder]'"
    ),
    "atlasae.open('http://localhost:9/events.root')": (
        "http:// needs {}: pip install 'atlasae[http]'"
    ),
    "atlasae.read_jets('https://localhost:9/*.root')": (
        "https:// needs {}: pip install 'atlasae[http]'"
    ),
    "atlasae.dask(atlasae.sample())": "atlasae.dask needs {}: pip install 'atlasae[dask]'",
    "atlasae.check_files(atlasae.sample(), '.', dask='local')": (
        "--dask (dask=...) needs {}: pip install 'atlasae[dask]'"
    ),
    "atlasae.nanoevents(atlasae.sample())": (
        "atlasae.nanoevents needs {}: pip install 'atlasae[coffea]'"
    ),
}


def test_a_missing_extra_is_named_in_one_line():
    printed = run_lean(FAILS, *MISSING).splitlines()
    for line, message in zip(printed, MISSING.values(), strict=True):
        assert line in {message.format(package) for package in BLOCKED}


def test_no_extra_is_blamed_for_a_missing_module_of_atlasae():
    with (
        pytest.raises(ModuleNotFoundError, match=r"atlasae\.nowhere") as caught,
        needs_extra("plot", "atlasae.plots"),
    ):
        importlib.import_module("atlasae.nowhere")
    assert not isinstance(caught.value, atlasae.MissingPackageError)


def test_an_address_of_another_kind_says_what_is_missing():
    with pytest.raises(atlasae.MissingPackageError, match="Please install gcsfs"):
        atlasae.open("gs://bucket/events.root")


def test_the_module_runs_as_a_command():
    result = subprocess.run(
        [sys.executable, "-m", "atlasae", "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout == f"atlasae {atlasae.__version__}\n"
