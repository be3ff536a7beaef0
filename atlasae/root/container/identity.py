"""What names the trees of a compressed file: their source, and what was asked for."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from atlasae.root.io.errors import read_errors

_WINDOWS = 16  # of a source that are read, spread over it from its first bytes to its last
_WINDOW_BYTES = 1 << 16
_CHARACTERS = 16


def source_digest(file: Any) -> str:
    """SHA-256 of the size of an open ROOT file and of windows spread over it.

    A file that is written anew has other bytes there: its UUID and dates at the start, and the
    places of all its baskets at the end. It does not depend on the name of the file, or on when it
    was copied. At most a megabyte is read.

    Example:
        >>> import atlasae
        >>> from atlasae.root.io.file import open_root
        >>> with open_root(atlasae.sample()) as file:
        ...     len(source_digest(file))
        64
    """
    size = int(file.file.source.num_bytes)
    last = max(size - _WINDOW_BYTES, 0)
    starts = sorted({last * i // (_WINDOWS - 1) for i in range(_WINDOWS)})
    digest = hashlib.sha256(f"{size}:".encode())
    with read_errors(file.file_path):
        for start in starts:
            stop = min(start + _WINDOW_BYTES, size)
            digest.update(bytes(file.file.source.chunk(start, stop).raw_data))
    return digest.hexdigest()


def tree_identity(source: str, job: str, path: str) -> str:
    """The identity in the manifest of a tree: the same for the same source, codecs and options.

    Args:
        source: its digest.
        job: the digest of how it is compressed.
        path: of the tree.
    """
    text = json.dumps([source, job, path])
    return hashlib.sha256(text.encode()).hexdigest()[:_CHARACTERS]
