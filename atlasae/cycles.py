"""Time code in processor cycles, with the interface of hwcounter.

The first use chooses the first available counter:

1. ``hwcounter``: the time-stamp counter, read by the package of that name (``[cycles]``).
2. ``perf_event``: the core cycles that Linux counts for this thread, in user space.
3. ``clock``: the monotonic clock times the frequency that the system reports. Estimated.
4. ``nanoseconds``: the monotonic clock, as cycles of 1 GHz. Estimated.
"""

from __future__ import annotations

import os
import re
import struct
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

_CPU = Path("/sys/devices/system/cpu/cpu0")
_CPUINFO = Path("/proc/cpuinfo")
_GIGAHERTZ = 1_000_000_000

_PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}  # the system call's numbers
_HARDWARE, _CPU_CYCLES = 0, 0
# size of the first version of perf_event_attr, which every kernel accepts; offset of its flags
_ATTRIBUTES, _FLAGS_AT = 64, 40
_USER_SPACE_ONLY = 1 << 5 | 1 << 6  # exclude_kernel, exclude_hv


@dataclass(frozen=True)
class CycleCounter:
    """A way to count cycles.

    Attributes:
        name: ``hwcounter``, ``perf_event``, ``clock`` or ``nanoseconds``.
        estimated: whether the cycles are a time multiplied by a frequency, not counted.
        description: one line for tables and figures.
        count: reads the counter, before the code that is timed.
        count_end: reads the counter, after the code that is timed.
    """

    name: str
    estimated: bool
    description: str
    count: Callable[[], int] = field(repr=False)
    count_end: Callable[[], int] = field(repr=False)


@cache
def counter() -> CycleCounter:
    """The counter that ``count``, ``count_end`` and ``Timer`` use in this process.

    Example:
        >>> counter().name in ("hwcounter", "perf_event", "clock", "nanoseconds")
        True
    """
    return _from_hwcounter() or _from_perf_event() or _from_frequency() or _from_nanoseconds()


if hasattr(os, "register_at_fork"):
    # a forked child inherits perf_event's descriptor, which goes on counting the parent
    os.register_at_fork(after_in_child=counter.cache_clear)


def count() -> int:
    """The cycle counter now, to be read before the code that is timed.

    Only differences are meaningful, and with ``perf_event`` only those within one thread.

    Example:
        >>> start = count()
        >>> total = sum(range(1000))
        >>> count_end() > start
        True
    """
    return counter().count()


def count_end() -> int:
    """The cycle counter now, to be read after the code that is timed.

    hwcounter orders this read after all earlier instructions. Source: G. Paoloni, "How to
    Benchmark Code Execution Times on Intel IA-32 and IA-64", Intel, 2010.

    Example:
        >>> start = count()
        >>> count_end() >= start
        True
    """
    return counter().count_end()


class Timer:
    """Time a ``with`` block, in cycles and in seconds.

    Before the block both are zero, inside it they grow, and after it they stay. An exception ends
    the timing and passes through. Entering again starts from zero.

    Example:
        >>> with Timer() as timer:
        ...     total = sum(range(1000))
        >>> timer.cycles > 0, timer.seconds > 0
        (True, True)
    """

    _start: tuple[int, int] | None = None
    _end: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        chosen = counter()  # here, so that the choice is not timed
        self._end = None
        # the clock is read after the counter, which takes 16 microseconds on a virtual machine
        self._start = chosen.count(), time.perf_counter_ns()
        return self

    def __exit__(self, *error: object) -> None:
        self._end = _now()

    @property
    def cycles(self) -> int:
        """Cycles spent in the block, by ``counter()``."""
        return self._elapsed()[0]

    @property
    def seconds(self) -> float:
        """Seconds spent in the block, by the monotonic clock."""
        return self._elapsed()[1] / 1e9

    def _elapsed(self) -> tuple[int, int]:
        if self._start is None:
            return 0, 0
        end = self._end or _now()
        return end[0] - self._start[0], end[1] - self._start[1]


def _now() -> tuple[int, int]:
    nanoseconds = time.perf_counter_ns()
    return count_end(), nanoseconds


def _from_hwcounter() -> CycleCounter | None:
    """The counter of the package hwcounter; None if it is not installed or does not count."""
    try:
        module = import_module("hwcounter")
        read, read_end = module.count, module.count_end
        counts = 0 < read() <= read_end()
    except (ImportError, OSError, AttributeError):
        return None
    description = "time-stamp counter, read by hwcounter"
    return CycleCounter("hwcounter", False, description, read, read_end) if counts else None


