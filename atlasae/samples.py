"""The sample of events that ships with the package."""

from __future__ import annotations

from pathlib import Path

from atlasae.errors import MissingNameError

_DATA = Path(__file__).parent / "data"


def sample(name: str = "dijets") -> Path:
    """The path of a shipped ROOT file; how it was made stands beside it in a JSON file.

    ``dijets``: 20,000 hard QCD dijet events from Pythia 8, anti-kt R = 0.4, in NanoAOD's layout.

    Raises:
        MissingNameError: there is no sample of this name.
    """
    path = _DATA / f"{name}.root"
    if not path.is_file():
        raise MissingNameError.of("sample", name, "atlasae", [p.stem for p in _DATA.glob("*.root")])
    return path
