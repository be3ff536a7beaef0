"""Work in several threads: in order, bounded, and with the errors of one thread."""

from __future__ import annotations

import threading
import time

import pytest

from atlasae.errors import InputError
from atlasae.threads import OrderedCalls, ordered_map, thread_count

THREADS = [1, 2, 3]


def slowest_first(n):
    time.sleep(0.001 * (20 - n))
    return n, threading.get_ident()


@pytest.mark.parametrize("threads", THREADS)
def test_results_come_in_order_from_as_many_threads(threads):
    results = list(ordered_map(slowest_first, range(20), threads))
    assert [n for n, _ in results] == list(range(20))
    workers = {worker for _, worker in results}
    assert len(workers) == threads
    assert (threading.get_ident() in workers) == (threads == 1)


@pytest.mark.parametrize("threads", THREADS)
def test_items_are_taken_as_results_are_asked_for(threads):
    taken = []
    results = ordered_map(slowest_first, (taken.append(n) or n for n in range(20)), threads)
    assert not taken
    for given, (n, _) in enumerate(results):
        assert n == given
        assert len(taken) - (given + 1) <= threads + 1
    assert len(taken) == 20


@pytest.mark.parametrize("threads", THREADS)
def test_calls_are_few_at_a_time(threads):
    running, most = [], []

    def work():
        running.append(1)
        most.append(len(running))
        time.sleep(0.002)
        running.pop()

    with OrderedCalls(threads) as calls:
        results = [result for _ in range(20) for result in calls.start(work)]
        assert len(results) >= 20 - (threads + 1) * (threads > 1)
        results += calls.finish()
    assert len(results) == 20
    assert max(most) == threads


@pytest.mark.parametrize("threads", THREADS)
def test_after_an_error_no_work_is_started(threads):
    started, before = [], threading.active_count()

    def fail_at_five(n):
        started.append(n)
        if n == 5:
            raise InputError("five")
        return n

    results = []
    with pytest.raises(InputError, match=r"^five$"):
        results.extend(ordered_map(fail_at_five, range(100), threads))
    assert results == list(range(len(results)))
    assert len(started) <= 5 + threads + 1
    assert threading.active_count() == before


def test_one_item_needs_no_thread():
    ((_, worker),) = ordered_map(slowest_first, [3], 3)
    assert worker == threading.get_ident()
    assert list(ordered_map(slowest_first, [], 3)) == []


@pytest.mark.parametrize("threads", [0, -1])
def test_fewer_than_one_is_an_error(threads):
    for items in ([], [1], [1, 2]):
        with pytest.raises(InputError, match=f"threads={threads}: give a number from 1 on"):
            list(ordered_map(abs, items, threads))


def test_the_default_is_bounded_by_memory(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)), raising=False)
    pages = {"SC_PHYS_PAGES": 1 << 18, "SC_PAGE_SIZE": 1 << 12}  # 1 GiB
    monkeypatch.setattr("os.sysconf", pages.__getitem__)
    monkeypatch.setattr("os.sysconf_names", pages)
    assert thread_count(None) == 4
    assert thread_count(7) == 7
    pages["SC_PHYS_PAGES"] = 1
    assert thread_count(None) == 1
