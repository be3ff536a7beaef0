"""Name, date and UUIDs of files being written: the same again, if they are made of the same."""

from __future__ import annotations

import hashlib
import uuid
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import uproot._util

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EARLIEST = 1 << 22 | 1 << 17  # the first day of 1995, as ROOT stores it
_date: ContextVar[int | None] = ContextVar("date of the file being written", default=None)
_now = uproot._util.datetime_to_code  # noqa: SLF001  (uproot offers no other way)


@dataclass(frozen=True)
class Stamp:
    """What distinguishes a file from others, beside what is in it.

    Attributes:
        name: that is stored in the file.
        date: when it was made, as ROOT stores it.
        digest: of what it was made of.
    """

    name: str
    date: int
    digest: str

    @classmethod
    def of(cls, source: Any, digest: str) -> Stamp:
        """The stamp of a file that is made of an open one, whose name and date it gets."""
        date = int(source._fDatimeM)  # noqa: SLF001  (as a number)
        try:
            uproot._util.code_to_datetime(date)  # noqa: SLF001
        except ValueError:  # uproot could not add to a file with such a date
            date = EARLIEST
        return cls(PurePosixPath(source.file_path).name, date, digest)

    def uuids(self) -> Callable[[], uuid.UUID]:
        """A function that gives the UUIDs of the file and of its directories."""
        numbers = count()

        def next_uuid() -> uuid.UUID:
            text = f"{self.digest} {next(numbers)}"
            return uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4)

        return next_uuid

    @contextmanager
    def dated(self) -> Iterator[None]:
        """Let uproot give this date to all that it writes."""
        uproot._util.datetime_to_code = _code  # noqa: SLF001
        token = _date.set(self.date)
        try:
            yield
        finally:
            _date.reset(token)


def _code(when: Any) -> int:
    """A date as ROOT stores it; that of the file being written, where there is one."""
    date = _date.get()
    return int(_now(when)) if date is None else date
