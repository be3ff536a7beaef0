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


TABLES = {"variants": variants, "cycles": cycles}


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
