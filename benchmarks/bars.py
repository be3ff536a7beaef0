"""``python -m benchmarks.bars``: what atlasae has to reach, beside what was measured.

The results of the other programs of ``benchmarks`` are read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from benchmarks import cases
from benchmarks.output import RESULTS, table_console
from benchmarks.reading import ALL, SOME
from benchmarks.speed import ATLASAE
from benchmarks.whole_files import DEFAULT, GENERATED, LOSSLESS

if TYPE_CHECKING:
    from collections.abc import Callable

_LZMA, _ZLIB = "ROOT, lossless, LZMA-9", "ROOT, lossless, ZLIB-6"


@dataclass(frozen=True)
class Bar:
    """A number to reach.

    Attributes:
        name: what it counts.
        source: the results that it is in, such as ``rates``.
        seen: the measured number, from these results.
        must: the number to reach.
        aim: the number to come close to, if there is one.
        at_least: whether larger is better.
    """

    name: str
    source: str
    seen: Callable[[dict[str, Any]], float]
    must: float
    aim: float | None = None
    at_least: bool = False

    def met(self, value: float) -> str:
        """``aim``, ``must`` or ``missed``: the hardest number that a measured one reaches."""
        sign = -1 if self.at_least else 1
        if self.aim is not None and sign * value <= sign * self.aim:
            return "aim"
        return "must" if sign * value <= sign * self.must else "missed"


def _of_case(case: str, key: str) -> Callable[[dict[str, Any]], float]:
    return lambda result: float(_row(result, case)[key])


def _row(result: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in result["rows"] if row["name"] == name)


def _speed(name: str, case: str, direction: str, other: str, must: float, aim: float) -> Bar:
    """The speed of the codec over that of another tool."""

    def ratio(result: dict[str, Any]) -> float:
        tools = _row(result, case)["speed"]["tools"]
        return float(tools[ATLASAE][direction] / tools[other][direction])

    return Bar(name, "rates", ratio, must, aim, at_least=True)


def _cycles(direction: str) -> Callable[[dict[str, Any]], float]:
    return lambda result: float(_row(result, cases.DIJETS)["speed"]["cycles"][direction])


def _codec_cycles(direction: str) -> Callable[[dict[str, Any]], float]:
    """Of the default autoencoder in the largest batches."""

    def found(result: dict[str, Any]) -> float:
        wanted = ("tanh", "codec", direction)
        rows = [r for r in result["rows"] if (r["name"], r["path"], r["direction"]) == wanted]
        return float(max(rows, key=lambda row: row["batch"])["cycles"])

    return found


def _rmse(name: str) -> Callable[[dict[str, Any]], float]:
    """Of an autoencoder, the mean over seeds."""
    return lambda result: fmean(run["rmse"] for run in _row(result, name)["runs"])


def _threads(direction: str) -> Callable[[dict[str, Any]], float]:
    """The least of the timed cases."""
    return lambda result: min(
        row["speed"]["two_threads"][direction] for row in result["rows"] if row["speed"]
    )


def _reading(part: str) -> Callable[[dict[str, Any]], float]:
    return lambda result: float(_row(result, part)["ratio"])


def _largest_codec(result: dict[str, Any]) -> float:
    return float(max(row["codec_bytes"] for row in result["rows"]))


def _largest_excess(result: dict[str, Any]) -> float:
    return 100 * float(max(row["excess"] for row in result["rows"]))


def _of_pcodec(result: dict[str, Any]) -> float:
    """The largest of the small samples."""
    return float(max(row["sum"] / row["pcodec_bytes"] for row in result["small_samples"]))


def _free_order(result: dict[str, Any]) -> float:
    return next(float(r["bits"]) for r in result["free_order"] if r["name"] == cases.PICKLE)


def _growth(result: dict[str, Any]) -> float:
    """Seconds of the largest file over those of the file before it, for ten times the jets."""
    few, many = result["rows"][-2:]
    return float(many["seconds"] / few["seconds"] * few["jets"] / many["jets"] * 10)


def _peak(result: dict[str, Any]) -> float:
    return float(max(row["peak_bytes"] for row in result["rows"]) / 1e6)


def _two_jobs(result: dict[str, Any]) -> float:
    """Throughput of two jobs over that of one."""
    seconds = {run["name"]: run["seconds"] for run in result["runs"]}
    return float(seconds["one job"] / seconds["two jobs"])


def _worker(result: dict[str, Any]) -> float:
    return float(max(run["memory"] for run in result["runs"]) / 1e6)


def _of_source(file: str, setting: str, other: str = "") -> Callable[[dict[str, Any]], float]:
    """The bytes of a compressed file over those of its source, or of another setting."""

    def ratio(result: dict[str, Any]) -> float:
        row = _row(result, file)
        return float(
            row["bytes"][setting] / (row["bytes"][other] if other else row["source_bytes"])
        )

    return ratio


def _of_alone(result: dict[str, Any]) -> float:
    """The generated file, everything counted, over its columns each alone."""
    row = _row(result, GENERATED)
    return float(row["bytes"][LOSSLESS] / sum(kind["alone"] for kind in row["kinds"]))


def _whole_file_speed(key: str) -> Callable[[dict[str, Any]], float]:
    return lambda result: float(result["speed"][key])


def _memory(result: dict[str, Any]) -> float:
    """Megabytes over the start, of the larger file."""
    return float(max(row["peak"] - row["before"] for row in result["speed"]["memory"]) / 1e6)


_TTBAR, _MUONS = "nanoAOD_2015_CMS_Open_Data_ttbar.root", "Run2012B_SingleMu_1000.root"
_WHOLE = "whole_files"

BARS = (
    Bar("ttbar of 2015, of its source", _WHOLE, _of_source(_TTBAR, LOSSLESS), 0.45, 0.41),
    Bar("muons of 2012, of their source", _WHOLE, _of_source(_MUONS, LOSSLESS), 0.55, 0.5),
    *(
        Bar(f"{name}, default over lossless", _WHOLE, _of_source(file, DEFAULT, LOSSLESS), 1)
        for name, file in (("ttbar", _TTBAR), ("muons", _MUONS), ("generated", GENERATED))
    ),
    Bar("generated, of its columns each alone", _WHOLE, _of_alone, 0.85),
    Bar("pack it, times zlib-6's speed", _WHOLE, _whole_file_speed("pack_ratio"), 0.5, 1, True),
    Bar("read it, times zlib-6's speed", _WHOLE, _whole_file_speed("read_ratio"), 0.5, 1, True),
    Bar("restore it, times uproot's time", _WHOLE, _whole_file_speed("restore_ratio"), 1.3),
    Bar("compress it, MB of memory", _WHOLE, _memory, 600),
    Bar("bits per jet, pickle, 1e-3", "rates", _of_case(cases.PICKLE, "bits"), 41.35, 41.29),
    Bar("bits per jet, pickle, 1e-2", "rates", _of_case("pickle, 0.01", "bits"), 28.10, 28.03),
    Bar("bits per jet, pickle, 1e-4", "rates", _of_case("pickle, 0.0001", "bits"), 54.65, 54.58),
    Bar("bits per jet, pickle, 1e-3, order free", "rates", _free_order, 30.40),
    Bar("bits per jet, dijets, 1e-3", "rates", _of_case(cases.DIJETS, "bits"), 41.05, 40.85),
    Bar("bits per jet, NanoAOD, lossless", "rates", _of_case(cases.NANOAOD, "bits"), 51.05, 50.8),
    Bar("bytes above the cross-entropy, %", "rates", _largest_excess, 0.3),
    _speed("decode dijets, times lzma's speed", cases.DIJETS, "decode", _LZMA, 12, 20),
    _speed("decode dijets, times zlib-6's", cases.DIJETS, "decode", _ZLIB, 1.2, 2),
    _speed("decode flat jets, times lzma's", cases.PICKLE, "decode", _LZMA, 20, 30),
    _speed("decode flat jets, times zlib-6's", cases.PICKLE, "decode", _ZLIB, 2, 3),
    _speed("encode dijets, times lzma-9's", cases.DIJETS, "encode", _LZMA, 35, 80),
    _speed("encode dijets, times zlib-6's", cases.DIJETS, "encode", _ZLIB, 3.5, 8),
    Bar("cycles per jet, decode dijets", "rates", _cycles("decode"), 160, 90),
    Bar("cycles per jet, encode dijets", "rates", _cycles("encode"), 350, 180),
    Bar("seconds to fit dijets", "rates", _of_case(cases.DIJETS, "seconds_to_fit"), 3, 1),
    Bar("seconds to fit the pickle", "rates", _of_case(cases.PICKLE, "seconds_to_fit"), 1),
    Bar("encode on two threads, times one's", "rates", _threads("encode"), 1.7, at_least=True),
    Bar("decode on two threads, times one's", "rates", _threads("decode"), 1.7, at_least=True),
    Bar("read 1,000 entries, times uproot's time", "reading", _reading(SOME), 2, 1.3),
    Bar("read all entries, times uproot's time", "reading", _reading(ALL), 1, 0.5),
    Bar("seconds to compile the kernels", "reading", lambda result: result["compile_seconds"], 5),
    Bar("stored codec, bytes", "rates", _largest_codec, 12_000),
    Bar("codec and 1,000 to 10,000 jets, times pcodec's size", "rates", _of_pcodec, 1),
    Bar("cycles per jet, autoencoder encodes", "cycles", _codec_cycles("encode"), 1400, 1000),
    Bar("cycles per jet, autoencoder decodes", "cycles", _codec_cycles("decode"), 1400, 1000),
    Bar("RMSE of autoencoders, default network", "variants", _rmse("tanh"), 0.055, 0.03),
    Bar("RMSE of autoencoders, larger network", "variants", _rmse("tanh, larger"), 0.045, 0.02),
    Bar("compress 100 million jets, times 10 million's time", "scale", _growth, 10.7),
    Bar("compress 100 million jets, MB of memory", "scale", _peak, 600),
    Bar("two jobs, times one's throughput", "campaign", _two_jobs, 1.8, at_least=True),
    Bar("20 files of 10 million jets, MB of a worker", "campaign", _worker, 600),
)


def main() -> None:
    """Print the table; a bar without results is shown as not measured."""
    from rich.table import Table

    results = {
        source: json.loads((RESULTS / f"{source}.json").read_text(encoding="utf-8"))
        for source in sorted({bar.source for bar in BARS})
        if (RESULTS / f"{source}.json").exists()
    }
    printed = Table(title="Bars")
    printed.add_column("bar")
    for heading in ("must", "aim", "seen", "met"):
        printed.add_column(heading, justify="right")
    for bar in BARS:
        sign = ">=" if bar.at_least else "<="
        cells = ["-", "not measured"]
        if bar.source in results:
            seen = bar.seen(results[bar.source])
            cells = [f"{seen:,.4g}", bar.met(seen)]
        aim = "" if bar.aim is None else f"{bar.aim:,g}"
        printed.add_row(bar.name, f"{sign} {bar.must:,g}", aim, *cells)
    table_console().print(printed)


if __name__ == "__main__":
    main()
