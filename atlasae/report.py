"""Compare two files of the same jets: figures and numbers."""

from __future__ import annotations

import os
from pathlib import Path

from atlasae.autoencoder import AutoencoderCodec
from atlasae.files import make_directory
from atlasae.metrics import Residuals, residuals
from atlasae.plots import LABEL, save_figures
from atlasae.root.container import is_compressed
from atlasae.root.jets import read_codec, read_jets, read_latents
from atlasae.root.layouts import find_collection
from atlasae.root.opening import open_root
from atlasae.root.restored import trees_of


def draw_comparison(
    original: str | os.PathLike[str],
    decoded: str | os.PathLike[str],
    directory: str | os.PathLike[str],
    *,
    label: str = LABEL,
    tree: str | None = None,
    collection: str | None = None,
) -> tuple[dict[str, Residuals], list[Path]]:
    """Draw the figures of ``atlasae.plots`` for the jets of two ROOT files.

    Args:
        original: the file before compression.
        decoded: the restored file, or the compressed one, which is decoded on the way; for the
            latter the latents and the training are drawn too.
        directory: where the figures go.
        label: stands behind the experiment's name.
        tree: path of the tree; as for ``atlasae.compress``.
        collection: as for ``atlasae.compress``.

    Returns:
        Residuals by feature, and the files written.

    Raises:
        InputError: the two do not hold the same jets.
    """
    latents, history = None, None
    with open_root(decoded) as file:
        compressed = is_compressed(file)
        source, found = find_collection(trees_of(file), tree, collection)
    tree, collection = source.path, found.name
    make_directory(directory)
    before = read_jets(original, tree=tree, collection=collection)
    after = read_jets(decoded, tree=tree, collection=collection)
    if compressed:
        codec = read_codec(decoded)
        if isinstance(codec, AutoencoderCodec):
            history = codec.history_
            latents = None if codec.gives_blocks else read_latents(decoded)
    written = save_figures(directory, before, after, latents=latents, history=history, label=label)
    return residuals(before, after), written
