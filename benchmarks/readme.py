"""``python -m benchmarks.readme``: make the tables and figures of README and docs from results."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import (
    anchors_table,
    autoencoder_bound_table,
    autoencoder_tables,
    cases,
    data_quality,
    figure,
)
from benchmarks.output import RESULTS
from benchmarks.speed import ATLASAE

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]


def whole_files(result: dict[str, Any]) -> str:
    """Whole files: bytes of the source, and what they become."""
    settings = list(result["rows"][0]["bytes"])
    lines = [
        _cells("file", "events", "kB", *settings),
        "|---|" + (2 + len(settings)) * "---|",
        *(
            _cells(
                row["name"],
                f"{max(row['entries'].values()):,}",
                f"{row['source_bytes'] / 1e3:,.0f}",
                *(f"**{row['bytes'][name] / row['source_bytes']:.3f}**" for name in settings),
            )
            for row in result["rows"]
        ),
    ]
    return "\n".join(lines)


def kinds(result: dict[str, Any]) -> str:
    """Bytes by kind of column: before, each column alone, and learned from the others."""
    lines = [
        _cells("file", "columns", "number", "kB before", "alone", "learned", "of alone"),
        "|---|---|" + 5 * "---|",
    ]
    for row in result["rows"]:
        for group in row["kinds"]:
            if group["columns"]:
                sizes = [
                    f"{group[key] / 1e3:,.1f}" if group[key] else ""
                    for key in ("before", "alone", "learned")
                ]
                of_alone = f"{group['learned'] / group['alone']:.2f}" if group["alone"] else ""
                number = f"{group['columns']:,}"
                lines.append(_cells(row["name"], group["name"], number, *sizes, of_alone))
    return "\n".join([*lines, "", *(f"- {note}" for note in _whole_file_notes(result))])


def _whole_file_notes(result: dict[str, Any]) -> list[str]:
    speed = result["speed"]
    seconds = {name: f"{value:.1f} s" for name, value in speed["seconds"].items()}
    memory = ", ".join(
        f"{(row['peak'] - row['before']) / 1e6:,.0f} MB for {row['source_bytes'] / 1e6:,.0f} MB"
        for row in speed["memory"]
    )
    return [
        (
            f"The generated file holds {speed['raw_bytes'] / 1e6:,.0f} MB of values. On one core atlasae"
            f" packs them in {seconds['atlasae packs']} and reads them in {seconds['atlasae reads']};"
            f" zlib-6 takes {seconds['zlib packs']} and {seconds['zlib reads']}."
        ),
        (
            f"Restored as a TTree in {seconds['atlasae restores']}; uproot writes the same arrays in"
            f" {seconds['uproot writes']}."
        ),
        f"Memory to compress, over that after the import: {memory}.",
    ]


def scale(result: dict[str, Any]) -> str:
    """Time, memory and bytes by number of jets, and what they come to for a thousand million."""
    lines = [
        _cells("jets", "seconds", "MB of memory", "core hours per 10^9 jets", "GB per 10^9 jets"),
        "|---|" + 4 * "---|",
        *(
            _cells(
                f"{row['jets']:,}",
                f"{row['seconds']:.1f}",
                f"{row['peak_bytes'] / 1e6:,.0f}",
                f"{row['core_seconds'] / row['jets'] * 1e9 / 3600:.2f}",
                f"{row['target_bytes'] / row['jets']:.2f} (source {row['source_bytes'] / row['jets']:.2f})",
            )
            for row in result["rows"]
        ),
    ]
    return "\n".join(lines)


def campaign(result: dict[str, Any]) -> str:
    """What the files of a small campaign took."""
    lines = [
        _cells("compress by", "seconds", "million jets a second", "MB of a worker"),
        "|---|---|---|---|",
        *(
            _cells(
                run["name"],
                f"{run['seconds']:.0f}",
                f"{result['jets'] / run['seconds'] / 1e6:.2f}",
                f"{run['memory'] / 1e6:,.0f}",
            )
            for run in result["runs"]
        ),
    ]
    run, seconds = result["runs"][0], result["seconds"]
    counts = ", ".join(f"{n} {status}" for status, n in result["resumed"]["counts"].items())
    return "\n".join(
        [
            *lines,
            "",
            (
                f"- {result['files']} files, {result['jets'] / 1e6:.1f} million jets:"
                f" {run['source_bytes'] / 1e6:,.0f} MB become {run['target_bytes'] / 1e6:,.0f}."
                f" Codecs were learned before, in {seconds['fit']:.0f} s."
            ),
            (
                f"- Checked against their sources by two jobs in {seconds['check']:.0f} s, merged in"
                f" {seconds['merge']:.0f} s, all jets read in {seconds['read']:.0f} s."
            ),
            f"- Killed and resumed: {counts}; {_bytes_agree(result)}.",
        ]
    )


def _bytes_agree(result: dict[str, Any]) -> str:
    found = {result["resumed"]["digest"], *(run["digest"] for run in result["runs"])}
    return "all ways write the same bytes" if len(found) == 1 else "the bytes DIFFER"


def cycles(result: dict[str, Any]) -> str:
    """Cycles per jet in the largest batches."""
    rows = result["rows"]
    largest = max(row["batch"] for row in rows)
    shown = [row for row in rows if row["batch"] == largest and _shown(row)]
    lines = ["| network | what | cycles per jet |", "|---|---|---|"]
    lines += [
        f"| {row['name']} | {row['path']}, {row['direction']} | {row['cycles']:,.0f} |"
        for row in shown
    ]
    low, high = result["reference"]["cycles"]
    lines.append(
        f"| {result['reference']['name']}, as its authors measured it | round trip"
        f" | {low:,} to {high:,} |"
    )
    facts = result["machine"]
    source = f"{facts['source_description']}; {facts['processor']}, numpy {facts['numpy']}"
    return "\n".join([*lines, "", f"Batches of {largest:,} jets, one thread; {source}."])


def _shown(row: dict[str, Any]) -> bool:
    return row["path"] in ("codec", "multiplications") or (
        row["direction"] == "round trip" and "27" in row["name"]
    )


def rates(result: dict[str, Any]) -> str:
    """Bits per jet of the bounded codec and of other tools."""
    rows = result["rows"]
    lines = [
        _cells("bits per jet", *(row["name"] for row in rows)),
        "|---|" + len(rows) * "---|",
        _cells("**atlasae**", *(f"**{row['bits']:.2f}**" for row in rows)),
        *(
            _cells(rates_of_tool[0]["name"], *map(_rate, rates_of_tool))
            for rates_of_tool in zip(*(row["peers"] for row in rows), strict=True)
        ),
    ]
    return "\n".join(lines)


def speeds(result: dict[str, Any]) -> str:
    """Megabytes of float32 per second of all tools, then notes on the measurement."""
    rows = result["rows"]
    timed = [row for row in rows if row["speed"]]
    columns = [(row, direction) for row in timed for direction in ("encode", "decode")]
    lines = [
        _cells("MB/s", *(f"{row['name']}: {direction}" for row, direction in columns)),
        "|---|" + len(columns) * "---|",
        *(
            _cells(
                f"**{name}**" if name == ATLASAE else name,
                *(_speed(row["speed"]["tools"][name][direction]) for row, direction in columns),
            )
            for name in timed[0]["speed"]["tools"]
        ),
        "",
    ]
    broken = [row["name"] for row in rows if not row["bound_kept"]]
    bound = f"the tolerance is BROKEN in {', '.join(broken)}" if broken else "all are within it"
    sizes = [row["codec_bytes"] for row in rows]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    excess = max(row["excess"] for row in rows)
    counts = max(
        row["count_bits_per_event"] * row["events"] / row["jets"] for row in rows if row["events"]
    )
    ratios = [
        row["sum"] / row["pcodec_bytes"] for row in result["small_samples"] if row["pcodec_bytes"]
    ]
    notes = [
        (
            "The bits per jet of the first table leave out the number of jets per event, for every"
            f' tool; those with `order="free"` include it. In the dijets it takes {counts:.2f} bits'
            " per jet."
        ),
        (
            "Payloads, checksums and jet counts of held-out jets are together at most"
            f" {excess:.2%} above the cross-entropy."
        ),
        f"All values were compared with their tolerance: {bound}.",
        (
            f"A stored codec takes {min(sizes):,} to {max(sizes):,} bytes. Fitting took"
            f" {max(row['seconds_to_fit'] for row in rows):.1f} s at most."
        ),
        *(
            f"{row['name']}: {row['speed']['cycles']['encode']:,.0f} cycles per jet to encode,"
            f" {row['speed']['cycles']['decode']:,.0f} to decode; two threads encode"
            f" {row['speed']['two_threads']['encode']:.2f} times as fast as one, and decode"
            f" {row['speed']['two_threads']['decode']:.2f} times."
            for row in timed
        ),
        f"1,000 to 10,000 jets with codec: {min(ratios):.2f} to {max(ratios):.2f} of pcodec's size.",
        *(
            f'With `order="free"`, {row["name"]}: {row["bits"]:.2f} bits per jet,'
            f" {row['saved']:.2f} bits saved per {row['unit']} of at"
            f" most {row['order_bits']:.2f}."
            for row in result["free_order"]
        ),
        f"{result['machine']['processor']}; {versions}.",
    ]
    return "\n".join([*lines, *(f"- {note}" for note in notes)])


def promises(result: dict[str, Any]) -> str:
    """What promises beside the tolerance cost, in bits and time."""
    first = "the tolerance alone"
    lines = [
        _cells("jets, tolerance", "promised as well", "bits per value", "to encode", "to decode"),
        "|---|---|" + 3 * "---|",
    ]
    for row in result["rows"]:
        for name, bits in row["bits"].items():
            timed, ratios = row["nanoseconds"], ["", ""]
            if timed is not None and name != first:
                ratios = [f"{timed[name][way] / timed[first][way]:.2f}" for way in timed[first]]
            shown = f"{bits:.3f}" if name == first else f"{bits - row['bits'][first]:+.4f}"
            title = "nothing" if name == first else name
            lines.append(_cells(row["name"] if name == first else "", title, shown, *ratios))
    means = max(abs(m) for row in result["rows"] for m in row["mean_error"]["dither"].values())
    notes = [
        "Each row of the dijets has what the rows above it have.",
        (
            f"The mean error with dither is off by at most {means:.1f} of its standard deviations,"
            f" in {4 * len(result['rows'])} columns."
        ),
        f"Times are ratios of processor time on one thread; {result['machine']['processor']}.",
    ]
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)])


def kept(result: dict[str, Any]) -> str:
    """What ten million jets keep, with the tolerance alone and with cuts, order and dither."""
    many = result["many"]
    names = [name for name in many if name not in ("jets", "events")]
    lines = [_cells(f"of {many['jets']:,} jets", *_TITLES), "|---|" + 2 * "---|"]
    for key in many[names[0]]:
        values = [many[name][key] for name in names]
        shown = [f"{v:.2%}" if isinstance(v, float) else f"{v:,}" for v in values]
        lines.append(_cells(key, *shown))
    return "\n".join(lines)


def quantities(result: dict[str, Any]) -> str:
    """What it costs to keep quantities of events: bits, events with exact values, time."""
    plain, *rows = result["rows"]
    lines = [
        _cells("kept", "events with exact values", "bits per jet", "time to encode", "to decode"),
        "|---|" + 4 * "---|",
        *(
            _cells(
                f"`{row['keep']}`",
                f"{row['exact_events'] / result['events']:.2%}",
                f"{row['bits'] - plain['bits']:+.2f}",
                *(
                    f"{row['nanoseconds'][way] / plain['nanoseconds'][way]:.1f} times"
                    for way in ("encode", "decode")
                ),
            )
            for row in rows
        ),
    ]
    notes = [
        (
            f"{result['events']:,} events of the dijets, {result['jets']:,} jets, at a tolerance of 1e-3:"
            f" {plain['bits']:.2f} bits per jet where no quantity is kept."
        ),
        f"Processor time on one thread; {result['machine']['processor']}.",
    ]
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)])


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _rate(rate: dict[str, Any]) -> str:
    return "not measured" if rate["bits"] is None else f"{rate['bits']:.1f}"


def _speed(megabytes: float) -> str:
    return f"{megabytes:,.0f}" if megabytes >= 100 else f"{megabytes:.1f}"


TABLES: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "whole files": ("whole_files", whole_files),
    "kinds": ("whole_files", kinds),
    "scale": ("scale", scale),
    "campaign": ("campaign", campaign),
    "rates": ("rates", rates),
    "speeds": ("rates", speeds),
    "promises": ("promises", promises),
    "kept": ("promises", kept),
    "quantities": ("quantities", quantities),
    "anchors": ("anchors", anchors_table.kept),
    "anchor sizes": ("anchors", anchors_table.sizes_and_speeds),
    "data quality": ("data_quality", data_quality.table),
    "variants": ("variants", autoencoder_tables.variants),
    "autoencoders": ("variants", autoencoder_tables.in_short),
    "autoencoder events": ("autoencoder_events", autoencoder_tables.events),
    "autoencoder bound": ("autoencoder_bound", autoencoder_bound_table.table),
    "original": ("original", autoencoder_tables.original),
    "precision": ("precision", autoencoder_tables.precision),
    "cycles": ("cycles", cycles),
}
_TITLES = ("tolerance alone", "with dither, order and cuts")
DOCUMENTS = {
    "README.md": ("whole files", "rates", "autoencoders"),
    "docs/benchmarks.md": tuple(
        name for name in TABLES if name not in ("autoencoders", "data quality")
    ),
    "docs/how-to/campaign.md": ("scale",),
    "docs/how-to/data-quality.md": ("data quality",),
}


def filled(text: str, name: str) -> str:
    """A document with one of its tables filled from the results."""
    results, table = TABLES[name]
    result = json.loads((RESULTS / f"{results}.json").read_text(encoding="utf-8"))
    marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    parts = marked.split(text)
    if len(parts) != 4:  # before, both marks, after
        raise SystemExit(f"the document has not exactly one place for the table {name!r}")
    return parts[0] + parts[1] + "\n" + table(result) + "\n\n" + parts[2] + parts[3]


def main() -> None:
    """Fill every table of the documents, and draw the figures."""
    rates_of_tools = json.loads((RESULTS / "rates.json").read_text(encoding="utf-8"))
    dijets = next(row for row in rates_of_tools["rows"] if row["name"] == cases.DIJETS)
    figure.draw(dijets, ROOT / "docs" / "rate_speed.svg")
    comb = json.loads((RESULTS / "promises.json").read_text(encoding="utf-8"))["spectrum"]
    figure.draw_comb(comb, ROOT / "docs" / "dither.svg")
    for document, names in DOCUMENTS.items():
        path = ROOT / document
        text = path.read_text(encoding="utf-8")
        for name in names:
            text = filled(text, name)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
