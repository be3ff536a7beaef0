"""Learned compression of jets, and of the ROOT files they come in, within a stated error.

Everything but ``Codec`` and the exceptions is imported at its first use, so that importing atlasae
takes little time.

Example:
    >>> import os, tempfile
    >>> import atlasae
    >>> small = os.path.join(tempfile.mkdtemp(), "small.root")
    >>> codec = atlasae.Codec.bounded(tolerance=1e-2)
    >>> codec = codec.fit(atlasae.read_jets(atlasae.sample(), entry_stop=500))
    >>> contents = atlasae.compress(atlasae.sample(), small, codec=codec)
    >>> with atlasae.open(small) as file:
    ...     jets = file["Events"].collection("Jet")
    >>> len(jets)
    20000
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from atlasae.codecs import Codec
from atlasae.errors import (
    AtlasaeError,
    DamagedFileError,
    FileError,
    InputError,
    LargerTargetError,
    MissingFileError,
    MissingNameError,
    MissingPackageError,
    NotFittedError,
    TargetExistsError,
    UnsafePickleError,
    VersionError,
)

if TYPE_CHECKING:
    from atlasae import cycles, plots
    from atlasae.campaign.checking import check_files
    from atlasae.campaign.comparing import compare_files
    from atlasae.campaign.compressing import compress_files
    from atlasae.campaign.restoring import decompress_files
    from atlasae.codecs.autoencoder.codec import AutoencoderCodec
    from atlasae.codecs.bounded.codec import BoundedCodec
    from atlasae.jets import metrics
    from atlasae.jets.pickle.reader import read_pickle
    from atlasae.quantization.tolerance import abs_, rel
    from atlasae.report.compare import compare
    from atlasae.root.checking.check import check
    from atlasae.root.compressing.compress import compress
    from atlasae.root.compressing.preview import plan
    from atlasae.root.fitting.file_codecs import FileCodecs
    from atlasae.root.inspecting.card import card
    from atlasae.root.inspecting.info import info
    from atlasae.root.merge import merge
    from atlasae.root.planning.plan import Selection
    from atlasae.root.reading.coffea_events import nanoevents
    from atlasae.root.reading.dask_collection import open_dask as dask
    from atlasae.root.reading.datasets import concatenate, iterate
    from atlasae.root.reading.file import open_file as open  # noqa: A004  (as uproot calls it)
    from atlasae.root.reading.jets import read_jets
    from atlasae.root.restoring.decompress import decompress
    from atlasae.root.restoring.export import export
    from atlasae.root.restoring.rdataframe import rdataframe
    from atlasae.samples import sample

__version__ = "0.1.0"

__all__ = [
    "AtlasaeError",
    "AutoencoderCodec",
    "BoundedCodec",
    "Codec",
    "DamagedFileError",
    "FileCodecs",
    "FileError",
    "InputError",
    "LargerTargetError",
    "MissingFileError",
    "MissingNameError",
    "MissingPackageError",
    "NotFittedError",
    "Selection",
    "TargetExistsError",
    "UnsafePickleError",
    "VersionError",
    "__version__",
    "abs_",
    "card",
    "check",
    "check_files",
    "compare",
    "compare_files",
    "compress",
    "compress_files",
    "concatenate",
    "cycles",
    "dask",
    "decompress",
    "decompress_files",
    "export",
    "info",
    "iterate",
    "merge",
    "metrics",
    "nanoevents",
    "open",
    "plan",
    "plots",
    "rdataframe",
    "read_jets",
    "read_pickle",
    "rel",
    "sample",
]

_LAZY = {
    "AutoencoderCodec": "codecs.autoencoder.codec",
    "BoundedCodec": "codecs.bounded.codec",
    "FileCodecs": "root.fitting.file_codecs",
    "Selection": "root.planning.plan",
    "abs_": "quantization.tolerance",
    "card": "root.inspecting.card",
    "check": "root.checking.check",
    "check_files": "campaign.checking",
    "compare": "report.compare",
    "compare_files": "campaign.comparing",
    "compress": "root.compressing.compress",
    "compress_files": "campaign.compressing",
    "concatenate": "root.reading.datasets",
    "dask": "root.reading.dask_collection",
    "decompress": "root.restoring.decompress",
    "decompress_files": "campaign.restoring",
    "export": "root.restoring.export",
    "info": "root.inspecting.info",
    "iterate": "root.reading.datasets",
    "merge": "root.merge",
    "nanoevents": "root.reading.coffea_events",
    "open": "root.reading.file",
    "plan": "root.compressing.preview",
    "rdataframe": "root.restoring.rdataframe",
    "read_jets": "root.reading.jets",
    "read_pickle": "jets.pickle.reader",
    "rel": "quantization.tolerance",
    "sample": "samples",
}
_RENAMED = {"dask": "open_dask", "open": "open_file"}  # names that mean something else inside
_MODULES = {"cycles": "cycles", "metrics": "jets.metrics", "plots": "plots"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        module = import_module(f"atlasae.{_LAZY[name]}")
        return getattr(module, _RENAMED.get(name, name))
    if name in _MODULES:
        return import_module(f"atlasae.{_MODULES[name]}")
    raise AttributeError(f"module 'atlasae' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
