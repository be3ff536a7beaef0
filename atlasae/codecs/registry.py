"""Finds codecs by name."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from atlasae.errors import (
    MissingNameError,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.codecs.base import Codec

    Tensors = dict[str, NDArray[Any]]

ENTRY_POINTS = "atlasae.codecs"


# The codecs of this package, as "module:class"; others register in the entry-point group.
_BUILT_IN = {
    "autoencoder": "atlasae.codecs.autoencoder.codec:AutoencoderCodec",
    "bounded": "atlasae.codecs.bounded.codec:BoundedCodec",
}


def codec_class(codec_id: str) -> type[Codec]:
    """The class of a codec, imported when it is first asked for.

    Raises:
        MissingNameError: no codec of this name is built in or registered.
    """
    targets = _BUILT_IN
    if codec_id not in targets:  # going through what is installed takes a while
        targets = {point.name: point.value for point in entry_points(group=ENTRY_POINTS)} | targets
    if codec_id not in targets:
        raise MissingNameError.of("codec", codec_id, "the registry", targets)
    module, _, name = targets[codec_id].partition(":")
    found: type[Codec] = getattr(import_module(module), name)
    return found
