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

from atlasae.codecs import Codec
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
    VersionError,
)

if TYPE_CHECKING:
    from atlasae import cycles, plots
    from atlasae.codecs.autoencoder.codec import AutoencoderCodec
    from atlasae.codecs.bounded.codec import BoundedCodec
    from atlasae.jets import metrics
    from atlasae.jets.pickle.reader import read_pickle
    from atlasae.quantization.tolerance import abs_, rel
    from atlasae.report.compare import compare
    from atlasae.root.check import check
    from atlasae.root.compress import compress
    from atlasae.root.decompress import decompress
    from atlasae.root.info import info
    from atlasae.root.merge import merge
    from atlasae.root.plan import Selection
    from atlasae.root.reading.datasets import concatenate, iterate
    from atlasae.root.reading.file import open_file as open  # noqa: A004  (as uproot calls it)
    from atlasae.root.reading.jets import read_jets
    from atlasae.samples import sample

__version__ = "0.1.0"

__all__ = [
    "AtlasaeError",
    "AutoencoderCodec",
    "BoundedCodec",
    "Codec",
    "DamagedFileError",
    "FileError",
    "InputError",
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
    "rel",
    "sample",
]

_LAZY = {
    "AutoencoderCodec": "codecs.autoencoder.codec",
    "BoundedCodec": "codecs.bounded.codec",
    "Selection": "root.plan",
    "abs_": "quantization.tolerance",
    "check": "root.check",
    "compare": "report.compare",
    "compress": "root.compress",
    "concatenate": "root.reading.datasets",
    "decompress": "root.decompress",
    "info": "root.info",
    "iterate": "root.reading.datasets",
    "merge": "root.merge",
    "open": "root.reading.file",
    "read_jets": "root.reading.jets",
    "read_pickle": "jets.pickle.reader",
    "rel": "quantization.tolerance",
    "sample": "samples",
}
_MODULES = {"cycles": "cycles", "metrics": "jets.metrics", "plots": "plots"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        module = import_module(f"atlasae.{_LAZY[name]}")
        return getattr(module, "open_file" if name == "open" else name)
    if name in _MODULES:
        return import_module(f"atlasae.{_MODULES[name]}")
    raise AttributeError(f"module 'atlasae' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
