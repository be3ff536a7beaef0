"""Times in processor cycles, as hwcounter gives them, with the source of every figure named.

When a figure is first asked for, the first of these that is there is chosen:

1. ``hwcounter``: the time-stamp counter, read by the package of that name (``[cycles]``).
2. ``perf_event``: the core cycles that Linux counts for this thread, in user space.
3. ``clock``: the monotonic clock times the frequency that the machine states. Estimated.
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
from dataclasses import dataclass
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
_ATTRIBUTES, _FLAGS_AT = 64, 40  # bytes of the first perf_event_attr, which every kernel takes
_USER_SPACE_ONLY = 1 << 5 | 1 << 6  # exclude_kernel, exclude_hv


@dataclass(frozen=True)
class Source:
    """Where the cycles come from.

    Attributes:
        name: ``hwcounter``, ``perf_event``, ``clock`` or ``nanoseconds``.
        estimated: whether the cycles are a time multiplied by a frequency, not counted.
        description: one line for tables and figures.
    """

    name: str
    estimated: bool
    description: str


def source() -> Source:
    """The source that ``count``, ``count_end`` and ``Timer`` use in this process."""
    return _backend().source


def count() -> int:
    """The cycle counter now, to be read before what is timed.

    Only differences mean anything, and with ``perf_event`` only those within one thread.
    """
    return _backend().count()


def count_end() -> int:
    """The cycle counter now, to be read after what is timed.

    hwcounter fences it otherwise than ``count``, so that what is timed has ended. Source:
    G. Paoloni, "How to Benchmark Code Execution Times on Intel IA-32 and IA-64", Intel, 2010.
    """
    return _backend().count_end()


class Timer:
    """Times a ``with`` block. Exceptions pass through, and the time up to them stands.

    Inside the block the figures are those so far; after it they stay; before it they are zero.
    Entering again starts anew.
    """

    _start: tuple[int, int] | None = None
    _end: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        backend = _backend()  # chosen here, so that its first choice is not timed
        self._end = None
        # the clock inside the counter, whose fences take 16 microseconds on a virtual machine
        self._start = backend.count(), time.perf_counter_ns()
        return self

    def __exit__(self, *error: object) -> None:
        self._end = _now()

    @property
    def cycles(self) -> int:
        """Cycles in the block, by ``source()``."""
        return self._passed()[0]

    @property
    def seconds(self) -> float:
        """Seconds in the block, by the monotonic clock."""
        return self._passed()[1] / 1e9

    def _passed(self) -> tuple[int, int]:
        if self._start is None:
            return 0, 0
        end = self._end or _now()
        return end[0] - self._start[0], end[1] - self._start[1]


def _now() -> tuple[int, int]:
    nanoseconds = time.perf_counter_ns()
    return count_end(), nanoseconds


@dataclass(frozen=True)
class _Backend:
    """A source and the two functions that read it."""

    source: Source
    count: Callable[[], int]
    count_end: Callable[[], int]


@cache
def _backend() -> _Backend:
    return _from_hwcounter() or _from_perf_event() or _from_frequency() or _from_nanoseconds()


if hasattr(os, "register_at_fork"):
    # a forked child inherits perf_event's descriptor, which goes on counting the parent
    os.register_at_fork(after_in_child=_backend.cache_clear)


def _from_hwcounter() -> _Backend | None:
    """The package hwcounter; None where it is not installed, or does not count."""
    try:
        module = import_module("hwcounter")
        read, read_end = module.count, module.count_end
        counts = 0 < read() <= read_end()
    except (ImportError, OSError, AttributeError):
        return None
    text = "time-stamp counter, read by hwcounter"
    return _Backend(Source("hwcounter", False, text), read, read_end) if counts else None


def _from_perf_event() -> _Backend | None:
    """Linux's count of core cycles; None where the system, or its settings, give none."""
    opened = threading.local()  # an event counts one thread, so every thread opens its own

    def read() -> int:
        if not hasattr(opened, "event"):
            opened.event = _PerfEvent()
        return opened.event.read()  # type: ignore[no-any-return]

    try:
        # an event that the processor never schedules is accepted, and stays at zero
        counts = 0 < read() < read()
    except (OSError, AttributeError, ImportError):
        return None
    text = "core cycles of this thread in user space, counted by perf_event"
    return _Backend(Source("perf_event", False, text), read, read) if counts else None


class _PerfEvent:
    """One open event of this thread, closed with the object; OSError where there is none.

    Source: perf_event_open(2) and linux/perf_event.h.
    """

    descriptor = -1

    def __init__(self, kind: int = _HARDWARE, event: int = _CPU_CYCLES) -> None:
        import ctypes

        # a 32-bit Python on such a machine numbers its system calls otherwise
        known = sys.platform.startswith("linux") and sys.maxsize > 1 << 32
        if not known or os.uname().machine not in _PERF_EVENT_OPEN:
            raise OSError("no perf_event, or none whose system call is known")
        attributes = ctypes.create_string_buffer(_ATTRIBUTES)
        struct.pack_into("=IIQ", attributes, 0, kind, _ATTRIBUTES, event)
        struct.pack_into("=Q", attributes, _FLAGS_AT, _USER_SPACE_ONLY)
        library = ctypes.CDLL(None, use_errno=True)
        # this thread, any processor, no group, closed on exec
        number, *where = map(ctypes.c_long, (_PERF_EVENT_OPEN[os.uname().machine], 0, -1, -1, 8))
        self.descriptor = library.syscall(number, attributes, *where)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def read(self) -> int:
        return int.from_bytes(os.read(self.descriptor, 8), sys.byteorder)

    def __del__(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)


def _from_frequency() -> _Backend | None:
    """The clock times the frequency the machine states; None where it states none."""
    for place, hertz in _frequencies():
        if _GIGAHERTZ // 20 < hertz < 20 * _GIGAHERTZ:  # others are no processor's
            text = f"monotonic clock times {hertz / 1e9:.3f} GHz ({place}), estimated"
            return _clock(text, hertz, "clock")
    return None


def _from_nanoseconds() -> _Backend:
    text = "nanoseconds of the monotonic clock, as cycles of 1 GHz, estimated"
    return _clock(text, _GIGAHERTZ, "nanoseconds")


def _clock(text: str, hertz: int, name: str) -> _Backend:
    def read() -> int:
        return time.perf_counter_ns() * hertz // _GIGAHERTZ

    return _Backend(Source(name, True, text), read, read)


def _frequencies() -> Iterator[tuple[str, int]]:
    """Where a frequency stands and what it is in Hz, the nearest to the time stamps first."""
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
    """A number of macOS's, in Hz. Apple's own processors state none."""
    with suppress(ImportError, OSError, AttributeError):
        import ctypes

        value, size = ctypes.c_uint64(0), ctypes.c_size_t(8)
        call = ctypes.CDLL(None).sysctlbyname
        if not call(name.encode(), ctypes.byref(value), ctypes.byref(size), None, 0):
            yield f"sysctl {name}", value.value
