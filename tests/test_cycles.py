"""Cycle counts: what they measure, and which counter they come from."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from atlasae import cycles
from atlasae.cycles import CycleCounter, Timer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _fresh_counter() -> Iterator[None]:
    """Let every test choose its counter, and leave none behind."""
    cycles.counter.cache_clear()
    yield
    cycles.counter.cache_clear()


def _without(monkeypatch: pytest.MonkeyPatch, *counters: str) -> None:
    """Take counters away, as on a machine without them."""
    if "hwcounter" in counters:
        monkeypatch.setitem(sys.modules, "hwcounter", None)
    if "perf_event" in counters:
        monkeypatch.setattr(cycles, "_PERF_EVENT_OPEN", {})
    if "clock" in counters:
        monkeypatch.setattr(cycles, "_frequencies", lambda: iter(()))


def _counters() -> list[Any]:
    factories = {
        "hwcounter": cycles._from_hwcounter,
        "perf_event": cycles._from_perf_event,
        "clock": cycles._from_frequency,
        "nanoseconds": cycles._from_nanoseconds,
    }
    return [pytest.param(name, make, id=name) for name, make in factories.items()]


def _work() -> int:
    return sum(i * i for i in range(200_000))


@pytest.mark.parametrize(("name", "make"), _counters())
def test_every_counter_counts_upwards_and_describes_itself(
    name: str, make: Callable[[], CycleCounter | None]
) -> None:
    counter = make()
    if counter is None:
        pytest.skip(f"this machine has no {name}")
    first = counter.count()
    _work()
    second = counter.count_end()
    assert second - first > 200_000  # more than a cycle for each of the loop's rounds
    assert isinstance(second, int)
    assert counter.name == name
    assert counter.estimated == (name in ("clock", "nanoseconds"))
    assert ("estimated" in counter.description) == counter.estimated


def test_counts_never_fall() -> None:
    read = [cycles.count() for _ in range(1000)]
    assert read == sorted(read)
    assert cycles.count_end() >= read[-1]


def test_the_counter_is_chosen_once() -> None:
    assert cycles.counter() is cycles.counter()


@pytest.mark.parametrize(
    ("missing", "chosen"),
    [
        (("hwcounter", "perf_event"), "clock"),
        (("hwcounter", "perf_event", "clock"), "nanoseconds"),
    ],
)
def test_missing_counters_are_skipped(
    monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...], chosen: str
) -> None:
    _without(monkeypatch, *missing)
    monkeypatch.setattr(cycles, "_CPUINFO", _file_with("cpu MHz\t\t: 2596.144\n"))
    assert cycles.counter().name == chosen
    assert cycles.counter().estimated
    with Timer() as timer:
        _work()
    assert timer.cycles > 0


def _file_with(text: str) -> SimpleNamespace:
    """A stand-in for a path whose file holds this text."""
    return SimpleNamespace(read_text=lambda **_: text, as_posix=lambda: "/proc/cpuinfo")


def test_hwcounter_comes_first_and_perf_event_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = cycles._from_nanoseconds()
    module = SimpleNamespace(count=clock.count, count_end=clock.count_end)
    event = CycleCounter("perf_event", False, "for this test", clock.count, clock.count_end)
    monkeypatch.setattr(cycles, "_from_perf_event", lambda: event)
    monkeypatch.setitem(sys.modules, "hwcounter", module)
    assert cycles.counter().name == "hwcounter"
    assert not cycles.counter().estimated
    cycles.counter.cache_clear()
    monkeypatch.setitem(sys.modules, "hwcounter", None)
    assert cycles.counter().name == "perf_event"


@pytest.mark.parametrize(
    "broken", [SimpleNamespace(), SimpleNamespace(count=lambda: 0, count_end=lambda: 0)]
)
def test_a_hwcounter_that_does_not_count_is_skipped(
    monkeypatch: pytest.MonkeyPatch, broken: SimpleNamespace
) -> None:
    monkeypatch.setitem(sys.modules, "hwcounter", broken)
    assert cycles._from_hwcounter() is None


@pytest.mark.parametrize("name", ["hwcounter", "clock"])
def test_time_stamps_are_seconds_times_the_frequency(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    counter = {"hwcounter": cycles._from_hwcounter, "clock": cycles._from_frequency}[name]()
    reported = next((hertz for _, hertz in cycles._frequencies()), None)
    if counter is None or reported is None:
        pytest.skip(f"this machine has no {name}, or reports no frequency")
    monkeypatch.setattr(cycles, "counter", lambda: counter)
    with Timer() as timer:
        time.sleep(0.05)
    assert timer.seconds >= 0.05
    # the reported speed may be the momentary one, which differs from the time-stamp counter's
    assert 1 / 8 < timer.cycles / (timer.seconds * reported) < 8


def test_the_clock_is_multiplied_by_the_reported_frequency(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycles, "_frequencies", lambda: iter([("a test", 3_000_000_000)]))
    counter = cycles._from_frequency()
    assert counter is not None
    monkeypatch.setattr(time, "perf_counter_ns", lambda: 7_000)
    assert counter.count() == counter.count_end() == 21_000
    assert "3.000 GHz (a test)" in counter.description
    assert cycles._from_nanoseconds().count() == 7_000


def test_an_implausible_frequency_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycles, "_frequencies", lambda: iter([("a", 0), ("b", 24_000_000)]))
    assert cycles._from_frequency() is None


def test_frequencies_are_read_in_their_units_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpufreq").mkdir()
    (tmp_path / "tsc_freq_khz").write_text("2400000\n")
    (tmp_path / "cpufreq/base_frequency").write_text("2300000\n")
    (tmp_path / "cpufreq/cpuinfo_max_freq").write_text("3900000\n")
    (tmp_path / "cpuinfo").write_text("model name\t: X\ncpu MHz\t\t: 2596.144\ncpu MHz : 1.0\n")
    monkeypatch.setattr(cycles, "_CPU", tmp_path)
    monkeypatch.setattr(cycles, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(sys, "platform", "linux")
    frequencies = [hertz for _, hertz in cycles._frequencies()]
    assert frequencies == [2_400_000_000, 2_300_000_000, 2_596_144_000, 3_900_000_000]


def test_without_kernel_files_there_are_no_frequencies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cycles, "_CPU", tmp_path)
    monkeypatch.setattr(cycles, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(sys, "platform", "linux")
    assert list(cycles._frequencies()) == []


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_have_an_estimated_counter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    _without(monkeypatch, "hwcounter")
    monkeypatch.setattr(cycles, "_CPU", tmp_path)
    monkeypatch.setattr(cycles, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(sys, "platform", system)
    assert cycles._from_perf_event() is None
    assert cycles.counter().estimated
    assert cycles.count_end() >= cycles.count() - 1_000_000_000  # it reads at all


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="perf_event is Linux's")
def test_perf_event_is_opened_read_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    software, task_clock = 1, 1  # an event of the kernel's own, where the hardware's are missing
    try:
        event = cycles._PerfEvent(software, task_clock)
    except OSError as error:
        pytest.skip(f"the kernel gives no events: {error}")
    first = event.read()
    _work()
    assert event.read() > first
    descriptor = event.descriptor
    del event
    with pytest.raises(OSError, match="descriptor"):
        os.read(descriptor, 8)


def test_perf_event_opens_one_event_per_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    opened_in: list[int] = []

    class Event:
        def __init__(self) -> None:
            opened_in.append(threading.get_ident())
            self.value = 0

        def read(self) -> int:
            self.value += 1
            return self.value

    monkeypatch.setattr(cycles, "_PerfEvent", Event)
    counter = cycles._from_perf_event()
    assert counter is not None
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(counter.count()))
    thread.start()
    thread.join()
    assert seen == [1]
    assert len(set(opened_in)) == len(opened_in) == 2


def test_an_event_that_stays_at_zero_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycles, "_PerfEvent", lambda: SimpleNamespace(read=lambda: 0))
    assert cycles._from_perf_event() is None


def test_a_timer_is_zero_before_grows_inside_and_stays_after() -> None:
    timer = Timer()
    assert (timer.cycles, timer.seconds) == (0, 0.0)
    with timer as entered:
        assert entered is timer
        _work()
        inside = timer.cycles, timer.seconds
        _work()
        assert timer.cycles > inside[0] > 0
        assert timer.seconds > inside[1] > 0
    after = timer.cycles, timer.seconds
    assert after > inside
    _work()
    assert (timer.cycles, timer.seconds) == after
    assert isinstance(timer.cycles, int)
    assert isinstance(timer.seconds, float)


def test_a_timer_entered_again_starts_from_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([100, 150, 1000, 1001])
    counter = CycleCounter("x", False, "x", lambda: next(readings), lambda: next(readings))
    monkeypatch.setattr(cycles, "counter", lambda: counter)
    with Timer() as timer:
        pass
    assert timer.cycles == 50
    with timer:
        pass
    assert timer.cycles == 1


def _fail() -> None:
    _work()
    raise KeyError("mine")


def test_exceptions_pass_through_a_timer_and_end_it() -> None:
    timer = Timer()
    with pytest.raises(KeyError, match="mine"), timer:
        _fail()
    after = timer.cycles
    assert after > 0
    assert timer.cycles == after


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_chooses_its_own_counter() -> None:
    # in a process of its own, without the threads of the tests
    code = (
        "import os; from atlasae import cycles; cycles.count(); pid = os.fork()\n"
        "if not pid: os._exit(cycles.counter.cache_info().currsize)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_importing_loads_nothing_heavy_and_opens_nothing() -> None:
    code = (
        "import sys, runpy; before = set(sys.modules)\n"
        "runpy.run_path(sys.argv[1])\n"
        "new = set(sys.modules) - before\n"
        "print(sorted(new & {'numpy', 'torch', 'hwcounter', 'ctypes'}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, cycles.__file__], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_the_benchmark_counts_cycles_per_jet_and_names_its_counter() -> None:
    measuring = pytest.importorskip(
        "benchmarks.cycles_per_jet", reason="the benchmarks stand in the repository only"
    )
    handled: list[int] = []
    task = measuring.Task("tanh", "network", "encode", 1, lambda n: lambda: handled.append(n))
    rows = task.rows(measuring.batches(100_000), repeats=3)
    assert [row.batch for row in rows] == [1, 10, 100, 1_000, 10_000, 100_000]
    assert set(handled) == {row.batch for row in rows}
    for row in rows:
        assert row.cycles_lower_quartile <= row.cycles <= row.cycles_upper_quartile
        assert row.ns_lower_quartile <= row.ns <= row.ns_upper_quartile
        assert (row.source, row.estimated) == (cycles.counter().name, cycles.counter().estimated)
    # the same empty call is shared by more jets
    assert rows[-1].cycles < rows[0].cycles
    assert measuring.target(rows)["met"] == {"network": True}
