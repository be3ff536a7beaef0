"""What all work that writes a file has in common: what becomes of a target that is there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from atlasae.atomic_write import check_target
from atlasae.directories import make_directory
from atlasae.errors import TargetExistsError

if TYPE_CHECKING:
    from atlasae.campaign.work import Outcome, Task


@dataclass(frozen=True)
class WritingWork(ABC):
    """Writes the target of a file, unless it is there and what would be written.

    Attributes:
        force: write it anyway.
    """

    force: bool = field(kw_only=True)

    def __call__(self, task: Task) -> Outcome:
        target = Path(task.target)
        if target.exists() and not self.force:
            return self._found(task)
        make_directory(target.parent)
        try:
            return self._write(task)
        except TargetExistsError:  # another process has written it since
            return self._found(task)

    def _found(self, task: Task) -> Outcome:
        """What comes of a file whose target is there."""
        check_target(task.target, force=True, sources=[task.source])
        if why := self._why_other(task):
            raise TargetExistsError(
                f"{task.target} is there, and {why}: move it away, or overwrite it with --force"
                " (force=True)"
            )
        return self._skipped(task)

    @abstractmethod
    def _write(self, task: Task) -> Outcome:
        """Write the target."""

    @abstractmethod
    def _why_other(self, task: Task) -> str:
        """Why the target that is there is not what would be written; empty if it is."""

    @abstractmethod
    def _skipped(self, task: Task) -> Outcome:
        """What is said of a target that is what would be written."""
