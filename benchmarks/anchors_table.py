"""Tables of what compressors keep of the jets, and of what it costs."""

from __future__ import annotations

from itertools import product
from typing import Any

from benchmarks.anchors import ATLASAE, DIRECTIONS

_COUNTS = {
    "across_cut": "jets across pt > 30",
    "across_edges": "in another bin",
    "pairs": "leading pairs",
    "distinct": "distinct pt",
}


def kept(result: dict[str, Any]) -> str:
    """What became of pt, by tool and promise."""
    lines = [_head("largest error", *_COUNTS.values(), "1 GeV bins", "mean error")]
    for row in result["rows"]:
        figures = ["not measured"]
        if "note" not in row:
            counts = (f"{row[key]:,}" for key in _COUNTS)
            shifts = f"{row['fine_bins']:.1%}", f"{row['mean_error']:+.3f}"
            figures = [f"{row['worst']:.4f}", *counts, *shifts]
        lines.append(_line(row, figures, 3 + len(_COUNTS)))
    return "\n".join(lines)


def sizes_and_speeds(result: dict[str, Any]) -> str:
    """Bytes per jet, and speed over that of zlib-6, of pt alone and of all four features."""
    columns = list(product(("pt", "all"), DIRECTIONS))
    ways = (f"{way}, {what}" for what, way in columns)
    lines = [_head("bytes per jet, pt", "bytes per jet, all", *ways)]
    for row in result["rows"]:
        figures = ["not measured"]
        if "note" not in row:
            sizes = (f"{size / result['jets']:.3f}" for size in row["bytes"].values())
            speeds = (
                _ratio(row["speed"][what][way] / result["zlib-6"][what][way])
                for what, way in columns
            )
            figures = [*sizes, *speeds]
        lines.append(_line(row, figures, 2 + len(columns)))
    return "\n".join([*lines, "", *(f"- {note}" for note in _notes(result))])


def _head(*names: str) -> str:
    columns = ["tool", "promised", *names]
    return f"| {' | '.join(columns)} |\n|---|{(len(columns) - 1) * '---|'}"


def _line(row: dict[str, Any], figures: list[str], number: int) -> str:
    tool = f"**{row['tool']}**" if row["tool"] == ATLASAE else row["tool"]
    empty = [""] * (number - len(figures))
    return f"| {' | '.join([tool, row['promise'], *figures, *empty])} |"


def _ratio(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}" if ratio >= 1 else f"{ratio:.2f}"


def _notes(result: dict[str, Any]) -> list[str]:
    rows = [row for row in result["rows"] if "note" not in row]
    broken = [row["tool"] for row in rows if row["worst"] > 1]
    speeds = ", ".join(
        f"{result['zlib-6'][what][way]:,.0f} MB/s to {way} {what}"
        for what, way in product(("pt", "all"), DIRECTIONS)
    )
    settings = (
        f"{row['tool']}: {_settings(row['settings'])}."
        for row in {row["tool"]: row for row in rows}.values()
        if row["settings"]
    )
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return [
        f"{result['jets']:,} jets; {result['timed_jets']:,} are timed.",
        "All values of all tools are within the tolerance."
        if not broken
        else f"The tolerance is BROKEN by {', '.join(broken)}.",
        f"zlib-6: {speeds}.",
        *settings,
        *(f"{row['tool']}: {row['note']}." for row in result["rows"] if "note" in row),
        f"{result['machine']['processor']}; {versions}.",
    ]


def _settings(by_feature: dict[str, str]) -> str:
    """The settings of all features, named where they differ."""
    texts = list(dict.fromkeys(by_feature.values()))
    if len(texts) == 1:
        return texts[0]
    names = {text: [n for n, of in by_feature.items() if of == text] for text in texts}
    return "; ".join(f"{text} ({', '.join(of)})" for text, of in names.items())
