"""Samples of events that are part of the package."""

from __future__ import annotations

from pathlib import Path

from atlasae.errors import MissingNameError

_DATA = Path(__file__).parent / "data"


def sample(name: str = "dijets") -> Path:
    """Path of a ROOT file that is part of the package.

    ``dijets`` has 20,000 hard QCD dijet events from Pythia 8, clustered by anti-kt with R = 0.4,
    in the layout of NanoAOD. The JSON file next to it describes how it was generated.

    Args:
        name: of the sample.

    Raises:
        MissingNameError: there is no sample of this name.

    Example:
        >>> sample().name
        'dijets.root'
    """
    path = _DATA / f"{name}.root"
    if not path.is_file():
        raise MissingNameError.of("sample", name, "atlasae", [p.stem for p in _DATA.glob("*.root")])
    return path
