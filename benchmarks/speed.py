"""Speed of a bounded codec on one thread, next to Python's lzma on the same bytes."""

from __future__ import annotations

import lzma
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.jets.table import Table
from benchmarks import cases

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlasae.codecs.bounded.codec import BoundedCodec

TIMED_JETS = 300_000
SMEARING = 1e-3  # relative, of the copies that are timed


def measure(codec: BoundedCodec, case: cases.Case, repeats: int) -> dict[str, float]:
    """Megabytes of float32 per second, and the ratios to lzma."""
    table = _enlarged(case)
    raw = b"".join(column.tobytes() for column in table.columns.values())
    seconds: dict[str, list[float]] = {}

    def timed(name: str, call: Callable[..., Any], *arguments: Any) -> Any:
        start = time.thread_time()
        result = call(*arguments)
        seconds.setdefault(name, []).append(time.thread_time() - start)
        return result

    for _ in range(repeats):
        coded = timed("encode", codec.encode, table)
        packed = timed("lzma_encode", partial(lzma.compress, preset=9), raw)
        timed("decode", codec.decode, coded)
        timed("lzma_decode", lzma.decompress, packed)
    times = {name: np.array(values) for name, values in seconds.items()}
    return {
        "jets": len(table),
        "repeats": repeats,
        "lzma_factor": len(raw) / len(packed),
        **{name: len(raw) / 1e6 / float(np.median(values)) for name, values in times.items()},
        # the median of ratios, because the speed of the machine drifts between repeats
        "encode_ratio": float(np.median(times["lzma_encode"] / times["encode"])),
        "decode_ratio": float(np.median(times["lzma_decode"] / times["decode"])),
    }


def _enlarged(case: cases.Case) -> Table:
    """About TIMED_JETS jets like the test jets: smeared copies, each in another order.

    Without smearing, lzma would exploit the repetitions, which real jets do not have.
    """
    generator = np.random.default_rng(0)
    test = case.test
    total = len(test) if test.counts is None else len(test.counts)
    copies = max(1, round(TIMED_JETS / len(test)))
    many = test.events(np.concatenate([generator.permutation(total) for _ in range(copies)]))
    columns = {}
    for name, values in many.columns.items():
        smeared = values * generator.normal(1, SMEARING, len(values)).astype(np.float32)
        columns[name] = np.clip(smeared, test.columns[name].min(), test.columns[name].max())
    enlarged = Table(columns, many.counts)
    return cases.truncated(enlarged) if case.lossless else enlarged
