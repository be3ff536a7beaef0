"""Codecs that are part of the package."""

from __future__ import annotations

from pathlib import Path

from atlasae.errors import MissingNameError

_FOLDER = Path(__file__).parents[1] / "data"
_SUFFIX = ".safetensors"
PREFIX = "pretrained:"  # of such a codec in place of a path


def pretrained_path(name: str, kind: str) -> Path:
    """The file of a pretrained codec; ``python -m benchmarks.pretrained`` writes these files.

    Args:
        name: of the kind of jets.
        kind: of the codec, its ``codec_id``.

    Raises:
        MissingNameError: there is none; the message names those there are.

    Example:
        >>> pretrained_path("dijets", "bounded").name
        'dijets-bounded.safetensors'
    """
    names = sorted(path.stem for path in _FOLDER.glob(f"*-*{_SUFFIX}"))
    if f"{name}-{kind}" not in names:
        raise MissingNameError(
            f"no pretrained codec {name!r} of kind {kind!r}; there are"
            f" {', '.join(repr(one.replace('-', '/')) for one in names)}"
        )
    return _FOLDER / f"{name}-{kind}{_SUFFIX}"
