"""Work on many files in several processes, where the end of one is that of one file alone."""

from __future__ import annotations

import signal
import sys
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import current_process, get_context
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from atlasae.atomic_write import remove_unfinished
from atlasae.campaign.work import FAILED, Outcome, attempt
from atlasae.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from multiprocessing.connection import Connection

    from atlasae.campaign.work import Task, Work

_NAME = "atlasae worker"
_READY = "ready"  # the first message of a process
_PATIENCE = 20.0  # seconds that a process has to remove what it has not finished


@dataclass(frozen=True)
class Processes:
    """Works on several files at a time, each in a new Python process.

    The processes take files one by one, and get the work, codecs included, once. One that ends, as
    where memory is short, fails the file that it had, and is replaced.

    Args:
        workers: number of processes.
    """

    workers: int

    def run(self, work: Work, tasks: Sequence[Task]) -> Generator[Outcome]:
        """See ``Runner``.

        Raises:
            InputError: a process cannot start.
        """
        waiting = deque(tasks)
        started = [_Worker() for _ in range(min(self.workers, len(tasks)))]
        try:
            for worker in started:
                worker.send(work)
            while started:
                ready = wait([worker.connection for worker in started])
                for worker in [worker for worker in started if worker.connection in ready]:
                    outcome = worker.receive()
                    if waiting and not worker.alive:
                        started[started.index(worker)] = new = _Worker()
                        new.send(work)
                    elif waiting:
                        worker.work_on(waiting.popleft())
                    else:
                        worker.finish()
                        started.remove(worker)
                    if outcome is not None:
                        yield outcome
        finally:
            for worker in started:
                worker.process.terminate()
            for worker in started:
                worker.stop()


class _Worker:
    """A process, as the one that started it sees it."""

    def __init__(self) -> None:
        context = get_context("spawn")  # threads and open files are not inherited
        self.connection, other = context.Pipe()
        # the work is sent later: start() would wait forever for a process that ends before it has
        # read more arguments than a pipe holds
        self.process = context.Process(target=_serve, args=(other,), daemon=True, name=_NAME)
        self.process.start()
        other.close()
        self.alive = True
        self._starting = True
        self._task: Task | None = None

    def send(self, message: Work | Task) -> None:
        """Give it the work, or a file to work on."""
        with suppress(OSError):  # it has ended; receive says so
            self.connection.send(message)

    def work_on(self, task: Task) -> None:
        """Give it a file."""
        self._task = task
        self.send(task)

    def receive(self) -> Outcome | None:
        """The outcome of its file; None when it has started, and has none."""
        try:
            message: Any = self.connection.recv()
        except (EOFError, OSError):
            return self._ended()
        self._starting = False
        return None if message == _READY else message

    def _ended(self) -> Outcome | None:
        self.process.join(_PATIENCE)
        self.alive = False
        self.connection.close()
        how = _how_it_ended(self.process.exitcode)
        if self._starting:
            raise InputError(
                f"a worker process {how} when it started: a script has to make this call inside"
                " if __name__ == '__main__':, as each process imports it; or give --jobs 1 (jobs=1)"
            ) from None
        if self._task is None:
            return None
        remove_unfinished(self._task.target)
        message = f"its worker process {how}; where memory is short, give fewer --jobs (jobs=...)"
        return Outcome(self._task.source, self._task.target, FAILED, message)

    def finish(self) -> None:
        """Let it end, as there is no more work."""
        self.connection.close()
        self.process.join(_PATIENCE)

    def stop(self) -> None:
        """Wait for the end of a process that was told to end."""
        self.process.join(_PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        if self._task is not None:
            remove_unfinished(self._task.target)
        self.connection.close()


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return f"was killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"was killed by signal {-code}"
    return f"ended with code {code}"


def end_if_worker_starts() -> None:
    """End a worker that imports the script which started it, and would start workers of its own.

    The process that started it says why.
    """
    process = current_process()
    if process.name == _NAME and getattr(process, "_inheriting", False):
        raise SystemExit(1)


def _serve(connection: Connection[Any, Any]) -> None:
    """Take the work, then work on files as they come, until there are no more."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C: the process that started this one stops it
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        work = connection.recv()
        connection.send(_READY)
        while True:
            connection.send(attempt(work, connection.recv()))
    except (EOFError, OSError):  # there is no more work, or nobody to take it
        return
