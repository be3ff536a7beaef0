"""Learned compression of jet 4-vectors in ROOT files.

    import atlasae
    from atlasae import Codec

    codec = Codec.autoencoder(latent=3).fit(jets)
    latents = codec.encode(jets)
    jets_again = codec.decode(latents)

    atlasae.compress("events.root", "small.root")
    atlasae.decompress("small.root", "events_again.root")

    with atlasae.open("small.root") as file:  # reads like uproot
        jets = file["Events"].collection("Jet")

Everything but ``Codec`` and the errors is imported when it is first used, so that importing
atlasae costs little.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from atlasae.codec import Codec
from atlasae.errors import (
    AtlasaeError,
    DamagedFileError,
    FileError,
    InputError,
    MissingFileError,
    MissingNameError,
    MissingPackageError,
    NotFittedError,
    TargetExistsError,
    UnsafePickleError,
)

if TYPE_CHECKING:
    from atlasae import cycles, metrics, plots
    from atlasae.pickles import read_pickle
    from atlasae.report import compare
    from atlasae.root.checking import check
    from atlasae.root.compressing import compress
    from atlasae.root.contents import info
    from atlasae.root.decompressing import decompress
    from atlasae.root.jets import read_jets
    from atlasae.root.merging import merge
    from atlasae.root.reader import concatenate, iterate
    from atlasae.root.reader import open_file as open  # noqa: A004  (as uproot calls it)
    from atlasae.samples import sample

__version__ = "0.1.0"

__all__ = [
    "AtlasaeError",
    "Codec",
    "DamagedFileError",
    "FileError",
    "InputError",
    "MissingFileError",
    "MissingNameError",
    "MissingPackageError",
    "NotFittedError",
    "TargetExistsError",
    "UnsafePickleError",
    "__version__",
    "check",
    "compare",
    "compress",
    "concatenate",
    "cycles",
    "decompress",
    "info",
    "iterate",
    "merge",
    "metrics",
    "open",
    "plots",
    "read_jets",
    "read_pickle",
    "sample",
]

_FUNCTIONS = {
    "check": "root.checking.check",
    "compare": "report.compare",
    "compress": "root.compressing.compress",
    "concatenate": "root.reader.concatenate",
    "decompress": "root.decompressing.decompress",
    "info": "root.contents.info",
    "iterate": "root.reader.iterate",
    "merge": "root.merging.merge",
    "open": "root.reader.open_file",
    "read_jets": "root.jets.read_jets",
    "read_pickle": "pickles.read_pickle",
    "sample": "samples.sample",
}
_MODULES = ("cycles", "metrics", "plots")


def __getattr__(name: str) -> Any:
    if name in _FUNCTIONS:
        module, _, function = _FUNCTIONS[name].rpartition(".")
        return getattr(import_module(f"atlasae.{module}"), function)
    if name in _MODULES:
        return import_module(f"atlasae.{name}")
    raise AttributeError(f"module 'atlasae' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
