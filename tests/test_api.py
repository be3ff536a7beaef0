"""What the package offers, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest

import atlasae

PUBLIC = [
    "AtlasaeError", "AutoencoderCodec", "BoundedCodec", "Codec", "DamagedFileError", "FileCodecs", "FileError",
    "InputError", "LargerTargetError", "MissingFileError",
    "MissingNameError", "MissingPackageError", "NotFittedError", "Selection", "TargetExistsError",
    "UnsafePickleError", "VersionError", "__version__", "abs_", "card", "check", "check_files", "compare", "compare_files",
    "compress", "compress_files", "concatenate", "cycles", "dask", "decompress", "decompress_files",
    "export", "info", "iterate", "merge", "metrics", "nanoevents", "open", "plan", "plots", "rdataframe", "read_jets",
    "read_pickle", "rel", "sample",
]  # fmt: skip


def loaded_after(statements):
    """The modules that are loaded after some statements, in a new interpreter."""
    code = f"import sys\n{statements}\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in run.stdout.split()}


def test_the_public_names_are_these():
    assert sorted(atlasae.__all__) == sorted(PUBLIC)
    assert dir(atlasae) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there(name):
    assert getattr(atlasae, name) is not None


@pytest.mark.parametrize("module", [atlasae, atlasae.plots])
def test_every_public_name_has_an_example(module):
    public = [getattr(module, name) for name in module.__all__]
    documented = [thing for thing in public if callable(thing) and not is_exception(thing)]
    assert documented
    assert [thing.__name__ for thing in documented if ">>>" not in thing.__doc__] == []


def is_exception(thing):
    return isinstance(thing, type) and issubclass(thing, Exception)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'compres'"):
        atlasae.compres  # noqa: B018


def test_the_version_is_the_one_installed():
    assert metadata.version("atlasae") == atlasae.__version__


def test_importing_loads_nothing_heavy():
    heavy = {"torch", "fastai", "matplotlib", "uproot", "awkward", "vector", "rich", "pandas"}
    assert not loaded_after("import atlasae") & heavy


def test_decoding_needs_neither_torch_nor_fastai(compressed_file, tmp_path):
    target = str(tmp_path / "back.root")
    loaded = loaded_after(
        f"import atlasae; atlasae.decompress({str(compressed_file)!r}, {target!r})"
    )
    assert "uproot" in loaded
    assert not loaded & {"torch", "fastai"}


def test_reading_a_compressed_file_loads_what_it_needs(events_file, tmp_path):
    small = tmp_path / "small.root"
    codec = atlasae.Codec.bounded().fit(atlasae.read_jets(events_file))
    atlasae.compress(events_file, small, codec=codec)
    loaded = loaded_after(
        f"import atlasae; atlasae.open({str(small)!r})['Events']['Jet_pt'].array()"
    )
    assert "uproot" in loaded
    assert not loaded & {"torch", "pcodec", "vector", "rich", "click", "pandas", "scipy"}


def test_a_codec_file_encodes_and_decodes_without_torch(codec, tmp_path):
    path = tmp_path / "codec.safetensors"
    codec.save(path)
    loaded = loaded_after(
        "import numpy as np; from atlasae import Codec\n"
        f"codec = Codec.load({str(path)!r})\n"
        "codec.decode(codec.encode({name: np.ones(3) for name in codec.features_}))"
    )
    assert "awkward" in loaded
    assert not loaded & {"torch", "fastai"}


def test_fitting_within_a_bound_needs_the_core_alone():
    loaded = loaded_after(
        "import atlasae, numpy as np\n"
        "rng = np.random.default_rng(0)\n"
        "pt = 20 + rng.exponential(30, 4000)\n"
        "m = pt / 10 * np.exp(rng.normal(0, pt / 100))\n"
        "jets = {'m': m, 'pt': pt, 'phi': rng.uniform(-3, 3, 4000), 'eta': rng.normal(size=4000)}\n"
        "codec = atlasae.Codec.bounded(tolerance=1e-3).fit(jets)\n"
        "codec.encode(jets)"
    )
    assert not loaded & {"torch", "fastai", "scipy", "pandas", "matplotlib"}
