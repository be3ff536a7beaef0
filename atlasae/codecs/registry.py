"""Finds the class of a codec by its name."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from atlasae.errors import MissingNameError

ENTRY_POINTS = "atlasae.codecs"
# The codecs of atlasae, as "module:class"; others are registered in the entry-point group.
_BUILT_IN = {
    "autoencoder": "atlasae.codecs.autoencoder.codec:AutoencoderCodec",
    "bounded": "atlasae.codecs.bounded.codec:BoundedCodec",
}


def codec_class(codec_id: str) -> type[Any]:
    """The class of a codec, imported at its first use.

    Raises:
        MissingNameError: no codec of this name is built in or registered.

    Example:
        >>> codec_class("bounded").__name__
        'BoundedCodec'
    """
    targets = _BUILT_IN
    if codec_id not in targets:  # reading the entry points of an environment takes a while
        targets = {point.name: point.value for point in entry_points(group=ENTRY_POINTS)} | targets
    if codec_id not in targets:
        raise MissingNameError.of("codec", codec_id, "the registry", targets)
    module, _, name = targets[codec_id].partition(":")
    registered: type[Any] = getattr(import_module(module), name)
    return registered


class RegisteredCodec:
    """A class attribute that is the class of a registered codec, imported at its first use."""

    def __init__(self, codec_id: str) -> None:
        self._codec_id = codec_id

    def __get__(self, instance: object, owner: type | None = None) -> type[Any]:
        return codec_class(self._codec_id)
