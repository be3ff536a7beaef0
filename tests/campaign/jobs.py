"""Work that ends its process, or waits; in a module that a new process imports quickly."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from atlasae.atomic_write import atomic_write
from atlasae.campaign.work import WRITTEN, Outcome, Work


@dataclass(frozen=True)
class Write:
    """Writes the name of a file, but ends the process, or waits, in the middle of some."""

    kills: str = "none"
    waits: str = "none"

    def __call__(self, task):
        with atomic_write(task.target, force=True) as unfinished:
            unfinished.write_text(task.source)
            if task.source == self.kills:
                os.kill(os.getpid(), signal.SIGKILL)
            while task.source == self.waits:
                time.sleep(0.01)
        return Outcome(task.source, task.target, WRITTEN)


@dataclass(frozen=True)
class KillFirst:
    """Ends the worker in the middle of the first file that it is given."""

    work: Work
    marker: str

    def __call__(self, task):
        try:
            Path(self.marker).touch(exist_ok=False)
        except FileExistsError:
            return self.work(task)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError
