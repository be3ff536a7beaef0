"""How far the work on many files is: a bar on a terminal, else a line for each file."""

from __future__ import annotations

import logging
from time import perf_counter
from typing import TYPE_CHECKING

from atlasae.campaign.work import BAD, FAILED, SKIPPED
from atlasae.progress import progress_bar
from atlasae.source_files import size_of
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from atlasae.campaign.work import Outcome, Task

_logger = logging.getLogger(__name__)


class FilesProgress:
    """Says what came of each file, how fast the work goes, and how long it will take.

    Args:
        tasks: all of them.
        verb: what is done with the files, such as ``compressing``.
        shown: false to say only what went wrong.

    Example:
        >>> from atlasae.campaign.work import Outcome, Task
        >>> with FilesProgress([Task("a.root", "b.root")], "checking", shown=False) as progress:
        ...     progress.add(Outcome("a.root", "b.root", "good"))
    """

    def __init__(self, tasks: Sequence[Task], verb: str, *, shown: bool) -> None:
        self._sizes = {task.source: size_of(task.source) for task in tasks}
        # the time left follows from bytes; from numbers of files where sizes are not known
        known = all(self._sizes.values())
        self._weights = self._sizes if known else dict.fromkeys(self._sizes, 1)
        self._number, self._left = len(tasks), sum(self._weights.values())
        self._done, self._worked, self._bytes = 0, 0, 0
        self._bar = progress_bar("files", shown=shown)
        self._task = self._bar.add_task(verb, total=self._number)
        self._verb = verb
        self._start = perf_counter()

    def __enter__(self) -> Self:
        self._bar.start()
        self._start = perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def add(self, outcome: Outcome) -> None:
        """Take what came of a file."""
        self._done += 1
        self._left -= self._weights[outcome.source]
        if outcome.status not in (SKIPPED, FAILED):
            self._worked += self._weights[outcome.source]
            self._bytes += self._sizes[outcome.source]
        pace = self._pace()
        shown = f"{self._verb}, {pace}" if pace else self._verb
        self._bar.update(self._task, completed=self._done, description=shown)
        line = "%d/%d %s: %s"
        where = (self._done, self._number, printable(outcome.source))
        if outcome.status in BAD:
            _logger.warning(line, *where, printable(f"{outcome.status}: {outcome.message}"))
        elif self._bar.disable:
            _logger.info(line, *where, f"{_said(outcome)}; {pace}" if pace else _said(outcome))

    def _pace(self) -> str:
        """How fast the work goes, and the time that is left; empty before it is known."""
        seconds = perf_counter() - self._start
        if not self._worked or not seconds:
            return ""
        left = round(self._left * seconds / self._worked)
        speed = f"{self._bytes / seconds / 1e6:.1f} MB/s, " if self._bytes else ""
        return f"{speed}{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"


def _said(outcome: Outcome) -> str:
    """What came of a file, in a few words."""
    ratio = f", ratio {outcome.ratio:.3f}" if outcome.ratio else ""
    return f"{outcome.status}{ratio}"
