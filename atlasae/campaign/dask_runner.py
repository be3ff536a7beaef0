"""Work on many files by Dask."""

from __future__ import annotations

import logging
import signal
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from atlasae.atomic_write import remove_unfinished
from atlasae.campaign.work import FAILED, Outcome, attempt
from atlasae.errors import FileError
from atlasae.optional import needs_extra
from atlasae.root.reading.paths import absolute_path

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from atlasae.campaign.work import Task, Work

_logger = logging.getLogger(__name__)

LOCAL = "local"


@dataclass(frozen=True)
class DaskWorkers:
    """Works on several files at a time, each by a worker of Dask.

    The workers get the work, codecs included, once. They read and write the files by their absolute
    paths, so those on other machines need the same file system. Dask gives the file of a worker
    that ends to another one.

    Args:
        address: ``local`` for workers on this machine, or that of a scheduler, such as
            ``tcp://HOST:8786``.
        workers: number of workers on this machine; 0 if the scheduler has its own.
    """

    address: str
    workers: int

    def run(self, work: Work, tasks: Sequence[Task]) -> Generator[Outcome]:
        """See ``Runner``.

        Raises:
            MissingPackageError: Dask is not installed.
            FileError: there is no scheduler at the address.
        """
        with needs_extra("dask", "--dask (dask=...)"):
            from distributed import as_completed
        with ExitStack() as stack:
            given: dict[Any, Task] = {}
            stack.callback(_remove_unfinished, given)  # once the workers have ended
            client, shared = self._start(work, stack)
            _logger.info("dashboard of Dask: %s", client.dashboard_link)
            for task in tasks:
                given[client.submit(attempt, shared, _absolute(task), pure=False)] = task
            stack.callback(client.cancel, list(given))
            for future in as_completed(list(given)):
                yield _outcome(future, given.pop(future))

    def _start(self, work: Work, stack: ExitStack) -> tuple[Any, Any]:
        """A client, and the work with its workers; all is closed at the end."""
        from distributed import Client, LocalCluster

        address: Any = self.address
        if address == LOCAL:
            with _ignoring_interrupts():
                cluster = LocalCluster(
                    n_workers=self.workers,
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL,
                )
            address = stack.enter_context(cluster)
        try:
            client = stack.enter_context(Client(address))
            return client, client.scatter(work, broadcast=True)
        except (OSError, ValueError, TimeoutError) as error:
            message = f"no scheduler of Dask with workers at {self.address!r}: {error}"
            raise FileError(message) from error


@contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """Let processes that are started ignore Ctrl-C, which the one that starts them takes."""
    if threading.current_thread() is not threading.main_thread():  # no other may set handlers
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _absolute(task: Task) -> Task:
    """A file by paths that are the same in the directory of another process."""
    return replace(task, source=absolute_path(task.source), target=absolute_path(task.target))


def _outcome(future: Any, task: Task) -> Outcome:
    """What came of a file, by the paths that were given."""
    if future.status == "finished":
        outcome: Outcome = future.result()
        return replace(outcome, source=task.source, target=task.target)
    error = future.exception() if future.status == "error" else None
    reason = f"{type(error).__name__}: {error}" if error else "it was cancelled"
    message = " ".join(f"Dask gave up: {reason}".split())
    return Outcome(task.source, task.target, FAILED, message)


def _remove_unfinished(given: Mapping[Any, Task]) -> None:
    """Remove what workers on this machine that have ended were writing."""
    for task in given.values():
        remove_unfinished(task.target)
