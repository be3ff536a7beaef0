"""Codecs that many compressed files share: in a file beside them, which each names by its hash."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atlasae.codecs.serialization import fingerprint, unpack
from atlasae.errors import DamagedFileError, MissingFileError, located
from atlasae.source_files import read_whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlasae.types import PathLike

FOLDERS = "ATLASAE_CODECS"  # the variable that names folders with files of codecs
# in the header: where codecs are from, and their cards, which are no part of them
ORIGIN = "origin"
MODEL_CARDS = "model cards"
_MAGIC = b"ath\x01"  # then a digest of what follows, as JSON; no codec or model begins so
_DIGEST_BYTES = 16
_NAME_DIGITS = 16


@dataclass(frozen=True)
class SharedCodecs:
    """What a compressed file says of codecs that are not in it.

    Attributes:
        fingerprint: SHA-256 of the codecs, in hexadecimal digits.
    """

    fingerprint: str

    @property
    def name(self) -> str:
        """The name of the file of the codecs, which tells it from those of other codecs."""
        return f"codecs-{self.fingerprint[:_NAME_DIGITS]}.safetensors"

    def to_bytes(self) -> bytes:
        """The stored form, in place of the codecs."""
        text = json.dumps({"fingerprint": self.fingerprint}).encode()
        return _MAGIC + hashlib.sha256(text).digest()[:_DIGEST_BYTES] + text

    @staticmethod
    def is_stored(data: bytes) -> bool:
        """Whether stored bytes are those of ``to_bytes``, and no codec."""
        return data.startswith(_MAGIC)

    @classmethod
    def from_bytes(cls, data: bytes) -> SharedCodecs:
        """The inverse of ``to_bytes``, from untrusted bytes.

        Raises:
            DamagedFileError: they are damaged.
        """
        start = len(_MAGIC) + _DIGEST_BYTES
        try:
            if hashlib.sha256(data[start:]).digest()[:_DIGEST_BYTES] != data[len(_MAGIC) : start]:
                raise DamagedFileError("the name of its codecs is damaged")
            found = bytes.fromhex(json.loads(data[start:])["fingerprint"])
            if len(found) != hashlib.sha256().digest_size:
                raise DamagedFileError("the name of its codecs is damaged")
        except (LookupError, TypeError, ValueError, RecursionError) as error:
            raise DamagedFileError(f"the name of its codecs is damaged: {error!r}") from error
        return cls(found.hex())

    def find(self, path: str) -> list[bytes]:
        """The codecs and models, found beside a compressed file.

        Args:
            path: of the file.

        Raises:
            MissingFileError: they are nowhere that is searched.
            DamagedFileError: they are damaged, or other ones.
        """
        found = next(filter(Path.is_file, self._places(path)), None)
        if found is None:
            raise MissingFileError(
                f"{path} needs the codecs in {self.name} (SHA-256 {self.fingerprint}): put that file"
                f" into the folder of {Path(path).name} or one above it, or name its folder in the"
                f" variable {FOLDERS}"
            )
        with located(os.fspath(found)):
            stored = read_shared(found)
            if stored.fingerprint != self.fingerprint:
                raise DamagedFileError(
                    f"it holds other codecs than {path} needs: theirs have SHA-256"
                    f" {self.fingerprint}"
                )
        return stored.rows

    def _places(self, path: str) -> Iterator[Path]:
        """Where the file of the codecs may be."""
        if "://" not in path:
            folder = Path(path).absolute().parent
            yield from (above / self.name for above in (folder, *folder.parents))
        for given in filter(None, os.environ.get(FOLDERS, "").split(os.pathsep)):
            yield Path(given) / self.name


@dataclass(frozen=True)
class StoredShared:
    """A file of shared codecs.

    Attributes:
        fingerprint: SHA-256 of the codecs, in hexadecimal digits.
        rows: what a compressed file would store: bytes of codecs and of models of columns.
    """

    fingerprint: str
    rows: list[bytes]


def read_shared(path: PathLike) -> StoredShared:
    """Read a file of codecs, as ``FileCodecs.save`` writes it.

    Raises:
        MissingFileError, FileError: there is no such file, or it cannot be read.
        DamagedFileError: it is damaged.
    """
    header, tensors = unpack(read_whole_file(path, "file of codecs"))
    for said in (ORIGIN, MODEL_CARDS):
        header.pop(said, None)
    rows = [values.tobytes() for values in tensors.values()]
    return StoredShared(fingerprint(header, tensors).hex(), [row for row in rows if row])
