"""Whether a compressed file is what compressing its source again would write."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from atlasae.errors import DamagedFileError, VersionError
from atlasae.root.container.container import is_compressed, open_as
from atlasae.root.container.identity import source_digest, tree_identity
from atlasae.root.container.restored_tree import CompressedTrees
from atlasae.root.io.file import open_root

if TYPE_CHECKING:
    from atlasae.root.compressing.job import Job
    from atlasae.types import PathLike


def why_other(source: PathLike, target: PathLike, job: Job) -> str:
    """Why a file is not what a job writes of a source; empty if it is.

    Its manifests have to name this source, these codecs and these options, and all blocks and kept
    branches to agree with their checksums. Nothing is decoded, and of the source a megabyte is
    read.

    Raises:
        MissingFileError, DamagedFileError: the source is missing or cannot be read.
        InputError: the source is compressed.
    """
    with open_as(source, compressed=False) as file:
        digest = source_digest(file)
    try:
        with open_root(target) as file:
            if not is_compressed(file):
                return "is not compressed by atlasae"
            trees = CompressedTrees(file)
            for manifest in trees.container.manifests:
                if manifest.identity != tree_identity(digest, job.digest, manifest.tree):
                    return (
                        f"was made of another version of {os.fspath(source)}, or with other codecs"
                        " or options"
                    )
            for tree in trees.restored.values():
                tree.check_stored()
    except (DamagedFileError, VersionError) as error:
        return f"cannot be used ({error})"
    return ""
