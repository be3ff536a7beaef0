"""``python -m benchmarks.readme``: the README's tables, made anew from the saved results."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
ORIGINAL_RMSE = 0.85  # as the original study reports it for its tanh network


def variants(result: dict[str, Any]) -> str:
    """RMSE and central residuals of the five variants, beside the original's RMSE."""
    lines = [
        "| variant | RMSE | of m | of pt | of phi [rad] | of eta | seconds to train |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        width = row["half_widths"]
        lines.append(
            f"| {row['name']} | {row['rmse']:.3f} | {width['m']:.1%} | {width['pt']:.1%}"
            f" | {width['phi']:.3f} | {width['eta']:.3f} | {row['seconds']:.0f} |"
        )
    lines.append(f"| the original study | {ORIGINAL_RMSE} | | | | | |")
    return "\n".join(lines)


def cycles(result: dict[str, Any]) -> str:
    """Cycles a jet in the largest batches."""
    rows = result["rows"]
    largest = max(row["batch"] for row in rows)
    shown = [row for row in rows if row["batch"] == largest and _shown(row)]
    lines = ["| network | what | cycles a jet |", "|---|---|---|"]
    lines += [
        f"| {row['name']} | {row['path']}, {row['direction']} | {row['cycles']:,.0f} |"
        for row in shown
    ]
    low, high = result["reference"]["cycles"]
    lines.append(
        f"| {result['reference']['name']}, as its authors measured it | there and back"
        f" | {low:,} to {high:,} |"
    )
    facts = result["machine"]
    source = f"{facts['source_description']}; {facts['processor']}, numpy {facts['numpy']}"
    return "\n".join([*lines, "", f"Batches of {largest:,} jets, one thread; {source}."])


def _shown(row: dict[str, Any]) -> bool:
    return row["path"] == "codec" or (row["direction"] == "there and back" and "27" in row["name"])


def rates(result: dict[str, Any]) -> str:
    """Bits a jet of the bounded codec and its peers, the bars and what became of them."""
    rows, bars = result["rows"], result["bars"]
    speeds = [row["speed"] for row in rows]
    lines = [
        _cells("bits a jet", *(row["name"] for row in rows)),
        "|---|" + len(rows) * "---|",
        _cells("**atlasae**", *(f"**{row['bits']:.2f}**" for row in rows)),
        *(
            _cells(of_tool[0]["name"], *(_rate(rate) for rate in of_tool))
            for of_tool in zip(*(row["peers"] for row in rows), strict=True)
        ),
        _cells("bar for atlasae", *(f"{row['bar']}, {_verdict(row)}" for row in rows)),
        _cells("stored codec, bytes", *(f"{row['codec_bytes']:,}" for row in rows)),
        _cells("encoding, times lzma's speed", *(f"{s['encode_ratio']:.1f}" for s in speeds)),
        _cells("decoding, times lzma's speed", *(f"{s['decode_ratio']:.2f}" for s in speeds)),
    ]
    broken = [row["name"] for row in rows if not row["bound_kept"]]
    bound = f"the bound is BROKEN in {', '.join(broken)}" if broken else "every bound is kept"
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    notes = [f"{row['name']}: {row['note']}." for row in rows if row["note"]]
    summary = (
        f"Real bytes of jets never trained on, at most {max(row['distance'] for row in rows):.2%}"
        f" above the model's cross-entropy (bar {bars['distance']:.1%}); {bound}. Speeds on one"
        f" thread, beside Python's lzma at preset 9; bars {bars['encode']:g} and"
        f" {bars['decode']:g}. {result['machine']['processor']}; {versions}."
    )
    notes += [
        f"{row['name']}, order free: {row['bits']:.2f} bits a jet, {row['saved']:.2f} saved for"
        f" each of {row['orders_of']:,} {'events' if row['bar_saved'] else 'jets'} of"
        f" {row['there_is']:.2f} that their orders are worth."
        for row in result["orders"]
    ]
    ratios = [row["sum"] / row["pcodec_bytes"] for row in result["small"] if row["pcodec_bytes"]]
    notes.append(
        f"Of 1,000 to 10,000 jets, codec and jets together take {min(ratios):.2f} to"
        f" {max(ratios):.2f} of what pcodec takes."
    )
    return "\n".join([*lines, "", " ".join([summary, *notes])])


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _rate(rate: dict[str, Any]) -> str:
    return "not measured" if rate["bits"] is None else f"{rate['bits']:.1f}"


def _verdict(row: dict[str, Any]) -> str:
    return f"{'met' if row['met'] else 'missed'} by {abs(row['bits'] - row['bar']):.2f}"


TABLES = {"variants": variants, "cycles": cycles, "rates": rates}


def main() -> None:
    """Fill every table of the README whose results have been saved."""
    path = ROOT / "README.md"
    text = path.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        parts = marked.split(text)
        if len(parts) != 4:  # before, both marks, after
            raise SystemExit(f"README.md has not one place for the table {name!r}")
        text = parts[0] + parts[1] + table(result) + "\n" + parts[2] + parts[3]
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
