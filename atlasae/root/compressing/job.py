"""What ``compress`` and ``plan`` are asked for, checked before any work."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from atlasae.codecs import Codec
from atlasae.codecs.bounded.codec import BoundedCodec
from atlasae.codecs.registry import codec_class
from atlasae.errors import InputError, require_choice
from atlasae.root.fitting.codec_files import load_codecs
from atlasae.root.fitting.file_codecs import FileCodecs
from atlasae.root.io.cpp import BY_UPROOT, require_library
from atlasae.root.io.tree import check_step_size
from atlasae.root.planning.plan import PACKS, TARGETS, Selection
from atlasae.threads import thread_count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlasae.root.container.shared_codecs import SharedCodecs
    from atlasae.types import PathLike


@dataclass(frozen=True)
class Job:
    """How to compress a file; the attributes have the names of the arguments of ``compress``.

    Attributes:
        shared: names codecs that are kept beside the files; None to keep all codecs in each file.
        shared_rows: the bytes of these.
    """

    template: Codec | FileCodecs
    select: Selection
    pack: str
    to: str
    drop_unwritable: bool
    step_size: str | int
    threads: int
    progress: bool
    writer: str = BY_UPROOT
    shared: SharedCodecs | None = None
    shared_rows: frozenset[bytes] = frozenset()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the codecs and of the options that what is written depends on."""
        asked = [_described(self.template), asdict(self.select), self.pack, self.to, self.writer]
        is_shared = self.shared is not None
        text = json.dumps([*asked, self.drop_unwritable, is_shared])
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    def checked(
        cls,
        codec: Codec | FileCodecs | PathLike | None,
        select: Selection | None,
        pack: str,
        to: str,
        drop_unwritable: bool,
        step_size: str | int,
        threads: int | None,
        progress: bool,
        writer: str = BY_UPROOT,
    ) -> Job:
        """The job of these arguments of ``compress``.

        Raises:
            InputError: one of them cannot be used.
            MissingFileError, DamagedFileError: there is no such codec, or it cannot be read.
            MissingPackageError: ROOT is to write, and is not installed.
        """
        check_step_size(step_size)
        require_choice("pack", pack, PACKS)
        require_choice("to", to, TARGETS)
        require_library("writer", writer)
        select = Selection() if select is None else select
        if not isinstance(select, Selection):
            raise InputError(f"select must be an atlasae.Selection, not {select!r}")
        many = thread_count(threads)
        return cls(
            _template(codec), select, pack, to, drop_unwritable, step_size, many, progress, writer
        )

    def stored(self, codecs: Iterable[bytes]) -> list[bytes]:
        """What a file stores of the codecs that it needs: those that are not shared, each once."""
        rows = dict.fromkeys(codecs)
        own = [row for row in rows if row not in self.shared_rows]
        name = [self.shared.to_bytes()] if self.shared and len(own) < len(rows) else []
        return own + name


def _template(codec: Codec | FileCodecs | PathLike | None) -> Codec | FileCodecs:
    if codec is None:
        return BoundedCodec()
    if isinstance(codec, FileCodecs):
        return codec
    if not isinstance(codec, Codec):
        if not isinstance(codec, str | os.PathLike):
            raise InputError(
                "codec must be a Codec, such as Codec.bounded(tolerance=1e-3), FileCodecs, or the"
                f" path of saved ones, not {codec!r}"
            )
        return load_codecs(codec)
    codec_class(codec.codec_id)  # one that is not registered could write what nobody can read
    return codec


def _described(template: Codec | FileCodecs) -> str:
    """What distinguishes codecs from others."""
    if isinstance(template, FileCodecs) or template.is_fitted:
        return template.fingerprint.hex()
    return f"{template.codec_id} {json.dumps(template.get_config(), sort_keys=True)}"
