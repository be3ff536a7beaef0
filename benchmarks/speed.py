"""Speed of a bounded codec and of other tools, on one core, on the same jets in the same run.

The other tools have the settings that ``benchmarks.peers`` chose, column by column. Those that code
integers start from integers and give integers; the codec starts from values, gives values, and
verifies what it codes.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae import cycles
from atlasae.jets.names import role
from atlasae.jets.table import Table, joined
from benchmarks import peers
from benchmarks.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from atlasae.codecs.bounded.codec import BoundedCodec
    from benchmarks.cases import Case
    from benchmarks.tools import Column, Trial

    Calls = tuple[Callable[[], Any], Callable[[Any], object]]  # to pack, to unpack

ATLASAE = "atlasae"
TIMED_JETS = 2_000_000
_SCALED, _SHIFTED = 0.02, 0.1  # of pt and m, relative; of eta
_ENOUGH_SECONDS = 20  # a tool that took so long is not timed again
_DIRECTIONS = ("encode", "decode")


def measure(
    codec: BoundedCodec, case: Case, rates: Iterable[peers.Rate], repeats: int
) -> dict[str, Any]:
    """The fastest of some repeats of every tool, and what a second thread gains."""
    table = enlarged(case)
    calls = {ATLASAE: _codec_calls(codec, table, threads=1)}
    columns = peers.columns_of(codec, table)
    calls |= {rate.name: _calls(rate, columns) for rate in rates if rate.bits is not None}
    seconds, counted = _best(calls, repeats)
    megabytes = sum(column.nbytes for column in table.columns.values()) / 1e6
    return {
        "jets": len(table),
        "repeats": repeats,
        "tools": {
            name: {d: megabytes / best for d, best in zip(_DIRECTIONS, times, strict=True)}
            for name, times in seconds.items()
        },
        "cycles": {d: c / len(table) for d, c in zip(_DIRECTIONS, counted, strict=True)},
        "two_threads": _two_threads(codec, table, repeats),
    }


def of_codecs(
    codecs: Mapping[str, BoundedCodec], case: Case, repeats: int
) -> dict[str, dict[str, float]]:
    """Least processor time of codecs that take turns, in nanoseconds per jet, on one thread."""
    table = enlarged(case)
    calls = {name: _codec_calls(codec, table, threads=1) for name, codec in codecs.items()}
    seconds, _ = _best(calls, repeats)
    return {
        name: {d: 1e9 * best / len(table) for d, best in zip(_DIRECTIONS, times, strict=True)}
        for name, times in seconds.items()
    }


def _codec_calls(codec: BoundedCodec, table: Table, threads: int) -> Calls:
    return partial(codec.encode, table, threads=threads), partial(codec.decode, threads=threads)


def _calls(rate: peers.Rate, columns: Mapping[str, Column]) -> Calls:
    trials = [_trial(rate, feature, column) for feature, column in columns.items()]

    def pack() -> list[Any]:
        return [trial.pack() for trial in trials]

    def unpack(coded: list[Any]) -> list[Any]:
        return [trial.unpack(data) for trial, data in zip(trials, coded, strict=True)]

    return pack, unpack


def _trial(rate: peers.Rate, feature: str, column: Column) -> Trial:
    trials = TOOLS[rate.name](column)
    return next(trial for trial in trials if trial.settings == rate.settings[feature])


def _best(calls: dict[str, Calls], repeats: int) -> tuple[dict[str, list[float]], list[float]]:
    """Least processor time of each call, in seconds, and least cycles of the codec's calls.

    The tools take turns, so that a slow moment of the machine is no tool's own.
    """
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    counted = [(np.inf, np.inf)]
    for _ in range(repeats):
        for name, (pack, unpack) in calls.items():
            if sum(map(sum, seconds[name])) > _ENOUGH_SECONDS:
                continue
            data, *packing = _timed(pack)
            _, *unpacking = _timed(partial(unpack, data))
            seconds[name].append((packing[0], unpacking[0]))
            if name == ATLASAE:
                counted.append((packing[1], unpacking[1]))
    least = {name: np.min(times, axis=0).tolist() for name, times in seconds.items()}
    return least, np.min(counted, axis=0).tolist()


def _timed(call: Callable[[], Any]) -> tuple[Any, float, float]:
    """What a call gives, its processor time in seconds, and its cycles on the processor."""
    start = time.process_time()
    with cycles.Timer() as timer:
        result = call()
    seconds = time.process_time() - start
    # the time-stamp counter runs on while other processes are on the processor
    return result, seconds, timer.cycles * min(1.0, seconds / timer.seconds)


def _two_threads(codec: BoundedCodec, table: Table, repeats: int) -> dict[str, float]:
    """Time on one thread over time on two, by the clock; the least of some repeats."""
    seconds: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    for _ in range(repeats):
        for threads, times in seconds.items():
            encode, decode = _codec_calls(codec, table, threads)
            start = time.perf_counter()
            data = encode()
            middle = time.perf_counter()
            decode(data)
            times.append((middle - start, time.perf_counter() - middle))
    one, two = (np.min(times, axis=0) for times in seconds.values())
    return dict(zip(_DIRECTIONS, (one / two).tolist(), strict=True))


def enlarged(case: Case, jets: int = TIMED_JETS, seed: int = 0) -> Table:
    """About so many jets like those of the case: its events many times, in other orders.

    Each time an event is scaled, rotated in phi and shifted in eta by other amounts, as real jets
    have no repetitions that other tools could exploit.
    """
    generator = np.random.default_rng(seed)
    own = joined([case.train, case.test])
    total = len(own) if own.counts is None else len(own.counts)
    copies = max(1, round(jets / len(own)))
    many = own.events(np.concatenate([generator.permutation(total) for _ in range(copies)]))
    of_jets = 1 if many.counts is None else many.counts
    events = copies * total
    scale = np.repeat(1 + np.abs(generator.normal(0, _SCALED, events)), of_jets)
    angle = np.repeat(generator.uniform(-np.pi, np.pi, events), of_jets)
    shift = np.repeat(generator.normal(0, _SHIFTED, events), of_jets)
    columns = {}
    for name, values in many.columns.items():
        if role(name) == "phi":
            moved = np.remainder(values + angle + np.pi, 2 * np.pi) - np.pi
        else:
            moved = values + shift if role(name) == "eta" else values * scale
        inside = np.clip(moved, own.columns[name].min(), own.columns[name].max())
        columns[name] = inside.astype(np.float32)
    return Table(columns, many.counts)
