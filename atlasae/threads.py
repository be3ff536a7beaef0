"""Work on several cores, in order and with bounded memory."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, islice
from numbers import Integral
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from atlasae.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from typing_extensions import Self

Item = TypeVar("Item")
Result = TypeVar("Result")

THREAD_NAME = "atlasae"  # the names of threads start so
_MEMORY = 256 << 20  # bytes of this machine's memory that each thread should find, at least


def thread_count(threads: int | None) -> int:
    """A number of threads; by default one for each core, fewer where there is little memory.

    Raises:
        InputError: it is no whole number, or below one.

    Example:
        >>> thread_count(2)
        2
    """
    if threads is not None:
        return positive("threads", threads)
    return cores(_MEMORY)


def cores(memory: int) -> int:
    """Number of cores; fewer if each would find less than ``memory`` bytes of this machine's.

    Example:
        >>> cores(1 << 60)
        1
    """
    has_affinity = hasattr(os, "sched_getaffinity")
    number = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", ()):
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return max(min(number, found // memory), 1)
    return number


def positive(name: str, value: Any) -> int:
    """A number that somebody gave as the argument ``name``.

    Raises:
        InputError: it is no whole number, or below one.

    Example:
        >>> positive("jobs", 2)
        2
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < 1:
        raise InputError(f"{name}={value!r}: give a number from 1 on")
    return int(value)


class OrderedCalls(Generic[Result]):
    """Calls functions in several threads; their results come in the order of the calls.

    At most one call more than there are threads is under way, so that memory is bounded. A single
    thread is that of the caller.

    Args:
        threads: see ``thread_count``.

    Example:
        >>> with OrderedCalls(threads=2) as calls:
        ...     results = [result for n in range(4) for result in calls.start(partial(abs, -n))]
        ...     results += calls.finish()
        >>> results
        [0, 1, 2, 3]
    """

    def __init__(self, threads: int | None) -> None:
        self.threads = thread_count(threads)
        has_pool = self.threads > 1
        self._pool = ThreadPoolExecutor(self.threads, THREAD_NAME) if has_pool else None
        self._waiting: deque[Future[Result]] = deque()

    def start(self, function: Callable[[], Result]) -> list[Result]:
        """Start a call; gives the results that are due by now, after waiting for them."""
        if self._pool is None:
            return [function()]
        number = len(self._waiting) - self.threads
        due = [self._waiting.popleft().result() for _ in range(number)]
        self._waiting.append(self._pool.submit(function))
        return due

    def finish(self) -> Iterator[Result]:
        """The results of all calls under way."""
        while self._waiting:
            yield self._waiting.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int | None
) -> Iterator[Result]:
    """Results of a function in the order of the items, by several threads.

    Args:
        function: what is done with each item.
        items: taken one by one, by the thread of the caller.
        threads: see ``thread_count``.

    Example:
        >>> list(ordered_map(abs, [-1, 2, -3], threads=2))
        [1, 2, 3]
    """
    number = thread_count(threads)
    source = iter(items)
    first = list(islice(source, 2))
    with OrderedCalls[Result](number if len(first) > 1 else 1) as calls:
        for item in chain(first, source):
            yield from calls.start(partial(function, item))
        yield from calls.finish()
