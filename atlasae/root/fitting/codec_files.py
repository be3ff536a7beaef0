"""Files of codecs: the codec of one collection, or codecs of whole files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from atlasae.codecs import Codec
from atlasae.codecs.pretrained import PREFIX
from atlasae.codecs.serialization import unpack
from atlasae.errors import located
from atlasae.root.fitting.file_codecs import FileCodecs
from atlasae.source_files import ROOT, file_kind, read_whole_file

if TYPE_CHECKING:
    from atlasae.types import PathLike


def load_codecs(path: PathLike) -> Codec | FileCodecs:
    """What ``compress`` can use in a file: the codec of one collection, or codecs of whole files.

    Args:
        path: of the file; or ``pretrained:dijets`` or ``pretrained:dijets/autoencoder``, what
            ``Codec.pretrained`` gives.

    Raises what ``Codec.load``, ``FileCodecs.load`` and ``Codec.pretrained`` raise.
    """
    if (text := os.fspath(path)).startswith(PREFIX):
        return Codec.pretrained(*text.removeprefix(PREFIX).split("/", 1))
    if file_kind(path) is ROOT:
        return FileCodecs.load(path)
    data = read_whole_file(path, "codec file")
    with located(os.fspath(path)):
        is_of_files = "trees" in unpack(data)[0]
    return FileCodecs.load(path) if is_of_files else Codec.load(path)


def codecs_by_name(path: PathLike) -> dict[str, Codec]:
    """The codecs in a file: one under the name of its collection, or those of whole files.

    Raises what ``Codec.load`` and ``FileCodecs.load`` raise.
    """
    loaded = load_codecs(path)
    if isinstance(loaded, Codec):
        return {loaded.collection: loaded}
    several = len(loaded.trees) > 1
    return {
        f"{tree}/{name}" if several else name: codec
        for tree, learned in loaded.trees.items()
        for name, codec in learned.collections.items()
    }