def _from_perf_event() -> CycleCounter | None:
    """The core cycles that Linux counts; None if the system or its settings do not allow it."""
    thread = threading.local()  # an event counts one thread, so each thread opens its own

    def read() -> int:
        if not hasattr(thread, "event"):
            thread.event = _PerfEvent()
        return thread.event.read()  # type: ignore[no-any-return]

    try:
        # the kernel accepts an event that the processor never schedules; it stays at zero
        counts = 0 < read() < read()
    except (OSError, AttributeError, ImportError):
        return None
    description = "core cycles of this thread in user space, counted by perf_event"
    return CycleCounter("perf_event", False, description, read, read) if counts else None


class _PerfEvent:
    """An open event of this thread, closed when the object is deleted.

    Source: perf_event_open(2) and linux/perf_event.h.

    Raises:
        OSError: the system has no such event.
    """

    descriptor = -1

    def __init__(self, kind: int = _HARDWARE, event: int = _CPU_CYCLES) -> None:
        import ctypes

        # a 32-bit Python on the same machine has other system call numbers
        is_linux_64 = sys.platform.startswith("linux") and sys.maxsize > 1 << 32
        if not is_linux_64 or os.uname().machine not in _PERF_EVENT_OPEN:
            raise OSError("perf_event is not supported on this system")
        attributes = ctypes.create_string_buffer(_ATTRIBUTES)
        struct.pack_into("=IIQ", attributes, 0, kind, _ATTRIBUTES, event)
        struct.pack_into("=Q", attributes, _FLAGS_AT, _USER_SPACE_ONLY)
        library = ctypes.CDLL(None, use_errno=True)
        # this thread, any processor, no group, closed on exec
        number, *target = map(ctypes.c_long, (_PERF_EVENT_OPEN[os.uname().machine], 0, -1, -1, 8))
        self.descriptor = library.syscall(number, attributes, *target)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def read(self) -> int:
        return int.from_bytes(os.read(self.descriptor, 8), sys.byteorder)

    def __del__(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)


def _from_frequency() -> CycleCounter | None:
    """The clock times the frequency that the system reports; None if it reports none."""
    for origin, hertz in _frequencies():
        if _GIGAHERTZ // 20 < hertz < 20 * _GIGAHERTZ:  # plausible for a processor
            description = f"monotonic clock times {hertz / 1e9:.3f} GHz ({origin}), estimated"
            return _from_clock("clock", hertz, description)
    return None


def _from_nanoseconds() -> CycleCounter:
    description = "nanoseconds of the monotonic clock, as cycles of 1 GHz, estimated"
    return _from_clock("nanoseconds", _GIGAHERTZ, description)


def _from_clock(name: str, hertz: int, description: str) -> CycleCounter:
    def read() -> int:
        return time.perf_counter_ns() * hertz // _GIGAHERTZ

    return CycleCounter(name, True, description, read, read)


def _frequencies() -> Iterator[tuple[str, int]]:
    """Origin and value in Hz of each reported frequency, closest to the time-stamp counter first."""
    yield from _numbers(_CPU / "tsc_freq_khz", r"(\d+)", 1e3)
    yield from _numbers(_CPU / "cpufreq/base_frequency", r"(\d+)", 1e3)
    yield from _numbers(_CPUINFO, r"(?m)^cpu MHz\s*:\s*([\d.]+)", 1e6)
    yield from _numbers(_CPU / "cpufreq/cpuinfo_max_freq", r"(\d+)", 1e3)
    if sys.platform == "darwin":
        yield from _sysctl("machdep.tsc.frequency")
        yield from _sysctl("hw.cpufrequency")


def _numbers(path: Path, pattern: str, unit: float) -> Iterator[tuple[str, int]]:
    with suppress(OSError):
        if match := re.search(pattern, path.read_text(encoding="ascii", errors="replace")):
            yield path.as_posix(), round(float(match[1]) * unit)


def _sysctl(name: str) -> Iterator[tuple[str, int]]:
    """A frequency that macOS reports, in Hz; it reports none for Apple's own processors."""
    with suppress(ImportError, OSError, AttributeError):
        import ctypes

        value, size = ctypes.c_uint64(0), ctypes.c_size_t(8)
        call = ctypes.CDLL(None).sysctlbyname
        if not call(name.encode(), ctypes.byref(value), ctypes.byref(size), None, 0):
            yield f"sysctl {name}", value.value
